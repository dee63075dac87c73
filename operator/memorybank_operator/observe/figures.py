"""The figures in the status: what a tenant counts itself, and what its volume has."""

from memorybank_operator.api.status import MemoryCounts, StorageStatus
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.growth import grown_to
from memorybank_operator.measured import Reading
from memorybank_operator.observe.sight import Manifest
from memorybank_operator.observe.storage import capacity as capacity_of


def memories(shown: MemoryCounts | None, reading: Reading | None) -> MemoryCounts | None:
    if reading is None:
        return shown
    if shown is None or _moved(shown.active, reading.active) or _moved(shown.faded, reading.faded):
        return MemoryCounts(active=reading.active, faded=reading.faded)
    return shown


def volume(tenant: Tenant, claim: Manifest | None, reading: Reading | None) -> StorageStatus | None:
    shown, capacity = tenant.status.storage, capacity_of(claim)
    if capacity is None:
        return None
    used = shown.used_bytes if shown is not None else None
    if reading is not None and _moved(used, reading.used_bytes):
        used = reading.used_bytes
    return StorageStatus(capacity=capacity, used_bytes=used, grown_to=grown_to(tenant, claim, reading))


def _moved(shown: int | None, read: int) -> bool:
    """Whether a figure is worth a write: it is new, or another by over 5 %."""
    return shown is None or abs(read - shown) * 20 > shown
