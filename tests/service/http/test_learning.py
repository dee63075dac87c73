"""What a language model makes of what was said, through the whole application, with a provider on loopback."""

from pathlib import Path

import httpx
import pytest

from memorybank_service.settings import Settings
from memorybank_service.tenant import Tenant
from tests.service.http.learning import PROVIDER_KEY, draws, facts, job_in, settings_with
from tests.service.http.v1.calls import add, call, ended
from tests.service.manual_clock import ManualClock
from tests.service.provider import Provider, ProviderRequest, Reply, refuses


@pytest.fixture
def settings(provider: Provider, tmp_path: Path) -> Settings:
    return settings_with(provider, tmp_path)


async def learned(client: httpx.AsyncClient, content: str) -> str:
    """The id of the memory, once what is to be learned of it is learned."""
    stored = await add(client, content, user_id="ada", infer=True)
    assert stored["degraded"] == []
    [job] = (await call(client, "GET", "/v1/jobs", limit=1))["results"]
    assert (await ended(client, job["id"]))["state"] == "succeeded"
    return str(stored["id"])


async def test_facts_are_drawn_replaced_and_once_deleted_not_learned_again(
    client: httpx.AsyncClient, tenant: Tenant, clock: ManualClock, provider: Provider
) -> None:
    provider.answer(draws("Ada lives in Lisbon."))
    said = await learned(client, "I live in Lisbon now.")
    [lisbon] = await facts(client)
    assert (lisbon["content"], lisbon["source_ids"]) == ("Ada lives in Lisbon.", [said])
    assert (lisbon["importance"], lisbon["metadata"]) == (0.7, {"category": "person"})
    used = tenant.bank.footing.store.tokens_used(clock())

    clock.advance(hours=1)
    provider.answer(draws("Ada lives in Vienna.", replaces="f1"))
    await learned(client, "I have moved, I live in Vienna.")
    assert "Ada lives in Lisbon." in provider.chats[-1].prompt
    [vienna] = await facts(client)
    [old] = await facts(client, "superseded")
    assert (vienna["content"], old["id"], old["superseded_by"]) == ("Ada lives in Vienna.", lisbon["id"], vienna["id"])
    history = await call(client, "GET", f"/v1/memories/{lisbon['id']}/history")
    assert [event["action"] for event in history] == ["ADD", "SUPERSEDE"]
    assert tenant.bank.footing.store.tokens_used(clock()) == 2 * used, "each call is counted once"

    clock.advance(hours=1)
    await call(client, "DELETE", f"/v1/memories/{vienna['id']}")
    provider.answer(draws("Ada lives in Vienna."))
    await learned(client, "As I said, I live in Vienna.")
    assert await facts(client) == []


async def test_what_is_deleted_while_the_model_is_asked_is_not_learned(
    client: httpx.AsyncClient, tenant: Tenant, provider: Provider
) -> None:
    def forgotten_meanwhile(request: ProviderRequest) -> Reply:
        tenant.bank.footing.store.delete(["said-0"], 1.0).result()
        return draws("Ada lives in Lisbon.")

    provider.answer(forgotten_meanwhile)
    await add(client, "I live in Lisbon.", user_id="ada", infer=True, id="said-0")
    assert (await job_in(client, "succeeded"))["error"] is None
    assert await facts(client) == []


async def test_words_are_stored_at_once_and_a_job_that_is_given_up_can_be_tried_again(
    client: httpx.AsyncClient, provider: Provider
) -> None:
    provider.answer(refuses(401, f"wrong key, {PROVIDER_KEY}"))
    await add(client, "I live in Lisbon.", user_id="ada", infer=True)
    page = await call(client, "GET", "/v1/memories", user_id="ada")
    assert [memory["content"] for memory in page["results"]] == ["I live in Lisbon."]
    dead = await job_in(client, "dead")
    assert dead["error"] == "openai/m1 does not accept the API key (HTTP 401)"
    provider.answer(draws("Ada lives in Lisbon."))
    await call(client, "POST", f"/v1/jobs/{dead['id']}/retry", status=202)
    assert (await ended(client, dead["id"]))["state"] == "succeeded"
    assert [fact["content"] for fact in await facts(client)] == ["Ada lives in Lisbon."]
