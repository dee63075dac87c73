"""Backups by a schedule: each of its times makes a MemoryBankBackup."""

import datetime
import logging
from typing import Final

import msgspec

from memorybank_operator.answers import Conflict, NamespaceTerminating, Refused
from memorybank_operator.api.backup import Backup
from memorybank_operator.api.status import BackupsStatus
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.backups.attempts import HINDERED_SECONDS
from memorybank_operator.backups.schedule import due
from memorybank_operator.backups.standing import OVER
from memorybank_operator.backups.writing import create
from memorybank_operator.cluster import Cluster
from memorybank_operator.moments import utc
from memorybank_operator.seen import Seen

logger = logging.getLogger(__name__)

SCHEDULED_ANNOTATION: Final = "memorybank.dev/scheduled-at"


class Scheduling:
    def __init__(self, cluster: Cluster, seen: Seen) -> None:
        self._cluster, self._seen = cluster, seen

    async def look(
        self, tenant: Tenant, status: BackupsStatus, mine: list[Backup], now: datetime.datetime
    ) -> tuple[BackupsStatus, float | None]:
        """Make the backup that is due; answers how the schedule stands then, and in how many seconds to look again."""
        plan = tenant.spec.backup
        if plan is None or plan.schedule is None:
            return msgspec.structs.replace(status, plan=None), None
        found = due(plan.schedule, status.plan, now)
        if found.at is not None:
            if tenant.spec.hibernate:
                return status, None  # nothing changes while it sleeps; it is caught up with afterwards
            if any(backup.status.phase not in OVER for backup in mine):
                logger.info("a scheduled backup is left out, as one is under way", extra={"reason": "BackupSkipped"})
            elif not await self._make(tenant, found.at):
                return status, HINDERED_SECONDS  # it is still due
        return msgspec.structs.replace(status, plan=found.plan), (found.next - now).total_seconds() + 1.0

    async def _make(self, tenant: Tenant, at: datetime.datetime) -> bool:
        """Whether the backup of this time is there."""
        name = f"{tenant.metadata.name}-{at:%y%m%d%H%M}"
        try:
            await create(self._cluster, self._seen, tenant, name, {SCHEDULED_ANNOTATION: utc(at)})
        except Conflict:
            return True  # made by the same time of the schedule already
        except NamespaceTerminating:
            raise
        except Refused as error:
            logger.warning("a scheduled backup is refused: %s", error, extra={"reason": "BackupRefused"})
            return False
        return True
