"""So many at once, and then one more in each interval: a bucket of tokens."""

import datetime


class Turns:
    """Who comes when there is none left comes again later."""

    def __init__(self, at_once: int, seconds: float) -> None:
        """A turn is made every so many seconds, and no more than `at_once` are kept."""
        self._most = float(at_once)
        self._seconds = seconds
        self._left = self._most
        self._counted: datetime.datetime | None = None

    def take(self, now: datetime.datetime) -> bool:
        """Whether there is one."""
        if self._counted is not None:
            self._left = min(self._most, self._left + (now - self._counted).total_seconds() / self._seconds)
        self._counted = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
