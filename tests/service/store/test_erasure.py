import sqlite3
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memorybank_service.embedding.local import LocalEmbedder
from memorybank_service.store import (
    NOTHING_ALONG,
    Added,
    Along,
    Amendment,
    BrokenOffError,
    Erasure,
    KeptSummary,
    NewJob,
    NewMemory,
    erasure,
)
from memorybank_service.store.days import LAST
from memorybank_service.store.erasure import is_whole
from memorybank_service.store.erasure_log import ErasureLog
from memorybank_service.store.people import SUMMARISE
from memorybank_service.store.sqlite_store import SqliteStore
from memorybank_service.store.touched import Touched

Open = Callable[..., SqliteStore]
IMPERSONAL = {"note", "owner", "pause", "usage", "erasure", "index_pending", "source"}
"""Tables without a column that says whose a row is; `owner` and `source` are seen to by themselves."""
VECTOR = np.full(384, 384**-0.5, np.float32)


DAY = "1970-01-01"


def _rows(store: SqliteStore, table: str) -> int:
    return int(store._readers.get().execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608


def memory(number: int, user_id: str) -> NewMemory:
    return NewMemory(f"m{number}", f"memory number {number}", 1.0, 1.0, user_id)


def test_every_table_says_whose_its_rows_are_or_holds_nothing_of_a_person(open_store: Open) -> None:
    connection = open_store()._readers.get()
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    for table in tables - IMPERSONAL - {"sqlite_sequence", "sqlite_stat1", "sqlite_stat4"}:
        columns = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
        assert columns & {"owner", "seq"}, table


def test_with_a_person_go_their_summaries_and_what_was_due_of_them(open_store: Open) -> None:
    store = open_store()
    store.add([memory(1, "ada"), memory(2, "ben")]).result()
    for user_id, source in (("ada", "m1"), ("ben", "m2")):
        made = KeptSummary("day", DAY, "A day.", (source,), "test/scripted", 2.0)
        store.people.write(user_id, [made], 2.0, NOTHING_ALONG).result()
    receipt = store.erasures.erase("ada", 3.0, {})
    assert (receipt.counts["summaries"], receipt.counts["days_to_sum_up"]) == (1, 2), "the day, and the whole"
    assert store.people.acquaintance("ada") is None
    tables = {table: _rows(store, table) for table in ("summary", "summary_due")}
    assert tables == {"summary": 1, "summary_due": 2}


def test_nothing_is_begun_for_somebody_who_was_erased_since_it_was_decided(open_store: Open) -> None:
    store = open_store()
    store.add([memory(1, "ada"), memory(2, "ben")]).result()
    due = store.people.due(LAST, 0.0, 10)
    jobs = [NewJob(SUMMARISE, {"day": entry.day}, entry.user_id, key=entry.user_id) for entry in due]
    store.erasures.erase("ada", 2.0, {})
    assert len(store.people.hand_over(due, jobs, 3.0).result()) == 1
    along = Along(jobs=[NewJob("extract", {"memory_ids": ["m1"]}, "ada")])
    store.amend("m1", Amendment(content="other words"), 3.0, along).result()
    assert [(job.kind, job.user_id) for job in store.jobs()] == [(SUMMARISE, "ben")]


def test_a_number_that_stood_for_somebody_never_stands_for_another(open_store: Open) -> None:
    store = open_store()
    store.add([memory(1, "ada")]).result()
    store.erasures.erase("ada", 2.0, {})
    store.add([memory(2, "ben")]).result()
    assert store.users() == [("ben", 1)]
    assert len(store.view("ada").roster) == 0
    owners = store._readers.get().execute("SELECT owner FROM owner WHERE user_id = 'ben'").fetchone()
    assert owners == (2,)


def everything_of(store: SqliteStore, user_id: str) -> Erasure:
    """A user with something of every kind, erased."""
    turns = [replace(memory(number, user_id), vector=VECTOR if number % 2 else None) for number in range(100)]
    fact = replace(memory(100, user_id), kind="fact", sources=("m1", "m2"), vector=VECTOR)
    store.add([*turns, fact]).result()
    store.add([replace(memory(101, "ben"), vector=VECTOR)]).result()
    store.amend("m3", Amendment(content="other words"), 2.0).result()
    store.delete(["m100"], 2.0).result()
    return store.erasures.erase(user_id, 3.0, {"import_lines": 2})


def test_the_receipt_is_the_same_however_many_pieces_it_takes(
    open_store: Open, tmp_path: Path, embedder: LocalEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a volume that has room for a little at a time."""
    (tmp_path / "other").mkdir()
    with closing(SqliteStore(tmp_path / "other", embedder.name, embedder.dimension)) as other:
        at_once = everything_of(other, "ada").counts
    assert (at_once["memories"], at_once["vectors"], at_once["waiting_for_vectors"]) == (100, 49, 51)
    assert at_once["words"] > 250
    assert (at_once["tombstones"], at_once["import_lines"]) == (1, 2)

    erase_some = erasure.erase_some

    def of_a_little(connection: sqlite3.Connection, user_id: str, most: int, *rest: Any) -> bool:
        if most > 20:
            full = sqlite3.OperationalError("database or disk is full")
            full.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise full
        return erase_some(connection, user_id, most, *rest)

    monkeypatch.setattr(erasure, "erase_some", of_a_little)
    store = open_store()
    receipt = everything_of(store, "ada")
    assert receipt.counts == at_once
    assert is_whole(receipt)
    assert store.users() == [("ben", 1)]
    left = store._readers.get().execute("SELECT count(*) FROM posting WHERE owner NOT IN (SELECT owner FROM memory)")
    assert left.fetchone() == (0,)


def test_other_writes_come_in_between_the_pieces(open_store: Open) -> None:
    store = open_store()
    store.add([memory(number, "ada") for number in range(1_000)]).result()
    added: list[Future[list[Added]]] = []

    def add_one(touched: Touched) -> None:
        tell(touched)
        if not added:  # in the writer's thread: it is done before the next piece is
            added.append(store.add([memory(2_000, "ben")]))

    tell = store.erasures._removed
    store.erasures._removed = add_one
    left: list[int] = []
    store.erasures._look_up = lambda: left.append(len(added) and added[0].done() and store.totals().memories)
    store.erasures.erase("ada", 2.0, {})
    assert any(1 < memories < 1_000 for memories in left)


def test_an_erasure_that_was_broken_off_goes_on_with_what_it_had_counted(open_store: Open) -> None:
    store = open_store()
    store.add([memory(number, "ada") for number in range(600)]).result()
    looks = 0

    def end_after_two() -> None:
        nonlocal looks
        looks += 1
        if looks > 2:
            raise BrokenOffError("the service is ending")

    store.erasures._look_up = end_after_two
    with pytest.raises(BrokenOffError):
        store.erasures.erase("ada", 2.0, {"import_lines": 3})
    assert 0 < store.totals().memories < 600
    store.close()
    again = open_store()
    assert again.erasures.unfinished() == ["ada"]
    receipt = again.erasures.erase("ada", 3.0, {})
    assert (receipt.counts["memories"], receipt.counts["import_lines"]) == (600, 3)
    assert again.erasures.unfinished() == []


def test_a_line_that_a_crash_broke_off_is_passed_over_and_the_next_begins_anew(tmp_path: Path) -> None:
    log = ErasureLog(tmp_path / "erasures.ndjson")
    one, two = (Erasure(f"e{number}", "0" * 64, 1.0, {"memories": 1}, "x") for number in (1, 2))
    log.append([one])
    with (tmp_path / "erasures.ndjson").open("ab") as file:
        file.write(b'{"id": "half')
    log.append([two])
    assert log.read() == [one, two]
    assert not is_whole(one)


def test_receipts_of_a_store_are_whole_and_outlive_it(open_store: Open) -> None:
    store = open_store()
    receipt = store.erasures.erase("ada", 1_800_000_000.123456, {"import_lines": 2})
    assert is_whole(receipt)
    store.close()
    again = open_store()
    assert again.erasures.recorded() == [receipt]
    assert again.erasures.missing() == []
    assert again.users() == []
