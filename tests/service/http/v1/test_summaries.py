"""Summaries, portrait and timeline of a user, made by a provider on loopback once a day is over."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from memorybank_service.memory.people import NOT_YET
from memorybank_service.settings import Settings
from memorybank_service.tenant import Tenant
from tests.service.http.learning import draws, job_in, settings_with
from tests.service.http.v1.calls import add, call, ended
from tests.service.manual_clock import ManualClock
from tests.service.provider import Provider, ProviderRequest, Reply, refuses, says_json
from tests.service.waiting import until_so


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


async def summed_up(client: httpx.AsyncClient, tenant: Tenant) -> None:
    """What is due is done, and what follows from it."""
    await tenant.bank.summing_up.enqueue_due()

    async def none_waits() -> bool:
        found = [await call(client, "GET", "/v1/jobs", state=state) for state in ("queued", "running")]
        return not any(page["results"] for page in found)

    async def idle() -> bool:
        """Asked on both sides of it, as a job that ends hands over what follows."""
        nothing = "0 days and 0 portraits to be made"
        return await none_waits() and await tenant.bank.summing_up.enqueue_due() == nothing and await none_waits()

    await until_so(idle)


async def test_a_day_that_is_over_is_summed_up_and_forgotten_with_what_was_said_on_it(
    client: httpx.AsyncClient, tenant: Tenant, clock: ManualClock, provider: Provider
) -> None:
    provider.answer(sums_up)
    await add(client, "I have moved to Vienna.", user_id="ada/1", id="said")
    profile = await call(client, "GET", "/v1/users/ada%2F1/profile")
    assert (profile["portrait"], profile["memories"], profile["degraded"]) == (None, 1, [NOT_YET])
    clock.advance(days=1)
    await tenant.scheduler.run_due()
    await summed_up(client, tenant)

    profile = await call(client, "GET", "/v1/users/ada%2F1/profile")
    assert [profile[name]["text"] for name in ("portrait", "strategy", "summary")] == [
        "Ada is cheerful.",
        "Be brief.",
        "Ada moved to Vienna.",
    ]
    assert (profile["portrait"]["source_ids"], profile["degraded"]) == (["said"], [])
    assert (profile["user_id"], profile["first_seen"]) == ("ada/1", "2027-01-15T08:00:00.000Z")
    [day] = (await call(client, "GET", "/v1/users/ada%2F1/summaries"))["results"]
    assert (day["day"], day["memories"], day["summary"]["text"]) == ("2027-01-15", 1, "Ada moved to Vienna.")

    await add(client, "I like it here.", user_id="ada/1")
    await call(client, "DELETE", "/v1/memories/said")
    profile = await call(client, "GET", "/v1/users/ada%2F1/profile")
    assert (profile["portrait"], profile["summary"]) == (None, None)
    assert (await call(client, "GET", "/v1/users/ada%2F1/summaries"))["results"] == []


async def test_a_profile_can_be_asked_for_now(client: httpx.AsyncClient, tenant: Tenant, provider: Provider) -> None:
    provider.answer(sums_up)
    await add(client, "I have moved to Vienna.", user_id="ada")
    job = await call(client, "POST", "/v1/users/ada/profile", status=202)
    assert (await ended(client, job["id"]))["state"] == "succeeded"
    assert (await call(client, "GET", "/v1/users/ada/profile"))["portrait"]["text"] == "Ada is cheerful."
    await call(client, "POST", "/v1/users/nobody/profile", status=404)


async def test_days_are_listed_page_by_page_and_from_day_to_day(
    client: httpx.AsyncClient, tenant: Tenant, provider: Provider
) -> None:
    provider.answer(sums_up)
    for day in (11, 12, 13):
        await add(client, f"Hello of the {day}th.", user_id="ada", created_at=f"2027-01-{day}T12:00:00Z")
    await tenant.bank.people.refresh("ada")
    await summed_up(client, tenant)
    await add(client, "Hello today.", user_id="ada")

    async def days(path: str, **query: Any) -> tuple[list[str], str | None]:
        page = await call(client, "GET", f"/v1/users/ada/{path}", **query)
        return [day["day"] for day in page["results"]], page["next_cursor"]

    assert await days("summaries", limit=2) == (["2027-01-13", "2027-01-12"], "2027-01-12")
    assert await days("summaries", limit=2, cursor="2027-01-12") == (["2027-01-11"], None)
    timeline = await call(client, "GET", "/v1/users/ada/timeline")
    assert [day["opening"] for day in timeline["results"]] == ["Hello today.", None, None, None]
    between = {"from": "2027-01-12", "to": "2027-01-13"}
    assert await days("timeline", **between) == (["2027-01-13", "2027-01-12"], None)
    assert await days("timeline", limit=1, **between) == (["2027-01-13"], "2027-01-13")
    assert await days("timeline", cursor="2027-01-13", **between) == (["2027-01-12"], None)
    for wrong in ("2027-02-30", "tomorrow", "20270115"):
        await call(client, "GET", "/v1/users/ada/timeline", status=422, **{"from": wrong})


async def test_the_timeline_tells_what_was_learnt(client: httpx.AsyncClient, provider: Provider) -> None:
    provider.answer(draws("Ada lives in Lisbon."))
    await add(client, "I live in Lisbon.", user_id="ada", infer=True)
    await job_in(client, "succeeded", "extract")
    [day] = (await call(client, "GET", "/v1/users/ada/timeline"))["results"]
    assert (day["memories"], [fact["content"] for fact in day["facts"]]) == (1, ["Ada lives in Lisbon."])


@pytest.mark.parametrize("settings", [{"LLM_PROVIDER": "groq", "LLM_API_BASE": ""}], indirect=True)
async def test_without_a_model_there_is_a_timeline_and_a_sentence_about_what_is_missing(
    client: httpx.AsyncClient,
) -> None:
    await add(client, "I have moved to Vienna.", user_id="ada")
    timeline = await call(client, "GET", "/v1/users/ada/timeline")
    assert timeline["results"] == [
        {
            "day": "2027-01-15",
            "memories": 1,
            "summary": None,
            "insight": None,
            "opening": "I have moved to Vienna.",
            "facts": [],
        }
    ]
    assert timeline["degraded"] == [
        "No language model is configured: no summaries and no portrait are made. LLM_PROVIDER is groq but GROQ_API_KEY "
        "is not set, nor is LLM_API_BASE; in a cluster it is `spec.llm` of the MemoryBankTenant that "
        "says which one is asked."
    ]
    refused = await call(client, "POST", "/v1/users/ada/profile", status=503)
    assert "GROQ_API_KEY is not set" in refused["detail"]
    for name in ("profile", "summaries", "timeline"):
        assert (await client.get(f"/v1/users/nobody/{name}")).status_code == 404


async def test_jobs_that_were_given_up_are_told_of_where_their_outcome_is_missing(
    client: httpx.AsyncClient, tenant: Tenant, provider: Provider
) -> None:
    provider.answer(refuses(400))
    await add(client, "I have moved to Vienna.", user_id="ada")
    await tenant.bank.people.refresh("ada")
    await job_in(client, "dead", "summarise")
    await summed_up(client, tenant)
    for name in ("profile", "summaries", "timeline"):
        degraded = (await call(client, "GET", f"/v1/users/ada/{name}"))["degraded"]
        assert any(sentence.startswith("Jobs about this user that were given up: ") for sentence in degraded)
