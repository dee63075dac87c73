"""What filters ask of a scope's memories, in memory: a field's values, read when a filter first names it.

Reading them from disk for each search takes a microsecond a memory, and two for a key of the metadata. Here a filter
looks at every value once, however many memories share it. A field says how much of the roster it knows; what was added
since is read and appended, what was changed since is read again. Of what was deleted it may say anything: the roster
knows that it is gone.
"""

import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from memorybank_service.store.field_values import NumberField, Source, ValueField
from memorybank_service.store.filter_tests import Mask, checked, numbers_test, value_test
from memorybank_service.store.filters import METADATA_PREFIX, NUMBER_FIELDS, OWN_FIELDS, And, Compare, Filter, Not

_LONG = frozenset({"id", "content"})
"""Another one in every memory, and large: read again for every filter that asks."""
_MOST_CHANGES = 200  # beyond it, reading all anew is less work

Seqs = NDArray[np.int64]


class Fields:
    """Of one roster; any thread may ask."""

    def __init__(self, owner: int | None) -> None:
        self._owner = owner
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, NumberField | ValueField] = OrderedDict()
        self.size_bytes = 0

    def matching(self, connection: sqlite3.Connection, wanted: Filter, seqs: Seqs, changed: Sequence[int]) -> Mask:
        """Of the roster of these numbers; `changed`: positions that may be others, in the order of telling.

        Raises FilterError.
        """
        return _Asked(self, connection, seqs, changed, checked(wanted)).mask(wanted)

    def of(self, connection: sqlite3.Connection, part: Compare, seqs: Seqs, changed: Sequence[int]) -> Mask:
        name = _name(part)
        with self._lock:
            field = self._kept.get(name)
            if field is None or len(changed) - field.changes > _MOST_CHANGES:
                kind = NumberField if name in NUMBER_FIELDS else ValueField
                field = kind(Source.of(name, self._owner))
            field.bring_up(connection, seqs, changed)
            self._keep(name, field)
            if isinstance(field, NumberField):
                return field.mask(numbers_test(part), len(seqs))
            return field.mask(value_test(part), len(seqs))

    def of_long(self, connection: sqlite3.Connection, name: str, parts: Sequence[Compare], seqs: Seqs) -> list[Mask]:
        """Of a field that is not kept: all that a filter asks about it in one reading."""
        tests, masks = [value_test(part) for part in parts], [np.zeros(len(seqs), np.bool_) for _ in parts]
        for places, values in Source.of(name, self._owner).read(connection, seqs, 0):
            for test, mask in zip(tests, masks, strict=True):
                mask[places] = [test(value) for value in values]
        return masks

    def _keep(self, name: str, field: NumberField | ValueField) -> None:
        self._kept[name] = field
        self._kept.move_to_end(name)
        # As much as ten fields of few values take.
        budget = max(1 << 18, min(1 << 23, 40 * field.length))
        while sum(kept.size_bytes for kept in self._kept.values()) > budget and len(self._kept) > 1:
            self._kept.popitem(last=False)
        self.size_bytes = sum(kept.size_bytes for kept in self._kept.values())


class _Asked:
    """One filter, for the length of a search."""

    def __init__(
        self,
        fields: Fields,
        connection: sqlite3.Connection,
        seqs: Seqs,
        changed: Sequence[int],
        parts: Sequence[Compare],
    ) -> None:
        self._fields, self._connection, self._seqs, self._changed = fields, connection, seqs, changed
        self._long: dict[int, NDArray[np.uint8]] = {}  # as bits: there may be thousands
        for name in _LONG:
            of_it = [part for part in parts if part.field == name]
            for part, mask in zip(of_it, fields.of_long(connection, name, of_it, seqs) if of_it else [], strict=True):
                self._long[id(part)] = np.packbits(mask)

    def mask(self, wanted: Filter) -> Mask:
        count = len(self._seqs)
        if isinstance(wanted, Not):
            return ~self.mask(wanted.part)
        if not isinstance(wanted, Compare):
            together, result = (np.logical_and, True) if isinstance(wanted, And) else (np.logical_or, False)
            total = np.full(count, result)
            for part in wanted.parts:
                together(total, self.mask(part), out=total)
            return total
        if (bits := self._long.get(id(wanted))) is not None:
            return np.unpackbits(bits, count=count).astype(np.bool_)
        return self._fields.of(self._connection, wanted, self._seqs, self._changed)


def _name(part: Compare) -> str:
    if part.field in OWN_FIELDS or part.field.startswith(METADATA_PREFIX):
        return part.field
    return METADATA_PREFIX + part.field
