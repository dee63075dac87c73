"""Filters as clients write them, read into the store's expressions.

    {"speaker": "Ada", "created_at": {"gte": "2027-01-01", "lt": "2027-02-01"}}       all of them hold
    {"OR": [{"metadata.topic": "tea"}, {"tags": {"contains": "tea"}}], "NOT": {"run_id": "s1"}}

A name is one of a memory's fields or a key of its metadata. Times are RFC 3339; a date means the whole day.
"""

import json
import sys
from collections.abc import Callable, Mapping
from typing import Annotated, Any, cast, get_args

from pydantic import PlainValidator, WithJsonSchema

from memorybank_service.clock import SECONDS_PER_DAY
from memorybank_service.http.times import is_date, parse_time
from memorybank_service.store.filters import (
    METADATA_PREFIX,
    OWN_FIELDS,
    TEXT_FIELDS,
    TIME_FIELDS,
    And,
    Compare,
    Filter,
    Not,
    Operator,
    Or,
    Scalar,
)

DEEPEST = 8
MOST_CONDITIONS = 64
MOST_MEMBERS = 16
MOST_VALUES = 64
LONGEST_NAME = 256
LONGEST_TEXT = 2048
LONGEST_JSON = 16 << 10
FILTER = "#/components/schemas/Filter"
_LARGEST_NUMBER = int(sys.float_info.max)
_OPERATORS = frozenset(get_args(Operator))
_LISTS = frozenset({"in", "nin"})
_TEXTS = frozenset({"contains", "icontains"})
ORDERS = frozenset({"gt", "gte", "lt", "lte"})
_ANY = "*"
_STATES = (
    "`include` says which states a search finds (`state` for a list); a key of the metadata that is called so is "
    "`metadata.state`"
)
SHOWN_SECONDS = 0.001
"""To which answers show a time."""


def parse_filter(given: object, *, wildcard: bool = False) -> Filter | None:
    """None where nothing is asked. Raises ValueError with a sentence that names the place.

    `wildcard`: the text `*` means that the field has a value, as mem0's filters have it.
    """
    return _Parser(wildcard).parse(given)


def _parse_json(text: object) -> Filter | None:
    if not isinstance(text, str) or len(text) > LONGEST_JSON:
        raise ValueError(f"must be a text of at most {LONGEST_JSON} characters")
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("must be valid JSON") from None
    return parse_filter(given)


JsonFilter = Annotated[
    Any,
    PlainValidator(_parse_json),
    WithJsonSchema({"contentMediaType": "application/json", "contentSchema": {"$ref": FILTER}}),
]
"""In a query."""
Filters = Annotated[Any, PlainValidator(parse_filter), WithJsonSchema({"$ref": FILTER})]


class _Parser:
    def __init__(self, wildcard: bool) -> None:
        self._wildcard, self._left = wildcard, MOST_CONDITIONS

    def parse(self, given: object) -> Filter | None:
        return None if given == {} else self._object(given, "filters", 1)

    def _object(self, given: object, place: str, depth: int) -> Filter:
        if depth > DEEPEST:
            raise ValueError(f"{place} is nested more than {DEEPEST} deep")
        if not isinstance(given, Mapping):
            raise ValueError(f"{place} must be an object")
        if len(given) > MOST_MEMBERS:
            raise ValueError(f"{place} must have at most {MOST_MEMBERS} members, not {len(given)}")
        return _all([self._entry(name, value, f"{place}.{name}", depth) for name, value in given.items()])

    def _entry(self, name: str, value: object, place: str, depth: int) -> Filter:
        if name == "metadata":
            if not isinstance(value, Mapping) or len(value) > MOST_MEMBERS:
                raise ValueError(f"{place} must be an object with at most {MOST_MEMBERS} keys to compare")
            return _all([self._field(key, asked, f"{place}.{key}", METADATA_PREFIX) for key, asked in value.items()])
        if name == "state" and not self._wildcard:
            raise ValueError(f"{place} cannot be asked: {_STATES}")
        if name not in ("AND", "OR", "NOT"):
            return self._field(name, value, place)
        self._spend(place)
        if name == "NOT" and isinstance(value, Mapping):
            return Not(self._object(value, place, depth + 1))
        if not isinstance(value, list) or not 0 < len(value) <= MOST_MEMBERS:
            raise ValueError(f"{place} must be a list of 1 to {MOST_MEMBERS} filters")
        parts = [self._object(part, f"{place}.{number}", depth + 1) for number, part in enumerate(value)]
        return And(parts) if name == "AND" else Or(parts) if name == "OR" else Not(Or(parts))

    def _field(self, key: str, asked: object, place: str, prefix: str = "") -> Filter:
        _check_unicode(key, place)
        if not 0 < len(key) <= LONGEST_NAME:
            raise ValueError(f"{place[:80]} has a name of 0 or more than {LONGEST_NAME} characters")
        name = prefix + key
        if not isinstance(asked, Mapping):
            return self._comparison(name, "eq", asked, place)
        if not asked or (unknown := [op for op in asked if op not in _OPERATORS]):
            wrong = f"not {unknown[0][:20]!r}" if asked else "and at least one"
            raise ValueError(f"{place} takes {', '.join(sorted(_OPERATORS))}, {wrong}")
        return _all([self._comparison(name, cast(Operator, op), value, f"{place}.{op}") for op, value in asked.items()])

    def _comparison(self, name: str, op: Operator, value: Any, place: str) -> Filter:
        self._spend(place)
        if self._wildcard and value == _ANY and op == "eq":
            return Compare(name, "exists", True)
        if op == "exists":
            if not isinstance(value, bool):
                raise ValueError(f"{place} must be true or false")
            return Compare(name, op, value)
        listed = isinstance(value, list)
        if listed and len(value) > MOST_VALUES:
            raise ValueError(f"{place} must have at most {MOST_VALUES} values, not {len(value)}")
        if op in _LISTS and not listed:
            raise ValueError(f"{place} must be a list")
        if listed and op not in _LISTS and (op not in ("eq", "ne") or name in OWN_FIELDS):
            raise ValueError(f"{place} must be one value; for one of several use `in`")
        for member in value if listed else [value]:
            _check_value(member, op, name, place)
        return _in_time(name, op, value, place) if name in TIME_FIELDS else Compare(name, op, value)

    def _spend(self, place: str) -> None:
        self._left -= 1
        if self._left < 0:
            raise ValueError(f"{place} is one condition more than the {MOST_CONDITIONS} that filters may have")


def _all(parts: list[Filter]) -> Filter:
    return parts[0] if len(parts) == 1 else And(parts)


def _check_value(value: object, op: Operator, name: str, place: str) -> None:
    if isinstance(value, str):
        if len(value) > LONGEST_TEXT:
            raise ValueError(f"{place} must be a text of at most {LONGEST_TEXT} characters")
        _check_unicode(value, place)
    elif isinstance(value, float):
        if value - value != 0:
            raise ValueError(f"{place} must not be NaN or Infinity, which JSON does not know")
    elif isinstance(value, int):
        if abs(value) > _LARGEST_NUMBER:
            raise ValueError(f"{place} must be a smaller number")
    elif value is not None:
        raise ValueError(f"{place} must be a text, a number, true, false, null or a list of such")
    if op in _TEXTS and name in OWN_FIELDS - TEXT_FIELDS:
        raise ValueError(f"{place} cannot be asked: the field is no text")
    if op in ORDERS and name == "pinned":
        raise ValueError(f"{place} cannot be asked: of true and false none is less")
    expected = _expected(name, op)
    is_absent = value is None and name in TEXT_FIELDS and op not in ORDERS | _TEXTS
    if expected is not None and not is_absent and not _KINDS[expected](value):
        raise ValueError(f"{place} must be {expected}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_KINDS: Mapping[str, Callable[[object], bool]] = {
    "true or false": lambda value: isinstance(value, bool),
    "a number": _is_number,
    "a text": lambda value: isinstance(value, str),
    "a number or a text": lambda value: isinstance(value, str) or _is_number(value),
}


def _expected(name: str, op: Operator) -> str | None:
    """What a value is compared with; None: with anything, as metadata may hold it."""
    if name in TIME_FIELDS:
        return None  # which is read as a time later
    if name == "pinned":
        return "true or false"
    if name == "importance":
        return "a number"
    if name in TEXT_FIELDS or op == "icontains":
        return "a text"
    return "a number or a text" if op in ORDERS else None


def _check_unicode(text: str, place: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{place[:80].encode(errors='replace').decode()} must be valid Unicode") from None


def _in_time(name: str, op: Operator, value: Any, place: str) -> Filter:
    """A time is as long as it is written exactly: a day, or the millisecond that answers show."""
    if op in _LISTS:
        within = Or([_in_time(name, "eq", member, place) for member in value])
        return within if op == "in" else Not(within)
    if value is None and op in ("eq", "ne"):
        return Compare(name, op, None)
    start, end = _span(value, place)
    comparisons: Mapping[Operator, Callable[[], Filter]] = {
        "eq": lambda: And([Compare(name, "gte", start), Compare(name, "lt", end)]),
        "ne": lambda: Not(And([Compare(name, "gte", start), Compare(name, "lt", end)])),
        "gt": lambda: Compare(name, "gte", end),
        "gte": lambda: Compare(name, "gte", start),
        "lt": lambda: Compare(name, "lt", start),
        "lte": lambda: Compare(name, "lt", end),
    }
    return comparisons[op]()


def _span(value: Scalar, place: str) -> tuple[float, float]:
    if isinstance(value, str):
        try:
            if is_date(value):
                start = parse_time(f"{value}T00:00:00Z")
                return start, start + SECONDS_PER_DAY
            moment = parse_time(value)
        except ValueError as error:
            raise ValueError(f"{place} {error}") from None
        return moment, moment + SHOWN_SECONDS
    raise ValueError(f"{place} must be an RFC 3339 time (2027-01-15T08:00:00Z) or a date (2027-01-15)")
