"""What was seen around a tenant that matters for rendering its objects and for what may be asked of it."""

from memorybank_operator.api.tenant import Tenant
from memorybank_operator.desired import Context
from memorybank_operator.kinds import DEPLOYMENT, VOLUME_CLAIM, Kind
from memorybank_operator.rivals import hostname_owner
from memorybank_operator.rolling import Plan
from memorybank_operator.seen import Seen, TenantKey
from memorybank_operator.settings import Settings


def context_of(
    seen: Seen, settings: Settings, served: frozenset[Kind], tenant: Tenant, plan: Plan, *, restoring: bool
) -> Context:
    """What, besides the tenant itself, its objects depend on."""
    claim = seen.child(VOLUME_CLAIM, TenantKey(tenant.metadata.namespace, tenant.metadata.name)) or {}
    requests = claim.get("spec", {}).get("resources", {}).get("requests", {})
    return Context(
        settings=settings,
        image=plan.image,
        template=plan.template,
        volume_request=requests.get("storage"),
        volume_capacity=claim.get("status", {}).get("capacity", {}).get("storage"),
        hostname_free=not rival(seen, tenant),
        restoring=restoring,
        served=served,
    )


def rival(seen: Seen, tenant: Tenant) -> str:
    """The older tenant that has the host name; empty: it is free, or none is wanted."""
    return hostname_owner(tenant, seen.wanting(tenant.spec.hostname)) if tenant.spec.hostname else ""


def answers(seen: Seen, key: TenantKey) -> bool:
    """Whether the tenant's pod is ready to be asked."""
    deployment = seen.child(DEPLOYMENT, key) or {}
    return bool((deployment.get("status") or {}).get("readyReplicas"))
