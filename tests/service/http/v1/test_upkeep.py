from pathlib import Path

import httpx
import pytest

from memorybank_service.clock import rfc3339
from memorybank_service.metrics import Metrics
from memorybank_service.scheduler import Scheduler
from memorybank_service.settings import Settings
from memorybank_service.store import StoreError
from memorybank_service.tenant import Tenant
from tests.service.http.v1.calls import add, call, ended
from tests.service.manual_clock import ManualClock


async def test_maintenance_tells_its_outcome_in_a_sentence(client: httpx.AsyncClient) -> None:
    begun = await call(client, "POST", "/v1/maintenance", status=202)
    assert begun["kind"] == "maintenance"
    job = await ended(client, begun["id"])
    assert job["state"] == "succeeded"
    assert job["result"] == {"outcome": "checked, nothing to give back, 0 kept answers and 0 ended jobs removed"}


async def test_a_damaged_store_is_told_and_not_tried_again(
    client: httpx.AsyncClient, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged() -> None:
        raise StoreError("the integrity check found: wrong # of entries in index memory_created")

    monkeypatch.setattr(tenant.bank.footing.store.upkeep, "check", damaged)
    job = await ended(client, (await call(client, "POST", "/v1/maintenance", status=202))["id"])
    assert (job["state"], job["attempts"]) == ("dead", 1)
    assert job["error"] == "the integrity check found: wrong # of entries in index memory_created"


async def test_the_schedule_and_the_route_do_the_same_work(
    client: httpx.AsyncClient, tenant: Tenant, tmp_path: Path
) -> None:
    copy = tmp_path / "default" / "memory.schema-1.db"
    copy.write_bytes(b"an older store")
    outcome = await tenant.bank.maintain()
    assert outcome.endswith("0 ended jobs removed, 1 copy from before a migration removed")
    assert not copy.exists()
    job = await ended(client, (await call(client, "POST", "/v1/maintenance", status=202))["id"])
    assert outcome == job["result"]["outcome"] + ", 1 copy from before a migration removed"


async def test_everything_is_embedded_anew_on_demand(client: httpx.AsyncClient) -> None:
    await call(client, "POST", "/v1/memories", {"content": "Ada lives in Lisbon."}, status=201)
    job = await ended(client, (await call(client, "POST", "/v1/reembed", status=202))["id"])
    assert job["result"]["embedded"] == 1


@pytest.mark.parametrize("path", ["/v1/maintenance", "/v1/reembed"])
async def test_only_an_administrator_may(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.post(path, headers={"Authorization": "Bearer other"})).status_code == 401


async def test_a_disk_that_cannot_be_read_is_told_in_a_sentence(client: httpx.AsyncClient, tenant: Tenant) -> None:
    await add(client, "Ada lives in Lisbon.", id="m1")
    store = tenant.bank.footing.store
    assert store.upkeep.fold()
    database = tenant.settings.data_directory / "memory.db"
    kept = database.read_bytes()
    database.write_bytes(kept[:4096])  # the rest of it is gone
    refused = await client.get("/v1/memories/m1")
    database.write_bytes(kept)
    assert (refused.status_code, refused.json()["type"]) == (503, "urn:memorybank:problem:store-failed")
    assert refused.json()["detail"].startswith("The store could not be read: ")


async def test_maintenance_on_demand_is_seen_where_the_scheduler_is_asked(
    client: httpx.AsyncClient, tenant: Tenant, settings: Settings, metrics: Metrics, clock: ManualClock
) -> None:
    clock.advance(hours=100)
    job = await ended(client, (await call(client, "POST", "/v1/maintenance", status=202))["id"])
    scheduled = (await call(client, "GET", "/scheduler_status"))["jobs"][1]
    assert scheduled["id"] == "maintenance"
    assert (scheduled["last_run"], scheduled["last_result"]) == (rfc3339(clock()), job["result"]["outcome"])
    assert scheduled["next_run"] == rfc3339(clock() + 168 * 3600)
    restarted = Scheduler(tenant.bank, settings, metrics.job_ended)
    await restarted.load()
    assert (restarted.jobs[1].last_run, restarted.jobs[1].last_result) == (clock(), job["result"]["outcome"])
