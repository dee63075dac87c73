"""Filters as a condition in SQL on a row `m` of the table `memory`.

What a client sent only ever becomes a parameter; the texts put together here are all our own (hence the S608). Every
piece is either true or false, never NULL, so that `Not` means what it says.
"""

import json
from collections.abc import Sequence
from typing import NamedTuple

from memorybank_service.store.filters import (
    METADATA_PREFIX,
    OWN_FIELDS,
    TEXT_FIELDS,
    And,
    Compare,
    Filter,
    FilterError,
    Not,
    Or,
    Scalar,
)

MOST_PARTS, DEEPEST = 5_000, 12
_TOGETHER = 16
"""SQLite follows some forty open parentheses, and joins up to a thousand conditions: many are joined by the dozen."""

_COLUMNS = {name: f"m.{name}" for name in OWN_FIELDS - {"user_id", "session_id"}} | {
    "session_id": "m.run_id",
    "user_id": "(SELECT nullif(o.user_id, '') FROM owner o WHERE o.owner = m.owner)",
}
_ORDER = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_NUMBER = "type IN ('integer', 'real')"
# One parameter however many are wanted. Of anything else than an array the inner json_each would make an error.
_MEMBERS = "json_each(CASE e.type WHEN 'array' THEN e.value ELSE '[]' END)"
_SAME = "replace(v.type, 'real', 'integer') = replace(w.type, 'real', 'integer') AND v.value IS w.value"
_CONTAINS_ALL = f"""e.type = 'array' AND NOT EXISTS (
    SELECT 1 FROM json_each(?) w WHERE NOT EXISTS (SELECT 1 FROM {_MEMBERS} v WHERE {_SAME})
)"""  # noqa: S608
_ONE_OF = f"EXISTS (SELECT 1 FROM json_each(?) w, (SELECT e.type AS type, e.value AS value) v WHERE {_SAME})"  # noqa: S608
_HAS_MEMBER = f"EXISTS (SELECT 1 FROM json_each(?) w, {_MEMBERS} v WHERE {_SAME})"  # noqa: S608
_HAS_MEMBER_WHATEVER_CASE = f"EXISTS (SELECT 1 FROM {_MEMBERS} v WHERE v.type = 'text' AND casefold(v.value) = ?)"  # noqa: S608


class Condition(NamedTuple):
    test: str
    parameters: list[Scalar]


def condition(wanted: Filter) -> Condition:
    """Raises FilterError where there are too many parts, or a value is none for its operator or field."""
    parts = _parents_first(wanted)
    finished: list[Condition] = []
    for part in reversed(parts):  # children before their parents, the last child first
        if isinstance(part, Compare):
            finished.append(_comparison(part))
        elif isinstance(part, Not):
            test, parameters = finished.pop()
            finished.append(Condition(f"NOT {test}", parameters))
        else:
            children = [finished.pop() for _ in part.parts]
            word, empty = (" AND ", "1") if isinstance(part, And) else (" OR ", "0")
            test = _joined(word, [child.test for child in children]) if children else empty
            finished.append(Condition(test, [value for child in children for value in child.parameters]))
    return finished[0]


def _joined(word: str, tests: Sequence[str]) -> str:
    while len(tests) > _TOGETHER:
        tests = [_joined(word, tests[at : at + _TOGETHER]) for at in range(0, len(tests), _TOGETHER)]
    return f"({word.join(tests)})"


def _parents_first(wanted: Filter) -> list[Filter]:
    parts: list[Filter] = []
    waiting = [(wanted, 1)]
    while waiting:
        part, depth = waiting.pop()
        parts.append(part)
        if len(parts) > MOST_PARTS or depth > DEEPEST:
            raise FilterError(f"A filter has at most {MOST_PARTS} parts, nested at most {DEEPEST} deep.")
        below = [part.part] if isinstance(part, Not) else part.parts if isinstance(part, And | Or) else []
        waiting.extend((child, depth + 1) for child in reversed(below))
    return parts


def _comparison(part: Compare) -> Condition:
    if part.op in ("ne", "nin"):
        test, parameters = _comparison(Compare(part.field, "eq" if part.op == "ne" else "in", part.value))
        return Condition(f"NOT {test}", parameters)
    if part.op == "exists" and not isinstance(part.value, bool):
        raise FilterError(f"{part.field}: `exists` is asked with true or false.")
    if (part.op == "in") != isinstance(part.value, list | tuple) and part.op != "eq":
        raise FilterError(f"{part.field}: `{part.op}` takes {'a list' if part.op == 'in' else 'one value'}.")
    if part.field in OWN_FIELDS:
        test, parameters = _own(part)
        return Condition(f"({test}) IS TRUE", parameters)
    test, parameters = _metadata(part)
    # A key that is null exists for `eq` alone.
    found = f"EXISTS (SELECT 1 FROM json_each(m.metadata) e WHERE e.key = ? AND {test})"  # noqa: S608
    absent = part.op == "exists" and part.value is False
    return Condition(f"NOT {found}" if absent else found, [part.field.removeprefix(METADATA_PREFIX), *parameters])


def _metadata(part: Compare) -> tuple[str, list[Scalar]]:
    value = part.value
    if part.op in ("eq", "in"):
        listed = isinstance(value, list | tuple)
        test = _CONTAINS_ALL if listed and part.op == "eq" else _ONE_OF
        return test, [json.dumps(value if listed else [value])]
    if part.op == "exists":
        return "e.type <> 'null'", []
    if part.op in ("contains", "icontains"):
        return _contains(part)
    kind = "type = 'text'" if isinstance(value, str) else _NUMBER
    return f"e.{kind} AND e.value {_ORDER[part.op]} ?", [_ordered(part)]


def _contains(part: Compare) -> tuple[str, list[Scalar]]:
    if part.op == "icontains":
        folded = _text(part).casefold()
        inside = "e.type = 'text' AND instr(casefold(e.value), ?) > 0"
        return f"({inside} OR {_HAS_MEMBER_WHATEVER_CASE})", [folded, folded]
    member = json.dumps([part.value])
    if isinstance(part.value, str):
        return f"(e.type = 'text' AND instr(e.value, ?) > 0 OR {_HAS_MEMBER})", [part.value, member]
    return _HAS_MEMBER, [member]


def _own(part: Compare) -> tuple[str, list[Scalar]]:
    column, value = _COLUMNS[part.field], part.value
    if part.op == "exists":
        return f"{column} IS {'NOT ' if value else ''}NULL", []
    if part.op in ("eq", "in"):
        values: Sequence[Scalar] = value if isinstance(value, list | tuple) else [value]  # type: ignore[list-item]
        if part.op == "eq" and isinstance(value, list | tuple):
            raise FilterError(f"{part.field}: is no list; use `in`.")
        fitting = [entry for entry in values if entry is not None and _fits(part.field, entry)]
        test = f"{column} IN (SELECT value FROM json_each(?))"  # noqa: S608
        return (f"{test} OR {column} IS NULL" if None in values else test), [json.dumps(fitting)]
    if part.op in ("contains", "icontains"):
        if part.field not in TEXT_FIELDS:
            raise FilterError(f"{part.field}: is no text.")
        if part.op == "contains":
            return f"instr({column}, ?) > 0", [_text(part)]
        return f"instr(casefold({column}), ?) > 0", [_text(part).casefold()]
    return (f"{column} {_ORDER[part.op]} ?", [_ordered(part)]) if _fits(part.field, value) else ("0", [])


def _fits(field: str, value: object) -> bool:
    """Whether a value is of the field's type: SQLite would turn one into another."""
    if field in TEXT_FIELDS:
        return isinstance(value, str)
    return (
        isinstance(value, bool) if field == "pinned" else isinstance(value, int | float) and not isinstance(value, bool)
    )


def _ordered(part: Compare) -> str | int | float:
    if isinstance(part.value, bool) or not isinstance(part.value, str | int | float):
        raise FilterError(f"{part.field}: `{part.op}` compares numbers or texts.")
    # SQLite's integers have 64 bits.
    return float(part.value) if isinstance(part.value, int) and abs(part.value) >= 1 << 63 else part.value


def _text(part: Compare) -> str:
    if not isinstance(part.value, str):
        raise FilterError(f"{part.field}: `{part.op}` takes a text.")
    return part.value
