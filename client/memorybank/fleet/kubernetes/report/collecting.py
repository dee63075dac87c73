"""What there is to be told, piece by piece; what may not be read is told too, and keeps nothing else from it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from typing import Any

from memorybank.fleet.errors import FleetError
from memorybank.fleet.kubernetes.cluster import Cluster
from memorybank.fleet.kubernetes.doctor import examine
from memorybank.fleet.kubernetes.doctor.installation import OPERATOR_LABELS
from memorybank.fleet.kubernetes.kinds import (
    BACKUP,
    CRD,
    DEPLOYMENT,
    EVENT,
    GROUP,
    HTTP_ROUTE,
    INGRESS,
    INGRESS_CLASS,
    JOB,
    LEASE,
    NETWORK_POLICY,
    NODE,
    POD,
    SECRET,
    SERVICE,
    STORAGE_CLASS,
    TENANT,
    VOLUME_CLAIM,
    Manifest,
    of_backups,
    of_tenant,
)
from memorybank.fleet.kubernetes.report.redacting import cleaned, redacted
from memorybank.fleet.kubernetes.usage import metrics_text
from memorybank.fleet.target import Say

LOG_LINES, LOG_BYTES = "5000", str(4 << 20)
CHILDREN = (DEPLOYMENT, SERVICE, VOLUME_CLAIM, INGRESS, HTTP_ROUTE, NETWORK_POLICY, POD)
Piece = tuple[str, str]
"""A name in the archive, and its text."""


class Collection:
    """The pieces, and in `missing` what could not be had and why."""

    def __init__(self, cluster: Cluster, say: Say) -> None:
        self.missing: list[str] = []
        self._cluster, self._say = cluster, say

    def pieces(self, name: str | None, everywhere: bool) -> Iterator[Piece]:
        yield from self._of("doctor.json", lambda: [asdict(one) for one in examine(self._cluster, name, self._say)])
        yield from self._installation()
        tenants: list[Manifest] = []
        for _ in self._of("", lambda: tenants.extend(self._tenants(name, everywhere))):
            pass
        for tenant in tenants:
            yield from self._tenant(tenant)

    def _tenants(self, name: str | None, everywhere: bool) -> list[Manifest]:
        return self._cluster.all(TENANT, everywhere=everywhere) if name is None else [self._cluster.get(TENANT, name)]

    def _installation(self) -> Iterator[Piece]:
        cluster = self._cluster
        yield from self._of("cluster/version.json", lambda: cluster.read("/version"))
        for kind in (STORAGE_CLASS, INGRESS_CLASS):
            yield from self._of(f"cluster/{kind.plural}.json", partial(cluster.all, kind))
        yield from self._of("cluster/nodes.json", lambda: [_node(one) for one in cluster.all(NODE)])
        yield from self._of("cluster/resource.json", lambda: _versions(cluster.get(CRD, f"{TENANT.plural}.{GROUP}")))
        yield from self._of("operator/leases.json", lambda: _ours(cluster.all(LEASE, everywhere=True)))
        for kind in (DEPLOYMENT, POD):
            found: list[Manifest] = []
            look = _keeping(found, partial(cluster.all, kind, labels=OPERATOR_LABELS, everywhere=True))
            yield from self._of(f"operator/{kind.plural}.json", look)
            for one in found if kind is POD else ():
                yield from self._logs(cluster.within(one["metadata"]["namespace"]), one, "operator")

    def _tenant(self, tenant: Manifest) -> Iterator[Piece]:
        name, namespace = tenant["metadata"]["name"], tenant["metadata"]["namespace"]
        self._say(f"collecting what there is of tenant {name}")
        cluster, folder = self._cluster.within(namespace), f"tenants/{namespace}/{name}"
        yield from self._of(f"{folder}/tenant.json", lambda: tenant)
        pods: list[Manifest] = []
        for kind in CHILDREN:
            look = _keeping(pods if kind is POD else [], partial(cluster.all, kind, labels=of_tenant(name)))
            yield from self._of(f"{folder}/{kind.plural}.json", look)
        yield from self._of(f"{folder}/secret-names.json", lambda: cluster.names(SECRET, of_tenant(name)))
        yield from self._backups(cluster, name, f"{folder}/backups")
        yield from self._of(f"{folder}/events.json", lambda: _events(cluster.all(EVENT), name))
        for pod in pods:
            yield from self._logs(cluster, pod, folder)
        if pods:
            yield from self._of(f"{folder}/metrics.txt", lambda: metrics_text(cluster, name))

    def _backups(self, cluster: Cluster, tenant: str, folder: str) -> Iterator[Piece]:
        def theirs() -> list[Manifest]:
            return [one for one in cluster.all(BACKUP) if one["spec"]["tenantRef"]["name"] == tenant]

        yield from self._of(f"{folder}/{BACKUP.plural}.json", theirs)
        pods: list[Manifest] = []
        for kind in (JOB, POD):
            look = _keeping(pods if kind is POD else [], partial(cluster.all, kind, labels=of_backups(tenant)))
            yield from self._of(f"{folder}/{kind.plural}.json", look)
        for pod in pods:
            yield from self._logs(cluster, pod, folder)

    def _logs(self, cluster: Cluster, pod: Manifest, folder: str) -> Iterator[Piece]:
        name = pod["metadata"]["name"]
        again = any(one.get("restartCount") for one in (pod.get("status") or {}).get("containerStatuses") or [])
        for previous in (False, True) if again else (False,):
            query = {"tailLines": LOG_LINES, "limitBytes": LOG_BYTES, "previous": str(previous).lower()}
            path = f"{POD.path(cluster.namespace, name)}/log"
            file = f"{folder}/logs/{name}{'-previous' if previous else ''}.log"
            yield from self._of(file, partial(_text, cluster, path, query))

    def _of(self, file: str, look: Callable[[], Any]) -> Iterator[Piece]:
        """One piece, or a line in `missing`."""
        try:
            found = look()
        except FleetError as error:
            self.missing.append(redacted(f"{file or 'tenants'}: {error}"))
            return
        text = found if isinstance(found, str) else json.dumps(cleaned(found), indent=1, ensure_ascii=False) + "\n"
        yield file, redacted(text)


def _keeping(into: list[Manifest], look: Callable[[], list[Manifest]]) -> Callable[[], list[Manifest]]:
    def kept() -> list[Manifest]:
        into.extend(look())
        return into

    return kept


def _text(cluster: Cluster, path: str, query: dict[str, str]) -> str:
    return b"".join(cluster.pieces(path, query)).decode(errors="replace")


def _node(node: Manifest) -> Manifest:
    status = node.get("status") or {}
    kept = {name: status.get(name) for name in ("nodeInfo", "conditions", "allocatable", "capacity")}
    return {"name": node["metadata"]["name"], "taints": (node.get("spec") or {}).get("taints"), **kept}


def _versions(crd: Manifest) -> Manifest:
    """Its schema is the release's, and long."""
    return {"metadata": crd["metadata"], "versions": [one["name"] for one in crd["spec"]["versions"]],
            "status": crd.get("status")}  # fmt: skip


def _ours(leases: list[Manifest]) -> list[Manifest]:
    return [one for one in leases if one["metadata"]["name"].startswith("memorybank")]


def _events(events: list[Manifest], tenant: str) -> list[Manifest]:
    """Of the tenant and of what is named after it."""
    wanted = {tenant}
    return [
        one
        for one in events
        if one["involvedObject"].get("name") in wanted
        or str(one["involvedObject"].get("name")).startswith(f"{tenant}-")
    ]
