"""Waiting for what another thread or process does, without sleeping longer than it takes."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Fails if the condition does not come to hold within the time."""
    end, pause = time.monotonic() + seconds, threading.Event()
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {condition}"
        pause.wait(0.02)


async def until_so(condition: Callable[[], Awaitable[bool]], seconds: float = 60.0) -> None:
    """The same on the event loop, which goes on meanwhile."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - what is waited for is on disk, and sets no event
            await asyncio.sleep(0.01)
