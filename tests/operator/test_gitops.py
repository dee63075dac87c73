"""The operator never fights Git: the same manifests applied again, in every way there is, change nothing."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from msgspec import inspect

from e2e.cluster.controlplane import ControlPlane
from e2e.kubectl import Kubectl
from memorybank_operator.api.names import FIELD_MANAGER
from memorybank_operator.api.tenant import TenantSpec
from memorybank_operator.handlers import Operator
from memorybank_operator.kinds import CHILDREN, OPTIONAL, POD, SECRET, TENANT

from .conftest import CRDS, Start
from .kube import Kube, Manifest
from .test_fields import fields, given
from .test_quiet import requests, since, versions

ROOT = Path(__file__).parents[2]
ARGO = "argocd-controller"
TRACKING = "argocd.argoproj.io/tracking-id"
INSTANCE = "app.kubernetes.io/instance"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

SELECTOR = {
    "matchLabels": {"app": "frontend"},
    "matchExpressions": [{"key": "tier", "operator": "In", "values": ["a", "b"]}],
}
PEERS = (
    {"podSelector": SELECTOR, "namespaceSelector": SELECTOR},
    {"ipBlock": {"cidr": "192.0.2.0/24", "except": ["192.0.2.8/29"]}},
)
PREFERENCE = {
    "weight": 1,
    "preference": {"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]},
}
EVERY_FIELD: dict[str, Any] = {
    "hostname": "customer1.gitops.example.com",
    "image": "registry.example.com/memorybank:v1.0.0",
    "imagePullPolicy": "IfNotPresent",
    "imagePullSecrets": [{"name": "registry"}],
    "llm": {
        "provider": "openai-compatible",
        "model": "some-model",
        "apiBase": "https://models.example.com/v1",
        "apiKeySecretRef": {"name": "llm", "key": "API_KEY"},
    },
    "embedding": {
        "provider": "openai-compatible",
        "model": "text-embedding-3-small",
        "apiBase": "https://models.example.com/v1",
        "apiKeySecretRef": {"name": "llm", "key": "API_KEY"},
    },
    "forgetting": {"intervalHours": 24, "thresholdPercent": 20, "timeScaleHours": 168, "purgeAfterDays": 0},
    "maintenance": {"intervalHours": 24},
    "storage": {
        "size": "0.5Ti",
        "accessMode": "ReadWriteOnce",
        "autoGrow": {"max": "1Ti", "atPercent": 80, "stepPercent": 25},
    },
    "resources": {"requests": {"cpu": "1000m", "memory": "1024Mi"}, "limits": {"cpu": 2, "memory": "2Gi"}},
    "apiKeys": [
        {"name": "default", "scopes": ["write", "read"]},
        {"name": "given", "scopes": ["read"], "secretKeyRef": {"name": "given", "key": "api-key"}},
        {"name": "guest", "scopes": ["read"], "expiresAt": "2027-01-01T00:00:00+01:00"},
    ],
    "rateLimit": {"requestsPerSecond": 10, "burst": 20},
    "access": {
        "type": "Ingress",
        "ingress": {
            "className": "traefik",
            "annotations": {"example.com/a": "b"},
            "tls": {"issuerRef": {"name": "letsencrypt-prod", "kind": "ClusterIssuer"}},
        },
    },
    "networkPolicy": {
        "enabled": True,
        "ingressFrom": [*PEERS],
        "egressTo": [{"to": [*PEERS], "ports": [{"port": 5432, "protocol": "TCP"}]}],
    },
    "monitoring": {"enabled": True},
    "scheduling": {
        "nodeSelector": {"disk": "ssd"},
        "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [PREFERENCE]}},
        "priorityClassName": "system-cluster-critical",
        "tolerations": [
            {"key": "a", "operator": "Equal", "value": "b", "effect": "NoExecute", "tolerationSeconds": 60},
        ],
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "topology.kubernetes.io/zone",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": SELECTOR,
            }
        ],
    },
    "podMetadata": {"labels": {"team": "a"}, "annotations": {"example.com/c": "d"}},
    "backup": {
        "schedule": "0 3 * * *",
        "verifySchedule": "0 5 * * 0",
        "retention": {"count": 7, "days": 30},
        "destination": {
            "s3": {
                "bucket": "backups",
                "prefix": "of/us",
                "endpoint": "https://s3.example.com",
                "region": "eu-central-1",
                "credentialsSecretRef": {"name": "s3"},
            }
        },
        "encryptionKeySecretRef": {"name": "age", "key": "key"},
    },
    "deletionPolicy": "Delete",
    "deletionProtection": False,
}
ELSEWHERE = (
    ".access.gateway",
    ".access.ingress.tls.secretName",
    ".backup.destination.pvc",
    ".hibernate",
    ".paused",
    ".restoreFrom",
    ".storage.storageClassName",
)
"""What excludes the rest, or would leave nothing to look at; a class of volumes the test's cluster has not."""


def manifests(namespace: str, source: str) -> list[Manifest]:
    """What stands in Git: our samples, or a tenant with every field, put into this namespace."""
    if source == "every field":
        return [tenant_manifest(namespace, spec=EVERY_FIELD)]
    found = [one for one in yaml.safe_load_all((ROOT / source).read_text()) if one["kind"] == TENANT.kind]
    for one in found:
        one["metadata"]["namespace"] = namespace
    return found


def tenant_manifest(namespace: str, **parts: Any) -> Manifest:
    metadata = {"name": "customer1", "namespace": namespace, **parts.pop("metadata", {})}
    return {"apiVersion": TENANT.api_version, "kind": TENANT.kind, "metadata": metadata, **parts}


SAMPLES = sorted(
    str(file.relative_to(ROOT))
    for file in (ROOT / "config" / "samples").glob("*.yaml")
    if any(one and one["kind"] == TENANT.kind for one in yaml.safe_load_all(file.read_text()))
)
SOURCES = [*SAMPLES, "every field"]


class Git:
    """The manifests as a tool applies them, with the real kubectl."""

    def __init__(self, kubectl: Kubectl, manifests: list[Manifest]) -> None:
        self._kubectl = kubectl
        self.manifests = manifests
        self._text = "\n---\n".join(json.dumps(one) for one in manifests)

    async def run(self, *arguments: str) -> str:
        return await asyncio.to_thread(self._kubectl, *arguments, "--filename=-", stdin=self._text)


@pytest.fixture
def kubectl(plane: ControlPlane) -> Kubectl:
    return Kubectl(plane.kubectl, plane.kubeconfig)


async def served(kube: Kube, operator: Operator, manifests: list[Manifest]) -> None:
    """Wait until the operator has done all that there is to do."""
    for one in manifests:
        namespace, name = one["metadata"]["namespace"], one["metadata"]["name"]
        await kube.observed(await kube.get(TENANT, namespace, name))
        await kube.play_node(namespace, name, "1Ti")
    await looked(operator)


async def looked(operator: Operator) -> None:
    """Let the operator look at everything, whatever the watches have yet to tell."""
    for _ in range(2):
        operator.resync()
        await operator.queue.settled()


BY = [
    pytest.param(("--server-side", f"--field-manager={ARGO}"), "serverside-applied", id="server-side"),
    pytest.param((), "unchanged", id="client-side"),
]


def test_every_field_is_every_field() -> None:
    left_out = fields(inspect.type_info(TenantSpec)) - given(EVERY_FIELD, "")
    assert {path for path in left_out if not path.startswith(ELSEWHERE)} == set()


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(("way", "word"), BY)
async def test_the_same_applied_again_is_no_change_and_leads_to_no_write(
    kube: Kube, kubectl: Kubectl, namespace: str, start: Start, source: str, way: tuple[str, ...], word: str
) -> None:
    git = Git(kubectl, manifests(namespace, source))
    async with start() as operator:
        await git.run("apply", *way)
        await served(kube, operator, git.manifests)
        assert await git.run("diff", *way) == ""  # it ends with status 1 where there is a difference
        counted, before = requests(), await versions(kube, namespace)
        said = await git.run("apply", *way)
        assert [line.rsplit(" ", 1)[1] for line in said.splitlines()] == [word] * len(git.manifests)
        await looked(operator)
        assert since(counted) == {}
        assert await versions(kube, namespace) == before
        assert await git.run("diff", *way) == ""


@pytest.mark.parametrize("source", SOURCES)
async def test_a_three_way_comparison_as_argo_cd_makes_it_finds_nothing(
    kube: Kube, kubectl: Kubectl, namespace: str, start: Start, source: str
) -> None:
    git = Git(kubectl, manifests(namespace, source))
    async with start() as operator:
        await git.run("apply")
        await served(kube, operator, git.manifests)
    for desired in git.manifests:
        live = await kube.get(TENANT, namespace, desired["metadata"]["name"])
        last = json.loads(live["metadata"]["annotations"][LAST_APPLIED])
        last["metadata"].pop("annotations", None)
        assert three_way(last, desired, live) == {}


async def test_the_operator_has_nothing_of_the_tenant_but_its_status(
    kube: Kube, kubectl: Kubectl, namespace: str, start: Start
) -> None:
    git = Git(kubectl, manifests(namespace, "every field"))
    async with start() as operator:
        await git.run("apply", "--server-side", f"--field-manager={ARGO}")
        await served(kube, operator, git.manifests)
    metadata = (await kube.get(TENANT, namespace, "customer1"))["metadata"]
    owned = {entry["manager"]: entry for entry in metadata["managedFields"]}
    assert set(owned) == {ARGO, FIELD_MANAGER}
    assert owned[FIELD_MANAGER]["subresource"] == "status"
    assert set(owned[FIELD_MANAGER]["fieldsV1"]) == {"f:status"}
    assert not {"annotations", "labels", "finalizers"} & set(metadata)


async def test_argo_cds_marks_on_a_tenant_stay_there_and_another_mark_changes_no_child(
    kube: Kube, kubectl: Kubectl, namespace: str, start: Start
) -> None:
    def marked(application: str) -> Git:
        annotations = {TRACKING: f"{application}:memorybank.dev/MemoryBankTenant:{namespace}/customer1"}
        metadata = {"labels": {INSTANCE: application}, "annotations": annotations}
        return Git(kubectl, [tenant_manifest(namespace, metadata=metadata, spec={})])

    way = ("apply", "--server-side", f"--field-manager={ARGO}")
    async with start() as operator:
        await marked("one").run(*way)
        await served(kube, operator, marked("one").manifests)
        counted = requests()
        await marked("two").run(*way)
        await looked(operator)
        assert since(counted) == {}
    for kind in (*CHILDREN, SECRET, POD):
        if kind not in OPTIONAL:
            for child in await kube.list(kind, namespace):
                assert INSTANCE not in child["metadata"].get("labels", {})
                assert TRACKING not in child["metadata"].get("annotations", {})


def test_no_item_of_a_list_has_a_default() -> None:
    """A tool that compares lists as wholes would find the default, and put it right for ever."""
    found: list[str] = []

    def search(schema: Manifest, path: str, inside: bool) -> None:
        if inside and "default" in schema:
            found.append(path)
        for name, part in schema.get("properties", {}).items():
            search(part, f"{path}.{name}", inside)
        for word in ("items", "additionalProperties"):
            if isinstance(schema.get(word), dict):
                search(schema[word], f"{path}[]", True)

    for file in CRDS.glob("*.yaml"):
        for version in yaml.safe_load(file.read_text())["spec"]["versions"]:
            search(version["schema"]["openAPIV3Schema"], file.stem, False)
    assert found == []


def three_way(last: Any, desired: Any, live: Any) -> Manifest:
    """The JSON merge patch that makes `live` what `desired` says: empty, if there is nothing to do.

    What was applied last and is no longer desired goes; what neither knows (a default, the status) stays; a list is one
    whole.
    """
    patch: Manifest = {key: None for key in last if key not in desired and key in live}
    for key, value in desired.items():
        if isinstance(value, dict) and isinstance(live.get(key), dict):
            before = last.get(key)
            if inner := three_way(before if isinstance(before, dict) else {}, value, live[key]):
                patch[key] = inner
        elif live.get(key) != value:
            patch[key] = value
    return patch
