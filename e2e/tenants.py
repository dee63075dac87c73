"""What the end-to-end tests do to tenants, in the words of a user: manifests, keys, clients."""

from __future__ import annotations

import base64
from collections.abc import Callable
from time import monotonic, sleep
from typing import Any, TypeVar

import httpx

from e2e.kubectl import Kubectl
from memorybank import MemoryBankClient

T = TypeVar("T")

NAMESPACE = "customers-e2e"
POLL_SECONDS = 0.05

NAMESPACE_MANIFEST = {
    "apiVersion": "v1",
    "kind": "Namespace",
    "metadata": {"name": NAMESPACE, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
}


def host(name: str) -> str:
    return f"{name}.e2e.memorybank.localhost"


def tenant(name: str, **spec: Any) -> dict[str, Any]:
    """A tenant with a host name and a small volume; `spec` adds to that or takes its place."""
    return {
        "apiVersion": "memorybank.dev/v1alpha1",
        "kind": "MemoryBankTenant",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"hostname": host(name), "storage": {"size": "1Gi"}, **spec},
    }


def key_of(kubectl: Kubectl, name: str) -> str:
    secret = kubectl.json("get", f"--namespace={NAMESPACE}", f"secret/{name}-api-key")
    return base64.b64decode(secret["data"]["api-key"]).decode()


def in_pod(kubectl: Kubectl, name: str, script: str, *arguments: str) -> str:
    """What a Python script prints that runs in the tenant's pod."""
    command = ("python3", "-c", script, *arguments)
    return kubectl("exec", f"--namespace={NAMESPACE}", f"deployment/{name}", "--", *command).strip()


def until(what: str, attempt: Callable[[], T | None], seconds: float = 60.0) -> T:
    """Asks again until the answer is there. For what another process brings about and no watch announces."""
    end = monotonic() + seconds
    while monotonic() < end:
        answer = attempt()
        if answer:
            return answer
        sleep(POLL_SECONDS)
    raise AssertionError(f"{what}: not within {seconds:.0f} s")


def reachable(url: str, key: str) -> MemoryBankClient:
    """A client of the tenant once its route leads to it: a proxy learns of it a moment after the pod is up."""
    with httpx.Client(transport=httpx.HTTPTransport()) as http:
        address = httpx.URL(url)
        local, header = address.copy_with(host="127.0.0.1", path="/readyz"), {"Host": address.netloc.decode()}
        until(f"{url} answers", lambda: http.get(local, headers=header).is_success)
    return MemoryBankClient(url, key)
