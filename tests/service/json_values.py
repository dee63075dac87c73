"""Whatever may stand in a JSON document, for tests of what reads one."""

from typing import Any

from hypothesis import strategies as st

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=40),
    lambda values: st.lists(values, max_size=5) | st.dictionaries(st.text(max_size=9), values, max_size=5),
    max_leaves=12,
)
