from collections.abc import Callable
from pathlib import Path

import pytest

from memorybank_service.store import (
    NOTHING_ALONG,
    Along,
    Amendment,
    Erasure,
    KeptSummary,
    NewJob,
    NewMemory,
    StoreFullError,
)
from memorybank_service.store.days import LAST
from memorybank_service.store.erasure import is_whole
from memorybank_service.store.erasure_log import ErasureLog
from memorybank_service.store.people import SUMMARISE
from memorybank_service.store.sqlite_store import SqliteStore

Open = Callable[..., SqliteStore]
IMPERSONAL = {"note", "owner", "pause", "usage", "erasure", "index_pending", "source"}
"""Tables without a column that says whose a row is; `owner` and `source` are seen to by themselves."""


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
    receipt = store.erasures.erase("ada", 3.0, {}).result()
    assert (receipt.counts["summaries"], receipt.counts["days_to_sum_up"]) == (1, 2), "the day, and the whole"
    assert store.people.acquaintance("ada") is None
    tables = {table: _rows(store, table) for table in ("summary", "summary_due")}
    assert tables == {"summary": 1, "summary_due": 2}


def test_nothing_is_begun_for_somebody_who_was_erased_since_it_was_decided(open_store: Open) -> None:
    store = open_store()
    store.add([memory(1, "ada"), memory(2, "ben")]).result()
    due = store.people.due(LAST, 0.0, 10)
    jobs = [NewJob(SUMMARISE, {"day": entry.day}, entry.user_id, key=entry.user_id) for entry in due]
    store.erasures.erase("ada", 2.0, {}).result()
    assert len(store.people.hand_over(due, jobs, 3.0).result()) == 1
    along = Along(jobs=[NewJob("extract", {"memory_ids": ["m1"]}, "ada")])
    store.amend("m1", Amendment(content="other words"), 3.0, along).result()
    assert [(job.kind, job.user_id) for job in store.jobs()] == [(SUMMARISE, "ben")]


def test_a_number_that_stood_for_somebody_never_stands_for_another(open_store: Open) -> None:
    store = open_store()
    store.add([memory(1, "ada")]).result()
    store.erasures.erase("ada", 2.0, {}).result()
    store.add([memory(2, "ben")]).result()
    assert store.users() == [("ben", 1)]
    assert len(store.view("ada").roster) == 0
    owners = store._readers.get().execute("SELECT owner FROM owner WHERE user_id = 'ben'").fetchone()
    assert owners == (2,)


def test_it_is_done_in_pieces_where_it_does_not_fit_in_one_commit(
    open_store: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a volume that has room for a little at a time."""
    store = open_store()
    store.add([memory(number, "ada") for number in range(100)]).result()
    store.add([memory(100, "ben")]).result()
    commit, small = store._writer._commit, 20

    def commits_little(group: list[object]) -> object:
        left = store.totals().memories - 1
        if any(job.urgency == "relieving" for job in group) and left > small:  # type: ignore[attr-defined]
            return StoreFullError("the volume is full")
        return commit(group)  # type: ignore[arg-type]

    monkeypatch.setattr(store._writer, "_commit", commits_little)
    receipt = store.erasures.erase("ada", 2.0, {}).result()
    assert receipt.counts["memories"] == 100
    assert store.users() == [("ben", 1)]


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
    receipt = store.erasures.erase("ada", 1_800_000_000.123456, {"import_lines": 2}).result()
    assert is_whole(receipt)
    store.close()
    again = open_store()
    assert again.erasures.recorded() == [receipt]
    assert again.erasures.missing() == []
    assert again.users() == []
