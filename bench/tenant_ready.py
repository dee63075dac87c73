"""`kubectl apply` of a tenant until it is Ready, beside the same pod and volume applied by hand.

The baseline is what the tenant becomes, applied without an operator: the node's own time for a volume, a container
and a readiness probe, which no operator can go below.
"""

from __future__ import annotations

import copy
from time import perf_counter
from typing import Any

from kubernetes import dynamic

from bench.results import keep, summary, table
from bench.watching import Object, Watching
from e2e.kubectl import Kubectl
from e2e.tenants import NAMESPACE, NAMESPACE_MANIFEST, tenant

RUNS = 5


def run(kubectl: Kubectl, client: dynamic.DynamicClient) -> str:
    kubectl.apply(NAMESPACE_MANIFEST)
    ready, deployed, by_hand = [], [], []
    for number in range(RUNS):
        name = f"bench-{number}"
        manifest = tenant(name, deletionPolicy="Delete")
        of_tenant, of_deployment = _measure_tenant(kubectl, client, name, manifest)
        ready.append(of_tenant)
        deployed.append(of_deployment)
        children = _children(kubectl, name)
        kubectl("delete", f"--namespace={NAMESPACE}", f"memorybanktenant/{name}", "--wait")
        by_hand.append(_measure_by_hand(kubectl, client, f"hand-{number}", name, children))
    figures = {
        "apply_to_ready": summary(ready),
        "created_to_deployment_created": summary(deployed),
        "by_hand_apply_to_available": summary(by_hand),
    }
    ratio = round(figures["apply_to_ready"]["median"] / figures["by_hand_apply_to_available"]["median"], 2)
    keep("tenant_ready", {"seconds": figures, "ratio_to_by_hand": ratio})
    rows = {
        "kubectl apply → tenant Ready": figures["apply_to_ready"],
        "resource created → Deployment created": figures["created_to_deployment_created"],
        "the same by hand: kubectl apply → Available": figures["by_hand_apply_to_available"],
    }
    return table("A tenant from nothing", rows) + f"\n  Ready takes {ratio} times what the node takes by hand"


def _measure_tenant(
    kubectl: Kubectl, client: dynamic.DynamicClient, name: str, manifest: dict[str, Any]
) -> tuple[float, float]:
    tenants = Watching(client, "memorybank.dev/v1alpha1", "MemoryBankTenant", NAMESPACE)
    deployments = Watching(client, "apps/v1", "Deployment", NAMESPACE)
    with tenants, deployments:
        start = perf_counter()
        kubectl.apply(manifest)
        created = tenants.moment("the tenant is created", lambda _, state: state["metadata"]["name"] == name, start)
        deployed = deployments.moment(
            "its Deployment is created", lambda _, state: state["metadata"]["name"] == name, start
        )
        ready = tenants.moment("the tenant is Ready", lambda _, state: _is(state, name, "Ready"), start)
    return ready, deployed - created


def _measure_by_hand(
    kubectl: Kubectl, client: dynamic.DynamicClient, name: str, model: str, children: list[Object]
) -> float:
    manifests = [_renamed(child, model, name) for child in children]
    with Watching(client, "apps/v1", "Deployment", NAMESPACE) as deployments:
        start = perf_counter()
        kubectl.apply(*manifests)
        available = deployments.moment("it is Available", lambda _, state: _is(state, name, "Available"), start)
    kubectl(
        "delete",
        f"--namespace={NAMESPACE}",
        "--wait",
        *(f"{m['kind']}/{name}" for m in manifests if m["kind"] != "Secret"),
    )
    kubectl("delete", f"--namespace={NAMESPACE}", f"secret/{name}-access")
    return available


def _children(kubectl: Kubectl, name: str) -> list[Object]:
    """What the pod needs of the tenant's children, without what the API server and the operator wrote into them."""
    names = [f"serviceaccount/{name}", f"secret/{name}-access", f"persistentvolumeclaim/{name}", f"deployment/{name}"]
    return [_bare(item) for item in kubectl.json("get", f"--namespace={NAMESPACE}", *names)["items"]]


def _bare(item: Object) -> Object:
    bare = {field: value for field, value in item.items() if field in ("apiVersion", "kind", "spec", "data", "type")}
    bare["metadata"] = {"name": item["metadata"]["name"], "namespace": NAMESPACE}
    if bare["kind"] == "PersistentVolumeClaim":
        bare["spec"].pop("volumeName", None)
    if bare["kind"] == "ServiceAccount":
        bare["automountServiceAccountToken"] = False
    return bare


def _renamed(item: Object, model: str, name: str) -> Object:
    """The same object for another name: every string in it that is or begins with the model's name."""

    def rename(value: Any) -> Any:
        if isinstance(value, dict):
            return {field: rename(inner) for field, inner in value.items()}
        if isinstance(value, list):
            return [rename(inner) for inner in value]
        if isinstance(value, str) and (value == model or value.startswith(f"{model}-")):
            return name + value[len(model) :]
        return value

    renamed: Object = rename(copy.deepcopy(item))
    return renamed


def _is(state: Object, name: str, condition: str) -> bool:
    conditions = state.get("status", {}).get("conditions", [])
    return state["metadata"]["name"] == name and any(
        entry["type"] == condition and entry["status"] == "True" for entry in conditions
    )
