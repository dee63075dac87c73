"""Work that goes on beside the rest, and does not end unheard: a replica that has lost a part of itself stops."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

logger = logging.getLogger(__name__)


def started(work: Coroutine[Any, Any, None], stop: asyncio.Event) -> asyncio.Task[None]:
    """Start the work; if it ends by an error, the error is logged and `stop` is set."""
    task = asyncio.create_task(work)

    def heed(ended: asyncio.Task[None]) -> None:
        if failed(ended):
            logger.error("a part of the operator has failed, which therefore stops", exc_info=ended.exception())
            stop.set()

    task.add_done_callback(heed)
    return task


def failed(task: asyncio.Task[None]) -> bool:
    """Whether it has ended by an error, not by being cancelled."""
    return task.done() and not task.cancelled() and task.exception() is not None
