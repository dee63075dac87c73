"""The store in files of its own: SQLite for the truth, Chroma for large scopes' vectors, one process."""

import contextlib
import os
import sqlite3
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path

from memorybank_service.store import FadedMemory, Memory, NewMemory, StoreError, Totals, truth
from memorybank_service.store.chroma_index import ChromaIndex
from memorybank_service.store.index_source import TruthAsSource
from memorybank_service.store.readers import Readers
from memorybank_service.store.rosters import EXACT_LIMIT, Rosters
from memorybank_service.store.schema import open_database
from memorybank_service.store.scope import ScopeView
from memorybank_service.store.writer import Transaction, Writer


class SqliteStore:
    """`MemoryStore` in a directory that the caller has locked. `embedding` is the name of what makes its vectors."""

    def __init__(self, directory: Path, embedding: str, dimension: int, exact_limit: int = EXACT_LIMIT) -> None:
        self._path = directory / "memory.db"
        self._dimension, self._exact_limit = dimension, exact_limit
        connection = open_database(self._path, embedding)
        self._readers = Readers(self._path)
        recorded = self.note("embedding")
        if recorded != embedding:
            connection.close()
            self._readers.close()
            raise StoreError(
                f"the memories in {directory} were embedded with {recorded}, not with {embedding}; "
                "run the version that has that model"
            )
        self._rosters = Rosters(dimension, exact_limit)
        self._writer = Writer(connection)
        source = TruthAsSource(self._readers, self._writer, dimension)
        self._index = ChromaIndex(directory / "chroma", source)
        self._index.notice()

    def add(self, memories: Sequence[NewMemory]) -> Future[None]:
        def write(transaction: Transaction) -> None:
            owners = {truth.insert(transaction.connection, memory) for memory in memories}
            transaction.after_commit.append(partial(self._tell_added, owners))

        return self._writer.submit(write)

    def delete(self, memory_id: str) -> Future[bool]:
        def write(transaction: Transaction) -> bool:
            seq = truth.seq_of(transaction.connection, memory_id)
            removed = None if seq is None else truth.remove(transaction.connection, seq)
            if removed is None:
                return False
            transaction.after_commit.append(partial(self._tell_removed, [removed]))
            return True

        return self._writer.submit(write)

    def fetch(self, seqs: Sequence[int]) -> dict[int, Memory]:
        return truth.fetch(self._readers.get(), seqs)

    def view(self, user_id: str | None) -> ScopeView:
        connection = self._readers.get()
        # A user without memories has no number yet; no owner is ever numbered 0.
        owner = None if user_id is None else truth.owner_of(connection, user_id) or 0
        roster, vectors = self._rosters.get(owner).snapshot(connection)
        return ScopeView(
            connection,
            self._index,
            owner=owner,
            roster=roster,
            vectors=vectors,
            dimension=self._dimension,
            exact_limit=self._exact_limit,
        )

    def record_recalls(self, seqs: Sequence[int], now: float, not_since: float) -> Future[int]:
        def write(transaction: Transaction) -> int:
            counted = truth.count_recalls(transaction.connection, seqs, now, not_since)
            transaction.after_commit.append(partial(self._tell_recalled, counted, now))
            return len(counted)

        return self._writer.submit(write)

    def faded(self) -> list[FadedMemory]:
        return truth.faded(self._readers.get())

    def record_fading(
        self, fade: Mapping[int, float], unfade: Sequence[int], purge: Mapping[int, float], now: float
    ) -> Future[int]:
        def write(transaction: Transaction) -> int:
            truth.record_faded(transaction.connection, fade, unfade, now)
            removed = truth.purge(transaction.connection, purge)
            transaction.after_commit.append(partial(self._tell_removed, removed))
            return len(removed)

        return self._writer.submit(write)

    def note(self, name: str) -> str | None:
        row = self._readers.get().execute("SELECT value FROM note WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def write_notes(self, notes: Mapping[str, str]) -> Future[None]:
        return self._writer.submit(lambda transaction: truth.write_notes(transaction.connection, notes))

    def pauses(self) -> list[tuple[float, float]]:
        return self._readers.get().execute("SELECT start, end FROM pause ORDER BY start").fetchall()

    def record_pause(self, start: float, end: float) -> Future[None]:
        def write(transaction: Transaction) -> None:
            transaction.connection.execute("INSERT OR REPLACE INTO pause VALUES (?, ?)", (start, end))

        return self._writer.submit(write)

    def totals(self) -> Totals:
        return truth.totals(self._readers.get())

    def size_bytes(self) -> int:
        """Files come and go meanwhile: those that are gone count nothing."""
        total = 0
        for folder, _, names in os.walk(self._path.parent):
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    total += os.stat(os.path.join(folder, name)).st_size
        return total

    def maintain(self) -> str:
        def check(transaction: Transaction) -> str:
            connection = transaction.connection
            connection.execute("PRAGMA incremental_vacuum(10000)").fetchall()
            connection.execute("PRAGMA optimize").fetchall()
            return str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])

        outcome = self._writer.submit(check).result()
        if outcome != "ok":
            raise StoreError(f"the integrity check found: {outcome}")
        return "checked and compacted"

    def close(self) -> None:
        """Everything acknowledged is on disk, the index is sealed. No other call may be under way."""
        self._index.close()
        self._writer.close()
        self._readers.close()
        self._fold_log()

    def _fold_log(self) -> None:
        """The last connection's close folds the write-ahead log into the database, unless a reader was in its way."""
        connection = sqlite3.connect(self._path)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()

    def _tell_added(self, owners: set[int]) -> None:
        for roster in {id(r): r for owner in owners for r in self._rosters.concerned(owner)}.values():
            roster.added()
        self._index.notice()

    def _tell_removed(self, removed: Sequence[truth.Removed]) -> None:
        for gone in removed:
            for roster in self._rosters.concerned(gone.owner):
                roster.removed(gone.seq)
        if removed:
            self._index.notice()

    def _tell_recalled(self, counted: Sequence[truth.Recalled], now: float) -> None:
        for recall in counted:
            for roster in self._rosters.concerned(recall.owner):
                roster.recalled(recall.seq, recall.recalls, now)
