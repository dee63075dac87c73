"""No operator at all: its requests and its watches, and nothing in between. What no change of the operator's own saves.

The same client sends what ours sends for a tenant, as text in which a name was replaced; what the watches tell is read
as ours reads it. Nothing is rendered, compared, queued, observed or kept.
"""

from __future__ import annotations

import asyncio
import gc
from typing import Any, Final

import msgspec
import uvloop

from memorybank_operator.__main__ import GARBAGE_THRESHOLD
from memorybank_operator.api.names import CHILD_SELECTOR, FIELD_MANAGER
from memorybank_operator.api.status import ConditionType
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.cluster import Cluster
from memorybank_operator.desired import Context, children, secrets
from memorybank_operator.kinds import DEPLOYMENT, EVENT, OPTIONAL, SECRET, TENANT, WATCHED, Kind
from memorybank_operator.kubeconfig import connect
from memorybank_operator.objects import Object
from memorybank_operator.reflector import Reflector
from memorybank_operator.settings import Settings

NAME: Final = "tenant-of-nobody"
UID: Final = "00000000-0000-0000-0000-000000000000"
NAMESPACE: Final = "customers"
MOMENT: Final = "2026-01-01T00:00:00Z"
READY: Final = b'"readyReplicas":1'


def _text(manifest: Any) -> bytes:
    return msgspec.json.encode(manifest)


def _children() -> list[tuple[Kind, bytes]]:
    metadata = {"name": NAME, "namespace": NAMESPACE, "uid": UID, "generation": 1, "creationTimestamp": MOMENT}
    spec = {"hostname": f"{NAME}.example.com", "storage": {"size": "20Gi"}}
    tenant = msgspec.convert({"metadata": metadata, "spec": spec, "status": {}}, Tenant)
    key = secrets.new_key()
    file = secrets.access_file(tenant, {secrets.DEFAULT_KEY.name: secrets.digest(key)})
    made = [secrets.key_secret(tenant, secrets.DEFAULT_KEY, key), secrets.access_manifest(tenant, file)]
    rendered = children(tenant, Context(settings=Settings(), image="registry.example/memorybank:v1"))
    return [
        *((SECRET, _text(manifest)) for manifest in made),
        *((kind, _text(manifest)) for kind, manifest in rendered.items() if manifest is not None),
    ]


def _event(number: int) -> bytes:
    return _text(
        {
            "apiVersion": EVENT.api_version,
            "kind": EVENT.kind,
            "metadata": {"name": f"{NAME}.{number}", "namespace": NAMESPACE},
            "involvedObject": {"kind": TENANT.kind, "name": NAME, "namespace": NAMESPACE, "uid": UID},
            "type": "Normal",
            "reason": "Ready",
            "message": "It answers, and has a key of its own.",
            "source": {"component": FIELD_MANAGER},
            "firstTimestamp": MOMENT,
            "lastTimestamp": MOMENT,
            "count": 1,
        }
    )


def _status(answer: str) -> bytes:
    condition = {"reason": "PodStarting", "message": "The pod was started, and has yet to answer.", "status": answer}
    times = {"lastTransitionTime": MOMENT, "observedGeneration": 1}
    conditions = [{"type": kind, **condition, **times} for kind in ConditionType if kind != ConditionType.BACKUP_READY]
    status = {"observedGeneration": 1, "phase": "Provisioning", "conditions": conditions}
    metadata = {"name": NAME, "namespace": NAMESPACE}
    return _text({"apiVersion": TENANT.api_version, "kind": TENANT.kind, "metadata": metadata, "status": status})


CHILDREN: Final = _children()
EVENTS: Final = (_event(1), _event(2))
STATUS: Final = (_status("False"), _status("True"))


class Bare(Cluster):
    """Sends what is text already."""

    async def post(self, kind: Kind, text: bytes, tenant: Object) -> None:
        path = kind.path(NAMESPACE)
        await self._call("create", kind, path, body=_of(tenant, text), parameters={"fieldManager": FIELD_MANAGER})

    async def tell(self, text: bytes, tenant: Object) -> None:
        await self._call(
            "apply",
            TENANT,
            TENANT.path(NAMESPACE, tenant.metadata.name, "status"),
            body=_of(tenant, text),
            parameters={"fieldManager": FIELD_MANAGER, "force": "true"},
            content_type="application/apply-patch+yaml",
        )


def _of(tenant: Object, text: bytes) -> Any:
    name, uid = tenant.metadata.name.encode(), str(tenant.metadata.uid).encode()
    return msgspec.Raw(text.replace(NAME.encode(), name).replace(UID.encode(), uid))


async def run() -> None:
    slots = asyncio.Semaphore(Settings().workers)
    known: dict[tuple[Kind, str], int] = {}
    tenants: dict[str, Object] = {}
    ready: set[str] = set()

    async def make(tenant: Object) -> None:
        async with slots:
            for kind, text in CHILDREN:
                await cluster.post(kind, text, tenant)
            await cluster.post(EVENT, EVENTS[0], tenant)
            await cluster.tell(STATUS[0], tenant)

    async def end(tenant: Object) -> None:
        async with slots:
            await cluster.tell(STATUS[1], tenant)
            await cluster.post(EVENT, EVENTS[1], tenant)

    def is_news(kind: Kind, _: str, name: str, version: int) -> bool:
        return version > known.get((kind, name), -1)

    def told(kind: Kind, _: str, found: Object) -> None:
        name = found.metadata.name
        known[kind, name] = found.version
        if kind is TENANT and name not in tenants:
            tenants[name] = found
            work.create_task(make(found))
        elif kind is DEPLOYMENT and name not in ready and READY in bytes(found.status or b""):
            ready.add(name)
            work.create_task(end(tenants[name]))

    async with Bare(connect()) as cluster, asyncio.TaskGroup() as work:
        for kind in (TENANT, *WATCHED):
            if kind not in OPTIONAL:
                labels = "" if kind is TENANT else CHILD_SELECTOR
                one = Reflector(cluster, kind, None, labels, is_news=is_news, told=told, listed=lambda *_: None)
                work.create_task(one.follow())


def main() -> None:
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD, 20, 20)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


if __name__ == "__main__":
    main()
