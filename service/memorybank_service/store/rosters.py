"""Rosters kept in memory between searches, with the vectors of scopes that are small enough to be scanned exactly.

Scanning one user's 10,000 vectors takes 1 ms and misses nothing; reading them from disk each time would take fifty.
The writer tells of every change before it is acknowledged, so a search never misses what was stored before it.
"""

import sqlite3
import threading
from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from memorybank_service.store import Roster

EXACT_LIMIT = 10_000
"""Memories up to which a scope's vectors are kept and scanned."""
_BUDGET_BYTES = 64 << 20
_ROW = np.dtype(
    [
        ("seq", np.int64),
        ("anchor", np.float64),
        ("expires_at", np.float64),
        ("recalls", np.int32),
        ("words", np.int32),
        ("pinned", np.bool_),
        ("superseded", np.bool_),
        ("alive", np.bool_),
    ]
)
_QUERY = """
SELECT m.seq, m.anchor, ifnull(m.expires_at, 9e999), m.recalls, m.words, m.pinned, m.superseded_by IS NOT NULL, 1,
    v.vector
FROM memory m LEFT JOIN vector v ON v.seq = m.seq WHERE {condition} ORDER BY m.seq
"""
_ONE = _QUERY.format(condition="m.seq = :seq")

Matrix = NDArray[np.float32]


def decode(blob: bytes | None, dimension: int) -> Matrix:
    """A stored vector (float16, which keeps a cosine to 1e-4) as float32; zeros where there is none of this length."""
    if blob is None or len(blob) != 2 * dimension:
        return np.zeros(dimension, np.float32)
    return np.frombuffer(blob, np.float16).astype(np.float32)


def encode(vector: Matrix) -> bytes:
    return vector.astype(np.float16).tobytes()


class ResidentRoster:
    """One scope: an owner's memories, or all (owner None). Rows are only appended, so a snapshot stays what it was."""

    def __init__(self, owner: int | None, dimension: int, exact_limit: int) -> None:
        self._owner, self._dimension, self._exact_limit = owner, dimension, exact_limit
        self._lock = threading.Lock()
        self._rows = np.zeros(0, _ROW)
        self._vectors: Matrix | None = np.zeros((0, dimension), np.float32)
        self._length = 0
        self._complete = False
        self._stale: set[int] = set()

    def snapshot(self, connection: sqlite3.Connection) -> tuple[Roster, Matrix | None]:
        """As it stands now; the matrix is None where the scope is too large for one."""
        with self._lock:
            if not self._complete:
                self._read_on(connection)
            if self._stale:
                self._read_again(connection)
            rows = self._rows[: self._length]
            vectors = None if self._vectors is None else self._vectors[: self._length]
        roster = Roster(
            seq=rows["seq"],
            anchor=rows["anchor"],
            recalls=rows["recalls"],
            pinned=rows["pinned"],
            expires_at=rows["expires_at"],
            words=rows["words"],
            superseded=rows["superseded"],
            alive=rows["alive"],
        )
        return roster, vectors

    def added(self) -> None:
        with self._lock:
            self._complete = False

    def recalled(self, seq: int, recalls: int, anchor: float) -> None:
        with self._lock:
            if (place := self._place(seq)) is not None:
                self._rows["recalls"][place] = recalls
                self._rows["anchor"][place] = anchor

    def changed(self, seq: int) -> None:
        with self._lock:
            self._stale.add(seq)

    def removed(self, seq: int) -> None:
        with self._lock:
            if (place := self._place(seq)) is not None:
                self._rows["alive"][place] = False

    @property
    def size_bytes(self) -> int:
        return self._rows.nbytes + (0 if self._vectors is None else self._vectors.nbytes)

    def _place(self, seq: int) -> int | None:
        known = self._rows["seq"][: self._length]
        place = int(np.searchsorted(known, seq))
        return place if place < self._length and known[place] == seq else None

    def _read_on(self, connection: sqlite3.Connection) -> None:
        after = int(self._rows["seq"][self._length - 1]) if self._length else 0
        condition = "m.seq > :after" if self._owner is None else "m.owner = :owner AND m.seq > :after"
        cursor = connection.execute(_QUERY.format(condition=condition), {"owner": self._owner, "after": after})
        while fresh := cursor.fetchmany(2_000):
            self._append(fresh)
        self._complete = True

    def _read_again(self, connection: sqlite3.Connection) -> None:
        for seq in self._stale:
            place, row = self._place(seq), connection.execute(_ONE, {"seq": seq}).fetchone()
            if place is not None and row is not None:
                self._rows[place] = row[:-1]
                if self._vectors is not None:
                    self._vectors[place] = decode(row[-1], self._dimension)
        self._stale.clear()

    def _append(self, fresh: list[tuple[object, ...]]) -> None:
        end = self._length + len(fresh)
        if end > self._exact_limit:
            self._vectors = None
        if end > len(self._rows):
            self._grow(max(end, 2 * self._length))
        self._rows[self._length : end] = np.array([row[:-1] for row in fresh], _ROW)
        if self._vectors is not None:
            for place, row in enumerate(fresh, self._length):
                self._vectors[place] = decode(row[-1], self._dimension)  # type: ignore[arg-type]  # a BLOB or NULL
        self._length = end

    def _grow(self, capacity: int) -> None:
        """Into new arrays: snapshots keep the old ones."""
        rows = np.zeros(capacity, _ROW)
        rows[: self._length] = self._rows[: self._length]
        self._rows = rows
        if self._vectors is not None:
            vectors = np.zeros((capacity, self._dimension), np.float32)
            vectors[: self._length] = self._vectors[: self._length]
            self._vectors = vectors


class Rosters:
    """The rosters used last, within a budget of memory."""

    def __init__(self, dimension: int, exact_limit: int = EXACT_LIMIT) -> None:
        self.dimension, self._exact_limit = dimension, exact_limit
        self._lock = threading.Lock()
        self._resident: OrderedDict[int | None, ResidentRoster] = OrderedDict()

    def get(self, owner: int | None) -> ResidentRoster:
        """Known here before it is filled, so that no change in between is missed."""
        with self._lock:
            roster = self._resident.get(owner)
            if roster is None:
                roster = self._resident[owner] = ResidentRoster(owner, self.dimension, self._exact_limit)
            self._resident.move_to_end(owner)
            self._evict()
        return roster

    def concerned(self, owner: int) -> list[ResidentRoster]:
        """Those that a change of this owner's memories must be told to."""
        with self._lock:
            return [roster for key in (owner, None) if (roster := self._resident.get(key)) is not None]

    def _evict(self) -> None:
        total = sum(roster.size_bytes for roster in self._resident.values())
        while total > _BUDGET_BYTES and len(self._resident) > 1:
            _, oldest = self._resident.popitem(last=False)
            total -= oldest.size_bytes
