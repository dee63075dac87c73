"""Whether an object differs because somebody else edited or deleted it, not because something else is desired; pure."""

from typing import Any, Final

from memorybank_operator.api.names import DESIRED_ANNOTATION
from memorybank_operator.api.status import ConditionType, Reason
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.kinds import INGRESS, OPTIONAL, Kind

Manifest = dict[str, Any]

REPAIRED: Final = "Repaired"


def repaired(
    kind: Kind, tenant: Tenant, desired: Manifest, actual: Manifest | None, field: str, *, with_namesake: bool = False
) -> str:
    """What is to be said after an object was applied again; empty: nobody has touched it. `field` is what differed.

    `with_namesake`: the object that is missing was that of a deleted tenant of the same name, and went with it.
    """
    if actual is not None:
        last = (actual["metadata"].get("annotations") or {}).get(DESIRED_ANNOTATION)
        if last != desired["metadata"]["annotations"][DESIRED_ANNOTATION]:
            return ""
        return f"Somebody else edited the {kind.kind} {tenant.metadata.name} ({field}): it is as it should be again."
    if with_namesake:
        return ""
    stood = tenant.status.observed_generation == tenant.metadata.generation and kind not in OPTIONAL
    if kind is INGRESS:
        stood = stood and any(
            one.type == ConditionType.ACCESS_READY and one.reason == Reason.ROUTED for one in tenant.status.conditions
        )
    return f"Somebody deleted the {kind.kind} {tenant.metadata.name}: it is made again." if stood else ""
