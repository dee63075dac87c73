"""When a volume that fills up is asked to grow, and what is said of one that may not grow any more; pure.

A decision goes into the status first and into the claim by the next reconcile: so what it grew to is known for good,
whatever becomes of the operator in between, and the spec is never written.
"""

import math
from typing import Any, Final

from memorybank_operator.api.quantity import larger_quantity, parse_quantity, smaller_quantity
from memorybank_operator.api.status import ConditionType, Problem, Reason
from memorybank_operator.api.tenant import AutoGrow, Tenant
from memorybank_operator.measured import Reading

Manifest = dict[str, Any]

CALM_PERCENT: Final = 5
"""So far below the limit a volume must be for its fullness to be over, or each memory might be news."""
_MI: Final = 1 << 20
_GI: Final = 1 << 30


def wanted_size(tenant: Tenant) -> str:
    """The spec's size, or what autoGrow has made of it."""
    return kept_growth(tenant) or tenant.spec.storage.size


def kept_growth(tenant: Tenant) -> str | None:
    """What autoGrow asked for so far, as long as it is on, within its max, and more than the spec asks for itself."""
    rule, shown = tenant.spec.storage.auto_grow, tenant.status.storage
    if rule is None or shown is None or shown.grown_to is None:
        return None
    grown = smaller_quantity(shown.grown_to, rule.max)
    return grown if parse_quantity(grown) > parse_quantity(tenant.spec.storage.size) else None


def grown_to(tenant: Tenant, claim: Manifest | None, reading: Reading | None) -> str | None:
    """What autoGrow asks for: as before, or more; None where the spec's own size is enough."""
    kept, rule = kept_growth(tenant), tenant.spec.storage.auto_grow
    if rule is None or not _fills(tenant, claim, reading, rule.at_percent):
        return kept
    base = _base(tenant, claim)
    asked = _step(base, rule)
    if parse_quantity(asked) <= parse_quantity(base) or _has_room_anyway(reading, asked):
        return kept
    return asked


def at_max(tenant: Tenant, claim: Manifest | None, reading: Reading | None) -> str | None:
    """What to say of a volume that is filling up and has grown as far as it may; None: it is not so."""
    rule = tenant.spec.storage.auto_grow
    if rule is None or _grows(tenant, claim):
        return None
    base = _base(tenant, claim)
    if parse_quantity(base) < parse_quantity(rule.max) or _has_room_anyway(reading, base, rule.step_percent):
        return None
    before = any(
        condition.type == ConditionType.STORAGE_READY and condition.reason == Reason.VOLUME_AT_MAX
        for condition in tenant.status.conditions
    )
    percent = rule.at_percent - (CALM_PERCENT if before else 0)
    if not (before and reading is None) and not _fills(tenant, claim, reading, percent):
        return None
    return (
        f"The volume is filling up ({rule.at_percent} % was reached) and has grown to spec.storage.autoGrow.max"
        f" ({rule.max}): raise max, or delete what is not needed."
    )


def not_expandable(tenant: Tenant, wanted: str, told: str) -> Problem:
    """What to do where the API server will not let the claim grow."""
    name, size = tenant.metadata.name, tenant.spec.storage.size
    back = (
        "set spec.storage.size back to what status.storage.capacity says"
        if kept_growth(tenant) is None
        else f"take spec.storage.autoGrow out (spec.storage.size {size} stays)"
    )
    message = (
        f"The volume of the claim {name} cannot grow to {wanted}: set allowVolumeExpansion: true in its storage class,"
        f" if its driver can do that; else back up, restore into a new tenant, and until then {back}."
        f" The API server says: {told}"
    )
    return Problem(Reason.VOLUME_NOT_EXPANDABLE, message)


def _fills(tenant: Tenant, claim: Manifest | None, reading: Reading | None, percent: int) -> bool:
    """Whether so much is used, by a reading of the volume as it is now, which is not growing."""
    if claim is None or reading is None or not reading.capacity_bytes or _grows(tenant, claim):
        return False
    current = reading.claim is not None and reading.claim == _capacity(claim)
    return current and reading.used_bytes * 100 >= percent * reading.capacity_bytes


def _grows(tenant: Tenant, claim: Manifest | None) -> bool:
    """Whether more is asked for, or about to be, than there is; what is not bound yet counts as such."""
    capacity = _capacity(claim)
    if claim is None or capacity is None:
        return True
    asked = larger_quantity(claim["spec"]["resources"]["requests"]["storage"], wanted_size(tenant))
    return parse_quantity(capacity) < parse_quantity(asked)


def _base(tenant: Tenant, claim: Manifest | None) -> str:
    """What the next step starts from: an adopted or rounded-up volume may have more than anybody asked for."""
    return larger_quantity(wanted_size(tenant), _capacity(claim) or wanted_size(tenant))


def _step(base: str, rule: AutoGrow) -> str:
    """The next size: in whole Gi from 4 Gi on, as many drivers round so anyway; else in whole Mi."""
    amount = int(parse_quantity(base)) * (100 + rule.step_percent)
    unit, name = (_GI, "Gi") if amount >= 4 * _GI * 100 else (_MI, "Mi")
    return smaller_quantity(rule.max, f"{math.ceil(amount / (unit * 100))}{name}")


def _has_room_anyway(reading: Reading | None, asked: str, more_percent: int = 0) -> bool:
    """Whether the file system is larger than the claim, as where a driver gives a folder of the node's own disk."""
    size = reading.capacity_bytes if reading is not None else None
    return size is not None and size * 100 >= int(parse_quantity(asked)) * (100 + more_percent)


def _capacity(claim: Manifest | None) -> str | None:
    found: str | None = ((claim or {}).get("status") or {}).get("capacity", {}).get("storage")
    return found
