"""What Prometheus reads of backups: of tenants that have `spec.backup`, and of no others."""

import datetime

from cronsim import CronSim, CronSimError
from prometheus_client import Gauge

from memorybank_operator import metrics
from memorybank_operator.api.status import Reason
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.backups.backing_up import View
from memorybank_operator.seen import TenantKey

_MINUTE = datetime.timedelta(minutes=1)
_told: set[TenantKey] = set()
"""Of whom there is something to forget: most tenants are looked at often, and have no backups."""


def tell(key: TenantKey, tenant: Tenant, view: View) -> None:
    """Of a tenant that was looked at now."""
    plan, status = tenant.spec.backup, view.status
    if plan is None or status is None:
        forget(key)
        return
    _told.add(key)
    last = _moment(status.last_completed_at)
    reason = view.verdict.reason if view.verdict is not None else None
    _set(metrics.BACKUP_COMPLETED, key, last.timestamp() if last is not None else 0.0)
    _set(metrics.BACKUP_FAILED, key, float(reason is Reason.BACKUP_FAILED))
    _set(metrics.DRILL_FAILED, key, float(status.drill_failed is not None))
    due, since = None, last
    if last is None and (first := _moment(view.first_asked_at)) is not None:
        since = first - _MINUTE  # the time of the schedule that made it counts
    # While it sleeps, nothing is new to be backed up.
    if plan.schedule is not None and since is not None and not tenant.spec.hibernate:
        due = _first_after(plan.schedule, since)
    _set(metrics.BACKUP_DUE, key, None if due is None else due.timestamp())


def forget(key: TenantKey) -> None:
    if key not in _told:
        return
    _told.discard(key)
    for gauge in (metrics.BACKUP_COMPLETED, metrics.BACKUP_FAILED, metrics.DRILL_FAILED, metrics.BACKUP_DUE):
        _set(gauge, key, None)


def _set(gauge: Gauge, key: TenantKey, value: float | None) -> None:
    if value is None:
        gauge.remove(*key)
    else:
        gauge.labels(*key).set(value)


def _moment(text: str | None) -> datetime.datetime | None:
    return None if not text else datetime.datetime.fromisoformat(text)


def _first_after(schedule: str, since: datetime.datetime) -> datetime.datetime | None:
    try:
        return next(CronSim(schedule, since.astimezone(datetime.UTC)))
    except (CronSimError, StopIteration):
        return None
