"""One scope's roster in memory, brought up to date by whoever searches next.

The writer only leaves word of what it has changed, so that no write waits for a roster that is being read; a search
looks at that word first, so it never misses what was stored before it.
"""

import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from memorybank_service.store import Roster, Vector
from memorybank_service.store.roster_rows import RosterRows

_MOST_NEWS = 2_000  # beyond it, reading all anew is less work than reading them one by one
_MOST_CHANGES = 5_000


@dataclass
class _News:
    """What the writer has told and nobody has looked at yet."""

    more: bool = True
    stale: set[int] = field(default_factory=set)
    removed: set[int] = field(default_factory=set)
    recalled: dict[int, tuple[int, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Snapshot:
    roster: Roster
    rows: RosterRows
    """What it was taken of, and may have grown since."""
    changed: Sequence[int]
    """As of `RosterRows.changed`, when it was taken."""


class ResidentRoster:
    """An owner's memories, or all (owner None). `grown` is called when it may have taken more memory."""

    def __init__(self, owner: int | None, dimension: int, grown: "Grown") -> None:
        self.owner = owner
        self._dimension, self._grown = dimension, grown
        self._telling, self._reading = threading.Lock(), threading.Lock()
        self._news = _News()
        self._rows = RosterRows(owner, dimension)
        self._sound = True

    def snapshot(self, connection: sqlite3.Connection) -> Snapshot:
        with self._reading:
            with self._telling:
                news, self._news = self._news, _News(more=False)
            started_anew = not self._sound or len(news.stale) + len(news.removed) > _MOST_NEWS
            if started_anew or len(self._rows.changed) > _MOST_CHANGES:
                self._rows, news = RosterRows(self.owner, self._dimension), _News()
            self._sound = False  # until all of the news has been taken in: what breaks off starts anew
            self._take_in(connection, news)
            self._sound = True
            taken = Snapshot(self._rows.roster(), self._rows, tuple(self._rows.changed))
        self._grown(self)
        return taken

    def cosines(self, connection: sqlite3.Connection, taken: Snapshot, vector: Vector) -> NDArray[np.float32]:
        """Of every position; 0 where there is no vector."""
        if taken.rows.expect_vectors(len(taken.roster)):
            self._grown(self)  # others have to go before these come
        return taken.rows.cosines(connection, vector, len(taken.roster))

    @property
    def size_bytes(self) -> int:
        return self._rows.size_bytes

    def added(self) -> None:
        with self._telling:
            self._news.more = True

    def recalled(self, seq: int, recalls: int, anchor: float) -> None:
        with self._telling:
            self._news.recalled[seq] = (recalls, anchor)

    def changed(self, seq: int) -> None:
        with self._telling:
            self._news.stale.add(seq)

    def removed(self, seq: int) -> None:
        with self._telling:
            self._news.removed.add(seq)

    def _take_in(self, connection: sqlite3.Connection, news: _News) -> None:
        """In this order, so that what was told last of a memory is what stays."""
        rows, sessions = self._rows, set[int]()
        for seq, (recalls, anchor) in news.recalled.items():
            if (place := rows.place(seq)) is not None:
                rows.recall(place, recalls, anchor)
        for seq in news.stale:
            if (place := rows.place(seq)) is not None:
                sessions |= rows.read_again(connection, seq, place)
        for seq in news.removed:
            if (place := rows.place(seq)) is not None:
                sessions |= rows.remove(place)
        if news.more:
            sessions |= rows.read_on(connection)
        rows.relink(sessions)


Grown: TypeAlias = Callable[[ResidentRoster], None]
