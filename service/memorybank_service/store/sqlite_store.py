"""The store in files of its own: SQLite for the truth, Chroma for large scopes' vectors, one process."""

import contextlib
import logging
import os
import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import TypeVar

from memorybank_service.store import (
    FadedMemory,
    StoreFullError,
    Totals,
    fading,
    history,
    memories,
    notes,
    spaces,
    tombstones,
)
from memorybank_service.store.backups import SqliteBackups
from memorybank_service.store.chroma_index import ChromaIndex
from memorybank_service.store.embeddings import count_pending, pending, write_vectors
from memorybank_service.store.entities import SqliteEntities
from memorybank_service.store.index_source import SEAL, TruthAsSource
from memorybank_service.store.readers import Readers
from memorybank_service.store.records import (
    NO_USER,
    NOTHING_ALONG,
    Added,
    Along,
    Amendment,
    Event,
    KeptReply,
    Memory,
    NewMemory,
    Space,
    Vector,
)
from memorybank_service.store.replies import kept
from memorybank_service.store.room import Room
from memorybank_service.store.rosters import EXACT_LIMIT, Rosters
from memorybank_service.store.schema import open_database
from memorybank_service.store.scope import ScopeView
from memorybank_service.store.spool import Spool
from memorybank_service.store.sqlite_erasures import SqliteErasures
from memorybank_service.store.sqlite_jobs import SqliteJobs, check_basis, write_along
from memorybank_service.store.sqlite_people import SqlitePeople
from memorybank_service.store.sqlite_spaces import SqliteSpaces
from memorybank_service.store.sqlite_transfer import SqliteTransfer
from memorybank_service.store.told import telling
from memorybank_service.store.touched import Touched
from memorybank_service.store.upkeep import SqliteUpkeep
from memorybank_service.store.words import RULES
from memorybank_service.store.writer import Transaction, Urgency, Writer

log = logging.getLogger(__name__)
Result = TypeVar("Result")


@telling
class SqliteStore(SqliteJobs):
    """`MemoryStore` in a directory that the caller has locked.

    `embedding` and `dimension` are the configured ones: those of the data may be others, see `space`.
    """

    def __init__(self, directory: Path, embedding: str, dimension: int, exact_limit: int = EXACT_LIMIT) -> None:
        self._path, self._exact_limit = directory / "memory.db", exact_limit
        configured = Space(embedding, dimension)
        self._unembedded: Callable[[], None] = _nobody_asks
        connection = open_database(self._path, configured)
        self.room = Room(directory)
        super().__init__(Readers(self._path), Writer(connection, self.room))
        space = self._prepare(configured)
        self.entities = SqliteEntities(self._readers)
        self.people = SqlitePeople(self._readers, self._writer)
        self.spaces = SqliteSpaces(self._readers, self._writer, space, self._take_space)
        self._rosters = Rosters(space.dimension)
        self._index = ChromaIndex(directory / "chroma", TruthAsSource(self._readers, self._writer))
        self.upkeep = SqliteUpkeep(self._path, self._readers, self._writer, self._index)
        self.erasures = SqliteErasures(
            self._path, self._readers, self._writer, self._forget_rosters, self._tell_removed, self.upkeep.look_up
        )
        self.backups = SqliteBackups(self._path, self.room, self.upkeep)
        self.transfer = SqliteTransfer(self._readers, self._writer, self.erasures, self._tell)
        self.spool = Spool(directory / "imports", self.room)
        self._index.notice()
        self.room.take_ballast()
        self._writer.answer()

    @property
    def space(self) -> str:
        return self.spaces.current.name

    def add(self, new: Sequence[NewMemory], along: Along = NOTHING_ALONG) -> Future[list[Added]]:
        users = {memory.user_id for memory in new}
        return self._change(partial(_insert, new, along), new[0].stored_at if new else 0.0, along, users)

    def amend(
        self, memory_id: str, amendment: Amendment, now: float, along: Along = NOTHING_ALONG
    ) -> Future[Memory | None]:
        return self._change_one(
            memory_id,
            now,
            along,
            lambda connection, seq, touched: memories.amend(connection, seq, amendment, now, touched, along.actor),
        )

    def restore(self, memory_id: str, now: float, along: Along = NOTHING_ALONG) -> Future[Memory | None]:
        return self._change_one(
            memory_id,
            now,
            along,
            lambda connection, seq, touched: memories.restore(connection, seq, now, touched, along.actor),
        )

    def delete(self, memory_ids: Sequence[str], now: float, along: Along = NOTHING_ALONG) -> Future[int]:
        in_pieces: list[int] = []

        def remove(ids: Sequence[str], connection: sqlite3.Connection, touched: Touched) -> list[int]:
            seqs = memories.seqs_of(connection, ids)
            for seq in seqs:
                memories.remove(connection, seq, now, touched, along.actor)
            return seqs

        def remove_one(memory_id: str, transaction: Transaction) -> None:
            touched = Touched()
            seqs = remove([memory_id], transaction.connection, touched)
            transaction.after_commit += [partial(self._tell, touched), partial(in_pieces.extend, seqs)]

        return self._change(
            lambda connection, touched: len(remove(memory_ids, connection, touched)) + len(in_pieces),
            now,
            along,
            urgency="relieving",
            pieces=[partial(remove_one, memory_id) for memory_id in memory_ids],
        )

    def fetch(self, seqs: Sequence[int]) -> dict[int, Memory]:
        return memories.fetch(self._readers.get(), seqs)

    def find(self, memory_id: str) -> Memory | None:
        connection = self._readers.get()
        seq = memories.seq_of(connection, memory_id)
        return None if seq is None else memories.fetch(connection, [seq]).get(seq)

    def sources(self, seq: int) -> list[str]:
        return memories.sources_of(self._readers.get(), seq)

    def facts_of(self, seq: int) -> list[str]:
        return memories.facts_of(self._readers.get(), seq)

    def history(self, memory_id: str) -> list[Event]:
        return history.events(self._readers.get(), memory_id)

    def tombstones(self, user_id: str) -> set[bytes]:
        connection = self._readers.get()
        owner = memories.owner_of(connection, user_id)
        return set() if owner is None else tombstones.buried(connection, owner)

    def users(self, after: str = NO_USER, limit: int | None = None) -> list[tuple[str, int]]:
        rows = self._readers.get().execute(
            "SELECT user_id, memories FROM owner WHERE user_id > ? AND memories > 0 ORDER BY user_id LIMIT ?",
            (after, -1 if limit is None else limit),
        )
        return rows.fetchall()

    def pending_embeddings(self, limit: int, without: Collection[int] = ()) -> list[Memory]:
        return pending(self._readers.get(), limit, without)

    def when_unembedded(self, call: Callable[[], None]) -> None:
        self._unembedded = call

    def embeddings_pending(self) -> int:
        return count_pending(self._readers.get())

    def set_vectors(self, vectors: Mapping[int, tuple[float, Vector]], space: str) -> Future[int]:
        def write(transaction: Transaction) -> int:
            if self.space != space or not vectors:
                return 0
            if self.spaces.current.dimension == 0:
                _, first = next(iter(vectors.values()))
                self.spaces.learn_dimension(transaction, len(first))
            touched = Touched()
            written = write_vectors(transaction.connection, vectors, touched)
            transaction.after_commit.append(partial(self._tell, touched))
            return written

        return self._writer.submit(write)

    def reply(self, key_name: str, route: str, idempotency_key: str, now: float) -> KeptReply | None:
        return kept(self._readers.get(), key_name, route, idempotency_key, now)

    def view(self, user_id: str | None) -> ScopeView:
        connection = self._readers.get()
        # A user without memories has no number yet; no owner is ever numbered 0.
        owner = None if user_id is None else memories.owner_of(connection, user_id) or 0
        rosters = self._rosters
        resident = rosters.get(owner)
        return ScopeView(connection, self._index, resident, dimension=rosters.dimension, exact_limit=self._exact_limit)

    def record_recalls(self, seqs: Sequence[int], now: float, not_since: float) -> Future[int]:
        def write(transaction: Transaction) -> int:
            counted = fading.count_recalls(transaction.connection, seqs, now, not_since)
            transaction.after_commit.append(partial(self._tell_recalled, counted, now))
            return len(counted)

        return self._writer.submit(write)

    def faded(self) -> list[FadedMemory]:
        return fading.faded(self._readers.get())

    def record_fading(
        self, fade: Mapping[int, float], unfade: Sequence[int], purge: Mapping[int, float], now: float
    ) -> Future[int]:
        def change(connection: sqlite3.Connection, touched: Touched) -> int:
            fading.record_faded(connection, fade, unfade, now)
            return fading.purge(connection, purge, now, touched)

        return self._change(change, now, urgency="relieving")

    def note(self, name: str) -> str | None:
        return notes.read(self._readers.get(), name)

    def write_notes(self, given: Mapping[str, str]) -> Future[None]:
        return self._writer.submit(lambda transaction: notes.write(transaction.connection, given), "small")

    def pauses(self) -> list[tuple[float, float]]:
        return self._readers.get().execute("SELECT start, end FROM pause ORDER BY start").fetchall()

    def record_pause(self, start: float, end: float) -> Future[None]:
        def write(transaction: Transaction) -> None:
            transaction.connection.execute("INSERT OR REPLACE INTO pause VALUES (?, ?)", (start, end))

        return self._writer.submit(write, "small")

    def totals(self) -> Totals:
        return fading.totals(self._readers.get())

    def tend(self) -> None:
        self.room.take_ballast()

    def size_bytes(self) -> int:
        """Files come and go meanwhile: those that are gone count nothing."""
        total = 0
        for folder, _, names in os.walk(self._path.parent):
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    total += os.stat(os.path.join(folder, name)).st_size
        return total

    def break_off(self) -> None:
        self.upkeep.break_off()

    def close(self) -> None:
        """Everything acknowledged is on disk, the index is sealed. No other call may be under way."""
        self._index.close()
        self._writer.close()
        self._readers.close()
        self._fold_log()
        self.upkeep.close()

    def _fold_log(self) -> None:
        """The last connection's close folds the write-ahead log into the database, unless a reader was in its way."""
        connection = sqlite3.connect(self._path)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()

    def _prepare(self, configured: Space) -> Space:
        """What other settings or another version left behind, before anyone reads. On a full volume it still opens."""
        connection = self._readers.get()
        space = spaces.settled(connection, configured)
        if space != spaces.recorded(connection):

            def write(transaction: Transaction) -> None:
                spaces.record(transaction.connection, space)
                notes.write(transaction.connection, {SEAL: ""})

            self._writer.submit(write, "small").result()
        if (rules := self.note("word_rules")) != str(RULES):
            before = int(rules or 0)
            try:
                self._writer.submit(lambda written: memories.index_words_anew(written.connection, before)).result()
            except StoreFullError as error:
                log.warning("words are found by older rules until there is room", extra={"error": str(error)})
        return space

    def _change(
        self,
        change: Callable[[sqlite3.Connection, Touched], Result],
        now: float,
        along: Along = NOTHING_ALONG,
        users: set[str] | None = None,
        urgency: Urgency = "ordinary",
        pieces: Sequence[Callable[[Transaction], object]] = (),
    ) -> Future[Result]:
        """Writes, with what goes along; `users`: whose memories the answer shows, where it is known before."""

        def write(transaction: Transaction) -> Result:
            touched = Touched()
            check_basis(transaction.connection, along)
            result = change(transaction.connection, touched)
            owner = memories.owner_of(transaction.connection, next(iter(users))) if users and len(users) == 1 else None
            write_along(transaction.connection, along, result, now, owner)
            transaction.after_commit.append(partial(self._tell, touched))
            return result

        return self._writer.submit(write, urgency, pieces)

    def _change_one(
        self, memory_id: str, now: float, along: Along, change: Callable[[sqlite3.Connection, int, Touched], None]
    ) -> Future[Memory | None]:
        def change_it(connection: sqlite3.Connection, touched: Touched) -> Memory | None:
            seq = memories.seq_of(connection, memory_id)
            if seq is None:
                return None
            change(connection, seq, touched)
            return memories.fetch(connection, [seq])[seq]

        return self._change(change_it, now, along)

    def _take_space(self, space: Space, others: bool) -> None:
        self._rosters = Rosters(space.dimension)
        if others:
            self._index.rebuild()
            self._unembedded()

    def _forget_rosters(self) -> None:
        self._rosters = Rosters(self._rosters.dimension)

    def _tell(self, touched: Touched) -> None:
        for roster in {id(r): r for owner in touched.added for r in self._rosters.concerned(owner)}.values():
            roster.added()
        for seq, owner in touched.changed:
            for roster in self._rosters.concerned(owner):
                roster.changed(seq)
        self._tell_removed(touched)
        if touched.added or touched.changed or touched.removed:
            self._index.notice()
        if touched.unembedded:
            self._unembedded()

    def _tell_removed(self, touched: Touched) -> None:
        for seq, owner in touched.removed:
            for roster in self._rosters.concerned(owner):
                roster.removed(seq)

    def _tell_recalled(self, counted: Sequence[fading.Recalled], now: float) -> None:
        for recall in counted:
            for roster in self._rosters.concerned(recall.owner):
                roster.recalled(recall.seq, recall.recalls, now)


def _insert(new: Sequence[NewMemory], along: Along, connection: sqlite3.Connection, touched: Touched) -> list[Added]:
    written = memories.insert_all(connection, new, touched, along.actor)
    kept_as = memories.fetch(connection, [seq for seq, _ in written])
    return [Added(kept_as[seq], is_new) for seq, is_new in written]


def _nobody_asks() -> None:
    pass
