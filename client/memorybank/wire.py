"""Values between Python and the wire: JSON, and times as RFC 3339 in UTC."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from typing import Any


def rfc3339(moment: datetime) -> str:
    """Raises ValueError for a time without a zone, which could mean any."""
    if moment.utcoffset() is None:
        raise ValueError(f"{moment.isoformat()} has no time zone; give one: datetime(..., tzinfo=UTC)")
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def moment_of(text: str) -> datetime:
    """Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return moment


def encoded(value: Any) -> bytes:
    """As JSON; raises ValueError or TypeError for what JSON cannot say."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_in_json).encode()


def in_query(value: object) -> str | list[str]:
    """As a parameter of a URL; a list of them where it is given several times."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return [str(in_query(entry)) for entry in value]
    return rfc3339(value) if isinstance(value, datetime) else encoded(value).decode()


def _in_json(value: object) -> object:
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"JSON cannot hold a {type(value).__name__}")


def plain(value: Any) -> Any:
    """As the service would write it: a dataclass is an object again, with what this client does not know of it."""
    if is_dataclass(value) and not isinstance(value, type):
        known = {field.name: plain(getattr(value, field.name)) for field in fields(value) if field.name != "extra"}
        return known | plain(getattr(value, "extra", {}))
    if isinstance(value, Mapping):
        return {name: plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    return _in_json(value) if isinstance(value, datetime | date) else value
