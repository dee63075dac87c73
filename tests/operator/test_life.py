"""From the first look to the last: readiness, deletion by each policy, and what comes back."""

from typing import Any

import pytest

from memorybank_operator.kinds import CHILDREN, DEPLOYMENT, OPTIONAL, SECRET, TENANT, VOLUME_CLAIM

from .kube import Kube, Manifest, condition_of

pytestmark = pytest.mark.usefixtures("installed")


async def ready(kube: Kube, namespace: str, **spec: Any) -> Manifest:
    await kube.observed(await kube.tenant(namespace, **spec))
    await kube.play_node(namespace, capacity=spec.get("storage", {}).get("size", "10Gi"))
    return await kube.condition(namespace, "Ready", "True")


async def test_a_tenant_becomes_ready_when_its_volume_and_pod_are(kube: Kube, namespace: str) -> None:
    waiting = await kube.observed(await kube.tenant(namespace))
    assert {kind: str(condition_of(waiting, kind)["status"]) for kind in ("Ready", "Reconciling", "Stalled")} == {  # type: ignore[index]
        "Ready": "False",
        "Reconciling": "True",
        "Stalled": "False",
    }
    await kube.play_node(namespace)
    tenant = await kube.condition(namespace, "Ready", "True")
    status = tenant["status"]
    assert status["phase"] == "Ready"
    assert status["endpoint"] == f"http://customer1.{namespace}.svc"
    assert status["apiKeySecretRef"] == {"name": "customer1-api-key"}
    assert status["image"] == "registry.example/memorybank:v1"
    assert status["storage"] == {"capacity": "10Gi"}
    assert {condition["type"]: condition["status"] for condition in status["conditions"]} == {
        "Ready": "True",
        "Available": "True",
        "Reconciling": "False",
        "Stalled": "False",
        "StorageReady": "True",
        "AccessReady": "True",
        "SecretsReady": "True",
    }


async def test_a_missing_secret_is_named_and_its_arrival_noticed(kube: Kube, namespace: str) -> None:
    await kube.tenant(namespace, llm={"provider": "openai", "apiKeySecretRef": {"name": "llm", "key": "key"}})
    tenant = await kube.condition(namespace, "SecretsReady", "False", reason="SecretMissing")
    assert "Secret llm" in str(condition_of(tenant, "SecretsReady"))
    await kube.create(SECRET, namespace, "llm", stringData={"other": "sk-test"})
    await kube.condition(namespace, "SecretsReady", "False", reason="SecretKeyMissing")
    await kube.merge(SECRET, namespace, "llm", {"stringData": {"key": "sk-test"}})
    await kube.condition(namespace, "SecretsReady", "True")


async def test_retain_keeps_volume_and_key_and_a_namesake_adopts_them(kube: Kube, namespace: str) -> None:
    await ready(kube, namespace, storage={"size": "20Gi"})
    claim = await kube.get(VOLUME_CLAIM, namespace, "customer1")
    key = await kube.get(SECRET, namespace, "customer1-api-key")
    await kube.delete(TENANT, namespace, "customer1")
    await kube.until_gone(DEPLOYMENT, namespace, "customer1")
    await kube.until_gone(SECRET, namespace, "customer1-access")

    back = await kube.observed(await kube.tenant(namespace, storage={"size": "5Gi"}))
    adopted = await kube.get(VOLUME_CLAIM, namespace, "customer1")
    assert adopted["metadata"]["uid"] == claim["metadata"]["uid"]
    assert adopted["spec"]["resources"]["requests"]["storage"] == "20Gi"
    assert (await kube.get(SECRET, namespace, "customer1-api-key"))["data"] == key["data"]
    assert back["status"]["storage"]["capacity"] == "20Gi"


async def test_delete_leaves_nothing(kube: Kube, namespace: str) -> None:
    await ready(kube, namespace, deletionPolicy="Delete")
    await kube.delete(TENANT, namespace, "customer1")
    await assert_nothing_is_left(kube, namespace)


async def test_a_policy_changed_to_delete_holds_for_what_is_there(kube: Kube, namespace: str) -> None:
    await ready(kube, namespace)
    await kube.observed(await kube.change(namespace, deletionPolicy="Delete"))
    await kube.delete(TENANT, namespace, "customer1")
    await assert_nothing_is_left(kube, namespace)


async def test_a_policy_changed_to_retain_holds_for_what_is_there(kube: Kube, namespace: str) -> None:
    await ready(kube, namespace, deletionPolicy="Delete")
    await kube.observed(await kube.change(namespace, deletionPolicy="Retain"))
    for kind, name in ((VOLUME_CLAIM, "customer1"), (SECRET, "customer1-api-key")):
        assert "ownerReferences" not in (await kube.get(kind, namespace, name))["metadata"]
    await kube.delete(TENANT, namespace, "customer1")
    await kube.until_gone(DEPLOYMENT, namespace, "customer1")
    assert await kube.get(VOLUME_CLAIM, namespace, "customer1")


async def test_delete_set_and_the_tenant_deleted_at_once_leaves_nothing(kube: Kube, namespace: str) -> None:
    await ready(kube, namespace)
    await kube.change(namespace, deletionPolicy="Delete")
    await kube.delete(TENANT, namespace, "customer1")
    await assert_nothing_is_left(kube, namespace)


async def assert_nothing_is_left(kube: Kube, namespace: str) -> None:
    for kind in CHILDREN:
        if kind not in OPTIONAL:
            await kube.until_gone(kind, namespace, "customer1")
    for name in ("customer1-api-key", "customer1-access"):
        await kube.until_gone(SECRET, namespace, name)


async def test_a_foreground_deletion_is_not_fought(kube: Kube, namespace: str) -> None:
    await ready(kube, namespace)
    await kube.call("DELETE", TENANT.path(namespace, "customer1"), {"propagationPolicy": "Foreground"})
    await kube.until_gone(TENANT, namespace, "customer1")
    await kube.until_gone(DEPLOYMENT, namespace, "customer1")


async def test_a_namespace_can_be_deleted_with_its_tenants(kube: Kube, namespace: str) -> None:
    await ready(kube, namespace)
    await kube.call("DELETE", f"/api/v1/namespaces/{namespace}")
    await kube.until_gone(VOLUME_CLAIM, namespace, "customer1")
    await kube.until_gone(TENANT, namespace, "customer1")


async def test_another_image_replaces_the_pod(kube: Kube, namespace: str) -> None:
    await ready(kube, namespace)
    await kube.change(namespace, image="registry.example/memorybank:v2")
    tenant = await kube.condition(namespace, "Ready", "False")
    assert tenant["status"]["image"] == "registry.example/memorybank:v2"
    deployment = await kube.get(DEPLOYMENT, namespace, "customer1")
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == "registry.example/memorybank:v2"


async def test_the_volume_is_asked_to_grow_and_the_tenant_is_ready_when_it_has(kube: Kube, namespace: str) -> None:
    # The API server lets a claim grow only if its class says so.
    storage_class = {"metadata": {"name": namespace}, "provisioner": "none.example", "allowVolumeExpansion": True}
    await kube.call("POST", "/apis/storage.k8s.io/v1/storageclasses", storage_class)
    storage = {"size": "10Gi", "storageClassName": namespace}
    await kube.observed(await kube.tenant(namespace, storage=storage))
    await kube.volume(namespace, storage_class=namespace)
    await kube.ready_pod(namespace)
    await kube.condition(namespace, "Ready", "True")
    await kube.change(namespace, storage={"size": "20Gi"})
    await kube.condition(namespace, "Ready", "False", reason="VolumeGrowing")
    claim = await kube.get(VOLUME_CLAIM, namespace, "customer1")
    assert claim["spec"]["resources"]["requests"]["storage"] == "20Gi"
    grown = {"status": {"capacity": {"storage": "20Gi"}}}
    await kube.merge(VOLUME_CLAIM, namespace, "customer1", grown, "status")
    tenant = await kube.condition(namespace, "Ready", "True")
    assert tenant["status"]["storage"]["capacity"] == "20Gi"
