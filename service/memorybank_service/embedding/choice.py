"""Which embedding a tenant has: the one that the settings name, else that of its data, else what its keys allow."""

from dataclasses import replace

from memorybank_service.embedding import Embedder
from memorybank_service.embedding.model_files import ModelFiles
from memorybank_service.embedding.remote import RemoteEmbedder, UnconfiguredEmbedder
from memorybank_service.llm.endpoint import embedding_model, embeds_by_default
from memorybank_service.llm.process import ProviderProcess
from memorybank_service.settings import ModelSettings, Settings, SettingsError

LOCAL = "local"


def chosen_embedding(settings: Settings, recorded: str | None) -> ModelSettings:
    """`recorded`: the name that stands with the data, as `provider/model`; None: there are none yet."""
    chosen = settings.embedding
    if recorded is not None:
        provider, _, model = recorded.partition("/")
        if chosen.provider in (None, provider):
            return replace(chosen, provider=provider, model=chosen.model or model)
    if chosen.provider is not None:
        return chosen
    return replace(chosen, provider="openai" if "OPENAI_API_KEY" in settings.provider_keys else LOCAL)


def open_embedder(
    settings: Settings, recorded: str | None, dimension: int, files: ModelFiles, process: ProviderProcess
) -> Embedder:
    """`recorded` and `dimension` as they stand with the data, None and 0 where there are none. Connects to nothing.

    Raises SettingsError where no model is named: not before the data are known, which may name it.
    """
    chosen = chosen_embedding(settings, recorded)
    if chosen.provider == LOCAL:
        # Imported where it is needed: a tenant that asks a provider saves the memory of the runtime.
        from memorybank_service.embedding.local import LocalEmbedder

        return LocalEmbedder(files)
    if chosen.model is None and chosen.provider is not None and not embeds_by_default(chosen.provider):
        problem = f"it is not set, and there is no default for EMBEDDING_PROVIDER={chosen.provider}"
        raise SettingsError("EMBEDDING_MODEL", problem, "an embedding model of that provider, as it calls it")
    configuration = embedding_model(chosen, settings)
    dimension = dimension if configuration.name == recorded else 0
    if configuration.endpoint is None:
        return UnconfiguredEmbedder(configuration.name, dimension, configuration.missing or "")
    process.stay_for_searches()
    return RemoteEmbedder(configuration.endpoint, process, dimension=dimension)
