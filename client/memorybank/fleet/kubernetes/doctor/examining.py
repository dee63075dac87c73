"""All checks, in the order in which one thing needs the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from memorybank.fleet.errors import FleetError
from memorybank.fleet.finding import Finding, looked, problem
from memorybank.fleet.kubernetes.cluster import Cluster
from memorybank.fleet.kubernetes.doctor import installation, network, tenant
from memorybank.fleet.kubernetes.kinds import TENANT, Manifest
from memorybank.fleet.target import Say

CLUSTER_CHECKS: tuple[tuple[str, Callable[[Cluster], Iterator[Finding]]], ...] = (
    ("MemoryBankTenant", installation.resource),
    ("operator", installation.operator),
    ("storage class", installation.storage_classes),
)
TENANT_CHECKS: tuple[tuple[str, Callable[[Cluster, Manifest], Iterator[Finding]]], ...] = (
    ("conditions", tenant.conditions),
    ("Secrets", tenant.secrets),
    ("volume", tenant.storage),
    ("pod", tenant.pod),
    ("service", network.through_api_server),
    ("ingress class", tenant.ingress_class),
    ("way from here", network.from_outside),
)


def examine(cluster: Cluster, name: str | None, say: Say) -> Iterator[Finding]:
    """The cluster, and one tenant or all of the namespace. Changes nothing, and reads no Secret's value."""
    say("looking at the API server")
    try:
        yield from installation.api_server(cluster)
    except FleetError as error:
        remedy = "see to --context, --kubeconfig, your login and the way to the API server"
        yield problem("API server", str(error), remedy)
        return
    for about, check in CLUSTER_CHECKS:
        say(f"looking at the {about}")
        yield from looked(about, partial(check, cluster))
    try:
        found = cluster.all(TENANT) if name is None else [cluster.get(TENANT, name)]
    except FleetError as error:
        yield problem("tenants", str(error), "")
        return
    for one in found:
        yield from _tenant(cluster, one, say)


def _tenant(cluster: Cluster, manifest: Manifest, say: Say) -> Iterator[Finding]:
    name = manifest["metadata"]["name"]
    for about, check in TENANT_CHECKS:
        say(f"looking at the {about} of tenant {name}")
        for finding in looked(about, partial(check, cluster, manifest)):
            yield replace(finding, about=f"{name}: {finding.about}")
