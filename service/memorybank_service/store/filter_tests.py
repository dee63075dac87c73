"""What a comparison says of a value: one of a memory's own, or one of its metadata.

Numbers come as an array, because there are as many of them as memories; every other value comes alone, because many
memories share it.
"""

import math
import operator
import sys
from collections.abc import Callable, Sequence
from typing import TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from memorybank_service.store.filters import (
    NUMBER_FIELDS,
    OWN_FIELDS,
    And,
    Compare,
    Filter,
    FilterError,
    Not,
    Or,
    Scalar,
)

MOST_PARTS, DEEPEST = 5_000, 12

Numbers = NDArray[np.float64]
Mask = NDArray[np.bool_]
ValueTest: TypeAlias = Callable[[object], bool]
NumbersTest: TypeAlias = Callable[[Numbers], Mask]


class Absent:
    """In place of a value: the memory's metadata has no such key."""


ABSENT = Absent()
_ORDER: dict[str, Callable[..., bool]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}


def checked(wanted: Filter) -> list[Compare]:
    """The comparisons of a filter; raises FilterError where it is too large, or one of them cannot be made."""
    found = _comparisons(wanted)
    for part in found:
        (numbers_test if part.field in NUMBER_FIELDS else value_test)(part)
    return found


def _comparisons(wanted: Filter) -> list[Compare]:
    found: list[Compare] = []
    waiting, parts = [(wanted, 1)], 0
    while waiting:
        part, depth = waiting.pop()
        parts += 1
        if parts > MOST_PARTS or depth > DEEPEST:
            raise FilterError(f"A filter has at most {MOST_PARTS} parts, nested at most {DEEPEST} deep.")
        if isinstance(part, Compare):
            found.append(part)
        below = [part.part] if isinstance(part, Not) else part.parts if isinstance(part, And | Or) else []
        waiting.extend((child, depth + 1) for child in reversed(below))
    return found


def value_test(part: Compare) -> ValueTest:
    """For a field that is no number: None is no value of an own field. Raises FilterError."""
    if (opposite := _opposite(part)) is not None:
        holds = value_test(opposite)
        return lambda held: not holds(held)
    _check(part)
    return _own_text(part) if part.field in OWN_FIELDS else _metadata(part)


def numbers_test(part: Compare) -> NumbersTest:
    """For a field that is a number: what is no number is no value. Raises FilterError."""
    if (opposite := _opposite(part)) is not None:
        hold = numbers_test(opposite)
        return lambda numbers: ~hold(numbers)
    _check(part)
    value = part.value
    if part.op == "exists":
        return np.isnan if not value else lambda numbers: ~np.isnan(numbers)
    if part.op in ("eq", "in"):
        values = _wanted(part)
        fitting = [_float(entry) for entry in values if _fits(part.field, entry)]
        if None in values:
            return lambda numbers: np.isin(numbers, fitting) | np.isnan(numbers)
        return lambda numbers: np.isin(numbers, fitting)
    if part.op in ("contains", "icontains"):
        raise FilterError(f"{part.field}: is no text.")
    if not _fits(part.field, value):
        return lambda numbers: np.zeros(len(numbers), np.bool_)
    compares, limit = _ORDER[part.op], _float(_ordered(part))
    return lambda numbers: np.asarray(compares(numbers, limit))


def _opposite(part: Compare) -> Compare | None:
    if part.op not in ("ne", "nin"):
        return None
    return Compare(part.field, "eq" if part.op == "ne" else "in", part.value)


def _check(part: Compare) -> None:
    if part.op == "exists" and not isinstance(part.value, bool):
        raise FilterError(f"{part.field}: `exists` is asked with true or false.")
    if (part.op == "in") != isinstance(part.value, list | tuple) and part.op != "eq":
        raise FilterError(f"{part.field}: `{part.op}` takes {'a list' if part.op == 'in' else 'one value'}.")


def _own_text(part: Compare) -> ValueTest:
    value = part.value
    if part.op == "exists":
        return lambda held: (held is not None) == value
    if part.op in ("eq", "in"):
        values = frozenset(entry for entry in _wanted(part) if entry is None or isinstance(entry, str))
        return lambda held: held in values
    if part.op == "contains":
        inside = _text(part)
        return lambda held: isinstance(held, str) and inside in held
    if part.op == "icontains":
        folded = _text(part).casefold()
        return lambda held: isinstance(held, str) and folded in held.casefold()
    if not isinstance(value, str):
        return lambda held: False
    compares = _ORDER[part.op]
    return lambda held: isinstance(held, str) and compares(held, value)


def _metadata(part: Compare) -> ValueTest:
    value = part.value
    if part.op == "exists":
        return lambda held: (held is not None and held is not ABSENT) == value
    if part.op == "eq" and isinstance(value, list | tuple):
        all_of = frozenset(map(value_key, value))
        return lambda held: isinstance(held, list) and all_of <= _keys(held)
    if part.op in ("eq", "in"):
        one_of = frozenset(map(value_key, _wanted(part)))
        return lambda held: value_key(held) in one_of
    if part.op in ("contains", "icontains"):
        return _contains(part)
    compares, limit = _ORDER[part.op], _ordered(part)
    kind = _kind(limit)
    return lambda held: _kind(held) == kind and compares(held, limit)


def _contains(part: Compare) -> ValueTest:
    if part.op == "icontains":
        folded = _text(part).casefold()
        return lambda held: (
            folded in held.casefold()
            if isinstance(held, str)
            else isinstance(held, list) and any(isinstance(one, str) and one.casefold() == folded for one in held)
        )
    value, member = part.value, value_key(part.value)
    return lambda held: (
        isinstance(value, str) and value in held
        if isinstance(held, str)
        else isinstance(held, list) and member in _keys(held)
    )


def _kind(value: object) -> object:
    """Values of two kinds are never the same: true is not 1."""
    return float if type(value) is int else type(value)


def value_key(value: object) -> tuple[object, object]:
    """What two values have in common that are the same."""
    return _kind(value), value if isinstance(value, str | int | float | None) else repr(value)


def _keys(members: Sequence[object]) -> frozenset[tuple[object, object]]:
    return frozenset(map(value_key, members))


def _wanted(part: Compare) -> Sequence[Scalar]:
    if part.op == "eq" and isinstance(part.value, list | tuple):
        raise FilterError(f"{part.field}: is no list; use `in`.")
    return part.value if isinstance(part.value, list | tuple) else [part.value]  # type: ignore[list-item]


def _fits(field: str, value: object) -> bool:
    """Whether a value is of the type of a field that is a number."""
    return isinstance(value, bool) == (field == "pinned") and isinstance(value, int | float)


def _float(value: object) -> float:
    number = cast(float, value)  # or an integer of any size
    return float(number) if abs(number) <= sys.float_info.max else math.copysign(math.inf, number)


def _ordered(part: Compare) -> str | int | float:
    if isinstance(part.value, bool) or not isinstance(part.value, str | int | float):
        raise FilterError(f"{part.field}: `{part.op}` compares numbers or texts.")
    return part.value


def _text(part: Compare) -> str:
    if not isinstance(part.value, str):
        raise FilterError(f"{part.field}: `{part.op}` takes a text.")
    return part.value
