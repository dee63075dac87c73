"""What is stored without a vector is found by its words at once, and by its meaning once the provider has answered."""

import pytest

from memorybank_service.embedding import EmbeddingError, TextRefusedError
from memorybank_service.memory import embedding_queue
from memorybank_service.memory.bank import MemoryBank
from memorybank_service.memory.keeping import Draft
from memorybank_service.memory.recalling import Found, Search
from memorybank_service.store import Amendment, Scope
from tests.service.memory.conftest import BankWith
from tests.service.remote_model import RemoteModel
from tests.service.waiting import until_so


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding_queue, "FIRST_PAUSE_SECONDS", 0.01)


async def store(bank: MemoryBank, *contents: str) -> list[str]:
    stored = await bank.memories.add([Draft(content, user_id="ada") for content in contents])
    return [one.kept.memory.id for one in stored]


async def find(bank: MemoryBank, query: str) -> Found:
    return await bank.recall.search(Search(query, Scope("ada")))


async def until_embedded(bank: MemoryBank, left: int = 0) -> None:
    async def embedded() -> bool:
        return await bank.embeddings.length() == left

    await until_so(embedded)


async def test_a_write_does_not_wait_for_the_provider(bank_with: BankWith) -> None:
    model = RemoteModel()
    model.answering.clear()
    bank = await bank_with(model)
    [tea] = await store(bank, "Ada drinks lapsang souchong.")
    found = await find(bank, "lapsang")
    assert [one.memory.id for one in found.recollections] == [tea]
    assert await bank.embeddings.length() == 1
    model.answering.set()
    await until_embedded(bank)
    [hit] = [one.hit for one in (await find(bank, "Ada drinks")).recollections]
    assert hit.similarity > 0.5


async def test_what_waited_when_the_service_ended_is_embedded_after_the_next_start(bank_with: BankWith) -> None:
    model = RemoteModel()
    model.fails = lambda texts: EmbeddingError("no connection")
    await store(await bank_with(model), *(f"note {number}" for number in range(30)))
    model.fails = lambda texts: None
    bank = await bank_with(model)
    await until_embedded(bank)


async def test_a_failing_provider_is_asked_again_until_it_answers(bank_with: BankWith) -> None:
    model, failures = RemoteModel(), iter(range(3))
    model.fails = lambda texts: None if next(failures, None) is None else EmbeddingError("busy", retry_after=0.01)
    bank = await bank_with(model)
    await store(bank, "Ada lives in Lisbon.")
    await until_embedded(bank)
    assert len(model.calls) == 4


async def test_a_text_that_the_provider_refuses_holds_up_no_other(bank_with: BankWith) -> None:
    model = RemoteModel()
    model.fails = lambda texts: TextRefusedError("refused") if any("bad" in text for text in texts) else None
    bank = await bank_with(model)
    await store(bank, *(f"bad {number}" for number in range(4)), *(f"good {number}" for number in range(200)))
    await until_embedded(bank, left=4)
    best = (await find(bank, "bad 2")).recollections[0]
    assert best.memory.content == "bad 2"


async def test_words_that_change_while_they_are_embedded_are_embedded_again(bank_with: BankWith) -> None:
    model = RemoteModel()
    model.answering.clear()
    bank = await bank_with(model)
    [memory_id] = await store(bank, "Ada lives in Lisbon.")

    async def asked() -> bool:
        return bool(model.calls)

    await until_so(asked)
    await bank.memories.amend(memory_id, Amendment(content="Ada lives in Porto."))
    model.answering.set()
    await until_embedded(bank)
    assert model.embedded == ["Ada lives in Lisbon.", "Ada lives in Porto."]


async def test_a_query_is_embedded_once(bank_with: BankWith) -> None:
    model = RemoteModel()
    bank = await bank_with(model)
    await store(bank, "Ada lives in Lisbon.")
    await until_embedded(bank)
    for _ in range(3):
        assert (await find(bank, "Where does Ada live?")).degraded == ()
    assert model.embedded.count("Where does Ada live?") == 1


async def test_the_length_of_a_model_s_vectors_need_not_be_known_before(bank_with: BankWith) -> None:
    bank = await bank_with(RemoteModel(known=False))
    await store(bank, "Ada lives in Lisbon.")
    await until_embedded(bank)
    assert bank.footing.store.spaces.current.dimension == 64
    [hit] = [one.hit for one in (await find(bank, "Ada lives in Lisbon.")).recollections]
    assert hit.similarity == pytest.approx(1, abs=1e-3)


async def test_without_its_key_what_is_missing_is_told_and_nothing_is_tried(bank_with: BankWith) -> None:
    model = RemoteModel()
    model.missing = "REMOTE_API_KEY is not set"
    bank = await bank_with(model)
    await store(bank, "Ada lives in Lisbon.")
    found = await find(bank, "Lisbon")
    assert [one.memory.content for one in found.recollections] == ["Ada lives in Lisbon."]
    assert found.degraded == ["This search went by words alone: REMOTE_API_KEY is not set."]
    assert await bank.embeddings.length() == 1
    assert (model.calls, model.probes) == ([], 0)
