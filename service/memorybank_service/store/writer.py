"""All writes, in one thread: those that come at the same time share one commit, and so one wait for the disk."""

import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from memorybank_service.store import StoreError, StoreFullError

Result = TypeVar("Result")
_LARGEST_GROUP = 256
_FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)


@dataclass
class Transaction:
    """What a write is given."""

    connection: sqlite3.Connection
    after_commit: list[Callable[[], None]] = field(default_factory=list)
    """Called once the write is on disk and before its future is done: caches are brought up to date here."""


@dataclass
class _Job(Generic[Result]):
    write: Callable[[Transaction], Result]
    done: "Future[Result]"

    def run(self, connection: sqlite3.Connection) -> "_Outcome[Result]":
        """Writes within a savepoint: what one write breaks does not concern the others of its group."""
        transaction = Transaction(connection)
        connection.execute("SAVEPOINT write")
        try:
            result = self.write(transaction)
        except sqlite3.OperationalError:
            raise  # the disk is full or broken: that concerns the whole group
        except Exception as error:  # handed to whoever waits for the write, as an executor does
            connection.execute("ROLLBACK TO write")
            connection.execute("RELEASE write")
            return _Outcome(self, None, error, [])
        connection.execute("RELEASE write")
        return _Outcome(self, result, None, transaction.after_commit)


@dataclass
class _Outcome(Generic[Result]):
    job: _Job[Result]
    result: Result | None
    error: Exception | None
    after_commit: list[Callable[[], None]]

    def publish(self) -> None:
        for call in self.after_commit:
            call()
        if self.error is not None:
            self.job.done.set_exception(self.error)
        else:
            self.job.done.set_result(self.result)  # type: ignore[arg-type]  # None only where Result is None


class Writer:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._jobs: queue.SimpleQueue[_Job[object] | None] = queue.SimpleQueue()
        self._closed = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="writer")
        self._thread.start()

    def submit(self, write: Callable[[Transaction], Result]) -> "Future[Result]":
        """The future is done when the write is on disk; it fails with StoreFullError if there is no room."""
        done: Future[Result] = Future()
        done.set_running_or_notify_cancel()  # a write that was handed over is not taken back
        with self._lock:
            if self._closed:
                raise StoreError("the store is closed")
            self._jobs.put(_Job(write, done))  # type: ignore[arg-type]  # a queue of all kinds of results
        return done

    def close(self) -> None:
        """Returns when everything that was submitted is on disk."""
        with self._lock:
            self._closed = True
        self._jobs.put(None)
        self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            group, last = [job], False
            while len(group) < _LARGEST_GROUP and not self._jobs.empty():
                following = self._jobs.get()
                if following is None:
                    last = True
                    break
                group.append(following)
            self._commit(group)
            if last:
                return

    def _commit(self, group: list[_Job[object]]) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            outcomes = [job.run(self._connection) for job in group]
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            failure = _failure(error)
            for job in group:
                job.done.set_exception(failure)
            return
        for outcome in outcomes:
            outcome.publish()


def _failure(error: sqlite3.Error) -> StoreError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _FULL:
        return StoreFullError("the volume is full: delete memories or give the tenant more storage")
    return StoreError(f"the store could not write: {error}")
