"""What can go wrong between a client and a tenant.

MemoryBankError
  ConnectionFailedError      no answer: wrong address, tenant down, timeout
  ApiError                   an answer that refuses; `.status`, `.detail`
    InvalidRequestError      400, 413, 422
    AuthenticationError      401, 403
    NotFoundError            404
    RateLimitedError         429; `.retry_after` in seconds
"""

from __future__ import annotations


class MemoryBankError(Exception):
    """The base of all errors of this package."""


class ConnectionFailedError(MemoryBankError):
    """The service gave no answer."""


class ApiError(MemoryBankError):
    """The service answered and refused."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"{detail} (HTTP {status})")
        self.status = status
        self.detail = detail


class InvalidRequestError(ApiError):
    """The request's content was refused."""


class AuthenticationError(ApiError):
    """The key is missing, wrong, expired, or lacks the scope."""


class NotFoundError(ApiError):
    """There is no such memory."""


class RateLimitedError(ApiError):
    """Too many requests with this key."""

    def __init__(self, status: int, detail: str, retry_after: float | None) -> None:
        super().__init__(status, detail)
        self.retry_after = retry_after


_BY_STATUS: dict[int, type[ApiError]] = {
    400: InvalidRequestError,
    401: AuthenticationError,
    403: AuthenticationError,
    404: NotFoundError,
    413: InvalidRequestError,
    422: InvalidRequestError,
}


def error_of(status: int, detail: str, retry_after: str | None) -> ApiError:
    """The error that stands for an answer of this status."""
    if status == 429:
        seconds = float(retry_after) if retry_after and retry_after.isdigit() else None
        return RateLimitedError(status, detail, seconds)
    return _BY_STATUS.get(status, ApiError)(status, detail)
