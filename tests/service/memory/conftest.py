"""A bank on the test's folder, opened with one embedding after another."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest_asyncio

from memorybank_service.embedding import Embedder
from memorybank_service.embedding.local import LocalEmbedder
from memorybank_service.llm import LanguageModel
from memorybank_service.memory.bank import MemoryBank
from memorybank_service.settings import ForgettingSettings
from memorybank_service.store.sqlite_store import SqliteStore
from tests.service.manual_clock import ManualClock

BankWith = Callable[[Embedder], Awaitable[MemoryBank]]
BankAsking = Callable[[LanguageModel], Awaitable[MemoryBank]]


@pytest_asyncio.fixture
async def bank_with(tmp_path: Path, clock: ManualClock) -> AsyncIterator[BankWith]:
    opened: list[MemoryBank] = []

    async def open_one(embedder: Embedder) -> MemoryBank:
        """After the one before has been closed."""
        for bank in opened:
            await bank.close()
        store = await asyncio.to_thread(SqliteStore, tmp_path, embedder.name, embedder.dimension)
        bank = MemoryBank(store, embedder, ForgettingSettings(24, 0.1, 168, 0), clock)
        opened.append(bank)
        await bank.open()
        return bank

    yield open_one
    for bank in opened:
        await bank.close()


@pytest_asyncio.fixture
async def bank_asking(tmp_path: Path, embedder: LocalEmbedder, clock: ManualClock) -> AsyncIterator[BankAsking]:
    opened: list[MemoryBank] = []

    async def open_one(model: LanguageModel) -> MemoryBank:
        """After the one before has been closed."""
        for bank in opened:
            await bank.close()
        store = await asyncio.to_thread(SqliteStore, tmp_path, embedder.name, embedder.dimension)
        bank = MemoryBank(store, embedder, ForgettingSettings(24, 0.1, 168, 0), clock, model=model)
        opened.append(bank)
        await bank.open()
        return bank

    yield open_one
    for bank in opened:
        await bank.close()
