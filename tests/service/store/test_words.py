import pytest

from memorybank_service.store.marks import ASKS, TELLS_TIME, marks
from memorybank_service.store.stemming import stem
from memorybank_service.store.words import cjk_share, indexed, is_indexed_alike, query_terms, terms, tokens


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
def test_a_text_becomes_these_tokens(text: str, expected: list[str]) -> None:
    assert tokens(text) == expected


def test_single_characters_of_a_text_without_spaces_can_be_found_too() -> None:
    counts, total = indexed("喝茶，茶 in 東京 tea")
    assert counts == {"喝茶": 1, "喝": 1, "茶": 2, "東京": 1, "東": 1, "京": 1, "in": 1, "tea": 1}
    assert total == len(tokens("喝茶，茶 in 東京 tea"))


@pytest.mark.parametrize(("text", "alike"), [("The cat's café", True), ("猫 and tea", True), ("喝茶", False)])
def test_only_what_the_newer_rules_change_is_indexed_anew(text: str, alike: bool) -> None:
    assert is_indexed_alike(text, 2) is alike
    assert not is_indexed_alike(text, 1)


def test_words_are_compared_without_the_endings_of_plurals_and_verbs() -> None:
    assert terms("She camps, camped and is camping") == ["she", "camp", "camp", "and", "is", "camp"]


@pytest.mark.parametrize(
    "forms",
    [
        ["paint", "paints", "painted", "painting"],
        ["hope", "hopes", "hoped", "hoping"],
        ["plan", "plans", "planned", "planning"],
        ["story", "stories"],
        ["class", "classes"],
        ["call", "calls", "called", "calling"],
    ],
)
def test_forms_of_one_word_have_one_stem(forms: list[str]) -> None:
    assert len({stem(form) for form in forms}) == 1


@pytest.mark.parametrize("word", ["bus", "this", "sing", "red", "gas", "ring", "Überraschungen", "qx7731s", "猫"])
def test_what_only_looks_like_an_ending_stays(word: str) -> None:
    assert stem(word) == word


def test_a_query_loses_its_stop_words_unless_it_has_no_others() -> None:
    assert query_terms("When did Ada swim in the river in May?") == ["ada", "swim", "river", "may"]
    assert query_terms("who is it") == ["who", "is", "it"]


def test_a_query_loses_the_names_it_is_told_to_unless_it_has_no_other_words() -> None:
    assert query_terms("Where did Ada swim?", without={"ada"}) == ["swim"]
    assert query_terms("Ada", without={"ada"}) == ["ada"]


@pytest.mark.parametrize(("text", "share"), [("tea", 0), ("上海", 1), ("tea 上海 x", 2 / 6), ("", 0), ("?!", 0)])
def test_how_much_of_a_text_is_chinese_japanese_or_korean(text: str, share: float) -> None:
    assert cjk_share(text) == share


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("How was it?", ASKS),
        ('She said "really?"', ASKS),
        ("Want to see? (shared a photo of a lake)", ASKS),
        ("你好吗？", ASKS),
        ("I asked why? It was late.", 0),
        ("I swam yesterday.", TELLS_TIME),
        ("Will you come next week?", ASKS | TELLS_TIME),
        ("我昨天去了。", TELLS_TIME),
        ("", 0),
    ],
)
def test_a_memory_is_marked_as_asking_and_as_telling_a_time(content: str, expected: int) -> None:
    assert marks(content) == expected
