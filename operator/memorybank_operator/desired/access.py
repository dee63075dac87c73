"""How the tenant is reached: a Service within the cluster, an Ingress or a Gateway's route from outside."""

from typing import Any, Final

from memorybank_operator.api.names import selector_labels
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.desired import edge
from memorybank_operator.desired.context import Context, given, manifest
from memorybank_operator.kinds import HTTP_ROUTE, INGRESS, SERVICE

SERVICE_PORT: Final = 80


def service(tenant: Tenant, context: Context) -> dict[str, Any]:
    """The Service; the metrics' port is none of its ports, so that no route leads there."""
    return manifest(
        SERVICE,
        tenant,
        spec={
            "type": "ClusterIP",
            "selector": selector_labels(tenant.metadata.name),
            "ports": [{"name": "http", "port": SERVICE_PORT, "protocol": "TCP", "targetPort": "http"}],
        },
    )


def ingress(tenant: Tenant, context: Context) -> dict[str, Any] | None:
    """The Ingress, if the tenant is reached that way and its host name is free."""
    if tenant.spec.access.type != "Ingress" or not _routed(tenant, context):
        return None
    wanted = tenant.spec.access.ingress
    backend = {"service": {"name": tenant.metadata.name, "port": {"name": "http"}}}
    spec: dict[str, Any] = {
        "rules": [
            {
                "host": tenant.spec.hostname,
                "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]},
            }
        ]
    }
    annotations: dict[str, str] = {}
    if wanted is not None:
        annotations = {**wanted.annotations, **edge.annotations(tenant, context)}
        if wanted.class_name is not None:
            spec["ingressClassName"] = wanted.class_name
        if wanted.tls is not None:
            secret = wanted.tls.secret_name or f"{tenant.metadata.name}-tls"
            spec["tls"] = [{"hosts": [tenant.spec.hostname], "secretName": secret}]
            if wanted.tls.issuer_ref is not None:
                issuer = wanted.tls.issuer_ref
                name = "cert-manager.io/cluster-issuer" if issuer.kind == "ClusterIssuer" else "cert-manager.io/issuer"
                annotations[name] = issuer.name
    made = manifest(INGRESS, tenant, spec=spec)
    if annotations:
        made["metadata"]["annotations"] = annotations
    return made


def http_route(tenant: Tenant, context: Context) -> dict[str, Any] | None:
    """The Gateway's route, if the tenant is reached that way, its host name is free, and the API is there."""
    gateway = tenant.spec.access.gateway
    if gateway is None or HTTP_ROUTE not in context.served or not _routed(tenant, context):
        return None
    return manifest(
        HTTP_ROUTE,
        tenant,
        spec={
            "parentRefs": [given(parent) for parent in gateway.parent_refs],
            "hostnames": [tenant.spec.hostname],
            "rules": [
                {
                    "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                    **_filters(tenant, context),
                    "backendRefs": [{"name": tenant.metadata.name, "port": SERVICE_PORT}],
                }
            ],
        },
    )


def _filters(tenant: Tenant, context: Context) -> dict[str, Any]:
    """That the browser keeps to TLS is said where TLS ends; the other headers are the service's own."""
    filters = edge.route_filters(tenant, context)
    if endpoint(tenant, context).startswith("https:"):
        told = {"name": "Strict-Transport-Security", "value": "max-age=31536000"}
        filters.append({"type": "ResponseHeaderModifier", "responseHeaderModifier": {"set": [told]}})
    return {"filters": filters} if filters else {}


def endpoint(tenant: Tenant, context: Context) -> str:
    """Where the tenant is reached; behind a Gateway, the listener's name or port tells whether by TLS."""
    inside = f"http://{tenant.metadata.name}.{tenant.metadata.namespace}.svc"
    if tenant.spec.access.type == "None" or not _routed(tenant, context):
        return inside
    by_ingress, gateway = tenant.spec.access.ingress, tenant.spec.access.gateway
    if gateway is not None:
        secure = any(
            parent.port == 443 or "https" in (parent.section_name or "") or "secure" in (parent.section_name or "")
            for parent in gateway.parent_refs
        )
    else:
        secure = by_ingress is not None and by_ingress.tls is not None
    return f"{'https' if secure else 'http'}://{tenant.spec.hostname}"


def _routed(tenant: Tenant, context: Context) -> bool:
    return tenant.spec.hostname is not None and context.hostname_free
