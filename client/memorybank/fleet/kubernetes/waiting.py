"""Waiting for a tenant: looked at again and again, at first soon. It needs no right but `get`."""

from __future__ import annotations

import time
from collections.abc import Callable

from memorybank.fleet.errors import RefusedError
from memorybank.fleet.kubernetes.cluster import Cluster
from memorybank.fleet.kubernetes.kinds import TENANT, Manifest
from memorybank.fleet.kubernetes.view import condition, observed
from memorybank.fleet.target import Say
from memorybank.fleet.waiting import until

FAILING = frozenset({"ImagePullFailed", "CrashLoop", "ContainerConfigInvalid", "VolumeLost", "Refused"})
"""Reasons that time alone will not cure."""
PATIENCE_SECONDS = 30.0
"""How long such a reason must stand: a registry may stumble once, and a pod be refused for a moment."""
OPERATOR_HINT = "`memorybank doctor` says whether the operator runs"


def is_ready(tenant: Manifest) -> bool:
    return bool(condition(tenant, "Ready").get("status") == "True")


def until_ready(
    cluster: Cluster,
    tenant: Manifest,
    seconds: float,
    say: Say,
    what: str,
    enough: Callable[[Manifest], bool] = is_ready,
) -> Manifest:
    """The tenant, once it is as this generation of its spec wants it, or as near to that as is `enough`."""
    name, generation = tenant["metadata"]["name"], tenant["metadata"]["generation"]
    newest, failing_since = tenant, 0.0

    def look() -> Manifest | None:
        nonlocal newest, failing_since
        newest = cluster.get(TENANT, name)
        if not observed(newest, generation):
            say(f"{what}: waiting for the operator")
            return None
        ready, stalled = condition(newest, "Ready"), condition(newest, "Stalled")
        if enough(newest):
            return newest
        if stalled.get("status") == "True":
            raise RefusedError(f"{what}: {stalled['message']}")
        say(f"{what}: {ready.get('message', 'waiting')}")
        if ready.get("reason") not in FAILING:
            failing_since = 0.0
        elif not failing_since:
            failing_since = time.monotonic()
        elif time.monotonic() - failing_since > PATIENCE_SECONDS:
            raise RefusedError(f"{what}: {ready['message']}")
        return None

    def late() -> str:
        if not observed(newest, generation):
            return f"{what}: the operator has not taken note of it; {OPERATOR_HINT}"
        return f"{what}: {condition(newest, 'Ready').get('message', 'the operator says nothing of it')}"

    return until(look, seconds, late)
