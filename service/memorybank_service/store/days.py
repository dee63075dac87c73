"""Days in UTC, as texts such as `2027-01-15` that sort by themselves: here and in SQL the same."""

import math
from datetime import UTC, date, datetime, timedelta

FIRST, LAST = "0001-01-01", "9999-12-31"
_SECONDS = "(CAST(created_at AS INTEGER) - (created_at < CAST(created_at AS INTEGER)))"
DAY_OF_MEMORY = f"date({_SECONDS}, 'unixepoch')"
"""In SQL, of a row of `memory`: whole seconds, because SQLite rounds what is left of them."""


def day_of(seconds: float) -> str:
    return datetime.fromtimestamp(math.floor(seconds), UTC).date().isoformat()


def bounds(first: str, last: str | None = None) -> tuple[float, float]:
    """From when to before when the days from the first to the last are; only the first, if there is no other."""
    start = datetime.fromisoformat(first).replace(tzinfo=UTC)
    end = datetime.fromisoformat(last or first).replace(tzinfo=UTC)
    return start.timestamp(), (end + timedelta(days=1)).timestamp() if last != LAST else float("inf")


def day_before(day: str) -> str:
    """The first of all days has none, and is its own."""
    return day if day == FIRST else (date.fromisoformat(day) - timedelta(days=1)).isoformat()
