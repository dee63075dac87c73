"""Receipts of erasures beside a tenant, so that a restore of a backup that is older than one of them erases again.

The operator gives them to the pod that restores. A receipt names nobody: it has a digest of the user's id, by a key
that stands in the store alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from memorybank.fleet.errors import ExistsAlreadyError, NoSuchThingError, OutdatedError
from memorybank.fleet.kubernetes.cluster import Cluster
from memorybank.fleet.kubernetes.kinds import CONFIG_MAP, TENANT_LABEL, Manifest
from memorybank.wire import plain

if TYPE_CHECKING:
    from memorybank.records import Erasure

FIELD: Final = "erasures.ndjson"
MOST: Final = 2000
"""Receipts that are kept: the oldest of more have long gone to the destination with a backup."""
_PARTS: Final = ("id", "user", "erased_at", "counts", "sha256")


def note(cluster: Cluster, tenant: str, receipts: Iterable[Erasure]) -> str:
    """Adds them; returns the name of the ConfigMap that has them."""
    name = f"{tenant}-erasures"
    new = [{part: value for part, value in plain(receipt).items() if part in _PARTS} for receipt in receipts]
    while True:
        there = cluster.find(CONFIG_MAP, name)
        text = _with(there, new)
        try:
            if there is None:
                cluster.create(CONFIG_MAP, {"metadata": {"name": name, "labels": _labels(tenant)}, "data": text})
            else:
                seen = {"resourceVersion": there["metadata"]["resourceVersion"]}
                cluster.merge(CONFIG_MAP, name, {"metadata": seen, "data": text})
        except (ExistsAlreadyError, OutdatedError, NoSuchThingError):
            continue  # somebody else has noted one just now: with theirs, then
        return name


def _with(there: Manifest | None, new: list[dict[str, Any]]) -> dict[str, str]:
    lines = ((there or {}).get("data") or {}).get(FIELD, "").splitlines()
    known = {json.loads(line)["id"]: line for line in lines if line.strip()}
    known |= {receipt["id"]: json.dumps(receipt, sort_keys=True) for receipt in new}
    kept = sorted(known.values(), key=lambda line: str(json.loads(line)["erased_at"]))[-MOST:]
    return {FIELD: "".join(f"{line}\n" for line in kept)}


def _labels(tenant: str) -> dict[str, str]:
    return {
        "app.kubernetes.io/name": "memorybank",
        "app.kubernetes.io/component": "erasures",
        TENANT_LABEL: tenant,
    }
