"""Days are summed up when they are over, whole and portrait are carried on, and all of it follows its sources."""

from collections.abc import Sequence

from memorybank_service.llm import Message
from memorybank_service.llm.errors import ProviderUnavailableError
from memorybank_service.memory.bank import MemoryBank
from memorybank_service.memory.importing import KIND as IMPORT
from memorybank_service.memory.keeping import Draft
from memorybank_service.memory.people import NO_MODEL, NOT_YET, NOTHING_TOLD
from memorybank_service.memory.summing_up import DUE_AT_ONCE, PORTRAY
from memorybank_service.store import NOTHING_ALONG, Amendment, Job, NewJob
from memorybank_service.store.days import FIRST, LAST
from memorybank_service.store.people import SUMMARISE
from tests.service.manual_clock import ManualClock
from tests.service.memory.conftest import BankAsking, BankWith
from tests.service.scripted_model import GatedModel, ScriptedModel, as_json
from tests.service.waiting import until_so

DAY = 86_400.0


def told(messages: Sequence[Message]) -> str:
    """What a model would: it repeats what it was shown last, so that a test sees what went in."""
    prompt = "\n".join(message.content for message in messages)
    [*_, line] = [line for line in prompt.splitlines() if line.startswith('{"')]
    if '"portrait"' in prompt:
        return as_json(portrait=f"portrait of {line}", strategy="Be brief.")
    if '"sentences"' in prompt:
        return as_json(sentences=[{"text": f"summary of {line}", "sources": ["m1"]}])
    return as_json(summary=f"whole of {line}")


async def say(bank: MemoryBank, *said: str, user_id: str = "ada", days_ago: float = 0, **given: object) -> list[str]:
    at = bank.now() - days_ago * DAY
    drafts = [Draft(words, user_id=user_id, speaker="Ada", created_at=at, **given) for words in said]  # type: ignore[arg-type]
    return [stored.kept.memory.id for stored in await bank.memories.add(drafts)]


async def jobs(bank: MemoryBank) -> list[Job]:
    found = await bank.jobs.listed()
    return [job for job in found if job.kind in (SUMMARISE, PORTRAY)]


async def summed_up(bank: MemoryBank) -> None:
    """What is due is done, and what follows from it."""
    await bank.summing_up.enqueue_due()

    async def none_waits() -> bool:
        return not {"queued", "running"} & {job.state for job in await jobs(bank)}

    async def idle() -> bool:
        """Asked on both sides of it, as a job that ends hands over what follows."""
        nothing = "0 days and 0 portraits to be made"
        return await none_waits() and await bank.summing_up.enqueue_due() == nothing and await none_waits()

    await until_so(idle)


def kept(bank: MemoryBank, kind: str = "day", user_id: str = "ada") -> dict[str, str]:
    made = bank.footing.store.people.summaries(user_id, kind, FIRST, LAST)  # type: ignore[arg-type]
    return {one.day: one.text for one in made}


def whole(bank: MemoryBank, kind: str) -> str | None:
    made = bank.footing.store.people.summary("ada", kind)  # type: ignore[arg-type]
    return None if made is None else made.text


async def test_a_day_is_summed_up_when_it_is_over_and_not_again(bank_asking: BankAsking, clock: ManualClock) -> None:
    model = ScriptedModel(told)
    bank = await bank_asking(model)
    [said] = await say(bank, "I have moved to Vienna.")
    await summed_up(bank)
    assert kept(bank) == {}
    clock.advance(days=1)
    await summed_up(bank)
    assert list(kept(bank)) == ["2027-01-15"]
    profile = await bank.people.profile("ada")
    assert profile is not None
    assert (profile.portrait, profile.strategy, profile.overall) != (None, None, None)
    assert {one.sources for one in (profile.portrait, profile.strategy, profile.overall) if one} == {(said,)}
    assert profile.degraded == []
    asked = len(model.prompts)
    await summed_up(bank)
    assert len(model.prompts) == asked


async def test_what_is_said_of_a_day_later_on_is_taken_in(bank_asking: BankAsking) -> None:
    bank = await bank_asking(ScriptedModel(told))
    await say(bank, "I have moved to Vienna.", days_ago=2)
    await summed_up(bank)
    await say(bank, "I had strudel, too.", days_ago=2)
    await summed_up(bank)
    [text] = kept(bank).values()
    assert "strudel" in text
    assert "strudel" in str(whole(bank, "overall"))
    assert "strudel" in str(whole(bank, "portrait"))


async def test_the_whole_is_carried_on_without_reading_every_day_again(bank_asking: BankAsking) -> None:
    model = ScriptedModel(told)
    bank = await bank_asking(model)
    for days_ago in (5, 4, 3):
        await say(bank, f"I am in place {days_ago}.", days_ago=days_ago)
        await summed_up(bank)
    wholes = [prompt for prompt in model.prompts if "summary of" in prompt and '"portrait"' not in prompt]
    assert "place 5" in wholes[0]
    assert "place 3" in wholes[-1]
    assert '"from": "2027-01-10 – 2027-01-11"' in wholes[-1]
    profile = await bank.people.profile("ada")
    assert profile is not None
    assert profile.overall is not None
    assert len(profile.overall.sources) == 3


async def test_a_year_is_handed_over_a_few_days_at_a_time_the_latest_first(bank_asking: BankAsking) -> None:
    model = GatedModel(told)
    bank = await bank_asking(model)
    for days_ago in range(1, DUE_AT_ONCE + 4):
        await say(bank, f"Day {days_ago}.", days_ago=days_ago)
    await bank.summing_up.enqueue_due()
    await bank.summing_up.enqueue_due()
    waiting = [str(job.arguments["day"]) for job in await jobs(bank)]
    assert sorted(waiting) == [f"2027-01-{day}" for day in range(14 - DUE_AT_ONCE + 1, 15)]
    model.open.set()
    await summed_up(bank)
    assert len(kept(bank)) == DUE_AT_ONCE + 3
    assert len([job for job in await jobs(bank) if job.kind == PORTRAY]) == 1, "one portrait is made of all days"


async def test_nothing_that_was_made_of_deleted_words_stays(bank_asking: BankAsking) -> None:
    bank = await bank_asking(ScriptedModel(told))
    await say(bank, "I have a cat.", days_ago=3)
    [secret] = await say(bank, "My code is 1234.", days_ago=2)
    await summed_up(bank)
    assert "1234" in str(whole(bank, "overall"))
    await bank.memories.delete([secret])
    texts = [*kept(bank).values(), *(str(whole(bank, kind)) for kind in ("overall", "portrait", "strategy"))]
    assert "1234" not in str(texts)
    await summed_up(bank)
    assert "cat" in str(whole(bank, "overall"))
    assert "1234" not in str(whole(bank, "overall"))
    assert list(kept(bank)) == ["2027-01-12"]


async def test_what_comes_in_with_its_summaries_is_not_read_again(bank_asking: BankAsking) -> None:
    model = ScriptedModel(told)
    bank = await bank_asking(model)
    store = bank.footing.store
    await say(bank, "I have a cat.", days_ago=2, id="m1")
    await summed_up(bank)
    made, before, asked = store.transfer.rest("ada"), kept(bank), len(model.prompts)
    portrait = whole(bank, "portrait")
    store.erasures.erase("ada", bank.now(), {})
    assert kept(bank) == {}
    await say(bank, "I have a cat.", days_ago=2, id="m1")
    store.transfer.come_in(made, store.erasures.count, bank.now(), lambda _: NOTHING_ALONG).result()
    await summed_up(bank)
    assert (kept(bank), whole(bank, "portrait"), len(model.prompts)) == (before, portrait, asked)
    await say(bank, "I have a dog.", days_ago=2)
    await summed_up(bank)
    assert "dog" in str(whole(bank, "portrait"))


async def test_no_day_is_summed_up_while_an_import_may_bring_its_summary(bank_asking: BankAsking) -> None:
    bank = await bank_asking(ScriptedModel(told))
    await say(bank, "I have a cat.", days_ago=2)
    bank.footing.store.enqueue(NewJob(IMPORT, due=bank.now() + DAY), bank.now()).result()
    assert await bank.summing_up.enqueue_due() == "0 days and 0 portraits to be made"
    [waiting] = await bank.jobs.listed(kind=IMPORT)
    await bank.jobs.cancel(waiting.id)
    assert await bank.summing_up.enqueue_due() == "1 days and 0 portraits to be made"


async def test_what_is_deleted_while_the_model_is_asked_is_not_summed_up(bank_asking: BankAsking) -> None:
    model = GatedModel(told)
    bank = await bank_asking(model)
    [secret, _] = await say(bank, "My code is 1234.", "I have a cat.", days_ago=2)
    await bank.summing_up.enqueue_due()
    await model.reached.wait()
    await bank.memories.delete([secret])
    model.open.set()
    await summed_up(bank)
    [text] = kept(bank).values()
    assert "1234" not in text
    assert "cat" in text
    assert "1234" not in str(whole(bank, "overall"))


async def test_what_was_changed_reads_as_it_is_now(bank_asking: BankAsking) -> None:
    bank = await bank_asking(ScriptedModel(told))
    [said] = await say(bank, "I have a cat.", days_ago=2)
    await summed_up(bank)
    await bank.memories.amend(said, Amendment(content="I have a dog."))
    assert whole(bank, "portrait") is None
    await summed_up(bank)
    assert "dog" in str(whole(bank, "portrait"))


async def test_what_expires_is_not_summed_up(bank_asking: BankAsking, clock: ManualClock) -> None:
    model = ScriptedModel(told)
    bank = await bank_asking(model)
    await say(bank, "The code of the day is 1234.", days_ago=2, expires_at=clock() + DAY)
    await summed_up(bank)
    assert (kept(bank), model.prompts) == ({}, [])


async def test_what_a_model_has_answered_is_not_asked_for_again_when_the_rest_fails(
    bank_asking: BankAsking, clock: ManualClock
) -> None:
    model = ScriptedModel(told, ProviderUnavailableError("the provider is down"), told)
    bank = await bank_asking(model)
    await say(bank, "I have a cat.", days_ago=2)
    await bank.summing_up.enqueue_due()

    async def put_off() -> bool:
        [job] = await jobs(bank)
        return job.state == "queued" and job.error is not None

    await until_so(put_off)
    assert len(kept(bank)) == 1
    clock.now += 10
    bank.jobs.notice()
    await summed_up(bank)
    assert len(kept(bank, "insight")) == 1
    assert sum("Summarise what was said" in prompt for prompt in model.prompts) == 1


async def test_a_day_worth_no_sentence_makes_no_summary(bank_asking: BankAsking) -> None:
    bank = await bank_asking(ScriptedModel(as_json(sentences=[])))
    await say(bank, "Hm.", days_ago=2)
    await summed_up(bank)
    assert kept(bank) == {}
    profile = await bank.people.profile("ada")
    assert profile is not None
    assert (profile.portrait, profile.degraded) == (None, [NOT_YET])


async def test_a_refresh_takes_in_the_day_that_is_not_over(bank_asking: BankAsking) -> None:
    bank = await bank_asking(ScriptedModel(told))
    await say(bank, "I have a cat.")
    job = await bank.people.refresh("ada")
    assert job is not None
    assert job.kind == PORTRAY
    await summed_up(bank)
    assert "cat" in str(whole(bank, "portrait"))
    await say(bank, "It is called Mia.")
    await bank.people.refresh("ada")
    await summed_up(bank)
    assert "Mia" in str(whole(bank, "portrait"))
    assert await bank.people.refresh("nobody") is None


async def test_an_erased_user_s_summary_is_not_written(bank_asking: BankAsking) -> None:
    model = GatedModel(told)
    bank = await bank_asking(model)
    said = await say(bank, "I have a cat.", days_ago=2)
    await bank.summing_up.enqueue_due()
    await model.reached.wait()
    [job] = await jobs(bank)
    await bank.jobs.cancel(job.id)
    await bank.memories.delete(said)
    model.open.set()
    await summed_up(bank)
    assert kept(bank) == {}


async def test_how_to_speak_with_somebody_is_said_in_two_lines(bank_asking: BankAsking) -> None:
    bank = await bank_asking(ScriptedModel(told))
    assert await bank.people.manner("ada") == ""
    await say(bank, "I have a cat.", days_ago=2)
    await summed_up(bank)
    portrait, strategy = (await bank.people.manner("ada")).splitlines()
    assert "cat" in portrait
    assert strategy == "How this user is best answered: Be brief."


async def test_the_timeline_goes_from_day_to_day_page_by_page(bank_with: BankWith, embedder: object) -> None:
    bank = await bank_with(embedder)  # type: ignore[arg-type]
    for days_ago in range(4):
        await say(bank, f"Day {days_ago} begins.", f"Day {days_ago} ends.", days_ago=days_ago)
    page = await bank.people.timeline("ada", FIRST, LAST, 3)
    assert page is not None
    assert [(day.day, day.turns, day.opening) for day in page.days] == [
        ("2027-01-15", 2, "Day 0 begins."),
        ("2027-01-14", 2, "Day 1 begins."),
        ("2027-01-13", 2, "Day 2 begins."),
    ]
    assert (page.next_cursor, page.degraded) == ("2027-01-13", [NO_MODEL])
    rest = await bank.people.timeline("ada", FIRST, "2027-01-12", 3)
    assert rest is not None
    assert ([day.day for day in rest.days], rest.next_cursor) == (["2027-01-12"], None)
    assert await bank.people.timeline("ben", FIRST, LAST, 3) is None
    profile = await bank.people.profile("ada")
    assert profile is not None
    assert (profile.known.turns, profile.known.first_at, profile.degraded) == (8, bank.now() - 3 * DAY, [NO_MODEL])


async def test_what_shows_nothing_of_the_user_makes_no_portrait(bank_asking: BankAsking) -> None:
    def events_alone(messages: Sequence[Message]) -> str:
        return as_json(sentences=[]) if "describe the user" in messages[0].content else told(messages)

    bank = await bank_asking(ScriptedModel(events_alone))
    await say(bank, "It rains.", days_ago=2)
    await summed_up(bank)
    profile = await bank.people.profile("ada")
    assert profile is not None
    assert (profile.portrait, profile.overall is None, profile.degraded) == (None, False, [NOTHING_TOLD])
