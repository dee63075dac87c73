"""A limit of time for others, in which the time that this process did not get to run does not count.

On a busy machine an answer lies there and is not looked at: that is no fault of whoever gave it.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

SLACK_SECONDS = 0.005
"""So late is a timer on an idle machine."""
LONGEST = 2
"""Times the limit: after that it is over, whatever the machine does."""


class Loop(Protocol):
    """What it needs of an event loop."""

    def time(self) -> float: ...

    def call_at(self, when: float, callback: Callable[[], object]) -> asyncio.TimerHandle: ...


class Patience:
    def __init__(self, seconds: float, run_out: Callable[[], object], loop: Loop | None = None) -> None:
        """Calls `run_out` once, in so many seconds or somewhat later."""
        self._loop = asyncio.get_running_loop() if loop is None else loop
        self._run_out, self._last = run_out, self._loop.time() + LONGEST * seconds
        self._wait(seconds)

    def cancel(self) -> None:
        self._timer.cancel()

    def _wait(self, seconds: float) -> None:
        self._due = self._loop.time() + seconds
        self._timer = self._loop.call_at(self._due, self._look)

    def _look(self) -> None:
        now = self._loop.time()
        late = now - self._due
        if late > SLACK_SECONDS and now < self._last:
            self._wait(min(late, self._last - now))
        else:
            self._run_out()
