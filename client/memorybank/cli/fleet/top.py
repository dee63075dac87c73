"""The fleet as it runs: one screen, again and again."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from memorybank.cli.arguments import add_everywhere, positive_seconds
from memorybank.cli.command import Command
from memorybank.cli.opening import the_fleet
from memorybank.cli.printing import width
from memorybank.cli.progress import Progress
from memorybank.cli.table import Column, table
from memorybank.cli.units import shown_bytes

if TYPE_CHECKING:
    from memorybank.fleet.target import Target

HOME_AND_ERASE = "\x1b[H\x1b[J"
Lines = Sequence[dict[str, Any]]

COLUMNS = [
    Column("TENANT", lambda one: one["tenant_id"]),
    Column("NAMESPACE", lambda one: one["namespace"]),
    Column("PHASE", lambda one: one["phase"]),
    Column("AVAILABLE", lambda one: one["available"]),
    Column("MEMORIES", lambda one: one["memories"]),
    Column("FADED", lambda one: one["faded"]),
    Column("USED", lambda one: shown_bytes(one["disk_used_bytes"])),
    Column("DISK", lambda one: one["disk"]),
    Column("REQUESTS", lambda one: one["requests"]),
    Column("FAILED", lambda one: one["failed"]),
]
RATES = [
    *COLUMNS[:-2],
    Column("REQUESTS/S", lambda one: one.get("rate")),
    Column("FAILED/S", lambda one: one.get("failure_rate")),
]


def _top(target: Target, options: Namespace, progress: Progress) -> Any:
    if options.once:
        return target.usage(everywhere=options.everywhere)
    before: Lines = []
    looked_before = 0.0
    try:
        while True:
            looked, lines = time.monotonic(), target.usage(everywhere=options.everywhere)
            progress.stop()
            _show(with_rates(lines, before, looked - looked_before), options.interval)
            before, looked_before = lines, looked
            time.sleep(options.interval)
    except KeyboardInterrupt:  # the way to end it
        return None


def with_rates(lines: Lines, before: Lines, seconds: float) -> Lines:
    """Requests a second since the screen before; none for a tenant that is new or was started again."""
    known = {(one["namespace"], one["tenant_id"]): one for one in before}
    rated = []
    for one in lines:
        last = known.get((one["namespace"], one["tenant_id"]), {})
        rates = {
            name: _rate(one[count], last.get(count), seconds)
            for name, count in (("rate", "requests"), ("failure_rate", "failed"))
        }
        rated.append({**one, **rates})
    return rated


def _rate(now: int | None, then: int | None, seconds: float) -> float | None:
    return None if now is None or then is None or now < then or seconds <= 0 else (now - then) / seconds


def _show(lines: Lines, interval: float) -> None:
    head = f"{time.strftime('%H:%M:%S')}   {_summary(lines)}   every {interval:g} s; Ctrl-C ends it\n\n"
    screen = head + table(RATES, lines, width())
    sys.stdout.write(f"{HOME_AND_ERASE}{screen}" if sys.stdout.isatty() else f"{screen}\n")
    sys.stdout.flush()


def _summary(lines: Lines) -> str:
    available = sum(one["available"] == "True" for one in lines)
    memories = sum(one["memories"] or 0 for one in lines)
    used = shown_bytes(sum(one["disk_used_bytes"] or 0 for one in lines))
    return f"{len(lines)} tenants, {available} available, {memories} memories, {used} used"


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--once", action="store_true", help="one screen, with all requests since each pod's start")
    parser.add_argument(
        "--interval", type=positive_seconds, default=5.0, metavar="SECONDS", help="between screens (default 5)"
    )
    add_everywhere(parser)


COMMANDS = [
    Command(
        "top",
        "the tenants as they run: memories, disk, requests",
        _top,
        _arguments,
        "  memorybank top -A\n  memorybank top --once -o json",
        columns=COLUMNS,
        opens=the_fleet,
        output="table",
    )
]
