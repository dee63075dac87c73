"""Postings that were decoded for a search, kept for the next: reading them takes 0.2 µs a memory, and a hot term
stands in every second one.

An entry says how much of the roster it knows; what was added since is read and appended, what was changed since is read
again. What was deleted stays in it: the roster knows that it is gone.
"""

import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memorybank_service.store import Postings

# A row as one number and all rows as one text: a third of the time that tuples take.
_COUNT_BITS = 6
_MOST = (1 << _COUNT_BITS) - 1
_PACKED = f"group_concat(p.seq * {_MOST + 1} + min(p.count, {_MOST}), ' ')"
_ALL = f"SELECT {_PACKED} FROM posting p WHERE p.term = :term AND p.owner = :owner"  # noqa: S608 - our own numbers
_ALL_OWNERS = f"SELECT {_PACKED} FROM posting p WHERE p.term = :term AND p.owner IN (SELECT owner FROM owner)"  # noqa: S608
_SINCE = f"{_ALL} AND p.seq > :after"
_SINCE_ALL_OWNERS = (
    f"SELECT {_PACKED} FROM memory m JOIN posting p "  # noqa: S608
    "ON p.owner = m.owner AND p.term = :term AND p.seq = m.seq WHERE m.seq > :after"
)
_ONE = (
    "SELECT p.count FROM memory m JOIN posting p ON p.owner = m.owner AND p.term = ? AND p.seq = m.seq WHERE m.seq = ?"
)
_MOST_CHANGES = 200  # beyond it, reading all anew is less work
_ENTRY_BYTES = 400


@dataclass(frozen=True)
class _Entry:
    postings: Postings
    length: int
    """Of the roster, as far as it is known here."""
    changes: int
    """How many changes are in it."""

    @property
    def size_bytes(self) -> int:
        return _ENTRY_BYTES + self.postings.positions.nbytes + self.postings.counts.nbytes


class PostingCache:
    """Of one roster. Threads may read the same term twice, and keep the same result."""

    def __init__(self, owner: int | None) -> None:
        self._owner = owner
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._budget = 0
        self.size_bytes = 0

    def get(
        self, connection: sqlite3.Connection, term: str, seqs: NDArray[np.int64], changed: Sequence[int]
    ) -> Postings:
        """Of the roster of these numbers; `changed`: positions whose words may be others, in the order of telling."""
        with self._lock:
            entry = self._entries.get(term)
            if entry is not None:
                self._entries.move_to_end(term)
        if entry is not None and entry.length > len(seqs):  # another thread has seen more
            return _first(entry.postings, len(seqs))
        if entry is None or len(changed) - entry.changes > _MOST_CHANGES:
            postings = self._read(connection, term, seqs, 0)
        else:
            postings = self._brought_up(connection, term, seqs, changed, entry)
        if (
            entry is None
            or postings is not entry.postings
            or (len(seqs), len(changed)) != (entry.length, entry.changes)
        ):
            self._keep(term, _Entry(postings, len(seqs), len(changed)))
        return postings

    def _brought_up(
        self,
        connection: sqlite3.Connection,
        term: str,
        seqs: NDArray[np.int64],
        changed: Sequence[int],
        entry: _Entry,
    ) -> Postings:
        postings = entry.postings
        if entry.length < len(seqs):
            new = self._read(connection, term, seqs, entry.length)
            if len(new.positions):
                postings = Postings(
                    np.concatenate([postings.positions, new.positions]), np.concatenate([postings.counts, new.counts])
                )
        for position in set(changed[entry.changes :]):
            postings = self._read_again(connection, term, int(seqs[position]), position, postings)
        return postings

    def _read(self, connection: sqlite3.Connection, term: str, seqs: NDArray[np.int64], known: int) -> Postings:
        if known:
            query = _SINCE_ALL_OWNERS if self._owner is None else _SINCE
        else:
            query = _ALL_OWNERS if self._owner is None else _ALL
        after = int(seqs[known - 1]) if known else 0
        text = connection.execute(query, {"term": term, "owner": self._owner, "after": after}).fetchone()[0]
        packed = np.sort(np.fromstring(text, np.int64, sep=" ")) if text else np.zeros(0, np.int64)
        numbers, counts = packed >> _COUNT_BITS, (packed & _MOST).astype(np.uint8)
        places = np.searchsorted(seqs, numbers).astype(np.int32)
        inside = places < len(seqs)  # what was stored since the roster was taken is not in it
        inside[inside] = seqs[places[inside]] == numbers[inside]
        return Postings(places[inside], counts[inside])

    @staticmethod
    def _read_again(connection: sqlite3.Connection, term: str, seq: int, position: int, postings: Postings) -> Postings:
        others = postings.positions != position
        row = connection.execute(_ONE, (term, seq)).fetchone()
        if row is None:
            return postings if others.all() else Postings(postings.positions[others], postings.counts[others])
        positions, counts = postings.positions[others], postings.counts[others]
        at = int(np.searchsorted(positions, position))
        return Postings(
            np.insert(positions, at, position), np.insert(counts, at, min(int(row[0]), _MOST)).astype(np.uint8)
        )

    def _keep(self, term: str, entry: _Entry) -> None:
        with self._lock:
            # As much as half a dozen common terms of the scope take.
            self._budget = max(1 << 18, min(1 << 23, 40 * entry.length))
            old = self._entries.pop(term, None)
            self.size_bytes += entry.size_bytes - (old.size_bytes if old is not None else 0)
            self._entries[term] = entry
            while self.size_bytes > self._budget and len(self._entries) > 1:
                _, oldest = self._entries.popitem(last=False)
                self.size_bytes -= oldest.size_bytes


def _first(postings: Postings, length: int) -> Postings:
    end = int(np.searchsorted(postings.positions, length))
    return Postings(postings.positions[:end], postings.counts[:end])
