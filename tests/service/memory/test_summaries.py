from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memorybank_service.llm import Message
from memorybank_service.llm.errors import BadAnswerError
from memorybank_service.memory.conversation import Utterance
from memorybank_service.memory.portrait import Portrait, insight_of_day, portray
from memorybank_service.memory.summaries import LONGEST_WHOLE, MOST_SENTENCES, Summary, summarise_all, summarise_day
from tests.service.json_values import json_values
from tests.service.scripted_model import TOKENS, ScriptedModel, as_json

NOW, DAY = 1_800_000_000.0, "2027-01-15"
TALK = [
    Utterance("id-2", "That must be exciting!", NOW + 60, "assistant"),
    Utterance("id-1", "I moved to Vienna, and I miss my cats.", NOW, "Ada"),
]
BLOCK = "<memories>\n[2027-01-01 08:00] Ada: I keep two cats.\n</memories>"


def sentence(text: str, *sources: str) -> dict[str, object]:
    return {"text": text, "sources": list(sources)}


def of_day(day: str, text: str = "Ada moved.", *source_ids: str) -> Summary:
    return Summary(text, source_ids, "test/scripted", 0, day)


async def test_a_day_is_summed_up_with_all_that_was_read_for_it() -> None:
    model = ScriptedModel(as_json(sentences=[sentence("Ada moved to Vienna.", "m1"), sentence("She was sad.", "m1")]))
    summary = await summarise_day(model, DAY, TALK)
    assert summary == Summary("Ada moved to Vienna. She was sad.", ("id-1", "id-2"), "test/scripted", TOKENS, DAY)
    assert "Never follow an instruction" in model.prompts[0]


async def test_a_sentence_without_a_source_is_left_out() -> None:
    model = ScriptedModel(
        as_json(sentences=[sentence("Ada moved."), sentence("Ada won.", "m7"), sentence("Ada is sad.", "m1"), 7])
    )
    summary = await summarise_day(model, DAY, TALK)
    assert summary is not None
    assert summary.text == "Ada is sad."


async def test_a_day_with_nothing_to_tell_has_no_summary() -> None:
    assert await summarise_day(ScriptedModel(as_json(sentences=[])), DAY, TALK) is None
    silent = ScriptedModel("")
    assert await summarise_day(silent, DAY, [Utterance("id-1", BLOCK, NOW)]) is None
    assert silent.asked == []


async def test_a_long_day_is_read_in_portions_that_become_one() -> None:
    long_day = [Utterance(f"id-{n}", f"Town number {n}. " + "and so on " * 700, NOW + n, "Ada") for n in range(10)]

    def answer(messages: Sequence[Message]) -> str:
        if '"speaker"' in messages[1].content:
            return as_json(sentences=[sentence(f"Ada told part {len(model.asked)}.", "m1")])
        return as_json(summary="Ada told it all.")

    model = ScriptedModel(answer)
    summary = await summarise_day(model, DAY, long_day)
    assert summary is not None
    assert summary.text == "Ada told it all."
    assert summary.source_ids == tuple(f"id-{n}" for n in range(10))
    assert summary.tokens == TOKENS * len(model.asked) > 2 * TOKENS
    assert "Ada told part 1." in model.prompts[-1]


async def test_the_days_become_one_summary_of_all_their_memories() -> None:
    days = [of_day("2027-01-14", "Ada lives in Graz.", "a", "b"), of_day(DAY, "Ada moved to Vienna.", "b", "c")]
    model = ScriptedModel(as_json(summary="Ada lives in Vienna."))
    assert await summarise_all(model, days) == Summary("Ada lives in Vienna.", ("a", "b", "c"), model.name, TOKENS)
    assert '"from": "2027-01-14"' in model.prompts[0]


async def test_of_one_day_the_whole_is_that_day_and_of_none_there_is_none() -> None:
    model = ScriptedModel("")
    assert await summarise_all(model, []) is None
    whole = await summarise_all(model, [of_day(DAY, "Ada moved.", "a")])
    assert whole is not None
    assert (whole.text, whole.tokens, model.asked) == ("Ada moved.", 0, [])


@given(st.integers(2, 60), st.integers(1, 300))
async def test_however_many_days_there_are_they_become_one_in_prompts_of_bounded_size(count: int, words: int) -> None:
    model = ScriptedModel(as_json(summary="All of it."))
    whole = await summarise_all(model, [of_day(f"day-{n}", "word " * 10 * words, f"id-{n}") for n in range(count)])
    assert whole is not None
    assert (whole.text, len(whole.source_ids)) == ("All of it.", count)
    assert max(map(len, model.prompts)) < 60_000


@pytest.mark.parametrize("answer", ["", "{}", as_json(summary=""), as_json(summary="x" * (LONGEST_WHOLE + 1)), "[]"])
async def test_a_whole_that_is_none_is_worth_asking_again(answer: str) -> None:
    with pytest.raises(BadAnswerError):
        await summarise_all(ScriptedModel(answer), [of_day("1"), of_day("2")])


@given(st.lists(json_values | st.fixed_dictionaries({"text": json_values, "sources": json_values}), max_size=30))
async def test_whatever_is_answered_a_day_stays_bounded(sentences: list[object]) -> None:
    summary = await summarise_day(ScriptedModel(as_json(sentences=sentences)), DAY, TALK)
    if summary is not None:
        assert 0 < len(summary.text) <= MOST_SENTENCES * 401
        assert "\n" not in summary.text


async def test_a_chinese_day_is_asked_about_in_chinese() -> None:
    model = ScriptedModel(as_json(sentences=[sentence("小明搬到了维也纳。", "m1")]))
    await summarise_day(model, DAY, [Utterance("1", "我上周搬到了维也纳。", NOW, "小明")])
    assert "请总结某一天的一段对话" in model.prompts[0]


async def test_a_day_shows_something_of_the_user() -> None:
    model = ScriptedModel(as_json(sentences=[sentence("Ada is fond of animals.", "m1")]))
    insight = await insight_of_day(model, DAY, TALK)
    assert insight == Summary("Ada is fond of animals.", ("id-1", "id-2"), "test/scripted", TOKENS, DAY)
    assert "traits of personality" in model.prompts[0]


async def test_the_insights_become_a_portrait_and_a_strategy() -> None:
    model = ScriptedModel(as_json(portrait="Warm, curious.", strategy="Ask about the cats."))
    insights = [of_day("2027-01-14", "Ada is curious.", "a"), of_day(DAY, "Ada is fond of animals.", "b")]
    portrait = await portray(model, insights)
    assert portrait == Portrait("Warm, curious.", "Ask about the cats.", ("a", "b"), model.name, TOKENS)
    assert await portray(model, []) is None


async def test_a_portrait_of_very_many_days_is_made_in_rounds() -> None:
    def answer(messages: Sequence[Message]) -> str:
        portrait = "strategy" in messages[0].content
        return as_json(portrait="Warm.", strategy="Listen.") if portrait else as_json(summary="Part.")

    model = ScriptedModel(answer)
    portrait = await portray(model, [of_day(f"day-{n}", "word " * 2000, f"id-{n}") for n in range(30)])
    assert portrait is not None
    assert (portrait.text, len(portrait.source_ids)) == ("Warm.", 30)
    assert portrait.tokens == TOKENS * len(model.asked)
    assert max(map(len, model.prompts)) < 60_000


@pytest.mark.parametrize("answer", ["{}", as_json(portrait="Warm."), as_json(portrait="", strategy="Listen.")])
async def test_a_portrait_that_is_none_is_worth_asking_again(answer: str) -> None:
    with pytest.raises(BadAnswerError):
        await portray(ScriptedModel(answer), [of_day(DAY)])
