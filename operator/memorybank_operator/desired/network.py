"""Who reaches the tenant, and whom it reaches; everything else is shut."""

from typing import Any, Final

from memorybank_operator.api.names import backup_labels, selector_labels
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.desired.context import Context, given, manifest
from memorybank_operator.kinds import NETWORK_POLICY
from memorybank_operator.settings import Settings

_NAMESPACE_NAME: Final = "kubernetes.io/metadata.name"
_NODE_LOCAL_DNS: Final = "169.254.20.10/32"
_PRIVATE_IPV6: Final = "fc00::/7"


def network_policy(tenant: Tenant, context: Context) -> dict[str, Any] | None:
    """The NetworkPolicy, unless it is switched off."""
    if not tenant.spec.network_policy.enabled:
        return None
    return manifest(
        NETWORK_POLICY,
        tenant,
        spec={
            "podSelector": {"matchLabels": selector_labels(tenant.metadata.name)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": _ingress(tenant, context.settings),
            "egress": _egress(tenant, context.settings),
        },
    )


def _ingress(tenant: Tenant, settings: Settings) -> list[dict[str, Any]]:
    controller: dict[str, Any] = {"namespaceSelector": settings.ingress_namespace_selector}
    if settings.ingress_pod_selector:
        controller["podSelector"] = settings.ingress_pod_selector
    operator = {"namespaceSelector": {"matchLabels": {_NAMESPACE_NAME: settings.operator_namespace}}}
    monitoring = {"namespaceSelector": settings.monitoring_namespace_selector}
    others = [given(peer) for peer in tenant.spec.network_policy.ingress_from]
    backups = {"podSelector": {"matchLabels": backup_labels(tenant.metadata.name)}}
    return [
        {"from": [controller, operator, backups, *others], "ports": [{"port": "http", "protocol": "TCP"}]},
        {"from": [monitoring, operator], "ports": [{"port": "metrics", "protocol": "TCP"}]},
    ]


def _egress(tenant: Tenant, settings: Settings) -> list[dict[str, Any]]:
    dns = [
        {"namespaceSelector": {"matchLabels": {_NAMESPACE_NAME: "kube-system"}}},
        {"ipBlock": {"cidr": _NODE_LOCAL_DNS}},
    ]
    rules: list[dict[str, Any]] = [
        {"to": dns, "ports": [{"port": 53, "protocol": protocol} for protocol in ("UDP", "TCP")]}
    ]
    if _has_provider(tenant):
        own = settings.cluster_cidrs
        outside = [
            {"ipBlock": _block("0.0.0.0/0", [cidr for cidr in own if ":" not in cidr])},
            {"ipBlock": _block("::/0", [cidr for cidr in own if ":" in cidr] or [_PRIVATE_IPV6])},
        ]
        rules.append({"to": outside, "ports": [{"port": 443, "protocol": "TCP"}]})
    for rule in tenant.spec.network_policy.egress_to:
        made = given(rule)
        for port in made.get("ports", []):
            port.setdefault("protocol", "TCP")
        rules.append(made)
    return rules


def _block(cidr: str, without: list[str]) -> dict[str, Any]:
    return {"cidr": cidr, "except": without} if without else {"cidr": cidr}


def _has_provider(tenant: Tenant) -> bool:
    embedding = tenant.spec.embedding
    return tenant.spec.llm is not None or (embedding is not None and embedding.provider != "local")
