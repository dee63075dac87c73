"""Backups of one tenant, advanced by each look at it: those that somebody asked for, and those of its schedule.

A MemoryBankBackup goes through attempts, one Job each. Its status says which attempt is on before the Job is made, and
a Job has the attempt in its name: an operator that is killed in between makes no second one.
"""

import datetime
import logging
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from memorybank_operator.answers import Conflict, NamespaceTerminating, NotFound, Refused
from memorybank_operator.api.backup import Backup, BackupPhase, BackupStatus
from memorybank_operator.api.names import API_VERSION, BACKUP_KIND, child_labels
from memorybank_operator.api.status import BackupsStatus, Reason
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.backups import attempts
from memorybank_operator.backups.attempts import Outcome, ended, hindrance, job_of, outcome, start
from memorybank_operator.backups.schedule import NoScheduleError, due, text
from memorybank_operator.backups.standing import OVER, Target, admin_key, completed, ready, target_of, with_conditions
from memorybank_operator.cluster import Cluster
from memorybank_operator.desired import jobs
from memorybank_operator.desired.context import given, owner_reference
from memorybank_operator.events import tell
from memorybank_operator.kinds import BACKUP
from memorybank_operator.observe.sight import Verdict
from memorybank_operator.seen import Seen, TenantKey

logger = logging.getLogger(__name__)

Manifest = dict[str, Any]

HINDERED_SECONDS = 30.0
"""So long a Job may go on before its pod is looked at."""
SCHEDULED_ANNOTATION: Final = "memorybank.dev/scheduled-at"


class View(msgspec.Struct, frozen=True, kw_only=True):
    """What a tenant's status says of its backups."""

    status: BackupsStatus | None = None
    verdict: Verdict | None = None
    """None: no backups are asked for, and nothing is said of them."""
    again: float | None = None


class BackingUp:
    """Takes and tries out backups, by Jobs."""

    def __init__(self, cluster: Cluster, seen: Seen) -> None:
        self._cluster, self._seen = cluster, seen

    async def look(self, key: TenantKey, tenant: Tenant, image: str, *, answers: bool, now: datetime.datetime) -> View:
        """`answers`: the tenant is there to be asked. Raises what the API server refuses for the moment."""
        waits: list[float | None] = []
        status = tenant.status.backups or BackupsStatus()
        mine = self._backups(key)
        plan = tenant.spec.backup
        verdict = None
        if plan is not None:
            try:
                status = await self._schedule(key, tenant, status, mine, now, waits)
                status = await self._drill(key, tenant, image, status, mine, now, waits)
            except NoScheduleError as error:
                verdict = Verdict(False, Reason.INVALID_SPEC, f"spec.backup: {error}")
            mine = self._backups(key)
        under_way = [backup for backup in mine if backup.status.phase not in OVER]
        for backup in under_way[:1]:
            waits.append(await self._advance(tenant, backup, image, answers=answers, now=now))
        for backup in under_way[1:]:
            await self._say(backup, "Pending", "Waiting", f"It waits for the backup {under_way[0].metadata.name}.", now)
        mine = self._backups(key)
        if plan is None:
            return View(again=_soonest(waits))
        last = max((backup.status.completed_at or "" for backup in mine), default="")
        status = msgspec.structs.replace(status, last_completed_at=last or status.last_completed_at)
        verdict = verdict or ready(status, mine, has_schedule=plan.schedule is not None)
        return View(status=status, verdict=verdict, again=_soonest(waits))

    async def forsake(self, key: TenantKey, now: datetime.datetime) -> None:
        """There is no such tenant: what was to be backed up of it cannot be."""
        for backup in self._backups(key):
            if backup.status.phase not in OVER:
                message = f"There is no tenant {key.name} in this namespace."
                await self._say(backup, "Failed", "TenantNotFound", message, now)

    def _backups(self, key: TenantKey) -> list[Backup]:
        """The oldest first."""
        found = [msgspec.convert(manifest, Backup) for kind, manifest in self._seen.children(key) if kind is BACKUP]
        return sorted(found, key=lambda one: (one.metadata.creation_timestamp, one.metadata.name))

    async def _schedule(
        self,
        key: TenantKey,
        tenant: Tenant,
        status: BackupsStatus,
        mine: list[Backup],
        now: datetime.datetime,
        waits: list[float | None],
    ) -> BackupsStatus:
        plan = tenant.spec.backup
        if plan is None or plan.schedule is None:
            return msgspec.structs.replace(status, plan=None)
        found = due(plan.schedule, status.plan, now)
        waits.append((found.next - now).total_seconds() + 1.0)
        if found.at is not None:
            if tenant.spec.hibernate:
                return status  # nothing changes while it sleeps; it is caught up with afterwards
            if all(backup.status.phase in OVER for backup in mine):
                if not await self._make(tenant, found.at):
                    waits.append(HINDERED_SECONDS)
                    return status  # it is still due
            else:
                logger.info("a scheduled backup is left out, as one is under way", extra={"reason": "BackupSkipped"})
        return msgspec.structs.replace(status, plan=found.plan)

    async def _make(self, tenant: Tenant, at: datetime.datetime) -> bool:
        """Whether the backup of this time is there."""
        metadata = tenant.metadata
        manifest = {
            "apiVersion": API_VERSION,
            "kind": BACKUP_KIND,
            "metadata": {
                "name": f"{metadata.name}-{at:%y%m%d%H%M}",
                "namespace": metadata.namespace,
                "labels": child_labels(metadata.name),
                "annotations": {SCHEDULED_ANNOTATION: text(at)},
            },
            "spec": {"tenantRef": {"name": metadata.name}},
        }
        try:
            self._seen.put(BACKUP, await self._cluster.create(BACKUP, manifest))
        except Conflict:
            return True  # made by the same time of the schedule already
        except NamespaceTerminating:
            raise
        except Refused as error:
            logger.warning("a scheduled backup is refused: %s", error, extra={"reason": "BackupRefused"})
            return False
        return True

    async def _drill(
        self,
        key: TenantKey,
        tenant: Tenant,
        image: str,
        status: BackupsStatus,
        mine: list[Backup],
        now: datetime.datetime,
        waits: list[float | None],
    ) -> BackupsStatus:
        plan = tenant.spec.backup
        if plan is None or plan.verify_schedule is None:
            return msgspec.structs.replace(status, drill=None, drill_failed=None, drill_job=None)
        found = due(plan.verify_schedule, status.drill, now)
        waits.append((found.next - now).total_seconds() + 1.0)
        if found.at is not None and any(backup.status.phase == "Completed" for backup in mine):
            name = f"{tenant.metadata.name}-drill-{found.at:%y%m%d%H%M}"
            owner, seal = owner_reference(tenant), plan.encryption_key_secret_ref
            wanted = jobs.drill(tenant, image, name, owner, plan.destination, seal)
            if refused := await start(self._cluster, self._seen, wanted):
                return msgspec.structs.replace(status, drill=found.plan, drill_failed=refused[:4096])
            status = msgspec.structs.replace(status, drill_job=name)
        status = msgspec.structs.replace(status, drill=found.plan)
        if status.drill_job is None:
            return status
        job = job_of(self._seen, tenant.metadata.namespace, status.drill_job, tenant.metadata.uid)
        condition = None if job is None else ended(job)
        if job is None or condition is None:
            gone = job is None and found.at is None
            return msgspec.structs.replace(status, drill_job=None) if gone else status
        came = await outcome(self._cluster, job, condition)
        status = msgspec.structs.replace(status, drill_job=None)
        if not came.succeeded:
            message = f"The restore drill failed: {came.message}"
            await tell(self._cluster, tenant, Reason.RESTORE_DRILL_FAILED, message, warning=True)
            return msgspec.structs.replace(status, drill_failed=came.message[:4096])
        for backup in mine:
            if (backup.status.id or "").endswith(f"/{came.told['id']}"):
                await self._write(
                    backup, with_conditions(backup.status, now, backup, Verified=("True", "Restored", came.at))
                )
        await tell(self._cluster, tenant, "BackupVerified", f"The backup {came.told['id']} was restored and asked.")
        return msgspec.structs.replace(status, drill_failed=None, last_verified_at=came.at)

    async def _advance(
        self, tenant: Tenant, backup: Backup, image: str, *, answers: bool, now: datetime.datetime
    ) -> float | None:
        """Bring one backup one step on; in how many seconds it wants to be looked at again."""
        target = target_of(tenant, backup)
        if target is None:
            message = "Neither spec.destination is given nor the tenant's spec.backup: say where to."
            await self._say(backup, "Failed", "DestinationMissing", message, now)
            return None
        number, metadata = backup.status.attempts or 0, backup.metadata
        job = job_of(self._seen, metadata.namespace, f"{metadata.name}-{number}", metadata.uid)
        if job is not None:
            condition = ended(job)
            if condition is None:
                return await self._watch_over(backup, job, now)
            came = await outcome(self._cluster, job, condition)
            again = await self._take_in(tenant, backup, target, number, came, now)
            if again is not None:
                return again
        if tenant.spec.hibernate or not answers:
            why = "it sleeps" if tenant.spec.hibernate else "it does not answer"
            message = f"The tenant cannot be backed up while {why}."
            await self._say(backup, backup.status.phase or "Pending", "TenantNotAvailable", message, now)
            return None
        if job is not None or backup.status.phase != "Running" or number == 0:
            number += 1
        return await self._try(tenant, backup, target, number, image, now)

    async def _take_in(
        self, tenant: Tenant, backup: Backup, target: Target, number: int, came: Outcome, now: datetime.datetime
    ) -> float | None:
        """What came of an attempt; None: it is time for another one."""
        name = backup.metadata.name
        if came.succeeded:
            status = completed(backup, came, target, tenant)
            whole = {"Complete": ("True", "Completed", "It is whole."), "Failed": ("False", "Completed", "")}
            await self._write(backup, with_conditions(status, now, backup, **whole))
            await tell(self._cluster, tenant, "BackupCompleted", f"The backup {name} is at {status.location}.")
            await self._remove(
                TenantKey(tenant.metadata.namespace, tenant.metadata.name), came.told.get("removed") or ()
            )
            return 0.0
        if came.hopeless or number >= attempts.MOST:
            await self._say(backup, "Failed", came.reason, came.message, now)
            message = f"The backup {name} failed: {came.message}"
            await tell(self._cluster, tenant, Reason.BACKUP_FAILED, message, warning=True)
            return 0.0
        left = (datetime.datetime.fromisoformat(came.at) + attempts.pause(number) - now).total_seconds()
        if left <= 0:
            return None
        if backup.status.phase != "Retrying":
            message = f"Attempt {number} of {attempts.MOST} at the backup {name} failed: {came.message}"
            await tell(self._cluster, tenant, "BackupRetried", message, warning=True)
        await self._say(backup, "Retrying", came.reason, came.message, now)
        return left + 0.1

    async def _try(
        self, tenant: Tenant, backup: Backup, target: Target, number: int, image: str, now: datetime.datetime
    ) -> float | None:
        """Begin an attempt; the status says so first."""
        admin = admin_key(tenant, now)
        if admin is None:
            message = "No API key of the tenant has the scope admin: add one to spec.apiKeys."
            await self._say(backup, "Pending", "AdminKeyMissing", message, now)
            return None
        started = backup.status.started_at or text(now)
        status = msgspec.structs.replace(backup.status, phase="Running", attempts=number, started_at=started)
        running = {"Complete": ("False", "Running", f"Attempt {number} is on.")}
        if not await self._write(backup, with_conditions(status, now, backup, **running)):
            return None
        name, uid = backup.metadata.name, backup.metadata.uid
        plan = tenant.spec.backup
        wanted = jobs.take(
            tenant,
            image,
            f"{name}-{number}",
            {"apiVersion": API_VERSION, "kind": BACKUP_KIND, "name": name, "uid": uid},
            target.destination,
            target.seal,
            admin,
            key=uid,
            retention=plan.retention if plan is not None and backup.spec.destination is None else None,
            is_last=number >= attempts.MOST,
        )
        if refused := await start(self._cluster, self._seen, wanted):
            await self._say(msgspec.structs.replace(backup, status=status), "Running", "Refused", refused, now)
        return HINDERED_SECONDS

    async def _watch_over(self, backup: Backup, job: Manifest, now: datetime.datetime) -> float:
        made = datetime.datetime.fromisoformat(job["metadata"]["creationTimestamp"])
        if (now - made).total_seconds() >= HINDERED_SECONDS:
            why = await hindrance(self._cluster, job)
            if why:
                await self._say(backup, "Running", "PodNotRunning", f"Its pod does not run: {why}", now)
        return HINDERED_SECONDS

    async def _remove(self, key: TenantKey, ids: Iterable[str]) -> None:
        """Objects of backups that are kept no longer."""
        gone = tuple(f"/{one}" for one in ids)
        for backup in self._backups(key):
            if gone and (backup.status.id or "").endswith(gone):
                metadata = backup.metadata
                try:
                    await self._cluster.delete(BACKUP, metadata.namespace, metadata.name, metadata.uid)
                except (NotFound, Conflict):
                    continue

    async def _say(self, backup: Backup, phase: BackupPhase, reason: str, message: str, now: datetime.datetime) -> None:
        status = msgspec.structs.replace(backup.status, phase=phase)
        failed = ("True" if phase == "Failed" else "False", reason, message)
        await self._write(
            backup, with_conditions(status, now, backup, Complete=("False", reason, message), Failed=failed)
        )

    async def _write(self, backup: Backup, status: BackupStatus) -> bool:
        """Whether the backup is still there."""
        if status == backup.status:
            return True
        metadata = backup.metadata
        manifest = {
            "apiVersion": API_VERSION,
            "kind": BACKUP_KIND,
            "metadata": {"name": metadata.name, "namespace": metadata.namespace, "uid": metadata.uid},
            "status": given(status),
        }
        try:
            self._seen.put(BACKUP, await self._cluster.apply(BACKUP, manifest, subresource="status"))
        except NotFound:
            return False
        return True


def _soonest(waits: Iterable[float | None]) -> float | None:
    return min((one for one in waits if one is not None), default=None)
