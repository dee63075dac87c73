from typing import Any

import httpx
import pytest

from memorybank_service.store import NewJob
from memorybank_service.tenant import Tenant
from tests.service.http.v1.calls import call


async def jobs(client: httpx.AsyncClient, **query: Any) -> list[str]:
    return [job["id"] for job in (await call(client, "GET", "/v1/jobs", **query))["results"]]


async def test_a_job_is_shown_with_all_that_is_known_of_it(client: httpx.AsyncClient, tenant: Tenant) -> None:
    await tenant.bank.jobs.enqueue(NewJob("nobody-does-it", {"secret": "words"}, id="j1"))
    job = await call(client, "GET", "/v1/jobs/j1")
    assert job == {
        "id": "j1",
        "kind": "nobody-does-it",
        "state": "queued",
        "user_id": None,
        "attempts": 0,
        "due": "2027-01-15T08:00:00.000Z",
        "progress": {},
        "result": None,
        "error": None,
        "created_at": "2027-01-15T08:00:00.000Z",
        "updated_at": "2027-01-15T08:00:00.000Z",
    }
    assert (await client.get("/v1/jobs/none")).status_code == 404


async def test_jobs_are_listed_by_state_and_kind_and_page_by_page(client: httpx.AsyncClient, tenant: Tenant) -> None:
    for number in range(5):
        await tenant.bank.jobs.enqueue(NewJob(f"kind-{number % 2}", id=f"j{number}"))
    assert await jobs(client) == ["j0", "j1", "j2", "j3", "j4"]  # of one moment: by their ids
    assert await jobs(client, kind="kind-1") == ["j1", "j3"]
    assert await jobs(client, state="dead") == []
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while "cursor" not in query or query["cursor"] is not None:
        page = await call(client, "GET", "/v1/jobs", **query)
        seen += [job["id"] for job in page["results"]]
        query["cursor"] = page["next_cursor"]
    assert seen == ["j0", "j1", "j2", "j3", "j4"]


async def test_a_job_is_cancelled_and_tried_again(client: httpx.AsyncClient, tenant: Tenant) -> None:
    await tenant.bank.jobs.enqueue(NewJob("nobody-does-it", id="j1"))
    assert (await call(client, "POST", "/v1/jobs/j1/cancel", status=202))["state"] == "cancelled"
    again = await client.post("/v1/jobs/j1/cancel")
    assert again.status_code == 409
    assert again.json()["detail"] == "The job is cancelled; only a queued or running one can be cancelled."
    assert (await call(client, "POST", "/v1/jobs/j1/retry", status=202))["state"] == "queued"
    assert (await client.post("/v1/jobs/j1/retry")).status_code == 409
    for action in ("cancel", "retry"):
        assert (await client.post(f"/v1/jobs/none/{action}")).status_code == 404


@pytest.mark.parametrize(
    "query", [{"state": "asleep"}, {"cursor": "x"}, {"limit": "1001"}, {"kind": ""}, {"status": "dead"}]
)
async def test_a_bad_list_is_refused(client: httpx.AsyncClient, query: dict[str, str]) -> None:
    assert (await client.get("/v1/jobs", params=query)).status_code == 422
