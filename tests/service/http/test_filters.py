import json

import pytest

from memorybank_service.http.filters import DEEPEST, MOST_CONDITIONS, MOST_MEMBERS, parse_filter
from memorybank_service.store.filters import And, Compare, Not, Or

NEW_YEAR_2027 = 1798761600.0
DAY = 86400.0


def test_a_field_with_a_value_is_compared_with_it() -> None:
    assert parse_filter({"speaker": "Ada"}) == Compare("speaker", "eq", "Ada")
    assert parse_filter({"metadata": {"topic": "tea"}}) == Compare("metadata.topic", "eq", "tea")
    assert parse_filter({"tags": ["a", "b"]}) == Compare("tags", "eq", ["a", "b"])


@pytest.mark.parametrize("asked", [{"state": "active"}, {"OR": [{"state": {"in": ["faded"]}}]}])
def test_the_state_is_not_taken_for_a_key_of_the_metadata(asked: object) -> None:
    with pytest.raises(ValueError, match="`include` says which states a search finds"):
        parse_filter(asked)
    for of_metadata in ({"metadata.state": "new"}, {"metadata": {"state": "new"}}):
        assert parse_filter(of_metadata) == Compare("metadata.state", "eq", "new")


def test_an_empty_filter_asks_for_nothing() -> None:
    assert parse_filter({}) is None
    assert parse_filter({"OR": [{}, {"a": 1}]}) == Or([And([]), Compare("a", "eq", 1)])
    assert parse_filter({"metadata": {}}) == And([])


def test_several_names_and_several_operators_hold_together() -> None:
    assert parse_filter({"n": {"gte": 1, "lt": 5}, "speaker": {"ne": "Ada"}}) == And(
        [And([Compare("n", "gte", 1), Compare("n", "lt", 5)]), Compare("speaker", "ne", "Ada")]
    )


def test_filters_are_combined_by_and_or_and_not() -> None:
    assert parse_filter({"AND": [{"OR": [{"a": 1}, {"b": 2}]}, {"NOT": {"c": 3}}]}) == And(
        [Or([Compare("a", "eq", 1), Compare("b", "eq", 2)]), Not(Compare("c", "eq", 3))]
    )
    assert parse_filter({"NOT": [{"a": 1}, {"b": 2}]}) == Not(Or([Compare("a", "eq", 1), Compare("b", "eq", 2)]))


def test_a_date_is_the_whole_day_and_a_time_the_millisecond_that_answers_show() -> None:
    def bounds(**asked: str) -> object:
        return parse_filter({"created_at": asked})

    assert bounds(gte="2027-01-01") == Compare("created_at", "gte", NEW_YEAR_2027)
    assert bounds(gt="2027-01-01") == Compare("created_at", "gte", NEW_YEAR_2027 + DAY)
    assert bounds(lte="2027-01-01") == Compare("created_at", "lt", NEW_YEAR_2027 + DAY)
    assert bounds(lt="2027-01-01") == Compare("created_at", "lt", NEW_YEAR_2027)
    day = And([Compare("created_at", "gte", NEW_YEAR_2027), Compare("created_at", "lt", NEW_YEAR_2027 + DAY)])
    assert parse_filter({"created_at": "2027-01-01"}) == day
    assert bounds(ne="2027-01-01") == Not(day)
    assert parse_filter({"created_at": {"nin": ["2027-01-01"]}}) == Not(Or([day]))
    assert bounds(lte="2027-01-01T01:00:00+01:00") == Compare("created_at", "lt", NEW_YEAR_2027 + 0.001)


def test_a_star_means_any_value_only_where_it_is_asked_to() -> None:
    assert parse_filter({"run_id": "*"}) == Compare("run_id", "eq", "*")
    assert parse_filter({"run_id": "*"}, wildcard=True) == Compare("run_id", "exists", True)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([], "filters must be an object"),
        ({"AND": []}, "filters.AND must be a list of 1 to 16 filters"),
        ({"NOT": "x"}, "filters.NOT must be a list of 1 to 16 filters"),
        ({"a": {}}, "filters.a takes contains, eq, exists, gt, gte, icontains, in, lt, lte, ne, nin, and at least one"),
        (
            {"a": {"like": "x"}},
            "filters.a takes contains, eq, exists, gt, gte, icontains, in, lt, lte, ne, nin, not 'like'",
        ),
        ({"a": {"in": 5}}, "filters.a.in must be a list"),
        ({"a": {"in": list(range(65))}}, "filters.a.in must have at most 64 values, not 65"),
        ({"a": {"gt": [1]}}, "filters.a.gt must be one value; for one of several use `in`"),
        ({"user_id": ["a", "b"]}, "filters.user_id must be one value; for one of several use `in`"),
        ({"a": {"gt": None}}, "filters.a.gt must be a number or a text"),
        ({"a": {"gt": True}}, "filters.a.gt must be a number or a text"),
        ({"a": {"eq": {"deep": 1}}}, "filters.a.eq must be a text, a number, true, false, null or a list of such"),
        ({"a": {"in": [[1]]}}, "filters.a.in must be a text, a number, true, false, null or a list of such"),
        ({"a": 10**400}, "filters.a must be a smaller number"),
        ({"a": float("nan")}, "filters.a must not be NaN or Infinity, which JSON does not know"),
        ({"a": "\ud800"}, "filters.a must be valid Unicode"),
        ({"\ud800": 1}, "filters.? must be valid Unicode"),
        ({"": 1}, "filters. has a name of 0 or more than 256 characters"),
        ({"a": "x" * 2049}, "filters.a must be a text of at most 2048 characters"),
        ({"a": {"icontains": 5}}, "filters.a.icontains must be a text"),
        ({"importance": {"contains": "x"}}, "filters.importance.contains cannot be asked: the field is no text"),
        ({"pinned": {"nin": ["yes"]}}, "filters.pinned.nin must be true or false"),
        ({"pinned": {"gt": True}}, "filters.pinned.gt cannot be asked: of true and false none is less"),
        ({"importance": "0.5"}, "filters.importance must be a number"),
        ({"speaker": 5}, "filters.speaker must be a text"),
        ({"speaker": {"gt": None}}, "filters.speaker.gt must be a text"),
        ({"created_at": {"contains": "2027"}}, "filters.created_at.contains cannot be asked: the field is no text"),
        ({"created_at": {"gte": None}}, "filters.created_at.gte must be an RFC 3339 time"),
        ({"a": {"exists": 1}}, "filters.a.exists must be true or false"),
        ({"metadata": []}, "filters.metadata must be an object with at most 16 keys to compare"),
        ({"created_at": {"gt": "2027-02-30"}}, "filters.created_at.gt must be an RFC 3339 time with its zone"),
        ({"created_at": {"gt": 5}}, "filters.created_at.gt must be an RFC 3339 time (2027-"),
        ({"created_at": "2027-01-01T00:00:00"}, "filters.created_at must be an RFC 3339 time with its zone"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_its_place(given: object, sentence: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the sentence is compared below
        parse_filter(given)
    assert str(refused.value).startswith(sentence)


def test_depth_and_number_of_conditions_have_an_end() -> None:
    deepest = json.loads('{"NOT": ' * (DEEPEST - 1) + '{"a": 1}' + "}" * (DEEPEST - 1))
    assert parse_filter(deepest) is not None
    with pytest.raises(ValueError, match="nested more than 8 deep"):
        parse_filter({"NOT": deepest})
    most = [{f"k{number}": number for number in range(MOST_MEMBERS)} for _ in range(MOST_CONDITIONS // MOST_MEMBERS)]
    last = most[-1].popitem()
    assert parse_filter({"AND": most}) is not None
    most[-1].update([last])
    with pytest.raises(ValueError, match="one condition more than the 64"):
        parse_filter({"AND": most})
    wide: list[dict[str, object]] = [
        {f"k{number}": number for number in range(17)},
        {"OR": [{}] * 17},
        {"metadata": {f"k{number}": number for number in range(17)}},
    ]
    for given in wide:
        with pytest.raises(ValueError, match=str(MOST_MEMBERS)):
            parse_filter(given)
