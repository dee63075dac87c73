"""Restore drills: at each time of a schedule a Job tries out the latest backup at the tenant's own destination."""

import datetime

import msgspec

from memorybank_operator.api.backup import Backup
from memorybank_operator.api.status import BackupsStatus, Reason
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.backups.attempts import Outcome, ended, job_of, outcome, start
from memorybank_operator.backups.schedule import due
from memorybank_operator.backups.standing import with_conditions
from memorybank_operator.backups.writing import write
from memorybank_operator.cluster import Cluster
from memorybank_operator.desired import jobs
from memorybank_operator.desired.context import owner_reference
from memorybank_operator.events import tell
from memorybank_operator.seen import Seen


class Drilling:
    """One drill at a time of each tenant; its name stands in the status until what came of it does."""

    def __init__(self, cluster: Cluster, seen: Seen) -> None:
        self._cluster, self._seen = cluster, seen

    async def look(
        self, tenant: Tenant, image: str, status: BackupsStatus, mine: list[Backup], now: datetime.datetime
    ) -> tuple[BackupsStatus, float | None]:
        """How it stands, and in how many seconds to look again. Raises NoScheduleError."""
        plan = tenant.spec.backup
        if plan is None or plan.verify_schedule is None:
            return msgspec.structs.replace(status, drill=None, drill_failed=None, drill_job=None), None
        found = due(plan.verify_schedule, status.drill, now)
        there = any(one.status.phase == "Completed" and one.status.destination == plan.destination for one in mine)
        status = msgspec.structs.replace(status, drill=found.plan)
        if found.at is not None and there:
            name = f"{tenant.metadata.name}-drill-{found.at:%y%m%d%H%M}"
            owner, seal = owner_reference(tenant), plan.encryption_key_secret_ref
            refused = await start(
                self._cluster, self._seen, jobs.drill(tenant, image, name, owner, plan.destination, seal)
            )
            failed = refused[:4096] or status.drill_failed
            status = msgspec.structs.replace(status, drill_job=name, drill_failed=failed)
        elif status.drill_job is not None:
            status = await self._ended(tenant, status, status.drill_job, mine, now)
        return status, (found.next - now).total_seconds() + 1.0

    async def _ended(
        self, tenant: Tenant, status: BackupsStatus, name: str, mine: list[Backup], now: datetime.datetime
    ) -> BackupsStatus:
        """What came of the drill, if it has ended."""
        job = job_of(self._seen, tenant.metadata.namespace, name, tenant.metadata.uid)
        if job is None:
            return msgspec.structs.replace(status, drill_job=None)
        condition = ended(job)
        if condition is None:
            return status
        came = await outcome(self._cluster, job, condition)
        status = msgspec.structs.replace(status, drill_job=None)
        if came.succeeded:
            await self._verified(tenant, came, mine, now)
            return msgspec.structs.replace(status, drill_failed=None, last_verified_at=came.at)
        message = f"The restore drill failed: {came.message}"
        await tell(self._cluster, tenant, Reason.RESTORE_DRILL_FAILED, message, warning=True)
        return msgspec.structs.replace(status, drill_failed=came.message[:4096])

    async def _verified(self, tenant: Tenant, came: Outcome, mine: list[Backup], now: datetime.datetime) -> None:
        told = ("True", "Restored", f"It was restored into a throw-away tenant at {came.at}, and asked.")
        for backup in mine:
            if (backup.status.id or "").endswith(f"/{came.told['id']}"):
                verified = with_conditions(backup.status, now, backup, Verified=told)
                await write(self._cluster, self._seen, backup, verified)
        await tell(self._cluster, tenant, "BackupVerified", f"The backup {came.told['id']} was restored and asked.")
