"""Time in which the service did not run, and nobody could have recalled anything: it does not count as forgetting."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memorybank_service.clock import SECONDS_PER_HOUR

SHORTEST_PAUSE_SECONDS = SECONDS_PER_HOUR
"""A restart or an upgrade is shorter, and is no pause."""


def is_pause(last_alive: float, now: float) -> bool:
    return now - last_alive > SHORTEST_PAUSE_SECONDS


class Pauses:
    """Spans of (start, end) in seconds, in order and apart from each other."""

    def __init__(self, spans: Sequence[tuple[float, float]]) -> None:
        ends = np.array(spans, np.float64).reshape(-1, 2)
        self._marks = ends.ravel()
        lengths = ends[:, 1] - ends[:, 0]
        total = np.cumsum(lengths)
        # Paused time up to each mark; between two marks it grows as the clock does, or not at all.
        self._paused = np.column_stack([total - lengths, total]).ravel()

    def __bool__(self) -> bool:
        return len(self._marks) > 0

    def between(self, start: ArrayLike, end: float) -> NDArray[np.float64]:
        """Paused seconds from each `start` to `end`."""
        starts = np.asarray(start, np.float64)
        if not len(self._marks):
            return np.zeros_like(starts)
        paused: NDArray[np.float64] = self._until(np.asarray(end, np.float64)) - self._until(starts)
        return paused

    def after(self, start: ArrayLike, running: ArrayLike) -> NDArray[np.float64]:
        """When so many seconds without a pause have gone by since each `start`; the future has no pauses yet."""
        starts = np.asarray(start, np.float64)
        if not len(self._marks):
            return starts + np.asarray(running, np.float64)
        ran = starts - self._until(starts) + np.asarray(running, np.float64)
        begins, ends = self._marks[::2], self._marks[1::2]
        ran_at_begin = begins - self._until(begins)
        paused = np.concatenate([[0.0], np.cumsum(ends - begins)])
        moments: NDArray[np.float64] = ran + paused[np.searchsorted(ran_at_begin, ran)]
        return moments

    def _until(self, moment: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.interp(moment, self._marks, self._paused, left=0.0)
