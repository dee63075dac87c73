"""Conditions on memories, as a client may combine them: they narrow a scope and never widen it.

A field is one of a memory's own (`OWN_FIELDS`) or a key of its metadata, `metadata.x` or just `x` where that is no own
field. Comparing never turns one type into another: true is not 1, and "1" is neither. A condition on a field that a
memory does not have is false, except for `ne`, `nin` and `exists: false`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

Scalar = str | int | float | bool | None
Value = Scalar | Sequence[Scalar]
Operator = Literal["eq", "ne", "in", "nin", "gt", "gte", "lt", "lte", "contains", "icontains", "exists"]

METADATA_PREFIX = "metadata."
TEXT_FIELDS = frozenset({"id", "user_id", "agent_id", "run_id", "session_id", "speaker", "content", "kind"})
TIME_FIELDS = frozenset({"created_at", "updated_at", "stored_at", "expires_at"})
"""Compared as seconds since 1970."""
NUMBER_FIELDS = TIME_FIELDS | {"importance", "pinned"}
OWN_FIELDS = TEXT_FIELDS | NUMBER_FIELDS


class FilterError(ValueError):
    """The filter asks what cannot be asked; the message is a sentence for whoever wrote it."""


@dataclass(frozen=True)
class Compare:
    """
    eq, ne              the same value; a list: a list that contains all of its members, in any order
    in, nin             one of the values
    gt, gte, lt, lte    of two numbers, or of two texts
    contains            a text with this part, a list with this member; `icontains`: whatever the case
    exists              true: the memory has the field, and it is not null
    """

    field: str
    op: Operator
    value: Value


@dataclass(frozen=True)
class And:
    parts: Sequence["Filter"]


@dataclass(frozen=True)
class Or:
    parts: Sequence["Filter"]


@dataclass(frozen=True)
class Not:
    part: "Filter"


Filter: TypeAlias = Compare | And | Or | Not


def all_equal(metadata: Mapping[str, Value]) -> And:
    """Every key of the metadata has this value."""
    return And([Compare(METADATA_PREFIX + name, "eq", value) for name, value in metadata.items()])
