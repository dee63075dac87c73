"""The part of the store that keeps work that waits, and what goes along with a write."""

import sqlite3
from collections.abc import Collection, Mapping
from concurrent.futures import Future

from memorybank_service.store import jobs, summaries
from memorybank_service.store.memories import owner_of
from memorybank_service.store.readers import Readers
from memorybank_service.store.records import NOTHING_ALONG, Along, Job, JobEnd, JobState, NewJob
from memorybank_service.store.replies import keep
from memorybank_service.store.writer import Transaction, Writer


def check_basis(connection: sqlite3.Connection, along: Along) -> None:
    """Before anything is written. Raises BasisGoneError."""
    if along.basis is not None:
        summaries.check(connection, owner_of(connection, along.basis.user_id), along.basis)


def write_along(
    connection: sqlite3.Connection, along: Along, result: object, now: float, users: Collection[str]
) -> None:
    for place, job in enumerate(along.jobs):
        if not jobs.is_of_nobody_left(connection, job):
            jobs.enqueue(connection, job, now, place)
    if along.ends is not None:
        jobs.end(connection, along.ends, now)
    if along.progress is not None:
        jobs.go_on(connection, along.progress, now)
    if along.receipt is not None:
        owner = owner_of(connection, next(iter(users))) if len(users) == 1 else None
        keep(connection, along.receipt, result, owner)


class SqliteJobs:
    def __init__(self, readers: Readers, writer: Writer) -> None:
        self._readers, self._writer = readers, writer

    def enqueue(self, job: NewJob, now: float, along: Along = NOTHING_ALONG) -> Future[str]:
        def write(transaction: Transaction) -> str:
            job_id = jobs.enqueue(transaction.connection, job, now)
            write_along(transaction.connection, along, job_id, now, set())
            return job_id

        return self._writer.submit(write)

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

    def cancel_job(self, job_id: str, now: float) -> Future[bool]:
        return self._writer.submit(lambda transaction: jobs.cancel(transaction.connection, job_id, now), "small")

    def retry_job(self, job_id: str, now: float) -> Future[bool]:
        return self._writer.submit(lambda transaction: jobs.retry(transaction.connection, job_id, now), "small")

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
