"""What a tenant's pod says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from memorybank.fleet.errors import RefusedError
from memorybank.fleet.kubernetes.cluster import Cluster
from memorybank.fleet.kubernetes.kinds import CONTAINER, POD, TENANT, Manifest, of_tenant
from memorybank.fleet.target import LogLines


def newest_pod(pods: Iterable[Manifest]) -> Manifest | None:
    """Of those that are not being deleted."""
    alive = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    return max(alive, key=lambda pod: str(pod["metadata"]["creationTimestamp"]), default=None)


def pod_of(cluster: Cluster, name: str) -> Manifest:
    """The tenant's newest pod. Raises RefusedError where there is none, and says why."""
    tenant = cluster.get(TENANT, name)
    pod = newest_pod(cluster.all(POD, labels=of_tenant(name)))
    if pod is None:
        why = f"it sleeps: memorybank wake {name}" if tenant["spec"].get("hibernate") else f"memorybank doctor {name}"
        raise RefusedError(f"tenant {name} has no pod now; {why}")
    return pod


def logs(cluster: Cluster, name: str, lines: LogLines) -> Iterator[bytes]:
    pod = pod_of(cluster, name)["metadata"]["name"]
    query = {"container": CONTAINER, "follow": str(lines.follow).lower(), "previous": str(lines.previous).lower()}
    if lines.tail is not None:
        query["tailLines"] = str(lines.tail)
    if lines.since_seconds is not None:
        query["sinceSeconds"] = str(lines.since_seconds)
    return cluster.pieces(f"{POD.path(cluster.namespace, pod)}/log", query)
