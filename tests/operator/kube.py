"""The tests' own hands on the API server: plain requests, under a field manager that is not the operator's."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncGenerator, Callable
from types import TracebackType
from typing import Any, Self

import aiohttp
import msgspec

from memorybank_operator.api.names import TENANT_LABEL
from memorybank_operator.kinds import DEPLOYMENT, POD, TENANT, VOLUME_CLAIM, Kind
from memorybank_operator.kubeconfig import Connection

Manifest = dict[str, Any]
_names = itertools.count(1)
SECONDS = 20
COLLECTION_SECONDS = 60
"""The garbage collector looks for new kinds of owners every 30 s, so for so long it may not know of ours."""


class Answer(Exception):  # noqa: N818 (an answer that a test may expect)
    """The API server refused."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Kube:
    """Requests to the API server, and waiting for what one expects, by watches."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        self._connector = aiohttp.TCPConnector(ssl=self._connection.ssl_context() or False)
        self._session = aiohttp.ClientSession(connector=self._connector)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Else a TLS connection would outlive the loop.
        await self._connector.close(abort_ssl=True)
        await self._session.close()

    async def call(self, method: str, path: str, body: Any = None, content: str = "application/json") -> Manifest:
        data = None if body is None else msgspec.json.encode(body)
        headers = {**self._connection.headers(), "Content-Type": content}
        async with self._session.request(
            method, self._connection.server + path, data=data, headers=headers
        ) as response:
            text = await response.read()
            if response.status >= 400:
                told = msgspec.json.decode(text)["message"] if text.startswith(b"{") else text.decode()
                raise Answer(response.status, told)
            answer: Manifest = msgspec.json.decode(text)
            return answer

    async def create(self, kind: Kind, namespace: str, name: str, **parts: Any) -> Manifest:
        metadata = {"name": name, "namespace": namespace, **parts.pop("metadata", {})}
        body = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, **parts}
        return await self.call("POST", kind.path(namespace) + "?fieldManager=test&fieldValidation=Strict", body)

    async def get(self, kind: Kind, namespace: str, name: str) -> Manifest:
        return await self.call("GET", kind.path(namespace, name))

    async def list(self, kind: Kind, namespace: str) -> list[Manifest]:
        found = await self.call("GET", kind.path(namespace))
        items: list[Manifest] = found["items"]
        return items

    async def merge(self, kind: Kind, namespace: str, name: str, patch: Manifest, subresource: str = "") -> Manifest:
        path = kind.path(namespace, name, subresource) + "?fieldManager=test"
        return await self.call("PATCH", path, patch, "application/merge-patch+json")

    async def edit(self, kind: Kind, namespace: str, name: str, *operations: Manifest) -> Manifest:
        """A JSON patch."""
        path = kind.path(namespace, name) + "?fieldManager=test"
        return await self.call("PATCH", path, list(operations), "application/json-patch+json")

    async def delete(self, kind: Kind, namespace: str, name: str) -> None:
        await self.call("DELETE", kind.path(namespace, name))

    async def until(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        holds: Callable[[Manifest | None], Any],
        seconds: float = SECONDS,
    ) -> Manifest:
        """The object as soon as the condition holds for it; for None, which stands for its absence."""
        last: Manifest | None = None
        try:
            async with asyncio.timeout(seconds), contextlib.aclosing(self._states(kind, namespace, name)) as states:
                async for last in states:
                    if holds(last):
                        return last or {}
        except TimeoutError as error:
            raise AssertionError(f"{kind.kind} {namespace}/{name} did not come to what was expected: {last}") from error
        raise AssertionError(f"the watch on {kind.kind} {namespace}/{name} ended")

    async def until_gone(self, kind: Kind, namespace: str, name: str) -> None:
        await self.until(kind, namespace, name, lambda found: found is None, COLLECTION_SECONDS)

    async def _states(self, kind: Kind, namespace: str, name: str) -> AsyncGenerator[Manifest | None, None]:
        selected = f"fieldSelector=metadata.name={name}"
        listed = await self.call("GET", f"{kind.path(namespace)}?{selected}")
        yield listed["items"][0] if listed["items"] else None
        since = listed["metadata"]["resourceVersion"]
        url = f"{self._connection.server}{kind.path(namespace)}?watch=true&{selected}&resourceVersion={since}"
        async with self._session.get(url, headers=self._connection.headers()) as response:
            try:
                async for line in response.content:
                    event = msgspec.json.decode(line)
                    yield None if event["type"] == "DELETED" else event["object"]
            finally:
                # A polite farewell by TLS would outlive the loop.
                if response.connection is not None and response.connection.transport is not None:
                    response.connection.transport.abort()

    # --- what tests do again and again

    async def namespace(self) -> str:
        """A new namespace, with what every namespace has."""
        name = await self.new_namespace()
        service_account = Kind("", "v1", "ServiceAccount", "serviceaccounts")
        await self.until(service_account, name, "default", lambda found: found)
        return name

    async def new_namespace(self) -> str:
        """A new namespace, to which the controllers are still to come."""
        name = f"customers-{next(_names)}"
        await self.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        return name

    async def tenant(self, namespace: str, name: str = "customer1", **spec: Any) -> Manifest:
        return await self.create(TENANT, namespace, name, spec=spec)

    async def change(self, namespace: str, name: str = "customer1", **spec: Any) -> Manifest:
        return await self.merge(TENANT, namespace, name, {"spec": spec})

    async def condition(
        self, namespace: str, kind: str, status: str, name: str = "customer1", reason: str = ""
    ) -> Manifest:
        """The tenant, as soon as a condition has a status (and a reason)."""

        def holds(found: Manifest | None) -> bool:
            told = condition_of(found, kind)
            return told is not None and told["status"] == status and reason in ("", told["reason"])

        return await self.until(TENANT, namespace, name, holds)

    async def observed(self, tenant: Manifest) -> Manifest:
        """The tenant, as soon as the operator has acted on this generation of it."""
        metadata = tenant["metadata"]
        return await self.until(
            TENANT,
            metadata["namespace"],
            metadata["name"],
            lambda found: found and found.get("status", {}).get("observedGeneration", 0) >= metadata["generation"],
        )

    async def play_node(self, namespace: str, name: str = "customer1", capacity: str = "10Gi") -> None:
        """What there is where there are nodes: a volume for the claim, and a pod that says it is ready."""
        await self.volume(namespace, name, capacity)
        deployment = await self.until(DEPLOYMENT, namespace, name, lambda found: found)
        if deployment["spec"]["replicas"]:
            await self.ready_pod(namespace, name)

    async def volume(
        self, namespace: str, name: str = "customer1", capacity: str = "10Gi", storage_class: str = ""
    ) -> None:
        """A volume that is bound to the tenant's claim."""
        volume = {
            "metadata": {"name": f"{namespace}-{name}"},
            "spec": {
                "capacity": {"storage": capacity},
                "accessModes": ["ReadWriteOncePod"],
                "claimRef": {"namespace": namespace, "name": name},
                "storageClassName": storage_class,
                "hostPath": {"path": "/nowhere"},
            },
        }
        await self.call("POST", "/api/v1/persistentvolumes", volume)
        await self.merge(VOLUME_CLAIM, namespace, name, {"spec": {"volumeName": f"{namespace}-{name}"}})
        await self.until(
            VOLUME_CLAIM, namespace, name, lambda found: found and found.get("status", {}).get("phase") == "Bound"
        )

    async def ready_pod(self, namespace: str, name: str = "customer1") -> None:
        """The tenant's pod, reporting that it is ready."""
        pod = await self.pod(namespace, name)
        status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
        await self.merge(POD, namespace, pod["metadata"]["name"], {"status": status}, "status")

    async def bind(self, pod: Manifest, node: str = "node0") -> None:
        """Give a pod to a node, once the scheduler has found none: else it may say so of a pod that has one."""
        metadata = pod["metadata"]
        await self.until(POD, metadata["namespace"], metadata["name"], _has_no_node)
        target = {"apiVersion": "v1", "kind": "Node", "name": node}
        binding = {"metadata": {"name": metadata["name"]}, "target": target}
        await self.call("POST", POD.path(metadata["namespace"], metadata["name"], "binding"), binding)

    async def end(self, pod: Manifest) -> None:
        """Take a pod away whose containers have ended, as its kubelet does."""
        metadata = pod["metadata"]
        await self.call("DELETE", f"{POD.path(metadata['namespace'], metadata['name'])}?gracePeriodSeconds=0")

    async def pod(self, namespace: str, name: str = "customer1") -> Manifest:
        """The tenant's pod, as soon as there is one."""
        async with asyncio.timeout(SECONDS):
            while True:
                for pod in await self.list(POD, namespace):
                    labels = pod["metadata"]["labels"]
                    of_tenant = (labels.get(TENANT_LABEL), labels["app.kubernetes.io/component"]) == (name, "tenant")
                    if of_tenant and "deletionTimestamp" not in pod["metadata"]:
                        return pod
                await asyncio.sleep(0.02)


def _has_no_node(pod: Manifest | None) -> bool:
    return (condition_of(pod, "PodScheduled") or {}).get("status") == "False"


def condition_of(tenant: Manifest | None, kind: str) -> Manifest | None:
    conditions = (tenant or {}).get("status", {}).get("conditions", [])
    return next((condition for condition in conditions if condition["type"] == kind), None)
