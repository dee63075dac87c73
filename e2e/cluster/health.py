"""Whether the parts of a cluster do their work, as the API server knows it."""

from __future__ import annotations

from typing import Any

from e2e.cluster.access import Part
from e2e.cluster.api import Api
from e2e.cluster.nodefiles import NODE

PROGRAMS = (
    *("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "containerd", "kubelet", "kube-proxy"),
    *("kube-router", "loopfs", "csi-provisioner", "csi-resizer", "forwarder"),
)
DEPLOYMENTS = {"CoreDNS": ("kube-system", "coredns"), "Traefik": ("traefik", "traefik")}


def programs(running: set[str]) -> list[Part]:
    """The node's programs; `running` are the names of those that run."""
    return [Part(name, name in running, "" if name in running else "does not run") for name in PROGRAMS]


def parts(api: Api) -> list[Part]:
    """What the API server tells of the node and of what runs on it."""
    if api.get("/readyz") is None:
        return [Part("API server", False, "does not answer")]
    node, storage = node_ready(api), storage_ready(api)
    return [
        Part("API server", True),
        Part("node", node, "" if node else "is not Ready"),
        *(Part(name, *deployment(api, *where)) for name, where in DEPLOYMENTS.items()),
        Part("storage", storage, "" if storage else "the driver is not registered on the node"),
    ]


def node_ready(api: Api) -> bool:
    return has_condition(api.json(f"/api/v1/nodes/{NODE}"), "Ready")


def storage_ready(api: Api) -> bool:
    """Whether the kubelet knows the driver and the default class exists."""
    registered = api.json(f"/apis/storage.k8s.io/v1/csinodes/{NODE}") or {}
    return bool((registered.get("spec") or {}).get("drivers")) and bool(
        api.get("/apis/storage.k8s.io/v1/storageclasses/standard")
    )


def deployment(api: Api, namespace: str, name: str) -> tuple[bool, str]:
    found = api.json(f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}")
    if not found:
        return False, "is not there"
    available = has_condition(found, "Available")
    return available, "" if available else "is not available"


def has_condition(resource: Any, kind: str) -> bool:
    """Whether a resource's status has a condition that is True."""
    conditions = ((resource or {}).get("status") or {}).get("conditions") or []
    return any(each["type"] == kind and each["status"] == "True" for each in conditions)
