"""The part of the store that keeps work that waits, and what goes along with a write."""

import sqlite3
from collections.abc import Callable, Mapping
from concurrent.futures import Future

from memorybank_service.store import jobs, summaries
from memorybank_service.store.memories import owner_of
from memorybank_service.store.readers import Readers
from memorybank_service.store.records import NOTHING_ALONG, Along, Job, JobEnd, JobState, NewJob, Receipt
from memorybank_service.store.replies import NOBODY, keep
from memorybank_service.store.writer import Transaction, Writer


def check_basis(connection: sqlite3.Connection, along: Along) -> None:
    """Before anything is written. Raises BasisGoneError."""
    if along.basis is not None:
        summaries.check(connection, owner_of(connection, along.basis.user_id), along.basis)


def write_along(
    connection: sqlite3.Connection, along: Along, result: object, now: float, owner: int | None = None
) -> None:
    """`owner`: as `replies.keep` has it."""
    for place, job in enumerate(along.jobs):
        if not jobs.is_of_nobody_left(connection, job):
            jobs.enqueue(connection, job, now, place)
    if along.ends is not None:
        jobs.end(connection, along.ends, now)
    if along.progress is not None:
        jobs.go_on(connection, along.progress, now)
    if along.receipt is not None:
        keep(connection, along.receipt, result, owner)


class SqliteJobs:
    def __init__(self, readers: Readers, writer: Writer) -> None:
        self._readers, self._writer = readers, writer

    def enqueue(self, job: NewJob, now: float, along: Along = NOTHING_ALONG) -> Future[Job]:
        def write(transaction: Transaction) -> Job:
            queued = jobs.get(transaction.connection, jobs.enqueue(transaction.connection, job, now))
            write_along(transaction.connection, along, queued, now, None if queued.user_id else NOBODY)
            return queued

        return self._writer.submit(write)

    def keep_reply(self, receipt: Receipt, result: object) -> Future[None]:
        return self._writer.submit(lambda transaction: keep(transaction.connection, receipt, result, NOBODY), "small")

    def take_job(self, now: float, kinds: frozenset[str]) -> Future[Job | None]:
        return self._writer.submit(lambda transaction: jobs.take(transaction.connection, now, kinds), "small")

    def end_job(self, ended: JobEnd, now: float) -> Future[None]:
        return self._writer.submit(lambda transaction: jobs.end(transaction.connection, ended, now), "small")

    def put_off_job(self, job_id: str, due: float, error: str, now: float, *, counted: bool = True) -> Future[None]:
        return self._writer.submit(
            lambda transaction: jobs.put_off(transaction.connection, job_id, due, error, now, counted=counted), "small"
        )

    def give_up_job(self, job_id: str, error: str, now: float) -> Future[None]:
        return self._writer.submit(
            lambda transaction: jobs.give_up(transaction.connection, job_id, error, now), "small"
        )

    def note_progress(self, job_id: str, progress: Mapping[str, object], now: float) -> Future[None]:
        return self._writer.submit(
            lambda transaction: jobs.note_progress(transaction.connection, job_id, progress, now), "small"
        )

    def cancel_job(self, job_id: str, now: float, along: Along = NOTHING_ALONG) -> Future[Job | None]:
        return self._change_job(jobs.cancel, job_id, now, along)

    def retry_job(self, job_id: str, now: float, along: Along = NOTHING_ALONG) -> Future[Job | None]:
        return self._change_job(jobs.retry, job_id, now, along)

    def _change_job(
        self, change: Callable[[sqlite3.Connection, str, float], bool], job_id: str, now: float, along: Along
    ) -> Future[Job | None]:
        def write(transaction: Transaction) -> Job | None:
            if not change(transaction.connection, job_id, now):
                return None
            changed = jobs.get(transaction.connection, job_id)
            write_along(transaction.connection, along, changed, now)
            return changed

        return self._writer.submit(write, "small")

    def job(self, job_id: str) -> Job | None:
        return jobs.find(self._readers.get(), job_id)

    def jobs(
        self,
        state: JobState | None = None,
        kind: str | None = None,
        limit: int = 100,
        after: tuple[float, str] | None = None,
    ) -> list[Job]:
        return jobs.listed(self._readers.get(), state, kind, limit, after)

    def waiting_jobs(self, kind: str, user_id: str, now: float, limit: int) -> list[Job]:
        return jobs.waiting(self._readers.get(), kind, user_id, now, limit)

    def count_jobs(self) -> dict[tuple[str, JobState], int]:
        return jobs.counted(self._readers.get())

    def count_tokens(self, tokens: int, now: float) -> Future[None]:
        """Of a language model, beside those of the jobs."""
        return self._writer.submit(lambda transaction: jobs.count_tokens(transaction.connection, tokens, now), "small")

    def tokens_used(self, now: float) -> int:
        return jobs.tokens_used(self._readers.get(), now)
