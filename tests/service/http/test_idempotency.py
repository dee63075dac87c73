import asyncio

import httpx
import pytest

from memorybank_service.http.access import KeyRing
from memorybank_service.http.app import create_app
from memorybank_service.metrics import Metrics
from memorybank_service.settings import Settings
from memorybank_service.tenant import Tenant
from tests.service.manual_clock import ManualClock


async def store(client: httpx.AsyncClient, key: str, content: str = "Ada likes tea.") -> httpx.Response:
    return await client.post("/store_memory", json={"content": content}, headers={"Idempotency-Key": key})


async def count(client: httpx.AsyncClient) -> int:
    return int((await client.get("/memory_stats")).json()["total_memories"])


async def test_a_request_sent_again_is_answered_again_and_not_done_again(client: httpx.AsyncClient) -> None:
    first, again = await store(client, "k1"), await store(client, "k1")
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert await count(client) == 1


async def test_another_body_under_the_same_key_is_refused(client: httpx.AsyncClient) -> None:
    await store(client, "k1")
    other = await store(client, "k1", "Ada likes coffee.")
    assert (other.status_code, other.json()["type"]) == (422, "urn:memorybank:problem:idempotency-key-reused")
    assert await count(client) == 1


async def test_of_two_at_the_same_time_one_is_told_to_come_again(client: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(store(client, "k1") for _ in range(5)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses[0] == 200
    assert set(statuses) <= {200, 409}
    assert len({answer.content for answer in answers if answer.status_code == 200}) == 1
    assert all(answer.headers["Retry-After"] == "1" for answer in answers if answer.status_code == 409)
    assert await count(client) == 1


async def test_a_key_holds_for_a_day(client: httpx.AsyncClient, clock: ManualClock) -> None:
    await store(client, "k1")
    clock.advance(hours=23.9)
    assert (await store(client, "k1")).headers["Idempotency-Replayed"] == "true"
    clock.advance(hours=0.2)
    assert "Idempotency-Replayed" not in (await store(client, "k1")).headers
    assert await count(client) == 2


async def test_a_refused_write_leaves_the_key_free(client: httpx.AsyncClient) -> None:
    assert (await store(client, "k1", "")).status_code == 422
    assert (await store(client, "k1")).status_code == 200


async def test_the_answer_outlives_the_process(
    client: httpx.AsyncClient, settings: Settings, tenant: Tenant, metrics: Metrics, clock: ManualClock
) -> None:
    first = await store(client, "k1")
    transport = httpx.ASGITransport(create_app(tenant, KeyRing(settings, clock), metrics))
    async with httpx.AsyncClient(transport=transport, base_url="http://t", headers=client.headers) as restarted:
        assert (await store(restarted, "k1")).content == first.content


@pytest.mark.parametrize("key", ["", "x" * 256, "tea\tfor two"])
async def test_a_key_is_short_and_printable(client: httpx.AsyncClient, key: str) -> None:
    answer = await store(client, key)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "header.Idempotency-Key")
