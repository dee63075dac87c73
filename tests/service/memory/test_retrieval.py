"""What a search finds, and what it must not: on a real store, with vectors that are counts of words."""

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memorybank_service.store import Amendment, NewMemory
from memorybank_service.store.filters import Compare
from tests.service.searching import NOW, Searching, searching, turn, vector

DAY, YEAR = 86_400.0, 365 * 86_400.0


@pytest.fixture
def found() -> Iterator[Searching]:
    with searching() as one:
        yield one


def talk(*contents: str, run_id: str = "r", **given: object) -> list[NewMemory]:
    """Ada and Ben by turns, named t0, t1 and so on."""
    return [
        turn(f"t{n}", content, run_id=run_id, speaker=("Ada", "Ben")[n % 2], created_at=NOW + n, **given)
        for n, content in enumerate(contents)
    ]


SMALL_TALK = ["A quiet week, all in all.", "Nothing new over here.", "The weather was grey again.", "Same old story."]


def test_an_answer_is_found_by_the_words_of_its_question(found: Searching) -> None:
    found.add(talk(*SMALL_TALK, "Which instrument does your sister play?", "The cello.", *SMALL_TALK))
    assert set(found.ids("instrument sister plays", top_k=2)) == {"t4", "t5"}
    [answer] = [hit for hit in found.hits("instrument sister plays", explain=True) if found.names([hit.seq]) == ["t5"]]
    assert answer.explain is not None
    assert answer.explain["words_turn"] == 0 < answer.explain["words_window"]
    assert answer.explain["dense_window"] > answer.explain["dense_turn"]


@pytest.mark.parametrize("gone", ["deleted", "faded", "expired"])
def test_a_turn_that_is_gone_is_heard_with_its_neighbours_no_more(found: Searching, gone: str) -> None:
    old = {"anchor": NOW - YEAR} if gone == "faded" else {"expires_at": NOW - 1} if gone == "expired" else {}
    question = turn("q", "Which instrument?", run_id="r", created_at=NOW, **old)
    found.add([question, turn("a", "The cello.", run_id="r", created_at=NOW + 1)])
    if gone == "deleted":
        found.hits("instrument")
        found.store.delete(["q"], NOW).result()
    [hit] = found.hits("instrument", explain=True)
    assert hit.explain is not None
    assert {hit.explain[part] for part in ("words_window", "words_session", "dense_window")} == {0}
    alone = searching_only([turn("a", "The cello.", run_id="r", created_at=NOW + 1)], "instrument")
    assert hit.score == pytest.approx(alone[0][1], abs=1e-4)


def searching_only(memories: Sequence[NewMemory], text: str, **scope: object) -> list[tuple[str, float]]:
    with searching() as other:
        other.add(memories)
        hits = other.hits(text, **scope)  # type: ignore[arg-type]
        return list(zip(other.names([hit.seq for hit in hits]), [hit.score for hit in hits], strict=True))


WORDS = ["tea", "boat", "violin", "garden", "lisbon", "ada", "ben", "what?", "yesterday"]
USERS, AGENTS, RUNS = ["u", "v"], [None, "x", "y"], [None, "r", "s"]


@st.composite
def memories(draw: st.DrawFn) -> list[NewMemory]:
    texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join)
    count = draw(st.integers(1, 14))
    return [
        turn(
            f"m{number}",
            draw(texts),
            user_id=draw(st.sampled_from(USERS)),
            agent_id=draw(st.sampled_from(AGENTS)),
            run_id=draw(st.sampled_from(RUNS)),
            speaker=draw(st.sampled_from([None, "Ada", "Ben"])),
            created_at=NOW + draw(st.integers(0, 5)),
        )
        for number in range(count)
    ]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    memories(),
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join),
    st.sampled_from([*USERS, None]),
    st.sampled_from(AGENTS),
    st.sampled_from(RUNS),
    st.booleans(),
)
def test_a_search_is_as_if_there_were_nothing_outside_of_its_scope(
    given_memories: list[NewMemory], text: str, user: str | None, agent: str | None, run: str | None, by_words: bool
) -> None:
    inside = [
        memory
        for memory in given_memories
        if user in (None, memory.user_id) and agent in (None, memory.agent_id) and run in (None, memory.run_id)
    ]
    scope = {"user_id": user, "agent_id": agent, "run_id": run, "by_words": by_words, "top_k": 20}
    with searching() as everything:
        everything.add(given_memories)
        hits = everything.hits(text, **scope)  # type: ignore[arg-type]
        among_all = list(zip(everything.names([hit.seq for hit in hits]), [hit.score for hit in hits], strict=True))
    alone = searching_only(inside, text, **scope) if inside else []
    # As a mapping: two that are alike may come in either order.
    assert dict(among_all) == pytest.approx(dict(alone), abs=2e-4)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(memories(), st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join))
def test_the_parts_that_explain_a_score_sum_up_to_it(given_memories: list[NewMemory], text: str) -> None:
    with searching() as found:
        found.add(given_memories)
        hits = found.hits(f"When was Ada's {text}, yesterday?", None, explain=True)
    assert hits
    for hit in hits:
        assert hit.explain is not None
        assert sum(hit.explain.values()) == pytest.approx(hit.score, abs=1e-4)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_what_a_named_speaker_said_comes_first(found: Searching) -> None:
    found.add(talk("I love sailing.", "I love sailing."))
    assert found.ids("Where does Ada love sailing?")[0] == "t0"
    assert found.ids("Where does Ben love sailing?")[0] == "t1"
    both = found.hits("Do Ada and Ben love sailing?", explain=True)
    assert [hit.explain and hit.explain["speaker"] for hit in both] == [0, 0]


def test_a_name_in_the_query_asks_who_said_it_and_not_who_was_spoken_to(found: Searching) -> None:
    found.add(talk("Thanks, Ben! I swam in the lake.", "Great, Ada! I swam in the sea."))
    assert found.ids("Where had Ben swam?")[0] == found.ids("Where had Ben swam?", by_words=True)[0] == "t1"


def test_the_day_that_the_query_names_comes_first(found: Searching) -> None:
    days = {"old": NOW - 3 * DAY, "wanted": NOW - DAY, "new": NOW}
    found.add([turn(name, "Lunch was good.", created_at=moment) for name, moment in days.items()])
    assert found.ids("How was lunch yesterday?")[0] == "wanted"
    assert found.ids("How was lunch yesterday?", now=NOW - 2 * DAY)[0] == "old"


def test_who_asks_when_gets_what_tells_a_time_first(found: Searching) -> None:
    found.add([turn("time", "We bought the boat last year."), turn("none", "We bought the boat.")])
    assert found.ids("bought the boat")[0] == "none"
    assert found.ids("When was the boat bought?")[0] == "time"


def test_of_equals_the_newer_comes_first(found: Searching) -> None:
    found.add([turn(f"m{n}", "The same words.") for n in range(30)])
    assert found.ids("same words", top_k=3) == ["m29", "m28", "m27"]


def test_what_is_well_remembered_weighs_a_little(found: Searching) -> None:
    found.add([turn("fresh", "The same words."), turn("older", "The same words.", anchor=NOW - 7 * DAY)])
    assert found.ids("same words") == ["fresh", "older"]
    found.add([turn("older and better", "The very same words that were asked for.", anchor=NOW - 7 * DAY)])
    assert found.ids("very words that were asked for")[0] == "older and better"


def test_the_threshold_compares_similarity_before_the_cut(found: Searching) -> None:
    found.add([turn("same", "tea with lemon"), turn("near", "tea with milk"), turn("far", "violin lessons")])
    hits = found.hits("tea with lemon")
    assert round(hits[0].similarity, 2) == 1
    assert found.ids("tea with lemon", threshold=0.9) == ["same"]
    assert found.ids("tea with lemon", threshold=hits[1].similarity, top_k=5) == ["same", "near"]


def test_by_words_alone_similarity_is_the_share_of_the_terms(found: Searching) -> None:
    found.add([turn("both", "tea with lemon"), turn("one", "tea with milk"), turn("none", "violin lessons")])
    hits = found.hits("lemon tea", by_words=True)
    assert found.names([hit.seq for hit in hits]) == ["both", "one"]
    assert [hit.similarity for hit in hits] == [1, 0.5]
    assert found.ids("lemon tea", by_words=True, threshold=0.6) == ["both"]


def test_a_memory_without_a_vector_is_found_by_its_words(found: Searching) -> None:
    found.add([turn("waits", "the xylophone is blue", vector=None), turn("has one", "violin lessons")])
    best = found.hits("xylophone")[0]
    assert (found.names([best.seq]), best.similarity) == (["waits"], 1)


def test_a_vector_of_another_length_is_not_compared(found: Searching) -> None:
    found.add([turn("a", "tea with lemon")])
    view = found.store.view("")
    assert view.dimension == len(vector("tea"))
    found.store._rosters.dimension = 7  # as after the space has changed, with the query embedded before
    assert [round(hit.similarity, 2) for hit in found.hits("tea")] == [1]


@pytest.mark.parametrize(
    ("text", "said"), [("茶", "我爱喝茶"), ("茶", "茶很好喝"), ("の", "私の猫"), ("차", "녹차를"), ("東", "東")]
)
def test_words_of_one_character_are_found(found: Searching, text: str, said: str) -> None:
    found.add([turn("wanted", said), turn("other", "他喜欢喝咖啡")])
    assert found.ids(text, by_words=True) == ["wanted"]


@pytest.mark.parametrize("text", ["上海", "東京", "서울"])
def test_words_of_two_characters_are_found(found: Searching, text: str) -> None:
    found.add([turn("wanted", f"我们在{text}开会"), turn("other", "他喜欢喝咖啡")])
    assert found.ids(text)[0] == "wanted"
    assert found.ids(text, by_words=True) == ["wanted"]


def test_meaning_weighs_less_in_a_chinese_query(found: Searching) -> None:
    found.add([turn("a", "上海 tea")])
    [english], [chinese] = found.hits("tea", explain=True), found.hits("上海", explain=True)
    assert english.explain is not None
    assert chinese.explain is not None
    assert chinese.explain["dense_turn"] == pytest.approx(0.3 * chinese.similarity, abs=1e-5)
    assert english.explain["dense_turn"] == pytest.approx(english.similarity, abs=1e-5)


def test_a_filter_decides_before_the_cut_who_may_be_a_result(found: Searching) -> None:
    found.add([turn(f"m{n}", "tea " * (20 - n), metadata={"odd": n % 2 == 1}) for n in range(20)])
    assert len(found.ids("tea", top_k=5, filter=Compare("odd", "eq", True))) == 5
    assert set(found.ids("tea", top_k=20, filter=Compare("odd", "eq", True))) == {f"m{n}" for n in range(1, 20, 2)}
    assert found.ids("tea", filter=Compare("odd", "eq", "true")) == []


def test_what_a_filter_leaves_out_is_still_heard_with_its_neighbours(found: Searching) -> None:
    found.add([*talk("Which instrument?", "The cello.")])
    scores = dict(zip(found.ids("instrument"), found.hits("instrument"), strict=True))
    [hit] = found.hits("instrument", filter=Compare("id", "eq", "t1"))
    assert hit.score == scores["t1"].score


def test_other_states_are_searched_where_they_are_asked_for(found: Searching) -> None:
    found.add([turn("faded", "tea with lemon", anchor=NOW - YEAR), turn("active", "tea with lemon")])
    assert found.ids("tea") == ["active"]
    assert found.ids("tea", states=frozenset({"active", "faded"})) == ["active", "faded"]


def test_the_turns_around_a_result_are_named(found: Searching) -> None:
    found.add(talk("one", "two", "three", "four", "five"))
    [hit] = found.hits("three", top_k=1, neighbours=2)
    assert (found.names(hit.before), found.names(hit.after)) == (["t0", "t1"], ["t3", "t4"])
    found.store.delete(["t1"], NOW).result()
    [hit] = found.hits("three", top_k=1, neighbours=1)
    assert (found.names(hit.before), found.names(hit.after)) == (["t0"], ["t3"])


def test_turns_are_neighbours_in_the_order_they_were_said_whenever_they_arrive(found: Searching) -> None:
    first, second, third = talk("one", "two", "three")
    found.add([third])
    found.hits("three")
    found.add([first])
    found.hits("three")
    found.add([second])
    [hit] = found.hits("two", top_k=1, neighbours=5)
    assert (found.names(hit.before), found.names(hit.after)) == (["t0"], ["t2"])
    found.store.amend("t0", Amendment(created_at=NOW + 100), NOW).result()
    [hit] = found.hits("two", top_k=1, neighbours=5)
    assert (found.names(hit.before), found.names(hit.after)) == ([], ["t2", "t0"])


def test_a_scope_too_large_to_be_scanned_finds_the_same(found: Searching) -> None:
    said = [f"{WORDS[n % 5]} {WORDS[n % 3]} number {n}" for n in range(60)]
    with searching(exact_limit=20) as large:
        for one in (found, large):
            one.add(talk(*said))
        for query in ("tea number 13", "boat and garden", "lisbon", "what did Ada say about violin?"):
            exact, by_candidates = found.hits(query, explain=True), large.hits(query, explain=True)
            assert [hit.seq for hit in by_candidates] == [hit.seq for hit in exact]
            assert [hit.score for hit in by_candidates] == pytest.approx([hit.score for hit in exact], abs=1e-3)


def test_nothing_is_found_where_there_is_nothing(found: Searching) -> None:
    assert found.hits("tea") == []
    found.add([turn("a", "tea")])
    assert found.hits("tea", "nobody") == []
    assert found.hits("tea", agent_id="nobody") == found.hits("tea", run_id="none") == []
    assert found.ids("...") == ["a"]
    assert found.hits("...", by_words=True) == []
