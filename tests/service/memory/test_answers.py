import json
import unicodedata
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memorybank_service.llm.errors import BadAnswerError
from memorybank_service.memory.answers import LONGEST_ANSWER, ids_in, read_list, read_object, share_in, text_in
from tests.service.json_values import json_values


@pytest.mark.parametrize("text", ['{"a": 1}', '  {"a": 1}\n', '```json\n{"a": 1}\n```', '```\n{"a": 1}\n```\n'])
def test_an_object_is_read_bare_and_in_a_fence(text: str) -> None:
    assert read_object(text) == {"a": 1}


@pytest.mark.parametrize(
    "text",
    ["", "[]", "null", "Sure! Here is the JSON.", '{"a": NaN}', '{"a": 1', "[" * 100_000, " " * (LONGEST_ANSWER + 1)],
    ids=["empty", "list", "null", "prose", "nan", "broken off", "deep", "long"],
)
def test_what_is_no_object_is_worth_asking_again(text: str) -> None:
    with pytest.raises(BadAnswerError) as caught:
        read_object(text)
    assert caught.value.retryable


@given(st.text())
def test_any_text_is_an_object_or_refused(text: str) -> None:
    with suppress(BadAnswerError):
        assert isinstance(read_object(text), dict)


@given(json_values, st.integers(1, 50))
def test_a_text_is_one_line_of_what_can_be_seen_or_none(value: object, longest: int) -> None:
    text = text_in({"text": value}, "text", longest)
    if text is not None:
        assert 0 < len(text) <= longest
        assert text == " ".join(text.split())
        assert not any(unicodedata.category(character).startswith("C") for character in text)


def test_a_text_loses_what_nobody_sees() -> None:
    assert text_in({"text": " Ada\u202e lives\n\x00 in\u200b Vienna\ud800 "}, "text", 50) == "Ada lives in Vienna"


@given(json_values)
def test_ids_are_of_those_that_were_given_each_once(value: object) -> None:
    known = {"m1": "one", "m2": "two"}
    found = ids_in({"sources": value}, "sources", known)
    assert set(found) <= {"one", "two"}
    assert len(set(found)) == len(found)


def test_an_alias_that_nobody_gave_is_dropped() -> None:
    assert ids_in({"sources": ["m2", "m9", 1, None, ["m1"], "m2", "m1"]}, "sources", {"m1": "a", "m2": "b"}) == (
        "b",
        "a",
    )


@given(json_values)
def test_a_share_lies_between_nothing_and_all(value: object) -> None:
    assert 0 <= share_in({"importance": value}, "importance", 0.5) <= 1


@given(json_values, st.integers(1, 5))
def test_a_list_is_of_objects_and_bounded(value: object, most: int) -> None:
    try:
        found = read_list({"operations": value}, "operations", most)
    except BadAnswerError:
        assert not isinstance(value, list)
    else:
        assert len(found) <= most
        assert all(isinstance(entry, dict) for entry in found)
        json.dumps(found)
