"""A key made anew by the operator, on a wish that stands in an annotation."""

from __future__ import annotations

from memorybank.fleet.errors import RefusedError
from memorybank.fleet.kubernetes.cluster import Cluster
from memorybank.fleet.kubernetes.keys import read_key
from memorybank.fleet.kubernetes.kinds import ROTATE_ANNOTATION, TENANT
from memorybank.fleet.kubernetes.view import generated_keys, key_place
from memorybank.fleet.kubernetes.waiting import OPERATOR_HINT
from memorybank.fleet.target import Answer, Say
from memorybank.fleet.waiting import until


def rotate_key(cluster: Cluster, name: str, key: str, *, seconds: float, say: Say) -> Answer:
    tenant = cluster.get(TENANT, name)
    place = key_place(tenant, key)
    if place is None:
        known = ", ".join(one["name"] for one in tenant["spec"]["apiKeys"])
        raise RefusedError(f"tenant {name} has no key {key}; it has {known}")
    if key not in generated_keys(tenant):
        raise RefusedError(f"the key {key} of tenant {name} is yours: write the new one into the Secret {place[0]}")
    if tenant["spec"].get("paused"):
        raise RefusedError(f"tenant {name} is paused, and nothing would happen: memorybank resume {name}")
    before = read_key(cluster, tenant, key)
    cluster.merge(TENANT, name, {"metadata": {"annotations": {ROTATE_ANNOTATION: key}}})

    def look() -> str | None:
        say(f"tenant {name}: waiting for the new key")
        found = read_key(cluster, tenant, key)
        return None if found == before else found

    new = until(look, seconds, lambda: f"the key {key} of tenant {name} is still the old one; {OPERATOR_HINT}")
    return {"tenant_id": name, "key": key, "api_key": new}
