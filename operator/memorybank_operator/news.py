"""What changed between two states of a tenant's status, as events; pure.

Decided from the status that stood there and the one that takes its place, so that a restart repeats nothing. What time
alone cures is no news; at a tenant's creation there are two: that it is made, and that it is ready.
"""

from typing import Any, Final

from memorybank_operator.api.quantity import parse_quantity
from memorybank_operator.api.status import Condition, ConditionType, News, Reason, TenantStatus
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.observe import IN_PROGRESS

Manifest = dict[str, Any]

_NOBODYS_NEWS: Final = IN_PROGRESS | {Reason.TERMINATING, Reason.HIBERNATED}


def news(tenant: Tenant, after: TenantStatus, claim: Manifest | None) -> list[News]:
    """What is to be told when `after` takes the place of the tenant's status."""
    before = tenant.status
    first = before.observed_generation is None
    told = [_beginning(tenant, claim)] if first else _changes(before, after)
    ready = _ready(before, after)
    if ready is not None:
        told.append(ready)
    available = None if first else _available(before, after)
    if available is not None and available not in told:
        told.append(available)
    said = {one.reason for one in told}
    return [*told, *(one for one in _volume(before, after) if one.reason not in said)]


def _beginning(tenant: Tenant, claim: Manifest | None) -> News:
    name = tenant.metadata.name
    if claim is not None and claim["metadata"].get("creationTimestamp", "") < tenant.metadata.creation_timestamp:
        return News(
            "Adopted", f"The volume of the claim {name}, which an earlier tenant of that name left, is used again."
        )
    return News("Created", "The tenant's objects are made.")


def _changes(before: TenantStatus, after: TenantStatus) -> list[News]:
    told = []
    if before.image and after.image and before.image != after.image:
        told.append(News("ImageChanged", f"The image is changed from {before.image} to {after.image}."))
    had = before.storage.capacity if before.storage else None
    has = after.storage.capacity if after.storage else None
    if had and has and parse_quantity(had) < parse_quantity(has):
        told.append(News("VolumeGrown", f"The volume has grown from {had} to {has}."))
    slept, sleeps = (
        _condition(status, ConditionType.AVAILABLE).reason == Reason.HIBERNATED for status in (before, after)
    )
    if slept and not sleeps:
        told.append(News("Woken", "The tenant is woken: its pod starts."))
    return told


def _volume(before: TenantStatus, after: TenantStatus) -> list[News]:
    told = []
    known, grown = (status.storage.grown_to if status.storage else None for status in (before, after))
    if grown is not None and (known is None or parse_quantity(grown) > parse_quantity(known)):
        told.append(News("VolumeGrows", f"The volume is filling up: it is asked to grow to {grown}."))
    was, now = (_condition(status, ConditionType.STORAGE_READY) for status in (before, after))
    if now.reason in (Reason.VOLUME_AT_MAX, Reason.VOLUME_NOT_EXPANDABLE) and was.reason != now.reason:
        told.append(News(now.reason, now.message, warning=True))
    return told


def _ready(before: TenantStatus, after: TenantStatus) -> News | None:
    was, now = (_condition(status, ConditionType.READY) for status in (before, after))
    if (was.status, was.reason) == (now.status, now.reason):
        return None
    if now.status == "True":
        return News("Ready" if now.reason == Reason.AS_DESIRED else now.reason, now.message)
    if now.status == "Unknown":
        return News(now.reason, now.message)
    return None if now.reason in _NOBODYS_NEWS else News(now.reason, now.message, warning=True)


def _available(before: TenantStatus, after: TenantStatus) -> News | None:
    was, now = (_condition(status, ConditionType.AVAILABLE) for status in (before, after))
    if was.status in (now.status, ""):
        return None
    if now.status == "True":
        # Where nothing else is in the way, Ready follows and says it.
        ready = _condition(after, ConditionType.READY)
        silent = ready.status == "True" or ready.reason in IN_PROGRESS
        return None if silent else News(now.reason, now.message)
    if now.reason in (Reason.HIBERNATED, Reason.TERMINATING):
        return None
    return News(now.reason, now.message, warning=now.reason not in IN_PROGRESS)


def _condition(status: TenantStatus, kind: ConditionType) -> Condition:
    nothing = Condition(type=kind, status="", reason="", message="", last_transition_time="", observed_generation=0)
    return next((one for one in status.conditions if one.type == kind), nothing)
