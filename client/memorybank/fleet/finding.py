"""One thing that was looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from memorybank.fleet.errors import FleetError, RefusedError

State = Literal["ok", "warning", "problem", "unknown"]


@dataclass(frozen=True)
class Finding:
    about: str
    state: State
    message: str
    remedy: str = ""
    """What to do; empty where nothing is to be done."""


Check = Callable[[], Iterator[Finding]]


def ok(about: str, message: str) -> Finding:
    return Finding(about, "ok", message)


def warning(about: str, message: str, remedy: str) -> Finding:
    return Finding(about, "warning", message, remedy)


def problem(about: str, message: str, remedy: str) -> Finding:
    return Finding(about, "problem", message, remedy)


def looked(about: str, check: Check) -> Iterator[Finding]:
    """What a check finds; that it may not look, or gets no answer, is a finding too."""
    try:
        yield from check()
    except RefusedError as error:
        yield Finding(about, "unknown", f"it cannot be looked at: {error}")
    except FleetError as error:
        yield problem(about, str(error), "")
