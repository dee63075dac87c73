import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from memorybank_service.http.access import RateLimit
from memorybank_service.http.rate_limit import RateLimiter
from memorybank_service.settings import Settings, load_settings
from tests.service.conftest import KEY
from tests.service.manual_clock import ManualClock

BODY = {"content": "a", "query": "a", "memory_id": "a"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """One key a scope, and a slow rate for one of them all."""
    names = {
        "reader": ["read"],
        "writer": ["write"],
        "admin": ["admin"],
        "no scope": [],
        KEY: ["read", "write", "admin"],
    }
    keys = [
        {"name": name, "sha256": hashlib.sha256(name.encode()).hexdigest(), "scopes": scopes}
        for name, scopes in names.items()
    ]
    file = tmp_path / "access.json"
    file.write_text(json.dumps({"keys": keys, "rateLimit": {"requestsPerSecond": 0.01, "burst": 6}}))
    return load_settings({"ACCESS_FILE": str(file), "CHROMA_DB_PATH": str(tmp_path)})


@pytest.mark.parametrize("header", [f"Bearer {KEY}", f"Token {KEY}", f"bearer  {KEY}"])
async def test_both_schemes_let_a_key_in(client: httpx.AsyncClient, header: str) -> None:
    answer = await client.get("/memory_stats", headers={"Authorization": header})
    assert answer.status_code == 200


@pytest.mark.parametrize("header", ["", KEY, f"Basic {KEY}", "Bearer ", "Bearer wrong", f"Bearer {KEY}x", "Bearer é"])
async def test_anything_else_is_refused(client: httpx.AsyncClient, header: str) -> None:
    answer = await client.get("/memory_stats", headers=[(b"authorization", header.encode("latin-1"))])
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["type"] == "urn:memorybank:problem:unauthorized"


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("POST", "/store_memory", "writer"),
        ("POST", "/retrieve_memory", "reader"),
        ("POST", "/forget_memory", "writer"),
        ("GET", "/memory_stats", "reader"),
        ("GET", "/scheduler_status", "reader"),
        ("POST", "/run_forgetting_curve", "admin"),
    ],
)
async def test_a_route_opens_to_its_scope_alone(client: httpx.AsyncClient, method: str, path: str, scope: str) -> None:
    for name in ("reader", "writer", "admin"):
        headers = {"Authorization": f"Bearer {name}"}
        answer = await client.request(method, path, headers=headers, json=BODY if method == "POST" else None)
        assert (answer.status_code == 403) == (name != scope), (name, answer.text)


async def test_a_key_is_checked_before_the_body(client: httpx.AsyncClient) -> None:
    answer = await client.post("/store_memory", json={}, headers={"Authorization": "Bearer wrong"})
    assert answer.status_code == 401


_WITH_BODIES = [
    ("POST", "/store_memory"),
    ("POST", "/retrieve_memory"),
    ("POST", "/forget_memory"),
    ("POST", "/chat"),
    ("POST", "/v1/memories"),
    ("POST", "/v1/memories/batch"),
    ("PATCH", "/v1/memories/m1"),
    ("PUT", "/v1/memories/m1"),
    ("POST", "/v1/search"),
    ("POST", "/v1/context"),
    ("POST", "/v1/forgetting/run"),
    ("POST", "/v1/import"),
    ("POST", "/v1/chat/completions"),
    ("POST", "/v3/memories/add/"),
    ("POST", "/v3/memories/search/"),
    ("POST", "/v3/memories/"),
    ("PUT", "/v1/batch/"),
    ("DELETE", "/v1/batch/"),
    ("POST", "/mcp"),
]


@pytest.mark.parametrize(("method", "path"), _WITH_BODIES)
@pytest.mark.parametrize(("key", "status"), [("wrong", 401), ("no scope", 403)])
async def test_nothing_of_a_body_is_read_before_its_key_is_known(
    client: httpx.AsyncClient, method: str, path: str, key: str, status: int
) -> None:
    read = 0

    async def broken() -> AsyncIterator[bytes]:
        nonlocal read
        read += 1
        yield b"{bad"

    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    answer = await client.request(method, path, headers=headers, content=broken())
    if path == "/mcp" and status == 403:
        return  # which scope it needs stands in the body
    assert (answer.status_code, read) == (status, 0)


async def test_a_refusal_for_want_of_a_scope_counts_against_the_rate(client: httpx.AsyncClient) -> None:
    headers = {"Authorization": "Bearer reader"}
    statuses = [(await client.post("/store_memory", headers=headers, json=BODY)).status_code for _ in range(7)]
    assert statuses == [403] * 6 + [429]


async def test_a_request_with_a_body_counts_once(client: httpx.AsyncClient) -> None:
    statuses = [(await client.post("/store_memory", json=BODY)).status_code for _ in range(7)]
    assert statuses == [200] * 6 + [429]


async def test_a_key_over_its_rate_is_told_when_to_come_back(client: httpx.AsyncClient) -> None:
    statuses = [(await client.get("/memory_stats")).status_code for _ in range(7)]
    assert statuses == [200] * 6 + [429]
    refused = await client.get("/memory_stats")
    assert 1 <= int(refused.headers["retry-after"]) <= 100
    other = await client.get("/memory_stats", headers={"Authorization": "Bearer reader"})
    assert other.status_code == 200


def test_a_bucket_refills_steadily_up_to_its_burst(clock: ManualClock) -> None:
    limiter, limit = RateLimiter(clock), RateLimit(2, 3)
    assert [limiter.wait_needed("k", limit) for _ in range(4)] == [0, 0, 0, 1]
    clock.now += 0.5
    assert [limiter.wait_needed("k", limit) for _ in range(2)] == [0, 1]
    clock.now += 1_000
    assert [limiter.wait_needed("k", limit) for _ in range(4)] == [0, 0, 0, 1]


def test_a_rate_of_zero_is_no_limit(clock: ManualClock) -> None:
    limiter = RateLimiter(clock)
    assert {limiter.wait_needed("k", RateLimit(0, 1)) for _ in range(100)} == {0}
