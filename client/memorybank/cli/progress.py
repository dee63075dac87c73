"""A line on the terminal for what takes longer than two seconds; nothing where nobody looks."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TextIO

PATIENCE_SECONDS = 2.0
REFRESH_SECONDS = 0.5
_ERASE = "\r\x1b[K"


class Progress:
    """While it is open, says what is being done and since when, from the third second on; its line ends with it."""

    def __init__(
        self,
        what: str,
        stream: TextIO | None = None,
        patience: float = PATIENCE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._what, self._stream = what, sys.stderr if stream is None else stream
        self._patience, self._clock = patience, clock
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._began = 0.0

    def say(self, what: str) -> None:
        """What it is at now."""
        self._what = what

    def __enter__(self) -> Self:
        self._began = self._clock()
        if self._stream.isatty():
            self._thread = threading.Thread(target=self._tell, daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def _tell(self) -> None:
        if self._over.wait(self._patience):
            return
        while True:
            self._write(f"{_ERASE}{self._what} ({self._clock() - self._began:.0f} s)")
            if self._over.wait(REFRESH_SECONDS):
                self._write(_ERASE)
                return

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
