"""The whole status, summed up so that a tool that waits for an object needs to know no more of it.

`Ready`, `Reconciling` and `Stalled` follow kstatus.
"""

import datetime
from typing import Final

from memorybank_operator.api.names import FINAL_BACKUP_FINALIZER
from memorybank_operator.api.shared import LocalReference
from memorybank_operator.api.status import ConditionType, Phase, Reason, TenantStatus
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.kinds import DEPLOYMENT, VOLUME_CLAIM
from memorybank_operator.observe.access import access as access_verdict
from memorybank_operator.observe.available import available as available_verdict
from memorybank_operator.observe.conditions import conditions
from memorybank_operator.observe.figures import memories, volume
from memorybank_operator.observe.secrets import secrets as secrets_verdict
from memorybank_operator.observe.sight import Manifest, Observed, Verdict
from memorybank_operator.observe.storage import storage as storage_verdict

IN_PROGRESS: Final[frozenset[Reason]] = frozenset(
    {
        Reason.POD_STARTING,
        Reason.VOLUME_PENDING,
        Reason.VOLUME_GROWING,
        Reason.ROUTE_PENDING,
        Reason.PROGRESSING,
        Reason.WAITING,
        Reason.NODE_DRAINED,
        Reason.ROLLOUT_QUEUED,
        Reason.ROLLOUT_PAUSED,
        Reason.RESTORING,
    }
)
"""Reasons that are no fault of this tenant's, and need nothing done to it; with others it is degraded."""


def observe(tenant: Tenant, observed: Observed, now: datetime.datetime) -> TenantStatus:
    """The status that the tenant should have."""
    claim = observed.children.get(VOLUME_CLAIM)
    secrets = secrets_verdict(observed.secret_problems, observed.keys_note)
    storage = storage_verdict(tenant, observed)
    access = access_verdict(tenant, observed)
    available = available_verdict(tenant, observed, now)
    stalled = _stalled(observed, access, available)
    ready = _ready(tenant, stalled, secrets, storage, access, available, observed)
    reconciling = _reconciling(tenant, ready, stalled)
    verdicts = {
        ConditionType.READY: ready,
        ConditionType.AVAILABLE: available,
        ConditionType.RECONCILING: reconciling,
        ConditionType.STALLED: stalled,
        ConditionType.STORAGE_READY: storage,
        ConditionType.ACCESS_READY: access,
        ConditionType.SECRETS_READY: secrets,
    }
    if observed.backup_verdict is not None:
        verdicts[ConditionType.BACKUP_READY] = observed.backup_verdict
    return TenantStatus(
        observed_generation=tenant.metadata.generation,
        phase=_phase(tenant, ready, stalled, available, observed),
        endpoint=observed.endpoint,
        api_key_secret_ref=LocalReference(name=observed.key_secret),
        image=observed.image,
        default_image=observed.default_image,
        rollout=observed.rollout,
        key_rotation=observed.key_rotation,
        restored=observed.restored,
        backups=observed.backups,
        memories=memories(tenant.status.memories, observed.reading),
        storage=volume(tenant, claim, observed.reading),
        conditions=conditions(tenant, verdicts, now),
    )


def _stalled(observed: Observed, access: Verdict, available: Verdict) -> Verdict:
    if refusals := observed.refusals:
        return Verdict(True, refusals[0].reason, "; ".join(refusal.message for refusal in refusals))
    if access.reason in (Reason.HOSTNAME_TAKEN, Reason.ROUTE_REJECTED):
        return Verdict(True, access.reason, access.message)
    if observed.held is not None and observed.held.reason is Reason.ROLLED_BACK:
        neither = not available.status and available.reason not in IN_PROGRESS
        also = f" The former image does not answer either: {available.message}" if neither else ""
        return Verdict(True, Reason.ROLLED_BACK, observed.held.message + also)
    return Verdict(False, Reason.PROGRESSING, "Nothing stands in the way.")


def _rolled_out(deployment: Manifest | None) -> bool:
    if deployment is None:
        return False
    status, wanted = deployment.get("status") or {}, deployment["spec"]["replicas"]
    current = status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 0)
    counts = {status.get(count, 0) for count in ("replicas", "updatedReplicas", "readyReplicas")}
    return current and counts == {wanted}


def _ready(  # noqa: PLR0911 (a list of cases)
    tenant: Tenant,
    stalled: Verdict,
    secrets: Verdict,
    storage: Verdict,
    access: Verdict,
    available: Verdict,
    observed: Observed,
) -> Verdict:
    if tenant.metadata.deletion_timestamp:
        backup = observed.backup_verdict
        is_held = FINAL_BACKUP_FINALIZER in tenant.metadata.finalizers
        also = f" {backup.message}" if is_held and backup is not None else ""
        return Verdict(False, Reason.TERMINATING, f"The tenant is being deleted.{also}")
    if tenant.spec.paused:
        return Verdict(None, Reason.PAUSED, "The operator leaves the tenant alone while spec.paused is true.")
    if stalled.status:
        return Verdict(False, stalled.reason, stalled.message)
    asleep = tenant.spec.hibernate
    # A sleeping tenant's volume may have to wait for its first pod.
    needed = [secrets, access] if asleep else [secrets, storage, access, available]
    missing = [verdict for verdict in needed if not verdict.status]
    if missing:
        # A volume may wait for its pod, and a pod for its volume: what time alone does not cure comes first.
        first = next((verdict for verdict in missing if verdict.reason not in IN_PROGRESS), missing[0])
        return Verdict(False, first.reason, first.message)
    if observed.held is not None:
        return Verdict(False, observed.held.reason, observed.held.message)
    if not _rolled_out(observed.children.get(DEPLOYMENT)):
        return Verdict(False, Reason.PROGRESSING, "The pod is being replaced.")
    if asleep:
        return Verdict(True, Reason.HIBERNATED, "The tenant sleeps as asked; its volume, keys and routes stay.")
    if storage.reason is Reason.VOLUME_GROWING:
        return Verdict(False, storage.reason, storage.message)
    return Verdict(True, Reason.AS_DESIRED, "Everything is as the spec wants it.")


def _reconciling(tenant: Tenant, ready: Verdict, stalled: Verdict) -> Verdict:
    if ready.status or stalled.status or ready.status is None:
        return Verdict(False, ready.reason, "Nothing is being changed.")
    return Verdict(True, ready.reason, ready.message)


def _phase(tenant: Tenant, ready: Verdict, stalled: Verdict, available: Verdict, observed: Observed) -> Phase:
    if tenant.metadata.deletion_timestamp:
        return Phase.TERMINATING
    if tenant.spec.paused:
        return Phase.PAUSED
    if stalled.status:
        return Phase.DEGRADED if available.status else Phase.FAILED
    if ready.status:
        return Phase.HIBERNATED if tenant.spec.hibernate else Phase.READY
    if DEPLOYMENT not in observed.children or observed.secret_problems:
        return Phase.DEGRADED if available.status else Phase.PENDING
    return Phase.PROVISIONING if ready.reason in IN_PROGRESS else Phase.DEGRADED
