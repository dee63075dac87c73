import os

import pytest

from memorybank_service.embedding import EmbeddingError
from memorybank_service.embedding.choice import chosen_embedding, open_embedder
from memorybank_service.embedding.local import LocalEmbedder
from memorybank_service.embedding.model_files import ModelFiles
from memorybank_service.embedding.remote import RemoteEmbedder
from memorybank_service.llm.process import ProviderProcess
from memorybank_service.settings import Settings, SettingsError, load_settings

OPENAI = {"OPENAI_API_KEY": "sk"}


def settings_of(variables: dict[str, str]) -> Settings:
    return load_settings({"HOME": os.environ["HOME"], "API_KEY": "k", **variables})


@pytest.mark.parametrize(
    ("variables", "recorded", "provider", "model"),
    [
        ({}, None, "local", None),
        (OPENAI, None, "openai", None),
        (OPENAI, "local/minilm", "local", "minilm"),
        ({}, "openai/text-embedding-3-large", "openai", "text-embedding-3-large"),
        ({"EMBEDDING_PROVIDER": "openai"}, "openai/text-embedding-3-large", "openai", "text-embedding-3-large"),
        ({"EMBEDDING_PROVIDER": "openai"}, "local/minilm", "openai", None),
        ({"EMBEDDING_PROVIDER": "local", **OPENAI}, "openai/text-embedding-3-large", "local", None),
        ({"EMBEDDING_MODEL": "mine"}, "openai/text-embedding-3-large", "openai", "mine"),
        ({"EMBEDDING_PROVIDER": "voyage", "EMBEDDING_MODEL": "org/v4"}, "voyage/org/v3", "voyage", "org/v4"),
    ],
)
def test_the_settings_come_first_then_the_data_then_the_keys(
    variables: dict[str, str], recorded: str | None, provider: str, model: str | None
) -> None:
    chosen = chosen_embedding(settings_of(variables), recorded)
    assert (chosen.provider, chosen.model) == (provider, model)


def test_opening_connects_to_nothing(model: ModelFiles) -> None:
    process = ProviderProcess()
    local = open_embedder(settings_of({}), None, 0, model, process)
    remote = open_embedder(settings_of(OPENAI), None, 0, model, process)
    assert isinstance(local, LocalEmbedder)
    assert isinstance(remote, RemoteEmbedder)
    assert (remote.name, remote.dimension) == ("openai/text-embedding-3-small", 1536)
    assert process.pid is None
    process.close()


def test_the_length_of_the_data_binds_their_own_model_alone(model: ModelFiles) -> None:
    process = ProviderProcess()
    variables = {**OPENAI, "EMBEDDING_MODEL": "mine"}
    same = open_embedder(settings_of(variables), "openai/mine", 77, model, process)
    other = open_embedder(settings_of(variables), "openai/another", 77, model, process)
    assert (same.dimension, other.dimension) == (77, 0)
    process.close()


def test_a_provider_without_a_default_wants_its_model_named(model: ModelFiles) -> None:
    process = ProviderProcess()
    settings = settings_of({"EMBEDDING_PROVIDER": "mistral", "MISTRAL_API_KEY": "sk"})
    with pytest.raises(SettingsError, match="EMBEDDING_MODEL: it is not set"):
        open_embedder(settings, "local/minilm", 384, model, process)
    assert open_embedder(settings, "mistral/theirs", 1024, model, process).name == "mistral/theirs"
    process.close()


def test_one_without_its_key_says_so_and_keeps_its_name(model: ModelFiles) -> None:
    process = ProviderProcess()
    embedder = open_embedder(settings_of({}), "openai/text-embedding-3-small", 1536, model, process)
    assert (embedder.name, embedder.dimension) == ("openai/text-embedding-3-small", 1536)
    with pytest.raises(EmbeddingError, match="EMBEDDING_PROVIDER is openai but OPENAI_API_KEY is not set"):
        embedder.embed(["Ada"])
    process.close()
