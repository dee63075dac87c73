from collections.abc import AsyncIterator

import httpx
import pytest

from memorybank_service.http.body_limit import LARGEST_BODY
from memorybank_service.http.measuring import MetricsApp
from memorybank_service.metrics import STAGES, Metrics
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


@pytest.mark.parametrize(
    ("method", "path", "route"),
    [
        ("GET", "/v1/memories", "/v1/memories"),
        ("GET", "/v1/memories/a%2Fb", "/v1/memories/{memory_id}"),
        ("GET", "/v1/memories/a/", "/v1/memories/{memory_id}"),
        ("GET", "/v1/users/ada/profile", "/v1/users/{user_id}/profile"),
        ("GET", "/v1/jobs/j1", "/v1/jobs/{job_id}"),
        ("DELETE", "/v1/search", "/v1/search"),
        ("GET", "/v1/ping/", "/v1/ping"),
        ("POST", "/v1/chat/completions", "/v1/chat/completions"),
        ("GET", "/mcp", "/mcp"),
    ],
)
async def test_a_route_is_counted_under_its_whole_path(
    client: httpx.AsyncClient, metrics: Metrics, method: str, path: str, route: str
) -> None:
    answer = await client.request(method, path)
    assert requests(metrics, method, route, str(answer.status_code)) == 1


def test_what_has_not_happened_yet_is_counted_as_zero(metrics: Metrics) -> None:
    def value(name: str, **labels: str) -> float | None:
        return metrics.registry.get_sample_value(name, labels)

    assert {value("memorybank_forgetting_runs_total", result=result) for result in ("success", "failure")} == {0}
    for result in ("answered", "broken_off", "timeout", "rate_limited", "unknown_model"):
        assert value("memorybank_llm_calls_total", result=result) == 0
    for stage in ("embedding", "roster", "words", "vectors", "ranking"):
        assert value("memorybank_search_seconds_count", stage=stage) == 0


async def test_a_search_has_no_stage_that_is_not_known_from_the_start(
    client: httpx.AsyncClient, metrics: Metrics
) -> None:
    await client.post("/store_memory", json={"content": "tea"})
    await client.post("/retrieve_memory", json={"query": "tea"})
    [family] = [one for one in metrics.registry.collect() if one.name == "memorybank_search_seconds"]
    counts = {sample.labels["stage"]: sample.value for sample in family.samples if sample.name.endswith("_count")}
    assert counts == dict.fromkeys(STAGES, 1)


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
