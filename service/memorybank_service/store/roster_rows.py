"""What is in memory of one scope: its memories' columns, their links, and their vectors once a search asked for them.

Rows are only appended and their cells overwritten, so a roster that was given out stays what it was. One thread at a
time reads into it; any thread may ask it meanwhile.
"""

import sqlite3
import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from memorybank_service.store import Roster
from memorybank_service.store.codes import NONE, Codes, SpeakerCodes
from memorybank_service.store.fields import Fields
from memorybank_service.store.links import relinked
from memorybank_service.store.posting_cache import PostingCache
from memorybank_service.store.vector_blocks import Matrix, VectorBlocks, decode, decode_all

_MEMO_BYTES = 140  # that searches keep of a memory between them, roughly
_PAGE = 1_000  # some milliseconds of the interpreter's time
_COLUMNS = {
    "seq": np.int64,
    "anchor": np.float64,
    "expires_at": np.float64,
    "created_at": np.float64,
    "recalls": np.int32,
    "words": np.int32,
    "marks": np.uint8,
    "pinned": np.bool_,
    "superseded": np.bool_,
    "embedded": np.bool_,
    "linked": np.bool_,
    "session": np.int32,
    "agent": np.int32,
    "speaker": np.int32,
    "alive": np.bool_,
}
_ROWS = """
SELECT m.seq, m.anchor, ifnull(m.expires_at, 9e999), m.created_at, m.recalls, m.words, m.marks, m.pinned,
    m.superseded_by IS NOT NULL, EXISTS (SELECT 1 FROM vector v WHERE v.seq = m.seq),
    m.run_id IS NOT NULL AND m.kind = 'turn', m.owner, m.run_id, m.agent_id, m.speaker
FROM memory m WHERE {condition} ORDER BY m.seq
"""
_ONE = _ROWS.format(condition="m.seq = :seq")
_NAMED = 4  # of its last columns: texts, for which the roster has numbers
_VECTORS = """
SELECT v.seq, v.vector FROM memory m JOIN vector v ON v.seq = m.seq
WHERE {condition} AND m.seq <= :last ORDER BY m.seq
"""

Row = tuple[object, ...]


class RosterRows:
    def __init__(self, owner: int | None, dimension: int) -> None:
        self._owner, self._dimension = owner, dimension
        self._since = "m.seq > :after" if owner is None else "m.owner = :owner AND m.seq > :after"
        self._columns: dict[str, NDArray[np.generic]] = {name: np.zeros(0, kind) for name, kind in _COLUMNS.items()}
        self._previous = np.zeros(0, np.int32)
        self._length = 0
        self._memo: dict[str, object] = {}
        self._loading = threading.Lock()
        self._vectors, self._expected_bytes = VectorBlocks(dimension), 0
        self._agents: Codes[str] = Codes()
        self._sessions: Codes[tuple[object, object, object]] = Codes()
        self._runs: dict[object, list[int]] = {}
        self._speakers = SpeakerCodes()
        self.postings, self.fields = PostingCache(owner), Fields(owner)
        self.changed: list[int] = []
        """Positions of what may have changed since it was read first, in the order in which it was told."""

    def __len__(self) -> int:
        return self._length

    @property
    def size_bytes(self) -> int:
        rows = sum(column.nbytes for column in self._columns.values()) + _MEMO_BYTES * self._length
        vectors = max(self._vectors.size_bytes, self._expected_bytes)
        return rows + self._previous.nbytes + vectors + self.postings.size_bytes + self.fields.size_bytes

    def roster(self) -> Roster:
        columns = {name: column[: self._length] for name, column in self._columns.items()}
        return Roster(previous=self._previous, memo=self._memo, **columns)  # type: ignore[arg-type]  # the columns above

    # What a search asks

    def expect_vectors(self, length: int) -> bool:
        """Counts them to the size before they are read; False where they are in memory already."""
        self._expected_bytes = length * self._dimension * np.dtype(np.float32).itemsize
        return len(self._vectors) < length

    def cosines(self, connection: sqlite3.Connection, vector: Matrix, length: int) -> Matrix:
        """Of the first `length` positions; 0 where there is no vector."""
        with self._loading:
            if len(self._vectors) < length:
                self._read_vectors(connection, length)
        return self._vectors.cosines(vector, length)

    def within(self, roster: Roster, agent_id: str | None, run_id: str | None) -> NDArray[np.bool_]:
        inside = np.ones(len(roster), np.bool_)
        if agent_id is not None:
            inside &= roster.agent == self._agents.find(agent_id)
        if run_id is not None:
            inside &= np.isin(roster.session, self._runs.get(run_id, []))
        return inside

    def speakers_named(self, said: Sequence[str]) -> dict[int, frozenset[str]]:
        return self._speakers.named(said)

    # What changes it

    def place(self, seq: int) -> int | None:
        known = self._columns["seq"][: self._length]
        place = int(np.searchsorted(known, seq))
        return place if place < self._length and known[place] == seq else None

    def recall(self, place: int, recalls: int, anchor: float) -> None:
        self._columns["recalls"][place], self._columns["anchor"][place] = recalls, anchor

    def remove(self, place: int) -> set[int]:
        """Which sessions it concerns, as with every change."""
        self._memo = {}
        self._columns["alive"][place] = self._columns["linked"][place] = False
        return {int(self._columns["session"][place])}

    def read_again(self, connection: sqlite3.Connection, seq: int, place: int) -> set[int]:
        row = connection.execute(_ONE, {"seq": seq}).fetchone()
        if row is None:  # deleted since: there will be word of it
            return set()
        self._memo = {}
        before = int(self._columns["session"][place])
        for name, value in zip(self._columns, (*row[:-_NAMED], *self._numbered(*row[-_NAMED:]), True), strict=True):
            self._columns[name][place] = value
        with self._loading:
            if place < len(self._vectors):
                found = connection.execute("SELECT vector FROM vector WHERE seq = ?", (seq,)).fetchone()
                self._vectors.replace(place, decode(found[0] if found else None, self._dimension))
        self.changed.append(place)
        return {before, int(self._columns["session"][place])}

    def read_on(self, connection: sqlite3.Connection) -> set[int]:
        start, known = self._length, dict[Row, Row]()
        after = int(self._columns["seq"][start - 1]) if start else 0
        rows = connection.execute(_ROWS.format(condition=self._since), {"owner": self._owner, "after": after})
        while page := rows.fetchmany(_PAGE):
            self._append([(*row[:-_NAMED], *self._codes_of(row[-_NAMED:], known), True) for row in page])
        if self._length == start:
            return set()
        self._memo = {}
        self._previous = np.concatenate([self._previous, np.full(self._length - start, NONE, np.int32)])
        return set(np.unique(self._columns["session"][start : self._length]).tolist())

    def relink(self, sessions: set[int]) -> None:
        known = {name: self._columns[name][: self._length] for name in ("session", "created_at", "linked")}
        codes = np.array(sorted(sessions - {NONE}), np.int32)
        if len(codes):
            self._previous = relinked(self._previous, sessions=codes, **known)  # type: ignore[arg-type]

    def _append(self, rows: Sequence[Row]) -> None:
        end = self._length + len(rows)
        if end > len(self._columns["seq"]):
            self._widen(max(end, min(2 * self._length, self._length + 8 * _PAGE)))
        for column, values in zip(self._columns.values(), zip(*rows, strict=True), strict=True):
            column[self._length : end] = values
        self._length = end

    def _widen(self, capacity: int) -> None:
        """Into new arrays: those given out keep the old ones."""
        for name, column in self._columns.items():
            wider = np.zeros(capacity, column.dtype)
            wider[: self._length] = column[: self._length]
            self._columns[name] = wider

    def _codes_of(self, names: Row, known: dict[Row, Row]) -> Row:
        """`known`: of the rows before, which often have the same names."""
        codes = known.get(names)
        if codes is None:
            codes = known[names] = self._numbered(*names)
        return codes

    def _numbered(self, owner: object, run_id: object, agent_id: object, speaker: object) -> Row:
        session = NONE
        if run_id is not None:
            known = len(self._sessions)
            # Of one agent's memories alone, so that a search among them hears nothing else.
            session = self._sessions.number((owner, agent_id, run_id))
            if session == known:
                self._runs.setdefault(run_id, []).append(session)
        agent = self._agents.number(agent_id) if isinstance(agent_id, str) else NONE
        code = self._speakers.number(speaker) if isinstance(speaker, str) else NONE
        return session, agent, code

    def _read_vectors(self, connection: sqlite3.Connection, length: int) -> None:
        seqs, start = self._columns["seq"][:length], len(self._vectors)
        bounds = {"owner": self._owner, "after": int(seqs[start - 1]) if start else 0, "last": int(seqs[-1])}
        rows = connection.execute(_VECTORS.format(condition=self._since), bounds)
        while start < length:
            page = dict(rows.fetchmany(_PAGE))
            # Up to the last that was read; of those before it, some may have no vector.
            end = int(np.searchsorted(seqs, max(page))) + 1 if page else length
            self._vectors.append(decode_all([page.get(seq) for seq in seqs[start:end].tolist()], self._dimension))
            start = end
