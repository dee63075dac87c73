"""Another embedding model: searches go by words until everything has been embedded anew, while the service goes on."""

import asyncio

import pytest

from memorybank_service.embedding import EmbeddingError, TextRefusedError
from memorybank_service.embedding.local import LocalEmbedder
from memorybank_service.memory import embedding_queue, reembedding
from memorybank_service.memory.bank import MemoryBank
from memorybank_service.memory.keeping import Draft
from memorybank_service.memory.recalling import Found, Search
from memorybank_service.store import Amendment, ConflictError, JobState, NewJob, Scope
from tests.service.memory.conftest import BankWith
from tests.service.remote_model import RemoteModel
from tests.service.waiting import until_so

QUERY = "Where does Ada live?"


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding_queue, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(reembedding, "BATCH", 4)
    monkeypatch.setattr(reembedding, "LEFT_AT_SWAP", 0)


async def fill(bank: MemoryBank, count: int = 20) -> list[str]:
    drafts = [Draft("Ada lives in Lisbon."), *(Draft(f"note {number}") for number in range(1, count))]
    return [stored.kept.memory.id for stored in await bank.memories.add(drafts)]


async def find(bank: MemoryBank) -> Found:
    return await bank.recall.search(Search(QUERY, Scope()))


async def until_state(bank: MemoryBank, job_id: str, state: JobState) -> None:
    async def reached() -> bool:
        job = await bank.jobs.get(job_id)
        if job is None or job.state != state:
            return False
        return state != "succeeded" or bank.footing.vectors.of_the_data  # told once it is on disk

    await until_so(reached)


async def test_with_another_model_searches_go_by_words_until_everything_is_embedded_anew(
    bank_with: BankWith, embedder: LocalEmbedder
) -> None:
    await fill(await bank_with(embedder))
    model = RemoteModel()
    bank = await bank_with(model)
    found = await find(bank)
    assert [one.memory.content for one in found.recollections] == ["Ada lives in Lisbon."]
    [sentence] = found.degraded
    assert "/v1/reembed" in sentence
    [added] = await bank.memories.add([Draft("Ada moved.")])
    assert await bank.memories.get(added.kept.memory.id)

    job = await bank.reembedding.begin()
    await until_state(bank, job.id, "succeeded")
    assert (await bank.jobs.get(job.id)).result == {"embedded": 21, "refused": 0, "space": "remote/model"}  # type: ignore[union-attr]
    found = await find(bank)
    assert found.degraded == ()
    assert found.recollections[0].hit.similarity > 0.2
    assert await bank.embeddings.length() == 0


async def test_the_model_before_can_be_gone_back_to(bank_with: BankWith, embedder: LocalEmbedder) -> None:
    await fill(await bank_with(embedder))
    bank = await bank_with(RemoteModel())
    await until_state(bank, (await bank.reembedding.begin()).id, "succeeded")
    bank = await bank_with(embedder)
    assert (await find(bank)).degraded
    await until_state(bank, (await bank.reembedding.begin()).id, "succeeded")
    assert (await find(bank)).degraded == ()


async def test_it_can_be_cancelled_and_goes_on_where_it_was(bank_with: BankWith, embedder: LocalEmbedder) -> None:
    await fill(await bank_with(embedder))
    model = RemoteModel()
    bank, third = await bank_with(model), asyncio.Event()
    loop = asyncio.get_running_loop()

    def hold_the_third(texts: object) -> None:
        if len(model.calls) == 3:
            loop.call_soon_threadsafe(third.set)
            model.answering.clear()
            model.answering.wait(30)

    model.fails = hold_the_third
    job = await bank.reembedding.begin()
    await third.wait()
    assert await bank.jobs.cancel(job.id)
    model.answering.set()

    async def idle() -> bool:
        return bank.footing.store.spaces.count_next()[0] == 12

    await until_so(idle)
    assert (await bank.jobs.get(job.id)).state == "cancelled"  # type: ignore[union-attr]
    assert (await find(bank)).degraded
    again = await bank.reembedding.begin()
    await until_state(bank, again.id, "succeeded")
    assert len(model.embedded) == len(set(model.embedded)) == 20  # each once, and no query before the swap


async def test_it_goes_on_after_an_end_in_the_middle(bank_with: BankWith, embedder: LocalEmbedder) -> None:
    await fill(await bank_with(embedder))
    model, calls = RemoteModel(), iter(range(2))
    model.fails = lambda texts: EmbeddingError("gone") if next(calls, None) is None else None
    bank = await bank_with(model)
    job = await bank.reembedding.begin()

    async def half_way() -> bool:
        return bank.footing.store.spaces.count_next()[0] == 8

    await until_so(half_way)
    healthy = RemoteModel()
    bank = await bank_with(healthy)
    await until_state(bank, job.id, "succeeded")
    assert len(healthy.embedded) == 12


async def test_what_arrives_and_changes_meanwhile_is_embedded_too(bank_with: BankWith, embedder: LocalEmbedder) -> None:
    ids = await fill(await bank_with(embedder))
    model = RemoteModel()
    bank, loop = await bank_with(model), asyncio.get_running_loop()

    async def change() -> None:
        await bank.memories.amend(ids[0], Amendment(content="Ada lives in Porto."))
        await bank.memories.add([Draft("Ada was in Faro.")])

    def in_between(texts: object) -> None:
        if len(model.calls) == 3:
            asyncio.run_coroutine_threadsafe(change(), loop).result(10)

    model.fails = in_between
    job = await bank.reembedding.begin()
    await until_state(bank, job.id, "succeeded")
    assert {"Ada lives in Porto.", "Ada was in Faro."} <= set(model.embedded)
    assert await bank.embeddings.length() == 0
    [best, *_] = (await find(bank)).recollections
    assert best.memory.content == "Ada lives in Porto."


async def test_a_text_that_is_refused_does_not_keep_the_others_from_the_new_model(
    bank_with: BankWith, embedder: LocalEmbedder
) -> None:
    bank = await bank_with(embedder)
    await fill(bank)
    await bank.memories.add([Draft("bad words")])
    model = RemoteModel()
    model.fails = lambda texts: TextRefusedError("refused") if "bad words" in texts else None
    bank = await bank_with(model)
    job = await bank.reembedding.begin()
    await until_state(bank, job.id, "succeeded")
    assert (await find(bank)).degraded == ()
    assert await bank.embeddings.length() == 1


async def test_one_is_under_way_at_a_time(bank_with: BankWith, embedder: LocalEmbedder) -> None:
    await fill(await bank_with(embedder))
    model = RemoteModel()
    model.answering.clear()
    bank = await bank_with(model)
    job = await bank.reembedding.begin()
    await until_state(bank, job.id, "running")
    assert (await bank.reembedding.begin()).id == job.id
    model.answering.set()
    await until_state(bank, job.id, "succeeded")


async def test_it_is_refused_with_what_is_missing_and_one_from_before_is_given_up_with_it(
    bank_with: BankWith, embedder: LocalEmbedder
) -> None:
    await fill(await bank_with(embedder))
    model = RemoteModel()
    model.missing = "REMOTE_API_KEY is not set"
    bank = await bank_with(model)
    with pytest.raises(ConflictError, match="REMOTE_API_KEY is not set"):
        await bank.reembedding.begin()
    assert any("REMOTE_API_KEY is not set" in sentence for sentence in (await find(bank)).degraded)
    before = await bank.jobs.enqueue(NewJob(reembedding.KIND, key=reembedding.KIND))
    await until_state(bank, before.id, "dead")
    assert (await bank.jobs.get(before.id)).error == "REMOTE_API_KEY is not set"  # type: ignore[union-attr]
    assert model.calls == []


async def test_what_cannot_get_better_ends_it_at_the_first_error(bank_with: BankWith, embedder: LocalEmbedder) -> None:
    await fill(await bank_with(embedder))
    model = RemoteModel()
    model.fails = lambda texts: EmbeddingError("the key is not accepted", retryable=False)
    bank = await bank_with(model)
    job = await bank.reembedding.begin()
    await until_state(bank, job.id, "dead")
    assert (await bank.jobs.get(job.id)).error == "the key is not accepted"  # type: ignore[union-attr]
    assert len(model.calls) == 1


async def test_while_it_tries_again_it_says_why(
    bank_with: BankWith, embedder: LocalEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(await bank_with(embedder))
    monkeypatch.setattr(embedding_queue, "FIRST_PAUSE_SECONDS", 60.0)
    model = RemoteModel()
    model.fails = lambda texts: EmbeddingError("no connection")
    bank = await bank_with(model)
    job = await bank.reembedding.begin()

    async def told() -> bool:
        current = await bank.jobs.get(job.id)
        return current is not None and current.progress.get("error") == "no connection"

    await until_so(told)
    assert len(model.calls) == 1
