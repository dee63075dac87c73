"""Memories of one embedding in a service configured with another whose key is missing: what each answer says of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest_asyncio

from memorybank_service.embedding.model_files import ModelFiles
from memorybank_service.http.access import KeyRing
from memorybank_service.http.app import create_app
from memorybank_service.http.degraded import HEADER, degraded_header
from memorybank_service.metrics import Metrics
from memorybank_service.settings import load_settings
from memorybank_service.tenant import Tenant
from tests.service.conftest import KEY
from tests.service.manual_clock import ManualClock
from tests.service.provider import Provider

MISSING = "EMBEDDING_PROVIDER is mistral but MISTRAL_API_KEY is not set, nor is EMBEDDING_API_BASE"


@asynccontextmanager
async def serving(
    folder: Path, model: ModelFiles, clock: ManualClock, **variables: str
) -> AsyncIterator[httpx.AsyncClient]:
    settings = load_settings({"API_KEY": KEY, "CHROMA_DB_PATH": str(folder), "RATE_LIMIT_RPS": "0", **variables})
    metrics = Metrics()
    tenant = Tenant(settings, model, metrics, clock)
    await tenant.open()
    try:
        transport = httpx.ASGITransport(create_app(tenant, KeyRing(settings, clock), metrics))
        headers = {"Authorization": f"Bearer {KEY}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://tenant", headers=headers) as client:
            yield client
    finally:
        await tenant.close()


@pytest_asyncio.fixture
async def client(
    tmp_path: Path, model: ModelFiles, clock: ManualClock, provider: Provider
) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(tmp_path, model, clock) as before:
        stored = {"content": "Ada lives in Lisbon.", "metadata": {"user_id": "ada"}}
        assert (await before.post("/store_memory", json=stored)).status_code == 200
    asked = {"LLM_PROVIDER": "openai", "LLM_MODEL": "m1", "LLM_API_BASE": provider.base_url}
    other = {"EMBEDDING_PROVIDER": "mistral", "EMBEDDING_MODEL": "mistral-embed"}
    async with serving(tmp_path, model, clock, **asked, **other) as client:
        yield client


async def test_a_search_says_what_is_missing(client: httpx.AsyncClient) -> None:
    answer = (await client.post("/v1/search", json={"query": "Lisbon", "user_id": "ada"})).json()
    assert [found["content"] for found in answer["results"]] == ["Ada lives in Lisbon."]
    assert MISSING in " ".join(answer["degraded"])


async def test_answers_of_a_fixed_form_say_so_in_a_header(client: httpx.AsyncClient) -> None:
    question = [{"role": "user", "content": "Lisbon?"}]
    for path, body in (
        ("/retrieve_memory", {"query": "Lisbon", "metadata": {"user_id": "ada"}}),
        ("/v3/memories/search/", {"query": "Lisbon", "filters": {"user_id": "ada"}}),
        ("/chat", {"query": "Lisbon?", "metadata": {"user_id": "ada"}}),
        ("/v1/chat/completions", {"user": "ada", "model": "m1", "messages": question}),
    ):
        answer = await client.post(path, json=body, timeout=120)
        assert answer.status_code == 200, answer.text
        assert MISSING in answer.headers[HEADER]


async def test_embedding_anew_is_refused_with_what_is_missing(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/reembed")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:memorybank:problem:conflict")
    assert MISSING in answer.json()["detail"]
    assert (await client.get("/v1/jobs?kind=reembed")).json()["results"] == []


async def test_the_statistics_name_what_the_memories_are_embedded_with(client: httpx.AsyncClient) -> None:
    stats = (await client.get("/memory_stats")).json()
    assert (stats["embedding_provider"], stats["embedding_model"]) == ("local", "all-MiniLM-L6-v2")


def test_a_model_s_name_cannot_break_the_header() -> None:
    assert degraded_header([]) == {}
    assert degraded_header(["über\r\nX-Other: 1"]) == {HEADER: "?ber??X-Other: 1"}
