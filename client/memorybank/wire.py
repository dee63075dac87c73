"""Values between Python and the wire: JSON, and times as RFC 3339 in UTC."""

from __future__ import annotations

import json
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


def in_query(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return rfc3339(value) if isinstance(value, datetime) else str(value)


def _in_json(value: object) -> object:
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"JSON cannot hold a {type(value).__name__}")
