"""A child's program for the tests: does what it is told, among it what no program should."""

import os
import resource
import signal
import sys
import time
from collections.abc import Mapping

from memorybank_service.children.serving import serve_child


def echo(*values: object) -> tuple[object, ...]:
    return values


_stalled: list[float] = []


def stall(seconds: float) -> None:
    _stalled.append(seconds)
    time.sleep(seconds)


def stalled() -> int:
    return len(_stalled)


def bulk(size: int) -> bytes:
    return bytes(size)


def fail(message: str) -> None:
    raise LookupError(message)


def crash() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.raise_signal(signal.SIGSEGV)


def exit_with(status: int) -> None:
    os._exit(status)


def babble() -> None:
    sys.stdout.write("a library's greeting")
    sys.stdout.flush()
    os.write(1, b"and what its native part prints")


def scrawl(scrawled: bytes) -> None:
    """Writes into the pipe itself, past the framing."""
    for descriptor in range(3, 20):
        try:
            os.write(descriptor, scrawled)
        except OSError:
            continue
    time.sleep(60)


def unspeakable() -> object:
    return lambda: None


def environment() -> Mapping[str, str]:
    return dict(os.environ)


if __name__ == "__main__":
    serve_child(
        {
            "echo": echo,
            "stall": stall,
            "stalled": stalled,
            "bulk": bulk,
            "fail": fail,
            "crash": crash,
            "exit_with": exit_with,
            "babble": babble,
            "scrawl": scrawl,
            "unspeakable": unspeakable,
            "environment": environment,
        },
        threads=int(sys.argv[1]),
    )
