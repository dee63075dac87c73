"""Tells what takes its time: every step over two seconds is shown while it runs, and how long it took at its end."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

QUIET_SECONDS = 2.0
REMINDER_SECONDS = 30.0


class Progress:
    """Steps on standard error, and their lengths in seconds for who wants to keep them."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stderr
        self.seconds: dict[str, float] = {}

    def say(self, text: str) -> None:
        self._out.write(text + "\n")
        self._out.flush()

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Shows `title` once the step has lasted two seconds, and again every half minute."""
        began = time.monotonic()
        done = threading.Event()
        reminder = threading.Thread(target=self._remind, args=(title, began, done), daemon=True)
        reminder.start()
        ended = "failed after"
        try:
            yield
            ended = "took"
        finally:
            done.set()
            reminder.join()
            took = time.monotonic() - began
            self.seconds[title] = round(took, 2)
            if took >= QUIET_SECONDS:
                self.say(f"  {title}: {ended} {spoken(took)}")

    def _remind(self, title: str, began: float, done: threading.Event) -> None:
        if done.wait(QUIET_SECONDS):
            return
        self.say(f"  {title} ...")
        while not done.wait(REMINDER_SECONDS):
            self.say(f"  {title} ... {spoken(time.monotonic() - began)} so far")


def spoken(seconds: float) -> str:
    """4.2 s, 1 min 12 s."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"
