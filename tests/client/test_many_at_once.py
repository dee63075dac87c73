"""One client, many users of it at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import assert_type

import pytest

from memorybank import AddedMemory, AsyncMemoryBankClient, Memory, MemoryBankClient
from tests.client.conftest import Service
from tests.client.unreliable import answer, hang_up, stay_silent, unreliable


def test_threads_share_a_client(service: Service, user: str) -> None:
    with MemoryBankClient(service.url, service.key) as bank, ThreadPoolExecutor(16) as threads:
        added = list(threads.map(lambda number: bank.add(f"Thing {number}", user_id=user), range(64)))

        assert_type(added, list[AddedMemory])
        assert_type(bank.list(user_id=user), Iterator[Memory])
        assert {memory.id for memory in bank.list(user_id=user)} == {memory.id for memory in added}


async def test_tasks_share_a_client(service: Service, user: str) -> None:
    async with AsyncMemoryBankClient(service.url, service.key) as bank:
        added = await asyncio.gather(*[bank.add(f"Thing {number}", user_id=user) for number in range(64)])

        assert_type(added, list[AddedMemory])
        assert_type(bank.list(user_id=user), AsyncGenerator[Memory, None])
        assert {memory.id async for memory in bank.list(user_id=user)} == {memory.id for memory in added}


async def test_a_task_that_is_cancelled_while_it_waits_leaves_the_client_as_it_was() -> None:
    with unreliable(stay_silent, answer(200), hang_up, answer(200)) as server:
        async with AsyncMemoryBankClient(server.url) as bank:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(bank.health_check(), 0.05)
            assert await bank.health_check() == {}
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(bank.with_options(max_retries=1).health_check(), 0.05)
            assert await bank.health_check() == {}
