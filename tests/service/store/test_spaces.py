import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from memorybank_service.store import NOTHING_ALONG, Along, Amendment, JobEnd, NewJob, NewMemory, Space, Vector
from memorybank_service.store.spaces import peek
from memorybank_service.store.sqlite_store import SqliteStore

OLD, NEW = Space("old/model", 8), Space("new/model", 4)


class Stores:
    """Opens the store of one folder with one configured space after another."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.open = folder, list[SqliteStore]()

    def __call__(self, space: Space) -> SqliteStore:
        for store in self.open:
            store.close()
        self.open = [SqliteStore(self.folder, space.name, space.dimension)]
        return self.open[0]


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    opened = Stores(tmp_path)
    yield opened
    for store in opened.open:
        store.close()


def vector(number: int, dimension: int) -> Vector:
    made = np.random.default_rng(number).standard_normal(dimension).astype(np.float32)
    normed: Vector = made / np.linalg.norm(made)
    return normed


def memory(number: int, space: Space | None = None) -> NewMemory:
    made = None if space is None else vector(number, space.dimension)
    return NewMemory(f"m{number}", f"memory number {number}", 1.0, 1.0, "ada", vector=made)


def fill_next(store: SqliteStore, space: Space) -> None:
    store.spaces.begin_next(space.name).result()
    missing = store.spaces.missing_next(0, 1000)
    made = {m.seq: (m.updated_at, vector(m.seq, space.dimension)) for m in missing}
    store.spaces.write_next(made, space.name).result()


def cosine(store: SqliteStore, place: int, wanted: Vector) -> float:
    view = store.view("ada")
    assert view.roster.embedded[place]
    return float(view.cosines(wanted, np.array([place]))[0])


def test_a_store_of_another_model_opens_and_keeps_its_space(stores: Stores) -> None:
    stores(OLD).add([memory(1, OLD)]).result()
    again = stores(NEW)
    assert again.spaces.current == OLD
    assert cosine(again, 0, vector(1, 8)) == pytest.approx(1, abs=1e-3)


def test_a_store_without_memories_takes_on_the_configured_space(stores: Stores) -> None:
    stores(OLD)
    assert stores(NEW).spaces.current == NEW


def test_what_the_memories_were_embedded_with_is_known_before_the_store_is_opened(
    stores: Stores, tmp_path: Path
) -> None:
    assert peek(tmp_path / "memory.db") is None
    store = stores(OLD)
    assert peek(tmp_path / "memory.db") is None
    store.add([memory(1)]).result()
    assert peek(tmp_path / "memory.db") == OLD
    stores(OLD).close()
    assert peek(tmp_path / "memory.db") == OLD


def test_the_first_vectors_tell_the_length_that_nobody_knew(stores: Stores) -> None:
    unknown = Space("remote/model", 0)
    store = stores(unknown)
    store.add([memory(1)]).result()
    assert len(store.view("ada").roster) == 1
    assert store.set_vectors({1: (1.0, vector(1, 6))}, "remote/model").result() == 1
    assert store.spaces.current.dimension == 6
    assert cosine(store, 0, vector(1, 6)) == pytest.approx(1, abs=1e-3)
    assert stores(unknown).spaces.current.dimension == 6


def test_the_next_vectors_take_the_place_of_the_old_ones_in_one_commit(stores: Stores) -> None:
    stores(OLD).add([memory(number, OLD) for number in range(1, 4)]).result()
    store = stores(NEW)
    assert len(store.view("ada").roster) == 3  # a roster with the old vectors is in memory
    fill_next(store, NEW)
    assert store.spaces.count_next() == (3, 3)
    job = store.enqueue(NewJob("reembed"), 1.0).result().id
    ended = Along(ends=JobEnd(job, {"embedded": 3}))
    store.take_job(1.0, frozenset({"reembed"})).result()
    assert store.spaces.swap(NEW, 0, 2.0, ended).result()
    assert store.spaces.current == NEW
    assert cosine(store, 1, vector(2, 4)) == pytest.approx(1, abs=1e-3)
    done = store.job(job)
    assert done is not None
    assert (done.state, done.result) == ("succeeded", {"embedded": 3})
    assert store.spaces.has_old()
    assert stores(NEW).spaces.current == NEW


def test_the_old_vectors_go_little_by_little_and_before_another_swap(stores: Stores) -> None:
    stores(OLD).add([memory(number, OLD) for number in range(1, 4)]).result()
    store = stores(NEW)
    fill_next(store, NEW)
    assert store.spaces.swap(NEW, 0, 2.0, NOTHING_ALONG).result()
    fill_next(store, OLD)
    assert not store.spaces.swap(OLD, 0, 2.0, NOTHING_ALONG).result()
    assert [store.spaces.remove_old(2).result() for _ in range(3)] == [True, False, False]
    assert store.spaces.swap(OLD, 0, 2.0, NOTHING_ALONG).result()
    store.delete(["m1"], 3.0).result()
    store.upkeep.check()


def test_what_changed_or_arrived_meanwhile_is_embedded_before_the_swap_or_waits_for_its_vector(stores: Stores) -> None:
    stores(OLD).add([memory(number, OLD) for number in range(1, 4)]).result()
    store = stores(NEW)
    fill_next(store, NEW)
    store.amend("m1", Amendment(content="other words"), 5.0).result()
    store.add([memory(4)]).result()
    assert [m.id for m in store.spaces.missing_next(0, 10)] == ["m1", "m4"]
    assert not store.spaces.swap(NEW, 1, 2.0, NOTHING_ALONG).result()
    assert store.spaces.write_next({1: (1.0, vector(1, 4))}, NEW.name).result() == 0  # of the words before
    assert store.spaces.swap(NEW, 2, 2.0, NOTHING_ALONG).result()
    assert [m.id for m in store.pending_embeddings(10)] == ["m1", "m4"]
    assert [m.id for m in store.pending_embeddings(1, without={1})] == ["m4"]


def test_what_was_gathered_for_a_third_model_is_dropped(stores: Stores) -> None:
    stores(OLD).add([memory(1, OLD)]).result()
    store = stores(NEW)
    fill_next(store, NEW)
    store.spaces.begin_next(NEW.name).result()
    assert store.spaces.count_next() == (1, 1)
    store.spaces.begin_next("third/model").result()
    assert store.spaces.count_next() == (0, 1)
    assert not store.spaces.swap(NEW, 9, 2.0, NOTHING_ALONG).result()
    assert store.spaces.current == OLD


def test_a_deleted_memory_leaves_the_next_vectors_too(stores: Stores) -> None:
    store = stores(OLD)
    store.add([memory(1, OLD), memory(2, OLD)]).result()
    fill_next(store, NEW)
    store.delete(["m1"], 3.0).result()
    assert store.spaces.count_next() == (1, 1)


def test_a_store_that_noted_no_length_tells_it_by_its_vectors(stores: Stores, tmp_path: Path) -> None:
    stores(OLD).add([memory(1, OLD)]).result()
    stores.open.pop().close()
    with closing(sqlite3.connect(tmp_path / "memory.db")) as connection, connection:
        connection.execute("DELETE FROM note WHERE name = 'embedding_dimension'")
    assert stores(NEW).spaces.current == OLD
