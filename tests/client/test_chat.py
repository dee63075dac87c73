"""Chats by the clients, with a real service whose language model is a provider on loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from memorybank import MemoryBankClient, MemoryBankError, RateLimitedError, UnavailableError
from tests.client.conftest import Connect, Service
from tests.client.shell import memorybank
from tests.client.unreliable import Time, Turn, answer, hang_up, problem, unreliable
from tests.service.http.v1.test_summaries import sums_up
from tests.service.provider import Provider, refuses, running_provider, says
from tests.service.running import KEY, running


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with running_provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def service(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """In the place of the one without a model."""
    asked = {"LLM_PROVIDER": "openai", "LLM_MODEL": "m1", "LLM_API_BASE": provider.base_url, "OPENAI_API_KEY": "sk-1"}
    folder = tmp_path_factory.mktemp("thinking")
    with running(folder, EMBEDDING_PROVIDER="local", **asked) as process:
        yield Service(str(process.ready().base_url).rstrip("/"), KEY)


def test_a_chat_answers_with_what_is_remembered_and_remembers_it(
    bank: MemoryBankClient, provider: Provider, user: str
) -> None:
    tea = bank.add("I like lapsang souchong tea best.", user_id=user)
    provider.answer(says("Lapsang souchong, of course."))

    answered = bank.chat(
        "Which tea do I like?",
        [{"role": "user", "content": "I baked a cake."}, {"role": "assistant", "content": "How lovely!"}],
        system_prompt="Speak like a butler.",
        metadata={"user_id": user},
    )

    assert (answered.response, answered.model_used) == ("Lapsang souchong, of course.", "openai/m1")
    assert [memory.memory_id for memory in answered.memories_used] == [tea.id]
    assert "lapsang" in provider.chats[-1].prompt
    assert [memory.content for memory in bank.list(user_id=user)][:2] == [
        "Lapsang souchong, of course.",
        "Which tea do I like?",
    ]


def test_a_chat_from_the_shell(service: Service, provider: Provider, user: str) -> None:
    provider.answer(says("Cake."))
    where = {"MEMORYBANK_URL": service.url, "MEMORYBANK_API_KEY": service.key}

    asked = "chat", "What goes with tea?", "--user", user, "--run", "s1", "--system-prompt", "Be brief."
    answered = json.loads(memorybank(*asked, **where).stdout)
    provider.answer(refuses(400))
    failed = memorybank("chat", "Are you there?", **where)

    assert (answered["response"], answered["model_used"], answered["memories_used"]) == ("Cake.", "openai/m1", [])
    assert provider.chats[-2].prompt.startswith("Be brief.")
    assert (failed.returncode, failed.stdout, len(failed.stderr.splitlines())) == (1, "", 1)


def test_a_model_that_fails_is_unavailable_and_asked_once(
    bank: MemoryBankClient, provider: Provider, user: str
) -> None:
    provider.answer(refuses(400))
    before = len(provider.chats)

    with pytest.raises(UnavailableError) as failed:
        bank.chat("Are you there?", metadata={"user_id": user})

    assert failed.value.type == "urn:memorybank:problem:model-unavailable"
    assert failed.value.attempts == 1
    assert len(provider.chats) == before + 1
    assert [memory.content for memory in bank.list(user_id=user)] == ["Are you there?"]


def test_a_profile_is_made_when_it_is_asked_for(bank: MemoryBankClient, provider: Provider, user: str) -> None:
    provider.answer(sums_up)
    bank.add("I have moved to Vienna.", user_id=user)

    bank.wait_for_job(bank.refresh_profile(user).id)

    profile = bank.profile(user)
    assert profile.portrait is not None
    assert profile.strategy is not None
    assert (profile.portrait.text, profile.strategy.text) == ("Ada is cheerful.", "Be brief.")


@pytest.mark.parametrize("fault", [hang_up, answer(502), answer(504), problem(503, "model-unavailable")])
def test_a_model_that_may_have_been_asked_is_not_asked_again(connect: Connect, fault: Turn) -> None:
    with unreliable(fault, answer(200, '{"response": "Yes", "model_used": "m"}')) as server:
        with pytest.raises(MemoryBankError):
            connect(server.url, sleep=Time().sleep).chat("Are you there?")

        assert len(server.requests) == 1


def test_a_chat_that_has_not_begun_is_tried_again(connect: Connect) -> None:
    script = problem(503, "not-ready"), problem(429, "model-limit", Retry_After="20")
    with unreliable(*script, answer(200, '{"response": "Yes", "model_used": "m"}')) as server:
        assert connect(server.url, sleep=Time().sleep).chat("Are you there?").response == "Yes"


def test_a_budget_that_is_used_up_for_the_day_is_told_at_once(connect: Connect) -> None:
    with (
        unreliable(problem(429, "model-limit", Retry_After="40000")) as server,
        pytest.raises(RateLimitedError),
    ):
        connect(server.url, sleep=Time().sleep).chat("Are you there?")
