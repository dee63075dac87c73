"""How a backup stands: where it goes, and what is said of it; pure."""

import datetime
from typing import Final

import msgspec

from memorybank_operator.api.backup import Backup, BackupStatus, Destination
from memorybank_operator.api.names import api_key_secret
from memorybank_operator.api.shared import SecretKeyRef
from memorybank_operator.api.status import BackupsStatus, Condition, Reason
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.backups.attempts import Outcome
from memorybank_operator.desired.secrets import KEY_FIELD, api_keys
from memorybank_operator.moments import utc
from memorybank_operator.observe.sight import Verdict

OVER: Final = ("Completed", "Failed")


class Target(msgspec.Struct, frozen=True):
    """Where a backup goes, and the key that it is sealed with."""

    destination: Destination
    seal: SecretKeyRef | None


def ready(status: BackupsStatus, mine: list[Backup], *, has_schedule: bool) -> Verdict:
    """What the tenant's condition BackupReady says."""
    ended_ones = [backup for backup in mine if backup.status.phase in OVER]
    last = max(ended_ones, key=lambda one: one.metadata.creation_timestamp, default=None)
    if last is not None and last.status.phase == "Failed":
        why = next((one.message for one in last.status.conditions if one.type == "Failed"), "")
        return Verdict(False, Reason.BACKUP_FAILED, f"The backup {last.metadata.name} failed: {why}")
    retried = next((backup for backup in mine if backup.status.phase == "Retrying"), None)
    if retried is not None:
        why = next((one.message for one in retried.status.conditions if one.type == "Complete"), "")
        return Verdict(False, Reason.BACKUP_FAILED, f"The backup {retried.metadata.name} is tried again: {why}")
    if status.drill_failed is not None:
        return Verdict(False, Reason.RESTORE_DRILL_FAILED, f"The restore drill failed: {status.drill_failed}")
    if status.last_completed_at is None:
        waits = "the first comes by its schedule" if has_schedule else "make a MemoryBankBackup"
        return Verdict(False, Reason.BACKUP_PENDING, f"There is no backup yet: {waits}.")
    verified = f" A restore drill succeeded at {status.last_verified_at}." if status.last_verified_at else ""
    return Verdict(True, Reason.BACKED_UP, f"The last backup was whole at {status.last_completed_at}.{verified}")


def final_name(tenant: Tenant) -> str:
    """Of the backup that is taken when the tenant is deleted: another one's of that name is another."""
    return f"{tenant.metadata.name}-final-{tenant.metadata.uid[:8]}"


def is_final(tenant: Tenant, backup: Backup) -> bool:
    return tenant.metadata.deletion_timestamp is not None and backup.metadata.name == final_name(tenant)


def target_of(tenant: Tenant, backup: Backup) -> Target | None:
    """Where a backup goes, and by which key: what it says itself, else the tenant's."""
    plan, spec = tenant.spec.backup, backup.spec
    if spec.destination is not None:
        return Target(spec.destination, spec.encryption_key_secret_ref)
    if plan is None:
        return None
    return Target(plan.destination, spec.encryption_key_secret_ref or plan.encryption_key_secret_ref)


def completed(backup: Backup, came: Outcome, target: Target, tenant: Tenant) -> BackupStatus:
    """The status of a backup that is whole."""
    told, metadata = came.told, tenant.metadata
    return msgspec.structs.replace(
        backup.status,
        phase="Completed",
        completed_at=came.at,
        taken_at=told.get("takenAt"),
        memories=told.get("memories"),
        bytes=told.get("bytes"),
        sha256=told.get("sha256"),
        location=told.get("location"),
        id=f"{metadata.namespace}/{metadata.name}/{told['id']}",
        destination=target.destination,
        encryption_key_secret_ref=target.seal,
    )


def with_conditions(
    status: BackupStatus, now: datetime.datetime, backup: Backup, **conditions: tuple[str, str, str]
) -> BackupStatus:
    """The status with these conditions (status, reason, message); a time changes only when the status does."""
    before = {one.type: one for one in status.conditions}
    for kind, (holds, reason, message) in conditions.items():
        known = before.get(kind)
        since = known.last_transition_time if known is not None and known.status == holds else utc(now)
        before[kind] = Condition(
            type=kind,
            status=holds,
            reason=reason,
            message=message,
            last_transition_time=since,
            observed_generation=backup.metadata.generation,
        )
    return msgspec.structs.replace(status, conditions=list(before.values()))


def admin_key(tenant: Tenant, now: datetime.datetime) -> SecretKeyRef | None:
    """Where the tenant's first key stands that opens what a backup needs."""
    for key in api_keys(tenant):
        open_still = key.expires_at is None or datetime.datetime.fromisoformat(key.expires_at) > now
        if "admin" in key.scopes and open_still:
            return key.secret_key_ref or SecretKeyRef(
                name=api_key_secret(tenant.metadata.name, key.name), key=KEY_FIELD
            )
    return None
