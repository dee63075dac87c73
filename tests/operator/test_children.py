"""A tenant gets its objects, keeps them, and loses those it no longer wants: the operator as a process."""

import asyncio
import base64
import hashlib
import json
import time
from typing import Any

import pytest

from memorybank_operator.kinds import (
    CHILDREN,
    DEPLOYMENT,
    EVENT,
    HTTP_ROUTE,
    INGRESS,
    MIDDLEWARE,
    NETWORK_POLICY,
    POD,
    POD_MONITOR,
    SECRET,
    SERVICE,
    SERVICE_ACCOUNT,
    TENANT,
    VOLUME_CLAIM,
    Kind,
)

from .kube import Kube, Manifest, condition_of

pytestmark = pytest.mark.usefixtures("installed")

HOST = {"hostname": "customer1.example.com", "access": {"ingress": {"className": "traefik"}}}
MADE = [kind for kind in CHILDREN if kind not in (HTTP_ROUTE, MIDDLEWARE, POD_MONITOR)]
LABELS = {
    "app.kubernetes.io/name": "memorybank",
    "app.kubernetes.io/component": "tenant",
    "app.kubernetes.io/managed-by": "memorybank-operator",
    "memorybank.dev/tenant": "customer1",
}


def hostname(namespace: str) -> dict[str, Any]:
    """An access of this test's own: host names are taken across namespaces."""
    return {**HOST, "hostname": f"customer1.{namespace}.example.com"}


def secret_value(secret: Manifest, field: str) -> str:
    return base64.b64decode(secret["data"][field]).decode()


async def made(kube: Kube, namespace: str, **spec: Any) -> Manifest:
    """A tenant that the operator has acted on."""
    return await kube.observed(await kube.tenant(namespace, **{**hostname(namespace), **spec}))


async def test_a_tenant_gets_one_of_each(kube: Kube, namespace: str, record_property: Any) -> None:
    began = time.perf_counter()
    await kube.tenant(namespace, **hostname(namespace))
    await kube.until(DEPLOYMENT, namespace, "customer1", lambda found: found)
    latency = time.perf_counter() - began
    record_property("resource_to_deployment_seconds", latency)
    print(f"resource created -> Deployment created: {latency * 1000:.0f} ms")  # noqa: T201
    for kind in MADE:
        child = await kube.until(kind, namespace, "customer1", lambda found: found)
        assert LABELS.items() <= child["metadata"]["labels"].items(), kind
        owners = [owner["name"] for owner in child["metadata"].get("ownerReferences", [])]
        assert owners == ([] if kind is VOLUME_CLAIM else ["customer1"]), kind


async def test_the_pod_gets_digests_and_never_a_key(kube: Kube, namespace: str) -> None:
    await made(kube, namespace, rateLimit={"requestsPerSecond": 7, "burst": 9})
    key = secret_value(await kube.get(SECRET, namespace, "customer1-api-key"), "api-key")
    access = secret_value(await kube.get(SECRET, namespace, "customer1-access"), "access.json")
    assert key.startswith("mb_")
    assert len(base64.urlsafe_b64decode(key.removeprefix("mb_") + "=")) == 32
    assert key not in access
    assert json.loads(access) == {
        "keys": [
            {
                "name": "default",
                "sha256": hashlib.sha256(key.encode()).hexdigest(),
                "scopes": ["read", "write", "admin"],
                "expiresAt": None,
            }
        ],
        "rateLimit": {"requestsPerSecond": 7, "burst": 9},
    }
    deployment = json.dumps(await kube.get(DEPLOYMENT, namespace, "customer1"))
    assert key not in deployment
    assert "customer1-api-key" not in deployment


async def test_a_second_tenant_has_another_key(kube: Kube, namespace: str) -> None:
    for name in ("customer1", "customer2"):
        await kube.observed(await kube.tenant(namespace, name))
    keys = {
        secret_value(await kube.get(SECRET, namespace, f"{name}-api-key"), "api-key")
        for name in ("customer1", "customer2")
    }
    assert len(keys) == 2


@pytest.mark.parametrize("kind", [kind for kind in MADE if kind is not VOLUME_CLAIM], ids=lambda kind: str(kind.kind))
async def test_a_deleted_child_is_made_again(kube: Kube, namespace: str, kind: Kind) -> None:
    await made(kube, namespace)
    before = await kube.until(kind, namespace, "customer1", lambda found: found)
    began = time.perf_counter()
    await kube.delete(kind, namespace, "customer1")
    await kube.until(
        kind, namespace, "customer1", lambda found: found and found["metadata"]["uid"] != before["metadata"]["uid"]
    )
    print(f"{kind.kind} deleted -> made again: {(time.perf_counter() - began) * 1000:.0f} ms")  # noqa: T201


EDITS: list[tuple[Kind, str, Any]] = [
    (DEPLOYMENT, "/spec/replicas", 2),
    (DEPLOYMENT, "/spec/strategy", {"type": "RollingUpdate"}),
    (DEPLOYMENT, "/spec/template/spec/containers/0/image", "evil.example/other:1"),
    (DEPLOYMENT, "/spec/template/spec/containers/0/securityContext/readOnlyRootFilesystem", False),
    (DEPLOYMENT, "/spec/template/spec/containers/0/env/0/value", "another-tenant"),
    (DEPLOYMENT, "/spec/template/spec/containers/0/resources/limits/memory", "8Gi"),
    (DEPLOYMENT, "/metadata/labels/memorybank.dev~1tenant", "another"),
    (SERVICE, "/spec/selector/memorybank.dev~1tenant", "another"),
    (SERVICE, "/spec/ports/0/targetPort", 9090),
    (SERVICE, "/spec/ports", [{"name": "http", "port": 80}, {"name": "metrics", "port": 9090}]),
    (INGRESS, "/spec/rules/0/host", "another.example.com"),
    (NETWORK_POLICY, "/spec/ingress", [{}]),
    (NETWORK_POLICY, "/spec/podSelector/matchLabels/no", "pod"),
    (SERVICE_ACCOUNT, "/automountServiceAccountToken", True),
    (SERVICE_ACCOUNT, "/metadata/ownerReferences", []),
    (VOLUME_CLAIM, "/metadata/labels/memorybank.dev~1tenant", "another"),
]


@pytest.mark.parametrize(("kind", "path", "value"), EDITS, ids=[f"{kind.kind}{path}" for kind, path, _ in EDITS])
async def test_an_edit_by_hand_is_taken_back(kube: Kube, namespace: str, kind: Kind, path: str, value: Any) -> None:
    await made(kube, namespace)
    before = await kube.until(kind, namespace, "customer1", lambda found: found)
    began = time.perf_counter()
    edited = await kube.edit(kind, namespace, "customer1", {"op": "add", "path": path, "value": value})
    assert at(edited, path) != at(before, path)
    await kube.until(kind, namespace, "customer1", lambda found: found and at(found, path) == at(before, path))
    print(f"{kind.kind} edited -> as it was: {(time.perf_counter() - began) * 1000:.0f} ms")  # noqa: T201


def at(manifest: Any, path: str) -> Any:
    for part in path.split("/")[1:]:
        name = part.replace("~1", "/")
        manifest = manifest[int(name)] if isinstance(manifest, list) else manifest.get(name)
    return manifest


async def test_fields_of_others_are_left_alone(kube: Kube, namespace: str) -> None:
    await made(kube, namespace)
    container = {"name": "sidecar", "image": "registry.example/sidecar:1"}
    template = {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"}}}
    deployment = await kube.merge(DEPLOYMENT, namespace, "customer1", {"spec": {"template": template}})
    await kube.edit(
        DEPLOYMENT,
        namespace,
        "customer1",
        {"op": "add", "path": "/spec/template/spec/containers/-", "value": container},
    )
    # A repair of the same object afterwards shows that the operator has looked at it.
    await kube.merge(DEPLOYMENT, namespace, "customer1", {"spec": {"replicas": 3}})
    repaired = await kube.until(
        DEPLOYMENT,
        namespace,
        "customer1",
        lambda found: (
            found
            and found["spec"]["replicas"] == 1
            and found["metadata"]["generation"] > deployment["metadata"]["generation"]
        ),
    )
    pod = repaired["spec"]["template"]
    assert [container["name"] for container in pod["spec"]["containers"]] == ["memorybank", "sidecar"]
    assert "kubectl.kubernetes.io/restartedAt" in pod["metadata"]["annotations"]


async def test_a_deleted_key_is_a_rotation_and_an_event_says_so(kube: Kube, namespace: str) -> None:
    await made(kube, namespace)
    before = await kube.get(SECRET, namespace, "customer1-api-key")
    await kube.delete(SECRET, namespace, "customer1-api-key")
    await kube.merge(TENANT, namespace, "customer1", {"metadata": {"annotations": {"memorybank.dev/reconcile": "now"}}})
    after = await kube.until(SECRET, namespace, "customer1-api-key", lambda found: found)
    key = secret_value(after, "api-key")
    assert key != secret_value(before, "api-key")
    digest = hashlib.sha256(key.encode()).hexdigest()
    await kube.until(
        SECRET, namespace, "customer1-access", lambda found: found and digest in secret_value(found, "access.json")
    )
    # The event is told before the status is written, and the status before anything that comes after.
    await kube.observed(await kube.change(namespace, rateLimit={"burst": 5}))
    told = [event for event in await kube.list(EVENT, namespace) if event["reason"] == "KeyRotated"]
    assert [event["involvedObject"]["name"] for event in told] == ["customer1"]


@pytest.mark.parametrize("how", ["deleted", "edited"])
async def test_the_access_secret_is_as_it_was_at_the_next_reconcile(kube: Kube, namespace: str, how: str) -> None:
    await made(kube, namespace)
    before = await kube.get(SECRET, namespace, "customer1-access")
    if how == "deleted":
        await kube.delete(SECRET, namespace, "customer1-access")
    else:
        await kube.merge(SECRET, namespace, "customer1-access", {"data": {"access.json": "e30="}})
    await kube.merge(TENANT, namespace, "customer1", {"metadata": {"annotations": {"memorybank.dev/reconcile": "now"}}})
    await kube.until(SECRET, namespace, "customer1-access", lambda found: found and found["data"] == before["data"])


async def test_a_changed_key_reaches_the_running_pod_without_a_new_one(kube: Kube, namespace: str) -> None:
    await made(kube, namespace)
    pod = await kube.pod(namespace)
    tenant = await kube.change(namespace, rateLimit={"requestsPerSecond": 1})
    await kube.until(
        POD,
        namespace,
        pod["metadata"]["name"],
        lambda found: found and "memorybank.dev/access" in found["metadata"].get("annotations", {}),
    )
    await kube.observed(tenant)
    assert [found["metadata"]["uid"] for found in await kube.list(POD, namespace)] == [pod["metadata"]["uid"]]


async def test_what_is_no_longer_wanted_goes(kube: Kube, namespace: str) -> None:
    await made(kube, namespace)
    await kube.change(namespace, access={"type": "None", "ingress": None}, networkPolicy={"enabled": False})
    await kube.until_gone(INGRESS, namespace, "customer1")
    await kube.until_gone(NETWORK_POLICY, namespace, "customer1")


async def test_a_field_taken_out_of_the_spec_leaves_the_pod(kube: Kube, namespace: str) -> None:
    await kube.create(SECRET, namespace, "llm", stringData={"key": "sk-test"})
    await made(
        kube, namespace, llm={"apiKeySecretRef": {"name": "llm", "key": "key"}}, podMetadata={"labels": {"team": "a"}}
    )
    deployment = await kube.get(DEPLOYMENT, namespace, "customer1")
    assert "ANTHROPIC_API_KEY" in variables(deployment)
    await kube.change(namespace, llm=None, podMetadata={"labels": None})
    changed = await kube.until(
        DEPLOYMENT, namespace, "customer1", lambda found: found and "ANTHROPIC_API_KEY" not in variables(found)
    )
    assert "LLM_PROVIDER" not in variables(changed)
    assert "team" not in changed["spec"]["template"]["metadata"]["labels"]


def variables(deployment: Manifest) -> set[str]:
    return {variable["name"] for variable in deployment["spec"]["template"]["spec"]["containers"][0]["env"]}


async def test_a_paused_tenant_is_left_alone(kube: Kube, namespace: str) -> None:
    tenant = await made(kube, namespace, paused=True)
    assert tenant["status"]["phase"] == "Paused"
    assert await kube.list(DEPLOYMENT, namespace) == []
    await kube.change(namespace, paused=False)
    await kube.until(DEPLOYMENT, namespace, "customer1", lambda found: found)


async def test_a_hibernating_tenant_has_no_pod_and_is_ready(kube: Kube, namespace: str) -> None:
    await made(kube, namespace, hibernate=True)
    await kube.play_node(namespace)
    tenant = await kube.condition(namespace, "Ready", "True", reason="Hibernated")
    assert condition_of(tenant, "Available") is not None
    assert tenant["status"]["phase"] == "Hibernated"
    assert (await kube.get(DEPLOYMENT, namespace, "customer1"))["spec"]["replicas"] == 0
    await kube.change(namespace, hibernate=False)
    await kube.until(DEPLOYMENT, namespace, "customer1", lambda found: found and found["spec"]["replicas"] == 1)


async def test_an_object_of_the_same_name_that_is_not_ours_is_not_taken_over(kube: Kube, namespace: str) -> None:
    claim = {
        "accessModes": ["ReadWriteOncePod"],
        "volumeMode": "Filesystem",
        "resources": {"requests": {"storage": "10Gi"}},
    }
    theirs = await kube.create(VOLUME_CLAIM, namespace, "customer1", spec=claim)
    await kube.tenant(namespace)
    tenant = await kube.condition(namespace, "Stalled", "True", reason="NameTaken")
    assert "PersistentVolumeClaim customer1" in str(condition_of(tenant, "Ready"))
    unchanged = await kube.get(VOLUME_CLAIM, namespace, "customer1")
    assert unchanged["metadata"]["resourceVersion"] == theirs["metadata"]["resourceVersion"]


async def test_the_older_tenant_keeps_its_host_name(kube: Kube, namespace: str) -> None:
    await made(kube, namespace)
    # Ages have whole seconds; the younger tenant's must differ.
    other = await kube.namespace()
    await asyncio.sleep(1.1)
    await kube.tenant(other, "thief", **hostname(namespace))
    await kube.condition(other, "AccessReady", "False", name="thief", reason="HostnameTaken")
    assert await kube.list(INGRESS, other) == []
    await kube.change(namespace, hostname=f"elsewhere.{namespace}.example.com")
    await kube.until(INGRESS, other, "thief", lambda found: found)
