"""Erasing a person: nothing of theirs stays in any file, nobody else loses anything, no restore brings them back."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import httpx
import pytest

from memorybank_service.embedding.model_files import ModelFiles
from memorybank_service.http.access import KeyRing
from memorybank_service.http.app import create_app
from memorybank_service.metrics import Metrics
from memorybank_service.settings import Settings
from memorybank_service.store import Along, JobEnd, NewJob, NewMemory
from memorybank_service.store.schema import copy_before_migration
from memorybank_service.tenant import Tenant
from tests.service.http.v1.calls import add, call, ended, listed
from tests.service.manual_clock import ManualClock

SECRET = "xylophone"
USER = "ada-the-user"


async def fill(client: httpx.AsyncClient, user_id: str, word: str, count: int = 40) -> list[str]:
    memories = [
        {"content": f"{word} number {number} of {word}s", "user_id": user_id, "metadata": {"about": word}}
        for number in range(count)
    ]
    added = await call(client, "POST", "/v1/memories/batch", {"memories": memories}, status=201)
    return [entry["id"] for entry in added["results"]]


def files_with(folder: Path, *words: str) -> list[str]:
    needles = [word.encode() for word in words]
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sorted(
        str(path.relative_to(folder)) for path in files if any(needle in path.read_bytes() for needle in needles)
    )


async def erase(client: httpx.AsyncClient, user_id: str = USER, **query: Any) -> dict[str, object]:
    receipt: dict[str, object] = await call(client, "DELETE", f"/v1/users/{user_id}", **query)
    return receipt


async def test_no_byte_of_an_erased_user_is_left_in_any_file(
    client: httpx.AsyncClient, tenant: Tenant, settings: Settings
) -> None:
    folder = settings.data_directory
    ids = await fill(client, USER, SECRET)
    await fill(client, "ben", "marimba")
    headers = {"Idempotency-Key": "once"}
    kept = {"content": f"kept {SECRET}", "user_id": USER}
    assert (await client.post("/v1/memories", json=kept, headers=headers)).status_code == 201
    await call(client, "PATCH", f"/v1/memories/{ids[0]}", {"content": f"another {SECRET}"})
    await call(client, "DELETE", f"/v1/memories/{ids[1]}")
    await tenant.bank.jobs.enqueue(NewJob("nobody-does-it", {"text": SECRET}, USER))
    await tenant.bank.jobs.enqueue(NewJob("nobody-does-it", {"about": [USER], "text": SECRET}))
    copy_before_migration(folder / "memory.db", 1).write_bytes(f"{USER} {SECRET}".encode())
    assert "memory.db" in files_with(folder, SECRET) or "memory.db-wal" in files_with(folder, SECRET)

    receipt = await erase(client)
    counts = receipt["counts"]
    assert isinstance(counts, dict)
    assert (counts["memories"], counts["jobs"], counts["events"], receipt["files_clean"]) == (40, 2, 3, True)
    assert files_with(folder, SECRET, USER) == []
    assert await listed(client, user_id=USER) == []
    assert len(await listed(client, user_id="ben", limit=100)) == 40
    query = {"query": "marimba number 7", "metadata": {"user_id": "ben"}}
    found = await call(client, "POST", "/retrieve_memory", query)
    assert found["memories"][0]["content"] == "marimba number 7 of marimbas"
    await tenant.close()
    assert files_with(folder, SECRET, USER) == []


async def test_the_receipt_tells_what_was_erased_and_names_nobody(client: httpx.AsyncClient) -> None:
    await add(client, "Ada plays.", user_id=USER)
    receipt = await erase(client)
    told = {name: receipt[name] for name in ("id", "user", "erased_at", "counts")}
    digest = hashlib.sha256(json.dumps(told, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    assert receipt["sha256"] == digest
    assert USER not in json.dumps(receipt)
    [kept] = (await call(client, "GET", "/v1/erasures"))["results"]
    assert kept == {name: receipt[name] for name in (*told, "sha256")}


async def test_erasing_somebody_who_is_not_there_gives_a_receipt_of_zeros(client: httpx.AsyncClient) -> None:
    await add(client, "Ada plays.", user_id=USER)
    first, second = await erase(client), await erase(client)
    assert first["user"] == second["user"]
    assert set(dict(second["counts"]).values()) == {0}  # type: ignore[call-overload]
    assert (await erase(client, "nobody"))["backups"] == []
    assert (await client.delete("/v1/users/*")).status_code == 422


async def test_somebody_who_comes_back_begins_anew(client: httpx.AsyncClient) -> None:
    await add(client, "Ada plays the oboe.", user_id=USER)
    await add(client, "Ben plays.", user_id="ben")
    await erase(client)
    await add(client, "Ada is back.", user_id=USER)
    assert await listed(client, user_id=USER) == ["Ada is back."]
    assert await listed(client, user_id="ben") == ["Ben plays."]
    assert [user["user_id"] for user in (await call(client, "GET", "/v1/users"))["results"]] == [USER, "ben"]


async def test_a_job_that_has_their_words_in_hand_writes_nothing_more(
    client: httpx.AsyncClient, tenant: Tenant
) -> None:
    await add(client, "Ada plays.", user_id=USER)
    store = tenant.bank.footing.store
    job = await tenant.bank.jobs.enqueue(NewJob("slow", {}, USER))
    assert store.take_job(tenant.bank.now(), frozenset({"slow"})).result() is not None
    await erase(client)
    fact = NewMemory("f1", "Ada is a player.", 1.0, 1.0, USER, kind="fact")
    late = store.add([fact], Along(ends=JobEnd(job.id, {})))
    assert late.exception() is not None
    assert store.find("f1") is None


async def test_backups_are_named_in_the_receipt_or_removed_with_it(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    await add(client, f"Ada plays the {SECRET}.", user_id=USER)
    job = await ended(client, (await call(client, "POST", "/v1/backup", status=202))["id"])
    backup = job["result"]["backup_id"]
    receipt = await erase(client)
    assert (receipt["backups"], receipt["removed_backups"]) == ([backup], [])
    assert files_with(settings.data_directory, SECRET) == [f"backups/{backup}/memory.db"]
    receipt = await erase(client, backups="delete")
    assert (receipt["backups"], receipt["removed_backups"]) == ([], [backup])
    assert files_with(settings.data_directory, SECRET) == []


async def restored(tenant: Tenant, backup: Path, settings: Settings, model: ModelFiles, clock: ManualClock) -> Tenant:
    await tenant.close()
    for leftover in ("memory.db-wal", "memory.db-shm"):
        (settings.data_directory / leftover).unlink(missing_ok=True)
    shutil.copy(backup, settings.data_directory / "memory.db")
    again = Tenant(settings, model, Metrics(), clock)
    await again.open()
    return again


async def test_an_older_backup_does_not_bring_them_back_on_this_volume(
    client: httpx.AsyncClient, tenant: Tenant, settings: Settings, model: ModelFiles, clock: ManualClock
) -> None:
    await fill(client, USER, SECRET)
    await add(client, "Ben plays.", user_id="ben")
    job = await ended(client, (await call(client, "POST", "/v1/backup", status=202))["id"])
    clock.advance(hours=1)
    receipt = await erase(client)
    backup = settings.data_directory / "backups" / job["result"]["backup_id"] / "memory.db"
    again = await restored(tenant, backup, settings, model, clock)
    try:
        assert [user for user, _ in (await again.bank.recall.users(10, None)).users] == ["ben"]
        assert receipt["id"] in {erasure.id for erasure in await again.bank.erasing.listed()}
        shutil.rmtree(backup.parent)
        assert files_with(settings.data_directory, SECRET, USER) == []
    finally:
        await again.close()


async def test_on_another_volume_the_receipts_erase_again(
    client: httpx.AsyncClient, tenant: Tenant, settings: Settings, model: ModelFiles, clock: ManualClock
) -> None:
    await fill(client, USER, SECRET)
    job = await ended(client, (await call(client, "POST", "/v1/backup", status=202))["id"])
    await erase(client)
    receipts = (await call(client, "GET", "/v1/erasures"))["results"]
    backup = settings.data_directory / "backups" / job["result"]["backup_id"] / "memory.db"
    (settings.data_directory / "erasures.ndjson").unlink()  # it stayed on the other volume
    again = await restored(tenant, backup, settings, model, clock)
    try:
        transport = httpx.ASGITransport(create_app(again, KeyRing(settings, clock), Metrics()))
        async with httpx.AsyncClient(transport=transport, base_url="http://tenant", headers=client.headers) as other:
            assert len(await listed(other, user_id=USER, limit=100)) == 40
            altered = {"erasures": [{**receipts[0], "counts": {"memories": 0}}]}
            assert (await other.post("/v1/erasures", json=altered)).status_code == 409
            assert len(await listed(other, user_id=USER, limit=100)) == 40
            [once_more] = (await call(other, "POST", "/v1/erasures", {"erasures": receipts}))["results"]
            assert once_more["counts"]["memories"] == 40
            assert await listed(other, user_id=USER) == []
            assert len((await call(other, "GET", "/v1/erasures"))["results"]) == 2
    finally:
        await again.close()


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_receipts_are_for_administrators(client: httpx.AsyncClient, method: str) -> None:
    refused = await client.request(method, "/v1/erasures", headers={"Authorization": "Bearer other"})
    assert refused.status_code == 401
