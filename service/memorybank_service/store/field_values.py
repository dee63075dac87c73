"""One field of a scope's memories, by position: as numbers, or as small numbers for the values that there are."""

import json
import sqlite3
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from memorybank_service.store.filter_tests import ABSENT, Mask, NumbersTest, ValueTest, value_key
from memorybank_service.store.filters import METADATA_PREFIX, OWN_FIELDS

_COLUMNS = {name: f"m.{name}" for name in OWN_FIELDS - {"user_id", "session_id"}} | {
    "session_id": "m.run_id",
    "user_id": "(SELECT nullif(o.user_id, '') FROM owner o WHERE o.owner = m.owner)",
}
_DECODER = json.JSONDecoder()
_PAGE = 1_000  # some milliseconds of the interpreter's time
_VALUE_BYTES = 200  # of one among others: its place in the list and in the dictionary

Seqs = NDArray[np.int64]
Held = TypeVar("Held", np.float64, np.int32)


@dataclass(frozen=True)
class Source:
    """Where a field stands on disk."""

    column: str
    owner: int | None
    decoded: Callable[[object], object]

    @classmethod
    def of(cls, name: str, owner: int | None) -> "Source":
        """`name`: one of a memory's own fields, or a key of its metadata with the prefix."""
        if name in OWN_FIELDS:
            return cls(_COLUMNS[name], owner, lambda value: value)
        key = name.removeprefix(METADATA_PREFIX)
        return cls("m.metadata", owner, lambda value: _DECODER.raw_decode(str(value))[0].get(key, ABSENT))

    def read(self, connection: sqlite3.Connection, seqs: Seqs, known: int) -> Iterator[tuple[Seqs, list[object]]]:
        """From position `known` on, by the page: positions, and what stands there."""
        if known == len(seqs):
            return
        of_scope = "" if self.owner is None else "m.owner = :owner AND "
        rows = connection.execute(
            f"SELECT m.seq, {self.column} FROM memory m "  # noqa: S608 - our own names
            f"WHERE {of_scope}m.seq BETWEEN :first AND :last ORDER BY m.seq",
            {"owner": self.owner, "first": int(seqs[known]), "last": int(seqs[-1])},
        )
        while page := rows.fetchmany(_PAGE):
            yield np.searchsorted(seqs, [row[0] for row in page]), [self.decoded(row[1]) for row in page]

    def read_one(self, connection: sqlite3.Connection, seq: int) -> list[object]:
        """Empty where it is gone."""
        rows = connection.execute(f"SELECT {self.column} FROM memory m WHERE m.seq = ?", (seq,))  # noqa: S608
        return [self.decoded(row[0]) for row in rows]


class _Field(ABC, Generic[Held]):
    def __init__(self, source: Source, nothing: Held) -> None:
        self._source = source
        self._nothing: Held = nothing
        self._held: NDArray[Held] = np.full(0, nothing)
        self.length, self.changes = 0, 0
        """Of the roster, as far as it is known here; and how many changes are in it."""

    @property
    def size_bytes(self) -> int:
        return self._held.nbytes

    def bring_up(self, connection: sqlite3.Connection, seqs: Seqs, changed: Sequence[int]) -> None:
        if len(seqs) > len(self._held):
            wider = np.full(max(len(seqs), min(2 * self.length, self.length + 8 * _PAGE)), self._nothing)
            wider[: self.length] = self._held[: self.length]
            self._held = wider
        if len(seqs) > self.length:
            for places, values in self._source.read(connection, seqs, self.length):
                self._held[places] = self._coded(values)
            self.length = len(seqs)
        for place in set(changed[self.changes :]):
            if values := self._source.read_one(connection, int(seqs[place])):
                self._held[place] = self._coded(values)[0]
        self.changes = max(self.changes, len(changed))

    @abstractmethod
    def _coded(self, values: Sequence[object]) -> NDArray[Held]: ...


class NumberField(_Field[np.float64]):
    """What is none is not a number."""

    def __init__(self, source: Source) -> None:
        super().__init__(source, np.float64(np.nan))

    def mask(self, holds: NumbersTest, length: int) -> Mask:
        return holds(self._held[:length])

    def _coded(self, values: Sequence[object]) -> NDArray[np.float64]:
        return np.array(values, np.float64)


class ValueField(_Field[np.int32]):
    def __init__(self, source: Source) -> None:
        super().__init__(source, np.int32(0))
        self._values: list[object] = [None]  # the first is of what is gone
        self._codes: dict[object, int] = {}
        self._values_bytes = 0

    @property
    def size_bytes(self) -> int:
        return super().size_bytes + self._values_bytes

    def mask(self, holds: ValueTest, length: int) -> Mask:
        of_values = np.fromiter(map(holds, self._values), np.bool_, len(self._values))
        return of_values[self._held[:length]]

    def _coded(self, values: Sequence[object]) -> NDArray[np.int32]:
        return np.array([self._code(value) for value in values], np.int32)

    def _code(self, value: object) -> int:
        key = value if isinstance(value, str) else value_key(value)
        code = self._codes.get(key)
        if code is None:
            code = self._codes[key] = len(self._values)
            self._values.append(value)
            self._values_bytes += _VALUE_BYTES + sys.getsizeof(value)
        return code
