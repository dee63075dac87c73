"""Searches by a provider's embedding: many share its calls, and one that is slow or gone keeps nobody waiting."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from memorybank_service.embedding import EmbeddingError, TextRefusedError
from memorybank_service.memory import answering, embedding_queue
from memorybank_service.memory.bank import MemoryBank
from memorybank_service.memory.keeping import Draft
from memorybank_service.memory.queries import CALLS
from memorybank_service.memory.recalling import Search
from memorybank_service.store import Scope
from tests.service.memory.conftest import BankWith
from tests.service.remote_model import RemoteModel
from tests.service.waiting import until_so

Filled = Callable[[RemoteModel], Awaitable[MemoryBank]]


@pytest.fixture(autouse=True)
def _pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is slow here is the machine, except where a test says otherwise."""
    monkeypatch.setattr(answering, "QUERY_SECONDS", 30.0)
    monkeypatch.setattr(answering, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(embedding_queue, "FIRST_PAUSE_SECONDS", 0.01)


@pytest.fixture
def filled(bank_with: BankWith) -> Filled:
    """A bank whose memory has its vector, with a provider that has answered."""

    async def open_one(model: RemoteModel) -> MemoryBank:
        bank = await bank_with(model)
        await bank.memories.add([Draft("Ada lives in Lisbon.", user_id="ada")])

        async def by_meaning() -> bool:
            return await bank.embeddings.length() == 0 and not await degraded(bank, "Lisbon")

        await until_so(by_meaning)
        model.calls.clear()
        return bank

    return open_one


async def degraded(bank: MemoryBank, query: str) -> list[str]:
    return list((await bank.recall.search(Search(query, Scope("ada")))).degraded)


def search(bank: MemoryBank, query: str) -> "asyncio.Task[list[str]]":
    return asyncio.create_task(degraded(bank, query))


async def until_asked(model: RemoteModel, calls: int) -> None:
    async def asked() -> bool:
        return len(model.calls) >= calls

    await until_so(asked)


async def test_many_searches_at_once_share_a_few_calls_and_all_get_their_vectors(filled: Filled) -> None:
    model = RemoteModel()
    bank = await filled(model)
    model.answering.clear()
    first = search(bank, "query 0")
    await until_asked(model, 1)
    rest = [search(bank, f"query {number}") for number in range(1, 40)]
    await until_asked(model, 2)
    model.answering.set()
    assert await asyncio.gather(first, *rest) == [[]] * 40
    assert sorted(model.embedded) == sorted(f"query {number}" for number in range(40))
    assert len(model.calls) <= CALLS


async def test_what_many_ask_at_once_is_asked_for_once(filled: Filled) -> None:
    model = RemoteModel()
    bank = await filled(model)
    model.answering.clear()
    searches = [search(bank, "the same") for _ in range(10)]
    await until_asked(model, 1)
    searches += [search(bank, "the same") for _ in range(10)]
    model.answering.set()
    assert await asyncio.gather(*searches) == [[]] * 20
    assert model.calls == [["the same"]]


async def test_what_nobody_waits_for_any_more_is_not_asked(filled: Filled) -> None:
    model = RemoteModel()
    bank = await filled(model)
    model.answering.clear()
    held = [search(bank, "held 0")]
    for number in range(1, CALLS + 1):
        await until_asked(model, number)
        held.append(search(bank, f"held {number}"))
    left = search(bank, "left")
    await asyncio.sleep(0)
    left.cancel()
    await asyncio.gather(left, return_exceptions=True)
    model.answering.set()
    assert await asyncio.gather(*held) == [[]] * (CALLS + 1)
    assert "left" not in model.embedded


async def test_a_provider_that_hangs_is_waited_for_once_and_then_found_out_in_the_background(
    filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = RemoteModel()
    bank = await filled(model)
    monkeypatch.setattr(answering, "QUERY_SECONDS", 0.05)
    model.answering.clear()
    [sentence] = await degraded(bank, "the first")
    assert "did not answer in time" in sentence
    assert [await degraded(bank, f"query {number}") for number in range(20)] == [[sentence]] * 20
    assert model.calls == [["the first"]]
    model.answering.set()

    async def by_meaning() -> bool:
        return not await degraded(bank, "is it back?")

    await until_so(by_meaning)
    assert model.probes > 0


async def test_an_answer_that_comes_too_late_serves_the_next_search_for_the_same(
    filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = RemoteModel()
    bank = await filled(model)
    monkeypatch.setattr(answering, "QUERY_SECONDS", 0.05)
    model.answers_in = 9.0  # and so it stays
    model.answering.clear()
    assert await degraded(bank, "the first")
    model.answering.set()

    async def known() -> bool:
        return not await degraded(bank, "the first")

    await until_so(known)
    assert await degraded(bank, "another")
    assert model.calls == [["the first"]]


async def test_an_error_of_the_provider_is_told_to_all_until_it_answers_again(filled: Filled) -> None:
    model = RemoteModel()
    bank = await filled(model)
    model.fails = lambda texts: EmbeddingError("no connection")
    model.probe_fails = EmbeddingError("no connection")
    told = ["This search went by words alone: no connection."]
    assert [await degraded(bank, f"query {number}") for number in range(5)] == [told] * 5
    assert len(model.calls) == 1
    model.fails, model.probe_fails = (lambda texts: None), None

    async def by_meaning() -> bool:
        return not await degraded(bank, "is it back?")

    await until_so(by_meaning)


async def test_a_query_that_the_provider_refuses_costs_no_other_its_vector(filled: Filled) -> None:
    model = RemoteModel()
    bank = await filled(model)
    model.fails = lambda texts: TextRefusedError("refused") if "bad" in texts else None
    model.answering.clear()
    first = search(bank, "first")
    await until_asked(model, 1)
    rest = [search(bank, query) for query in ("good", "bad", "fine", "well")]
    model.answering.set()
    assert await asyncio.gather(first, *rest) == [[], [], ["This search went by words alone: refused."], [], []]
    assert await degraded(bank, "and now") == []


async def test_no_search_waits_for_what_it_takes_to_ask_a_provider(filled: Filled) -> None:
    model = RemoteModel()
    bank = await filled(model)
    model.running = False
    model.answering.clear()
    [sentence] = await degraded(bank, "the first")
    assert "is being started" in sentence
    model.answering.set()

    async def by_meaning() -> bool:
        return not await degraded(bank, "is it up?")

    await until_so(by_meaning)
    assert "the first" not in model.embedded


async def test_what_it_takes_to_ask_is_started_with_the_bank_where_the_data_need_it(
    bank_with: BankWith, filled: Filled
) -> None:
    await filled(RemoteModel())
    again = RemoteModel()
    again.running = False
    await bank_with(again)

    async def started() -> bool:
        return again.running

    await until_so(started)
    other = RemoteModel("remote/other")
    await bank_with(other)
    assert other.probes == 0
