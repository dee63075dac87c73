"""A tenant that begins with what another one had: with a backup of it, or with a copy made now."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from memorybank.fleet.errors import RefusedError
from memorybank.fleet.kubernetes import creating
from memorybank.fleet.kubernetes.backing_up import back_up, refuse_if_it_cannot_be
from memorybank.fleet.kubernetes.cluster import Cluster
from memorybank.fleet.kubernetes.kinds import BACKUP, TENANT, Manifest
from memorybank.fleet.kubernetes.view import backup_line
from memorybank.fleet.quantity import bytes_of
from memorybank.fleet.target import Answer, BackupWish, NewTenant, RestoreSource, Say

OWN = ("hostname", "hibernate", "paused", "deletionProtection", "restoreFrom")
"""What of a tenant's spec is its own, and no clone's."""


def restore(
    cluster: Cluster, wish: NewTenant, source: RestoreSource, *, seconds: float, wait: bool, say: Say
) -> Answer:
    if source.backup is not None:
        _refuse_what_is_not_whole(cluster, source.backup)
        begins: dict[str, Any] = {"backupName": source.backup}
    else:
        begins = {"destination": dict(source.destination or {}), "id": source.id or ""}
    if source.encryption is not None:
        begins["encryptionKeySecretRef"] = dict(source.encryption)
    whole = replace(wish, spec={**wish.spec, "restoreFrom": begins})
    answer = creating.create(cluster, whole, seconds=seconds, wait=wait, say=say)
    if wait:
        answer["restored"] = _restored(cluster.get(TENANT, wish.id))
    return answer


def clone(
    cluster: Cluster, name: str, wish: NewTenant, through: BackupWish, *, seconds: float, wait: bool, say: Say
) -> Answer:
    """A backup of `name`, and a new tenant that begins with it; else as `name` is."""
    ends = time.monotonic() + seconds
    tenant = cluster.get(TENANT, name)
    refuse_if_it_cannot_be(tenant, through)
    inherited = _inherited(tenant)
    storage = {**inherited.get("storage", {}), **wish.spec.get("storage", {})}  # another size, of the same class
    whole = replace(wish, spec={**inherited, **wish.spec, "storage": storage})
    body = {"metadata": {"name": wish.id, "namespace": cluster.namespace}, "spec": dict(whole.spec)}
    cluster.create(TENANT, body, dry_run=True)  # what cannot be made is told before anything is done
    backup = back_up(cluster, name, through, seconds=seconds, wait=True, say=say)
    source = RestoreSource(backup=backup["backup"])
    answer = restore(cluster, whole, source, seconds=max(1.0, ends - time.monotonic()), wait=wait, say=say)
    return {**answer, "cloned_from": name, "backup": backup["backup"]}


def _inherited(tenant: Manifest) -> dict[str, Any]:
    """With keys of its own, and room for what the other's volume has."""
    spec = {field: value for field, value in tenant["spec"].items() if field not in OWN}
    if "apiKeys" in spec:
        spec["apiKeys"] = [
            {field: value for field, value in key.items() if field != "secretKeyRef"} for key in spec["apiKeys"]
        ]
    capacity = ((tenant.get("status") or {}).get("storage") or {}).get("capacity")
    storage: Mapping[str, Any] = spec.get("storage") or {}
    asked = storage.get("size")
    if capacity and (not asked or bytes_of(capacity) > bytes_of(asked)):
        spec["storage"] = {**storage, "size": capacity}
    return spec


def _refuse_what_is_not_whole(cluster: Cluster, name: str) -> None:
    phase = backup_line(cluster.get(BACKUP, name))["phase"]
    if phase != "Completed":
        raise RefusedError(f"the backup {name} is not whole, but {phase}: `memorybank backups` lists those there are")


def _restored(tenant: Manifest) -> dict[str, Any]:
    told = (tenant.get("status") or {}).get("restored") or {}
    return {"memories": told.get("memories"), "taken_at": told.get("takenAt"), "location": told.get("location")}
