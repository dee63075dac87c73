"""Receipts of erasures beside a tenant, so that a restore of a backup that is older than one of them erases again.

The operator gives them to the pod that restores.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from memorybank.fleet.errors import ExistsAlreadyError, NoSuchThingError, OutdatedError
from memorybank.fleet.kubernetes.cluster import Cluster
from memorybank.fleet.kubernetes.kinds import CONFIG_MAP, TENANT_LABEL
from memorybank.fleet.receipts import FILE, joined

if TYPE_CHECKING:
    from memorybank.records import Erasure


def note(cluster: Cluster, tenant: str, receipts: Iterable[Erasure]) -> str:
    """Adds them; returns the name of the ConfigMap that has them."""
    name = f"{tenant}-erasures"
    new = list(receipts)
    while True:
        there = cluster.find(CONFIG_MAP, name)
        text = {FILE: joined(((there or {}).get("data") or {}).get(FILE, ""), new)}
        try:
            if there is None:
                cluster.create(CONFIG_MAP, {"metadata": {"name": name, "labels": _labels(tenant)}, "data": text})
            else:
                seen = {"resourceVersion": there["metadata"]["resourceVersion"]}
                cluster.merge(CONFIG_MAP, name, {"metadata": seen, "data": text})
        except (ExistsAlreadyError, OutdatedError, NoSuchThingError):
            continue  # somebody else has noted one just now: with theirs, then
        return name


def _labels(tenant: str) -> dict[str, str]:
    return {
        "app.kubernetes.io/name": "memorybank",
        "app.kubernetes.io/component": "erasures",
        TENANT_LABEL: tenant,
    }
