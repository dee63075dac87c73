"""Each mistake in the YAML is refused by the API server, with a sentence that helps."""

from typing import Any

import pytest

from memorybank_operator.kinds import TENANT

from .kube import Answer, Kube


@pytest.mark.parametrize("name", ["Customer", "9lives", "a.b", "x" * 41, "ends-"])
async def test_a_name_that_is_no_tenant_id_is_refused(kube: Kube, namespace: str, name: str) -> None:
    with pytest.raises(Answer) as refused:
        await kube.tenant(namespace, name)
    sentence = str(refused.value)
    assert "at most 40 characters" in sentence or "lower case alphanumeric" in sentence


@pytest.mark.parametrize("name", ["a", "customer-1", "x" * 40])
async def test_a_tenant_id_is_accepted(kube: Kube, namespace: str, name: str) -> None:
    assert await kube.tenant(namespace, name)


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ({"storage": {"size": "20GB"}}, '"20GB" is no quantity above zero: write a number and a unit such as 20Gi'),
        ({"storage": {"size": "0"}}, '"0" is no quantity above zero'),
        ({"storage": {"accessMode": "ReadWriteMany"}}, 'supported values: "ReadWriteOnce", "ReadWriteOncePod"'),
        ({"resources": {"limits": {"memory": "1GB"}}}, "is no quantity: write a number and a unit such as 500m"),
        ({"forgetting": {"thresholdPercent": 150}}, "should be less than or equal to 100"),
        ({"forgetting": {"intervalHours": 0}}, "should be greater than or equal to 1"),
        ({"hostname": "https://example.com"}, "write it in lower case without scheme, port or path"),
        ({"hostname": "example.com:80"}, "write it in lower case without scheme, port or path"),
        ({"hostname": "-a.example.com"}, "is no host name"),
        ({"llm": {"apiKeySecretRef": {"name": "llm"}}}, "spec.llm.apiKeySecretRef.key: Required value"),
        ({"llm": {"apiBase": "llm.example.com"}}, "write it with its scheme"),
        ({"apiKeys": [{"name": "app"}]}, "spec.apiKeys[0].scopes: Required value"),
        ({"apiKeys": [{"name": "app", "scopes": ["all"]}]}, 'supported values: "admin", "read", "write"'),
        (
            {"apiKeys": [{"name": "app", "scopes": ["read"]}, {"name": "app", "scopes": ["write"]}]},
            "Duplicate value",
        ),
        (
            {"access": {"type": "Ingress", "ingress": {}, "gateway": {"parentRefs": [{"name": "gw"}]}}},
            "two ways of access are given: keep either access.ingress or access.gateway",
        ),
        ({"access": {"type": "Gateway"}}, "name the Gateway in access.gateway.parentRefs"),
        ({"access": {"type": "None", "ingress": {}}}, "access.ingress is only for access.type Ingress"),
        ({"access": {"ingress": {"tls": {}}}}, "name the TLS Secret by secretName, or an issuer"),
        ({"networkPolicy": {"ingressFrom": [{}]}}, "name either an ipBlock, or pods"),
        ({"image": "has a space"}, "is no image"),
        ({"deletionPolicy": "Keep"}, 'supported values: "Delete", "Retain"'),
        (
            {
                "llm": {"provider": "openai", "apiKeySecretRef": {"name": "a", "key": "k"}},
                "embedding": {"provider": "openai", "apiKeySecretRef": {"name": "b", "key": "k"}},
            },
            "llm and embedding of one provider share its key",
        ),
        ({"hostnam": "example.com"}, 'unknown field "spec.hostnam"'),
    ],
)
async def test_a_mistake_is_refused_with_a_sentence(
    kube: Kube, namespace: str, spec: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(Answer) as refused:
        await kube.tenant(namespace, **spec)
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"storage": {"size": "5Gi"}}, "spec.storage.size 5Gi is below what the volume has (20Gi)"),
        ({"storage": {"storageClassName": "slow"}}, "storageClassName is chosen at creation"),
        ({"storage": {"storageClassName": None}}, "storageClassName is chosen at creation"),
        ({"storage": {"accessMode": "ReadWriteOnce"}}, "accessMode is chosen at creation"),
    ],
)
async def test_a_volume_keeps_what_was_chosen_at_creation(
    kube: Kube, namespace: str, change: dict[str, Any], sentence: str
) -> None:
    await kube.tenant(namespace, storage={"size": "20Gi", "storageClassName": "fast"})
    with pytest.raises(Answer) as refused:
        await kube.change(namespace, **change)
    assert sentence in str(refused.value)


async def test_a_mistyped_size_is_taken_back_down_to_what_the_volume_has(kube: Kube, namespace: str) -> None:
    await kube.tenant(namespace, storage={"size": "20Ti"})
    await kube.merge(TENANT, namespace, "customer1", {"status": {"storage": {"capacity": "10Gi"}}}, "status")
    await kube.change(namespace, storage={"size": "20Gi"})
    with pytest.raises(Answer, match=r"below what the volume has \(10Gi\)"):
        await kube.change(namespace, storage={"size": "9Gi"})


async def test_other_fields_change_while_the_volume_has_more_than_the_spec_says(kube: Kube, namespace: str) -> None:
    await kube.tenant(namespace, storage={"size": "5Gi"})
    await kube.merge(TENANT, namespace, "customer1", {"status": {"storage": {"capacity": "20Gi"}}}, "status")
    changed = await kube.change(namespace, hibernate=True)
    assert changed["spec"]["hibernate"] is True


async def test_integers_are_quantities_too(kube: Kube, namespace: str) -> None:
    made = await kube.tenant(namespace, resources={"limits": {"cpu": 1, "memory": "1Gi"}})
    assert made["spec"]["resources"]["limits"] == {"cpu": 1, "memory": "1Gi"}


async def test_defaults_are_filled_in_by_the_schema(kube: Kube, namespace: str) -> None:
    spec = (await kube.tenant(namespace))["spec"]
    assert spec["forgetting"] == {
        "intervalHours": 24,
        "thresholdPercent": 10,
        "timeScaleHours": 168,
        "purgeAfterDays": 0,
    }
    assert spec["storage"] == {"size": "10Gi", "accessMode": "ReadWriteOncePod"}
    assert spec["rateLimit"] == {"requestsPerSecond": 50, "burst": 100}
    assert spec["deletionPolicy"] == "Retain"
    assert "llm" not in spec
