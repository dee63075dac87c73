"""Waiting for what another thread or process does, without sleeping longer than it takes."""

import threading
import time
from collections.abc import Callable


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Fails if the condition does not come to hold within the time."""
    end, pause = time.monotonic() + seconds, threading.Event()
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {condition}"
        pause.wait(0.02)
