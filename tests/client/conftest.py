"""A real memory service for the clients to speak to, and both clients in one form."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from memorybank import MemoryBankClient
from tests.client.both import KINDS, Kind
from tests.service.running import KEY, running


@dataclass(frozen=True)
class Service:
    url: str
    key: str


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("service")) as process:
        yield Service(str(process.ready().base_url).rstrip("/"), KEY)


Connect = Callable[..., MemoryBankClient]
"""Makes a client, with the arguments of both; it is closed when the test ends."""


@pytest.fixture(params=KINDS)
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """Each test that takes it runs twice: with the synchronous client, and with the asynchronous one in its place."""
    kind: Kind = request.param
    with ExitStack() as open_clients:
        yield lambda *arguments, **named: open_clients.enter_context(kind(*arguments, **named))


@pytest.fixture
def bank(connect: Connect, service: Service) -> MemoryBankClient:
    """A client of the real service."""
    return connect(service.url, service.key)


@pytest.fixture
def user() -> str:
    """A user with no memories."""
    return f"user-{uuid.uuid4()}"
