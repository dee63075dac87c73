"""All writes, in one thread: those that come at the same time share one commit, and so one wait for the disk.

On a full volume writes are refused and deletions are not: they get the room that is kept back (see `room`), and what
does not fit in one commit even then is done in pieces, with the log folded in between.
"""

import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

from memorybank_service.store import StoreError, StoreFullError, going_back
from memorybank_service.store.room import Room

log = logging.getLogger(__name__)
Result = TypeVar("Result")
Urgency = Literal["ordinary", "small", "relieving"]
"""`small`: the service's own book-keeping, tried while there is any room; `relieving`: makes room by being done."""

_LARGEST_GROUP = 256
_FULL = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE})
_NO_ROOM = "the volume is full: delete memories or give the tenant more storage"
_FREED_AT_ONCE = 2_000  # pages given back to the volume after a deletion on a full one
_PATIENCE_MS = 1_000  # for readers, before the log is left as it is


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
    urgency: Urgency = "ordinary"
    pieces: Iterable[Callable[[Transaction], object]] = ()

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

    def fail(self, error: Exception) -> None:
        self.done.set_exception(error)


@dataclass
class _Alone(Generic[Result]):
    work: Callable[[sqlite3.Connection], Result]
    done: "Future[Result]"

    def run(self, connection: sqlite3.Connection) -> None:
        try:
            result = self.work(connection)
        except sqlite3.Error as error:
            self.done.set_exception(_failure(error))
        except Exception as error:  # handed to whoever waits for it
            self.done.set_exception(error)
        else:
            self.done.set_result(result)


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
    def __init__(self, connection: sqlite3.Connection, room: Room) -> None:
        self._connection, self._room = connection, room
        self._answers = self._touched = False
        self._jobs: queue.SimpleQueue[_Job[object] | _Alone[object] | None] = queue.SimpleQueue()
        self._closed = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="writer")
        self._thread.start()

    def submit(
        self,
        write: Callable[[Transaction], Result],
        urgency: Urgency = "ordinary",
        pieces: Iterable[Callable[[Transaction], object]] = (),
    ) -> "Future[Result]":
        """The future is done when the write is on disk; it fails with StoreFullError if there is no room.

        `pieces`: what comes to the same little by little, done before the write where it is relieving and does not fit;
        read in the writer's thread, and only then.
        """
        done: Future[Result] = Future()
        done.set_running_or_notify_cancel()  # a write that was handed over is not taken back
        with self._lock:
            if self._closed:
                raise StoreError("the store is closed")
            self._jobs.put(_Job(write, done, urgency, pieces))  # type: ignore[arg-type]  # all kinds of results
        return done

    def alone(self, work: Callable[[sqlite3.Connection], Result]) -> "Future[Result]":
        """Outside of any transaction, while nothing else is written: for what a database does to itself."""
        done: Future[Result] = Future()
        done.set_running_or_notify_cancel()
        with self._lock:
            if self._closed:
                raise StoreError("the store is closed")
            self._jobs.put(_Alone(work, done))  # type: ignore[arg-type]  # all kinds of results
        return done

    def answer(self) -> None:
        """The store is prepared: what is written from now on may be for somebody who gets an answer."""
        self._answers = True

    def close(self) -> None:
        """Returns when everything that was submitted is on disk."""
        with self._lock:
            self._closed = True
        self._jobs.put(None)
        self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        ahead: list[_Job[object] | _Alone[object]] = []  # taken out of the queue, and not of the group before
        while (job := ahead.pop() if ahead else self._jobs.get()) is not None:
            if isinstance(job, _Alone):
                job.run(self._connection)
                continue
            group, last = [job], False
            while len(group) < _LARGEST_GROUP and not self._jobs.empty():
                following = self._jobs.get()
                if isinstance(following, _Job):
                    group.append(following)
                    continue
                last = following is None
                ahead += [following] if following is not None else []
                break
            self._do(group)
            if last:
                return

    def _do(self, group: list[_Job[object]]) -> None:
        if any(job.urgency == "ordinary" for job in group) and not self._room.left:
            for job in group:
                if job.urgency == "ordinary":
                    job.fail(StoreFullError(_NO_ROOM))
            group = [job for job in group if job.urgency != "ordinary"]
        if group and (failure := self._commit(group)) is not None:
            self._failed(group, failure)

    def _commit(self, group: Sequence[_Job[object]]) -> StoreError | None:
        """All of them in one commit; or why there is none, and nothing of them was kept."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            outcomes = [job.run(self._connection) for job in group]
            touched = self._answers and any(job.urgency != "small" for job in group)
            if touched and not self._touched:
                going_back.note_touched(self._connection)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            return _failure(error)
        self._touched = self._touched or touched
        for outcome in outcomes:
            outcome.publish()
        return None

    def _failed(self, group: Sequence[_Job[object]], failure: StoreError) -> None:
        urgent = [job for job in group if job.urgency != "ordinary"] if isinstance(failure, StoreFullError) else []
        for job in group:
            if job not in urgent:
                job.fail(failure)
        if isinstance(failure, StoreFullError):
            fold_log(self._connection)  # what the write had already put there
        for job in sorted(urgent, key=lambda job: job.urgency, reverse=True):
            again = self._relieve(job) if job.urgency == "relieving" else self._commit([job])
            if again is not None:
                job.fail(again)
        if any(job.urgency == "relieving" for job in urgent):
            self._tidy_up()

    def _relieve(self, job: _Job[object]) -> StoreError | None:
        if self._room.has_ballast:
            log.warning("the volume is full; the ballast is given up for a deletion")
            self._room.throw_ballast()
        fold_log(self._connection)
        failure = self._commit([job])
        if not isinstance(failure, StoreFullError):
            return failure
        for piece in job.pieces:
            fold_log(self._connection)
            failure = self._commit([_Job(piece, _started())])
            if failure is not None:
                return failure
        fold_log(self._connection)
        return self._commit([job])

    def _tidy_up(self) -> None:
        """Gives back to the volume what the deletion has freed, and takes the ballast in again."""
        fold_log(self._connection)
        try:
            free_pages(self._connection, _FREED_AT_ONCE)
        except sqlite3.Error as error:
            log.warning("what was deleted is not given back to the volume yet", extra={"error": str(error)})
        fold_log(self._connection)
        if not self._room.take_ballast():
            log.warning("there is no room for the ballast yet; the next deletion may fail")


def fold_log(connection: sqlite3.Connection, patience_ms: int = _PATIENCE_MS) -> bool:
    """Folds the log into the database and makes it empty; False where readers, or a full volume, are in the way."""
    connection.execute(f"PRAGMA busy_timeout = {patience_ms}")
    try:
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.OperationalError as error:
        log.warning("the log could not be folded into the database", extra={"error": str(error)})
        return False
    return int(busy) == 0


def free_pages(connection: sqlite3.Connection, limit: int) -> int:
    """Gives pages that nothing is on back to the volume, outside of any transaction; how many are left."""
    # Each page is a row without columns, at the first of which `execute` would stop.
    connection.executescript(f"PRAGMA incremental_vacuum({limit})")
    return int(connection.execute("PRAGMA freelist_count").fetchone()[0])


def _started() -> "Future[object]":
    done: Future[object] = Future()
    done.set_running_or_notify_cancel()
    return done


def _failure(error: sqlite3.Error) -> StoreError:
    code = getattr(error, "sqlite_errorcode", 0)
    if code & 0xFF == sqlite3.SQLITE_FULL or code in _FULL:
        return StoreFullError(_NO_ROOM)
    return StoreError(f"the store could not write: {error}")
