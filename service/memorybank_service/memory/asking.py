"""What it means for a job in the background that a provider does not answer: it waits, and the others with it.

A provider that is down is down for all jobs: while it is left in peace, none of them asks it, and none of them uses up
an attempt. The pauses grow fast, so that an outage of some hours gives nothing up. Where the day's tokens are spent,
everything waits until there are new ones.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress

from memorybank_service.clock import Clock
from memorybank_service.llm.errors import BadAnswerError, BudgetSpentError, ProviderError, RequestRefusedError
from memorybank_service.memory.jobs import JobError
from memorybank_service.store import BasisGoneError, Job

ATTEMPTS = 12
"""Of a job that asks a model: some five hours."""
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 2.0, 3600.0
_TIMES = 3
_OF_THIS_JOB = (BadAnswerError, RequestRefusedError)
"""Errors that say nothing about what becomes of another job."""


class Patience:
    """Of all jobs that ask one provider."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._quiet_until, self._reason = 0.0, ""

    async def ask(self, job: Job, work: Callable[[], Awaitable[None]]) -> None:
        """Does a job's work: again where what it was made of has changed meanwhile. Raises JobError."""
        if (left := self._quiet_until - self._clock()) > 0:
            raise JobError(self._reason, retry_after=left, counted=False)
        try:
            for _ in range(_TIMES - 1):
                with suppress(BasisGoneError):
                    return await work()
            await work()
        except BasisGoneError as error:
            raise JobError(str(error)) from error
        except ProviderError as error:
            raise self._failed(job, error) from error

    def _failed(self, job: Job, error: ProviderError) -> JobError:
        if not error.retryable:
            return JobError(str(error), retryable=False)
        pause = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 4.0 ** (job.attempts - 1))
        wait = max(pause, error.retry_after or 0.0)
        if isinstance(error, BudgetSpentError):
            wait = error.retry_after or pause
        if not isinstance(error, _OF_THIS_JOB):
            self._quiet_until, self._reason = self._clock() + wait, str(error)
        return JobError(str(error), retry_after=wait, counted=not isinstance(error, BudgetSpentError))
