"""Calls of the tests on /v1, each of which must succeed."""

from typing import Any

import httpx

from tests.service.waiting import until_so


async def add(client: httpx.AsyncClient, content: str, **given: object) -> dict[str, Any]:
    added: dict[str, Any] = await call(client, "POST", "/v1/memories", {"content": content, **given}, status=201)
    return added


async def call(
    client: httpx.AsyncClient, method: str, path: str, body: object = None, status: int = 200, **query: Any
) -> Any:
    answer = await client.request(method, path, json=body, params=query)
    assert answer.status_code == status, answer.text
    return answer.json()


async def listed(client: httpx.AsyncClient, **query: Any) -> list[str]:
    return [memory["content"] for memory in (await call(client, "GET", "/v1/memories", **query))["results"]]


async def ended(client: httpx.AsyncClient, job_id: str) -> dict[str, Any]:
    """The job, once nothing more is done about it."""
    job: dict[str, Any] = {}

    async def over() -> bool:
        job.update(await call(client, "GET", f"/v1/jobs/{job_id}"))
        return job["state"] in ("succeeded", "dead", "cancelled")

    await until_so(over)
    return job
