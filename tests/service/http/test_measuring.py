from collections.abc import AsyncIterator

import httpx
import pytest

from memorybank_service.http.body_limit import LARGEST_BODY
from memorybank_service.http.measuring import MetricsApp
from memorybank_service.metrics import Metrics
from memorybank_service.tenant import Tenant


def requests(metrics: Metrics, method: str, route: str, status: str) -> float | None:
    labels = {"method": method, "route": route, "status": status}
    return metrics.registry.get_sample_value("memorybank_http_requests_total", labels)


async def test_every_request_is_counted_by_route_and_status(client: httpx.AsyncClient, metrics: Metrics) -> None:
    await client.post("/store_memory", json={"content": "a"})
    await client.post("/store_memory", json={})
    await client.get("/some/id/7")
    await client.request("BREW", "/livez")
    assert requests(metrics, "POST", "/store_memory", "200") == 1
    assert requests(metrics, "POST", "/store_memory", "422") == 1
    assert requests(metrics, "GET", "unmatched", "404") == 1
    assert requests(metrics, "other", "/livez", "405") == 1


async def test_the_metrics_have_a_port_of_their_own(
    client: httpx.AsyncClient, tenant: Tenant, metrics: Metrics
) -> None:
    assert (await client.get("/metrics")).status_code == 404
    await client.post("/store_memory", json={"content": "tea"})
    await client.post("/retrieve_memory", json={"query": "tea"})
    transport = httpx.ASGITransport(MetricsApp(tenant, metrics))
    async with httpx.AsyncClient(transport=transport, base_url="http://metrics") as scraper:
        answer = await scraper.get("/metrics")
        assert (await scraper.get("/store_memory")).status_code == 404
    lines = answer.text.splitlines()
    assert 'memorybank_memories{state="active"} 1.0' in lines
    assert 'memorybank_search_seconds_count{stage="vectors"} 1.0' in lines
    assert 'memorybank_jobs{kind="maintenance",state="dead"} 0.0' in lines
    assert "memorybank_llm_tokens_total 0.0" in lines
    assert "memorybank_llm_budget_left_tokens +Inf" in lines
    for name in ("memorybank_store_bytes", "memorybank_volume_capacity_bytes", "memorybank_volume_used_bytes"):
        assert (metrics.registry.get_sample_value(name) or 0) > 0


async def test_a_body_that_announces_its_size_is_refused_unread(client: httpx.AsyncClient, metrics: Metrics) -> None:
    answer = await client.post("/store_memory", content=b"x" * (LARGEST_BODY + 1))
    assert answer.status_code == 413
    assert answer.json()["type"] == "urn:memorybank:problem:body-too-large"
    assert requests(metrics, "POST", "unmatched", "413") == 1


async def test_a_body_of_unknown_size_is_refused_where_it_becomes_too_large(client: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 100:
            sent += 1
            yield b" " * 65_536

    answer = await client.post("/store_memory", content=endless(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    assert sent <= LARGEST_BODY // 65_536 + 1


async def test_a_failure_of_ours_is_a_problem_without_its_details(
    client: httpx.AsyncClient, tenant: Tenant, monkeypatch: pytest.MonkeyPatch, metrics: Metrics
) -> None:
    monkeypatch.setattr(tenant.bank, "totals", lambda: 1 / 0)
    answer = await client.get("/memory_stats")
    assert (answer.status_code, answer.json()["type"]) == (500, "urn:memorybank:problem:internal")
    assert "division" not in answer.text
    assert requests(metrics, "GET", "/memory_stats", "500") == 1
