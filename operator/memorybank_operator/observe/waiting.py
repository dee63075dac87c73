"""Which of a tenant's objects have waited for long without a reason of their own: their events are worth a read.

A healthy tenant has none, nor has one whose pod says itself what is wrong.
"""

import datetime
from typing import Final

from memorybank_operator.api.status import Reason
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.kinds import VOLUME_CLAIM
from memorybank_operator.observe.available import available
from memorybank_operator.observe.disruption import overdue_at
from memorybank_operator.observe.pods import current_pod, unready_since
from memorybank_operator.observe.sight import Manifest, Observed

_UNEXPLAINED: Final = frozenset({Reason.POD_STARTING, Reason.POD_NOT_READY})


def waiting(tenant: Tenant, observed: Observed, now: datetime.datetime) -> dict[str, datetime.datetime]:
    """By uid, the objects that wait for what they do not tell, and since when."""
    found = {}
    claim = observed.children.get(VOLUME_CLAIM)
    if claim is not None and not tenant.spec.hibernate and _waits(claim):
        found[claim["metadata"]["uid"]] = _moment(claim["metadata"]["creationTimestamp"])
    pod = current_pod(observed.pods)
    unexplained = pod is not None and available(tenant, observed, now).reason in _UNEXPLAINED
    if pod is not None and unexplained:
        found[pod["metadata"]["uid"]] = unready_since(pod)
    return found


def _waits(claim: Manifest) -> bool:
    """Whether it waits for a volume of its class; a claim without a class tells by that what it lacks."""
    pending = (claim.get("status") or {}).get("phase") == "Pending"
    return pending and claim["spec"].get("storageClassName") is not None


def overdue(observed: Observed, now: datetime.datetime) -> datetime.datetime | None:
    """When the next pod that is being deleted will count as stuck."""
    moments = [moment for pod in observed.pods if (moment := overdue_at(pod)) is not None and moment > now]
    return min(moments, default=None)


def _moment(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)
