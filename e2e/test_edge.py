"""Traefik before a tenant: its rate is held, browsers are told what an answer is, and HTTP leads to HTTPS."""

from __future__ import annotations

import base64
import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from e2e.cluster.pki import Authority
from e2e.kubectl import Kubectl
from e2e.stack import Stack
from e2e.tenants import NAMESPACE, host, tenant, until

SECURE_PORT = 30443
HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}
ASKING = """
import http.client, json, socket, ssl, sys
name, authority, address, port = sys.argv[1:]
trust = ssl.create_default_context(cafile=authority)
connection = http.client.HTTPSConnection(name, context=trust)
connection.sock = trust.wrap_socket(socket.create_connection((address, int(port)), 10), server_hostname=name)
connection.request("GET", "/livez")
answer = connection.getresponse()
print(json.dumps({"status": answer.status, "headers": {key.lower(): value for key, value in answer.getheaders()}}))
"""


def ask(stack: Stack, name: str, path: str = "/livez") -> httpx.Response:
    """By plain HTTP, as anybody would."""
    url = httpx.URL(stack.url(name))
    with httpx.Client(transport=httpx.HTTPTransport()) as client:
        return client.get(url.copy_with(host="127.0.0.1", path=path), headers={"Host": url.netloc.decode()})


@pytest.fixture(scope="module")
def authority(kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Of the certificate in the Secret `edge-tls`."""
    made = Authority(tmp_path_factory.mktemp("edge") / "pki")
    made.issue("edge", "edge", names=(f"DNS:{host('edge-secure')}",))
    parts = {"tls.crt": made.directory / "edge.crt", "tls.key": made.directory / "edge.key"}
    kubectl.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "kubernetes.io/tls",
            "metadata": {"name": "edge-tls", "namespace": NAMESPACE},
            "data": {name: base64.b64encode(file.read_bytes()).decode() for name, file in parts.items()},
        }
    )
    yield made.certificate
    kubectl("delete", f"--namespace={NAMESPACE}", "secret/edge-tls")


def test_a_tenants_rate_is_held_before_its_pod(stack: Stack, kubectl: Kubectl) -> None:
    by_traefik: dict[str, Any] = {"ingress": {"className": "traefik"}}
    kubectl.apply(tenant("edge", access=by_traefik, rateLimit={"requestsPerSecond": 2, "burst": 5}))
    kubectl.wait("memorybanktenant/edge", "condition=Ready", NAMESPACE)
    until("the route leads to the tenant", lambda: ask(stack, "edge").is_success)

    # /livez asks for no key, so that the service itself, whose rate is a key's, refuses none of these.
    answers = [ask(stack, "edge") for _ in range(30)]

    refused = [answer for answer in answers if answer.status_code == 429]
    served = [answer for answer in answers if answer.is_success]
    assert served
    assert len(refused) >= 15
    assert all("retry-after" in answer.headers for answer in refused)
    assert HEADERS.items() <= dict(served[0].headers).items()
    assert "server" not in served[0].headers
    kubectl("delete", f"--namespace={NAMESPACE}", "mbt/edge", "--wait")
    until("its Middleware is gone", lambda: not kubectl.exists("middleware.traefik.io/edge", NAMESPACE))


def test_a_tenants_rate_is_held_behind_a_gateway(stack: Stack, kubectl: Kubectl) -> None:
    by_gateway: dict[str, Any] = {"type": "Gateway", "gateway": {"parentRefs": [stack.gateway]}}
    kubectl.apply(tenant("edge-gateway", access=by_gateway, rateLimit={"requestsPerSecond": 2, "burst": 5}))
    kubectl.wait("memorybanktenant/edge-gateway", "condition=Ready", NAMESPACE)
    until("the route leads to the tenant", lambda: ask(stack, "edge-gateway").is_success)

    answers = [ask(stack, "edge-gateway") for _ in range(30)]

    assert len([answer for answer in answers if answer.status_code == 429]) >= 15
    kubectl("delete", f"--namespace={NAMESPACE}", "mbt/edge-gateway", "--wait")


def test_http_leads_to_https_which_says_to_stay(stack: Stack, kubectl: Kubectl, authority: Path) -> None:
    ingress = {"className": "traefik", "tls": {"secretName": "edge-tls"}}
    kubectl.apply(tenant("edge-secure", access={"ingress": ingress}))
    kubectl.wait("memorybanktenant/edge-secure", "condition=Ready", NAMESPACE)

    led = until("HTTP is led on", lambda: answer if (answer := ask(stack, "edge-secure")).is_redirect else None)
    node = kubectl.json("get", "nodes")["items"][0]["status"]["addresses"][0]["address"]
    kept = until("HTTPS answers", lambda: _secure(stack, node, authority))

    assert led.status_code in (301, 308)
    assert led.headers["location"].startswith(f"https://{host('edge-secure')}")
    assert kept["status"] == 200
    assert kept["headers"]["strict-transport-security"] == "max-age=31536000"
    kubectl("delete", f"--namespace={NAMESPACE}", "mbt/edge-secure", "--wait")


def _secure(stack: Stack, node: str, authority: Path) -> dict[str, Any] | None:
    """By HTTPS, where the node's port can be reached; the certificate is checked."""
    script = shlex.join([sys.executable, "-c", ASKING, host("edge-secure"), str(authority), node, str(SECURE_PORT)])
    done = subprocess.run(stack.cluster.shell(), input=script, text=True, capture_output=True, check=False)
    if done.returncode:
        return None
    told: dict[str, Any] = json.loads(done.stdout)
    return told if told["status"] == 200 else None
