"""Whether there is a certificate for the tenant's host name: a Secret by name, or what cert-manager says of its making.

Neither is ever listed or watched: Secrets must not be, and cert-manager's objects do not carry our labels.
"""

from typing import Any

from memorybank_operator.answers import NotFound
from memorybank_operator.api.access import IngressTls
from memorybank_operator.api.status import Problem, Reason
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.cluster import Cluster
from memorybank_operator.kinds import CERTIFICATE, SECRET
from memorybank_operator.steady import steady

Manifest = dict[str, Any]

_PARTS = ("tls.crt", "tls.key")


def wanted(tenant: Tenant) -> IngressTls | None:
    """What the tenant's Ingress says of TLS."""
    ingress = tenant.spec.access.ingress
    if tenant.spec.access.type != "Ingress" or tenant.spec.hostname is None or ingress is None:
        return None
    return ingress.tls


async def problem(cluster: Cluster, tenant: Tenant, tls: IngressTls, *, cert_manager: bool) -> Problem | None:
    """Why the Ingress has no certificate yet."""
    secret = tls.secret_name or f"{tenant.metadata.name}-tls"
    if tls.issuer_ref is None:
        return await _secret_problem(cluster, tenant, secret)
    if not cert_manager:
        if await _secret_problem(cluster, tenant, secret) is None:
            return None
        message = (
            "spec.access.ingress.tls.issuerRef asks cert-manager for a certificate, and the cluster has none:"
            f" install it, or make the TLS Secret {secret} yourself and name it in spec.access.ingress.tls.secretName."
        )
        return Problem(Reason.CERTIFICATE_NOT_READY, message)
    try:
        # Cert-manager names the Certificate that it makes for an Ingress after its Secret.
        certificate = await cluster.get(CERTIFICATE, tenant.metadata.namespace, secret)
    except NotFound:
        certificate = {}
    return _certificate_problem(certificate, tenant, secret, f"{tls.issuer_ref.kind} {tls.issuer_ref.name}")


def _certificate_problem(certificate: Manifest, tenant: Tenant, name: str, issuer: str) -> Problem | None:
    namespace = tenant.metadata.namespace
    if not certificate:
        message = (
            f"cert-manager has not begun the certificate {name} yet; if it stays so, look whether it runs, with"
            f" its ingress-shim: kubectl get certificate -n {namespace}"
        )
        return Problem(Reason.CERTIFICATE_NOT_READY, message)
    conditions = (certificate.get("status") or {}).get("conditions") or []
    ready: Manifest = next((one for one in conditions if one["type"] == "Ready"), {})
    if ready.get("status") == "True":
        return None
    said = steady(ready.get("message") or "it has said nothing yet")
    message = (
        f"The certificate {name} is not ready ({said}): check the {issuer}, and that the host name leads here from"
        f" where it is checked: kubectl describe certificate,order,challenge -n {namespace}"
    )
    return Problem(Reason.CERTIFICATE_NOT_READY, message)


async def _secret_problem(cluster: Cluster, tenant: Tenant, name: str) -> Problem | None:
    namespace = tenant.metadata.namespace
    try:
        secret = await cluster.get(SECRET, namespace, name)
    except NotFound:
        message = (
            f"The TLS Secret {name} is not in namespace {namespace}: make it (kubectl create secret tls {name}"
            f" -n {namespace} --cert FILE --key FILE), or name an issuer in spec.access.ingress.tls.issuerRef."
        )
        return Problem(Reason.TLS_SECRET_MISSING, message)
    missing = [part for part in _PARTS if not (secret.get("data") or {}).get(part)]
    if missing:
        message = (
            f"The TLS Secret {name} has nothing under {' and '.join(missing)}: make it with kubectl create secret tls."
        )
        return Problem(Reason.TLS_SECRET_MISSING, message)
    return None
