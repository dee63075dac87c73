import pytest
from hypothesis import given
from hypothesis import strategies as st

from memorybank_service.llm.tokens import estimate_tokens

JSON = '{"id": 12, "user": "ada@example.org", "at": "2027-01-15T08:00:00Z"}'


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        # The least and the most of what cl100k, o200k and Anthropic's tokenizer count.
        ("", 0, 0),
        ("Ada takes the night train to Vienna, because she does not like flying.", 15, 15),
        ("Sie nimmt den Nachtzug nach Wien, weil sie nicht gern fliegt.", 15, 20),
        ("Она едет в Вену ночным поездом, потому что не любит летать.", 18, 30),
        ("她坐夜车去维也纳，因为她不喜欢坐飞机。", 15, 29),
        ("彼女は飛行機が嫌いなので、夜行列車でウィーンへ行く。", 23, 36),
        ("그녀는 비행기를 싫어해서 야간열차로 빈에 간다.", 20, 29),
        (JSON, 32, 33),
        ("😀🎉👍🏽", 6, 11),
    ],
)
def test_the_estimate_is_near_what_tokenizers_count(text: str, least: int, most: int) -> None:
    assert least * 0.8 <= estimate_tokens(text) <= most * 1.25


@given(st.text(), st.text())
def test_more_text_is_never_fewer_tokens(one: str, other: str) -> None:
    both = estimate_tokens(one + other)
    assert max(estimate_tokens(one), estimate_tokens(other)) <= both
    assert both <= estimate_tokens(one) + estimate_tokens(other)


def test_half_of_a_character_counts_too() -> None:
    assert estimate_tokens("\ud800") >= 1
