"""Remembering, recalling and forgetting over time, with a clock that the test turns."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import pytest
import pytest_asyncio

from memorybank_service.embedding.local import LocalEmbedder
from memorybank_service.memory import decay as decay_module
from memorybank_service.memory.bank import MemoryBank
from memorybank_service.memory.keeping import Draft
from memorybank_service.memory.recalling import Recollection, Search
from memorybank_service.settings import ForgettingSettings
from memorybank_service.store import Scope
from memorybank_service.store.sqlite_store import SqliteStore
from tests.service.full_volume import full_volume
from tests.service.manual_clock import ManualClock

OpenBank = Callable[..., Awaitable[MemoryBank]]


@pytest_asyncio.fixture
async def open_bank(tmp_path: Path, embedder: LocalEmbedder, clock: ManualClock) -> AsyncIterator[OpenBank]:
    opened: list[MemoryBank] = []

    async def open_one(purge_after_days: float = 0, threshold: float = 0.1) -> MemoryBank:
        store = SqliteStore(tmp_path, embedder.name, embedder.dimension)
        settings = ForgettingSettings(24, threshold, 168, purge_after_days)
        bank = MemoryBank(store, embedder, settings, clock)
        opened.append(bank)
        await bank.open()
        return bank

    yield open_one
    for bank in opened:
        await bank.close()


async def remember(bank: MemoryBank, content: str, user_id: str = "") -> str:
    [stored] = await bank.memories.add([Draft(content, user_id=user_id)])
    return stored.kept.memory.id


async def recall(bank: MemoryBank, query: str, user_id: str | None = None) -> Sequence[Recollection]:
    return (await bank.recall.search(Search(query, Scope(user_id)))).recollections


async def run_on(bank: MemoryBank, clock: ManualClock, days: float) -> None:
    """Lets the service run: it beats within every hour, so no time of it is a pause."""
    for _ in range(round(days * 24)):
        clock.advance(hours=1)
        await bank.beat()


async def test_what_was_stored_is_found_by_the_very_next_search(open_bank: OpenBank) -> None:
    bank = await open_bank()
    for number in range(5):
        memory_id = await remember(bank, f"The code of door {number} is {number * 37}.")
        [best, *_] = await recall(bank, f"What is the code of door {number}?")
        assert best.memory.id == memory_id


async def test_concurrent_stores_are_all_kept(open_bank: OpenBank) -> None:
    bank = await open_bank()
    ids = await asyncio.gather(*(remember(bank, f"note {number}") for number in range(50)))
    assert len(set(ids)) == 50
    assert (await bank.totals()).memories == 50


async def test_one_user_s_search_never_shows_another_s_memory(open_bank: OpenBank) -> None:
    bank = await open_bank()
    await remember(bank, "Ada's pin is 1234.", user_id="ada")
    await remember(bank, "Ben likes boats.", user_id="ben")
    assert [f.memory.user_id for f in await recall(bank, "What is Ada's pin?", "ben")] == ["ben"]
    assert await recall(bank, "What is Ada's pin?", "nobody") == []
    assert {f.memory.user_id for f in await recall(bank, "pin and boats")} == {"ada", "ben"}


async def test_a_rare_word_is_found_though_its_meaning_is_not(open_bank: OpenBank) -> None:
    bank = await open_bank()
    for number in range(20):
        await remember(bank, f"A ticket about the login page, number {number}.")
    wanted = await remember(bank, "Ticket about the login page, QX-7731.")
    assert (await recall(bank, "qx 7731"))[0].memory.id == wanted


async def test_two_character_words_of_chinese_are_found(open_bank: OpenBank) -> None:
    bank = await open_bank()
    await remember(bank, "他喜欢喝咖啡。")
    wanted = await remember(bank, "我们在上海开会。")
    assert (await recall(bank, "上海"))[0].memory.id == wanted


async def test_a_recall_makes_stronger_and_sets_the_clock_back(open_bank: OpenBank, clock: ManualClock) -> None:
    bank = await open_bank()
    await remember(bank, "Ada lives in Lisbon.")
    await run_on(bank, clock, days=7)
    [found] = await recall(bank, "Where does Ada live?")
    assert abs(found.hit.retention - 0.36787944117) < 1e-9
    assert await bank.recall.record_recalls([found]) == 1
    [again] = await recall(bank, "Where does Ada live?")
    assert (again.hit.retention, again.memory.recalls) == (1.0, 1)
    await run_on(bank, clock, days=7)
    [later] = await recall(bank, "Where does Ada live?")
    assert abs(later.hit.retention - 0.60653065971) < 1e-9


async def test_a_memory_is_recalled_at_most_once_an_hour(open_bank: OpenBank, clock: ManualClock) -> None:
    bank = await open_bank()
    await remember(bank, "Ada lives in Lisbon.")
    found = await recall(bank, "Where does Ada live?")
    assert [await bank.recall.record_recalls(found) for _ in range(2)] == [1, 0]
    clock.advance(hours=1)
    assert await bank.recall.record_recalls(found) == 1


async def test_only_the_first_five_above_the_floor_are_recalled(open_bank: OpenBank) -> None:
    bank = await open_bank()
    for number in range(7):
        await remember(bank, f"Ada lives in Lisbon, in street number {number}.")
    assert await bank.recall.record_recalls(await recall(bank, "Where in Lisbon does Ada live?")) == 5
    unrelated = await recall(bank, "invoice overdue spreadsheet")
    assert all(f.hit.similarity < 0.25 for f in unrelated)
    assert await bank.recall.record_recalls(unrelated) == 0


async def test_a_faded_memory_is_not_found_and_nothing_is_lost(open_bank: OpenBank, clock: ManualClock) -> None:
    bank = await open_bank()
    await remember(bank, "Ada lives in Lisbon.")
    await run_on(bank, clock, days=17)
    assert await recall(bank, "Lisbon") == []
    assert (await bank.decay.census()).faded == 1
    assert (await bank.totals()).memories == 1


async def test_memories_that_take_long_to_count_are_not_counted_at_every_look(
    open_bank: OpenBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = await open_bank()
    await remember(bank, "Ada lives in Lisbon.")
    assert (await bank.decay.recent_census()).active == 1
    monkeypatch.setattr(decay_module, "_QUICK_SECONDS", 0)
    monkeypatch.setattr(decay_module, "_MOST_OFTEN", 1e9)
    await remember(bank, "Ben lives in Porto.")
    assert (await bank.decay.recent_census()).active == 1
    assert (await bank.decay.census()).active == 2
    assert (await bank.decay.recent_census()).active == 2


async def test_how_often_the_forgetting_runs_changes_nothing(open_bank: OpenBank, clock: ManualClock) -> None:
    bank = await open_bank()
    await remember(bank, "Ada lives in Lisbon.")
    await run_on(bank, clock, days=10)
    before = (await recall(bank, "Lisbon"))[0].hit.retention
    for _ in range(20):
        result = await bank.decay.run()
        assert (result.faded, result.purged) == (0, 0)
    assert (await recall(bank, "Lisbon"))[0].hit.retention == before
    await run_on(bank, clock, days=7)
    assert [(await bank.decay.run()).faded for _ in range(3)] == [1, 1, 1]


async def test_nothing_is_purged_unless_purging_is_on(open_bank: OpenBank, clock: ManualClock) -> None:
    bank = await open_bank()
    await remember(bank, "Ada lives in Lisbon.")
    for _ in range(4):
        await run_on(bank, clock, days=30)
        await bank.decay.run()
    assert (await bank.totals()).memories == 1


async def test_a_faded_memory_is_purged_so_long_after_a_run_has_recorded_it(
    open_bank: OpenBank, clock: ManualClock
) -> None:
    bank = await open_bank(purge_after_days=5)
    await remember(bank, "Ada lives in Lisbon.")
    await run_on(bank, clock, days=40)
    assert (await bank.decay.run()).purged == 0
    await run_on(bank, clock, days=4)
    assert (await bank.decay.run()).purged == 0
    await run_on(bank, clock, days=1)
    result = await bank.decay.run()
    assert (result.faded, result.purged) == (0, 1)
    assert (await bank.totals()).memories == 0


async def test_switching_purging_on_waits_its_days_from_then(open_bank: OpenBank, clock: ManualClock) -> None:
    bank = await open_bank()
    await remember(bank, "Ada lives in Lisbon.")
    await run_on(bank, clock, days=40)
    await bank.decay.run()
    await run_on(bank, clock, days=10)
    await bank.close()
    purging = await open_bank(purge_after_days=5)
    assert (await purging.decay.run()).purged == 0
    await run_on(purging, clock, days=5)
    assert (await purging.decay.run()).purged == 1


async def test_a_month_without_the_service_makes_nothing_fade(open_bank: OpenBank, clock: ManualClock) -> None:
    bank = await open_bank(purge_after_days=5)
    await remember(bank, "Ada lives in Lisbon.")
    await run_on(bank, clock, days=1)
    before = (await recall(bank, "Lisbon"))[0].hit.retention
    await bank.close()
    clock.advance(days=30)
    woken = await open_bank(purge_after_days=5)
    assert abs((await recall(woken, "Lisbon"))[0].hit.retention - before) < 1e-9
    assert (await woken.decay.run()).faded == 0


async def test_a_pause_that_a_full_volume_cannot_record_counts_and_is_recorded_later(
    open_bank: OpenBank, clock: ManualClock
) -> None:
    bank = await open_bank()
    await remember(bank, "Ada lives in Lisbon.")
    await bank.beat()
    with full_volume():
        clock.advance(hours=24 * 365)
        await bank.beat()
        clock.advance(hours=0.5)
        await bank.beat()
        assert bank.footing.store.pauses() == []
        assert (await recall(bank, "Lisbon"))[0].hit.retention > 0.99
    await bank.beat()
    [(start, end)] = bank.footing.store.pauses()
    assert end - start == 24 * 365 * 3600


async def test_a_suspended_machine_wakes_with_everything_remembered(open_bank: OpenBank, clock: ManualClock) -> None:
    bank = await open_bank()
    await remember(bank, "Ada lives in Lisbon.")
    clock.advance(days=30)
    assert (await recall(bank, "Lisbon"))[0].hit.retention == 1.0  # before the first beat
    await bank.beat()
    assert (await recall(bank, "Lisbon"))[0].hit.retention == 1.0


async def test_a_restart_changes_no_retention(open_bank: OpenBank, clock: ManualClock) -> None:
    bank = await open_bank()
    await remember(bank, "Ada lives in Lisbon.")
    await run_on(bank, clock, days=3)
    await bank.recall.record_recalls(await recall(bank, "Lisbon"))
    await run_on(bank, clock, days=3)
    before = (await recall(bank, "Lisbon"))[0]
    await bank.close()
    after = (await recall(await open_bank(), "Lisbon"))[0]
    assert (after.hit.retention, after.memory) == (before.hit.retention, before.memory)


async def test_one_recalled_between_a_run_s_decision_and_its_writing_is_spared(
    open_bank: OpenBank, clock: ManualClock
) -> None:
    bank = await open_bank(purge_after_days=1)
    await remember(bank, "Ada lives in Lisbon.")
    [found] = await recall(bank, "Lisbon")
    await run_on(bank, clock, days=20)
    await bank.decay.run()
    await run_on(bank, clock, days=2)
    recalled = bank.footing.store.record_recalls([found.hit.seq], clock(), clock())  # waits in the writer's queue
    stale_anchor = found.memory.anchor
    purged = bank.footing.store.record_fading({}, [], {found.hit.seq: stale_anchor}, clock())
    assert (recalled.result(), purged.result()) == (1, 0)
    assert (await bank.totals()).memories == 1
