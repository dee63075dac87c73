"""The bench's own hands on the API server: it makes tenants and volumes, counts, and notes when things change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from time import perf_counter
from types import TracebackType
from typing import Any, Self

import aiohttp
import msgspec

from memorybank_operator.kinds import (
    DEPLOYMENT,
    INGRESS,
    NETWORK_POLICY,
    SECRET,
    SERVICE,
    SERVICE_ACCOUNT,
    TENANT,
    VOLUME_CLAIM,
    Kind,
)
from memorybank_operator.kubeconfig import Connection

Manifest = dict[str, Any]

AT_ONCE = 16
NAMESPACE = "customers"
CHILDREN: dict[Kind, int] = {
    SECRET: 2,
    SERVICE_ACCOUNT: 1,
    NETWORK_POLICY: 1,
    VOLUME_CLAIM: 1,
    SERVICE: 1,
    DEPLOYMENT: 1,
    INGRESS: 1,
}
"""How many of each kind a tenant of the bench has."""
OF_A_TENANT = sum(CHILDREN.values())


class Hands:
    """A client of the API server, as an asynchronous context."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(ssl=self._connection.ssl_context() or False, limit=64)
        self._session = aiohttp.ClientSession(connector=connector)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def call(self, method: str, path: str, body: Any = None, content: str = "application/json") -> Manifest:
        data = None if body is None else msgspec.json.encode(body)
        headers = {"Content-Type": content}
        async with self._session.request(method, self._connection.server + path, data=data, headers=headers) as answer:
            text = await answer.read()
            if answer.status >= 400:
                raise RuntimeError(f"{method} {path}: {answer.status} {text.decode(errors='replace')}")
            found: Manifest = msgspec.json.decode(text)
            return found

    async def get(self, kind: Kind, name: str) -> Manifest:
        return await self.call("GET", kind.path(NAMESPACE, name))

    async def create(self, kind: Kind, manifest: Manifest) -> Manifest:
        return await self.call("POST", kind.path(NAMESPACE), manifest)

    async def merge(self, kind: Kind, name: str, patch: Manifest) -> Manifest:
        path = kind.path(NAMESPACE, name) + "?fieldManager=bench"
        return await self.call("PATCH", path, patch, "application/merge-patch+json")

    async def delete(self, kind: Kind, name: str) -> None:
        await self.call("DELETE", kind.path(NAMESPACE, name))

    async def count(self, kind: Kind) -> int:
        """How many there are, for the price of one."""
        found = await self.call("GET", f"{kind.path(NAMESPACE)}?limit=1")
        return len(found["items"]) + int(found["metadata"].get("remainingItemCount", 0))

    async def all_there(self, tenants: int, seconds: float = 600.0) -> None:
        """Return when all children of so many tenants are."""
        missing = list(CHILDREN)
        async with asyncio.timeout(seconds):
            while missing:
                # The namespace's own service account stands among the tenants'.
                wanted = CHILDREN[missing[0]] * tenants + (missing[0] is SERVICE_ACCOUNT)
                if await self.count(missing[0]) >= wanted:
                    del missing[0]
                else:
                    await asyncio.sleep(0.1)

    async def all_ready(self, tenants: int, seconds: float = 600.0) -> None:
        """Return when so many tenants are Ready."""
        async with asyncio.timeout(seconds):
            while True:
                found = await self.call("GET", TENANT.path(NAMESPACE))
                if sum(is_ready(tenant) for tenant in found["items"]) >= tenants:
                    return
                await asyncio.sleep(2.0)

    async def all_deployed(self, tenants: int, seconds: float = 600.0) -> None:
        """Return when so many Deployments have their pod, and no other."""
        async with asyncio.timeout(seconds):
            while True:
                found = await self.call("GET", DEPLOYMENT.path(NAMESPACE))
                if sum(is_rolled_out(item) for item in found["items"]) >= tenants:
                    return
                await asyncio.sleep(2.0)

    def watching(self, kind: Kind) -> Watch:
        return Watch(self._session, self._connection.server, kind)


class Watch:
    """Every state of the objects of one kind that is told from now on, as an asynchronous context."""

    def __init__(self, session: aiohttp.ClientSession, server: str, kind: Kind) -> None:
        self._session = session
        self._url = server + kind.path(NAMESPACE)
        self._seen: asyncio.Queue[tuple[float, str, Manifest]] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        async with self._session.get(f"{self._url}?limit=1") as answer:
            since = msgspec.json.decode(await answer.read())["metadata"]["resourceVersion"]
        self._task = asyncio.create_task(self._follow(since))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def moment(self, what: str, holds: Callable[[str, Manifest], bool], since: float) -> float:
        """The seconds from `since` until something was told of which `holds` holds."""
        try:
            async with asyncio.timeout(60):
                while True:
                    at, event, state = await self._seen.get()
                    if at > since and holds(event, state):
                        return at - since
        except TimeoutError as error:
            raise TimeoutError(f"{what}: not within a minute") from error

    async def _follow(self, since: str) -> None:
        url = f"{self._url}?watch=true&resourceVersion={since}"
        timeout = aiohttp.ClientTimeout(total=None)
        async with self._session.get(url, timeout=timeout, read_bufsize=2**20) as answer:
            async for line in answer.content:
                event = msgspec.json.decode(line)
                self._seen.put_nowait((perf_counter(), event["type"], event["object"]))


def is_ready(tenant: Manifest) -> bool:
    told = tenant.get("status", {}).get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in told)


def is_rolled_out(deployment: Manifest) -> bool:
    """Whether its only pod is one of its newest template, and ready."""
    status = deployment.get("status", {})
    newest: bool = status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
    return newest and all(status.get(field, 0) == 1 for field in ("replicas", "updatedReplicas", "readyReplicas"))


async def all_of(works: Iterable[Any]) -> None:
    """Await them, a few at a time."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(work: Any) -> None:
        async with slots:
            await work

    await asyncio.gather(*(one(work) for work in works))
