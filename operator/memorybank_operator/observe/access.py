"""Whether the tenant is reached where its spec says."""

from memorybank_operator.api.status import Reason
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.kinds import HTTP_ROUTE, INGRESS
from memorybank_operator.observe.sight import Manifest, Observed, Verdict
from memorybank_operator.steady import steady


def access(tenant: Tenant, observed: Observed) -> Verdict:
    way, hostname = tenant.spec.access.type, tenant.spec.hostname
    if way == "None" or hostname is None:
        why = "spec.access.type is None" if way == "None" else "spec.hostname is not given"
        return Verdict(True, Reason.NOT_EXPOSED, f"Reached within the cluster only: {why}.")
    if not observed.hostname_free:
        owner = observed.hostname_owner or "an older tenant"
        message = f"The host name {hostname} belongs to {owner}: choose another in spec.hostname."
        return Verdict(False, Reason.HOSTNAME_TAKEN, message)
    if way == "Ingress":
        return _ingress(hostname, observed)
    if not observed.gateway_api:
        message = "The cluster has no Gateway API: install it, or set spec.access.type to Ingress."
        return Verdict(False, Reason.GATEWAY_API_MISSING, message)
    return _route(tenant, hostname, observed.children.get(HTTP_ROUTE) or {})


def _ingress(hostname: str, observed: Observed) -> Verdict:
    if INGRESS not in observed.children:
        return Verdict(False, Reason.ROUTE_PENDING, "The Ingress is not made yet.")
    if observed.tls is not None:
        return Verdict(False, observed.tls.reason, observed.tls.message)
    return Verdict(True, Reason.ROUTED, f"An Ingress leads {hostname} here.")


def _route(tenant: Tenant, hostname: str, route: Manifest) -> Verdict:
    """What every Gateway that the route names says of it; one of several may still be silent, or refuse."""
    parents = (route.get("status") or {}).get("parents") or []
    generation = (route.get("metadata") or {}).get("generation", 0)
    silent = []
    for wanted in (route.get("spec") or {}).get("parentRefs") or [{}]:
        told = [
            condition
            for parent in parents
            if not wanted or _same(parent.get("parentRef") or {}, wanted, tenant.metadata.namespace)
            for condition in parent.get("conditions") or []
            if condition.get("observedGeneration", generation) >= generation
        ]
        gateway = wanted.get("name", "")
        for condition in told:
            if condition["status"] == "False" and condition["type"] in ("Accepted", "ResolvedRefs"):
                return _refused(gateway, condition)
        if not any(condition["type"] == "Accepted" for condition in told):
            silent.append(gateway)
    if silent:
        message = (
            f"No answer yet from the Gateway {', '.join(silent)} to the route for {hostname}: check"
            " spec.access.gateway.parentRefs, and that the Gateway's controller runs."
        )
        return Verdict(False, Reason.ROUTE_PENDING, message)
    return Verdict(True, Reason.ROUTED, f"A Gateway leads {hostname} here.")


def _refused(gateway: str, condition: Manifest) -> Verdict:
    reason, said = condition.get("reason", ""), steady(condition.get("message", ""))
    if condition["type"] == "ResolvedRefs":
        message = f"The Gateway {gateway} cannot follow the route to the tenant's Service ({reason}): {said}"
        return Verdict(False, Reason.ROUTE_UNRESOLVED, message)
    remedy = {
        "NotAllowedByListeners": "let its listener take routes of this namespace (allowedRoutes)",
        "NoMatchingListenerHostname": "choose a spec.hostname that one of its listeners has",
        "NoMatchingParent": "check name, sectionName and port in spec.access.gateway.parentRefs",
    }.get(reason, "check spec.access.gateway.parentRefs")
    return Verdict(
        False, Reason.ROUTE_REJECTED, f"The Gateway {gateway} refuses the route ({reason}: {said}): {remedy}."
    )


def _same(told: Manifest, wanted: Manifest, namespace: str) -> bool:
    keys = ("name", "sectionName", "port")
    return all(told.get(key) == wanted.get(key) for key in keys) and (told.get("namespace") or namespace) == (
        wanted.get("namespace") or namespace
    )
