"""Another version of the memory service under a tenant."""

from __future__ import annotations

from memorybank.fleet.errors import FleetError, RefusedError
from memorybank.fleet.images import image_of
from memorybank.fleet.kubernetes.cluster import Cluster
from memorybank.fleet.kubernetes.kinds import TENANT, Manifest
from memorybank.fleet.kubernetes.view import condition, line
from memorybank.fleet.kubernetes.waiting import is_ready, until_ready
from memorybank.fleet.target import Answer, Say


def update(cluster: Cluster, name: str, version: str, *, seconds: float, say: Say) -> Answer:
    tenant = cluster.get(TENANT, name)
    before = line(tenant)["image"]
    image = image_of(version, before)
    answer = {"tenant_id": name, "image": image, "before": before, "status": "updated"}
    if tenant["spec"].get("paused"):
        raise RefusedError(f"tenant {name} is paused, and would not be updated: memorybank resume {name}")
    if tenant["spec"].get("image") == image:
        answer["status"] = "unchanged"
    else:
        tenant = cluster.merge(TENANT, name, {"spec": {"image": image}})
    what = f"tenant {name} with {image}"

    def answers(newest: Manifest) -> bool:
        # Whatever else is amiss with it, such as a certificate, was so before, and is no fault of the image.
        status = newest.get("status", {})
        runs = status.get("image") == image == status.get("rollout", {}).get("goodImage")
        return is_ready(newest) or (runs and condition(newest, "Available").get("status") == "True")

    try:
        until_ready(cluster, tenant, seconds, say, what, answers)
    except FleetError as error:
        if before is not None and before != image:
            error.args = (f"{error}. Back to what it was: memorybank update {name} {before}",)
        raise
    return answer
