"""The service's handle on a child: a call starts its program where none runs, and waits for the answer."""

import itertools
import os
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from memorybank_service.children import ChildEndedError, ChildTimeoutError
from memorybank_service.children.messages import encode
from memorybank_service.children.running import LEAVE_SECONDS, RunningChild

# All that a child is given unasked: the service's environment holds keys, and a child cannot leak what it lacks.
_INHERITED = (
    "HOME",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "PATH",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONPATH",
    "TMPDIR",
    "TZ",
)


class Child:
    """May be called from any thread, several at a time; how many are served at once is up to the program."""

    def __init__(
        self,
        module: str,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        *,
        idle_seconds: float | None = None,
    ) -> None:
        """`arguments` are visible to every user of the machine; `idle_seconds` without a call end the program."""
        self._module, self._arguments = module, tuple(arguments)
        self.idle_seconds = idle_seconds
        """From the next start on."""
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        self._environment = {**inherited, **(environment or {})}
        self._lock = threading.Lock()
        self._run: RunningChild | None = None
        self._closed = False
        self._numbers = itertools.count(1)

    def call(self, method: str, *arguments: Any, timeout: float) -> Any:
        """What the handler returned; `timeout` includes starting the program.

        Raises ChildError. A child that does not answer in time is killed, with all the calls it has under way: a
        handler that may take long keeps a limit of its own below that. Arguments that cannot be sent raise what
        pickle raises, and ValueError if they are too large.
        """
        return self._call(method, arguments, timeout, lives_on=False)

    def ask(self, method: str, *arguments: Any, timeout: float) -> Any:
        """As `call`, but a child that does not answer in time lives on, and its answer goes nowhere."""
        return self._call(method, arguments, timeout, lives_on=True)

    @property
    def running(self) -> bool:
        run = self._run
        return run is not None and not run.leaving

    @property
    def pid(self) -> int | None:
        """The running process's; None if none runs."""
        run = self._run
        return run.pid if run is not None and not run.leaving else None

    def end(self) -> None:
        """Ends the program; a later call starts it again. Calls under way are lost."""
        with self._lock:
            self._end()

    def close(self) -> None:
        """Ends it for good: a later call raises ChildEndedError."""
        with self._lock:
            self._closed = True
            self._end()

    def _call(self, method: str, arguments: tuple[Any, ...], timeout: float, *, lives_on: bool) -> Any:
        deadline = time.monotonic() + timeout
        number = next(self._numbers)
        message = encode((number, method, arguments))
        run, answer = self._begin(number, deadline)
        whole = True
        try:
            whole = run.send(message, deadline)
            return answer.result(max(0.0, deadline - time.monotonic()))
        except TimeoutError:
            failure = ChildTimeoutError(f"{self._module} did not answer within {timeout:g} s")
            if not (whole and lives_on):  # one that was sent a part of a call understands no other
                run.kill(failure)
            raise failure from None
        finally:
            run.forget(number)

    def _begin(self, number: int, deadline: float) -> tuple[RunningChild, "Future[Any]"]:
        if not self._lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise ChildTimeoutError(f"{self._module} was being started or ended for too long")
        try:
            if self._closed:
                raise ChildEndedError(f"{self._module} was closed")
            if self._run is not None:
                if (answer := self._run.begin(number)) is not None:
                    return self._run, answer
                # Never two of them at once: what the old one has open is free only when it is gone.
                if not self._run.wait(max(0.0, deadline - time.monotonic())):
                    raise ChildTimeoutError(f"the last run of {self._module} did not end in time")
            self._run = RunningChild(self._module, self._arguments, self._environment, self.idle_seconds)
            if (answer := self._run.begin(number)) is None:
                raise ChildEndedError(f"{self._module} ended as soon as it was started")
            return self._run, answer
        finally:
            self._lock.release()

    def _end(self) -> None:
        if self._run is None:
            return
        self._run.leave()
        if not self._run.wait(LEAVE_SECONDS):
            self._run.kill(ChildEndedError(f"{self._module} was ended"))
            self._run.wait(LEAVE_SECONDS)
        self._run = None
