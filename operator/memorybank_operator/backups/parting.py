"""`deletionPolicy: Snapshot`: a tenant that is deleted stays until its final backup is whole, then goes with its data.

The backup is taken of the volume when no pod has it any more: whatever was acknowledged is in it. Nothing but the
volume is needed for it, as with foreground deletion the garbage collector takes all that the tenant owns first.
"""

import datetime
import logging
from typing import Any, Final

import msgspec

from memorybank_operator.answers import Conflict, NamespaceTerminating, NotFound
from memorybank_operator.api.backup import Backup
from memorybank_operator.api.names import FINAL_BACKUP_FINALIZER
from memorybank_operator.api.status import Reason
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.backups.backing_up import BackingUp, View
from memorybank_operator.backups.restoring import Restoring
from memorybank_operator.backups.standing import final_name
from memorybank_operator.cluster import Cluster
from memorybank_operator.inheritance import bequeath
from memorybank_operator.kinds import BACKUP, DEPLOYMENT, JOB, POD, TENANT, VOLUME_CLAIM, Kind
from memorybank_operator.objects import object_from
from memorybank_operator.observe.sight import Verdict
from memorybank_operator.seen import Seen, TenantKey

logger = logging.getLogger(__name__)

Manifest = dict[str, Any]

WAY_OUT: Final = "set spec.deletionPolicy to Retain or Delete to go on without it"


def is_held(tenant: Tenant) -> bool:
    return FINAL_BACKUP_FINALIZER in tenant.metadata.finalizers


class Parting:
    """Holds tenants under Snapshot, and lets them go."""

    def __init__(self, cluster: Cluster, seen: Seen, backing_up: BackingUp) -> None:
        self._cluster, self._seen, self._backing_up = cluster, seen, backing_up

    async def hold(self, tenant: Tenant) -> None:
        """Of one that lives: whether it may go at once follows its policy."""
        wanted = tenant.spec.deletion_policy == "Snapshot"
        if wanted != is_held(tenant):
            await self._set(tenant, held=wanted)

    async def look(
        self, key: TenantKey, tenant: Tenant, image: str, served: frozenset[Kind], now: datetime.datetime
    ) -> View | None:
        """Of one that is being deleted and is held; None: it was let go."""
        verdict, again = None, None
        if tenant.spec.deletion_policy == "Snapshot":
            verdict, again = await self._kept(key, tenant, image, served, now)
        if verdict is not None:
            return View(status=tenant.status.backups, verdict=verdict, again=again)
        await self._remove_jobs(key, tenant)
        if tenant.spec.deletion_policy != "Retain":
            gone = msgspec.structs.replace(tenant.spec, deletion_policy="Delete")
            await bequeath(self._cluster, self._seen, msgspec.structs.replace(tenant, spec=gone))
        await self._set(tenant, held=False)
        return None

    async def _kept(
        self, key: TenantKey, tenant: Tenant, image: str, served: frozenset[Kind], now: datetime.datetime
    ) -> tuple[Verdict | None, float | None]:
        """What it is held for yet, None: for nothing; and in how many seconds to look again."""
        name = final_name(tenant)
        claim = self._seen.child(VOLUME_CLAIM, key) or {}
        if claim.get("status", {}).get("phase") in (None, "Pending") or Restoring.is_due(tenant):
            logger.info("nothing was ever stored: no final backup is taken", extra={"reason": "NothingStored"})
            return None, None
        if await self._runs(key):
            return _waits(f"The final backup {name} begins when the pod has ended."), None
        if BACKUP not in served:
            message = f"There is no final backup, as the cluster knows no MemoryBankBackup: install it, or {WAY_OUT}."
            return Verdict(False, Reason.BACKUP_FAILED, message), None
        try:
            backup, again = await self._backing_up.last(key, tenant, image, now)
        except NamespaceTerminating:
            logger.warning("the namespace is being deleted: no final backup can be taken", extra={"reason": "Leaving"})
            return None, None
        if backup is None:
            return _waits(f"The final backup {name} is about to begin."), again
        return _verdict(backup), again

    async def _runs(self, key: TenantKey) -> bool:
        """Whether a pod has the volume still; no other one comes."""
        deployment = self._seen.child(DEPLOYMENT, key)
        if deployment is not None and deployment["spec"].get("replicas") != 0:
            try:
                stopped = await self._cluster.merge(DEPLOYMENT, *key, {"spec": {"replicas": 0}})
            except NotFound:
                return True  # the garbage collector was faster; the watch is about to tell
            self._seen.answered(DEPLOYMENT, object_from(stopped))
        # One that was evicted stays there for ever, and has the volume no more.
        phases = {pod.get("status", {}).get("phase") for pod in self._seen.all_of(POD, key)}
        return bool(phases - {"Failed", "Succeeded"}) or bool((deployment or {}).get("status", {}).get("replicas"))

    async def _remove_jobs(self, key: TenantKey, tenant: Tenant) -> None:
        """Attempts at the final backup: a pod that has ended keeps a claim from being deleted, too."""
        name = final_name(tenant)
        for job in self._seen.all_of(JOB, key):
            owners = [owner["name"] for owner in job["metadata"].get("ownerReferences", [])]
            if owners == [name]:
                metadata = job["metadata"]
                try:
                    await self._cluster.delete(JOB, metadata["namespace"], metadata["name"], metadata["uid"])
                except (NotFound, Conflict):
                    continue

    async def _set(self, tenant: Tenant, *, held: bool) -> None:
        """Conflict: somebody has changed the tenant meanwhile; to be looked at again."""
        metadata = tenant.metadata
        others = [one for one in metadata.finalizers if one != FINAL_BACKUP_FINALIZER]
        wanted = [*others, FINAL_BACKUP_FINALIZER] if held else others
        patch = {"metadata": {"finalizers": wanted, "resourceVersion": metadata.resource_version}}
        try:
            answer = await self._cluster.merge(TENANT, metadata.namespace, metadata.name, patch)
        except NotFound:
            return
        if held:
            self._seen.answered(TENANT, object_from(answer))


def _verdict(backup: Backup) -> Verdict | None:
    """What keeps a tenant whose final backup this is; None: nothing more."""
    name, phase = backup.metadata.name, backup.status.phase
    said = next((one.message for one in backup.status.conditions if one.type == "Complete"), "")
    if phase == "Completed":
        return None
    if phase == "Failed":
        again = f"Delete the MemoryBankBackup {name} to have it tried again, or {WAY_OUT}."
        return Verdict(False, Reason.BACKUP_FAILED, f"The final backup failed: {said} {again}")
    if phase == "Retrying":
        return Verdict(False, Reason.BACKUP_FAILED, f"The final backup {name} is tried again: {said}")
    return _waits(f"The final backup {name} is being taken. {said}".strip())


def _waits(message: str) -> Verdict:
    return Verdict(False, Reason.BACKUP_PENDING, message)
