"""What a tenant begins with: a backup is put into its volume before its first pod starts."""

import datetime
from typing import Any, Final

import msgspec

from memorybank_operator.api.backup import Backup, Destination
from memorybank_operator.api.shared import SecretKeyRef
from memorybank_operator.api.status import Problem, Reason, RestoredStatus
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.backups import attempts
from memorybank_operator.backups.attempts import HINDERED_SECONDS, Outcome, ended, hindrance, job_of, outcome, start
from memorybank_operator.cluster import Cluster
from memorybank_operator.desired import jobs
from memorybank_operator.desired.context import owner_reference
from memorybank_operator.events import tell
from memorybank_operator.kinds import BACKUP
from memorybank_operator.seen import Seen, TenantKey

Manifest = dict[str, Any]

WAIT_SECONDS = 10.0
"""Between two looks at a backup that is not whole yet, of which nothing tells this tenant."""


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """How it stands; `problem` until it is done."""

    done: RestoredStatus | None = None
    problem: Problem | None = None
    again: float | None = None


_UNDER_WAY: Final = Restored(
    problem=Problem(Reason.RESTORING, "The memories are being restored."), again=HINDERED_SECONDS
)


class _Source(msgspec.Struct, frozen=True):
    destination: Destination
    seal: SecretKeyRef | None
    id: str


class Restoring:
    """Restores, by a Job that has the volume to itself."""

    def __init__(self, cluster: Cluster, seen: Seen) -> None:
        self._cluster, self._seen = cluster, seen

    @staticmethod
    def is_due(tenant: Tenant) -> bool:
        """Whether the tenant's volume has yet to get a backup."""
        return tenant.spec.restore_from is not None and tenant.status.restored is None

    async def look(  # noqa: PLR0911 (a list of cases)
        self, key: TenantKey, tenant: Tenant, image: str, now: datetime.datetime
    ) -> Restored:
        if not self.is_due(tenant):
            return Restored(done=tenant.status.restored)
        source = self._source(tenant)
        if isinstance(source, Restored):
            return source
        number, job = self._last(key, tenant.metadata.uid)
        if job is None:
            return await self._start(tenant, image, source, 1)
        condition = ended(job)
        if condition is None:
            return await self._waiting(job, now)
        came = await outcome(self._cluster, job, condition)
        if came.succeeded:
            return await self._done(tenant, came)
        problem = Problem(Reason.RESTORE_FAILED, f"The restore failed: {came.message}")
        left = (datetime.datetime.fromisoformat(came.at) + attempts.pause(number) - now).total_seconds()
        if came.hopeless or number >= attempts.MOST:
            return Restored(problem=problem)
        if left > 0:
            return Restored(problem=problem, again=left + 0.1)
        return await self._start(tenant, image, source, number + 1)

    async def _done(self, tenant: Tenant, came: Outcome) -> Restored:
        told = came.told
        done = RestoredStatus(location=told["location"], taken_at=told.get("takenAt"), memories=told.get("memories"))
        message = f"{done.memories} memories of {done.taken_at} were restored from {done.location}."
        await tell(self._cluster, tenant, "Restored", message)
        return Restored(done=done, again=0.0)

    def _source(self, tenant: Tenant) -> _Source | Restored:
        asked = tenant.spec.restore_from
        assert asked is not None  # noqa: S101 (looked at before)
        if asked.backup_name is None:
            assert asked.destination is not None  # noqa: S101 (the resource's own rule)
            return _Source(asked.destination, asked.encryption_key_secret_ref, asked.id or "")
        found = self._seen.child(BACKUP, TenantKey(tenant.metadata.namespace, asked.backup_name))
        if found is None:
            message = (
                f"There is no MemoryBankBackup {asked.backup_name} in this namespace. Where the volume has its memories"
                " already, make the tenant without restoreFrom."
            )
            return Restored(problem=Problem(Reason.RESTORE_FAILED, message), again=WAIT_SECONDS)
        backup = msgspec.convert(found, Backup)
        status = backup.status
        if status.phase == "Failed" or (status.phase == "Completed" and (status.destination is None or not status.id)):
            message = f"The backup {asked.backup_name} has failed: name another in a new tenant."
            return Restored(problem=Problem(Reason.RESTORE_FAILED, message))
        if status.destination is None or status.id is None:
            message = f"The backup {asked.backup_name} is not whole yet."
            return Restored(problem=Problem(Reason.RESTORING, message), again=WAIT_SECONDS)
        seal = asked.encryption_key_secret_ref or status.encryption_key_secret_ref
        return _Source(status.destination, seal, status.id)

    def _last(self, key: TenantKey, uid: str) -> tuple[int, Manifest | None]:
        for number in range(attempts.MOST, 0, -1):
            if (job := job_of(self._seen, key.namespace, f"{key.name}-restore-{number}", uid)) is not None:
                return number, job
        return 0, None

    async def _start(self, tenant: Tenant, image: str, source: _Source, number: int) -> Restored:
        under, _, backup_id = source.id.rpartition("/")
        job = jobs.restore(
            tenant,
            image,
            f"{tenant.metadata.name}-restore-{number}",
            owner_reference(tenant),
            source.destination,
            source.seal,
            under=under,
            backup_id=backup_id,
        )
        if refused := await start(self._cluster, self._seen, job):
            return Restored(problem=Problem(Reason.RESTORE_FAILED, refused), again=HINDERED_SECONDS)
        return _UNDER_WAY

    async def _waiting(self, job: Manifest, now: datetime.datetime) -> Restored:
        made = datetime.datetime.fromisoformat(job["metadata"]["creationTimestamp"])
        if (now - made).total_seconds() >= HINDERED_SECONDS and (why := await hindrance(self._cluster, job)):
            problem = Problem(Reason.RESTORING, f"The pod that restores does not run: {why}")
            return Restored(problem=problem, again=HINDERED_SECONDS)
        return _UNDER_WAY
