import pytest

from memorybank_service.store.words import query_terms, terms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Cat's café", ["the", "cat", "s", "cafe"]),
        ("on the 2nd of May", ["on", "the", "2", "of", "may"]),
        ("Ｆｕｌｌ width", ["full", "width"]),
        ("東京タワー", ["東京", "京タ", "タワ", "ワー"]),
        ("猫", ["猫"]),
        ("한국어 text混ぜて", ["한국", "국어", "text", "混ぜ", "ぜて"]),
        ("straße_name", ["strasse", "name"]),
        ("... !?", []),
    ],
)
def test_a_text_becomes_these_terms(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


def test_a_query_loses_its_stop_words_unless_it_has_no_others() -> None:
    assert query_terms("When did Ada go to the river in May?") == ["ada", "go", "river", "may"]
    assert query_terms("who is it") == ["who", "is", "it"]
