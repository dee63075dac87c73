"""Which embedding a tenant runs with, and what becomes of its memories when that changes: settings, provider, HTTP."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from memorybank_service.embedding.model_files import ModelFiles
from memorybank_service.memory.keeping import Draft
from memorybank_service.memory.recalling import Search
from memorybank_service.metrics import Metrics
from memorybank_service.settings import SettingsError, load_settings
from memorybank_service.store import Scope
from memorybank_service.tenant import Tenant
from tests.service.provider import Provider
from tests.service.waiting import until_so

TenantWith = Callable[..., Awaitable[Tenant]]


@pytest_asyncio.fixture
async def tenant_with(tmp_path: Path, model: ModelFiles, provider: Provider) -> AsyncIterator[TenantWith]:
    """Opens the tenant of the test's folder with these variables, after the one before has been closed."""
    opened: list[Tenant] = []

    async def open_one(**variables: str) -> Tenant:
        for tenant in opened:
            await tenant.close()
        own = {"API_KEY": "k", "CHROMA_DB_PATH": str(tmp_path), "EMBEDDING_API_BASE": provider.base_url}
        tenant = Tenant(load_settings({**os.environ, **own, **variables}), model, Metrics())
        opened.append(tenant)
        await tenant.open()
        return tenant

    yield open_one
    for tenant in opened:
        await tenant.close()


async def remember(tenant: Tenant) -> None:
    await tenant.bank.memories.add([Draft("Ada lives in Lisbon.", user_id="ada")])


async def degraded(tenant: Tenant) -> list[str]:
    found = await tenant.bank.recall.search(Search("Where does Ada live?", Scope("ada")))
    assert [one.memory.content for one in found.recollections] == ["Ada lives in Lisbon."]
    return list(found.degraded)


async def until_embedded(tenant: Tenant) -> None:
    async def embedded() -> bool:
        return await tenant.bank.embeddings.length() == 0 and tenant.bank.footing.vectors.of_the_data

    await until_so(embedded)


async def until_by_meaning(tenant: Tenant) -> None:
    """A search waits shortly for a provider, and on a busy machine not long enough."""

    async def answered() -> bool:
        return await degraded(tenant) == []

    await until_so(answered)


async def test_a_tenant_stays_with_what_its_data_were_embedded_with(tenant_with: TenantWith) -> None:
    await remember(await tenant_with())
    tenant = await tenant_with(OPENAI_API_KEY="sk-none")
    assert tenant.bank.footing.embedder.name.startswith("local/")
    assert await degraded(tenant) == []


@pytest.mark.parametrize("model", ["text-embedding-3-small", "small"])
async def test_a_new_tenant_with_a_provider_s_key_is_embedded_by_the_provider(
    tenant_with: TenantWith, model: str
) -> None:
    tenant = await tenant_with(OPENAI_API_KEY="sk-none", EMBEDDING_MODEL=model)
    await remember(tenant)
    await until_embedded(tenant)
    assert tenant.bank.footing.store.space == f"openai/{model}"
    await until_by_meaning(tenant)
    await until_by_meaning(await tenant_with(OPENAI_API_KEY="sk-none"))  # the model stands with the data


async def test_another_embedding_starts_and_takes_over_when_everything_is_embedded_anew(
    tenant_with: TenantWith,
) -> None:
    await remember(await tenant_with())
    tenant = await tenant_with(OPENAI_API_KEY="sk-none", EMBEDDING_PROVIDER="openai", EMBEDDING_MODEL="small")
    [sentence] = await degraded(tenant)
    assert "/v1/reembed" in sentence
    await tenant.bank.reembedding.begin()
    await until_embedded(tenant)
    await until_by_meaning(tenant)


async def test_an_embedding_without_its_key_says_what_is_missing(tenant_with: TenantWith) -> None:
    configured = {"EMBEDDING_PROVIDER": "openai", "EMBEDDING_MODEL": "text-embedding-3-small"}
    tenant = await tenant_with(**configured, EMBEDDING_API_BASE="")  # OpenAI itself, which wants a key
    await remember(tenant)

    async def tells() -> bool:
        return any("OPENAI_API_KEY" in sentence for sentence in await degraded(tenant))

    await until_so(tells)
    tenant = await tenant_with(OPENAI_API_KEY="sk-none", **configured)
    await until_embedded(tenant)
    await until_by_meaning(tenant)


async def test_a_provider_without_a_model_ends_the_start_unless_the_data_name_it(tenant_with: TenantWith) -> None:
    with pytest.raises(SettingsError, match=r"^EMBEDDING_MODEL: .*EMBEDDING_PROVIDER=mistral; allowed: "):
        await tenant_with(EMBEDDING_PROVIDER="mistral")
    await remember(await tenant_with(EMBEDDING_PROVIDER="mistral", EMBEDDING_MODEL="mistral-embed"))
    tenant = await tenant_with(EMBEDDING_PROVIDER="mistral")
    assert tenant.bank.footing.embedder.name == "mistral/mistral-embed"


async def test_what_asks_the_provider_is_started_with_the_tenant(tenant_with: TenantWith) -> None:
    tenant = await tenant_with(EMBEDDING_PROVIDER="openai", EMBEDDING_MODEL="small", OPENAI_API_KEY="sk-none")

    async def answered() -> bool:
        return tenant.providers.warm

    await until_so(answered)
