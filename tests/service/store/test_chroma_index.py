"""The index against real files: scopes here are "large" from 50 memories on."""

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from memorybank_service.store import Vector, View, chroma_index
from memorybank_service.store.sqlite_store import SqliteStore
from tests.service.full_volume import full_volume
from tests.service.store.test_sqlite_store import memory
from tests.service.waiting import until

Open = Callable[..., SqliteStore]
MANY, LARGE = 600, 50


@pytest.fixture(autouse=True)
def _no_gathering(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chroma_index, "GATHER_SECONDS", 0.0)
    monkeypatch.setattr(chroma_index, "RETRY_SECONDS", 0.0)


def pending(tmp_path: Path) -> int:
    with sqlite3.connect(tmp_path / "memory.db") as connection:
        count: int = connection.execute("SELECT count(*) FROM index_pending").fetchone()[0]
    connection.close()
    return count


def filled(open_store: Open, tmp_path: Path) -> SqliteStore:
    store = open_store(exact_limit=LARGE)
    store.add([memory(number, "ada" if number % 2 else "ben") for number in range(MANY)]).result()
    until(lambda: pending(tmp_path) == 0)
    return store


def nearest(view: View, vector: Vector | None) -> int:
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


def test_what_is_deleted_leaves_the_index(open_store: Open, tmp_path: Path) -> None:
    store = filled(open_store, tmp_path)
    until(lambda: indexed(store, 77))
    store.delete(["m77"], 0.0).result()
    assert nearest(store.view(None), memory(77).vector) != 78
    until(lambda: pending(tmp_path) == 0)
    assert not indexed(store, 77)
    assert indexed(store, 79)


def test_an_index_that_was_closed_well_is_used_again_as_it_is(
    open_store: Open, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    filled(open_store, tmp_path).close()
    store = open_store(exact_limit=LARGE)
    until(lambda: indexed(store, 77))
    assert "rebuil" not in caplog.text


def overwrite(path: Path) -> None:
    for file in path.rglob("*"):
        if file.is_file():
            file.write_bytes(b"\xa5" * file.stat().st_size)


def truncate(path: Path) -> None:
    for file in path.rglob("*"):
        if file.is_file():
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def lose_segments(path: Path) -> None:
    for folder in path.iterdir():
        if folder.is_dir():
            shutil.rmtree(folder)


@pytest.mark.parametrize("damage", [shutil.rmtree, overwrite, truncate, lose_segments])
def test_a_damaged_index_is_rebuilt_and_searched_meanwhile(
    open_store: Open, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    filled(open_store, tmp_path).close()
    damage(tmp_path / "chroma")
    store = open_store(exact_limit=LARGE)
    assert nearest(store.view(None), memory(77).vector) == 78
    until(lambda: indexed(store, 77))
    until(lambda: pending(tmp_path) == 0)
    assert len(list((tmp_path / "chroma").rglob("*"))) > 1


def test_an_index_that_is_lost_while_it_is_open_is_rebuilt(open_store: Open, tmp_path: Path) -> None:
    store = filled(open_store, tmp_path)
    until(lambda: indexed(store, 1))
    shutil.rmtree(tmp_path / "chroma")
    store.add([memory(9_000)]).result()
    assert nearest(store.view(None), memory(9_000).vector) == MANY + 1
    until(lambda: (tmp_path / "chroma" / "chroma.sqlite3").exists() and pending(tmp_path) == 0)
    until(lambda: indexed(store, 77))


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
