"""One scope at one moment, for one search: its roster, and the vectors and postings that belong to it."""

import sqlite3
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from memorybank_service.store import Filter, Positions, Postings, Vector
from memorybank_service.store.chroma_index import ChromaIndex
from memorybank_service.store.resident import ResidentRoster
from memorybank_service.store.told import telling
from memorybank_service.store.vector_blocks import Matrix, decode_all

_MOST_PENDING = 2_000  # beyond it, reading what the index lacks costs more than reading everything
_WIDER = 4  # the index knows nothing of what has faded or is filtered out
_READ_LIMIT = 10_000  # vectors that may be read from disk for one search: some fifty milliseconds
_PAGE = 1_000


@telling
class ScopeView:
    def __init__(
        self,
        connection: sqlite3.Connection,
        index: ChromaIndex,
        resident: ResidentRoster,
        *,
        dimension: int,
        exact_limit: int,
    ) -> None:
        self._connection, self._index, self._resident = connection, index, resident
        self._taken = resident.snapshot(connection)
        self.roster = self._taken.roster
        self.dimension, self._exact_limit = dimension, exact_limit

    def within(self, agent_id: str | None, run_id: str | None) -> NDArray[np.bool_]:
        return self._taken.rows.within(self.roster, agent_id, run_id)

    def matching(self, wanted: Filter) -> NDArray[np.bool_]:
        fields = self._taken.rows.fields
        matching = fields.matching(self._connection, wanted, self.roster.seq, self._taken.changed)
        return self.roster.alive & matching

    def speakers_named(self, said: Sequence[str]) -> dict[int, frozenset[str]]:
        return self._taken.rows.speakers_named(said)

    def postings(self, terms: Sequence[str]) -> dict[str, Postings]:
        cache = self._taken.rows.postings
        return {term: cache.get(self._connection, term, self.roster.seq, self._taken.changed) for term in terms}

    def scan(self, vector: Vector) -> NDArray[np.float32] | None:
        if len(self.roster) > self._exact_limit:
            return None
        return self._resident.cosines(self._connection, self._taken, vector)

    def nearest(self, vector: Vector, allowed: NDArray[np.bool_], count: int) -> Positions:
        places = np.flatnonzero(allowed)
        if len(places) > min(self._exact_limit, _READ_LIMIT):
            indexed = self._from_index(vector, allowed, count)
            if indexed is not None:
                return indexed
        if len(places) <= count:
            return places
        cosines = self.cosines(vector, places)
        return np.sort(places[np.argpartition(-cosines, count)[:count]])

    def cosines(self, vector: Vector, positions: Positions) -> NDArray[np.float32]:
        found = [page @ vector for page in self._pages(positions)]
        return np.concatenate(found) if found else np.zeros(0, np.float32)

    def _from_index(self, vector: Vector, allowed: NDArray[np.bool_], count: int) -> Positions | None:
        # Read before the index is asked: an entry that arrives there in between is then seen twice, not never.
        pending = self._connection.execute("SELECT seq FROM index_pending LIMIT ?", (_MOST_PENDING + 1,)).fetchall()
        if len(pending) > _MOST_PENDING:
            self._index.call()
            return None
        found = self._index.nearest(vector, self._resident.owner, count * _WIDER)
        if found is None:
            return None
        indexed, waiting = self._places(found), self._places([row[0] for row in pending])
        if len(indexed := indexed[allowed[indexed]]) < count:
            return None
        return np.union1d(indexed, waiting[allowed[waiting]])

    def _places(self, seqs: Sequence[int] | NDArray[np.int64]) -> Positions:
        return self.roster.positions(np.asarray(seqs, np.int64))

    def _pages(self, positions: Positions) -> Iterator[Matrix]:
        """Vectors from disk, in the order of the positions."""
        read = self._connection.execute
        wanted = self.roster.seq[positions].tolist()
        for start in range(0, len(wanted), _PAGE):
            page = wanted[start : start + _PAGE]
            span = page[-1] - page[0] + 1
            if span <= 2 * len(page):  # nearly all of them: one walk through the table
                rows = dict(read("SELECT seq, vector FROM vector WHERE seq BETWEEN ? AND ?", (page[0], page[-1])))
            else:
                rows = {seq: row[0] for seq in page if (row := _vector(self._connection, seq))}
            yield decode_all([rows.get(seq) for seq in page], self.dimension)


def _vector(connection: sqlite3.Connection, seq: int) -> tuple[bytes] | None:
    row: tuple[bytes] | None = connection.execute("SELECT vector FROM vector WHERE seq = ?", (seq,)).fetchone()
    return row
