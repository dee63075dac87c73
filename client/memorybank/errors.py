"""What can go wrong between a client and a tenant.

MemoryBankError
  ConnectionFailedError        no answer: wrong address, tenant down, a broken connection; `.request_sent`
    NoAnswerInTimeError        nothing came within `timeout` seconds
  ApiError                     an answer that refuses; `.status`, `.detail`, `.type`, `.errors`
    InvalidRequestError        400, 413, 415, 422
    AuthenticationError        401, 403: the key is missing, wrong, expired
      PermissionDeniedError    403: the key lacks the scope
    NotFoundError              404
    ConflictError              409
    RateLimitedError           429; `.retry_after` in seconds
    UnavailableError           502, 503, 504; `.retry_after`
    StorageFullError           507: the tenant's volume is full
    UnexpectedAnswerError      an answer, but none that a tenant gives: something else stands at the address
  JobFailedError               the job that was waited for was given up or cancelled; `.job`
  JobUnfinishedError           it was not done in the time given to it; `.job`

Every MemoryBankError tells in `.attempts` how often the request was tried, and in `.idempotency_key` under which key:
the same call with that key, even by another process, is done once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from memorybank.records import Job


class MemoryBankError(Exception):
    """The base of all errors of this package."""

    attempts: int = 1
    idempotency_key: str | None = None


class ConnectionFailedError(MemoryBankError):
    """The service gave no answer, or not all of it."""

    def __init__(self, message: str, *, request_sent: bool = True) -> None:
        super().__init__(message)
        self.request_sent = request_sent
        """False: the service cannot have seen the request; True: it may have done what was asked."""


class NoAnswerInTimeError(ConnectionFailedError):
    """Nothing came for `timeout` seconds."""


class ApiError(MemoryBankError):
    """The service answered and refused."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        type: str | None = None,
        errors: Sequence[Mapping[str, Any]] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"{detail} (HTTP {status})")
        self.status, self.detail = status, detail
        self.type = type
        """What kind of problem it is, as the service names it: `urn:memorybank:problem:...`."""
        self.errors = tuple(errors)
        """The fields that were wrong, each with `field` and `message`."""
        self.retry_after = retry_after
        """Seconds after which the service wants to be asked again, where it says so."""


class InvalidRequestError(ApiError):
    """The request's content was refused."""


class AuthenticationError(ApiError):
    """The key is missing, wrong, expired, or lacks the scope."""


class PermissionDeniedError(AuthenticationError):
    """The key lacks the scope."""


class NotFoundError(ApiError):
    """There is no such memory, user or job."""


class ConflictError(ApiError):
    """The id belongs to another memory, or what was asked does not fit the state of things."""


class RateLimitedError(ApiError):
    """Too many requests with this key."""


class UnavailableError(ApiError):
    """The tenant starts, stops, or cannot do this now; or a proxy does not reach it."""


class StorageFullError(ApiError):
    """The tenant's volume is full: it reads and deletes, and stores nothing."""


class UnexpectedAnswerError(ApiError):
    """What answered is no tenant, or one that this client does not understand."""


class JobFailedError(MemoryBankError):
    """The job was given up after its retries, or cancelled; `retry_job` tries it again."""

    def __init__(self, job: Job) -> None:
        super().__init__(f"the job {job.id} ({job.kind}) is {job.state}: {job.error or 'no reason given'}")
        self.job = job


class JobUnfinishedError(MemoryBankError):
    """The job goes on, but was not done in the time given to it."""

    def __init__(self, job: Job, seconds: float) -> None:
        super().__init__(f"the job {job.id} ({job.kind}) is still {job.state} after {seconds:g} s")
        self.job = job
