"""POST /chat, with a provider on loopback, and without one."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from memorybank_service.settings import Settings
from tests.service.http.learning import settings_with
from tests.service.http.v1.calls import add, call
from tests.service.provider import Provider, limits_rate, refuses, says

ADA = {"user_id": "ada", "session_id": "s1", "mood": "calm"}


@pytest.fixture
def settings(request: pytest.FixtureRequest, provider: Provider, tmp_path: Path) -> Settings:
    return settings_with(provider, tmp_path, **getattr(request, "param", {}))


async def chat(client: httpx.AsyncClient, status: int = 200, **body: object) -> dict[str, Any]:
    answer: dict[str, Any] = await call(client, "POST", "/chat", {"metadata": ADA, **body}, status)
    return answer


async def told(client: httpx.AsyncClient) -> list[tuple[str, str]]:
    page = await call(client, "GET", "/v1/memories", user_id="ada", run_id="s1")
    return [(memory["speaker"], memory["content"]) for memory in reversed(page["results"])]


async def test_a_chat_answers_with_what_is_remembered_and_remembers_what_was_said(
    client: httpx.AsyncClient, provider: Provider
) -> None:
    await add(client, "I like lapsang souchong tea best.", user_id="ada", id="tea")
    await add(client, "I like green tea best.", user_id="ben")
    provider.answer(says("Lapsang souchong, of course."))
    before = [{"role": "user", "content": "I baked a cake."}, {"role": "assistant", "content": "How lovely!"}]
    answer = await chat(client, query="Which tea do I like?", context=before, system_prompt="Speak like a butler.")
    assert (answer["response"], answer["model_used"]) == ("Lapsang souchong, of course.", "openai/m1")
    assert [memory["memory_id"] for memory in answer["memories_used"]] == ["tea"]
    [asked] = provider.chats
    assert [message["role"] for message in asked.messages] == ["system", "user", "assistant", "user"]
    assert asked.prompt.startswith("Speak like a butler.")
    assert "lapsang" in asked.prompt
    assert "green tea" not in asked.prompt
    assert await told(client) == [("user", "Which tea do I like?"), ("assistant", "Lapsang souchong, of course.")]
    tea = await call(client, "POST", "/retrieve_memory", {"query": "tea", "top_k": 9})
    counts = {memory["memory_id"]: memory["access_count"] for memory in tea["memories"]}
    assert counts["tea"] == 1
    await chat(client, query="And with milk?", model="m2")
    assert provider.chats[-1].model == "m2"


async def test_a_provider_that_fails_or_is_busy_says_so_and_the_words_are_stored_once(
    client: httpx.AsyncClient, provider: Provider
) -> None:
    provider.answer(refuses(500))
    down = await chat(client, 503, query="Are you there?")
    assert down["type"] == "urn:memorybank:problem:model-unavailable"
    assert down["detail"] == "openai/m1 cannot be reached or has a fault of its own (HTTP 500)."
    provider.answer(limits_rate(7))
    for _ in range(2):
        busy = await client.post(
            "/chat", json={"query": "And now?", "metadata": ADA}, headers={"Idempotency-Key": "once"}
        )
        assert (busy.status_code, busy.headers["retry-after"]) == (429, "7")
        assert busy.headers["content-type"] == "application/json"
    assert await told(client) == [("user", "Are you there?"), ("user", "And now?")]


@pytest.mark.parametrize("settings", [{"LLM_DAILY_TOKENS": "10"}], indirect=True)
async def test_a_day_whose_tokens_are_used_up_says_when_there_are_new_ones(client: httpx.AsyncClient) -> None:
    spent = await client.post("/chat", json={"query": "Are you there?"})
    assert (spent.status_code, spent.headers["retry-after"]) == (429, str(16 * 3600))
    assert "LLM_DAILY_TOKENS" in spent.json()["detail"]


@pytest.mark.parametrize("settings", [{"LLM_PROVIDER": "groq", "LLM_API_BASE": ""}], indirect=True)
async def test_without_a_model_the_answer_names_what_is_missing_and_the_words_are_stored(
    client: httpx.AsyncClient,
) -> None:
    without = await chat(client, 503, query="Are you there?")
    assert "GROQ_API_KEY is not set" in without["detail"]
    assert await told(client) == [("user", "Are you there?")]
