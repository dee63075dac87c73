import asyncio
from collections.abc import Callable, Sequence

import pytest

from memorybank_service.memory.patience import Patience


class Timer(asyncio.TimerHandle):
    def __init__(self) -> None:
        """Only ever cancelled."""

    def cancel(self) -> None:
        """Nothing is looked at again."""


class BusyLoop:
    """Comes to what is due so much too late, one time after the other."""

    def __init__(self, lateness: Sequence[float]) -> None:
        self.now, self._lateness = 100.0, list(lateness)
        self._waiting: list[tuple[float, Callable[[], object]]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], object]) -> asyncio.TimerHandle:
        self._waiting.append((when, callback))
        return Timer()

    def run(self) -> None:
        while self._waiting:
            when, callback = self._waiting.pop()
            self.now = when + (self._lateness.pop(0) if self._lateness else 0.0)
            callback()


@pytest.mark.parametrize(
    ("lateness", "over_after"),
    [([0.001], 0.501), ([0.1], 0.7), ([0.1, 0.1], 0.9), ([0.2] * 9, 1.1), ([3.0], 3.5)],
)
def test_what_this_process_loses_is_given_to_the_others_up_to_twice_the_time(
    lateness: list[float], over_after: float
) -> None:
    loop, over = BusyLoop(lateness), list[float]()
    Patience(0.5, lambda: over.append(loop.now), loop)
    loop.run()
    assert over == [pytest.approx(100 + over_after)]
