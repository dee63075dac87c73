"""Following a kind over what an API server does rarely: lists in pages, and a store that is of an earlier day."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from memorybank_operator import reflector
from memorybank_operator.answers import ApiError
from memorybank_operator.cluster import Cluster
from memorybank_operator.handlers import Operator
from memorybank_operator.kinds import TENANT, Kind
from memorybank_operator.kubeconfig import Connection
from memorybank_operator.objects import Page
from memorybank_operator.reflector import WentBack
from memorybank_operator.seen import TenantKey
from memorybank_operator.settings import Settings
from memorybank_operator.watching import Event

from .conftest import Start
from .kube import Kube


async def test_a_list_of_several_pages_is_one_list(
    kube: Kube, namespace: str, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reflector, "PAGE", 2)
    names = [f"customer{number}" for number in range(5)]
    for name in names:
        await kube.tenant(namespace, name, paused=True)
    async with start() as operator:
        assert {tenant.name for tenant in operator.seen.tenants()} == set(names)


class Restored(Cluster):
    """An API server whose store, from some moment on, is that of an earlier day."""

    back = False

    async def page(self, kind: Kind, *arguments: Any, **named: Any) -> Page:
        found = await super().page(kind, *arguments, **named)
        if self.back and kind is TENANT:
            found.metadata.resourceVersion = "1"
        return found

    async def watch(self, kind: Kind, *arguments: Any, **named: Any) -> AsyncGenerator[Event, None]:
        async with contextlib.aclosing(super().watch(kind, *arguments, **named)) as told:
            async for event in told:
                if self.back and kind is TENANT:
                    raise ApiError(504, "Timeout", "Too large resource version: 1000, current: 1")
                yield event


async def test_an_operator_ends_when_the_cluster_is_of_an_earlier_day(
    kube: Kube, connection: Connection, namespace: str
) -> None:
    async with Restored(connection) as cluster:
        operator = Operator(cluster, Settings(watch_namespaces=(namespace,)))
        running = asyncio.create_task(operator.run(asyncio.Event()))
        await operator.synced.wait()
        cluster.back = True
        await kube.tenant(namespace, paused=True)
        with pytest.raises(WentBack, match="memorybanktenants are at version 1"):
            await asyncio.wait_for(running, 20)


async def test_what_is_deleted_is_forgotten_without_a_list(kube: Kube, namespace: str, start: Start) -> None:
    await kube.tenant(namespace, paused=True)
    async with start() as operator:
        key = TenantKey(namespace, "customer1")
        assert operator.seen.tenant(key) is not None
        await kube.delete(TENANT, namespace, "customer1")
        async with asyncio.timeout(20):
            while operator.seen.tenant(key) is not None:  # noqa: ASYNC110 (a watch tells)
                await asyncio.sleep(0.01)
