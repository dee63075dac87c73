"""What Traefik does with a tenant's requests before they reach its pod: their rate, headers of their answers, HTTPS.

The Middlewares for headers and for HTTPS are the installation's (the chart makes them); the rate is the tenant's own.
"""

from typing import Any, Final

from memorybank_operator.api.tenant import Tenant
from memorybank_operator.desired.context import Context, manifest
from memorybank_operator.desired.secrets import api_keys
from memorybank_operator.kinds import MIDDLEWARE

ANNOTATION: Final = "traefik.ingress.kubernetes.io/router.middlewares"


def middleware(tenant: Tenant, context: Context) -> dict[str, Any] | None:
    """The rate at which all of the tenant's keys together may ask; None: Traefik is not the way to it."""
    limit = tenant.spec.rate_limit
    if not is_before(tenant, context) or limit.requests_per_second == 0:
        return None
    keys = len(api_keys(tenant))
    rate = {
        "average": limit.requests_per_second * keys,
        "period": "1s",
        "burst": limit.burst * keys,
        "sourceCriterion": {"requestHost": True},
    }
    return manifest(MIDDLEWARE, tenant, spec={"rateLimit": rate})


def is_before(tenant: Tenant, context: Context) -> bool:
    """Whether the way to the tenant is Traefik's, and ours to say what it does on it."""
    return (
        bool(context.settings.traefik_middlewares)
        and MIDDLEWARE in context.served
        and (_is_its_ingress(tenant) or _is_its_gateway(tenant))
        and tenant.spec.hostname is not None
        and context.hostname_free
    )


def _is_its_ingress(tenant: Tenant) -> bool:
    """By its class; where the user names Middlewares, those alone hold."""
    by_ingress = tenant.spec.access.ingress
    return (
        by_ingress is not None
        and "traefik" in (by_ingress.class_name or "")
        and ANNOTATION not in by_ingress.annotations
    )


def _is_its_gateway(tenant: Tenant) -> bool:
    """By the name or the namespace of each Gateway: another implementation would refuse the route for the filter."""
    gateway = tenant.spec.access.gateway
    return gateway is not None and all(
        "traefik" in one.name or "traefik" in (one.namespace or "") for one in gateway.parent_refs
    )


def route_filters(tenant: Tenant, context: Context) -> list[dict[str, Any]]:
    """What an HTTPRoute says of the Middleware; its headers are filters of the Gateway API."""
    if not is_before(tenant, context) or not tenant.spec.rate_limit.requests_per_second:
        return []
    own = {"group": MIDDLEWARE.group, "kind": MIDDLEWARE.kind, "name": tenant.metadata.name}
    return [{"type": "ExtensionRef", "extensionRef": own}]


def annotations(tenant: Tenant, context: Context) -> dict[str, str]:
    """What the Ingress says of the Middlewares, the outermost first."""
    if not is_before(tenant, context):
        return {}
    common, by_ingress = context.settings.traefik_middlewares, tenant.spec.access.ingress
    names = [f"{common}-headers"]
    if by_ingress is not None and by_ingress.tls is not None:
        names.insert(0, f"{common}-https")
    if tenant.spec.rate_limit.requests_per_second:
        names.append(f"{tenant.metadata.namespace}-{tenant.metadata.name}")
    return {ANNOTATION: ",".join(f"{name}@kubernetescrd" for name in names)}
