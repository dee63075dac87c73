"""Many items in few requests: as many in each as its body may hold, in their order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from memorybank.wire import encoded

MOST_ITEMS = 1_000
MOST_BYTES = 4 << 20


def batches(items: Iterable[Any], most_items: int = MOST_ITEMS, most_bytes: int = MOST_BYTES) -> Iterator[list[Any]]:
    """An item that alone is larger makes a batch of its own, for the service to refuse in its own words."""
    batch: list[Any] = []
    size = 0
    for item in items:
        item_size = len(encoded(item)) + 1
        if batch and (len(batch) == most_items or size + item_size > most_bytes):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += item_size
    if batch:
        yield batch
