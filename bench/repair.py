"""How long a tenant's child stays deleted or edited: from the moment before the deed until a watch shows it undone."""

from __future__ import annotations

from time import perf_counter

from kubernetes import dynamic

from bench.results import keep, summary, table
from bench.watching import Object, Watching
from e2e.kubectl import Kubectl
from e2e.tenants import NAMESPACE, NAMESPACE_MANIFEST, tenant

RUNS = 10
NAME = "bench-repair"
# Each kind of child, and an edit by hand that goes against what the operator wants.
EDITS: dict[tuple[str, str], Object] = {
    ("apps/v1", "Deployment"): {"spec": {"replicas": 3}},
    ("v1", "Service"): {"spec": {"selector": {"app.kubernetes.io/name": "another"}}},
    ("networking.k8s.io/v1", "Ingress"): {"spec": {"rules": [{"host": "another.example.com"}]}},
    ("networking.k8s.io/v1", "NetworkPolicy"): {"spec": {"policyTypes": ["Egress"]}},
    ("v1", "ServiceAccount"): {"automountServiceAccountToken": True},
}


def run(kubectl: Kubectl, client: dynamic.DynamicClient) -> str:
    kubectl.apply(NAMESPACE_MANIFEST, tenant(NAME, deletionPolicy="Delete"))
    kubectl.wait(f"memorybanktenant/{NAME}", "condition=Ready", NAMESPACE)
    figures = {}
    for (api_version, kind), edit in EDITS.items():
        with Watching(client, api_version, kind, NAMESPACE) as children:
            resource = client.resources.get(api_version=api_version, kind=kind)
            figures[f"{kind} deleted"] = summary([_delete(resource, children, kind) for _ in range(RUNS)])
            wanted = resource.get(name=NAME, namespace=NAMESPACE).to_dict()
            figures[f"{kind} edited"] = summary([_edit(resource, children, kind, edit, wanted) for _ in range(RUNS)])
    kubectl("delete", f"--namespace={NAMESPACE}", f"memorybanktenant/{NAME}", "--wait")
    keep("repair", {"seconds": figures})
    return table("A child deleted or edited by hand → as it was", figures)


def _delete(resource: dynamic.Resource, children: Watching, kind: str) -> float:
    before = resource.get(name=NAME, namespace=NAMESPACE).metadata.uid
    start = perf_counter()
    resource.delete(name=NAME, namespace=NAMESPACE)

    def is_back(event: str, state: Object) -> bool:
        return event == "ADDED" and state["metadata"]["name"] == NAME and state["metadata"]["uid"] != before

    return children.moment(f"the {kind} is back", is_back, start)


def _edit(resource: dynamic.Resource, children: Watching, kind: str, edit: Object, wanted: Object) -> float:
    start = perf_counter()
    edited = resource.patch(name=NAME, namespace=NAMESPACE, body=edit, content_type="application/merge-patch+json")
    version = int(edited.metadata.resourceVersion)

    def is_undone(_: str, state: Object) -> bool:
        metadata = state["metadata"]
        newer = metadata["name"] == NAME and int(metadata["resourceVersion"]) > version
        return newer and all(_holds(state, wanted, field) for field in edit)

    return children.moment(f"the {kind} is as it was", is_undone, start)


def _holds(state: Object, before: Object, field: str) -> bool:
    return bool(state.get(field) == before.get(field))
