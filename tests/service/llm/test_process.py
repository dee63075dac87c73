"""The life of the process that asks providers, and what it may see and reach."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from memorybank_service.llm import Message, process
from memorybank_service.llm.endpoint import language_model
from memorybank_service.llm.errors import ProviderTimeoutError, ProviderUnavailableError
from memorybank_service.llm.litellm_model import LitellmModel
from memorybank_service.llm.process import ProviderProcess
from memorybank_service.settings import load_settings
from tests.service.llm.conftest import KEY
from tests.service.provider import Provider, hangs, refuses, says, trickles
from tests.service.waiting import until

QUESTION = [Message("user", "Where does Ada live?")]
STARTS_IN_TIME = 60.0


@pytest.fixture
def new_process() -> Iterator[Callable[..., ProviderProcess]]:
    made: list[ProviderProcess] = []

    def make(**options: float) -> ProviderProcess:
        made.append(ProviderProcess(**options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def model_of(process: ProviderProcess, provider: Provider, llm_provider: str = "openai") -> LitellmModel:
    base = provider.base_url if llm_provider == "openai" else provider.root_url
    keys = {"OPENAI_API_KEY": KEY, "ANTHROPIC_API_KEY": KEY, "GOOGLE_API_KEY": KEY}
    settings = load_settings({"API_KEY": "k", "LLM_PROVIDER": llm_provider, "LLM_API_BASE": base, **keys})
    return LitellmModel(language_model(settings).require(), process)


async def test_it_starts_with_the_first_call_and_ends_when_nobody_calls(
    new_process: Callable[..., ProviderProcess], provider: Provider
) -> None:
    started = new_process(idle_seconds=0.2)
    assert started.pid is None
    model = model_of(started, provider)
    await model.complete(QUESTION, timeout=STARTS_IN_TIME)
    assert started.pid is not None
    await asyncio.to_thread(until, lambda: started.pid is None)
    assert "litellm" not in sys.modules


async def test_whoever_gives_up_while_it_starts_does_not_keep_it_from_starting(
    new_process: Callable[..., ProviderProcess], provider: Provider
) -> None:
    started = new_process()
    model = model_of(started, provider)
    with pytest.raises(ProviderTimeoutError):
        await model.complete(QUESTION, timeout=0.1)
    pid = started.pid
    assert pid is not None
    await model.complete(QUESTION, timeout=STARTS_IN_TIME)
    assert started.pid == pid
    assert len(provider.requests) == 1  # nobody waits for the first answer, so nobody pays for it


async def test_one_that_hangs_is_killed_one_that_is_killed_is_an_error_and_the_next_call_starts_another(
    new_process: Callable[..., ProviderProcess], provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "GRACE_SECONDS", 0.5)
    started = new_process()
    model = model_of(started, provider)
    await model.complete(QUESTION, timeout=STARTS_IN_TIME)
    hung = started.pid
    assert hung is not None
    os.kill(hung, signal.SIGSTOP)
    with pytest.raises(ProviderTimeoutError):
        await model.complete(QUESTION, timeout=0.1)
    await asyncio.to_thread(until, lambda: started.pid != hung)

    asked = len(provider.requests)
    provider.answer(hangs())
    call = asyncio.create_task(model.complete(QUESTION, timeout=STARTS_IN_TIME))
    await asyncio.to_thread(until, lambda: len(provider.requests) > asked)
    assert started.pid is not None
    os.kill(started.pid, signal.SIGKILL)
    with pytest.raises(ProviderUnavailableError) as caught:
        await call
    assert caught.value.retryable


async def test_closing_ends_it_and_what_is_under_way(
    new_process: Callable[..., ProviderProcess], provider: Provider
) -> None:
    started = new_process()
    model = model_of(started, provider)
    provider.answer(hangs())
    call = asyncio.create_task(model.complete(QUESTION, timeout=STARTS_IN_TIME))
    await asyncio.to_thread(until, lambda: len(provider.requests) == 1)
    await asyncio.to_thread(started.close)
    with pytest.raises(ProviderUnavailableError):
        await call
    with pytest.raises(ProviderUnavailableError):
        await model.complete(QUESTION)
    assert started.pid is None


async def test_a_call_that_nobody_waits_for_is_broken_off_at_the_provider(
    ask_model: Callable[..., LitellmModel], provider: Provider
) -> None:
    model = ask_model()
    await model.complete(QUESTION, timeout=STARTS_IN_TIME)
    provider.answer(trickles(0.01))
    call = asyncio.create_task(model.complete(QUESTION, timeout=STARTS_IN_TIME))
    await asyncio.to_thread(until, lambda: provider.under_way == 1)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    await asyncio.to_thread(until, lambda: provider.under_way == 0)


async def test_a_stream_that_nobody_reads_on_is_broken_off_at_the_provider(
    ask_model: Callable[..., LitellmModel], provider: Provider
) -> None:
    provider.answer(says("word " * 10_000).slowly(0.01))
    async with aclosing(ask_model().stream(QUESTION, timeout=STARTS_IN_TIME)) as stream:
        await anext(stream)
        assert provider.under_way == 1
    await asyncio.to_thread(until, lambda: provider.under_way == 0)


async def test_the_key_is_neither_in_its_arguments_nor_in_its_environment(
    ask_model: Callable[..., LitellmModel], provider_process: ProviderProcess
) -> None:
    await ask_model().complete(QUESTION, timeout=STARTS_IN_TIME)
    about = Path(f"/proc/{provider_process.pid}")
    assert b"memorybank_service.llm.child" in (about / "cmdline").read_bytes()
    assert KEY.encode() not in (about / "cmdline").read_bytes()
    assert KEY.encode() not in (about / "environ").read_bytes()


async def test_calls_one_after_the_other_share_their_connections(
    ask_model: Callable[..., LitellmModel], provider_process: ProviderProcess
) -> None:
    model = ask_model()
    await model.complete(QUESTION, timeout=STARTS_IN_TIME)
    before = open_files(provider_process)
    for seconds in range(20):
        await model.complete(QUESTION, timeout=STARTS_IN_TIME + seconds)
    assert open_files(provider_process) <= before + 2


def open_files(process: ProviderProcess) -> int:
    return len(os.listdir(f"/proc/{process.pid}/fd"))


def lines_of(file: Path) -> list[str]:
    return file.read_text().splitlines()


async def test_it_connects_to_nothing_but_the_provider(
    ask_model: Callable[..., LitellmModel], provider: Provider, connections: Path
) -> None:
    for llm_provider in ("openai", "claude", "google"):
        model = ask_model(llm_provider)
        provider.script(says("in Vienna"), refuses(500))
        await model.complete(QUESTION, timeout=STARTS_IN_TIME)
        with pytest.raises(ProviderUnavailableError):
            await model.complete(QUESTION, timeout=STARTS_IN_TIME)
    seen = lines_of(connections)
    assert "litellm was imported" in seen
    assert f"('127.0.0.1', {provider.port})" in seen
    elsewhere = {line for line in seen if not line.startswith("('127.0.0.1', ")} - {"litellm was imported"}
    assert elsewhere == set()
