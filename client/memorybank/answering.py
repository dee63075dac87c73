"""What an answer says: JSON, or the error that stands for a refusal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from memorybank.call import Answer
from memorybank.errors import (
    ApiError,
    AuthenticationError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    StorageFullError,
    UnavailableError,
    UnexpectedAnswerError,
)

_BY_STATUS: Mapping[int, type[ApiError]] = {
    400: InvalidRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    413: InvalidRequestError,
    415: InvalidRequestError,
    422: InvalidRequestError,
    429: RateLimitedError,
    502: UnavailableError,
    503: UnavailableError,
    504: UnavailableError,
    507: StorageFullError,
}


def is_success(answer: Answer) -> bool:
    return 200 <= answer.status < 300


def document(answer: Answer) -> Any:
    """The JSON of a successful answer; raises UnexpectedAnswerError for whatever else was sent."""
    found = _json(answer)
    if not isinstance(found, dict | list):
        raise unexpected(answer, "but nothing that a tenant says")
    return found


def refusal(answer: Answer) -> ApiError:
    """The error that stands for an answer that is no success."""
    found = _json(answer)
    problem = found if isinstance(found, dict) else {}
    kind = problem.get("type")
    errors = problem.get("errors")
    return _BY_STATUS.get(answer.status, ApiError if answer.status >= 400 else UnexpectedAnswerError)(
        answer.status,
        _sentence(answer, problem),
        type=kind if isinstance(kind, str) else None,
        errors=[entry for entry in errors if isinstance(entry, dict)] if isinstance(errors, list) else (),
        retry_after=retry_after(answer.headers, datetime.now(UTC)),
    )


def unexpected(answer: Answer, problem: str) -> UnexpectedAnswerError:
    return UnexpectedAnswerError(answer.status, f"{_named(answer)}, {problem}")


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds from now, at least 0. A date counts from the answer's own date, where the clocks differ."""
    said = headers.get("retry-after", "").strip()
    if said.isascii() and said.isdigit():
        return float(said)
    until = _date(said)
    return None if until is None else max(0.0, (until - (_date(headers.get("date", "")) or now)).total_seconds())


def _date(text: str) -> datetime | None:
    from email.utils import parsedate_to_datetime  # is seldom needed, and a third of the package's import

    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _sentence(answer: Answer, problem: Mapping[str, Any]) -> str:
    """The words with which the service refused; for a proxy's answer, which has none, the status's name."""
    if isinstance(problem.get("detail"), str):
        return str(problem["detail"])
    if 300 <= answer.status < 400 and "location" in answer.headers:
        return f"{_named(answer)} and points to {answer.headers['location']}; give the client the address itself"
    return _named(answer)


def _named(answer: Answer) -> str:
    return f"{answer.url} answered {answer.status} {answer.reason}".rstrip()


def _json(answer: Answer) -> Any:
    """None for a page of whatever else stands at the address."""
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
