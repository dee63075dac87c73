"""A line on the terminal for what takes longer than two seconds; nothing where nobody looks."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
        self._writing = threading.Lock()
        self._thread: threading.Thread | None = None
        self._began = 0.0

    def say(self, what: str) -> None:
        """What it is at now."""
        self._what = what

    def note(self, line: str) -> None:
        """A line that stays, also where nobody looks: what has been done so far of something that has parts."""
        with self._writing:
            self._write(f"{_ERASE}{line}\n" if self._stream.isatty() else f"{line}\n")

    def __enter__(self) -> Self:
        self._began = self._clock()
        if self._stream.isatty():
            self._thread = threading.Thread(target=self._tell, daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Say no more: what was waited for has begun to come."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    @contextmanager
    def held(self) -> Iterator[None]:
        """While it lasts nothing is said, as somebody else speaks on the terminal."""
        with self._writing:
            yield

    def _tell(self) -> None:
        if self._over.wait(self._patience):
            return
        while True:
            with self._writing:
                self._write(f"{_ERASE}{self._line()}")
            if self._over.wait(REFRESH_SECONDS):
                self._write(_ERASE)
                return

    def _line(self) -> str:
        """No wider than the terminal, as a line that wraps cannot be wiped away."""
        since = f" ({self._clock() - self._began:.0f} s)"
        room = shutil.get_terminal_size().columns - len(since) - 1
        what = " ".join(self._what.split())
        return (what if len(what) <= room else what[: max(0, room - 1)] + "…") + since

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
