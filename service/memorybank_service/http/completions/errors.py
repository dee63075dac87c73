"""Errors as OpenAI's clients read them: `{"error": {"message", "type", "param", "code"}}`."""

import math
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from memorybank_service.http.problems import Problem
from memorybank_service.llm.errors import (
    BudgetSpentError,
    NotConfiguredError,
    ProviderError,
    ProviderTimeoutError,
    RateLimitedError,
    RequestRefusedError,
)
from memorybank_service.store import StoreError, StoreFullError
from memorybank_service.tenant import NotReadyError

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "invalid_request_error",
    422: "invalid_request_error",
    429: "rate_limit_error",
}


class OpenAiRoute(APIRoute):
    """A route whose errors are in OpenAI's form, those that come before its function too."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except (HTTPException, RequestValidationError, NotReadyError, ProviderError, StoreError) as error:
                return _response(error)

        return handled


def _response(error: Exception) -> Response:
    status, message, code, param, wait = 503, "The memories cannot be used at present.", "store_failed", None, None
    headers: dict[str, str] = {}
    match error:
        case Problem():
            status, message, code = error.status_code, str(error.detail), error.name.replace("-", "_")
            headers = dict(error.headers or {})
        case HTTPException():
            status, message, code = error.status_code, "The body cannot be read.", "malformed_request"
        case RequestValidationError():
            first = error.errors()[0]
            param = ".".join(str(part) for part in first["loc"] if part != "body") or None
            status, message, code = 400, f"{param or 'body'}: {first['msg']}.", "invalid_request"
        case ProviderError():
            status, code = status_of(error)
            message, wait = str(error), error.retry_after
        case NotReadyError():
            message, code, wait = "The memories are not open yet; try again in a moment.", "not_ready", 1.0
        case StoreFullError():
            status, message, code = 507, f"{error}.", "volume_full"
    if wait is not None:
        headers["Retry-After"] = str(max(1, math.ceil(wait)))
    return JSONResponse(error_json(status, message, code, param), status, headers)


def status_of(error: ProviderError) -> tuple[int, str]:
    match error:
        case NotConfiguredError():
            return 503, "no_language_model"
        case RateLimitedError():
            return 429, "provider_rate_limit"
        case BudgetSpentError():
            return 429, "daily_budget_spent"
        case RequestRefusedError():
            return 400, "provider_refused"
        case ProviderTimeoutError():
            return 504, "provider_timeout"
        case _:
            return 502, "provider_failed"


def error_json(status: int, message: str, code: str | None, param: str | None = None) -> dict[str, Any]:
    kind = _TYPES.get(status, "api_error")
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def error_of_stream(error: ProviderError) -> dict[str, Any]:
    """In the middle of one, whose status is sent already."""
    status, code = status_of(error)
    return error_json(status, str(error), code)
