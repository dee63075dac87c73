"""Backups of one tenant, advanced by each look at it: those that somebody asked for, and those of its schedule.

A MemoryBankBackup goes through attempts, one Job each. Its status says which attempt is on before the Job is made, and
a Job has the attempt in its name: an operator that is killed in between makes no second one.
"""

import datetime
import functools
import logging
from collections.abc import Callable, Iterable
from typing import Any, Final, Self

import msgspec

from memorybank_operator.answers import Conflict, NotFound
from memorybank_operator.api.backup import Backup, BackupPhase
from memorybank_operator.api.names import API_VERSION, BACKUP_KIND
from memorybank_operator.api.shared import SecretKeyRef
from memorybank_operator.api.status import BackupsStatus, ConditionType, Reason
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.backups import attempts
from memorybank_operator.backups.attempts import HINDERED_SECONDS, Outcome, ended, hindrance, job_of, outcome, start
from memorybank_operator.backups.drilling import Drilling
from memorybank_operator.backups.schedule import NoScheduleError
from memorybank_operator.backups.scheduling import Scheduling
from memorybank_operator.backups.standing import (
    OVER,
    Target,
    admin_key,
    completed,
    final_name,
    is_final,
    ready,
    target_of,
    with_conditions,
)
from memorybank_operator.backups.writing import create, write
from memorybank_operator.cluster import Cluster
from memorybank_operator.desired import jobs
from memorybank_operator.events import tell
from memorybank_operator.kinds import BACKUP
from memorybank_operator.moments import utc
from memorybank_operator.observe.sight import Verdict
from memorybank_operator.seen import Seen, TenantKey

logger = logging.getLogger(__name__)

Manifest = dict[str, Any]

FINAL_ANNOTATION: Final = "memorybank.dev/final-backup-of"
"""The uid of the tenant that is being deleted."""


class View(msgspec.Struct, frozen=True, kw_only=True):
    """What a tenant's status says of its backups."""

    status: BackupsStatus | None = None
    verdict: Verdict | None = None
    """None: no backups are asked for, and nothing is said of them."""
    again: float | None = None
    first_asked_at: str | None = None
    """When the oldest backup there is was asked for; None: there is none."""

    @classmethod
    def as_it_was(cls, tenant: Tenant) -> Self:
        """Of a tenant whose backups were not looked at now."""
        told = next((one for one in tenant.status.conditions if one.type == ConditionType.BACKUP_READY), None)
        verdict = Verdict(told.status == "True", Reason(told.reason), told.message) if told is not None else None
        return cls(status=tenant.status.backups, verdict=verdict)


class BackingUp:
    """Takes and tries out backups, by Jobs."""

    def __init__(self, cluster: Cluster, seen: Seen) -> None:
        self._cluster, self._seen = cluster, seen
        self._scheduling = Scheduling(cluster, seen)
        self._drilling = Drilling(cluster, seen)

    async def look(self, key: TenantKey, tenant: Tenant, image: str, *, answers: bool, now: datetime.datetime) -> View:
        """`answers`: the tenant is there to be asked. Raises what the API server refuses for the moment."""
        waits: list[float | None] = []
        status = tenant.status.backups or BackupsStatus()
        mine = self._backups(key)
        plan = tenant.spec.backup
        verdict = None
        if plan is not None:
            try:
                status, again = await self._scheduling.look(tenant, status, mine, now)
                waits.append(again)
                status, again = await self._drilling.look(tenant, image, status, mine, now)
                waits.append(again)
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
        first = mine[0].metadata.creation_timestamp if mine else None
        return View(status=status, verdict=verdict, again=_soonest(waits), first_asked_at=first)

    async def last(
        self, key: TenantKey, tenant: Tenant, image: str, now: datetime.datetime
    ) -> tuple[Backup | None, float | None]:
        """Bring the final backup of a tenant that is being deleted one step on; how it stands then.

        None: somebody has deleted it just now.
        """
        name = final_name(tenant)
        for backup in self._backups(key):
            if backup.metadata.name != name and backup.status.phase not in OVER:
                message = f"The tenant is being deleted: its final backup {name} takes its place."
                await self._say(backup, "Failed", "TenantDeleted", message, now)
        if self._backup(key, name) is None:
            await create(self._cluster, self._seen, tenant, name, {FINAL_ANNOTATION: tenant.metadata.uid})
        again, found = None, self._backup(key, name)
        if found is not None and found.status.phase not in OVER:
            again = await self._advance(tenant, found, image, answers=False, now=now)
        return self._backup(key, name), again

    async def forsake(self, key: TenantKey, now: datetime.datetime) -> None:
        """There is no such tenant: what was to be backed up of it cannot be."""
        for backup in self._backups(key):
            if backup.status.phase not in OVER:
                message = f"There is no tenant {key.name} in this namespace."
                await self._say(backup, "Failed", "TenantNotFound", message, now)

    def _backup(self, key: TenantKey, name: str) -> Backup | None:
        return next((backup for backup in self._backups(key) if backup.metadata.name == name), None)

    def _backups(self, key: TenantKey) -> list[Backup]:
        """The oldest first."""
        found = [msgspec.convert(manifest, Backup) for manifest in self._seen.all_of(BACKUP, key)]
        return sorted(found, key=lambda one: (one.metadata.creation_timestamp, one.metadata.name))

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
        if not is_final(tenant, backup) and (tenant.spec.hibernate or not answers):
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
            left = came.told.get("notRemoved")
            message = f"It is whole. Older ones could not be removed: {left}" if left else "It is whole."
            whole = {"Complete": ("True", "Completed", message), "Failed": ("False", "Completed", "")}
            await write(self._cluster, self._seen, backup, with_conditions(status, now, backup, **whole))
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
        if admin is None and not is_final(tenant, backup):
            message = "No API key of the tenant has the scope admin: add one to spec.apiKeys."
            await self._say(backup, "Pending", "AdminKeyMissing", message, now)
            return None
        started = backup.status.started_at or utc(now)
        status = msgspec.structs.replace(backup.status, phase="Running", attempts=number, started_at=started)
        running = {"Complete": ("False", *_on(number))}
        if not await write(self._cluster, self._seen, backup, with_conditions(status, now, backup, **running)):
            return None
        wanted = _job(tenant, backup, target, number, image, admin)
        if refused := await start(self._cluster, self._seen, wanted):
            await self._say(msgspec.structs.replace(backup, status=status), "Running", "Refused", refused, now)
        return HINDERED_SECONDS

    async def _watch_over(self, backup: Backup, job: Manifest, now: datetime.datetime) -> float:
        made = datetime.datetime.fromisoformat(job["metadata"]["creationTimestamp"])
        waits = (now - made).total_seconds() >= HINDERED_SECONDS
        why = await hindrance(self._cluster, job) if waits else ""
        reason, message = ("PodNotRunning", f"Its pod does not run: {why}") if why else _on(backup.status.attempts or 1)
        running = {"Complete": ("False", reason, message)}
        await write(self._cluster, self._seen, backup, with_conditions(backup.status, now, backup, **running))
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
        await write(
            self._cluster,
            self._seen,
            backup,
            with_conditions(status, now, backup, Complete=("False", reason, message), Failed=failed),
        )


def _job(
    tenant: Tenant, backup: Backup, target: Target, number: int, image: str, admin: SecretKeyRef | None
) -> Manifest:
    """Without a key of the tenant's: its final backup, which ends no other."""
    name, uid, plan = backup.metadata.name, backup.metadata.uid, tenant.spec.backup
    owner = {"apiVersion": API_VERSION, "kind": BACKUP_KIND, "name": name, "uid": uid}
    is_last = number >= attempts.MOST
    make: Callable[..., Manifest] = jobs.final
    if admin is not None and not is_final(tenant, backup):
        own = plan is not None and backup.spec.destination is None
        make = functools.partial(jobs.take, admin_key=admin, retention=plan.retention if plan and own else None)
    return make(tenant, image, f"{name}-{number}", owner, target.destination, target.seal, key=uid, is_last=is_last)


def _on(number: int) -> tuple[str, str]:
    return "Running", f"Attempt {number} is on."


def _soonest(waits: Iterable[float | None]) -> float | None:
    return min((one for one in waits if one is not None), default=None)
