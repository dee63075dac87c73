from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from memorybank_service.llm.endpoint import language_model
from memorybank_service.llm.litellm_model import LitellmModel
from memorybank_service.llm.process import ProviderProcess
from memorybank_service.settings import load_settings
from tests.service.provider import Provider

KEY = "sk-a-key-that-nobody-may-see"


WATCH = """
import sys

def watch(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        line = arguments[1]
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        line = arguments[0]
    elif event == "import" and arguments[0] == "litellm":
        line = "litellm was imported"
    else:
        return
    with open({log!r}, "a") as log:
        print(line, file=log)

sys.addaudithook(watch)
"""


@pytest.fixture(scope="session")
def connections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A line for each connection that the shared process has made, from before its first import on."""
    folder = tmp_path_factory.mktemp("watched")
    (folder / "sitecustomize.py").write_text(WATCH.format(log=str(folder / "connections")))
    return folder / "connections"


@pytest.fixture(scope="session")
def provider_process(connections: Path) -> Iterator[ProviderProcess]:
    """Shared by the tests that leave it as it is: starting it takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(connections.parent))
        process = ProviderProcess()
    yield process
    process.close()


@pytest.fixture
def ask_model(provider_process: ProviderProcess, provider: Provider) -> Callable[..., LitellmModel]:
    """The model that the settings name, at the provider of the test."""

    def make(llm_provider: str = "openai", **variables: str) -> LitellmModel:
        base = provider.root_url if llm_provider in ("claude", "google") else provider.base_url
        keys = {"OPENAI_API_KEY": KEY, "ANTHROPIC_API_KEY": KEY, "GOOGLE_API_KEY": KEY}
        given = {"API_KEY": "k", "LLM_PROVIDER": llm_provider, "LLM_API_BASE": base, **keys, **variables}
        return LitellmModel(language_model(load_settings(given)).require(), provider_process)

    return make
