"""Whose memories a request of mem0's is about, and which of them: its filters in the store's terms.

    {"AND": [{"user_id": "ada"}, {"run_id": "*"}, {"categories": ["tea"]}, {"created_at": {"gte": "2027-01-01"}}]}

At least one entity (user, agent, app, run) has to be named. What names several is one scope of all of them together.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from memorybank_service.clock import rfc3339
from memorybank_service.http.filters import DEEPEST, parse_filter
from memorybank_service.http.times import is_date, parse_time
from memorybank_service.store import Scope
from memorybank_service.store.filters import METADATA_PREFIX, And, Compare, Filter, Not, Or

ENTITIES = ("user_id", "agent_id", "app_id", "run_id")
APP = METADATA_PREFIX + "app_id"
"""An app is no part of our scopes: it is kept in the metadata."""
_NAMES = {
    "app_id": APP,
    "session_id": "run_id",
    "timestamp": "created_at",
    "expiration_date": "expires_at",
    "text": "content",
    "keywords": "content",
    "keywords_search": "content",
    "memory_ids": "id",
}
_CATEGORIES = (METADATA_PREFIX + "categories", METADATA_PREFIX + "category")
_ENTITY_FIELDS = frozenset({"user_id", "agent_id", "run_id", "session_id", APP})
_TIMES = frozenset({"created_at", "updated_at", "timestamp", "expiration_date"})
_TEXTS = frozenset({"text", "keywords", "keywords_search"})
_FIRST_DAY, _LAST_DAY = "0001-01-02", "9999-12-29"
"""Within what a moment can be."""
_WITHOUT_ZONE = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,12})?", re.ASCII)


class NobodyError(ValueError):
    """No entity is named."""

    def __init__(self) -> None:
        super().__init__(f"filters must name whose memories are meant, by one of {', '.join(ENTITIES)}")


@dataclass(frozen=True)
class Asked:
    scope: Scope
    filter: Filter | None
    """What narrows the scope further."""
    everyone: bool
    """Entities are meant by `*` alone, so whoever asks need not know one."""


def read_filters(conditions: Sequence[object]) -> Asked:
    """All the conditions together. Raises ValueError with a sentence; NobodyError where they name no entity."""
    given = [_translated(condition, 1) for condition in conditions if condition not in (None, {})]
    parts = [parsed for condition in given if (parsed := parse_filter(condition, wildcard=True)) is not None]
    whole = And(parts)
    if not _names(whole, wildcard=True):
        raise NobodyError
    ids: dict[str, str] = {}
    rest: list[Filter] = []
    for part in _conjuncts(whole):
        match part:
            case Compare("user_id" | "agent_id" | "run_id" as field, "eq", str(value)) if field not in ids:
                ids[field] = value
            case _:
                rest.append(part)
    scope = Scope(ids.get("user_id"), ids.get("agent_id"), ids.get("run_id"))
    return Asked(scope, And(rest) if rest else None, everyone=not _names(whole, wildcard=False))


def _conjuncts(condition: Filter) -> list[Filter]:
    if isinstance(condition, And):
        return [inner for part in condition.parts for inner in _conjuncts(part)]
    return [condition]


def _names(condition: Filter, *, wildcard: bool) -> bool:
    """Whether every memory that it lets through belongs to an entity that it names (`wildcard`: or has one at all)."""
    if isinstance(condition, And):
        return any(_names(part, wildcard=wildcard) for part in condition.parts)
    if isinstance(condition, Or):
        return all(_names(part, wildcard=wildcard) for part in condition.parts)
    if isinstance(condition, Not):
        return False
    if condition.field not in _ENTITY_FIELDS:
        return False
    if condition.op == "exists":
        return wildcard and condition.value is True
    values = condition.value if isinstance(condition.value, list) else [condition.value]
    return condition.op in ("eq", "in") and bool(values) and all(isinstance(value, str) and value for value in values)


def _translated(given: object, depth: int) -> object:
    """With our names of the fields; what is no filter is left for the parser to refuse."""
    if not isinstance(given, Mapping) or depth > DEEPEST:
        return given
    conditions: list[object] = []
    for name, asked in given.items():
        if name in ("AND", "OR", "NOT"):
            parts = asked if isinstance(asked, list) else [asked]
            inner = [_translated(part, depth + 1) for part in parts]
            conditions.append({name: inner if isinstance(asked, list) else inner[0]})
        elif name == "metadata":
            conditions.append({name: asked})
        elif name == "categories":
            conditions.append(_category(asked))
        else:
            conditions.append({_NAMES.get(name, name): _asked(name, asked)})
    return conditions[0] if len(conditions) == 1 else {"AND": conditions}


def _asked(name: str, asked: object) -> object:
    if name in ENTITIES:
        return _each(_entity, asked)
    if name in _TIMES:
        return _each(_moment, asked)
    if name in _TEXTS and isinstance(asked, str):
        return {"icontains": asked}
    if name == "memory_ids" and isinstance(asked, list):
        return {"in": asked}
    return asked


def _each(change: Callable[[object], object], asked: object) -> object:
    """To a value, to each of a list, and to those that operators compare with."""
    if isinstance(asked, list):
        return [change(member) for member in asked]
    if isinstance(asked, Mapping):
        return {op: _each(change, value) if not isinstance(value, Mapping) else value for op, value in asked.items()}
    return change(asked)


def _entity(value: object) -> object:
    """A number may be meant for an id, as Python's clients write them."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _moment(value: object) -> object:
    """Also seconds since 1970, and a time without its zone, which is UTC."""
    if isinstance(value, str) and _WITHOUT_ZONE.fullmatch(value):
        return value + "Z"
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return rfc3339(value)
        except (ValueError, OverflowError, OSError):
            return value
    return value


def _category(asked: object) -> dict[str, Any]:
    """A memory has a list of them, a fact one: `in` is any of the wanted, `contains` is one in whatever case."""
    wanted = asked
    if isinstance(asked, Mapping) and len(asked) == 1:
        [(op, wanted)] = asked.items()
        if op == "contains":
            return {"OR": [{field: {"icontains": wanted}} for field in _CATEGORIES]}
        if op != "in":
            return {_CATEGORIES[0]: asked}
    if wanted == "*":
        return {"OR": [{field: wanted} for field in _CATEGORIES]}
    each = wanted if isinstance(wanted, list) and wanted else [wanted]
    several, one = _CATEGORIES
    return {"OR": [condition for value in each for condition in ({several: {"contains": value}}, {one: value})]}


def last_moment(day: object) -> float:
    """An expiration date includes its day. Raises ValueError."""
    try:
        date.fromisoformat(day if isinstance(day, str) and is_date(day) else "")
    except ValueError:
        raise ValueError("must be a date such as 2027-01-31") from None
    return parse_time(f"{min(max(str(day), _FIRST_DAY), _LAST_DAY)}T23:59:59.999Z")
