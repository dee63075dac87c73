"""Whatever a provider does, storing and searching go on, and what it was asked for waits for better times."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from memorybank_service.embedding.model_files import ModelFiles
from memorybank_service.metrics import Metrics
from memorybank_service.settings import Settings
from memorybank_service.tenant import Tenant
from tests.service.http.learning import draws, facts, job_in, settings_with
from tests.service.http.v1.calls import add, call, ended
from tests.service.manual_clock import ManualClock
from tests.service.provider import Provider, Script, drops, garbage, hangs, huge, limits_rate, refuses, trickles
from tests.service.waiting import until_so


@pytest.fixture
def settings(request: pytest.FixtureRequest, provider: Provider, tmp_path: Path) -> Settings:
    return settings_with(provider, tmp_path, **getattr(request, "param", {}))


async def asked(provider: Provider) -> bool:
    return bool(provider.chats)


@pytest.mark.parametrize("script", [hangs, lambda: trickles(0.05)], ids=["hangs", "never stops"])
async def test_stores_and_searches_do_not_wait_for_a_provider_that_never_answers(
    client: httpx.AsyncClient, provider: Provider, script: Callable[[], Script]
) -> None:
    provider.answer(script())
    await add(client, "I live in Lisbon.", user_id="ada", infer=True)
    await until_so(lambda: asked(provider))
    for number in range(20):
        content = f"I have {number} cats."
        stored = await add(client, content, user_id="ada", infer=True, run_id=f"r{number}")
        found = await call(client, "POST", "/v1/search", {"query": content, "user_id": "ada", "top_k": 3})
        assert stored["id"] in [memory["id"] for memory in found["results"]]
    jobs = (await call(client, "GET", "/v1/jobs", kind="extract"))["results"]
    assert sorted(job["state"] for job in jobs) == ["queued"] * 20 + ["running"]
    assert len(provider.chats) == 1


@pytest.mark.parametrize(
    ("script", "state", "error"),
    [
        (limits_rate(30), "queued", "takes no more requests for now (HTTP 429); it asks to wait 30 s"),
        (refuses(500), "queued", "cannot be reached or has a fault of its own (HTTP 500)"),
        (garbage(), "queued", "gave an answer that cannot be read"),
        (drops(), "queued", ""),
        (huge(10), "dead", "gave an answer that is far too long"),
    ],
    ids=["too many requests", "a fault", "garbage", "broken off", "10 MB"],
)
async def test_what_a_bad_answer_was_for_is_done_when_there_is_a_good_one(
    client: httpx.AsyncClient,
    tenant: Tenant,
    clock: ManualClock,
    provider: Provider,
    script: Script,
    state: str,
    error: str,
) -> None:
    provider.script(script)
    provider.answer(draws("Ada lives in Lisbon."))
    stored = await add(client, "I live in Lisbon.", user_id="ada", infer=True)

    async def failed() -> bool:
        [job] = (await call(client, "GET", "/v1/jobs", kind="extract"))["results"]
        return job["state"] == state and job["error"] is not None

    await until_so(failed)
    [job] = (await call(client, "GET", "/v1/jobs", kind="extract", state=state))["results"]
    assert error in job["error"]
    assert await facts(client) == []
    if state == "dead":
        await call(client, "POST", f"/v1/jobs/{job['id']}/retry", status=202)
    clock.advance(hours=1)
    tenant.bank.jobs.notice()
    assert (await ended(client, job["id"]))["state"] == "succeeded"
    [fact] = await facts(client)
    assert fact["source_ids"] == [stored["id"]]


async def test_the_words_of_a_chat_are_kept_while_it_waits(client: httpx.AsyncClient, provider: Provider) -> None:
    provider.answer(refuses(503))
    refused = await client.post("/chat", json={"query": "I live in Lisbon.", "metadata": {"user_id": "ada"}})
    assert refused.status_code == 503
    page = await call(client, "GET", "/v1/memories", user_id="ada")
    assert [memory["content"] for memory in page["results"]] == ["I live in Lisbon."]
    assert await _jobs(client) == []


async def _jobs(client: httpx.AsyncClient) -> list[str]:
    return [job["kind"] for job in (await call(client, "GET", "/v1/jobs"))["results"]]


@pytest.mark.parametrize("settings", [{"LLM_DAILY_TOKENS": "20000"}], indirect=True)
async def test_the_day_s_tokens_are_counted_over_a_restart_and_told_in_the_metrics(
    client: httpx.AsyncClient,
    tenant: Tenant,
    settings: Settings,
    model: ModelFiles,
    metrics: Metrics,
    clock: ManualClock,
    provider: Provider,
) -> None:
    provider.answer(draws("Ada lives in Lisbon."))
    await add(client, "I live in Lisbon.", user_id="ada", infer=True)
    await job_in(client, "succeeded")
    assert tenant.tokens_left == 20_000 - 16
    assert metrics.registry.get_sample_value("memorybank_llm_calls_total", {"result": "answered"}) == 1
    assert metrics.registry.get_sample_value("memorybank_llm_tokens_total") == 16
    await tenant.close()
    reopened = Tenant(settings, model, Metrics(), clock)
    await reopened.open()
    assert reopened.tokens_left == 20_000 - 16
    clock.advance(days=1)
    assert reopened.tokens_left == 20_000
    await reopened.close()
