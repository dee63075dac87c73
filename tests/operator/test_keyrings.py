"""When a tenant's Secrets are read again."""

import datetime
from typing import Any

import msgspec
import pytest

from memorybank_operator import keys
from memorybank_operator.api.status import Problem, Reason
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.cluster import Cluster
from memorybank_operator.keyrings import Keyrings
from memorybank_operator.keys import Keyring
from memorybank_operator.kubeconfig import Connection
from memorybank_operator.seen import TenantKey

KEY = TenantKey("customers", "customer1")
NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
TENANT = msgspec.convert(
    {
        "metadata": {
            "name": KEY.name,
            "namespace": KEY.namespace,
            "uid": "u",
            "generation": 1,
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": {"hostname": "customer1.example.com"},
    },
    Tenant,
)


class Secrets:
    """Counts how often they are read, and answers with what it was given."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reads = 0
        self.answer = Keyring()
        self.meanwhile: list[TenantKey] = []
        self.keyrings = Keyrings(Cluster(Connection("http://127.0.0.1:1")))
        monkeypatch.setattr(keys, "ensure", self._ensure)

    async def _ensure(self, *_: Any) -> Keyring:
        self.reads += 1
        for key in self.meanwhile:
            self.keyrings.forget(key)
        return self.answer

    async def look(self, seconds: float = 0) -> int:
        await self.keyrings.of(KEY, TENANT, NOW + datetime.timedelta(seconds=seconds))
        return self.reads


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> Secrets:
    return Secrets(monkeypatch)


async def test_what_was_read_is_known_until_it_is_forgotten(secrets: Secrets) -> None:
    assert KEY not in secrets.keyrings
    assert [await secrets.look(), await secrets.look()] == [1, 1]
    assert KEY in secrets.keyrings
    secrets.keyrings.forget(KEY)
    assert [await secrets.look(), await secrets.look()] == [2, 2]
    secrets.keyrings.part(KEY)
    assert secrets.keyrings.known(KEY) == Keyring()
    assert await secrets.look() == 3


async def test_what_is_forgotten_while_it_is_read_is_read_once_more(secrets: Secrets) -> None:
    secrets.meanwhile = [KEY]
    assert await secrets.look() == 1
    secrets.meanwhile = []
    assert [await secrets.look(), await secrets.look()] == [2, 2]


async def test_a_key_that_is_due_is_looked_at_then(secrets: Secrets) -> None:
    secrets.answer = Keyring(due="2026-01-01T00:00:10Z")
    assert [await secrets.look(), await secrets.look(9), await secrets.look(10)] == [1, 1, 2]


async def test_what_was_amiss_is_looked_at_again(secrets: Secrets) -> None:
    secrets.answer = Keyring(problems=(Problem(Reason.NAME_TAKEN, "It is somebody else's."),))
    assert [await secrets.look(), await secrets.look()] == [1, 2]
