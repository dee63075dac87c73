"""What a store in use needs from time to time, none of it in the way of reading, and hardly of writing.

What the writer has to do itself it does in slices, with other writes in between.
"""

import logging
import sqlite3
import threading
from contextlib import closing
from functools import partial
from pathlib import Path

from memorybank_service.store import BrokenOffError, Purged, StoreError, jobs, replies
from memorybank_service.store.chroma_index import ChromaIndex
from memorybank_service.store.readers import Readers
from memorybank_service.store.schema import connect, copies_before_migration
from memorybank_service.store.scrub import scrub
from memorybank_service.store.told import telling
from memorybank_service.store.writer import Transaction, Writer, fold_log, free_pages

log = logging.getLogger(__name__)
COPY_KEPT_SECONDS = 7 * 86400.0
_SLICE_PAGES = 250
_SCRUBBED_PAGES = 8192
_ANALYSED_ROWS = 400
_EMPTIED_SECONDS = 20.0
_LOOK_UP_STEPS = 100_000  # of SQLite's machine: some milliseconds


@telling
class SqliteUpkeep:
    def __init__(self, path: Path, readers: Readers, writer: Writer, index: ChromaIndex) -> None:
        self._path, self._readers, self._writer, self._index = path, readers, writer, index
        self._ending = threading.Event()
        # Kept open to the end: closing a file gives up all locks that the process has on it.
        self._file = path.open("r+b", buffering=0)

    def break_off(self) -> None:
        """What is under way in other threads ends soon, with BrokenOffError."""
        self._ending.set()

    def close(self) -> None:
        """After all connections."""
        self._file.close()

    def look_up(self) -> None:
        if self._ending.is_set():
            raise BrokenOffError("the service is ending")

    def check(self) -> None:
        """Reads everything and compares it with its indexes. Raises StoreError where something is wrong."""
        self.look_up()
        with closing(connect(self._path, read_only=True)) as connection:
            connection.set_progress_handler(self._ending.is_set, _LOOK_UP_STEPS)
            try:
                found = [row[0] for row in connection.execute("PRAGMA integrity_check(3)")]
            except sqlite3.OperationalError:
                self.look_up()
                raise
        if found != ["ok"]:
            raise StoreError(f"the integrity check found: {'; '.join(map(str, found))}")

    def purge(self, now: float) -> Purged:
        def write(transaction: Transaction) -> tuple[int, int]:
            return replies.purge(transaction.connection, now), jobs.purge(transaction.connection, now)

        kept_replies, ended_jobs = self._writer.submit(write, "relieving").result()
        copies = self.remove_copies(older_than=now - COPY_KEPT_SECONDS)
        return Purged(kept_replies, ended_jobs, copies)

    def remove_copies(self, older_than: float | None = None) -> int:
        """Of the store as it was before a migration: the way back to an older program; None: all of them."""
        removed = 0
        for copy in copies_before_migration(self._path):
            if older_than is None or copy.stat().st_mtime < older_than:
                copy.unlink(missing_ok=True)
                removed += 1
        return removed

    def optimise(self) -> None:
        def work(connection: sqlite3.Connection) -> None:
            connection.execute(f"PRAGMA analysis_limit = {_ANALYSED_ROWS}")
            connection.execute("PRAGMA optimize").fetchall()

        self._writer.alone(work).result()

    def shrink(self) -> int:
        """Gives what is free inside the file back to the volume; how many bytes."""
        size = int(self._readers.get().execute("PRAGMA page_size").fetchone()[0])
        before = left = int(self._readers.get().execute("PRAGMA freelist_count").fetchone()[0])
        while left:
            self.look_up()
            if (now_left := self._writer.alone(_free_some).result()) >= left:
                break
            left = now_left
        return (before - left) * size

    def fold(self) -> bool:
        """The log is in the database then, and empty; False where a reader was in the way."""
        with closing(connect(self._path)) as connection:  # most of it beside the writer
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        return self._writer.alone(fold_log).result()

    def scrub(self) -> bool:
        """Nothing of what was deleted is in the file any more; False where a reader was in the way of it."""
        first = 1
        while True:
            self.look_up()
            done = self._writer.alone(partial(self._scrub, first)).result()
            if done != "more":
                return done == "all"
            first += _SCRUBBED_PAGES

    def rebuild_index(self) -> bool:
        """Whether so much was deleted or replaced that it is worth it."""
        return self._index.renew_if_worn()

    def empty_index(self) -> bool:
        try:
            self._index.rebuild().result(_EMPTIED_SECONDS)
        except (TimeoutError, StoreError) as error:
            log.warning("the vector index is not emptied yet", extra={"error": str(error) or "not in time"})
            return False
        return True

    def _scrub(self, first: int, connection: sqlite3.Connection) -> str:
        if not fold_log(connection):
            return "not now"
        connection.execute("PRAGMA shrink_memory")  # pages that the writer remembers have the remains in them
        return "all" if scrub(self._file.fileno(), first, _SCRUBBED_PAGES) is None else "more"


def _free_some(connection: sqlite3.Connection) -> int:
    return free_pages(connection, _SLICE_PAGES)
