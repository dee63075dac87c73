import shutil
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from memorybank_service.store import ConflictError, NewMemory, StoreError, StoreFullError
from memorybank_service.store.filters import Value, all_equal
from memorybank_service.store.schema import VERSION
from memorybank_service.store.sqlite_store import SqliteStore
from memorybank_service.store.writer import Transaction

Open = Callable[..., SqliteStore]


def memory(number: int, user_id: str = "", **rest: object) -> NewMemory:
    vector = np.random.default_rng(number).standard_normal(384).astype(np.float32)
    vector /= np.linalg.norm(vector)
    values: dict[str, object] = {"content": f"memory number {number}", "vector": vector, **rest}
    return NewMemory(f"m{number}", created_at=1.0, stored_at=1.0, user_id=user_id, **values)  # type: ignore[arg-type]


def found_ids(store: SqliteStore, user_id: str | None, places: Sequence[int]) -> set[str]:
    view = store.view(user_id)
    return {m.id for m in store.fetch(view.roster.seq[list(places)].tolist()).values()}


def test_what_was_stored_is_there_after_opening_it_again(open_store: Open) -> None:
    store = open_store()
    store.add([memory(1, "ada", metadata={"tags": ["a"], "deep": {"x": None}})]).result()
    store.close()
    again = open_store()
    [kept] = again.fetch([1]).values()
    assert (kept.id, kept.user_id, kept.content) == ("m1", "ada", "memory number 1")
    assert kept.metadata == {"tags": ["a"], "deep": {"x": None}}
    view, vector = again.view("ada"), memory(1).vector
    assert vector is not None
    cosines = view.cosines(vector, np.array([0]))
    assert view.roster.embedded.all()
    assert abs(cosines[0] - 1) < 1e-3


def test_a_roster_already_read_learns_of_every_change(open_store: Open) -> None:
    store = open_store()
    store.add([memory(1, "ada")]).result()
    for scope in ("ada", None):
        assert len(store.view(scope).roster) == 1
    store.add([memory(2, "ada"), memory(3, "ben")]).result()
    assert len(store.view("ada").roster) == 2
    assert len(store.view(None).roster) == 3
    store.record_recalls([1], now=50.0, not_since=40.0).result()
    assert store.delete(["m2"], 0.0).result()
    roster = store.view("ada").roster
    assert (roster.recalls.tolist(), roster.anchor[0], roster.alive.tolist()) == ([1, 0], 50.0, [True, False])


def test_a_user_s_view_holds_nothing_of_another(open_store: Open) -> None:
    store = open_store()
    store.add([memory(1, "ada"), memory(2, "ben"), memory(3)]).result()
    assert found_ids(store, "ada", range(1)) == {"m1"}
    assert len(store.view("nobody").roster) == 0
    assert set(store.view("ada").postings(["memory"])["memory"].positions) == {0}
    assert len(store.view(None).postings(["memory"])["memory"].positions) == 3


def test_deleting_leaves_nothing_of_the_memory_behind(open_store: Open, tmp_path: Path) -> None:
    store = open_store()
    store.add([memory(1, content="the secret word is xylophone", metadata={"k": "v"})]).result()
    assert store.delete(["m1"], 0.0).result() == 1
    assert store.delete(["m1"], 0.0).result() == 0
    store.close()
    assert b"xylophone" not in (tmp_path / "memory.db").read_bytes()
    with sqlite3.connect(tmp_path / "memory.db") as connection:
        for table in ("memory", "posting", "vector"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)  # noqa: S608
        assert connection.execute("SELECT memories, words FROM owner").fetchall() == [(0, 0)]
    connection.close()


def test_a_write_that_is_refused_does_not_harm_those_it_shares_a_commit_with(open_store: Open) -> None:
    store = open_store()
    futures = [store.add([memory(1)]), store.add([memory(2)]), store.add([memory(1, content="other")])]
    futures.append(store.add([memory(3)]))
    assert isinstance(futures[2].exception(), ConflictError)
    for future in (futures[0], futures[1], futures[3]):
        future.result()
    assert found_ids(store, None, range(3)) == {"m1", "m2", "m3"}


def test_several_memories_are_stored_all_or_none(open_store: Open) -> None:
    store = open_store()
    assert store.add([memory(1), memory(2), memory(1, content="other")]).exception() is not None
    assert store.totals().memories == 0


def test_a_recall_counts_once_within_the_interval(open_store: Open) -> None:
    store = open_store()
    store.add([memory(1)]).result()
    assert store.record_recalls([1], now=10.0, not_since=-1.0).result() == 1
    assert store.record_recalls([1], now=11.0, not_since=9.0).result() == 0
    assert store.record_recalls([1], now=30.0, not_since=20.0).result() == 1
    assert store.fetch([1])[1].recalls == 2


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"category": "tea"}, {"m1"}),
        ({"tags": ["a"]}, {"m1", "m2"}),
        ({"tags": ["b", "a"]}, {"m1"}),
        ({"tags": "a"}, set()),
        ({"count": 1}, {"m1"}),
        ({"count": "1"}, {"m2"}),
        ({"count": True}, {"m3"}),
        ({"category": None}, {"m3"}),
        ({"tags": []}, {"m1", "m2"}),
        ({"category": "tea", "count": "1"}, set()),
        ({'it\'s "odd".key': "%"}, {"m3"}),
        ({"missing": ["a"]}, set()),
    ],
)
def test_metadata_filters_compare_values_and_their_types(
    open_store: Open, wanted: dict[str, Value], expected: set[str]
) -> None:
    store = open_store()
    store.add(
        [
            memory(1, metadata={"category": "tea", "tags": ["a", "b"], "count": 1}),
            memory(2, metadata={"category": "car", "tags": ["a"], "count": "1"}),
            memory(3, metadata={"category": None, "tags": "text", "count": True, 'it\'s "odd".key': "%"}),
        ]
    ).result()
    assert found_ids(store, None, store.view(None).matching(all_equal(wanted)).tolist()) == expected


def test_a_newer_store_is_refused(open_store: Open, tmp_path: Path) -> None:
    open_store().close()
    connection = sqlite3.connect(tmp_path / "memory.db")
    connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()
    with pytest.raises(StoreError, match="newer version"):
        open_store()


def test_what_is_no_store_is_refused(open_store: Open, tmp_path: Path) -> None:
    (tmp_path / "memory.db").write_bytes(b"not a database" * 100)
    with pytest.raises(StoreError, match="cannot be opened"):
        open_store()


def test_a_write_is_durable_and_the_file_can_shrink(open_store: Open, tmp_path: Path) -> None:
    store = open_store()
    store.add([memory(1)]).result()
    with sqlite3.connect(tmp_path / "memory.db") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA auto_vacuum").fetchone() == (2,)
    connection.close()


def test_a_full_volume_refuses_writes_and_keeps_what_is_there(open_store: Open) -> None:
    store = open_store()
    store.add([memory(1)]).result()
    fill_up(store)
    futures = [store.add([memory(number, content="long " * 5_000)]) for number in (2, 3)]
    assert [type(future.exception()) for future in futures] == [StoreFullError] * 2
    assert store.totals().memories == 1
    assert store.delete(["m1"], 0.0).result() == 1


def test_the_size_can_be_taken_while_files_come_and_go(open_store: Open, tmp_path: Path) -> None:
    store, done = open_store(), threading.Event()

    def come_and_go() -> None:
        folder = tmp_path / "chroma" / "segment"
        while not done.is_set():
            folder.mkdir(parents=True)
            for number in range(20):
                (folder / str(number)).touch()
            shutil.rmtree(folder)

    coming = threading.Thread(target=come_and_go)
    coming.start()
    try:
        assert all(store.size_bytes() > 0 for _ in range(500))
    finally:
        done.set()
        coming.join()


def fill_up(store: SqliteStore) -> None:
    """Lets the database grow no further."""

    def limit(transaction: Transaction) -> None:
        pages = transaction.connection.execute("PRAGMA page_count").fetchone()[0]
        transaction.connection.execute(f"PRAGMA max_page_count = {pages}")

    store._writer.submit(limit).result()
