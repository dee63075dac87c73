"""Filters mean in SQL what they say: compared with a reading of them in plain Python."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memorybank_service.store import Amendment
from memorybank_service.store import fields as fields_module
from memorybank_service.store.filter_tests import DEEPEST, MOST_PARTS, checked
from memorybank_service.store.filters import And, Compare, Filter, FilterError, Not, Or, all_equal
from tests.service.searching import NOW, Searching, searching, turn

MEMORIES: dict[str, dict[str, Any]] = {
    "a": {"metadata": {"n": 1, "tags": ["x", "y"], "t": "Tea", "b": True, "none": None}, "speaker": "Ada"},
    "b": {"metadata": {"n": 2.5, "tags": ["x"], "t": "tea time", "b": False}, "user_id": "u", "run_id": "r"},
    "c": {"metadata": {"n": "1", "tags": "x", "t": 5, 'it\'s "odd".key': "%"}, "agent_id": "Ägypten", "pinned": True},
    "d": {"metadata": {}, "created_at": NOW + 10, "importance": 0.9, "expires_at": NOW + 5, "user_id": "u"},
    "e": {"metadata": {"n": 0, "tags": [], "t": "", "deep": {"x": 1}, "speaker": "hidden"}, "speaker": "Ben"},
    "f": {"metadata": {"n": [1, "1", None, True], "tags": ["y", "x", 1]}, "run_id": "s"},
}


@pytest.fixture(scope="module")
def stored() -> Iterator[Searching]:
    with searching() as one:
        one.add([turn(name, f"content of {name}", **given) for name, given in MEMORIES.items()])
        yield one


def matching(stored: Searching, wanted: Filter, user_id: str | None = None) -> set[str]:
    view = stored.store.view(user_id)
    return set(stored.names(view.roster.seq[view.matching(wanted)].tolist()))


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Compare("n", "eq", 1), "a"),
        (Compare("n", "eq", 1.0), "a"),
        (Compare("n", "eq", "1"), "c"),
        (Compare("b", "eq", True), "a"),
        (Compare("n", "ne", 1), "bcdef"),
        (Compare("none", "eq", None), "a"),
        (Compare("none", "exists", True), ""),
        (Compare("none", "exists", False), "abcdef"),
        (Compare("b", "exists", True), "ab"),
        (Compare("tags", "eq", ["y", "x"]), "af"),
        (Compare("tags", "eq", []), "abef"),
        (Compare("tags", "contains", "x"), "abcf"),
        (Compare("tags", "contains", 1), "f"),
        (Compare("t", "contains", "ea"), "ab"),
        (Compare("t", "icontains", "TEA"), "ab"),
        (Compare("tags", "icontains", "Y"), "af"),
        (Compare("n", "in", [0, "1", 2.5]), "bce"),
        (Compare("n", "nin", [0, "1", 2.5]), "adf"),
        (Compare("n", "in", []), ""),
        (Compare("n", "gt", 1), "b"),
        (Compare("n", "gte", 1), "ab"),
        (Compare("n", "lt", 1), "e"),
        (Compare("n", "lte", "1"), "c"),
        (Compare("t", "gt", "T"), "ab"),
        (Compare('it\'s "odd".key', "eq", "%"), "c"),
        (Compare("metadata.speaker", "eq", "hidden"), "e"),
        (Compare("speaker", "eq", "Ada"), "a"),
        (Compare("speaker", "exists", False), "bcdf"),
        (Compare("speaker", "ne", "Ada"), "bcdef"),
        (Compare("speaker", "eq", None), "bcdf"),
        (Compare("speaker", "in", [None, "Ben"]), "bcdef"),
        (Compare("agent_id", "icontains", "ägyp"), "c"),
        (Compare("user_id", "eq", "u"), "bd"),
        (Compare("user_id", "eq", None), "acef"),
        (Compare("session_id", "in", ["r", "s"]), "bf"),
        (Compare("run_id", "eq", 5), ""),
        (Compare("id", "gte", "e"), "ef"),
        (Compare("content", "contains", "of b"), "b"),
        (Compare("pinned", "eq", True), "c"),
        (Compare("pinned", "eq", 1), ""),
        (Compare("importance", "gt", 0.5), "d"),
        (Compare("importance", "eq", "0.9"), ""),
        (Compare("created_at", "gt", NOW), "d"),
        (Compare("created_at", "lte", NOW), "abcef"),
        (Compare("expires_at", "exists", True), "d"),
        (Compare("expires_at", "lt", NOW + 6), "d"),
        (Compare("n", "gt", 2**70), ""),
        (And([]), "abcdef"),
        (Or([]), ""),
        (Not(Or([Compare("n", "eq", 1), Compare("speaker", "eq", "Ben")])), "bcdf"),
        (And([Compare("user_id", "eq", "u"), Not(Compare("n", "exists", True))]), "d"),
        (all_equal({"n": 1, "t": "Tea"}), "a"),
    ],
)
def test_a_filter_holds_for_these(stored: Searching, wanted: Filter, expected: str) -> None:
    assert matching(stored, wanted) == set(expected)
    assert matching(stored, Not(wanted)) == set("abcdef") - set(expected)


def test_a_filter_widens_no_scope(stored: Searching) -> None:
    assert matching(stored, Or([Compare("n", "exists", True), And([])]), "u") == {"b", "d"}
    assert matching(stored, Compare("user_id", "ne", "u"), "u") == set()


SCALARS = st.sampled_from([None, True, False, 0, 1, 2.5, "", "1", "x", "Tea"])
COMPARISONS = st.one_of(
    st.builds(Compare, st.sampled_from(["n", "tags", "t", "b", "none"]), st.sampled_from(["eq", "ne"]), SCALARS),
    st.builds(Compare, st.sampled_from(["n", "t", "b"]), st.sampled_from(["in", "nin"]), st.lists(SCALARS, max_size=4)),
    st.builds(
        Compare,
        st.sampled_from(["n", "t"]),
        st.sampled_from(["gt", "gte", "lt", "lte"]),
        st.sampled_from([0, 1, 2.5, "", "1", "Tea"]),
    ),
    st.builds(Compare, st.sampled_from(["tags", "t"]), st.just("contains"), SCALARS),
)
FILTERS = st.recursive(
    COMPARISONS,
    lambda part: st.one_of(
        st.builds(And, st.lists(part, max_size=3)), st.builds(Or, st.lists(part, max_size=3)), st.builds(Not, part)
    ),
    max_leaves=12,
)


def kind(value: object) -> object:
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value)


def same(one: object, other: object) -> bool:
    return kind(one) == kind(other) and one == other


def compares(metadata: dict[str, Any], part: Compare) -> bool:  # noqa: PLR0911 - one line an operator
    if part.op in ("ne", "nin"):
        return not compares(metadata, Compare(part.field, "eq" if part.op == "ne" else "in", part.value))
    if part.field not in metadata:
        return False
    held, value = metadata[part.field], part.value
    if part.op == "eq":
        return same(held, value)
    if part.op == "in":
        return any(same(held, one) for one in value)  # type: ignore[union-attr]
    if part.op == "contains":
        inside = isinstance(held, str) and isinstance(value, str) and value in held
        return inside or (isinstance(held, list) and any(same(one, value) for one in held))
    if kind(held) != kind(value) or not isinstance(held, str | int | float) or isinstance(held, bool):
        return False
    order = {"gt": held > value, "gte": held >= value, "lt": held < value, "lte": held <= value}  # type: ignore[operator]
    return order[part.op]


def holds(metadata: dict[str, Any], wanted: Filter) -> bool:
    if isinstance(wanted, Compare):
        return compares(metadata, wanted)
    if isinstance(wanted, Not):
        return not holds(metadata, wanted.part)
    parts: Sequence[Filter] = wanted.parts
    return (all if isinstance(wanted, And) else any)(holds(metadata, part) for part in parts)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(FILTERS)
def test_any_combination_means_what_it_says(stored: Searching, wanted: Filter) -> None:
    expected = {name for name, given in MEMORIES.items() if holds(given["metadata"], wanted)}
    assert matching(stored, wanted) == expected


@pytest.mark.parametrize(
    "wanted",
    [
        Compare("n", "in", 1),
        Compare("n", "gt", [1]),
        Compare("n", "gt", True),
        Compare("n", "lt", None),
        Compare("n", "exists", "yes"),
        Compare("t", "icontains", 5),
        Compare("speaker", "eq", ["Ada"]),
        Compare("created_at", "contains", "2"),
        Compare("content", "contains", 5),
    ],
)
def test_what_cannot_be_asked_is_refused_with_a_sentence_that_names_the_field(wanted: Compare) -> None:
    with pytest.raises(FilterError, match=rf"^{wanted.field}: .*\.$"):
        checked(wanted)


def nested(depth: int) -> Filter:
    wanted: Filter = Compare("n", "eq", 1)
    for _ in range(depth - 1):
        wanted = Not(wanted)
    return wanted


def test_the_deepest_and_the_longest_filter_are_still_answered(stored: Searching) -> None:
    many = Or([Compare("n", "eq", number) for number in range(MOST_PARTS - 1)])
    assert matching(stored, many) == {"a", "e"}
    assert matching(stored, nested(DEEPEST)) in ({"a"}, set("bcdef"))
    deep_and_wide: Filter = many.parts[0]
    for _ in range(DEEPEST - 2):
        deep_and_wide = Or([*many.parts[:20], deep_and_wide])
    assert matching(stored, deep_and_wide) == {"a", "e"}


@pytest.mark.parametrize("wanted", [nested(DEEPEST + 1), nested(100_000), And([Compare("n", "eq", 1)] * MOST_PARTS)])
def test_a_filter_without_end_is_refused(wanted: Filter) -> None:
    with pytest.raises(FilterError, match="at most"):
        checked(wanted)


def test_what_a_client_sent_is_never_part_of_a_statement() -> None:
    poison = "'); DROP TABLE memory; --"
    with searching() as stored:
        stored.add([turn("p", poison, speaker=poison, metadata={poison: poison}), turn("q", "tea")])
        for wanted in (
            Compare(poison, "eq", poison),
            Compare(poison, "in", [poison]),
            Compare(poison, "contains", poison),
            Compare("content", "icontains", poison),
            Compare("speaker", "eq", poison),
            Compare(poison, "gte", poison),
        ):
            assert matching(stored, wanted) == {"p"}


def test_a_filter_follows_every_change() -> None:
    t3, late = Compare("topic", "eq", "t3"), Compare("created_at", "gt", NOW)
    ben, tea = Compare("speaker", "eq", "Ben"), Compare("content", "contains", "tea")
    with searching() as found:

        def seen() -> list[set[str]]:
            return [matching(found, wanted) for wanted in (t3, Not(t3), late, ben, tea)]

        found.add([turn(f"m{n}", "tea", metadata={"topic": f"t{n % 4}"}, speaker="Ada") for n in range(8)])
        before = found.store.view("")
        assert seen() == [{"m3", "m7"}, {"m0", "m1", "m2", "m4", "m5", "m6"}, set(), set(), {f"m{n}" for n in range(8)}]
        found.add([turn("m8", "boat", metadata={"topic": "t3"}, created_at=NOW + 1, speaker="Ben")])
        found.store.amend("m3", Amendment(metadata={"topic": "t0"}, speaker="Ben"), NOW).result()
        found.store.delete(["m7"], NOW).result()
        assert seen() == [
            {"m8"},
            {"m0", "m1", "m2", "m3", "m4", "m5", "m6"},
            {"m8"},
            {"m3", "m8"},
            {f"m{n}" for n in range(7)},
        ]
        assert len(before.matching(t3)) == len(before.roster) == 8  # what was given out stays as long as it was


def test_after_many_changes_a_field_is_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fields_module, "_MOST_CHANGES", 2)
    with searching() as found:
        found.add([turn(f"m{n}", "tea", metadata={"n": n}) for n in range(6)])
        assert matching(found, Compare("n", "lt", 3)) == {"m0", "m1", "m2"}
        for n in range(4):
            found.store.amend(f"m{n}", Amendment(metadata={"n": 9}), NOW).result()
        assert matching(found, Compare("n", "eq", 9)) == {"m0", "m1", "m2", "m3"}


def test_fields_asked_last_stay_within_a_budget() -> None:
    with searching() as found:
        many = [f"key{number}" for number in range(40)]
        found.add([turn(f"m{n}", "tea", metadata={key: f"{key}-{n}" * 50 for key in many}) for n in range(100)])
        view = found.store.view("")
        for key in [*many, many[0]]:
            assert view.matching(Compare(key, "eq", f"{key}-7" * 50)).sum() == 1
        fields = found.store._rosters.get(view._resident.owner)._rows.fields
        assert 0 < fields.size_bytes < 1 << 18
        assert 1 < len(fields._kept) < len(many)
