"""One scope at one moment, for one search: its roster, and the vectors and postings that belong to it."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from memorybank_service.store import FilterValue, Floats, Positions, Postings, Roster, Vector
from memorybank_service.store.chroma_index import ChromaIndex
from memorybank_service.store.metadata_filter import condition
from memorybank_service.store.rosters import Matrix, decode
from memorybank_service.store.told import telling

_MOST_PENDING = 2_000  # beyond it, reading what the index lacks costs more than reading everything
_WIDER = 4  # the index knows nothing of what has faded or is filtered out
_PAGE = 2_000


@telling
class ScopeView:
    def __init__(
        self,
        connection: sqlite3.Connection,
        index: ChromaIndex,
        *,
        owner: int | None,
        roster: Roster,
        vectors: Matrix | None,
        dimension: int,
        exact_limit: int,
    ) -> None:
        self.roster = roster
        self._connection, self._index, self._owner = connection, index, owner
        self._vectors, self._dimension, self._exact_limit = vectors, dimension, exact_limit

    def matching(self, metadata: Mapping[str, FilterValue], run_id: str | None) -> Positions:
        test, parameters = condition(metadata)
        for column, value in (("m.run_id", run_id), ("m.owner", self._owner)):
            if value is not None:
                test, parameters = f"{column} = ? AND {test}", [value, *parameters]
        rows = self._connection.execute(
            f"SELECT m.seq FROM memory m WHERE {test} ORDER BY m.seq",  # noqa: S608 - values are parameters
            parameters,
        )
        return self._places([row[0] for row in rows])

    def postings(self, terms: Sequence[str]) -> dict[str, Postings]:
        return {term: self._posting(term) for term in terms}

    def nearest(self, vector: Vector, allowed: NDArray[np.bool_], count: int) -> Positions:
        places = np.flatnonzero(allowed)
        if self._vectors is None and len(places) > self._exact_limit:
            indexed = self._from_index(vector, allowed, count)
            if indexed is not None:
                return indexed
        if len(places) <= count:
            return places
        cosines, _ = self.cosines(vector, places)
        return np.sort(places[np.argpartition(-cosines, count)[:count]])

    def cosines(self, vector: Vector, positions: Positions) -> tuple[Floats, NDArray[np.bool_]]:
        if self._vectors is not None:
            chosen = self._vectors[positions] if len(positions) < len(self._vectors) else self._vectors
            embedded = np.asarray(chosen.any(axis=1), np.bool_)
            return (chosen @ vector).astype(np.float64), embedded
        cosines, present = np.zeros(len(positions)), np.zeros(len(positions), np.bool_)
        done = 0
        for page in self._pages(positions):
            cosines[done : done + len(page)] = page @ vector
            present[done : done + len(page)] = page.any(axis=1)
            done += len(page)
        return cosines, present

    def _from_index(self, vector: Vector, allowed: NDArray[np.bool_], count: int) -> Positions | None:
        # Read before the index is asked: an entry that arrives there in between is then seen twice, not never.
        pending = self._connection.execute("SELECT seq FROM index_pending LIMIT ?", (_MOST_PENDING + 1,)).fetchall()
        if len(pending) > _MOST_PENDING:
            self._index.call()
            return None
        found = self._index.nearest(vector, self._owner, count * _WIDER)
        if found is None:
            return None
        indexed, waiting = self._places(found), self._places([row[0] for row in pending])
        if len(indexed := indexed[allowed[indexed]]) < count:
            return None
        return np.union1d(indexed, waiting[allowed[waiting]])

    def _places(self, seqs: Sequence[int] | NDArray[np.int64]) -> Positions:
        return self.roster.positions(np.asarray(seqs, np.int64))

    def _posting(self, term: str) -> Postings:
        scope = "owner IN (SELECT owner FROM owner)" if self._owner is None else "owner = ?2"
        rows = self._connection.execute(
            f"SELECT seq, count FROM posting WHERE term = ?1 AND {scope} ORDER BY seq",  # noqa: S608 - no value in it
            (term,) if self._owner is None else (term, self._owner),
        ).fetchall()
        pairs = np.array(rows, np.int64).reshape(-1, 2)
        places = np.searchsorted(self.roster.seq, pairs[:, 0])
        # What was stored since the roster was taken is not in it.
        known = places < len(self.roster)
        known[known] = self.roster.seq[places[known]] == pairs[known, 0]
        return Postings(places[known], pairs[known, 1])

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
            yield np.stack([decode(rows.get(seq), self._dimension) for seq in page])


def _vector(connection: sqlite3.Connection, seq: int) -> tuple[bytes] | None:
    row: tuple[bytes] | None = connection.execute("SELECT vector FROM vector WHERE seq = ?", (seq,)).fetchone()
    return row
