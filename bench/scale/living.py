"""Many tenants, once they are Ready: silence, a restart, a field changed, a child deleted or edited by hand."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping
from time import perf_counter
from typing import Any

from bench.results import percentiles
from bench.scale import audit
from bench.scale.creation import Created, name_of, running
from bench.scale.hands import Hands, Watch, is_rolled_out
from e2e.cluster.progress import Progress
from memorybank_operator.kinds import (
    DEPLOYMENT,
    INGRESS,
    NETWORK_POLICY,
    SERVICE,
    SERVICE_ACCOUNT,
    TENANT,
    VOLUME_CLAIM,
    Kind,
)
from memorybank_operator.kubeconfig import from_kubeconfig

Manifest = dict[str, Any]

IDLE_SECONDS = 60
AFTER_RESTART_SECONDS = 20
CHANGES = 100
REPAIRS = 25
PAUSE_SECONDS = 0.1
# Each kind that is watched, and an edit by hand that goes against what the operator wants. A claim that is in use
# cannot be deleted, and its spec cannot be changed: its labels can.
EDITS: Mapping[Kind, Manifest] = {
    DEPLOYMENT: {"spec": {"replicas": 3}},
    SERVICE: {"spec": {"selector": {"app.kubernetes.io/name": "another"}}},
    INGRESS: {"spec": {"rules": [{"host": "another.example.com"}]}},
    NETWORK_POLICY: {"spec": {"policyTypes": ["Egress"]}},
    SERVICE_ACCOUNT: {"automountServiceAccountToken": True},
    VOLUME_CLAIM: {"metadata": {"labels": {"app.kubernetes.io/name": "another"}}},
}


def silence(created: Created) -> dict[str, Any]:
    """What is written and read in a minute in which nothing happens, and what it costs."""
    created.requests.new()
    cpu = created.subject.cpu_seconds()
    time.sleep(IDLE_SECONDS)
    asked = created.requests.new()
    return {
        "seconds": IDLE_SECONDS,
        "writes": audit.writes(asked),
        "reads": audit.reads(asked),
        "cpu_percent_of_a_core": round((created.subject.cpu_seconds() - cpu) / IDLE_SECONDS * 100, 2),
    }


def life(created: Created, tenants: int, progress: Progress) -> dict[str, Any]:
    """Stop the operator and start it again; then change and break one tenant after the other."""
    created.subject.__exit__(None, None, None)
    created.requests.new()
    with (
        progress.step("Restarting with all tenants"),
        running(created.subject.program, created.control, created.directory, created.requests) as subject,
    ):
        time.sleep(AFTER_RESTART_SECONDS)
        asked = created.requests.new()
        restart = {
            "writes": audit.writes(asked),
            "reads_per_tenant": round(audit.reads(asked) / tenants, 2),
            "cpu_seconds": round(subject.cpu_seconds(), 2),
            "memory_mb": subject.memory_mb(),
        }
        return {"restart": restart, **asyncio.run(_alive(created, tenants, progress))}


async def _alive(created: Created, tenants: int, progress: Progress) -> dict[str, Any]:
    async with Hands(from_kubeconfig(created.control.kubeconfig)) as hands:
        chosen = random.Random(7)  # noqa: S311 (which tenants, the same each time)
        with progress.step(f"{CHANGES} changes of a tenant"):
            async with hands.watching(DEPLOYMENT) as watch:
                names = [name_of(number) for number in chosen.sample(range(tenants), min(CHANGES, tenants))]
                changes = [await _change(hands, watch, name, number) for number, name in enumerate(names)]
                names.reverse()
                many = [
                    await _change(hands, watch, name, number, calm=False) for number, name in enumerate(names, CHANGES)
                ]
        repairs: dict[str, Any] = {}
        for kind, edit in EDITS.items():
            with progress.step(f"{kind.kind} deleted and edited"):
                async with hands.watching(kind) as watch:
                    names = [name_of(number) for number in chosen.sample(range(tenants), min(REPAIRS, tenants))]
                    await hands.all_deployed(tenants)  # what a roll-out takes belongs to the change before
                    if kind is not VOLUME_CLAIM:
                        deleted = [await _delete(hands, watch, kind, name) for name in names]
                        repairs[f"{kind.kind} deleted"] = percentiles(deleted)
                    edited = [await _edit(hands, watch, kind, name, edit) for name in names]
                    repairs[f"{kind.kind} edited"] = percentiles(edited)
    return {
        "field_changed_ms": percentiles(changes),
        "field_changed_while_others_roll_out_ms": percentiles(many),
        "repaired_ms": repairs,
    }


async def _change(hands: Hands, watch: Watch, name: str, number: int, *, calm: bool = True) -> float:
    """A field of the tenant → its Deployment; in milliseconds. `calm`: return when its new pod is there."""
    await asyncio.sleep(PAUSE_SECONDS)
    hours = str(1000 + number)
    start = perf_counter()
    await hands.merge(TENANT, name, {"spec": {"maintenance": {"intervalHours": 1000 + number}}})

    def follows(_: str, state: Manifest) -> bool:
        container = state["spec"]["template"]["spec"]["containers"][0]
        values = {entry["name"]: entry.get("value") for entry in container["env"]}
        return bool(state["metadata"]["name"] == name and values["MAINTENANCE_INTERVAL_HOURS"] == hours)

    taken = await watch.moment(f"the Deployment of {name} follows", follows, start) * 1000
    if calm:
        await _its_own(hands, name)
    return taken


async def _its_own(hands: Hands, name: str) -> None:
    """Return when the Deployment's only pod is one of its newest template, and ready."""
    async with asyncio.timeout(60):
        while not is_rolled_out(await hands.get(DEPLOYMENT, name)):  # noqa: ASYNC110 (another process tells)
            await asyncio.sleep(PAUSE_SECONDS)


async def _delete(hands: Hands, watch: Watch, kind: Kind, name: str) -> float:
    await asyncio.sleep(PAUSE_SECONDS)
    before = (await hands.get(kind, name))["metadata"]["uid"]
    start = perf_counter()
    await hands.delete(kind, name)

    def is_back(event: str, state: Manifest) -> bool:
        metadata = state["metadata"]
        return event == "ADDED" and metadata["name"] == name and metadata["uid"] != before

    taken = await watch.moment(f"the {kind.kind} of {name} is back", is_back, start) * 1000
    if kind is DEPLOYMENT:
        await _its_own(hands, name)
    return taken


async def _edit(hands: Hands, watch: Watch, kind: Kind, name: str, edit: Manifest) -> float:
    await asyncio.sleep(PAUSE_SECONDS)
    wanted = await hands.get(kind, name)
    start = perf_counter()
    edited = await hands.merge(kind, name, edit)
    version = int(edited["metadata"]["resourceVersion"])

    def is_undone(_: str, state: Manifest) -> bool:
        metadata = state["metadata"]
        newer = metadata["name"] == name and int(metadata["resourceVersion"]) > version
        return newer and _holds(edit, state, wanted)

    taken = await watch.moment(f"the {kind.kind} of {name} is as it was", is_undone, start) * 1000
    if kind is DEPLOYMENT:
        await _its_own(hands, name)
    return taken


def _holds(edit: Manifest, state: Manifest, wanted: Manifest) -> bool:
    """Whether every field that was edited is again as it was."""
    return all(
        _holds(inner, state.get(field, {}), wanted.get(field, {}))
        if isinstance(inner, dict)
        else state.get(field) == wanted.get(field)
        for field, inner in edit.items()
    )
