"""The real parts, in this process: the model that `make setup` made, a store in a folder of the test's own."""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from memorybank_service.embedding.local import LocalEmbedder
from memorybank_service.embedding.model_files import ModelFiles, find_model
from memorybank_service.http.access import KeyRing
from memorybank_service.http.app import create_app
from memorybank_service.llm.process import ProviderProcess
from memorybank_service.metrics import Metrics
from memorybank_service.settings import Settings, load_settings
from memorybank_service.store.sqlite_store import SqliteStore
from memorybank_service.tenant import Tenant
from tests.service.manual_clock import ManualClock
from tests.service.provider import Provider, running_provider
from tests.service.watched_process import watched_process

KEY = "a-key-of-the-tests"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def provider() -> Iterator[Provider]:
    """A model provider on loopback that does what the test tells it."""
    with running_provider() as provider:
        yield provider


@pytest.fixture(scope="session")
def connections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the shared process that asks providers leaves a line for each connection that it makes."""
    return tmp_path_factory.mktemp("watched") / "connections"


@pytest.fixture(scope="session")
def provider_process(connections: Path) -> Iterator[ProviderProcess]:
    """Shared by the tests that leave it as it is: starting it takes seconds."""
    with watched_process(connections) as process:
        yield process


@pytest.fixture(scope="session")
def model() -> ModelFiles:
    return find_model(load_settings({**os.environ, "API_KEY": KEY}).model_directory)


@pytest.fixture(scope="session")
def embedder(model: ModelFiles) -> LocalEmbedder:
    return LocalEmbedder(model)


@pytest.fixture
def open_store(tmp_path: Path, embedder: LocalEmbedder) -> Iterator[Callable[..., SqliteStore]]:
    """Opens a store in the test's folder; what the test leaves open is closed."""
    opened: list[SqliteStore] = []

    def open_one(**options: int) -> SqliteStore:
        tmp_path.mkdir(exist_ok=True)
        opened.append(SqliteStore(tmp_path, embedder.name, embedder.dimension, **options))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({**os.environ, "API_KEY": KEY, "CHROMA_DB_PATH": str(tmp_path), "RATE_LIMIT_RPS": "0"})


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest_asyncio.fixture
async def tenant(settings: Settings, model: ModelFiles, metrics: Metrics, clock: ManualClock) -> AsyncIterator[Tenant]:
    tenant = Tenant(settings, model, metrics, clock)
    await tenant.open()
    yield tenant
    await tenant.close()


@pytest_asyncio.fixture
async def client(
    settings: Settings, tenant: Tenant, metrics: Metrics, clock: ManualClock
) -> AsyncIterator[httpx.AsyncClient]:
    """The whole application without a network, with the key already in its headers."""
    app = create_app(tenant, KeyRing(settings, clock), metrics)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://tenant", headers=headers) as client:
        yield client
