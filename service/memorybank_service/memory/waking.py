"""Waiting for a sign or for some time, whichever comes first."""

import asyncio
from contextlib import suppress


async def woken(wake: asyncio.Event, seconds: float) -> None:
    """In the waiter's own task: one made for it would be left behind where the waiter is cancelled."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await wake.wait()
