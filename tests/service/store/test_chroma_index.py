"""The index on real files, its process a real one."""

import fcntl
import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from memorybank_service.chroma import process
from memorybank_service.embedding.local import LocalEmbedder
from memorybank_service.store import NOTHING_ALONG, chroma_index
from memorybank_service.store.records import Space
from memorybank_service.store.sqlite_store import SqliteStore
from tests.service.full_volume import full_volume
from tests.service.store.indexing import LARGE, MANY, Open, add, agrees, entries, filled, indexed, nearest, pending, pid
from tests.service.store.test_sqlite_store import memory
from tests.service.waiting import until


@pytest.fixture(autouse=True)
def _quick_writes_and_patient_searches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chroma_index, "GATHER_SECONDS", 0.0)
    monkeypatch.setattr(chroma_index, "RETRY_SECONDS", 0.0)
    monkeypatch.setattr(process, "SEARCH_SECONDS", 20.0)


def test_every_vector_reaches_the_index_and_is_found_there(open_store: Open, tmp_path: Path) -> None:
    store = filled(open_store, tmp_path)
    until(lambda: indexed(store, 77))
    assert nearest(store.view(None), memory(77).vector) == 78
    assert nearest(store.view("ada"), memory(77).vector) == 78


def test_what_the_index_has_not_seen_yet_is_found_by_the_next_search(
    open_store: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = filled(open_store, tmp_path)
    until(lambda: indexed(store, 1))
    monkeypatch.setattr(chroma_index, "GATHER_SECONDS", 60.0)
    store.add([memory(9_000)]).result()
    assert pending(tmp_path) == 1
    assert nearest(store.view(None), memory(9_000).vector) == MANY + 1


def test_what_is_deleted_leaves_the_index(open_store: Open, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = filled(open_store, tmp_path)
    until(lambda: indexed(store, 77))
    store.delete(["m77"], 0.0).result()
    assert nearest(store.view(None), memory(77).vector) != 78
    until(lambda: pending(tmp_path) == 0)
    assert not indexed(store, 77)
    assert indexed(store, 79)
    assert entries(store) == MANY - 1
    assert "rebuil" not in caplog.text


def test_an_index_that_was_closed_well_is_used_again_as_it_is(
    open_store: Open, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    filled(open_store, tmp_path).close()
    store = open_store(exact_limit=LARGE)
    until(lambda: indexed(store, 77))
    assert "rebuil" not in caplog.text


def test_an_index_that_a_full_volume_stopped_goes_on_when_there_is_room(
    open_store: Open, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(chroma_index, "RETRY_SECONDS", 0.05)
    store = open_store(exact_limit=LARGE)
    store.add([memory(number) for number in range(200)]).result()
    with full_volume():
        assert nearest(store.view(None), memory(77).vector) == 78
        until(lambda: "has to wait for the store" in caplog.text, seconds=10)
    until(lambda: indexed(store, 77), seconds=20)


def test_a_small_tenant_never_opens_it(open_store: Open, tmp_path: Path) -> None:
    store = open_store()
    store.add([memory(number) for number in range(20)]).result()
    assert nearest(store.view(None), memory(7).vector) == 8
    store.close()
    assert not (tmp_path / "chroma").exists()


def test_nobody_s_search_keeps_it_open(open_store: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chroma_index, "IDLE_SECONDS", 0.2)
    store = filled(open_store, tmp_path)
    until(lambda: entries(store) < 0)
    add(store, [9_000])
    assert nearest(store.view(None), memory(9_000).vector) == MANY + 1


def test_a_search_brings_back_an_index_that_was_closed_while_idle(
    open_store: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(chroma_index, "IDLE_SECONDS", 0.5)
    store = filled(open_store, tmp_path)
    until(lambda: entries(store) < 0)
    until(lambda: indexed(store, 77))
    assert "rebuil" not in caplog.text


def test_a_user_s_nearest_are_found_among_many_of_others(open_store: Open, tmp_path: Path) -> None:
    store = filled(open_store, tmp_path)
    store.add([memory(number, "cleo") for number in range(10_000, 10_060)]).result()
    until(lambda: pending(tmp_path) == 0 and indexed(store, 1))
    view = store.view("cleo")
    assert nearest(view, memory(10_007).vector) == MANY + 8
    assert len(view.nearest(memory(77).vector, view.roster.alive, 5)) >= 5  # type: ignore[arg-type]


def test_a_search_that_would_take_more_than_reading_is_not_made(
    open_store: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = filled(open_store, tmp_path)
    until(lambda: indexed(store, 1))
    monkeypatch.setattr(chroma_index, "MOST_ASKED", 50)
    vector = memory(77).vector
    assert vector is not None
    assert store._index.nearest(vector, 1, 30) is None
    assert store._index.nearest(vector, 1, 20) is not None


def test_a_search_does_not_wait_for_a_process_that_is_stuck(
    open_store: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(process, "SEARCH_SECONDS", 0.05)
    store = filled(open_store, tmp_path)
    until(lambda: indexed(store, 77))
    stuck = pid(store)
    os.kill(stuck, signal.SIGSTOP)
    assert not indexed(store, 77)
    assert nearest(store.view(None), memory(77).vector) == 78
    os.kill(stuck, signal.SIGCONT)
    until(lambda: indexed(store, 77))
    assert pid(store) == stuck
    assert "rebuil" not in caplog.text


def test_a_process_that_stays_stuck_is_replaced(
    open_store: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "SEARCH_SECONDS", 0.05)
    monkeypatch.setattr(process, "PING_SECONDS", 0.2)
    store = filled(open_store, tmp_path)
    until(lambda: indexed(store, 77))
    stuck = pid(store)
    os.kill(stuck, signal.SIGSTOP)
    assert not indexed(store, 77)
    until(lambda: indexed(store, 77))
    assert pid(store) != stuck


def test_a_process_waits_for_the_one_before_it(open_store: Open, tmp_path: Path) -> None:
    with (tmp_path / "chroma.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        store = open_store(exact_limit=LARGE)
        add(store, range(MANY))
        assert nearest(store.view(None), memory(77).vector) == 78
        assert not (tmp_path / "chroma").exists()
    until(lambda: indexed(store, 77))


def test_rebuilding_leaves_nothing_of_what_was_there(open_store: Open, tmp_path: Path) -> None:
    store = filled(open_store, tmp_path)
    until(lambda: indexed(store, 77))
    before = {path.name for path in (tmp_path / "chroma").iterdir() if path.is_dir()}
    store._index.rebuild().result(20)
    assert not before & {path.name for path in (tmp_path / "chroma").glob("*")}
    assert agrees(store, tmp_path, range(MANY))


def test_nobody_is_answered_from_an_index_that_is_to_be_rebuilt(
    open_store: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = filled(open_store, tmp_path)
    until(lambda: indexed(store, 77))
    monkeypatch.setattr(store._index, "_take_turn", lambda: None)  # it gets no time to do so
    emptied = store._index.rebuild()
    assert not indexed(store, 77)
    store.close()
    emptied.result(0)
    assert not (tmp_path / "chroma").exists()


def test_an_index_that_is_worn_by_deletes_is_renewed(
    open_store: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chroma_index, "WORN", 100)
    store = filled(open_store, tmp_path)
    assert not store._index.renew_if_worn()
    store.delete([f"m{number}" for number in range(200)], 0.0).result()
    until(lambda: pending(tmp_path) == 0)
    store.close()
    store = open_store(exact_limit=LARGE)
    assert store._index.renew_if_worn()
    store._index.call()
    until(lambda: entries(store) == MANY - 200)
    assert not store._index.renew_if_worn()


def test_a_vector_that_changes_while_it_is_written_is_written_again(
    open_store: Open, tmp_path: Path, embedder: LocalEmbedder
) -> None:
    store = filled(open_store, tmp_path)
    source = store._index._source
    store._index._stop.set()  # by hand from here on
    store._index._wake.set()
    store._index._thread.join()
    add(store, [9_000])
    [read] = source.pending_entries(10)
    vector = memory(9_001).vector
    assert vector is not None
    store.set_vectors({read.seq: (1.0, vector)}, embedder.name).result()
    source.settle([read])
    [left] = source.pending_entries(10)
    assert left.vector != read.vector
    store.delete(["m9000"], 0.0).result()
    source.settle([left])
    assert [entry.vector for entry in source.pending_entries(10)] == [None]
    source.settle(source.pending_entries(10))
    assert pending(tmp_path) == 0


def test_another_space_gets_another_index(open_store: Open, tmp_path: Path, embedder: LocalEmbedder) -> None:
    store = filled(open_store, tmp_path)
    until(lambda: indexed(store, 77))
    fresh = np.random.default_rng(7).standard_normal((MANY, 64)).astype(np.float32)
    store.spaces.begin_next("another/model").result()
    store.spaces.write_next({place + 1: (1.0, vector) for place, vector in enumerate(fresh)}, "another/model").result()
    assert store.spaces.swap(Space("another/model", 64), 0, 2.0, NOTHING_ALONG).result()
    until(lambda: pending(tmp_path) == 0)

    def found() -> bool:
        answer = store._index.nearest(fresh[77], None, 1)
        return answer is not None and answer.tolist() == [78]

    until(found)


def test_an_index_of_another_space_is_not_opened(open_store: Open, tmp_path: Path, embedder: LocalEmbedder) -> None:
    filled(open_store, tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "memory.db", isolation_level=None)) as connection:
        connection.execute("UPDATE note SET value = 'another/model' WHERE name = 'embedding'")
    store = SqliteStore(tmp_path, "another/model", embedder.dimension, LARGE)
    store._index.call()
    until(lambda: pending(tmp_path) == MANY or indexed(store, 77))
    assert agrees(store, tmp_path, range(MANY))
    store.close()
