"""Errors as RFC 9457 has them: a stable type, a title, and a sentence about this case.

Every type is `urn:memorybank:problem:NAME`. On the legacy paths they travel as application/json, which is what
clients of those parse.
"""

import http
import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from memorybank_service.http.methods import Methods
from memorybank_service.http.problem_types import PREFIX
from memorybank_service.llm.errors import BudgetSpentError, ProviderError, RateLimitedError
from memorybank_service.store import ConflictError, StoreError, StoreFullError
from memorybank_service.store.filters import FilterError
from memorybank_service.tenant import NotReadyError

log = logging.getLogger(__name__)
LEGACY_PATHS = frozenset(
    {
        "/store_memory",
        "/retrieve_memory",
        "/forget_memory",
        "/memory_stats",
        "/scheduler_status",
        "/run_forgetting_curve",
        "/chat",
        "/health",
    }
)
MEM0_PATHS = ("/v1/ping", "/v1/batch", "/v1/entities", "/v2/", "/v3/", "/api/v1/")
_SHOWN = 80  # characters of a refused value
_MOST_ERRORS = 20
_UNNAMED = frozenset({"body", "query", "path"})  # where a field was given goes without saying
_MESSAGES = {"extra_forbidden": "is not a field of this request"}
_NAMES = {404: "not-found", 405: "method-not-allowed", 400: "malformed-request"}


def speaks_plain_json(path: str) -> bool:
    """Whether the clients of this path parse errors only if they come as application/json.

    mem0's client does so, and is known by its paths, or by the slash at the end of those that are ours too.
    """
    is_mem0s = path.startswith(MEM0_PATHS) or (path.startswith("/v1/memories/") and path.endswith("/"))
    return path in LEGACY_PATHS or is_mem0s


class Problem(HTTPException):
    """Raised anywhere in a request; an HTTPException, so that FastAPI lets it through from where it reads the body."""

    def __init__(
        self,
        status: int,
        name: str,
        detail: str,
        errors: Sequence[Mapping[str, object]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, detail, dict(headers or {}))
        self.name, self.errors = name, errors


def problem_response(path: str, problem: Problem) -> JSONResponse:
    body = {
        "type": PREFIX + problem.name,
        "title": http.HTTPStatus(problem.status_code).phrase,
        "status": problem.status_code,
        "detail": problem.detail,
        "errors": list(problem.errors),
    }
    media_type = "application/json" if speaks_plain_json(path) else "application/problem+json"
    return JSONResponse(body, problem.status_code, problem.headers, media_type)


def require_json(request: Request) -> None:
    """For routes that read their body themselves. Raises Problem 415."""
    announced = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if announced != "application/json" and not (announced.startswith("application/") and announced.endswith("+json")):
        raise _not_json()


def not_found(what: str, identity: str) -> Problem:
    return Problem(404, "not-found", f"There is no {what} {_sendable(identity)!r}.")


def field_errors(errors: Sequence[Any]) -> list[tuple[str, str]]:
    """Which field each is about and what is wrong with it, without what was sent."""
    described = [_describe(error) for error in errors[:_MOST_ERRORS]]
    return [(str(one["field"]), str(one["message"])) for one in described]


def alternative(name: str) -> str:
    """The tag of one of a body's forms, which is left out where a field is named."""
    return f"<{name}>"


def register(app: FastAPI) -> None:
    """Every error of the application answers in this one form. Once it has all of its routes."""
    methods = Methods(app)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        if not isinstance(error, Problem):
            name = _NAMES.get(error.status_code, "refused")
            headers = {"Allow": methods.of(request.scope["path"])} if error.status_code == 405 else error.headers
            error = Problem(error.status_code, name, _sentence(request, error), headers=headers)
        return problem_response(_as_sent(request), error)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return problem_response(_as_sent(request), _invalid(error.errors()))

    @app.exception_handler(ClientDisconnect)
    async def gone(request: Request, error: ClientDisconnect) -> Response:
        """Nobody is there to read it; the metrics have it."""
        del error
        return problem_response(_as_sent(request), Problem(400, "malformed-request", "The body broke off."))

    @app.exception_handler(NotReadyError)
    async def not_ready(request: Request, error: NotReadyError) -> Response:
        detail = "The memories are not open yet; try again in a moment."
        return problem_response(_as_sent(request), Problem(503, "not-ready", detail, headers={"Retry-After": "1"}))

    @app.exception_handler(ProviderError)
    async def unanswered(request: Request, error: ProviderError) -> Response:
        limited = isinstance(error, RateLimitedError | BudgetSpentError)
        status, name = (429, "model-limit") if limited else (503, "model-unavailable")
        wait = {} if error.retry_after is None else {"Retry-After": str(max(1, math.ceil(error.retry_after)))}
        return problem_response(request.url.path, Problem(status, name, f"{error}.", headers=wait))

    @app.exception_handler(ConflictError)
    async def conflicting(request: Request, error: ConflictError) -> Response:
        return problem_response(_as_sent(request), Problem(409, "conflict", _capital(str(error))))

    @app.exception_handler(FilterError)
    async def unanswerable(request: Request, error: FilterError) -> Response:
        described = {"field": "filters", "message": str(error)}
        return problem_response(_as_sent(request), Problem(422, "invalid-request", _capital(str(error)), [described]))

    @app.exception_handler(StoreFullError)
    async def full(request: Request, error: StoreFullError) -> Response:
        return problem_response(_as_sent(request), Problem(507, "volume-full", _capital(str(error))))

    @app.exception_handler(StoreError)
    async def store_failed(request: Request, error: StoreError) -> Response:
        route = request.app.state.routes.path(request.scope)  # the path itself may name somebody
        log.error("a request failed in the store", extra={"route": route, "error": str(error)})
        return problem_response(_as_sent(request), Problem(503, "store-failed", _capital(str(error))))

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> Response:
        return problem_response(_as_sent(request), Problem(500, "internal", "The service failed; its log says how."))


def _as_sent(request: Request) -> str:
    """With a slash at its end where there was one."""
    raw: bytes = request.scope["raw_path"]
    return raw.decode("latin-1")


def _sentence(request: Request, error: HTTPException) -> str:
    if error.status_code == 404:
        return f"There is nothing at {request.url.path}."
    if error.status_code == 405:
        return f"{request.url.path} does not take {request.method}."
    return _capital(str(error.detail))


def _invalid(errors: Sequence[Any]) -> Problem:
    if any(error["type"] == "json_invalid" for error in errors):
        return Problem(400, "malformed-request", "The body is not valid JSON.")
    if any(error["loc"] == ("body",) and isinstance(error.get("input"), bytes) for error in errors):
        return _not_json()
    listed = [_describe(error) for error in errors[:_MOST_ERRORS]]
    first = listed[0]
    return Problem(422, "invalid-request", f"{first['field']}: {first['message']}.", listed)


def _not_json() -> Problem:
    return Problem(415, "not-json", "The body must be JSON, announced by `Content-Type: application/json`.")


def _describe(error: Mapping[str, Any]) -> dict[str, object]:
    loc = error["loc"][1:] if error["loc"][0] in _UNNAMED else error["loc"]
    place = [str(part)[:_SHOWN] for part in loc if not _is_alternative(part)]
    described: dict[str, object] = {
        "field": _sendable(".".join(place)) or "body",
        "message": _MESSAGES.get(error["type"]) or _sendable(str(error["msg"]).removeprefix("Value error, ")),
    }
    value = error.get("input")
    is_huge = isinstance(value, int) and abs(value) >= 1 << 63
    if error["type"] != "missing" and isinstance(value, str | int | float) and not is_huge:
        described["value"] = _sendable(value[:_SHOWN]) if isinstance(value, str) else value
    if isinstance(value, float) and not math.isfinite(value):
        described["value"] = str(value)  # Python reads NaN and 1e999 from a body, and JSON has no way to say them
    return described


def _is_alternative(part: object) -> bool:
    return isinstance(part, str) and part == alternative(part[1:-1])


def _sendable(text: str) -> str:
    """Half a surrogate pair cannot be sent back as it came."""
    return text.encode(errors="replace").decode()


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:].rstrip(".") + "."
