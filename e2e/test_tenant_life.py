"""A tenant's life on a real node: what was acknowledged outlives every accident but the one that was asked for."""

from __future__ import annotations

from e2e.kubectl import Kubectl
from e2e.stack import Stack
from e2e.tenants import NAMESPACE, in_pod, key_of, reachable, tenant

FACT = "Ada takes the night train to Vienna"


def test_a_memory_is_stored_and_found_through_the_public_address(stack: Stack, kubectl: Kubectl) -> None:
    kubectl.apply(tenant("public"))
    kubectl.wait("memorybanktenant/public", "condition=Ready", NAMESPACE)

    with reachable(stack.url("public"), key_of(kubectl, "public")) as bank:
        memory_id = bank.store_memory(FACT, {"user_id": "ada"})

        assert [found.memory_id for found in bank.retrieve_memories("how does Ada travel?")] == [memory_id]


def test_the_pod_is_restricted_and_cannot_write_to_its_root_file_system(stack: Stack, kubectl: Kubectl) -> None:
    kubectl.apply(tenant("restricted"))
    kubectl.wait("memorybanktenant/restricted", "condition=Ready", NAMESPACE)

    report = in_pod(
        kubectl,
        "restricted",
        "import os\n"
        "def writable(folder):\n"
        "    try:\n"
        "        open(folder + '/probe', 'w').close()\n"
        "    except OSError:\n"
        "        return False\n"
        "    return True\n"
        "token = os.path.exists('/var/run/secrets/kubernetes.io/serviceaccount/token')\n"
        "print(os.getuid(), writable('/opt'), writable('/'), writable('/data'), token)",
    )

    assert report.split() == ["10001", "False", "False", "True", "False"]


def test_no_acknowledged_memory_is_lost_when_the_service_is_killed(stack: Stack, kubectl: Kubectl) -> None:
    kubectl.apply(tenant("killed"))
    kubectl.wait("memorybanktenant/killed", "condition=Ready", NAMESPACE)
    key = key_of(kubectl, "killed")
    with reachable(stack.url("killed"), key) as bank:
        acknowledged = {bank.store_memory(f"{FACT}, trip {number}") for number in range(50)}

    stack.kill_container(NAMESPACE, "app.kubernetes.io/component=tenant,memorybank.dev/tenant=killed")

    with reachable(stack.url("killed"), key) as bank:
        assert {found.memory_id for found in bank.retrieve_memories("trips to Vienna", top_k=100)} == acknowledged


def test_a_tenant_deleted_and_applied_again_has_its_memories_and_its_key(stack: Stack, kubectl: Kubectl) -> None:
    kubectl.apply(tenant("returned", deletionPolicy="Retain"))
    kubectl.wait("memorybanktenant/returned", "condition=Ready", NAMESPACE)
    key = key_of(kubectl, "returned")
    with reachable(stack.url("returned"), key) as bank:
        memory_id = bank.store_memory(FACT)

    kubectl("delete", f"--namespace={NAMESPACE}", "memorybanktenant/returned", "--wait")
    kubectl("wait", f"--namespace={NAMESPACE}", "deployment/returned", "--for=delete", "--timeout=60s")
    kubectl("wait", f"--namespace={NAMESPACE}", "pod", "--selector=memorybank.dev/tenant=returned", "--for=delete")
    kubectl.apply(tenant("returned", deletionPolicy="Retain"))
    kubectl.wait("memorybanktenant/returned", "condition=Ready", NAMESPACE)

    assert key_of(kubectl, "returned") == key
    with reachable(stack.url("returned"), key) as bank:
        assert [found.memory_id for found in bank.retrieve_memories(FACT)] == [memory_id]


def test_deletion_policy_delete_leaves_nothing(stack: Stack, kubectl: Kubectl) -> None:
    kubectl.apply(tenant("erased", deletionPolicy="Delete"))
    kubectl.wait("memorybanktenant/erased", "condition=Ready", NAMESPACE)
    volume = kubectl.json("get", f"--namespace={NAMESPACE}", "pvc/erased")["spec"]["volumeName"]

    kubectl("delete", f"--namespace={NAMESPACE}", "memorybanktenant/erased", "--wait")

    for kind in ("deployment", "service", "ingress", "networkpolicy", "serviceaccount", "pvc"):
        kubectl("wait", f"--namespace={NAMESPACE}", f"{kind}/erased", "--for=delete", "--timeout=60s")
    for secret in ("erased-api-key", "erased-access"):
        kubectl("wait", f"--namespace={NAMESPACE}", f"secret/{secret}", "--for=delete", "--timeout=60s")
    kubectl("wait", f"pv/{volume}", "--for=delete", "--timeout=60s")


def test_a_volume_grows_while_the_tenant_runs(stack: Stack, kubectl: Kubectl) -> None:
    kubectl.apply(tenant("grown"))
    kubectl.wait("memorybanktenant/grown", "condition=Ready", NAMESPACE)

    kubectl.apply(tenant("grown", storage={"size": "2Gi"}))

    kubectl.wait("pvc/grown", "jsonpath={.status.capacity.storage}=2Gi", NAMESPACE, seconds=180)
    kubectl.wait("memorybanktenant/grown", "jsonpath={.status.storage.capacity}=2Gi", NAMESPACE)


def test_a_tenant_is_reached_through_a_gateways_route(stack: Stack, kubectl: Kubectl) -> None:
    gateway = {"type": "Gateway", "gateway": {"parentRefs": [stack.gateway]}}
    kubectl.apply(tenant("routed", access=gateway))
    kubectl.wait("memorybanktenant/routed", "condition=Ready", NAMESPACE)

    with reachable(stack.url("routed"), key_of(kubectl, "routed")) as bank:
        assert bank.health_check()["status"] == "healthy"
    assert not kubectl.exists("ingress/routed", NAMESPACE)
