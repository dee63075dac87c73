"""A tenant's backups, as MemoryBankBackups that the operator carries out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from memorybank.fleet.errors import ExistsAlreadyError, RefusedError
from memorybank.fleet.kubernetes.cluster import Cluster
from memorybank.fleet.kubernetes.kinds import BACKUP, TENANT, Manifest
from memorybank.fleet.kubernetes.view import backup_line, condition
from memorybank.fleet.kubernetes.waiting import OPERATOR_HINT
from memorybank.fleet.target import Answer, BackupWish, Say
from memorybank.fleet.waiting import until


def back_up(cluster: Cluster, name: str, wish: BackupWish, *, seconds: float, wait: bool, say: Say) -> Answer:
    tenant = cluster.get(TENANT, name)
    refuse_if_it_cannot_be(tenant, wish)
    backup = wish.name or f"{name}-{datetime.now(UTC):%y%m%d%H%M%S}"
    spec: dict[str, Any] = {"tenantRef": {"name": name}}
    if wish.destination is not None:
        spec["destination"] = dict(wish.destination)
    if wish.encryption is not None:
        spec["encryptionKeySecretRef"] = dict(wish.encryption)
    body = {"metadata": {"name": backup, "namespace": cluster.namespace}, "spec": spec}
    try:
        made = cluster.create(BACKUP, body)
    except ExistsAlreadyError:
        raise RefusedError(
            f"a backup {backup} exists already in namespace {cluster.namespace}: choose another --name"
        ) from None
    return backup_line(_whole(cluster, made, seconds, say) if wait else made)


def backups(cluster: Cluster, tenant: str | None, *, everywhere: bool) -> Sequence[Answer]:
    found = cluster.all(BACKUP, everywhere=everywhere)
    lines = [backup_line(one) for one in found if tenant in (None, one["spec"]["tenantRef"]["name"])]
    return sorted(lines, key=lambda one: (one["namespace"], one["tenant_id"], one["created_at"], one["backup"]))


def refuse_if_it_cannot_be(tenant: Manifest, wish: BackupWish) -> None:
    name, spec = tenant["metadata"]["name"], tenant["spec"]
    if wish.destination is None and not spec.get("backup"):
        raise RefusedError(
            f"tenant {name} has no spec.backup: say where to with --claim or --destination, or give it a spec.backup"
        )
    if spec.get("hibernate"):
        raise RefusedError(f"tenant {name} sleeps, and cannot be backed up: memorybank wake {name}")
    if spec.get("paused"):
        raise RefusedError(f"tenant {name} is paused, and would not be backed up: memorybank resume {name}")


def _whole(cluster: Cluster, made: Manifest, seconds: float, say: Say) -> Manifest:
    """The backup once it is whole. Raises RefusedError with its reason where it has failed."""
    name = made["metadata"]["name"]
    newest = made

    def look() -> Manifest | None:
        nonlocal newest
        newest = cluster.get(BACKUP, name)
        phase, said = (newest.get("status") or {}).get("phase"), condition(newest, "Complete")
        if phase == "Completed":
            return newest
        if phase == "Failed":
            raise RefusedError(f"the backup {name} failed ({said.get('reason')}): {said.get('message')}")
        say(f"backup {name}: {said.get('message', 'waiting for the operator')}")
        return None

    def late() -> str:
        said = condition(newest, "Complete").get("message")
        return f"the backup {name} goes on, and is not whole yet: {said or OPERATOR_HINT}"

    return until(look, seconds, late)
