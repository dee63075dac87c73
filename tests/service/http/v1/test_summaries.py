"""Summaries, portrait and timeline of a user, made by a provider on loopback once a day is over."""

from pathlib import Path

import httpx
import pytest

from memorybank_service.settings import Settings
from memorybank_service.tenant import Tenant
from tests.service.http.learning import job_in, settings_with
from tests.service.http.v1.calls import add, call
from tests.service.manual_clock import ManualClock
from tests.service.provider import Provider, ProviderRequest, Reply, says_json


@pytest.fixture
def settings(request: pytest.FixtureRequest, provider: Provider, tmp_path: Path) -> Settings:
    return settings_with(provider, tmp_path, **getattr(request, "param", {}))


def sums_up(request: ProviderRequest) -> Reply:
    """Whatever it is asked for: sentences of a day, one text of several, or a portrait."""
    if '"portrait"' in request.prompt:
        return says_json({"portrait": "Ada is cheerful.", "strategy": "Be brief."})
    if '"sentences"' in request.prompt:
        return says_json({"sentences": [{"text": "Ada moved to Vienna.", "sources": ["m1"]}]})
    return says_json({"summary": "Ada moved."})


async def test_a_day_that_is_over_is_summed_up_and_forgotten_with_what_was_said_on_it(
    client: httpx.AsyncClient, tenant: Tenant, clock: ManualClock, provider: Provider
) -> None:
    provider.answer(sums_up)
    await add(client, "I have moved to Vienna.", user_id="ada", id="said")
    assert await tenant.bank.summing_up.enqueue_due() == "0 days of 0 users to be summed up", "the day is not over"
    clock.advance(days=1)
    await tenant.scheduler.run_due()
    await job_in(client, "succeeded", "summarise")
    asked = len(provider.chats)
    assert await tenant.bank.summing_up.enqueue_due() == "0 days of 0 users to be summed up", "it was read"
    assert len(provider.chats) == asked

    profile = await call(client, "GET", "/v1/users/ada/profile")
    assert [profile[name]["text"] for name in ("portrait", "strategy", "summary")] == [
        "Ada is cheerful.",
        "Be brief.",
        "Ada moved to Vienna.",
    ]
    assert (profile["portrait"]["source_ids"], profile["degraded"]) == (["said"], [])
    [day] = (await call(client, "GET", "/v1/users/ada/summaries"))["results"]
    assert (day["day"], day["memories"], day["summary"]["text"]) == ("2027-01-15", 1, "Ada moved to Vienna.")

    await add(client, "I like it here.", user_id="ada")
    await call(client, "DELETE", "/v1/memories/said")
    profile = await call(client, "GET", "/v1/users/ada/profile")
    assert (profile["portrait"], profile["summary"]) == (None, None)
    assert (await call(client, "GET", "/v1/users/ada/summaries"))["results"] == []


@pytest.mark.parametrize("settings", [{"LLM_PROVIDER": "groq", "LLM_API_BASE": ""}], indirect=True)
async def test_without_a_model_there_is_a_timeline_and_a_sentence_about_what_is_missing(
    client: httpx.AsyncClient,
) -> None:
    await add(client, "I have moved to Vienna.", user_id="ada")
    timeline = await call(client, "GET", "/v1/users/ada/timeline")
    assert timeline["results"] == [{"day": "2027-01-15", "memories": 1, "summary": None, "insight": None}]
    assert timeline["degraded"] == ["No language model is configured: no summaries and no portrait are made."]
    for name in ("profile", "summaries", "timeline"):
        assert (await client.get(f"/v1/users/nobody/{name}")).status_code == 404
