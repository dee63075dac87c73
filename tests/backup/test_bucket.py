"""A bucket as the destination, of a real server: whole or not at all, and what goes wrong is told."""

import datetime
import json
import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from memorybank_backup import destination
from memorybank_backup.destination import PIECE_BYTES, Bucket
from memorybank_backup.errors import MISSING, REFUSED, UNREACHABLE, BackupError
from tests.service.running import running

from .s3 import ACCESS_KEY, SECRET_KEY, S3Server, running_s3
from .tools import memorybank_backup, model, of_tenant, store

KEYS = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[S3Server]:
    with running_s3(tmp_path / "s3") as server:
        yield server


def settings(s3: S3Server, bucket: str = "backups", prefix: str = "of/the/fleet") -> dict[str, str]:
    return {"bucket": bucket, "prefix": prefix, "endpoint": s3.endpoint, "region": "us-east-1"}


def at(s3: S3Server, **settings_: str) -> dict[str, str]:
    return {"BACKUP_DESTINATION": json.dumps({"s3": settings(s3, **settings_)}), **KEYS}


def test_a_backup_goes_there_and_comes_back(s3: S3Server, tenant: httpx.Client, tmp_path: Path) -> None:
    ids = store(tenant, *(f"Memory {number} is about number {number}." for number in range(30)))
    mine = of_tenant(tmp_path, tenant)
    taken = [
        memorybank_backup("take", tmp_path, {**mine, **at(s3), "BACKUP_KEY": key, "BACKUP_RETENTION": '{"count": 1}'})
        for key in ("one", "two")
    ]
    assert [ended.status for ended in taken] == [0, 0], [ended.errors for ended in taken]
    assert taken[1].told["location"].startswith("s3://backups/of/the/fleet/customers/customer1/")
    assert taken[1].told["removed"] == [taken[0].told["id"]]
    tried = memorybank_backup("drill", tmp_path, {**at(s3), **model(), "WORK_FOLDER": str(tmp_path)})
    assert tried.status == 0, tried.errors
    assert tried.told["id"] == taken[1].told["id"]
    place = {"CHROMA_DB_PATH": str(tmp_path / "new" / "data"), "TENANT_ID": "default"}
    gone = memorybank_backup("restore", tmp_path, {**at(s3), **place, "BACKUP_ID": taken[0].told["id"]})
    assert (gone.status, gone.told["reason"]) == (2, MISSING)
    restored = memorybank_backup("restore", tmp_path, {**at(s3), **place, "BACKUP_ID": taken[1].told["id"]})
    assert restored.status == 0, restored.errors
    with running(tmp_path / "new") as other:
        client = other.ready()
        assert {client.get(f"/v1/memories/{memory_id}").status_code for memory_id in ids} == {200}


def test_many_pieces_are_one_object(s3: S3Server) -> None:
    content = [os.urandom(1 << 20) for _ in range(2 * PIECE_BYTES // (1 << 20) + 3)]
    bucket = Bucket(settings(s3), KEYS)
    assert bucket.write("a/memory.db", iter(content)) == sum(map(len, content))
    assert b"".join(bucket.read("a/memory.db")) == b"".join(content)
    bucket.remove("a")
    assert bucket.folders("") == []


def test_what_is_broken_off_leaves_nothing(s3: S3Server) -> None:
    def broken() -> Iterator[bytes]:
        yield b"x" * (2 * PIECE_BYTES)
        raise BackupError("TenantUnreachable", "the tenant has gone")

    bucket = Bucket(settings(s3), KEYS)
    with pytest.raises(BackupError, match="the tenant has gone"):
        bucket.write("a/memory.db", broken())
    assert bucket.folders("") == []
    with pytest.raises(BackupError) as told:
        list(bucket.read("a/memory.db"))
    assert told.value.reason == MISSING


def test_one_that_goes_away_half_way_is_told_and_has_nothing_half(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(destination, "RETRY_FOR", datetime.timedelta(seconds=1))

    def content() -> Iterator[bytes]:
        yield b"x" * (2 * PIECE_BYTES)
        s3.end()
        yield b"x" * (2 * PIECE_BYTES)

    bucket = Bucket(settings(s3), KEYS)
    with pytest.raises(BackupError) as told:
        bucket.write("a/memory.db", content())
    assert told.value.reason == UNREACHABLE
    s3.start()
    assert [path for path in (s3.folder / "backups").rglob("memory.db") if path.is_file()] == []


def test_wrong_credentials_and_a_bucket_that_is_not_there(s3: S3Server) -> None:
    wrong = Bucket(settings(s3), {**KEYS, "AWS_SECRET_ACCESS_KEY": "guessed"})
    with pytest.raises(BackupError, match="refuses the credentials") as told:
        wrong.write("a/memory.db", [b"x"])
    assert told.value.reason == REFUSED
    assert "guessed" not in told.value.message
    with pytest.raises(BackupError, match="there is no bucket none") as told:
        Bucket(settings(s3, bucket="none"), KEYS).write("a/memory.db", [b"x"])
    assert told.value.hopeless
