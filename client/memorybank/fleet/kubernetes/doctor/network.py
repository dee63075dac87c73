"""The way from here to a tenant: its name, its address, its certificate, and what answers there."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from memorybank.client import MemoryBankClient
from memorybank.errors import MemoryBankError
from memorybank.fleet.errors import FleetError
from memorybank.fleet.finding import Finding, ok, problem, warning
from memorybank.fleet.kubernetes.cluster import Cluster
from memorybank.fleet.kubernetes.kinds import HTTP_PORT, INGRESS, Manifest
from memorybank.fleet.kubernetes.logs import pod_of

SECONDS = 5.0
SOON = timedelta(days=14)


def from_outside(cluster: Cluster, tenant: Manifest) -> Iterator[Finding]:
    """Each step of the way, up to the first that fails."""
    name, hostname = tenant["metadata"]["name"], tenant["spec"].get("hostname")
    endpoint = (tenant.get("status") or {}).get("endpoint") or ""
    parts = urlsplit(endpoint)
    if not hostname or parts.hostname != hostname or tenant["spec"].get("hibernate"):
        return
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        addresses = addresses_of(hostname, port)
    except OSError as error:
        remedy = f"make a DNS record for {hostname} that leads to the ingress controller; `nslookup {hostname}`"
        yield problem("DNS", f"{hostname} has no address here: {error.strerror or error}", remedy)
        return
    yield _expected(cluster, tenant, hostname, addresses)
    try:
        with socket.create_connection((addresses[0], port), SECONDS):
            pass
    except OSError as error:
        remedy = "the ingress controller must run, and a firewall let this machine through"
        yield problem("TCP", f"{addresses[0]}:{port} takes no connection: {error.strerror or error}", remedy)
        return
    yield ok("TCP", f"{addresses[0]}:{port} takes connections")
    if parts.scheme == "https":
        finding = certificate(addresses[0], port, hostname)
        yield finding
        if finding.state == "problem":
            return
    yield answering("HTTP", endpoint, name)


def through_api_server(cluster: Cluster, tenant: Manifest) -> Iterator[Finding]:
    """Whether the service itself answers, whatever the way to it."""
    if tenant["spec"].get("hibernate"):
        return
    name = tenant["metadata"]["name"]
    try:
        pod = pod_of(cluster, name)["metadata"]["name"]
        with cluster.port(pod, HTTP_PORT) as port:
            yield answering("service", f"http://127.0.0.1:{port}", name, shown=f"pod {pod}")
    except FleetError as error:
        yield problem("service", str(error), f"memorybank logs {name}")


def answering(about: str, url: str, tenant: str, shown: str = "") -> Finding:
    """Whether this tenant is what answers there; no key is shown to it."""
    try:
        with MemoryBankClient(url, "", timeout=SECONDS, max_retries=0) as client:
            health = client.health_check()
    except MemoryBankError as error:
        sentence = str(error) if not shown else f"{shown} does not answer as a tenant does"
        return problem(about, sentence, f"memorybank logs {tenant}; `kubectl get ingress,httproute {tenant}`")
    told = health.get("tenant_id")
    if told != tenant:
        remedy = "the host name must lead to this tenant's cluster and route"
        return problem(about, f"{shown or url} is tenant {told}, not {tenant}", remedy)
    return ok(about, f"{shown or url} is {health.get('status')}, version {health.get('version')}")


def addresses_of(hostname: str, port: int) -> list[str]:
    """Raises OSError where there are none. Names below .localhost mean this machine (RFC 6761, 6.3)."""
    if hostname.endswith(".localhost"):
        return ["127.0.0.1"]
    found = socket.getaddrinfo(hostname, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


def certificate(address: str, port: int, hostname: str, trust: ssl.SSLContext | None = None) -> Finding:
    """Whether it is valid for the name, and for how long yet."""
    context = trust or ssl.create_default_context()
    try:
        with (
            socket.create_connection((address, port), SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=hostname) as secure,
        ):
            told = secure.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        remedy = (
            f"see to the Secret in spec.access.ingress.tls; with cert-manager: `kubectl describe certificate`; {SNI}"
        )
        return problem("certificate", f"it is not valid for {hostname}: {error.verify_message}", remedy)
    except OSError as error:
        return problem("certificate", f"{address}:{port} speaks no TLS: {error.strerror or error}", SNI)
    end = _end(told)
    message = f"valid until {end:%Y-%m-%d}"
    if end - datetime.now(UTC) < SOON:
        return warning("certificate", message, "renew it; with cert-manager: `kubectl describe certificate`")
    return ok("certificate", message)


SNI = "the ingress controller must serve the host name by TLS"


def _end(told: Any) -> datetime:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(told["notAfter"]), UTC)


def _expected(cluster: Cluster, tenant: Manifest, hostname: str, addresses: list[str]) -> Finding:
    """Whether the name leads to what the ingress controller says of itself."""
    ingress = cluster.find(INGRESS, tenant["metadata"]["name"]) or {}
    told = ((ingress.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    balancers = [one["ip"] for one in told if one.get("ip")]
    shown = ", ".join(addresses)
    if balancers and not set(balancers) & set(addresses):
        wanted = ", ".join(balancers)
        remedy = f"right if a proxy stands before it; else let the DNS record name {wanted}"
        return warning("DNS", f"{hostname} is {shown}, the ingress controller is at {wanted}", remedy)
    return ok("DNS", f"{hostname} is {shown}")
