"""A store whose scopes are "large" from 50 memories on, and what its index knows."""

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

import numpy as np

from memorybank_service.store import Vector, View
from memorybank_service.store.sqlite_store import SqliteStore
from tests.service.store.test_sqlite_store import memory
from tests.service.waiting import until

Open = Callable[..., SqliteStore]
MANY, LARGE = 600, 50


def pending(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "memory.db")) as connection:
        return int(connection.execute("SELECT count(*) FROM index_pending").fetchone()[0])


def add(store: SqliteStore, numbers: Iterable[int]) -> None:
    store.add([memory(number, "ada" if number % 2 else "ben") for number in numbers]).result()


def filled(open_store: Open, folder: Path, count: int = MANY) -> SqliteStore:
    store = open_store(exact_limit=LARGE)
    for start in range(0, count, 500):
        add(store, range(start, min(count, start + 500)))
    until(lambda: pending(folder) == 0)
    return store


def nearest(view: View, vector: Vector | None) -> int:
    """The number of the nearest memory, wherever the view has it from."""
    assert vector is not None
    everyone = np.ones(len(view.roster), np.bool_)
    places = view.nearest(vector, everyone & view.roster.alive, 10)
    cosines = view.cosines(vector, places)
    return int(view.roster.seq[places[np.argmax(cosines)]])


def indexed(store: SqliteStore, number: int) -> bool:
    """Whether the index itself finds the memory, without the scan that stands in for it."""
    vector = memory(number).vector
    assert vector is not None
    answer = store._index.nearest(vector, None, 1)
    return answer is not None and answer.tolist() == [number + 1]


def entries(store: SqliteStore) -> int:
    opened = store._index._open
    return -1 if opened is None else opened.process.count


def pid(store: SqliteStore) -> int:
    """Of the index's process; a search has it started where there is none."""
    found: list[int] = []

    def running() -> bool:
        opened = store._index._open
        if opened is None or opened.process.pid is None:
            store._index.call()
            return False
        found.append(opened.process.pid)
        return True

    until(running)
    return found[0]


def agrees(store: SqliteStore, folder: Path, numbers: range) -> bool:
    """Whether the index holds exactly the memories of these numbers, and finds them."""
    until(lambda: pending(folder) == 0 and indexed(store, numbers[0]))
    return entries(store) == len(numbers) and all(indexed(store, number) for number in numbers[:: len(numbers) // 100])
