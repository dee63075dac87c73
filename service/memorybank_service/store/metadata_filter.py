"""Filters by metadata as a condition in SQL.

What a client sent only ever becomes a parameter; the texts put together here are all our own (hence the S608).
"""

from collections.abc import Mapping

from memorybank_service.store import FilterValue

Scalar = str | int | float | bool | None

_TYPES = {str: "type = 'text'", int: "type IN ('integer', 'real')", float: "type IN ('integer', 'real')"}


def condition(metadata: Mapping[str, FilterValue]) -> tuple[str, list[Scalar]]:
    """A condition on `m.metadata` that holds where every given key has the given value, and its parameters.

    A list asks for a list that contains each of its members, in any order.
    """
    clauses: list[str] = []
    parameters: list[Scalar] = []
    for name, wanted in metadata.items():
        members = wanted if isinstance(wanted, list) else [wanted]
        source = "json_each(m.metadata) e"
        if isinstance(wanted, list):
            clauses.append(f"EXISTS (SELECT 1 FROM {source} WHERE e.key = ? AND e.type = 'array')")  # noqa: S608
            parameters.append(name)
            # Of anything else than an array the inner json_each would make an error.
            source += ", json_each(CASE e.type WHEN 'array' THEN e.value ELSE '[]' END) v"
        for member in members:
            column = "v" if isinstance(wanted, list) else "e"
            test, values = _equals(column, member)
            clauses.append(f"EXISTS (SELECT 1 FROM {source} WHERE e.key = ? AND {test})")  # noqa: S608
            parameters += [name, *values]
    return " AND ".join(clauses) or "1", parameters


def _equals(column: str, value: Scalar) -> tuple[str, list[Scalar]]:
    """JSON's types are kept apart: true is not 1, and "1" is neither."""
    if value is None:
        return f"{column}.type = 'null'", []
    if isinstance(value, bool):
        return f"{column}.type = '{str(value).lower()}'", []
    return f"{column}.{_TYPES[type(value)]} AND {column}.value = ?", [value]
