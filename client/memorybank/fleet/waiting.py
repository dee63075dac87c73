"""Looked at again and again, at first soon."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from memorybank.fleet.errors import NotInTimeError

T = TypeVar("T")

FIRST_PAUSE, LONGEST_PAUSE, GROWTH = 0.1, 2.0, 1.3


def until(look: Callable[[], T | None], seconds: float, late: Callable[[], str]) -> T:
    """What `look` finds, as soon as that is anything. Raises NotInTimeError with what `late` says."""
    end, pause = time.monotonic() + seconds, FIRST_PAUSE
    while True:
        found = look()
        if found is not None:
            return found
        left = end - time.monotonic()
        if left <= 0:
            raise NotInTimeError(f"{late()} (waited {seconds:g} s)")
        time.sleep(min(pause, left))
        pause = min(pause * GROWTH, LONGEST_PAUSE)
