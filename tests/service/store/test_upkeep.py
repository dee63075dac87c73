import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from memorybank_service.store import Along, Amendment, BrokenOffError, JobEnd, NewJob, NewMemory, Receipt, StoreError
from memorybank_service.store.schema import copy_before_migration
from memorybank_service.store.sqlite_store import SqliteStore

Open = Callable[..., SqliteStore]
DAY = 86400.0
_WORDS = [f"{a}{b}{c}word" for a in "bcdfgk" for b in "aeiou" for c in "lmnprst"]


def memory(number: int, user_id: str, mark: str = "") -> NewMemory:
    chosen = random.Random(number).choices(_WORDS, k=random.Random(number).choice([5, 20, 60, 300]))  # noqa: S311
    content = " ".join(word + mark for word in chosen)
    return NewMemory(f"m{number}", content, 1.0, 1.0, user_id, vector=np.ones(384, np.float32), metadata={"k": mark})


def fill(store: SqliteStore, count: int) -> None:
    """Of two users, in turn; every word of Ada's has a mark in it."""
    rows = [
        memory(number, "ada" if number % 2 else "ben", "zqxada" if number % 2 else "zqxben") for number in range(count)
    ]
    for future in [store.add([row]) for row in rows]:
        future.result()


def test_nothing_of_what_was_deleted_stays_in_any_file_once_it_is_scrubbed(open_store: Open, tmp_path: Path) -> None:
    store = open_store()
    fill(store, 1_500)
    for number in random.Random(1).sample(range(1, 1_500, 2), 200):  # noqa: S311
        words = " ".join(f"{word}zqxada" for word in random.Random(number).choices(_WORDS, k=40))  # noqa: S311
        store.amend(f"m{number}", Amendment(content=words, vector=np.ones(384, np.float32)), 2.0).result()
    store.delete([f"m{number}" for number in range(1, 1_500, 2)], 3.0).result()
    before = {m.id: m for m in store.fetch(store.view("ben").roster.seq.tolist()).values()}
    assert store.upkeep.scrub()
    assert [path.name for path in tmp_path.rglob("*") if path.is_file() and b"zqxada" in path.read_bytes()] == []
    store.upkeep.check()
    after = {m.id: m for m in store.fetch(store.view("ben").roster.seq.tolist()).values()}
    assert after == before
    assert len(store.view("ben").postings([_WORDS[0] + "zqxben"])) == 1


def test_what_is_written_while_it_is_scrubbed_is_kept(open_store: Open) -> None:
    store = open_store()
    fill(store, 300)
    store.delete([f"m{number}" for number in range(1, 300, 2)], 3.0).result()
    futures = []
    for number in range(300, 400):
        futures.append(store.add([memory(number, "cy")]))
        if number % 20 == 0:
            assert store.upkeep.scrub()
    for future in futures:
        future.result()
    store.upkeep.check()
    assert store.totals().memories == 250


def test_the_file_shrinks_by_what_was_deleted(open_store: Open, tmp_path: Path) -> None:
    store = open_store()
    fill(store, 800)
    assert store.upkeep.fold()
    size = (tmp_path / "memory.db").stat().st_size
    store.delete([f"m{number}" for number in range(700)], 3.0).result()
    freed = store.upkeep.shrink()
    assert store.upkeep.fold()
    assert freed > size / 4
    assert (tmp_path / "memory.db").stat().st_size <= size - freed
    assert (tmp_path / "memory.db-wal").stat().st_size == 0
    store.upkeep.check()


def test_damage_is_found(open_store: Open, tmp_path: Path) -> None:
    store = open_store()
    fill(store, 300)
    store.close()
    with closing(sqlite3.connect(tmp_path / "memory.db")) as connection:
        root = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'memory_created'").fetchone()[0]
    with (tmp_path / "memory.db").open("r+b") as file:
        file.seek((root - 1) * 4096 + 2000)
        file.write(b"\x55" * 1500)
    again = open_store()
    with pytest.raises(StoreError, match="the integrity check found"):
        again.upkeep.check()


def test_what_has_had_its_time_is_purged(open_store: Open, tmp_path: Path) -> None:
    store = open_store()
    receipt = Receipt("key", "POST /v1/memories", "once", b"digest", 0.0, 200, lambda result: "{}")
    store.add([memory(1, "ada")], Along(receipt=receipt)).result()
    for _ in range(3):
        store.enqueue(NewJob("work"), 0.0).result()
    for number in range(2):
        taken = store.take_job(0.0, frozenset({"work"})).result()
        assert taken is not None
        ended = store.end_job(JobEnd(taken.id, {}), 0.0) if number else store.give_up_job(taken.id, "no", 0.0)
        ended.result()
    copy = copy_before_migration(tmp_path / "memory.db", 1)
    copy.write_bytes(b"an older store")
    now = copy.stat().st_mtime + 1.0
    assert store.upkeep.purge(20 * 3600.0).replies == 0
    assert (store.upkeep.purge(8 * DAY).jobs, len(store.jobs())) == (1, 2)
    assert (store.upkeep.purge(31 * DAY).jobs, [job.state for job in store.jobs()]) == (1, ["queued"])
    assert store.upkeep.purge(now).copies == 0
    assert store.upkeep.purge(now + 8 * DAY).copies == 1
    assert not copy.exists()


def test_long_work_ends_when_the_service_does(open_store: Open) -> None:
    store = open_store()
    fill(store, 50)
    store.break_off()
    for work in (store.upkeep.check, store.upkeep.scrub):
        with pytest.raises(BrokenOffError):
            work()
