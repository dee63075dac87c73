"""The portrait of a user where other APIs show it: as a tool's answer, as mem0's profile, and in a chat."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from memorybank_service.settings import Settings
from memorybank_service.tenant import Tenant
from tests.service.http.learning import settings_with
from tests.service.http.v1.calls import add, call
from tests.service.http.v1.test_summaries import summed_up, sums_up
from tests.service.manual_clock import ManualClock
from tests.service.provider import Provider, says


@pytest.fixture
def settings(request: pytest.FixtureRequest, provider: Provider, tmp_path: Path) -> Settings:
    return settings_with(provider, tmp_path, **getattr(request, "param", {}))


async def profile_by_tool(client: httpx.AsyncClient, **headers: str) -> dict[str, Any]:
    asked = {"name": "get_profile", "arguments": {}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": asked}
    named = {f"X-MemoryBank-{name.title()}": value for name, value in headers.items()}
    answer = await client.post("/mcp", json=body, headers={"Accept": "application/json", **named})
    structured: dict[str, Any] = answer.json()["result"]["structuredContent"]
    return structured


async def ada_is_known(client: httpx.AsyncClient, tenant: Tenant, clock: ManualClock, provider: Provider) -> None:
    provider.answer(sums_up)
    await add(client, "I have moved to Vienna.", user_id="ada", id="said", pinned=True)
    clock.advance(days=1)
    await summed_up(client, tenant)


async def test_a_tool_and_mem0_s_client_are_told_of_the_portrait(
    client: httpx.AsyncClient, tenant: Tenant, clock: ManualClock, provider: Provider
) -> None:
    await add(client, "Hello.", user_id="bob")
    pending = await call(client, "GET", "/v2/entities/user/bob/profile/")
    assert (pending["status"], pending["profile"]) == ("pending", {})
    await ada_is_known(client, tenant, clock, provider)
    made = {"portrait": "Ada is cheerful.", "strategy": "Be brief.", "summary": "Ada moved to Vienna."}
    profile = await call(client, "GET", "/v2/entities/user/ada/profile/")
    assert (profile["status"], profile["entity_id"], profile["profile"]) == ("succeeded", "ada", made)
    told = await profile_by_tool(client, user="ada")
    assert {name: told[name] for name in made} == made
    assert told["days"] == [{"day": "2027-01-15", "summary": "Ada moved to Vienna."}]
    assert [memory["id"] for memory in told["important"]] == ["said"]
    assert "portrait" not in await profile_by_tool(client, user="ada", agent="cook")
    assert "portrait" not in await profile_by_tool(client)
    assert (await client.get("/v2/entities/user/nobody/profile/")).status_code == 404


async def test_a_chat_is_told_the_portrait_and_the_strategy_beside_what_is_recalled(
    client: httpx.AsyncClient, tenant: Tenant, clock: ManualClock, provider: Provider
) -> None:
    await ada_is_known(client, tenant, clock, provider)
    provider.answer(says("Hello, Ada."))
    question = {"user": "ada", "messages": [{"role": "user", "content": "Where have I moved to?"}]}
    asked = {"query": "Where have I moved to?", "metadata": {"user_id": "ada"}}
    for path, body in (("/chat", asked), ("/v1/chat/completions", question)):
        await call(client, "POST", path, body)
        prompt = json.dumps(provider.chats[-1].messages)
        assert prompt.index("Ada is cheerful.") < prompt.index("How this user is best answered: Be brief.")
        assert prompt.index("Be brief.") < prompt.index("I have moved to Vienna.")
    await call(client, "POST", "/v1/chat/completions", question | {"metadata": {"agent_id": "cook"}})
    assert "Ada is cheerful." not in provider.chats[-1].prompt, "what was said to others is nothing that this one knows"
    await call(client, "POST", "/chat", asked | {"metadata": {"user_id": "ben"}})
    assert "Ada is cheerful." not in provider.chats[-1].prompt


@pytest.mark.parametrize("settings", [{"LLM_PROVIDER": "groq", "LLM_API_BASE": ""}], indirect=True)
async def test_without_a_model_there_is_no_portrait_and_mem0_s_client_is_told_so(client: httpx.AsyncClient) -> None:
    await add(client, "I have moved to Vienna.", user_id="ada")
    assert (await call(client, "GET", "/v2/entities/user/ada/profile/"))["status"] == "not_enabled"
    assert set(await profile_by_tool(client, user="ada")) == {
        "user_id",
        "memories",
        "first_seen",
        "last_seen",
        "important",
    }
