"""N tenants made at once: what an operator takes until all their children are there, and until all are Ready."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

import msgspec

from bench.scale import audit
from bench.scale.audit import Requests
from bench.scale.hands import NAMESPACE, OF_A_TENANT, Hands, all_of
from bench.scale.plane import audit_log, plane
from bench.scale.subject import IMAGE, NOOP, OURS, Program, Subject
from e2e.cluster.controlplane import ControlPlane
from e2e.cluster.progress import Progress
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.desired import Context, children, secrets
from memorybank_operator.kinds import SECRET, TENANT, Kind
from memorybank_operator.kubeconfig import from_kubeconfig
from memorybank_operator.settings import Settings

Manifest = dict[str, Any]
Answer = TypeVar("Answer")

VOLUME = Kind("", "v1", "PersistentVolume", "persistentvolumes")
NAMESPACES = Kind("", "v1", "Namespace", "namespaces")
START_SECONDS = 30.0


def name_of(number: int) -> str:
    return f"tenant-{number:04}"


@contextmanager
def running(program: Program, control: ControlPlane, directory: Path, requests: Requests) -> Iterator[Subject]:
    """The operator, from the moment when it watches."""
    kubeconfig = control.kubeconfig_of(program.name)
    with Subject(program, kubeconfig, directory / f"{program.name}.log") as subject:
        ends = time.monotonic() + START_SECONDS
        while not requests.watched(TENANT.plural):
            subject.cpu_seconds()  # raises when it has ended
            if time.monotonic() > ends:
                raise TimeoutError(f"{program.title} does not watch its tenants after {START_SECONDS:.0f} s")
            time.sleep(0.1)
        subject.settle()
        yield subject


@contextmanager
def created(program: Program, tenants: int, directory: Path, progress: Progress) -> Iterator[Created]:
    """The figures of so many tenants' creation, with everything still running."""
    with plane(directory, program.name, progress) as control:
        requests = Requests(audit_log(directory))
        asyncio.run(_prepare(control, tenants))
        with running(program, control, directory, requests) as subject:
            requests.new()
            memory, cpu = subject.memory_mb(), subject.cpu_seconds()
            with progress.step(f"{program.title}: {tenants} tenants"):
                seconds = asyncio.run(_while(subject, _create(control, tenants, by_hand=program is NOOP)))
                until_there = subject.cpu_seconds() - cpu
                if program is OURS:
                    asyncio.run(_while(subject, _ready(control, tenants)))
                else:
                    asyncio.run(_while(subject, _deployed(control, tenants)))
                subject.settle()
            cpu = subject.cpu_seconds() - cpu
            asked = requests.new()
            figures = {
                "seconds_until_children_are_there": round(seconds, 2),
                "cpu_ms_per_tenant": round(cpu * 1000 / tenants, 2),
                "cpu_ms_per_tenant_until_children_are_there": round(until_there * 1000 / tenants, 2),
                "cpu_ms_per_child_and_status": round(cpu * 1000 / tenants / (OF_A_TENANT + 1), 2),
                "writes_per_tenant": round(audit.writes(asked, status=False) / tenants, 2),
                "status_writes_per_tenant": round(audit.writes(asked, status=True) / tenants, 2),
                "reads_per_tenant": round(audit.reads(asked) / tenants, 2),
                "requests": {name: count for name, count in sorted(asked.items()) if count >= tenants / 100},
                "memory_mb_at_start": memory,
                "memory_mb": subject.memory_mb(),
                "memory_mb_peak": subject.peak_memory_mb(),
            }
            yield Created(figures, control, requests, subject, directory)


class Created:
    """The figures, and what still runs."""

    def __init__(
        self, figures: dict[str, Any], control: ControlPlane, requests: Requests, subject: Subject, directory: Path
    ) -> None:
        self.figures = figures
        self.control = control
        self.requests = requests
        self.subject = subject
        self.directory = directory


async def _while(subject: Subject, work: Coroutine[Any, Any, Answer]) -> Answer:
    """Await it for as long as the operator runs: without one, it would wait for what nobody does."""
    task = asyncio.create_task(work)
    while not (await asyncio.wait({task}, timeout=1.0))[0]:
        subject.cpu_seconds()  # raises when it has ended
    return await task


async def _prepare(control: ControlPlane, tenants: int) -> None:
    """The namespaces, and a volume for each tenant's claim to come."""
    async with Hands(from_kubeconfig(control.kubeconfig)) as hands:
        for namespace in (NAMESPACE, "memorybank-system"):
            await hands.call("POST", NAMESPACES.path(None), {"metadata": {"name": namespace}})
        await all_of(hands.call("POST", VOLUME.path(None), _volume(number)) for number in range(tenants))


def _volume(number: int) -> Manifest:
    return {
        "metadata": {"name": name_of(number)},
        "spec": {
            "capacity": {"storage": "20Gi"},
            "accessModes": ["ReadWriteOncePod"],
            "claimRef": {"namespace": NAMESPACE, "name": name_of(number)},
            "storageClassName": "standard",
            "hostPath": {"path": "/nowhere"},
        },
    }


async def _create(control: ControlPlane, tenants: int, *, by_hand: bool) -> float:
    """The seconds from the first tenant's creation until all children of all are there."""
    async with Hands(from_kubeconfig(control.kubeconfig)) as hands:
        make = _make_with_children if by_hand else _make
        start = perf_counter()
        await all_of(make(hands, number) for number in range(tenants))
        await hands.all_there(tenants)
        return perf_counter() - start


async def _make(hands: Hands, number: int) -> Manifest:
    name = name_of(number)
    metadata = {"name": name, "namespace": NAMESPACE}
    spec = {"hostname": f"{name}.example.com", "storage": {"size": "20Gi"}}
    manifest = {"apiVersion": TENANT.api_version, "kind": TENANT.kind, "metadata": metadata, "spec": spec}
    return await hands.create(TENANT, manifest)


async def _make_with_children(hands: Hands, number: int) -> None:
    tenant = msgspec.convert(await _make(hands, number), Tenant)
    key = secrets.new_key()
    await hands.create(SECRET, secrets.key_secret(tenant, secrets.DEFAULT_KEY, key))
    file = secrets.access_file(tenant, {secrets.DEFAULT_KEY.name: secrets.digest(key)})
    await hands.create(SECRET, secrets.access_manifest(tenant, file))
    for kind, manifest in children(tenant, Context(settings=Settings(), image=IMAGE)).items():
        if manifest is not None:
            await hands.create(kind, manifest)


async def _ready(control: ControlPlane, tenants: int) -> None:
    async with Hands(from_kubeconfig(control.kubeconfig)) as hands:
        await hands.all_ready(tenants)


async def _deployed(control: ControlPlane, tenants: int) -> None:
    async with Hands(from_kubeconfig(control.kubeconfig)) as hands:
        await hands.all_deployed(tenants)
