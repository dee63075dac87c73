"""The part of the store that erases persons, and remembers that it did."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path

from memorybank_service.store import ConflictError, Erasure, erasure, memories
from memorybank_service.store.erasure_log import ErasureLog
from memorybank_service.store.readers import Readers
from memorybank_service.store.told import telling
from memorybank_service.store.touched import Touched
from memorybank_service.store.writer import Transaction, Writer

_PIECE = 16  # memories erased at a time where the volume has no room for more


@telling
class SqliteErasures:
    def __init__(self, path: Path, readers: Readers, writer: Writer, erased: Callable[[], None]) -> None:
        """`erased` is called before an erasure's future is done: nothing in memory may be older than it."""
        self._readers, self._writer, self._erased = readers, writer, erased
        self.count = 0
        self._log = ErasureLog(path.with_name("erasures.ndjson"))

    def erase(self, user_id: str, now: float, counted: Mapping[str, int]) -> Future[Erasure]:
        in_pieces: dict[str, int] = {"memories": 0}

        def write(transaction: Transaction) -> Erasure:
            self.count += 1  # at once: what is written in the same commit must notice it too
            together = {**counted, "memories": counted.get("memories", 0) + in_pieces["memories"]}
            done = erasure.erase(transaction.connection, user_id, now, together)
            transaction.after_commit += [self._erased, lambda: self._log.append([done])]
            return done

        return self._writer.submit(write, "relieving", self._pieces(user_id, now, in_pieces))

    def recorded(self) -> list[Erasure]:
        return erasure.recorded(self._readers.get())

    def missing(self) -> list[Erasure]:
        self._note_down()
        known = {one.id for one in self.recorded()}
        return [one for one in self._log.read() if one.id not in known and erasure.is_whole(one)]

    def users_of(self, erasures: Sequence[Erasure]) -> list[str]:
        for one in erasures:
            if not erasure.is_whole(one):
                raise ConflictError(f"the receipt {one.id} is not what it was when it was given")
        return erasure.users_of(self._readers.get(), {one.user for one in erasures})

    def record(self, erasures: Sequence[Erasure]) -> Future[None]:
        def write(transaction: Transaction) -> None:
            for one in erasures:
                erasure.record(transaction.connection, one)
            transaction.after_commit.append(self._note_down)

        return self._writer.submit(write, "small")

    def _note_down(self) -> None:
        """What the database knows stands beside it too."""
        noted = {one.id for one in self._log.read()}
        if unnoted := [one for one in self.recorded() if one.id not in noted]:
            self._log.append(unnoted)

    def _pieces(self, user_id: str, now: float, counted: dict[str, int]) -> Iterator[Callable[[Transaction], object]]:
        """Called for by the writer where it does not all fit in one commit."""
        while seqs := _first(self._readers.get(), user_id):

            def write(transaction: Transaction, seqs: Sequence[int] = seqs) -> None:
                for seq in seqs:
                    memories.remove(transaction.connection, seq, now, Touched(), "service")
                transaction.after_commit.append(lambda: counted.update(memories=counted["memories"] + len(seqs)))

            yield write


def _first(connection: sqlite3.Connection, user_id: str) -> list[int]:
    owner = memories.owner_of(connection, user_id)
    rows = connection.execute("SELECT seq FROM memory WHERE owner = ? ORDER BY seq LIMIT ?", (owner, _PIECE))
    return [row[0] for row in rows.fetchall()]
