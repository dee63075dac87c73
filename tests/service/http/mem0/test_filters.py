"""mem0's filters: whose memories are meant, and which of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memorybank_service.http.mem0.filters import Asked, NobodyError, last_moment, read_filters
from memorybank_service.store import Scope
from memorybank_service.store.filters import And, Compare, Filter, Not, Or

DAY = 1_798_761_600.0
"""2027-01-01."""


def asked(*conditions: object) -> Asked:
    return read_filters(conditions)


def narrowed(condition: dict[str, object]) -> Filter:
    """What the condition becomes beside a user."""
    found = asked({"user_id": "ada"}, condition)
    assert found.scope == Scope("ada")
    assert isinstance(found.filter, And)
    [part] = found.filter.parts
    return part


@pytest.mark.parametrize(
    ("conditions", "scope"),
    [
        ([{"user_id": "ada"}], Scope("ada")),
        ([{"user_id": {"eq": "ada"}}], Scope("ada")),
        ([{"AND": [{"user_id": "ada"}, {"AND": [{"agent_id": "cook"}]}]}], Scope("ada", "cook")),
        ([{"user_id": "ada", "run_id": "s1"}], Scope("ada", run_id="s1")),
        ([{"agent_id": "cook"}], Scope(None, "cook")),
        ([None, {}, {"session_id": "s1"}, {"user_id": "ada"}], Scope("ada", run_id="s1")),
        ([{"user_id": 7}], Scope("7")),
    ],
)
def test_entities_that_all_have_to_match_make_a_scope(conditions: list[object], scope: Scope) -> None:
    assert read_filters(conditions) == Asked(scope, None, everyone=False)


def test_entities_of_which_one_has_to_match_make_a_filter() -> None:
    either = {"OR": [{"user_id": "ada"}, {"agent_id": {"in": ["cook", "tailor"]}}]}
    wanted = Or([Compare("user_id", "eq", "ada"), Compare("agent_id", "in", ["cook", "tailor"])])
    assert asked(either) == Asked(Scope(None), And([wanted]), everyone=False)


def test_an_app_is_found_in_the_metadata() -> None:
    assert asked({"app_id": "shop"}) == Asked(
        Scope(None), And([Compare("metadata.app_id", "eq", "shop")]), everyone=False
    )


def test_two_users_at_once_are_nobody_and_not_one_of_them() -> None:
    found = asked({"user_id": "ada"}, {"user_id": "bob"})
    assert found == Asked(Scope("ada"), And([Compare("user_id", "eq", "bob")]), everyone=False)


@pytest.mark.parametrize(
    "conditions",
    [
        [],
        [None],
        [{}],
        [{"metadata": {"a": 1}}],
        [{"user_id": {"ne": "ada"}}],
        [{"user_id": None}],
        [{"user_id": ""}],
        [{"user_id": {"in": []}}],
        [{"NOT": {"user_id": "ada"}}],
        [{"OR": [{"user_id": "ada"}, {"created_at": {"gte": "2027-01-01"}}]}],
        [{"user_id": {"contains": "a"}}],
        [{"user_id": {"gte": "a"}}],
    ],
)
def test_without_an_entity_nobody_is_meant(conditions: list[object]) -> None:
    with pytest.raises(NobodyError):
        read_filters(conditions)


@pytest.mark.parametrize(
    ("conditions", "everyone"),
    [
        ([{"user_id": "*"}], True),
        ([{"OR": [{"user_id": "ada"}, {"agent_id": "*"}]}], True),
        ([{"AND": [{"user_id": "ada"}, {"run_id": "*"}]}], False),
    ],
)
def test_a_wildcard_alone_means_everyone(conditions: list[object], everyone: bool) -> None:
    assert read_filters(conditions).everyone is everyone


@pytest.mark.parametrize(
    ("condition", "becomes"),
    [
        ({"run_id": "*"}, Compare("run_id", "exists", True)),
        ({"metadata": {"a": 1}}, Compare("metadata.a", "eq", 1)),
        ({"metadata": {"a": {"ne": 1}}}, Compare("metadata.a", "ne", 1)),
        ({"memory_ids": ["m1", "m2"]}, Compare("id", "in", ["m1", "m2"])),
        ({"keywords": {"icontains": "tea"}}, Compare("content", "icontains", "tea")),
        ({"text": "tea"}, Compare("content", "icontains", "tea")),
        (
            {"categories": {"contains": "Tea"}},
            Or([Compare("metadata.categories", "icontains", "Tea"), Compare("metadata.category", "icontains", "Tea")]),
        ),
        (
            {"categories": {"in": ["tea"]}},
            Or([Compare("metadata.categories", "contains", "tea"), Compare("metadata.category", "eq", "tea")]),
        ),
        (
            {"categories": "*"},
            Or([Compare("metadata.categories", "exists", True), Compare("metadata.category", "exists", True)]),
        ),
        ({"NOT": {"agent_id": "cook"}}, Not(Compare("agent_id", "eq", "cook"))),
        ({"timestamp": {"gte": "2027-01-01"}}, Compare("created_at", "gte", DAY)),
        ({"created_at": {"gte": DAY}}, Compare("created_at", "gte", DAY)),
        ({"created_at": {"gte": "2027-01-01T00:00:00"}}, Compare("created_at", "gte", DAY)),
        ({"expiration_date": {"lte": "2026-12-31"}}, Compare("expires_at", "lt", DAY)),
    ],
)
def test_fields_go_by_our_names(condition: dict[str, object], becomes: Filter) -> None:
    assert narrowed(condition) == becomes


@pytest.mark.parametrize(
    ("condition", "complaint"),
    [
        ({"user_id": {"is": "ada"}}, r"filters\.user_id takes .* not 'is'"),
        ({"AND": {}}, "must be a list of 1 to 16 filters"),
        ({"created_at": {"gte": "yesterday"}}, "must be an RFC 3339 time"),
        ({"created_at": {"gte": 1e300}}, "must be an RFC 3339 time"),
        ("ada", "filters must be an object"),
        ({"metadata": "a"}, "must be an object"),
        ({"a": {"eq": {"b": 1}}}, "must be a text"),
    ],
)
def test_a_refusal_names_the_place(condition: object, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        asked({"user_id": "ada"}, condition)


def test_an_expiration_date_includes_its_day() -> None:
    assert last_moment("2026-12-31") == DAY - 0.001
    for wrong in ("2026-02-30", "31.12.2026", "2026-12-31T10:00:00Z", ""):
        with pytest.raises(ValueError, match="must be a date"):
            last_moment(wrong)


_NAMES = st.sampled_from(
    ["AND", "OR", "NOT", "user_id", "run_id", "app_id", "metadata", "categories", "created_at", "memory_ids", "x"]
)
_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["*", "ada", "2027-01-01", ""])
_TREES = st.recursive(
    _LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(_NAMES | st.sampled_from(["eq", "in", "ne", "gte", "contains", "exists"]), inner, max_size=3)
    ),
    max_leaves=20,
)


@given(_TREES)
def test_whatever_a_client_sends_it_reaches_nobody_that_it_does_not_name(tree: object) -> None:
    try:
        found = read_filters([{"user_id": "ada"}, tree])
    except ValueError:
        return
    assert found.scope.user_id == "ada"
    assert not found.everyone
