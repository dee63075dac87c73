"""From what was observed of a tenant's objects to its status; pure.

`Ready`, `Reconciling` and `Stalled` follow kstatus: a tool that waits for an object needs to know no more of it.
"""

import datetime
from collections.abc import Mapping
from typing import Any

import msgspec

from memorybank_operator.api.quantity import parse_quantity
from memorybank_operator.api.shared import LocalReference
from memorybank_operator.api.status import (
    Condition,
    ConditionType,
    KeyRotation,
    MemoryCounts,
    Phase,
    Problem,
    Reason,
    RolloutStatus,
    StorageStatus,
    TenantStatus,
)
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.growth import at_max, grown_to
from memorybank_operator.kinds import DEPLOYMENT, HTTP_ROUTE, INGRESS, VOLUME_CLAIM, Kind
from memorybank_operator.measured import Reading
from memorybank_operator.pods import pod_state

Manifest = dict[str, Any]

IN_PROGRESS = frozenset(
    {
        Reason.POD_STARTING,
        Reason.VOLUME_PENDING,
        Reason.VOLUME_GROWING,
        Reason.ROUTE_PENDING,
        Reason.PROGRESSING,
        Reason.WAITING,
        Reason.ROLLOUT_QUEUED,
        Reason.ROLLOUT_PAUSED,
    }
)
"""Reasons that are no fault of this tenant's, and need nothing done to it; with others it is degraded."""


class Verdict(msgspec.Struct, frozen=True):
    """A condition without its times. `status` None: unknown."""

    status: bool | None
    reason: Reason
    message: str


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen of a tenant's objects, and what the API server refused of them."""

    children: Mapping[Kind, Manifest]
    pods: tuple[Manifest, ...] = ()
    secret_problems: tuple[Problem, ...] = ()
    refusals: tuple[Problem, ...] = ()
    hostname_free: bool = True
    gateway_api: bool = False
    endpoint: str
    key_secret: str
    image: str
    default_image: str
    reading: Reading | None = None
    key_rotation: KeyRotation | None = None
    keys_note: str = ""
    rollout: RolloutStatus | None = None
    held: Problem | None = None
    """Why the tenant does not run the image that is wanted."""


def observe(tenant: Tenant, observed: Observed, now: datetime.datetime) -> TenantStatus:
    """The status that the tenant should have."""
    secrets = _secrets(observed.secret_problems, observed.keys_note)
    storage = _storage(tenant, observed)
    access = _access(tenant, observed)
    available = _available(tenant, observed)
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
    return TenantStatus(
        observed_generation=tenant.metadata.generation,
        phase=_phase(tenant, ready, stalled, available, observed),
        endpoint=observed.endpoint,
        api_key_secret_ref=LocalReference(name=observed.key_secret),
        image=observed.image,
        default_image=observed.default_image,
        rollout=observed.rollout,
        memories=_memories(tenant.status.memories, observed.reading),
        key_rotation=observed.key_rotation,
        storage=_volume(tenant, observed.children.get(VOLUME_CLAIM), observed.reading),
        conditions=conditions(tenant, verdicts, now),
    )


def _memories(shown: MemoryCounts | None, reading: Reading | None) -> MemoryCounts | None:
    if reading is None:
        return shown
    if shown is None or _moved(shown.active, reading.active) or _moved(shown.faded, reading.faded):
        return MemoryCounts(active=reading.active, faded=reading.faded)
    return shown


def _volume(tenant: Tenant, claim: Manifest | None, reading: Reading | None) -> StorageStatus | None:
    shown, capacity = tenant.status.storage, _capacity(claim)
    if capacity is None:
        return None
    used = shown.used_bytes if shown is not None else None
    if reading is not None and _moved(used, reading.used_bytes):
        used = reading.used_bytes
    return StorageStatus(capacity=capacity, used_bytes=used, grown_to=grown_to(tenant, claim, reading))


def _moved(shown: int | None, read: int) -> bool:
    """Whether a figure is worth a write: it is new, or another by over 5 %."""
    return shown is None or abs(read - shown) * 20 > shown


def conditions(tenant: Tenant, verdicts: Mapping[ConditionType, Verdict], now: datetime.datetime) -> list[Condition]:
    """The conditions with their times: a time changes only when the status does."""
    before = {condition.type: condition for condition in tenant.status.conditions}
    made = []
    for kind, verdict in verdicts.items():
        status = {True: "True", False: "False", None: "Unknown"}[verdict.status]
        known = before.get(kind)
        since = (
            known.last_transition_time
            if known is not None and known.status == status
            else now.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        )
        made.append(
            Condition(
                type=kind,
                status=status,
                reason=verdict.reason,
                message=verdict.message,
                last_transition_time=since,
                observed_generation=tenant.metadata.generation,
            )
        )
    return made


def _secrets(problems: tuple[Problem, ...], note: str) -> Verdict:
    if problems:
        return Verdict(False, problems[0].reason, "; ".join(problem.message for problem in problems))
    return Verdict(True, Reason.SECRETS_PRESENT, f"All Secrets are there. {note}".strip())


def _capacity(claim: Manifest | None) -> str | None:
    found: str | None = ((claim or {}).get("status") or {}).get("capacity", {}).get("storage")
    return found


def _storage(tenant: Tenant, observed: Observed) -> Verdict:
    claim = observed.children.get(VOLUME_CLAIM)
    name, namespace = tenant.metadata.name, tenant.metadata.namespace
    if claim is None:
        return Verdict(False, Reason.VOLUME_PENDING, "The volume claim is not made yet.")
    phase = (claim.get("status") or {}).get("phase")
    if phase == "Lost":
        message = f"The volume behind the claim {name} is lost: restore a backup into a new tenant."
        return Verdict(False, Reason.VOLUME_LOST, message)
    capacity = _capacity(claim)
    if phase != "Bound" or capacity is None:
        message = f"The volume is not bound yet; if it stays so: kubectl describe pvc {name} -n {namespace}"
        return Verdict(False, Reason.VOLUME_PENDING, message)
    return _size(tenant, observed, claim, capacity)


def _size(tenant: Tenant, observed: Observed, claim: Manifest, capacity: str) -> Verdict:
    for refusal in observed.refusals:
        if refusal.reason is Reason.VOLUME_NOT_EXPANDABLE:
            return Verdict(False, refusal.reason, refusal.message)
    asked = claim["spec"]["resources"]["requests"]["storage"]
    if parse_quantity(capacity) < parse_quantity(asked):
        return Verdict(True, Reason.VOLUME_GROWING, f"The volume grows from {capacity} to {asked}.")
    full = at_max(tenant, claim, observed.reading)
    if full is not None:
        return Verdict(True, Reason.VOLUME_AT_MAX, full)
    return Verdict(True, Reason.VOLUME_BOUND, f"The volume has {capacity}.")


def _access(tenant: Tenant, observed: Observed) -> Verdict:
    way, hostname = tenant.spec.access.type, tenant.spec.hostname
    if way == "None" or hostname is None:
        why = "spec.access.type is None" if way == "None" else "spec.hostname is not given"
        return Verdict(True, Reason.NOT_EXPOSED, f"Reached within the cluster only: {why}.")
    if not observed.hostname_free:
        message = f"The host name {hostname} belongs to an older tenant: choose another in spec.hostname."
        return Verdict(False, Reason.HOSTNAME_TAKEN, message)
    if way == "Ingress":
        if INGRESS in observed.children:
            return Verdict(True, Reason.ROUTED, f"An Ingress leads {hostname} here.")
        return Verdict(False, Reason.ROUTE_PENDING, "The Ingress is not made yet.")
    if not observed.gateway_api:
        message = "The cluster has no Gateway API: install it, or set spec.access.type to Ingress."
        return Verdict(False, Reason.GATEWAY_API_MISSING, message)
    return _route(hostname, observed.children.get(HTTP_ROUTE))


def _route(hostname: str, route: Manifest | None) -> Verdict:
    parents = ((route or {}).get("status") or {}).get("parents") or []
    told = [condition for parent in parents for condition in parent.get("conditions") or []]
    refused = next((condition for condition in told if condition["status"] == "False"), None)
    if refused is not None:
        message = f"The Gateway refuses the route ({refused['reason']}): {refused.get('message', '')}"
        return Verdict(False, Reason.ROUTE_REJECTED, message)
    if not any(condition["type"] == "Accepted" for condition in told):
        message = f"No Gateway has accepted the route for {hostname} yet: check spec.access.gateway.parentRefs."
        return Verdict(False, Reason.ROUTE_PENDING, message)
    return Verdict(True, Reason.ROUTED, f"A Gateway leads {hostname} here.")


def _available(tenant: Tenant, observed: Observed) -> Verdict:
    if tenant.spec.hibernate:
        return Verdict(False, Reason.HIBERNATED, "The tenant sleeps: set spec.hibernate to false to wake it.")
    status = (observed.children.get(DEPLOYMENT) or {}).get("status") or {}
    if status.get("readyReplicas", 0) >= 1:
        return Verdict(True, Reason.POD_READY, "The tenant answers requests.")
    state = _refused_pod(observed, status) or pod_state(observed.pods, tenant)
    return Verdict(False, state.reason, state.message)


def _refused_pod(observed: Observed, status: Manifest) -> Problem | None:
    """Why the API server takes no pod (a quota, a policy), where there is none."""
    if observed.pods:
        return None
    told = {condition["type"]: condition for condition in status.get("conditions") or []}
    failure = told.get("ReplicaFailure")
    if failure is None or failure["status"] != "True":
        return None
    return Problem(Reason.REFUSED, f"The API server refuses the pod: {failure.get('message', 'no reason is given')}")


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
        return Verdict(False, Reason.TERMINATING, "The tenant is being deleted.")
    if tenant.spec.paused:
        return Verdict(None, Reason.PAUSED, "The operator leaves the tenant alone while spec.paused is true.")
    if stalled.status:
        return Verdict(False, stalled.reason, stalled.message)
    asleep = tenant.spec.hibernate
    # A sleeping tenant's volume may have to wait for its first pod.
    needed = [secrets, access] if asleep else [secrets, storage, access, available]
    for verdict in needed:
        if not verdict.status:
            return Verdict(False, verdict.reason, verdict.message)
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
    if ready.status or stalled.status or tenant.spec.paused:
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
