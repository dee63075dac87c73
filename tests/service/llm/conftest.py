from collections.abc import Callable

import pytest

from memorybank_service.llm.endpoint import language_model
from memorybank_service.llm.litellm_model import LitellmModel
from memorybank_service.llm.process import ProviderProcess
from memorybank_service.settings import load_settings
from tests.service.provider import Provider

KEY = "sk-a-key-that-nobody-may-see"


@pytest.fixture
def ask_model(provider_process: ProviderProcess, provider: Provider) -> Callable[..., LitellmModel]:
    """The model that the settings name, at the provider of the test."""

    def make(llm_provider: str = "openai", **variables: str) -> LitellmModel:
        base = provider.root_url if llm_provider in ("claude", "google") else provider.base_url
        keys = {"OPENAI_API_KEY": KEY, "ANTHROPIC_API_KEY": KEY, "GOOGLE_API_KEY": KEY}
        given = {"API_KEY": "k", "LLM_PROVIDER": llm_provider, "LLM_API_BASE": base, **keys, **variables}
        return LitellmModel(language_model(load_settings(given)).require(), provider_process)

    return make
