"""A tenant put to sleep and woken, left alone and taken up again."""

from __future__ import annotations

from typing import Any

from memorybank.fleet.kubernetes.cluster import Cluster
from memorybank.fleet.kubernetes.kinds import TENANT, Manifest
from memorybank.fleet.kubernetes.view import condition, line, observed
from memorybank.fleet.kubernetes.waiting import OPERATOR_HINT, until_ready
from memorybank.fleet.target import Answer, Say
from memorybank.fleet.waiting import until

STATES: dict[str, dict[str, Any]] = {
    "hibernate": {"hibernate": True},
    "wake": {"hibernate": False},
    "pause": {"paused": True},
    "resume": {"paused": False},
}


def switch(cluster: Cluster, name: str, state: str, *, seconds: float, say: Say) -> Answer:
    tenant = cluster.merge(TENANT, name, {"spec": STATES[state]})
    if tenant["spec"].get("paused"):
        tenant = _until_left_alone(cluster, tenant, seconds, say)
    else:
        tenant = until_ready(cluster, tenant, seconds, say, f"tenant {name}")
    return {key: line(tenant)[key] for key in ("tenant_id", "phase", "ready", "available")}


def _until_left_alone(cluster: Cluster, tenant: Manifest, seconds: float, say: Say) -> Manifest:
    name, generation = tenant["metadata"]["name"], tenant["metadata"]["generation"]

    def look() -> Manifest | None:
        say(f"tenant {name}: waiting for the operator")
        newest = cluster.get(TENANT, name)
        paused = condition(newest, "Ready").get("reason") == "Paused"
        return newest if paused and observed(newest, generation) else None

    return until(look, seconds, lambda: f"tenant {name}: the operator has not taken note of it; {OPERATOR_HINT}")
