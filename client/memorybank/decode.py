"""Answers as dataclasses: each field by its type; what this version of the client does not know goes to `extra`."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import date, datetime
from functools import cache
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from memorybank.record import Page, Record
from memorybank.wire import moment_of

T = TypeVar("T")
Reader = Callable[[Any], Any]


@dataclass(frozen=True)
class _Field:
    read: Reader
    needed: bool


def as_(kind: type[T]) -> Callable[[Any], T]:
    """A reader of answers of this kind; it raises ValueError, which names the field, for any other."""

    def read(answer: Any) -> T:
        result: T = _record(kind, answer)
        return result

    return read


def each(kind: type[T], name: str | None = None) -> Callable[[Any], list[T]]:
    """A reader of the list that is the answer, or stands under a name in it."""
    read = as_(kind)
    return lambda answer: [read(entry) for entry in _checked(answer if name is None else _part(answer, name), list)]


def page_of(kind: type[T]) -> Callable[[Any], Page[T]]:
    results = each(kind, "results")
    return lambda answer: Page(tuple(results(answer)), answer.get("next_cursor"), answer.get("total"))


def as_object(answer: Any) -> dict[str, Any]:
    result: dict[str, Any] = _checked(answer, dict)
    return result


def text_of(name: str) -> Callable[[Any], str]:
    return lambda answer: str(_checked(_part(answer, name), str))


def _part(answer: Any, name: str) -> Any:
    if name not in as_object(answer):
        raise ValueError(f"{name} is missing")
    return answer[name]


def _record(kind: Any, answer: Any) -> Any:
    if not isinstance(answer, Mapping):
        raise ValueError(f"a {kind.__name__} is an object, not {_short(answer)}")
    known = _fields(kind)
    values: dict[str, Any] = {}
    for name, field in known.items():
        if name in answer:
            try:
                values[name] = field.read(answer[name])
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
        elif field.needed:
            raise ValueError(f"{name} is missing")
    if issubclass(kind, Record):
        unknown = answer.keys() - known.keys() - kind.aliases
        values["extra"] = {name: value for name, value in answer.items() if name in unknown}
    return kind(**values)


@cache
def _fields(kind: Any) -> dict[str, _Field]:
    hints = get_type_hints(kind)
    return {
        field.name: _Field(_reader(hints[field.name]), field.default is MISSING and field.default_factory is MISSING)
        for field in fields(kind)
        if field.name != "extra"
    }


def _reader(hint: Any) -> Reader:
    """Of a field's type: a plain one, a dataclass, or `X | None`, `tuple[X, ...]`, `Literal[...]`, `Mapping[...]`."""
    origin, inner = get_origin(hint), get_args(hint)
    read: Reader
    if origin in {Union, types.UnionType}:
        one = _reader(next(member for member in inner if member is not types.NoneType))
        read = lambda value: None if value is None else one(value)  # noqa: E731
    elif origin is tuple:
        one = _reader(inner[0])
        read = lambda value: tuple(one(entry) for entry in _checked(value, list))  # noqa: E731
    elif is_dataclass(hint):
        read = as_(cast("type[Any]", hint))
    else:
        read = _PLAIN[hint if origin is None else origin]
    return read


def _checked(value: Any, *kinds: type[Any]) -> Any:
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise ValueError(f"must be {kinds[0].__name__}, not {_short(value)}")
    return value


def _short(value: Any) -> str:
    """The kind only: a memory's text must not reach a log by way of an error."""
    return type(value).__name__


_PLAIN: Mapping[Any, Reader] = {
    Any: lambda value: value,
    str: lambda value: _checked(value, str),
    Literal: lambda value: _checked(value, str),  # a newer service may know more of them
    int: lambda value: _checked(value, int),
    float: lambda value: float(_checked(value, float, int)),
    bool: lambda value: _checked(value, bool),
    datetime: lambda value: moment_of(_checked(value, str)),
    date: lambda value: date.fromisoformat(_checked(value, str)),
    Mapping: lambda value: _checked(value, dict),
}
