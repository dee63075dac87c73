"""Two tenants: neither key opens the other, and neither pod reaches the other."""

from __future__ import annotations

import httpx
import pytest

from e2e.kubectl import Kubectl
from e2e.stack import Stack
from e2e.tenants import NAMESPACE, in_pod, key_of, reachable, tenant, until
from memorybank import AuthenticationError

CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=2).close()
except OSError as error:
    print("shut:", error)
else:
    print("connected")
"""


@pytest.fixture(scope="module")
def two_tenants(stack: Stack, kubectl: Kubectl) -> tuple[str, str]:
    kubectl.apply(tenant("first"), tenant("second"))
    for name in ("first", "second"):
        kubectl.wait(f"memorybanktenant/{name}", "condition=Ready", NAMESPACE)
    return "first", "second"


def test_neither_key_opens_the_other_tenant(stack: Stack, kubectl: Kubectl, two_tenants: tuple[str, str]) -> None:
    for one, other in (two_tenants, two_tenants[::-1]):
        with reachable(stack.url(one), key_of(kubectl, other)) as bank, pytest.raises(AuthenticationError):
            bank.get_memory_stats()
        with reachable(stack.url(one), key_of(kubectl, one)) as bank:
            assert bank.get_memory_stats()["total_memories"] == 0


def connect(kubectl: Kubectl, one: str, address: str, port: int) -> str:
    return in_pod(kubectl, one, CONNECT, address, str(port))


def test_a_tenants_address_answers_another_tenants_pod_only_without_its_network_policy(
    kubectl: Kubectl, two_tenants: tuple[str, str]
) -> None:
    one, other = two_tenants
    service = kubectl.json("get", f"--namespace={NAMESPACE}", f"service/{other}")["spec"]["clusterIP"]
    port = kubectl.json("get", f"--namespace={NAMESPACE}", f"service/{other}")["spec"]["ports"][0]["port"]
    pods = kubectl.json("get", f"--namespace={NAMESPACE}", "pods", f"--selector=memorybank.dev/tenant={other}")
    address = pods["items"][0]["status"]["podIP"]

    for where, number in ((service, port), (address, 8000), (address, 9090)):
        assert connect(kubectl, one, where, number).startswith("shut")

    for name in two_tenants:
        kubectl.apply(tenant(name, networkPolicy={"enabled": False}))
        kubectl("wait", f"--namespace={NAMESPACE}", f"networkpolicy/{name}", "--for=delete", "--timeout=60s")
    until("the Service answers", lambda: connect(kubectl, one, service, port) == "connected")
    assert connect(kubectl, one, address, 8000) == "connected"

    kubectl.apply(tenant(other))
    until("the policy is back", lambda: kubectl.exists(f"networkpolicy/{other}", NAMESPACE))
    until("the address is shut", lambda: connect(kubectl, one, address, 8000).startswith("shut"))


def test_the_metrics_have_no_route(stack: Stack, kubectl: Kubectl, two_tenants: tuple[str, str]) -> None:
    host = httpx.URL(stack.url(two_tenants[0])).netloc.decode()
    answer = httpx.get(f"{stack.access.ingress}/metrics", headers={"Host": host})

    assert answer.status_code == 404


def test_an_unknown_host_is_led_to_no_tenant(stack: Stack, two_tenants: tuple[str, str]) -> None:
    answer = httpx.get(f"{stack.access.ingress}/health", headers={"Host": "nobody.memorybank.localhost"})

    assert answer.status_code == 404
