"""What Prometheus reads of a tenant's backups."""

import datetime
from collections.abc import Iterator

import pytest
from prometheus_client import REGISTRY

from memorybank_operator.api.status import BackupsStatus, Reason
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.backups import View, figures
from memorybank_operator.observe.sight import Verdict
from memorybank_operator.seen import TenantKey

from .tenants import tenant

KEY = TenantKey("customers", "customer1")
NIGHTLY = {"destination": {"pvc": {"claimName": "backups"}}, "schedule": "0 3 * * *"}


def unix(text: str) -> float:
    return datetime.datetime.fromisoformat(text).timestamp()


def told(name: str) -> float | None:
    labels = {"tenant_namespace": KEY.namespace, "tenant": KEY.name}
    return REGISTRY.get_sample_value(f"memorybank_operator_{name}", labels)


@pytest.fixture(autouse=True)
def _none_left() -> Iterator[None]:
    yield
    figures.forget(KEY)


def tell(one: Tenant, view: View) -> None:
    figures.tell(KEY, one, view)


def test_the_next_one_is_due_at_the_first_time_of_the_schedule_after_the_last() -> None:
    status = BackupsStatus(last_completed_at="2027-01-15T03:00:40Z")
    tell(tenant(backup=NIGHTLY), View(status=status, verdict=Verdict(True, Reason.BACKED_UP, "")))
    assert told("backup_completed_timestamp_seconds") == unix("2027-01-15T03:00:40Z")
    assert told("backup_due_timestamp_seconds") == unix("2027-01-16T03:00:00Z")
    assert (told("backup_failed"), told("restore_drill_failed")) == (0, 0)


def test_one_that_was_never_whole_is_due_since_it_was_asked_for() -> None:
    view = View(
        status=BackupsStatus(),
        verdict=Verdict(False, Reason.BACKUP_FAILED, ""),
        first_asked_at="2027-01-15T03:00:00Z",
    )
    tell(tenant(backup=NIGHTLY), view)
    assert told("backup_completed_timestamp_seconds") == 0
    assert told("backup_due_timestamp_seconds") == unix("2027-01-15T03:00:00Z")
    assert told("backup_failed") == 1


def test_nothing_is_due_without_a_schedule_nor_of_one_that_sleeps_nor_before_the_first() -> None:
    status = BackupsStatus(last_completed_at="2027-01-15T03:00:40Z")
    tell(tenant(backup=NIGHTLY), View(status=status))
    assert told("backup_due_timestamp_seconds") is not None
    tell(tenant(backup=NIGHTLY, hibernate=True), View(status=status))
    assert told("backup_due_timestamp_seconds") is None
    tell(tenant(backup={"destination": NIGHTLY["destination"]}), View(status=status))
    assert told("backup_due_timestamp_seconds") is None
    tell(tenant(backup=NIGHTLY), View(status=BackupsStatus()))
    assert told("backup_due_timestamp_seconds") is None


def test_a_drill_that_failed_is_told() -> None:
    tell(tenant(backup=NIGHTLY), View(status=BackupsStatus(drill_failed="39 of 40")))
    assert told("restore_drill_failed") == 1


def test_a_tenant_without_backups_and_one_that_is_gone_have_none() -> None:
    tell(tenant(backup=NIGHTLY), View(status=BackupsStatus(last_completed_at="2027-01-15T03:00:40Z")))
    tell(tenant(), View())
    for name in ("backup_completed_timestamp_seconds", "backup_due_timestamp_seconds", "backup_failed"):
        assert told(name) is None
