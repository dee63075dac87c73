"""Facts drawn in the background: from what, with what around it, and what becomes of them when things change."""

from collections.abc import Callable
from typing import Any

import pytest

from memorybank_service.llm.errors import (
    BadAnswerError,
    BudgetSpentError,
    KeyRejectedError,
    ProviderError,
    ProviderUnavailableError,
    RateLimitedError,
)
from memorybank_service.memory.asking import ATTEMPTS
from memorybank_service.memory.bank import MemoryBank
from memorybank_service.memory.conversation import PORTION_TOKENS, UTTERANCE_TOKENS
from memorybank_service.memory.keeping import Draft, Kept
from memorybank_service.memory.recalling import Search
from memorybank_service.store import Amendment, Job, JobState, Scope
from memorybank_service.store.filters import Compare
from tests.service.manual_clock import ManualClock
from tests.service.memory.conftest import BankAsking
from tests.service.scripted_model import Answer, GatedModel, ScriptedModel, as_json
from tests.service.waiting import until_so

NOTHING = as_json(operations=[])


def draws(text: str, *sources: str, replaces: str = "") -> str:
    action = "supersede" if replaces else "add"
    return as_json(operations=[operation(text, *(sources or ("m1",)), action=action, replaces=replaces)])


def operation(text: str, *sources: str, action: str = "add", replaces: str = "") -> dict[str, object]:
    told: dict[str, object] = {"importance": 0.5, "category": "other"}
    return {**told, "action": action, "replaces": replaces, "text": text, "sources": list(sources)}


async def say(bank: MemoryBank, *said: str, infer: bool = True, **given: Any) -> list[str]:
    """A second after what was said before."""
    assert isinstance(bank.footing.now, ManualClock)
    bank.footing.now.now += 1
    given = {"user_id": "ada", "speaker": "Ada", **given}
    drafts = [Draft(words, infer=infer, **given) for words in said]
    return [stored.kept.memory.id for stored in await bank.memories.add(drafts)]


async def jobs(bank: MemoryBank) -> list[Job]:
    """The oldest first."""
    return (await bank.jobs.listed(kind="extract"))[::-1]


async def settled(bank: MemoryBank, *states: JobState) -> list[Job]:
    """All jobs, once none is queued or runs, or once they are in these states."""

    async def so() -> bool:
        found = [job.state for job in await jobs(bank)]
        return found == list(states) if states else not {"queued", "running"} & set(found)

    await until_so(so)
    return await jobs(bank)


async def facts(bank: MemoryBank, user_id: str = "ada") -> list[Kept]:
    page = await bank.recall.page(Scope(user_id), wanted=Compare("kind", "eq", "fact"))
    return list(page.memories)[::-1]


async def test_a_fact_has_the_scope_the_time_and_the_sources_of_what_it_was_made_of(
    bank_asking: BankAsking, clock: ManualClock
) -> None:
    bank = await bank_asking(ScriptedModel(draws("Ada lives in Lisbon.", "m1", "m2")))
    given: dict[str, Any] = {"run_id": "r", "agent_id": "x"}
    ids = await say(bank, "I live in Lisbon.", "It is warm there.", created_at=1_700_000_000.0, **given)
    [job] = await settled(bank)
    [fact] = await facts(bank)
    memory = fact.memory
    assert (memory.content, memory.user_id, memory.agent_id, memory.run_id) == ("Ada lives in Lisbon.", "ada", "x", "r")
    assert (memory.created_at, memory.stored_at) == (1_700_000_000.0, clock())
    assert (list(fact.sources), job.result) == (
        ids,
        {"fact_ids": [memory.id], "model": "test/scripted", "dropped": 0},
    )
    found = await bank.recall.search(Search("where does Ada live?", Scope("ada")))
    assert memory.id in [one.memory.id for one in found.recollections]


async def test_jobs_of_one_conversation_that_wait_are_done_with_one_question(bank_asking: BankAsking) -> None:
    gate = GatedModel(NOTHING)
    bank = await bank_asking(gate)
    await say(bank, "I am first.", run_id="r")
    await gate.reached.wait()
    await say(bank, "I am second.", run_id="r")
    await say(bank, "Somewhere else.", run_id="s")
    await say(bank, "I am third.", run_id="r")
    await say(bank, "Not mine.", run_id="r", user_id="ben")
    gate.open.set()
    ended = await settled(bank)
    assert [job.state for job in ended] == ["succeeded"] * 5
    assert len(gate.prompts) == 4
    together = next(prompt for prompt in gate.prompts if "I am second." in prompt)
    assert '"id": "m2"' in together
    assert "I am third." in together
    assert "Somewhere else." not in together
    [third] = [job for job in ended if job.result is not None and "done_with" in job.result]
    assert third.result == {"done_with": ended[1].id}


async def test_what_was_said_before_is_shown_and_nothing_is_made_of_it(bank_asking: BankAsking) -> None:
    model = ScriptedModel(as_json(operations=[operation("Ada prefers the window seat.", "m1")]))
    bank = await bank_asking(model)
    await say(bank, "Window seat or aisle?", infer=False, run_id="r", speaker="assistant")
    await say(bank, "Another talk.", infer=False, run_id="s")
    [yes] = await say(bank, "The first one, please.", run_id="r")
    await settled(bank)
    [prompt] = model.prompts
    assert "Window seat or aisle?" in prompt
    assert "Another talk." not in prompt
    assert '"id": "m2"' not in prompt
    [fact] = await facts(bank)
    assert list(fact.sources) == [yes]


async def test_what_is_too_long_for_one_prompt_is_read_in_turn(bank_asking: BankAsking) -> None:
    model = ScriptedModel(NOTHING)
    bank = await bank_asking(model)
    long = "a word " * 3 * UTTERANCE_TOKENS
    count = PORTION_TOKENS // UTTERANCE_TOKENS + 1
    await say(bank, *(f"{number}: {long}" for number in range(count)))
    await until_so(lambda: _asked(model, 2))
    assert [job.state for job in await settled(bank)] == ["succeeded", "succeeded"]


async def _asked(model: ScriptedModel, times: int) -> bool:
    return len(model.prompts) >= times


async def test_only_facts_of_the_same_user_and_agent_are_known_and_replaced(bank_asking: BankAsking) -> None:
    model = ScriptedModel(draws("Ada lives in Lisbon."))
    bank = await bank_asking(model)
    scopes: list[dict[str, Any]] = [{}, {"agent_id": "x"}, {"user_id": "ben"}]
    for given in scopes:
        await say(bank, "I live in Lisbon.", **given)
        await settled(bank)
    assert [prompt.count("Ada lives in Lisbon.") for prompt in model.prompts] == [0, 0, 0]
    model = ScriptedModel(draws("Ada lives in Porto.", replaces="f1"))
    bank = await bank_asking(model)
    await say(bank, "I moved to Porto.", agent_id="x")
    await settled(bank)
    assert "Ada lives in Lisbon." in model.prompts[0]
    states = {(fact.memory.content, fact.memory.agent_id): fact.state for fact in await facts(bank)}
    assert states == {
        ("Ada lives in Lisbon.", None): "active",
        ("Ada lives in Lisbon.", "x"): "superseded",
        ("Ada lives in Porto.", "x"): "active",
    }
    assert [fact.state for fact in await facts(bank, "ben")] == ["active"]


@pytest.mark.parametrize("change", ["delete", "amend"])
async def test_what_changes_while_the_model_is_asked_is_read_again(bank_asking: BankAsking, change: str) -> None:
    gate = GatedModel(draws("Ada lives in Lisbon."))
    bank = await bank_asking(gate)
    lisbon, _ = await say(bank, "I live in Lisbon.", "I like tea.", run_id="r")
    await gate.reached.wait()
    if change == "delete":
        await bank.memories.delete([lisbon])
    else:
        await bank.memories.amend(lisbon, Amendment(content="I have a dog."))
    gate.open.set()
    [job] = await settled(bank)
    assert (job.state, job.attempts) == ("succeeded", 1)
    assert len(gate.prompts) == 2
    assert "I live in Lisbon." not in gate.prompts[1]
    assert "I like tea." in gate.prompts[1]
    assert await facts(bank) == [], "what the model says has no ground any more"


async def test_a_fact_that_is_deleted_while_the_model_is_asked_does_not_come_back(bank_asking: BankAsking) -> None:
    bank = await bank_asking(ScriptedModel(draws("Ada lives in Lisbon.")))
    await say(bank, "I live in Lisbon.")
    await settled(bank)
    [fact] = await facts(bank)
    gate = GatedModel(draws("ADA lives in Lisbon"))
    bank = await bank_asking(gate)
    await say(bank, "Lisbon is where I live.")
    await gate.reached.wait()
    await bank.memories.delete([fact.memory.id])
    gate.open.set()
    assert [job.state for job in await settled(bank)] == ["succeeded", "succeeded"]
    assert await facts(bank) == []


async def test_what_was_drawn_from_words_goes_when_they_are_changed_and_is_drawn_anew(bank_asking: BankAsking) -> None:
    model = ScriptedModel(draws("Ada lives in Lisbon."), draws("Ada lives in Porto."))
    bank = await bank_asking(model)
    [said] = await say(bank, "I live in Lisbon.")
    await settled(bank)
    await bank.memories.amend(said, Amendment(metadata={"k": 1}))
    assert [fact.memory.content for fact in await facts(bank)] == ["Ada lives in Lisbon."]
    await bank.memories.amend(said, Amendment(content="I live in Porto."))
    assert [job.state for job in await settled(bank)] == ["succeeded", "succeeded"]
    assert [fact.memory.content for fact in await facts(bank)] == ["Ada lives in Porto."]
    assert "Lisbon" not in model.prompts[1]


async def test_a_cancelled_job_leaves_no_facts(bank_asking: BankAsking) -> None:
    gate = GatedModel(draws("Ada lives in Lisbon."))
    bank = await bank_asking(gate)
    await say(bank, "I live in Lisbon.")
    await gate.reached.wait()
    [job] = await jobs(bank)
    assert await bank.jobs.cancel(job.id)
    gate.open.set()
    await say(bank, "And I like tea.", run_id="r")
    assert [job.state for job in await settled(bank)] == ["cancelled", "succeeded"]
    assert "Lisbon" not in str([fact.memory.content for fact in await facts(bank)])


async def test_what_was_under_way_when_the_service_ended_is_learnt_once(bank_asking: BankAsking) -> None:
    gate = GatedModel(NOTHING)
    bank = await bank_asking(gate)
    await say(bank, "I live in Lisbon.")
    await gate.reached.wait()
    bank = await bank_asking(ScriptedModel(draws("Ada lives in Lisbon.")))
    [job] = await settled(bank)
    assert (job.state, job.attempts) == ("succeeded", 2)
    assert len(await facts(bank)) == 1


async def test_a_fact_does_not_outlive_what_it_was_made_of(bank_asking: BankAsking, clock: ManualClock) -> None:
    bank = await bank_asking(ScriptedModel(draws("Ada is in room 12.")))
    over = clock() + 3600
    await say(bank, "I am in room 12 until tomorrow.", expires_at=over)
    await settled(bank)
    [fact] = await facts(bank)
    assert fact.memory.expires_at == over
    clock.advance(hours=2)
    await say(bank, "I was in room 12.", expires_at=clock() - 1)
    [_, job] = await settled(bank)
    assert job.result == {"fact_ids": []}


async def test_what_had_been_recalled_into_a_message_is_not_learnt(bank_asking: BankAsking) -> None:
    model = ScriptedModel(NOTHING)
    bank = await bank_asking(model)
    await say(bank, "<memories>\n[2027-01-01 10:00] Ada: I live in Lisbon.\n</memories>\nI like tea.")
    await say(bank, "<memories>\n[2027-01-01 10:00] Ada: I live in Lisbon.\n</memories>", run_id="r")
    ended = await settled(bank)
    [prompt] = model.prompts
    assert "Lisbon" not in prompt
    assert [job.result and job.result["fact_ids"] for job in ended] == [[], []]


async def test_what_the_assistant_was_reminded_of_and_says_is_not_learnt_as_new(bank_asking: BankAsking) -> None:
    model = ScriptedModel(draws("Ada's locker code is 7731."))
    bank = await bank_asking(model)
    await say(bank, "My locker code is 7731.", "The pool opens at six.", infer=False)
    await say(bank, "Your locker code is 7731.", speaker="assistant")
    await settled(bank)
    [prompt] = model.prompts
    assert "may have repeated" in prompt
    assert "My locker code" in prompt
    assert await facts(bank) == []


def _once(error: ProviderError) -> ScriptedModel:
    return ScriptedModel(error, draws("Ada likes tea."))


async def test_a_provider_that_is_down_is_left_in_peace_by_all_and_uses_up_one_attempt(
    bank_asking: BankAsking, clock: ManualClock
) -> None:
    model = _once(ProviderUnavailableError("the provider is down"))
    bank = await bank_asking(model)
    await say(bank, "I like tea.", run_id="r")
    await say(bank, "I like cake.", run_id="s")
    first, second = await settled(bank, "queued", "queued")

    async def put_off() -> bool:
        return all(job.error is not None for job in await jobs(bank))

    await until_so(put_off)
    first, second = await jobs(bank)
    assert (first.attempts, second.attempts) == (1, 0)
    assert first.error == second.error == "the provider is down"
    assert 0 < second.due - clock() <= 2.5
    assert len(model.prompts) == 1
    clock.now = max(first.due, second.due)
    bank.jobs.notice()
    assert [job.state for job in await settled(bank)] == ["succeeded", "succeeded"]


@pytest.mark.parametrize(
    ("error", "waits", "attempts"),
    [
        (lambda: RateLimitedError("slow down", retry_after=120.0), 120.0, 1),
        (lambda: BudgetSpentError("no tokens left today", retry_after=7_200.0), 7_200.0, 0),
    ],
    ids=["too many requests", "the day's tokens are spent"],
)
async def test_a_job_waits_as_long_as_it_is_told_to(
    bank_asking: BankAsking, clock: ManualClock, error: Callable[[], ProviderError], waits: float, attempts: int
) -> None:
    bank = await bank_asking(_once(error()))
    await say(bank, "I like tea.")

    async def put_off() -> bool:
        [job] = await jobs(bank)
        return job.state == "queued" and job.error is not None

    await until_so(put_off)
    [job] = await jobs(bank)
    assert (job.due, job.attempts) == (clock() + waits, attempts)
    clock.now = job.due
    bank.jobs.notice()
    assert [job.state for job in await settled(bank)] == ["succeeded"]
    assert len(await facts(bank)) == 1


@pytest.mark.parametrize("answer", ["no JSON", BadAnswerError("nobody can read it")])
async def test_an_answer_that_nobody_can_read_holds_up_no_other_job(
    bank_asking: BankAsking, clock: ManualClock, answer: Answer
) -> None:
    bank = await bank_asking(ScriptedModel(answer, NOTHING))
    await say(bank, "I like tea.", run_id="r")
    await say(bank, "I like cake.", run_id="s")
    [bad, _] = await settled(bank, "queued", "succeeded")
    assert bad.attempts == 1


async def test_what_cannot_succeed_is_given_up_at_once(bank_asking: BankAsking) -> None:
    bank = await bank_asking(ScriptedModel(KeyRejectedError("the key is not accepted")))
    await say(bank, "I like tea.")
    [job] = await settled(bank)
    assert (job.state, job.error) == ("dead", "the key is not accepted")


async def test_after_an_outage_of_hours_a_job_is_given_up_and_told_of(
    bank_asking: BankAsking, clock: ManualClock
) -> None:
    bank = await bank_asking(ScriptedModel(ProviderUnavailableError("the provider is down")))
    began = clock()
    await say(bank, "I like tea.")

    async def given_up() -> bool:
        [job] = await jobs(bank)
        if job.state == "queued" and job.error is not None and clock() < job.due:
            clock.now = job.due
            bank.jobs.notice()
        return job.state == "dead"

    await until_so(given_up)
    [job] = await jobs(bank)
    assert (job.attempts, job.error) == (ATTEMPTS, "the provider is down")
    assert 5 * 3600 < clock() - began < 6 * 3600
