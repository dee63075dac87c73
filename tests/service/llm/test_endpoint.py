import pytest

from memorybank_service.llm.endpoint import embedding_model, language_model
from memorybank_service.llm.errors import NotConfiguredError
from memorybank_service.settings import load_settings

KEYS = {"OPENAI_API_KEY": "sk-o", "ANTHROPIC_API_KEY": "sk-a", "GOOGLE_API_KEY": "sk-g"}


@pytest.mark.parametrize(
    ("variables", "litellm_model", "key", "host"),
    [
        ({}, "anthropic/claude-haiku-4-5", "sk-a", "api.anthropic.com"),
        ({"LLM_PROVIDER": "claude"}, "anthropic/claude-haiku-4-5", "sk-a", "api.anthropic.com"),
        ({"LLM_PROVIDER": "anthropic"}, "anthropic/claude-haiku-4-5", "sk-a", "api.anthropic.com"),
        ({"LLM_PROVIDER": "openai"}, "openai/gpt-5.4-mini", "sk-o", "api.openai.com"),
        ({"LLM_PROVIDER": "openai", "LLM_MODEL": "gpt-5.5"}, "openai/gpt-5.5", "sk-o", "api.openai.com"),
        ({"LLM_PROVIDER": "google"}, "gemini/gemini-3.1-flash-lite", "sk-g", "generativelanguage.googleapis.com"),
        ({"LLM_MODEL": "anthropic/claude-opus-4-8"}, "anthropic/claude-opus-4-8", "sk-a", "api.anthropic.com"),
        ({"LLM_PROVIDER": "openai", "LLM_API_BASE": "http://llm:8080/v1"}, "openai/gpt-5.4-mini", "sk-o", "llm"),
        ({"LLM_PROVIDER": "groq", "LLM_MODEL": "llama-4", "GROQ_API_KEY": "gsk"}, "groq/llama-4", "gsk", None),
        (
            {"LLM_PROVIDER": "openrouter", "LLM_MODEL": "anthropic/claude-opus-4-8", "OPENROUTER_API_KEY": "or"},
            "openrouter/anthropic/claude-opus-4-8",
            "or",
            None,
        ),
    ],
)
def test_each_provider_has_its_prefix_its_key_and_its_host(
    variables: dict[str, str], litellm_model: str, key: str, host: str | None
) -> None:
    endpoint = language_model(load_settings({"API_KEY": "k", **KEYS, **variables})).require()
    assert (endpoint.litellm_model, endpoint.api_key, endpoint.host) == (litellm_model, key, host)
    assert key not in repr(endpoint)


@pytest.mark.parametrize(
    ("variables", "missing"),
    [
        ({}, "LLM_PROVIDER is claude but ANTHROPIC_API_KEY is not set"),
        ({"LLM_PROVIDER": "openai"}, "LLM_PROVIDER is openai but OPENAI_API_KEY is not set"),
        ({"LLM_PROVIDER": "groq"}, "LLM_PROVIDER is groq but LLM_MODEL is not set"),
        (
            {"LLM_PROVIDER": "ollama", "LLM_MODEL": "llama3"},
            "LLM_PROVIDER is ollama but OLLAMA_API_KEY is not set, nor is LLM_API_BASE",
        ),
    ],
)
def test_what_is_missing_is_a_sentence(variables: dict[str, str], missing: str) -> None:
    configuration = language_model(load_settings({"API_KEY": "k", **variables}))
    assert not configuration.configured
    assert configuration.missing == missing
    with pytest.raises(NotConfiguredError, match=missing) as caught:
        configuration.require()
    assert not caught.value.retryable


def test_an_endpoint_of_ones_own_needs_no_key() -> None:
    own = {"API_KEY": "k", "LLM_PROVIDER": "openai", "LLM_MODEL": "llama", "LLM_API_BASE": "http://llm:8080/v1"}
    assert language_model(load_settings(own)).require().api_key is None


@pytest.mark.parametrize(
    "base", ["https://gate.example.com", "https://gate.example.com/", "https://gate.example.com/v1"]
)
def test_the_version_in_a_base_of_anthropic_may_be_given_or_not(base: str) -> None:
    settings = load_settings({"API_KEY": "k", **KEYS, "LLM_API_BASE": base})
    assert language_model(settings).require().api_base == "https://gate.example.com"


def test_the_embedding_has_settings_of_its_own() -> None:
    given = {"LLM_API_BASE": "http://llm:8080", "EMBEDDING_PROVIDER": "openai"}
    settings = load_settings({"API_KEY": "k", **KEYS, **given})
    endpoint = embedding_model(settings.embedding, settings).require()
    assert (endpoint.name, endpoint.api_base) == ("openai/text-embedding-3-small", None)
