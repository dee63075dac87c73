"""Filters in a query parameter: as mem0's client writes them, and nothing else."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memorybank_service.http.mem0.written import LONGEST, read_written

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
_FILTERS = st.dictionaries(st.text(max_size=8), _VALUES, max_size=4)


@given(_FILTERS)
def test_what_python_prints_is_read_as_it_was(filters: dict[str, object]) -> None:
    if len(repr(filters)) <= LONGEST:
        assert read_written(repr(filters)) == filters


@given(_FILTERS)
def test_so_is_json(filters: dict[str, object]) -> None:
    if len(json.dumps(filters)) <= LONGEST:
        assert read_written(json.dumps(filters)) == filters


@given(st.text(alphabet=st.sampled_from("{}[](),:'\"\\ tnux01TrueFalsNo.eE-+_i"), max_size=60) | st.text(max_size=60))
def test_whatever_comes_is_read_or_refused(text: str) -> None:
    try:
        value = read_written(text)
    except ValueError:
        return
    assert read_written(repr(value)) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "user_id",
        "{'user_id': ada}",
        "{'user_id': 'a' 'b'}",
        "{'user_id': ('a',)}",
        "{'user_id': {'a'}}",
        "{'user_id': b'a'}",
        "{'user_id': f'a'}",
        "{'user_id': r'\\d'}",
        "{'user_id': '\\d'}",
        "{'user_id': '\\N{DIGIT ONE}'}",
        "{'user_id': 'a',}",
        "{'user_id': 'a'} or {}",
        "{**{}}",
        "{'user_id': 0x10}",
        "{'user_id': 1_000}",
        "{'user_id': nan}",
        '{"user_id": NaN}',
        "{'user_id': -'a'}",
        "{'user_id': '\\U00ffffff'}",
        "{'user_id': 'a', 'user_id': 'b'}",
        '{"user_id": "a", "user_id": "b"}',
        "__import__('os').getcwd()",
        "[" * 8000,
        "{'a':" * 1500,
        "9" * 5000,
        "{" + " " * LONGEST + "}",
    ],
)
def test_what_is_neither_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(must|names)"):
        read_written(text)
