"""What an API server answers, told from what only looks like it.

Errors:

    ApiError                 an answer with a failure; `.status`, `.reason`, `.message`, `.retry_after`
      NotFound               404
      Conflict               409
      Refused                400, 403, 422: the request will not succeed by repeating it
        NamespaceTerminating 403: nothing can be created where everything is being deleted
      Unreadable             whatever the status, this is no answer of an API server

Connection failures are those of `wire` (all OSError, with TimeoutError among them).

Only an API server's own word counts: the 404 of a load balancer that has nobody to ask says nothing about an object.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from memorybank_operator.line import Answer

Manifest = dict[str, Any]
Read = TypeVar("Read")

LONGEST_MESSAGE = 1000


_decode = msgspec.json.Decoder().decode


class ApiError(Exception):
    """The API server answered with a failure."""

    def __init__(self, status: int, reason: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.retry_after = retry_after
        """Seconds that the API server wants to be left alone for."""


class NotFound(ApiError):  # noqa: N818 (read as what was answered)
    """The object, or its kind, is not there."""


class Conflict(ApiError):  # noqa: N818 (read as what was answered)
    """It is there already, has changed meanwhile, or a field belongs to another manager."""


class Refused(ApiError):  # noqa: N818 (read as what was answered)
    """The API server will not have it: not valid, not allowed, over a quota."""


class NamespaceTerminating(Refused):
    """The namespace is being deleted."""


class Unreadable(ApiError):  # noqa: N818 (read as what was answered)
    """Half an answer, or that of something that stands before the API server."""


def legible(content: bytes, decode: Callable[[bytes], Read]) -> Read:
    """What was answered, as whatever it is read as."""
    try:
        return decode(content)
    except msgspec.DecodeError as error:
        raise Unreadable(200, "Unreadable", f"the answer cannot be read: {error}") from error


def read(content: bytes, *fields: str) -> Manifest:
    """A JSON object that has these fields, as all have that an API server answers."""
    found: Manifest = legible(content, _decode)
    if not isinstance(found, dict) or not found.keys() >= set(fields):
        raise Unreadable(200, "Unreadable", "the answer is not one of an API server")
    return found


def error_of(answer: Answer) -> ApiError:
    status, content = answer.status, answer.content
    retry_after = _seconds(answer.headers.get(b"retry-after", b""))
    try:
        told = read(content, "kind")
    except Unreadable:
        shown = " ".join(content[:LONGEST_MESSAGE].decode(errors="replace").split())
        message = f"{status} from something that is no API server: {shown or 'an empty answer'}"
        return Unreadable(status, "Unreadable", message, retry_after)
    message = str(told.get("message") or f"the API server answered {status}")
    reason = str(told.get("reason") or "")
    causes = (told.get("details") or {}).get("causes") or []
    kind: type[ApiError] = ApiError
    match status:
        case 404:
            kind = NotFound
        case 409:
            kind = Conflict
        case 403 if any(cause.get("reason") == "NamespaceTerminating" for cause in causes):
            kind = NamespaceTerminating
        case 400 | 403 | 422:
            kind = Refused
    return kind(status, reason, message, retry_after)


def _seconds(retry_after: bytes) -> float | None:
    """API servers name seconds, never a date."""
    return float(retry_after) if retry_after.isdigit() else None


Transient = (OSError, ApiError)
"""What a later attempt may cure."""


def why(error: BaseException) -> str:
    """What to log of an error; those of a time that has run out have no text."""
    return str(error) or "no answer in time"
