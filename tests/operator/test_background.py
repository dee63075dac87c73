"""A part of the operator that fails takes the whole replica with it, so that another one, whole, takes over."""

import asyncio
import logging

import pytest

from memorybank_operator.background import failed, started


async def test_a_failure_is_logged_and_stops_the_rest(caplog: pytest.LogCaptureFixture) -> None:
    stop = asyncio.Event()

    async def fails() -> None:
        raise ValueError("the cause")

    task = started(fails(), stop)
    await asyncio.wait_for(stop.wait(), 5)

    assert failed(task)
    assert [record.exc_info for record in caplog.records if record.levelno == logging.ERROR]


async def test_what_is_cancelled_has_not_failed() -> None:
    stop = asyncio.Event()
    task = started(asyncio.sleep(60), stop)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert not failed(task)
    assert not stop.is_set()
