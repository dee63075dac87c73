"""What time it is, as one injected function: retention is tested over years without waiting."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], float]
"""Seconds since 1970-01-01T00:00:00Z."""

SECONDS_PER_HOUR = 3600.0
SECONDS_PER_DAY = 86400.0
EARLIEST = datetime(1, 1, 2, tzinfo=UTC).timestamp()
LATEST = datetime(9999, 12, 30, tzinfo=UTC).timestamp()
"""Between them a moment can be said in every zone."""

system_clock: Clock = time.time


def rfc3339(seconds: float) -> str:
    """The moment as RFC 3339 in UTC with milliseconds, as every answer gives it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def rfc3339_exact(seconds: float) -> str:
    """With microseconds: read again it is the same moment to a millionth of a second."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
