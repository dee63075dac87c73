"""Copies of a tenant's data, maintenance, and erasing a person, by the clients against a real service."""

from __future__ import annotations

import hashlib
import io
import sqlite3
from pathlib import Path

import pytest

from memorybank import ConnectionFailedError, Job, MemoryBankClient, NotFoundError
from tests.client.conftest import Connect
from tests.client.unreliable import answer, unreliable


def done(bank: MemoryBankClient, job: Job) -> Job:
    return bank.wait_for_job(job, timeout=60)


def test_maintenance_is_begun_and_waited_for(bank: MemoryBankClient) -> None:
    begun = bank.maintenance()
    ended = done(bank, begun)

    assert (ended.id, ended.state, ended.error) == (begun.id, "succeeded", None)
    assert ended.result is not None
    assert ended.result["outcome"]
    assert ended.id in {job.id for job in bank.jobs(kind="maintenance", page_size=1)}


def test_embedding_anew_what_is_embedded_so_already_is_soon_done(bank: MemoryBankClient) -> None:
    assert done(bank, bank.reembed()).state == "succeeded"


def test_a_backup_is_made_fetched_whole_and_removed(bank: MemoryBankClient, user: str, tmp_path: Path) -> None:
    bank.add("Kept twice", user_id=user)
    result = done(bank, bank.backup()).result
    assert result is not None
    [backup] = [entry for entry in bank.backups() if entry.id == result["backup_id"]]

    path = tmp_path / "backup.db"
    with path.open("wb") as file:
        written = bank.fetch_backup(backup.id, file)

    assert written == backup.bytes == path.stat().st_size
    assert hashlib.sha256(path.read_bytes()).hexdigest() == backup.sha256
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT count(*) FROM memory WHERE content = 'Kept twice'").fetchone()[0] >= 1
    database.close()
    bank.delete_backup(backup.id)
    with pytest.raises(NotFoundError):
        bank.fetch_backup(backup.id, io.BytesIO())


def test_a_backup_that_comes_damaged_is_an_error(connect: Connect) -> None:
    of_nothing = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"
    whole, damaged = answer(200, "", Repr_Digest=of_nothing), answer(200, "x", Repr_Digest=of_nothing)
    with unreliable(whole, damaged) as server:
        bank = connect(server.url)
        assert bank.fetch_backup("b1", io.BytesIO()) == 0
        with pytest.raises(ConnectionFailedError, match="damaged"):
            bank.fetch_backup("b1", io.BytesIO())


def test_a_person_is_erased_with_a_receipt_and_once_more_by_it(bank: MemoryBankClient, user: str) -> None:
    bank.add_batch(["Here", "And there"], user_id=user)

    receipt = bank.erase_user(user)

    assert receipt.counts["memories"] == 2
    assert receipt.files_clean
    assert list(bank.list(user_id=user)) == []
    assert receipt.id in {erasure.id for erasure in bank.erasures()}
    bank.add("Back from an old backup", user_id=user)
    [again] = bank.erase_again([receipt])
    assert again.user == receipt.user
    assert list(bank.list(user_id=user)) == []


def test_erasing_somebody_who_is_not_there_is_no_error(bank: MemoryBankClient, user: str) -> None:
    assert set(bank.erase_user(user + "/..").counts.values()) == {0}
