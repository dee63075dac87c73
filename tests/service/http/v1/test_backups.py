"""Backups: consistent while writing goes on, whole or not there, fetched in parts, and good for a restore."""

import asyncio
import base64
import hashlib
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from memorybank_service.embedding.model_files import ModelFiles
from memorybank_service.memory.keeping import Draft
from memorybank_service.memory.recalling import Search
from memorybank_service.metrics import Metrics
from memorybank_service.settings import Settings
from memorybank_service.store import NewMemory, Scope, StoreFullError
from memorybank_service.store.room import Room
from memorybank_service.store.schema import VERSION
from memorybank_service.tenant import Tenant
from tests.service.http.v1.calls import add, call, ended
from tests.service.manual_clock import ManualClock


async def back_up(client: httpx.AsyncClient) -> dict[str, Any]:
    job = await ended(client, (await call(client, "POST", "/v1/backup", status=202))["id"])
    assert job["state"] == "succeeded", job
    [backup] = [
        one for one in (await call(client, "GET", "/v1/backups"))["results"] if one["id"] == job["result"]["backup_id"]
    ]
    assert (backup["bytes"], backup["sha256"]) == (job["result"]["bytes"], job["result"]["sha256"])
    found: dict[str, Any] = backup
    return found


async def test_a_backup_is_fetched_whole_and_in_parts_and_removed(client: httpx.AsyncClient, tmp_path: Path) -> None:
    await add(client, "Ada lives in Lisbon.", user_id="ada")
    backup = await back_up(client)
    assert (backup["memories"], backup["users"], backup["schema"]) == (1, 1, VERSION)
    path = f"/v1/backups/{backup['id']}"
    whole = await client.get(path)
    assert hashlib.sha256(whole.content).hexdigest() == backup["sha256"]
    digest = base64.b64encode(hashlib.sha256(whole.content).digest()).decode()
    assert whole.headers["repr-digest"] == f"sha-256=:{digest}:"
    part = await client.get(path, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, whole.content[100:200])
    (tmp_path / "fetched.db").write_bytes(whole.content)
    with closing(sqlite3.connect(tmp_path / "fetched.db")) as connection:
        assert connection.execute("SELECT content FROM memory").fetchall() == [("Ada lives in Lisbon.",)]
    assert (await call(client, "DELETE", path))["status"] == "deleted"
    assert (await client.get(path)).status_code == (await client.delete(path)).status_code == 404
    assert (await call(client, "GET", "/v1/backups"))["results"] == []


@pytest.mark.parametrize("backup_id", ["..", "%2e%2e%2fmemory.db", "20270115T080000Z-00000000", "x" * 200])
async def test_nothing_but_a_backup_can_be_fetched(client: httpx.AsyncClient, backup_id: str) -> None:
    assert (await client.get(f"/v1/backups/{backup_id}")).status_code in (404, 405)


async def test_it_holds_one_moment_while_writes_go_on(
    client: httpx.AsyncClient, tenant: Tenant, settings: Settings
) -> None:
    """Each write adds a pair: no backup has half of one."""
    store, stop = tenant.bank.footing.store, asyncio.Event()

    def pair(number: int) -> list[NewMemory]:
        return [NewMemory(f"{number}-{half}", f"{half} of {number}", 1.0, 1.0, "ada") for half in ("one", "two")]

    async def write() -> int:
        written = 0
        while not stop.is_set():
            await asyncio.wrap_future(store.add(pair(written)))
            written += 1
        return written

    writing = asyncio.create_task(write())
    backups = [await back_up(client) for _ in range(3)]
    stop.set()
    written = await writing
    for backup in backups:
        with closing(sqlite3.connect(settings.data_directory / "backups" / backup["id"] / "memory.db")) as copy:
            ids = {row[0] for row in copy.execute("SELECT id FROM memory")}
            assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert ids == {memory.id for number in range(len(ids) // 2) for memory in pair(number)}
        assert backup["memories"] == len(ids)
    assert backups[0]["memories"] < backups[-1]["memories"] <= 2 * written


async def test_without_room_it_says_how_much_it_needs(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Room, "free_bytes", lambda room: 1 << 20)
    refused = await client.post("/v1/backup")
    assert refused.status_code == 507
    assert refused.json()["detail"] == (
        "A backup needs 9 MB of room and there are 1: delete older backups or give the tenant more storage."
    )


async def test_one_that_fails_half_way_leaves_nothing(
    client: httpx.AsyncClient, tenant: Tenant, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*arguments: object) -> None:
        raise StoreFullError("the volume became full while the backup was made")

    monkeypatch.setattr("memorybank_service.store.backups._write", fails)
    job = await ended(client, (await call(client, "POST", "/v1/backup", status=202))["id"])
    assert job["state"] == "dead"
    assert list((settings.data_directory / "backups").iterdir()) == []
    assert (await call(client, "GET", "/v1/backups"))["results"] == []


async def test_what_a_kill_left_half_way_is_gone_after_the_next_start_and_was_never_offered(
    client: httpx.AsyncClient, tenant: Tenant, settings: Settings, model: ModelFiles, clock: ManualClock
) -> None:
    part = settings.data_directory / "backups" / ".20270115T080000Z-00000000.part"
    part.mkdir(parents=True)
    (part / "memory.db").write_bytes(b"half")
    assert (await call(client, "GET", "/v1/backups"))["results"] == []
    await tenant.close()
    again = Tenant(settings, model, Metrics(), clock)
    await again.open()
    assert not part.exists()
    await again.close()


async def test_after_a_restore_nothing_has_faded_and_everything_is_found(
    client: httpx.AsyncClient, tenant: Tenant, settings: Settings, model: ModelFiles, clock: ManualClock
) -> None:
    await call(
        client,
        "POST",
        "/v1/memories/batch",
        {"memories": [{"content": f"note {number}", "user_id": "ada"} for number in range(50)]},
        status=201,
    )
    backup = await back_up(client)
    await tenant.bank.memories.add([Draft("said after the backup", user_id="ada")])
    for _ in range(24 * 400):  # the service goes on for more than a year
        clock.advance(hours=1)
    await tenant.bank.beat()
    await tenant.close()
    folder = settings.data_directory
    for leftover in ("memory.db-wal", "memory.db-shm"):
        (folder / leftover).unlink(missing_ok=True)
    shutil.copy(folder / "backups" / backup["id"] / "memory.db", folder / "memory.db")
    (folder / "chroma").mkdir(exist_ok=True)
    (folder / "chroma" / "of-another-time").write_bytes(b"an index that does not belong to it")

    again = Tenant(settings, model, Metrics(), clock)
    await again.open()
    try:
        census = await again.bank.decay.census()
        assert (census.active, census.faded) == (50, 0)
        found = (await again.bank.recall.search(Search("note 17", Scope("ada")))).recollections
        assert found[0].memory.content == "note 17"
        assert found[0].hit.retention == pytest.approx(1, abs=1e-6)
        assert await again.bank.memories.get("said after the backup") is None
        assert again.bank.footing.store.note("index_seal") == ""  # so it is built anew
        assert [job.state for job in await again.bank.jobs.listed(kind="backup")] == ["cancelled"]
    finally:
        await again.close()


async def test_the_log_of_a_killed_store_is_not_played_into_a_backup_that_takes_its_place(
    client: httpx.AsyncClient, tenant: Tenant, settings: Settings, model: ModelFiles, clock: ManualClock
) -> None:
    await add(client, "Ada lives in Lisbon.")
    backup = await back_up(client)
    await call(
        client, "POST", "/v1/memories/batch", {"memories": [{"content": f"later {n}"} for n in range(50)]}, status=201
    )
    folder = settings.data_directory
    log = (folder / "memory.db-wal").read_bytes()
    assert log
    await tenant.close()
    shutil.copy(folder / "backups" / backup["id"] / "memory.db", folder / "memory.db")
    (folder / "memory.db-wal").write_bytes(log)  # as a kill leaves it
    again = Tenant(settings, model, Metrics(), clock)
    await again.open()
    try:
        assert (await again.bank.totals()).memories == 1
        again.bank.footing.store.upkeep.check()
    finally:
        await again.close()
