"""Which model of which provider is asked, where, and with which key; or what is missing for that."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from memorybank_service.llm.errors import NotConfiguredError
from memorybank_service.settings import ModelSettings, Settings, key_variable

_PREFIXES = {"claude": "anthropic", "google": "gemini"}
"""What litellm calls a provider where that is another word than the settings'."""

_HOSTS = {
    "anthropic": "api.anthropic.com",
    "openai": "api.openai.com",
    "gemini": "generativelanguage.googleapis.com",
}
"""Nothing else is connected to where no other base is given."""

_LANGUAGE_MODELS = {
    "anthropic": "claude-haiku-4-5",
    "openai": "gpt-5.4-mini",
    "gemini": "gemini-3.1-flash-lite",
}
_EMBEDDING_MODELS = {"openai": "text-embedding-3-small", "gemini": "gemini-embedding-001"}


@dataclass(frozen=True)
class Endpoint:
    provider: str
    """As the settings call it."""
    model: str
    """As the provider calls it."""
    prefix: str
    """As litellm calls the provider."""
    api_base: str | None = field(repr=False)
    api_key: str | None = field(repr=False)
    host: str | None
    """The only one that may be connected to; None: whichever litellm knows for the provider."""

    @property
    def name(self) -> str:
        return f"{self.provider}/{self.model}"

    @property
    def litellm_model(self) -> str:
        return f"{self.prefix}/{self.model}"

    def with_model(self, model: str) -> "Endpoint":
        """Another model of the same provider."""
        return replace(self, model=_without_prefix(model, self.provider, self.prefix))


@dataclass(frozen=True)
class Configuration:
    name: str
    """As `provider/model`, as far as it is known."""
    endpoint: Endpoint | None
    missing: str | None
    """A sentence, where there is no endpoint."""

    @property
    def configured(self) -> bool:
        return self.endpoint is not None

    def require(self) -> Endpoint:
        """Raises NotConfiguredError."""
        if self.endpoint is None:
            raise NotConfiguredError(self.missing or "no model is configured")
        return self.endpoint


def language_model(settings: Settings) -> Configuration:
    return _configuration("LLM", settings.llm, _LANGUAGE_MODELS, settings.provider_keys)


def embedding_model(chosen: ModelSettings, settings: Settings) -> Configuration:
    """Of a provider that is asked over the network: not for `local`."""
    return _configuration("EMBEDDING", chosen, _EMBEDDING_MODELS, settings.provider_keys)


def embeds_by_default(provider: str) -> bool:
    """Whether a model of it is taken where none is named."""
    return _PREFIXES.get(provider, provider) in _EMBEDDING_MODELS


def _configuration(
    role: str, chosen: ModelSettings, models: Mapping[str, str], keys: Mapping[str, str]
) -> Configuration:
    """`role` begins the names of the variables."""
    provider, base = chosen.provider, chosen.api_base
    if provider is None:
        return Configuration("", None, f"{role}_PROVIDER is not set")
    prefix = _PREFIXES.get(provider, provider)
    model = chosen.model or models.get(prefix)
    if model is None:
        return Configuration(f"{provider}/", None, f"{role}_PROVIDER is {provider} but {role}_MODEL is not set")
    model = _without_prefix(model, provider, prefix)
    name = f"{provider}/{model}"
    variable = key_variable(provider)
    key = keys.get(variable)
    if key is None and base is None:
        known = prefix in _HOSTS
        base_too = "" if known else f", nor is {role}_API_BASE"
        return Configuration(name, None, f"{role}_PROVIDER is {provider} but {variable} is not set{base_too}")
    return Configuration(
        name,
        Endpoint(
            provider=provider,
            model=model,
            prefix=prefix,
            api_base=_base(prefix, base),
            api_key=key,
            host=_HOSTS.get(prefix) if base is None else urlsplit(base).hostname,
        ),
        None,
    )


def _without_prefix(model: str, provider: str, prefix: str) -> str:
    return model.removeprefix(f"{prefix}/").removeprefix(f"{provider}/")


def _base(prefix: str, base: str | None) -> str | None:
    """Anthropic's version belongs to the paths that litellm adds; others count it to the base."""
    if base is None:
        return None
    base = base.rstrip("/")
    return base.removesuffix("/v1") if prefix == "anthropic" else base
