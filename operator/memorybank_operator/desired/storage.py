"""The tenant's volume."""

from typing import Any, Final

from memorybank_operator.api.quantity import larger_quantity, parse_quantity, smaller_quantity
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.desired.context import Context, manifest
from memorybank_operator.growth import wanted_size
from memorybank_operator.kinds import VOLUME_CLAIM

_MI: Final = 1 << 20


def volume_claim(tenant: Tenant, context: Context) -> dict[str, Any]:
    """The claim; under Retain without an owner, so that it outlives the tenant."""
    wanted = tenant.spec.storage
    spec: dict[str, Any] = {
        "accessModes": [wanted.access_mode],
        "volumeMode": "Filesystem",
        "resources": {"requests": {"storage": claim_size(tenant, context)}},
    }
    if wanted.storage_class_name is not None:
        spec["storageClassName"] = wanted.storage_class_name
    claim = manifest(VOLUME_CLAIM, tenant, owned=tenant.spec.deletion_policy == "Delete", spec=spec)
    # What a claim was created with is not taken away by applying without it: it has to be said.
    claim["metadata"].setdefault("ownerReferences", None)
    return claim


def claim_size(tenant: Tenant, context: Context) -> str:
    """What to ask for: the size that is wanted, and not less than an adopted volume has.

    An unbound claim cannot be changed. What was asked for and never reached (a mistyped 20Ti) can be taken back, but
    only to more than the volume has: the API server takes no less. A volume rounded up by its driver is not asked for
    anew.
    """
    wanted, asked, there = wanted_size(tenant), context.volume_request, context.volume_capacity
    if asked is None:
        return wanted
    if there is None:
        return asked
    if parse_quantity(asked) > parse_quantity(there) >= parse_quantity(wanted):
        return f"{int(parse_quantity(there)) // _MI + 1}Mi"
    return larger_quantity(wanted, smaller_quantity(asked, there))
