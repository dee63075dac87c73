import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memorybank_service.llm.tokens import estimate_tokens
from memorybank_service.memory.conversation import (
    UTTERANCE_TOKENS,
    Utterance,
    data,
    days_of,
    language_of,
    new_words,
    portions,
    shortened,
    spoken,
)

MORNING = 1_800_000_000.0  # 2027-01-15 08:00 UTC
utterances = st.lists(
    st.builds(
        Utterance, st.text(max_size=8), st.text(max_size=200), st.floats(0, 4e9), st.none() | st.text(max_size=9)
    ),
    max_size=30,
)


def test_a_line_says_who_said_what_and_when() -> None:
    assert spoken([Utterance("some-id", "I moved to Vienna.", MORNING, "Ada")]).splitlines() == [
        "<data>",
        '{"id": "m1", "at": "Friday 2027-01-15 08:00", "speaker": "Ada", "text": "I moved to Vienna."}',
        "</data>",
    ]


@given(st.lists(st.dictionaries(st.text(), st.text()), max_size=5))
def test_nothing_that_was_said_can_leave_the_data(lines: list[dict[str, str]]) -> None:
    begin, *written, end = data(lines).split("\n")
    assert (begin, end) == ("<data>", "</data>")
    assert [json.loads(line) for line in written] == lines
    assert not any("<" in line or ">" in line for line in written)


@given(utterances)
def test_portions_are_all_of_it_in_order_and_of_a_size(said: list[Utterance]) -> None:
    made = list(portions(said, tokens=200))
    assert [one for portion in made for one in portion] == said
    assert all(len(portion) == 1 or sum(estimate_tokens(one.text) for one in portion) <= 200 for portion in made)


@given(st.text(max_size=2000), st.integers(1, 200))
def test_a_long_text_is_shown_by_its_beginning_and_its_end(text: str, tokens: int) -> None:
    shown = shortened(text, tokens)
    assert estimate_tokens(shown) <= tokens
    assert shown == text or len(shown) < len(text) + 3


def test_the_middle_is_what_is_left_out() -> None:
    shown = shortened("first words " + "and so on " * 5000 + "last words", UTTERANCE_TOKENS)
    assert shown.startswith("first words")
    assert shown.endswith("last words")


def test_what_was_recalled_into_a_text_is_not_among_its_new_words() -> None:
    block = "<memories>\n[2027-01-01 08:00] Ada: I live in Graz.\n</memories>"
    said = [
        Utterance("2", f"{block}\nWhat did I tell you?", MORNING + 1),
        Utterance("1", "Hello", MORNING),
        Utterance("3", block, MORNING + 2),
    ]
    assert [(one.id, one.text) for one in new_words(said)] == [("1", "Hello"), ("2", "What did I tell you?")]


@given(utterances)
def test_each_day_has_what_was_said_on_it(said: list[Utterance]) -> None:
    days = days_of(said)
    assert list(days) == sorted(days)
    assert sorted(one.id for day in days.values() for one in day) == sorted(one.id for one in said)


def test_a_day_is_one_of_utc() -> None:
    midnight = MORNING - 8 * 3600
    days = days_of([Utterance("b", "after", midnight), Utterance("a", "before", midnight - 1)])
    assert {day: [one.id for one in said] for day, said in days.items()} == {"2027-01-14": ["a"], "2027-01-15": ["b"]}


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Ada takes the night train", "en"),
        ("她坐夜车去维也纳", "zh"),
        ("她用 ChatGPT 写信给维也纳的朋友", "zh"),
        ("The word 维也纳 means Vienna in Chinese", "en"),
        ("彼女は夜行列車でウィーンへ行く", "en"),
        ("", "en"),
    ],
)
def test_the_instructions_are_in_chinese_where_the_conversation_is(text: str, language: str) -> None:
    assert language_of([text]) == language
