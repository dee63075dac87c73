"""Many items become few requests."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from memorybank.batches import batches
from memorybank.wire import encoded


@given(st.lists(st.text("aé", max_size=30)), st.integers(1, 10), st.integers(1, 80))
def test_every_item_is_sent_once_in_order_and_no_request_is_larger_than_it_may_be(
    items: list[str], most_items: int, most_bytes: int
) -> None:
    made = list(batches(items, most_items, most_bytes))

    assert [item for batch in made for item in batch] == items
    assert all(0 < len(batch) <= most_items for batch in made)
    assert all(len(batch) == 1 or sum(len(encoded(item)) + 1 for item in batch) <= most_bytes for batch in made)
    for batch, following in pairwise(made):
        more = [*batch, following[0]]
        assert len(batch) == most_items or sum(len(encoded(item)) + 1 for item in more) > most_bytes
