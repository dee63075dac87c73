"""One run of a child's program, from its start until it is gone: its process, its pipes, and the calls under way.

A thread of its own reads the answers, and is the one that sees the child end: then it reaps the process and fails
every call that waits. Calls are sent by the threads that make them, never blocking beyond their deadlines.
"""

import contextlib
import os
import select
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, InvalidStateError
from multiprocessing.connection import Connection
from typing import Any

from memorybank_service.children import ChildEndedError, ChildError, HandlerError
from memorybank_service.children.messages import LARGEST_MESSAGE, decode

LEAVE_SECONDS = 5.0
"""For ending by itself once it was told to; then it is killed."""


class RunningChild:
    def __init__(
        self, module: str, arguments: Sequence[str], environment: Mapping[str, str], idle_seconds: float | None
    ) -> None:
        """Raises ChildEndedError if the program cannot be started."""
        self._module, self._idle_seconds = module, idle_seconds
        self._lock = threading.Lock()
        self._calls: dict[int, Future[Any]] = {}
        self._used = time.monotonic()
        self._leaving = False
        self._failure: ChildError | None = None
        calls_in, self._calls_out = os.pipe()
        answers_in, answers_out = os.pipe()
        self._answers: Connection[Any, Any] = Connection(answers_in, writable=False)
        self._sending = threading.Lock()
        os.set_blocking(self._calls_out, False)
        try:
            # -P: a module is never looked for in the working directory. A process group of its own: Ctrl-C concerns
            # the service, which then ends its children in good order.
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", module, *arguments],
                stdin=calls_in,
                stdout=answers_out,
                env=dict(environment),
                process_group=0,
            )
        except OSError as error:
            os.close(self._calls_out)
            self._answers.close()
            raise ChildEndedError(f"{module} cannot be started: {error.strerror}") from None
        finally:
            os.close(calls_in)
            os.close(answers_out)
        self._reader = threading.Thread(target=self._read, name=f"child {self._process.pid}", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def leaving(self) -> bool:
        """Whether it takes no more calls."""
        return self._leaving

    def begin(self, number: int) -> "Future[Any] | None":
        """The answer to come of a call that is about to be sent; None if it takes no more."""
        with self._lock:
            if self._leaving:
                return None
            answer = self._calls[number] = Future()
            return answer

    def send(self, message: bytes, deadline: float) -> bool:
        """False if the deadline came when only a part had gone. Raises TimeoutError if others were still sending.

        Where the child is gone it says nothing: its reader tells whoever waits for the answer.
        """
        if not self._sending.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise TimeoutError
        try:
            if self._calls_out < 0:
                return True
            return _write(self._calls_out, struct.pack("!i", len(message)) + message, deadline)
        finally:
            self._sending.release()

    def forget(self, number: int) -> None:
        """Nobody waits for the answer any more."""
        with self._lock:
            self._calls.pop(number, None)
            self._used = time.monotonic()

    def kill(self, failure: ChildError) -> None:
        """Ends it at once; `failure` is what the calls under way are told."""
        with self._lock:
            self._leaving = True
            self._failure = self._failure or failure
        self._process.kill()

    def leave(self) -> None:
        """Lets it end by itself: it takes no more calls, and those under way are lost."""
        with self._lock:
            self._leaving = True
            self._failure = self._failure or ChildEndedError(f"{self._module} was ended")
        self._close_calls()

    def wait(self, timeout: float) -> bool:
        """Until nothing is left of it; False if that took longer."""
        self._reader.join(timeout)
        return not self._reader.is_alive()

    def _close_calls(self) -> None:
        if not self._sending.acquire(timeout=LEAVE_SECONDS):
            self._process.kill()  # then whoever is sending finds the pipe broken
            self._sending.acquire()
        if self._calls_out >= 0:
            os.close(self._calls_out)
            self._calls_out = -1
        self._sending.release()

    def _read(self) -> None:
        failure = None
        try:
            while True:
                if self._answers.poll(self._patience()):
                    self._take(*decode(self._answers.recv_bytes(LARGEST_MESSAGE)))
                elif self._leaving:
                    self._process.kill()
                elif self._is_idle():
                    self._close_calls()
        except EOFError:
            pass
        except Exception as error:  # garbage can make reading and unpickling raise nearly anything
            failure = ChildEndedError(f"{self._module} did not keep to the protocol ({type(error).__name__})")
            self.kill(failure)
        self._bury(failure)

    def _take(self, number: int, succeeded: bool, value: Any) -> None:
        with self._lock:
            answer = self._calls.get(number)
        if answer is None:
            return  # its caller has given up
        with contextlib.suppress(InvalidStateError):
            if succeeded:
                answer.set_result(value)
            else:
                answer.set_exception(HandlerError(*value))

    def _patience(self) -> float | None:
        """How long to wait for the next answer before there is something else to look at."""
        with self._lock:
            if self._leaving:
                return LEAVE_SECONDS
            if self._idle_seconds is None or self._calls:
                return self._idle_seconds
            return max(0.0, self._used + self._idle_seconds - time.monotonic())

    def _is_idle(self) -> bool:
        """Whether it is; then it takes no more calls."""
        with self._lock:
            if self._idle_seconds is None or self._calls or time.monotonic() - self._used < self._idle_seconds:
                return False
            self._leaving = True
            return True

    def _bury(self, failure: ChildError | None) -> None:
        try:
            status = self._process.wait(LEAVE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        with self._lock:
            self._leaving = True
            failure = self._failure or failure or ChildEndedError(f"{self._module} ended by itself ({_ending(status)})")
            calls, self._calls = self._calls, {}
        for answer in calls.values():
            with contextlib.suppress(InvalidStateError):
                answer.set_exception(failure)
        self._close_calls()
        self._answers.close()


def _write(pipe: int, frame: bytes, deadline: float) -> bool:
    """False if the deadline came before all was written; a pipe that nobody reads any more takes everything."""
    rest = memoryview(frame)
    ready = select.poll()
    ready.register(pipe, select.POLLOUT)
    while rest:
        try:
            rest = rest[os.write(pipe, rest) :]
        except BlockingIOError:
            if not ready.poll(max(0.0, deadline - time.monotonic()) * 1000):
                return False
        except BrokenPipeError:
            break
    return True


def _ending(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
