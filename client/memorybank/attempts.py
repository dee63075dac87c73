"""A call as its attempts: sent, and sent again after a pause where that is safe and has a chance.

Safe: reading, and writing under an idempotency key, which is the same in every attempt, so that the service does it
once. A chance: no answer at all, or one that says "not now" (408, 429, 502, 503, 504, and 409 while the first attempt
is still under way). What the service refused is never sent again.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeVar

from memorybank import answering
from memorybank.call import Call, Exchange, Pause
from memorybank.errors import ApiError, ConnectionFailedError, MemoryBankError
from memorybank.upload import Upload
from memorybank.wire import encoded

T = TypeVar("T")

NOT_NOW = frozenset({408, 429, 502, 503, 504})
NOT_READY = "urn:memorybank:problem:not-ready"
UNDER_WAY = "urn:memorybank:problem:request-under-way"


@dataclass(frozen=True)
class Retrying:
    """How often and how patiently. Pauses double from `first_pause` to `longest_pause` seconds, each cut by chance."""

    max_retries: int = 3
    first_pause: float = 0.25
    longest_pause: float = 8.0
    most_waiting: float = 60.0
    """Seconds of pauses in one call together; a `Retry-After` beyond what is left of them is not waited for."""
    chance: Callable[[], float] = random.random
    """From 0 to below 1. Many clients that failed together shall not come back together."""

    def __post_init__(self) -> None:
        if self.max_retries < 0:
            raise ValueError(f"max_retries must be 0 or more, not {self.max_retries}")

    def pause(self, failure: MemoryBankError, retries: int, waited: float) -> float | None:
        """Seconds until the next attempt, after so many retries and seconds of waiting; None: no further one."""
        # That an attempt is still under way is no failure of the next: it is waited for as long as one may.
        waits_for_itself = self.max_retries > 0 and _is_under_way(failure)
        if not _has_a_chance(failure) or (retries >= self.max_retries and not waits_for_itself):
            return None
        longest = min(self.longest_pause, self.first_pause * 2.0 ** min(retries, 30))
        seconds = longest * (0.5 + 0.5 * self.chance())
        asked = failure.retry_after if isinstance(failure, ApiError) else None
        if asked is not None:
            seconds = max(seconds, asked + min(1.0, 0.1 * asked) * self.chance())  # never sooner than the service says
        return seconds if waited + seconds <= self.most_waiting else None


def attempts(call: Call[T], retrying: Retrying) -> Generator[Exchange | Pause, Any, T]:
    """The call's result; raises the last attempt's MemoryBankError."""
    key = (call.idempotency_key or str(uuid.uuid4())) if call.writes else None
    exchange = _exchange(call, key)
    tries, retries, waited, may_be_done = 1, 0, 0.0, False
    while True:
        try:
            answer = yield exchange
            if answering.is_success(answer):
                return _result(call, answer)
            if answer.status == 404 and call.gone_is_done and may_be_done:
                return call.read({})
            failure: MemoryBankError = answering.refusal(answer)
        except MemoryBankError as error:
            failure = error
        failure.attempts, failure.idempotency_key = tries, key
        seconds = retrying.pause(failure, retries, waited) if _is_repeatable(call, failure) else None
        if seconds is None:
            raise failure
        yield Pause(seconds)
        tries, waited, may_be_done = tries + 1, waited + seconds, may_be_done or _may_be_done(failure)
        retries += not _is_under_way(failure)


def _exchange(call: Call[Any], key: str | None) -> Exchange:
    headers = {} if key is None else {"Idempotency-Key": key}
    body: bytes | Upload | None = call.upload
    if call.upload is not None:
        headers["Content-Type"] = call.upload.content_type
    elif call.body is not None:
        headers["Content-Type"], body = "application/json", encoded(call.body)
    return Exchange(call.method, call.target, headers, body, call.patience, call.streamed)


def _result(call: Call[T], answer: Any) -> T:
    if call.streamed:
        return call.read(answer)
    try:
        return call.read(answering.document(answer))
    except ValueError as error:
        raise answering.unexpected(answer, f"but not as this client knows it: {error}") from error


def _is_repeatable(call: Call[Any], failure: MemoryBankError) -> bool:
    """Not where its body came from a source that can be read only once, nor where a model may have been asked."""
    if isinstance(failure, ConnectionFailedError) and not failure.request_sent:
        return True
    if call.asks_model:
        return isinstance(failure, ApiError) and (failure.status == 429 or failure.type == NOT_READY)
    return call.upload is None or call.upload.is_repeatable


def _may_be_done(failure: MemoryBankError) -> bool:
    """Whether the service may have done it and only the answer was lost, here or at a proxy."""
    if isinstance(failure, ConnectionFailedError):
        return failure.request_sent
    return isinstance(failure, ApiError) and failure.status in {502, 504}


def _has_a_chance(failure: MemoryBankError) -> bool:
    if isinstance(failure, ApiError):
        return failure.status in NOT_NOW or _is_under_way(failure)
    return isinstance(failure, ConnectionFailedError)


def _is_under_way(failure: MemoryBankError) -> bool:
    return isinstance(failure, ApiError) and failure.type == UNDER_WAY
