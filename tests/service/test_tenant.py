"""Beginning and ending, also where the two meet."""

import asyncio
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from memorybank_service.embedding.model_files import ModelFiles
from memorybank_service.metrics import Metrics
from memorybank_service.settings import Settings
from memorybank_service.store import StoreError
from memorybank_service.store.directory import DirectoryLock
from memorybank_service.tenant import Tenant
from tests.service.manual_clock import ManualClock

THREADS_OF_A_STORE = {"writer", "index"}


def left_open() -> set[str]:
    return THREADS_OF_A_STORE & {thread.name for thread in threading.enumerate()}


async def test_an_end_asked_for_while_it_opens_leaves_nothing_open(
    settings: Settings, model: ModelFiles, metrics: Metrics
) -> None:
    tenant = Tenant(settings, model, metrics)
    opening = asyncio.create_task(tenant.open())
    while not (settings.data_directory / "memory.db").exists():  # noqa: ASYNC110 - the moment is shorter than any pause
        await asyncio.sleep(0)
    opening.cancel()
    await asyncio.gather(opening, return_exceptions=True)
    await tenant.close()
    await asyncio.get_running_loop().shutdown_default_executor()  # what was begun in a thread ends in it
    assert left_open() == set()
    with DirectoryLock(settings.data_directory) as lock:
        assert lock.acquire(threading.Event())


async def test_a_store_that_fails_while_it_opens_is_closed_again_and_its_pause_is_not_lost(
    settings: Settings, model: ModelFiles, metrics: Metrics, clock: ManualClock
) -> None:
    first = Tenant(settings, model, metrics, clock)
    await first.open()
    await first.close()
    database = settings.data_directory / "memory.db"
    change(database, "ALTER TABLE pause RENAME TO lost")
    clock.advance(hours=5)
    failing = Tenant(settings, model, metrics, clock)
    with pytest.raises(StoreError, match="could not be read: no such table: pause"):
        await failing.open()
    await failing.close()
    assert left_open() == set()
    change(database, "ALTER TABLE lost RENAME TO pause")
    again = Tenant(settings, model, metrics, clock)
    await again.open()
    assert len(again.bank.footing.store.pauses()) == 1
    await again.close()


def change(database: Path, statement: str) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(statement)
