"""The cluster itself and the operator in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from memorybank.fleet.finding import Finding, ok, problem, warning
from memorybank.fleet.kubernetes.cluster import Cluster
from memorybank.fleet.kubernetes.kinds import (
    CRD,
    DEPLOYMENT,
    GROUP,
    LEASE,
    OPERATOR,
    POD,
    STORAGE_CLASS,
    TENANT,
    VERSION,
    Manifest,
)

SUPPORTED = (35, 37)
"""The minor versions of Kubernetes 1 that MemoryBank is tested with."""
OPERATOR_LABELS = "app.kubernetes.io/name=memorybank,app.kubernetes.io/component=operator"
WANTED_FIELDS = ("hostname", "image", "deletionPolicy", "paused", "hibernate", "apiKeys")
FRESH_SECONDS = 30.0
"""A leader renews its Lease every three seconds."""
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
INSTALL = "install or upgrade MemoryBank's Helm chart"


def api_server(cluster: Cluster) -> Iterator[Finding]:
    told = cluster.read("/version")
    version, about = str(told.get("gitVersion", "?")), "API server"
    minor = re.match(r"\d+", str(told.get("minor", "")))
    if minor is None or not SUPPORTED[0] <= int(minor[0]) <= SUPPORTED[1]:
        tested = f"Kubernetes 1.{SUPPORTED[0]} to 1.{SUPPORTED[1]}"
        yield warning(about, f"{cluster.connection.server} is {version}", f"MemoryBank is tested with {tested}")
    else:
        yield ok(about, f"{cluster.connection.server} is {version}")


def resource(cluster: Cluster) -> Iterator[Finding]:
    name, about = f"{TENANT.plural}.{GROUP}", "MemoryBankTenant"
    found = cluster.find(CRD, name)
    if found is None:
        yield problem(about, f"the cluster has no {name}", INSTALL)
        return
    served = next((one for one in found["spec"]["versions"] if one["name"] == VERSION and one["served"]), None)
    if served is None:
        yield problem(about, f"the API server does not serve its version {VERSION}", INSTALL)
        return
    known = served["schema"]["openAPIV3Schema"]["properties"].get("spec", {}).get("properties", {})
    missing = [field for field in WANTED_FIELDS if field not in known]
    if missing:
        yield problem(about, f"it is of an older release, which knows no spec.{missing[0]}", INSTALL)
    else:
        yield ok(about, f"{VERSION} is served")


def operator(cluster: Cluster) -> Iterator[Finding]:
    """Its pods, and that one of them leads."""
    deployments = cluster.all(DEPLOYMENT, labels=OPERATOR_LABELS, everywhere=True)
    for one in deployments:
        about, status = f"operator {one['metadata']['namespace']}/{one['metadata']['name']}", one.get("status") or {}
        if status.get("readyReplicas", 0) >= 1:
            yield ok(about, f"{status['readyReplicas']} ready")
            continue
        where = one["metadata"]["namespace"]
        pods = cluster.all(POD, labels=OPERATOR_LABELS, within=where)
        why = next((text for text in map(waiting, pods) if text), "no pod of it is ready")
        yield problem(about, why, f"`kubectl -n {where} describe pod -l {OPERATOR_LABELS}` says more")
    leases = [one for one in cluster.all(LEASE, everywhere=True) if one["metadata"]["name"] == OPERATOR]
    if not leases and not deployments:
        yield problem("operator", "there is none in this cluster", INSTALL)
        return
    newest = max((one["spec"].get("renewTime") or "" for one in leases), default="")
    holder = next((one["spec"].get("holderIdentity") for one in leases if one["spec"].get("renewTime") == newest), "")
    age = _age(newest) if newest else None
    if age is not None and age < FRESH_SECONDS and holder:
        yield ok("operator's leader", f"{holder} leads")
    else:
        since = "never" if age is None else f"{age:.0f} s ago"
        yield problem(
            "operator's leader",
            f"none leads: the Lease was renewed last {since}",
            "look at the operator's log: `kubectl -n memorybank-system logs deploy/memorybank`",
        )


def storage_classes(cluster: Cluster) -> Iterator[Finding]:
    """That a volume can be had where a tenant names no class, and grow."""
    about = "storage class"
    usual = [
        one
        for one in cluster.all(STORAGE_CLASS)
        if (one["metadata"].get("annotations") or {}).get(DEFAULT_CLASS) == "true"
    ]
    if not usual:
        yield warning(about, "the cluster has no default", "name one in each tenant's spec.storage.storageClassName")
        return
    name = usual[0]["metadata"]["name"]
    if not usual[0].get("allowVolumeExpansion"):
        remedy = "set allowVolumeExpansion on it if its driver can, or make tenants large enough at once"
        yield warning(about, f"the default, {name}, cannot make a volume larger", remedy)
    else:
        yield ok(about, f"the default is {name}; its volumes can grow")


def waiting(pod: Manifest) -> str | None:
    """Why a pod's container does not run."""
    status = pod.get("status") or {}
    for container in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        told = (container.get("state") or {}).get("waiting") or {}
        if told.get("reason") in ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"):
            return f"the image {container['image']} cannot be pulled"
        if told.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
            return f"its container waits: {told['reason']}"
    return None


def _age(moment: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds()
