"""A tenant whose pod is in an attacker's hands: what it can reach, become and take away, which is nothing."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import httpx
import pytest

from e2e.kubectl import Kubectl, KubectlError
from e2e.stack import Stack
from e2e.tenants import NAMESPACE, host, in_pod, key_of, reachable, tenant, until

VICTIM, ATTACKER = "victim", "attacker"
SECRET_FACT = "The victim's safe opens with 4711"
ELSEWHERE = "attackers-e2e"

CONNECT = """
import socket, sys
for target in sys.argv[1:]:
    address, port = target.rsplit(":", 1)
    try:
        socket.create_connection((address, int(port)), timeout=2).close()
    except OSError:
        print(target, "shut")
    else:
        print(target, "open")
"""


@pytest.fixture(scope="module")
def victim(stack: Stack, kubectl: Kubectl) -> Iterator[str]:
    """Its key. There is an attacker beside it, with a key of its own."""
    kubectl.apply(tenant(VICTIM), tenant(ATTACKER))
    for name in (VICTIM, ATTACKER):
        kubectl.wait(f"memorybanktenant/{name}", "condition=Ready", NAMESPACE)
    key = key_of(kubectl, VICTIM)
    with reachable(stack.url(VICTIM), key) as bank:
        bank.store_memory(SECRET_FACT)
    yield key
    kubectl("delete", "namespace", ELSEWHERE, "--ignore-not-found", "--wait")


def addresses(kubectl: Kubectl, name: str) -> tuple[str, str]:
    """Of the tenant's Service, and of its pod."""
    service = kubectl.json("get", f"--namespace={NAMESPACE}", f"service/{name}")["spec"]["clusterIP"]
    pods = kubectl.json("get", f"--namespace={NAMESPACE}", "pods", f"--selector=memorybank.dev/tenant={name}")
    return service, pods["items"][0]["status"]["podIP"]


def test_from_its_pod_nothing_opens_but_itself(stack: Stack, kubectl: Kubectl, victim: str) -> None:
    service, pod = addresses(kubectl, VICTIM)
    own = addresses(kubectl, ATTACKER)[1]
    api = kubectl.json("get", "--namespace=default", "service/kubernetes")["spec"]["clusterIP"]
    (node,) = kubectl.json("get", "nodes")["items"][:1]
    node_address = next(one["address"] for one in node["status"]["addresses"] if one["type"] == "InternalIP")
    operators = kubectl.json("get", "--namespace=memorybank-system", "pods")["items"]
    targets = [f"{service}:80", f"{pod}:8000", f"{pod}:9090", f"{api}:443", f"{node_address}:10250"]
    targets += [f"{node_address}:6443", "169.254.169.254:80"]
    targets += [f"{one['status']['podIP']}:{port}" for one in operators for port in (8080, 9090)]

    # Its own port is open to itself: the probe can tell.
    told = in_pod(kubectl, ATTACKER, CONNECT, f"{own}:8000", *targets).splitlines()

    assert told == [f"{own}:8000 open", *(f"{target} shut" for target in targets)]


def test_its_identity_may_do_nothing(stack: Stack, kubectl: Kubectl, victim: str) -> None:
    mounted = in_pod(
        kubectl, ATTACKER, "import os; print(os.path.exists('/var/run/secrets/kubernetes.io/serviceaccount'))"
    )
    assert mounted == "False"

    # Even with a token of its own service account, which its pod has not:
    token = kubectl("create", "token", f"--namespace={NAMESPACE}", ATTACKER).strip()
    for what in (f"secret/{VICTIM}-api-key", f"secret/{ATTACKER}-api-key", f"mbt/{VICTIM}", "pods"):
        with pytest.raises(KubectlError, match=r"Forbidden|cannot (get|list)"):
            as_attacker(kubectl, token, "get", f"--namespace={NAMESPACE}", what)
    with pytest.raises(KubectlError, match=r"Forbidden|cannot"):
        as_attacker(kubectl, token, "create", "token", f"--namespace={NAMESPACE}", VICTIM)


def as_attacker(kubectl: Kubectl, token: str, *arguments: str) -> str:
    # A kubeconfig's client certificate goes before a token: only one without it shows what the token may do.
    config = kubectl.json("config", "view", "--raw", "--minify")
    config["users"] = [{"name": user["name"], "user": {"token": token}} for user in config["users"]]
    path = kubectl.kubeconfig.with_name("attacker.kubeconfig")
    path.touch(mode=0o600)
    path.write_text(json.dumps(config))
    try:
        return Kubectl(kubectl.program, path)(*arguments)
    finally:
        path.unlink()


def test_its_pod_has_no_key_of_anybody(stack: Stack, kubectl: Kubectl, victim: str) -> None:
    own = key_of(kubectl, ATTACKER)
    seen = in_pod(
        kubectl,
        ATTACKER,
        "import os, pathlib\n"
        "text = repr(dict(os.environ))\n"
        "for folder in ('/etc/memorybank', '/tmp'):\n"
        "    for file in pathlib.Path(folder).rglob('*'):\n"
        "        if file.is_file():\n"
        "            text += file.read_text(errors='replace')\n"
        "text += pathlib.Path('/proc/1/environ').read_text(errors='replace')\n"
        "print(text)",
    )

    assert "sha256" in seen  # the access file was read
    for key in (own, victim):
        assert key not in seen
        assert base64.b64encode(key.encode()).decode() not in seen


def test_another_tenants_name_in_the_host_header_gives_nothing(stack: Stack, kubectl: Kubectl, victim: str) -> None:
    own = {"Authorization": f"Bearer {key_of(kubectl, ATTACKER)}"}
    body = {"query": SECRET_FACT}

    at_victim = httpx.post(
        f"{stack.access.ingress}/retrieve_memory", json=body, headers=own | {"Host": host(VICTIM)}, timeout=10
    )
    assert at_victim.status_code == 401
    for header in ("X-Forwarded-Host", "X-Original-Host", "Forwarded", "X-Tenant-Id"):
        told = own | {"Host": host(ATTACKER), header: f"host={host(VICTIM)}" if header == "Forwarded" else host(VICTIM)}
        answer = httpx.post(f"{stack.access.ingress}/retrieve_memory", json=body, headers=told, timeout=10)
        assert answer.status_code == 200
        assert answer.json() == {"memories": []}


def test_a_host_name_is_not_taken_from_the_tenant_that_has_it(stack: Stack, kubectl: Kubectl, victim: str) -> None:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ELSEWHERE, "labels": labels}})
    thief = tenant("thief", hostname=host(VICTIM))
    thief["metadata"]["namespace"] = ELSEWHERE
    kubectl.apply(thief)

    taken = 'jsonpath={.status.conditions[?(@.type=="AccessReady")].reason}=HostnameTaken'
    kubectl.wait("memorybanktenant/thief", taken, ELSEWHERE)
    kubectl.wait("memorybanktenant/thief", "condition=Available", ELSEWHERE)

    assert not kubectl.exists("ingress/thief", ELSEWHERE)
    with reachable(stack.url(VICTIM), victim) as bank:
        assert [found.content for found in bank.retrieve_memories(SECRET_FACT)] == [SECRET_FACT]


def test_the_metrics_are_read_from_where_nobody_may(stack: Stack, kubectl: Kubectl, victim: str) -> None:
    for path in ("/metrics", "//metrics", "/%6detrics", "/v1/../metrics"):
        answer = httpx.get(f"{stack.access.ingress}{path}", headers={"Host": host(VICTIM)}, timeout=10)
        assert answer.status_code in (401, 404), path
        assert "memorybank_memories" not in answer.text


def test_after_all_of_it_the_victim_is_untouched(stack: Stack, kubectl: Kubectl, victim: str) -> None:
    with reachable(stack.url(VICTIM), victim) as bank:
        until("its memory is there", lambda: bank.get_memory_stats()["total_memories"] == 1)
    assert key_of(kubectl, VICTIM) == victim
