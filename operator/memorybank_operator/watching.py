"""kopf's watches, for as long as they are wanted: they end by what they cannot read, and are begun anew.

A line that is no JSON, an error told in a stream, an API server that was away for a minute: kopf takes each of them for
the end of the operator. To us it is the end of these watches; what they have missed, the next look at everything finds.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Collection, Iterator
from pathlib import Path
from typing import Any, Final

import kopf

from memorybank_operator.cluster import why

logger = logging.getLogger(__name__)

Begin = Callable[[], Awaitable[Collection["asyncio.Task[None]"]]]
"""Begins kopf's tasks, none of which ends by itself."""

FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 10.0
SOUND_SECONDS: Final = 60.0
"""Watches that have lasted so long were sound; their end is not the next in a row of failures."""
STOP_SECONDS: Final = 0.75
"""For the watches to end, and for their connections to be closed, on the way out."""
CLOSE_SECONDS: Final = 5.0
"""The same where nobody waits for our end."""
INACTIVITY_SECONDS: Final = 70.0
"""An API server tells a bookmark every 60 s: a watch without is dead, and is begun anew where it was."""
REQUEST_SECONDS: Final = 30.0
ATTEMPTS: Final = 12

_KOPF: Final = str(Path(kopf.__file__).parent)


class Pauses:
    """What kopf waits between the attempts of a request: longer each time, never the same twice."""

    def __iter__(self) -> Iterator[float]:
        return (pause(attempt) for attempt in range(ATTEMPTS))


def pause(attempt: int) -> float:
    """Seconds before the next attempt, the first being 0."""
    longest: float = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(attempt, 16))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 (no secret)


async def watch_until(stop: asyncio.Event, begin: Begin, begun_anew: Callable[[], None]) -> None:
    """Have the watches run until told to stop; `begun_anew` is called each time that they had to be."""
    failures = 0
    while not stop.is_set():
        began, before = time.monotonic(), asyncio.all_tasks()
        tasks = await begin()
        try:
            reason = await _reason(stop, tasks)
        finally:
            await _end(tasks, before, STOP_SECONDS if stop.is_set() else CLOSE_SECONDS)
        if reason is None:
            return
        failures = 0 if time.monotonic() - began > SOUND_SECONDS else failures + 1
        seconds = pause(failures)
        logger.warning("the watches ended and are begun anew in %.1f s: %s", seconds, reason)
        await asyncio.wait([stopping := asyncio.create_task(stop.wait())], timeout=seconds)
        stopping.cancel()
        begun_anew()


async def _reason(stop: asyncio.Event, tasks: Collection["asyncio.Task[None]"]) -> str | None:
    """Wait for the end: why it came; None: it was told to."""
    stopping = asyncio.create_task(stop.wait())
    try:
        ended, _ = await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
    if stop.is_set():
        return None
    errors = [task.exception() for task in ended if not task.cancelled()]
    return next(
        (f"{type(error).__name__}: {why(error)}" for error in errors if error is not None), "no reason is given"
    )


async def _end(
    tasks: Collection["asyncio.Task[None]"], before: Collection["asyncio.Task[Any]"], seconds: float
) -> None:
    """Cancel what watches and, once that is gone, what closes its connections; for so long each.

    Not by kopf's own way: where one of its watches fails, it leaves the others running, and then cancels every task
    that is younger than itself, ours too. Which tasks are meant is told by where their code is.
    """
    watching = [task for task in asyncio.all_tasks() if task not in before and _watches(task)]
    for some in (watching, [task for task in tasks if task not in watching]):
        for task in some:
            task.cancel()
        if some:
            await asyncio.wait(some, timeout=seconds)


def _watches(task: "asyncio.Task[Any]") -> bool:
    """Kopf's tasks that go on for ever are guarded; others of its own make requests."""
    code = getattr(task.get_coro(), "cr_code", None)
    if code is None or not code.co_filename.startswith(_KOPF):
        return False
    return code.co_name == "guard" or "/clients/" in code.co_filename
