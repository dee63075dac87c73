"""Whether the tenant has its volume."""

from memorybank_operator.api.quantity import parse_quantity
from memorybank_operator.api.status import Reason
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.growth import at_max
from memorybank_operator.kinds import VOLUME_CLAIM
from memorybank_operator.observe.sight import Manifest, Observed, Told, Verdict


def capacity(claim: Manifest | None) -> str | None:
    found: str | None = ((claim or {}).get("status") or {}).get("capacity", {}).get("storage")
    return found


def storage(tenant: Tenant, observed: Observed) -> Verdict:
    claim, name = observed.children.get(VOLUME_CLAIM), tenant.metadata.name
    if claim is None:
        return Verdict(False, Reason.VOLUME_PENDING, "The volume claim is not made yet.")
    phase = (claim.get("status") or {}).get("phase")
    if phase == "Lost":
        message = f"The volume behind the claim {name} is lost: restore a backup into a new tenant."
        return Verdict(False, Reason.VOLUME_LOST, message)
    has = capacity(claim)
    if phase != "Bound" or has is None:
        return _unbound(tenant, claim, observed.told.get(claim["metadata"].get("uid", "")))
    return _size(tenant, observed, claim, has)


def _size(tenant: Tenant, observed: Observed, claim: Manifest, has: str) -> Verdict:
    for refusal in observed.refusals:
        if refusal.reason is Reason.VOLUME_NOT_EXPANDABLE:
            return Verdict(False, refusal.reason, refusal.message)
    asked = claim["spec"]["resources"]["requests"]["storage"]
    if parse_quantity(has) < parse_quantity(asked):
        return Verdict(True, Reason.VOLUME_GROWING, f"The volume grows from {has} to {asked}.")
    full = at_max(tenant, claim, observed.reading)
    if full is not None:
        return Verdict(True, Reason.VOLUME_AT_MAX, full)
    return Verdict(True, Reason.VOLUME_BOUND, f"The volume has {has}.")


def _unbound(tenant: Tenant, claim: Manifest, told: Told | None) -> Verdict:  # noqa: PLR0911 (a list of cases)
    wanted = claim["spec"].get("storageClassName")
    if wanted is None:
        message = (
            "The cluster has no default storage class: mark one (kubectl annotate storageclass NAME"
            " storageclass.kubernetes.io/is-default-class=true), or delete the tenant and its claim, and name one in"
            " spec.storage.storageClassName."
        )
        return Verdict(False, Reason.STORAGE_CLASS_MISSING, message)
    describe = f"kubectl describe pvc {tenant.metadata.name} -n {tenant.metadata.namespace}"
    match told.reason if told is not None else "":
        case "ProvisioningFailed" if told is not None and f'"{wanted}" not found' in told.message:
            message = (
                f"There is no storage class {wanted}: make it (kubectl get storageclass lists those there are), or"
                " delete the tenant and its claim, and name another in spec.storage.storageClassName."
            )
            return Verdict(False, Reason.STORAGE_CLASS_MISSING, message)
        case "ProvisioningFailed" if told is not None:
            message = (
                f"The storage class {wanted} cannot make the volume: {told.message}. It is tried again. {describe}"
            )
            return Verdict(False, Reason.PROVISIONING_FAILED, message)
        case "FailedBinding" if told is not None:
            message = f"No volume fits the claim ({told.message}): make one with that size, class and access mode."
            return Verdict(False, Reason.PROVISIONING_FAILED, message)
        case "WaitForFirstConsumer" | "WaitForPodScheduled":
            message = (
                f"The storage class {wanted} makes the volume once the pod has a node; what keeps the pod from one is"
                " said by the condition Available."
            )
            return Verdict(False, Reason.VOLUME_PENDING, message)
        case "ExternalProvisioning":
            message = (
                f"The provisioner of storage class {wanted} has not answered yet: look whether it runs. {describe}"
            )
            return Verdict(False, Reason.VOLUME_PENDING, message)
    return Verdict(False, Reason.VOLUME_PENDING, f"The volume is not bound yet; if it stays so: {describe}")
