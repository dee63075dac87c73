"""Filters by metadata as a condition in SQL.

What a client sent only ever becomes a parameter; the texts put together here are all our own (hence the S608).
"""

import json
from collections.abc import Mapping, Sequence

from memorybank_service.store import FilterValue

Scalar = str | int | float | bool | None

_TYPES = {str: "type = 'text'", int: "type IN ('integer', 'real')", float: "type IN ('integer', 'real')"}
# One parameter however many are wanted: SQLite bounds how many conditions a statement may join. Of anything else than
# an array the inner json_each would make an error.
_CONTAINS_ALL = """
e.type = 'array' AND NOT EXISTS (
    SELECT 1 FROM json_each(?) w WHERE NOT EXISTS (
        SELECT 1 FROM json_each(CASE e.type WHEN 'array' THEN e.value ELSE '[]' END) v
        WHERE replace(v.type, 'real', 'integer') = replace(w.type, 'real', 'integer') AND v.value = w.value
    )
)
"""


def condition(metadata: Mapping[str, FilterValue]) -> tuple[str, list[Scalar]]:
    """A condition on `m.metadata` that holds where every given key has the given value, and its parameters.

    A list asks for a list that contains each of its members, in any order.
    """
    clauses: list[str] = []
    parameters: list[Scalar] = []
    for name, wanted in metadata.items():
        test, values = _contains_all(wanted) if isinstance(wanted, list) else _equals(wanted)
        clauses.append(f"EXISTS (SELECT 1 FROM json_each(m.metadata) e WHERE e.key = ? AND {test})")  # noqa: S608
        parameters += [name, *values]
    return " AND ".join(clauses) or "1", parameters


def _contains_all(members: Sequence[Scalar]) -> tuple[str, list[Scalar]]:
    return _CONTAINS_ALL, [json.dumps(members)]


def _equals(value: Scalar) -> tuple[str, list[Scalar]]:
    """JSON's types are kept apart: true is not 1, and "1" is neither."""
    if value is None:
        return "e.type = 'null'", []
    if isinstance(value, bool):
        return f"e.type = '{str(value).lower()}'", []
    return f"e.{_TYPES[type(value)]} AND e.value = ?", [value]
