"""What is deleted or edited by hand is as it was; a key that is deleted is a rotation."""

from __future__ import annotations

import json
from typing import Any

import pytest

from e2e.kubectl import Kubectl
from e2e.stack import Stack
from e2e.tenants import NAMESPACE, key_of, reachable, tenant, until
from memorybank import AuthenticationError

EDITS: dict[str, dict[str, Any]] = {
    "deployment": {"spec": {"replicas": 3}},
    "service": {"spec": {"selector": {"app.kubernetes.io/name": "another"}}},
    "ingress": {"spec": {"rules": [{"host": "another.example.com"}]}},
    "networkpolicy": {"spec": {"policyTypes": ["Egress"]}},
    "serviceaccount": {"automountServiceAccountToken": True},
}


@pytest.fixture(scope="module")
def repaired(stack: Stack, kubectl: Kubectl) -> str:
    kubectl.apply(tenant("repaired"))
    kubectl.wait("memorybanktenant/repaired", "condition=Ready", NAMESPACE)
    return "repaired"


def wanted(state: dict[str, Any]) -> dict[str, Any]:
    """What the operator wants of a child: all but what the API server and the controllers write."""
    bare = {field: value for field, value in state.items() if field not in ("metadata", "status")}
    if "spec" in bare:
        bare["spec"] = {field: value for field, value in bare["spec"].items() if not field.startswith("clusterIP")}
    return {**bare, "labels": state["metadata"]["labels"], "owners": state["metadata"].get("ownerReferences")}


@pytest.mark.parametrize("kind", EDITS)
def test_a_deleted_child_comes_back_as_it_was(kubectl: Kubectl, repaired: str, kind: str) -> None:
    what = (f"--namespace={NAMESPACE}", f"{kind}/{repaired}")
    before = kubectl.json("get", *what)

    kubectl("delete", *what, "--wait=false")

    def replaced() -> dict[str, Any] | None:
        found = kubectl("get", *what, "--ignore-not-found", "--output=json")
        state: dict[str, Any] | None = json.loads(found) if found else None
        return state if state and state["metadata"]["uid"] != before["metadata"]["uid"] else None

    assert wanted(until(f"the {kind} is back", replaced)) == wanted(before)


@pytest.mark.parametrize("kind", EDITS)
def test_an_edited_child_is_as_it_was(kubectl: Kubectl, repaired: str, kind: str) -> None:
    what = (f"--namespace={NAMESPACE}", f"{kind}/{repaired}")
    before = wanted(kubectl.json("get", *what))

    kubectl("patch", *what, "--type=merge", f"--patch={json.dumps(EDITS[kind])}")

    until(f"the {kind} is as it was", lambda: wanted(kubectl.json("get", *what)) == before)


def test_a_deleted_access_secret_is_back_at_the_next_reconcile(kubectl: Kubectl, repaired: str) -> None:
    what = (f"--namespace={NAMESPACE}", f"secret/{repaired}-access")
    before = kubectl.json("get", *what)["data"]

    kubectl("delete", *what)
    kubectl(
        *("annotate", f"--namespace={NAMESPACE}", f"memorybanktenant/{repaired}", "--overwrite"),
        "memorybank.dev/reconcile=now",
    )

    until("the access Secret is back", lambda: kubectl.exists(what[1], NAMESPACE))
    assert kubectl.json("get", *what)["data"] == before


def test_a_deleted_key_is_a_rotation_that_an_event_tells(stack: Stack, kubectl: Kubectl) -> None:
    kubectl.apply(tenant("rotated"))
    kubectl.wait("memorybanktenant/rotated", "condition=Ready", NAMESPACE)
    old = key_of(kubectl, "rotated")
    with reachable(stack.url("rotated"), old) as bank:
        memory_id = bank.store_memory("Bob collects stamps")

    kubectl("delete", f"--namespace={NAMESPACE}", "secret/rotated-api-key")
    kubectl("annotate", f"--namespace={NAMESPACE}", "memorybanktenant/rotated", "memorybank.dev/reconcile=now")
    until("there is a key again", lambda: kubectl.exists("secret/rotated-api-key", NAMESPACE))
    new = key_of(kubectl, "rotated")

    def found_with_the_new_key() -> list[str] | None:
        with reachable(stack.url("rotated"), new) as bank:
            try:
                return [found.memory_id for found in bank.retrieve_memories("who collects stamps?")]
            except AuthenticationError:
                return None

    assert new != old
    assert until("the new key opens", found_with_the_new_key) == [memory_id]
    with reachable(stack.url("rotated"), old) as bank, pytest.raises(AuthenticationError):
        bank.get_memory_stats()
    events = kubectl.json("get", f"--namespace={NAMESPACE}", "events", "--field-selector=involvedObject.name=rotated")
    assert "KeyRotated" in {event["reason"] for event in events["items"]}
