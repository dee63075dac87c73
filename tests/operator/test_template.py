"""A version of the operator that renders pods in another way restarts none of those that run."""

import json
from typing import Any

import pytest

from memorybank_operator.api.tenant import Tenant
from memorybank_operator.desired import template, workload
from memorybank_operator.kinds import DEPLOYMENT, TENANT

from .conftest import Start
from .kube import Kube, Manifest
from .tenants import context, tenant
from .test_quiet import ready, requests, since

TEMPLATE = "memorybank.dev/template"


@pytest.fixture
def next_version(monkeypatch: pytest.MonkeyPatch) -> Any:
    """From now on pods are rendered as a later version might: with one variable more."""
    before = workload._environment

    def after(tenant: Tenant) -> list[dict[str, Any]]:
        return [*before(tenant), {"name": "LATER", "value": "1"}]

    return lambda: monkeypatch.setattr(workload, "_environment", after)


def variables(deployment: Manifest | None) -> dict[str, str]:
    container = (deployment or {})["spec"]["template"]["spec"]["containers"][0]
    return {variable["name"]: variable.get("value", "") for variable in container["env"]}


async def test_an_upgrade_of_the_operator_restarts_no_pod(
    kube: Kube, namespace: str, start: Start, next_version: Any
) -> None:
    async with start() as operator:
        await ready(kube, operator, namespace)
        before = await kube.get(DEPLOYMENT, namespace, "customer1")
    next_version()
    counted = requests()
    async with start() as operator:
        operator.resync()
        await operator.queue.settled()
        assert since(counted) == {}
        await kube.tenant(namespace, "customer2")
        newer = await kube.until(DEPLOYMENT, namespace, "customer2", lambda found: found)
    assert "LATER" in variables(newer)
    after = await kube.get(DEPLOYMENT, namespace, "customer1")
    assert after["metadata"]["generation"] == before["metadata"]["generation"]


async def test_a_tenant_whose_pod_changes_anyway_gets_the_template_of_the_upgrade(
    kube: Kube, namespace: str, start: Start, next_version: Any
) -> None:
    async with start() as operator:
        await ready(kube, operator, namespace)
    next_version()
    async with start():
        # What is no part of the pod leaves it alone.
        await kube.observed(await kube.change(namespace, rateLimit={"burst": 5}, networkPolicy={"enabled": False}))
        assert "LATER" not in variables(await kube.get(DEPLOYMENT, namespace, "customer1"))
        await kube.change(namespace, forgetting={"thresholdPercent": 25})
        await kube.until(
            DEPLOYMENT,
            namespace,
            "customer1",
            lambda found: {"LATER": "1", "FORGETTING_THRESHOLD": "0.25"}.items() <= variables(found).items(),
        )


async def test_a_user_who_asks_gets_the_template_of_the_upgrade(
    kube: Kube, namespace: str, start: Start, next_version: Any
) -> None:
    async with start() as operator:
        await ready(kube, operator, namespace)
    next_version()
    async with start():
        annotations = {"memorybank.dev/reconcile": "now"}
        await kube.merge(TENANT, namespace, "customer1", {"metadata": {"annotations": annotations}})
        await kube.until(DEPLOYMENT, namespace, "customer1", lambda found: "LATER" in variables(found))


async def test_an_edit_by_hand_is_taken_back_to_the_template_that_was_applied(
    kube: Kube, namespace: str, start: Start, next_version: Any
) -> None:
    async with start() as operator:
        await ready(kube, operator, namespace)
        before = variables(await kube.get(DEPLOYMENT, namespace, "customer1"))
    next_version()
    path = "/spec/template/spec/containers/0/env/0/value"
    edit = {"op": "replace", "path": path, "value": "another-tenant"}
    await kube.edit(DEPLOYMENT, namespace, "customer1", edit)
    async with start() as operator:
        await kube.until(DEPLOYMENT, namespace, "customer1", lambda found: variables(found) == before)
        await operator.queue.settled()
        await kube.edit(DEPLOYMENT, namespace, "customer1", edit)
        await kube.until(DEPLOYMENT, namespace, "customer1", lambda found: variables(found) == before)


async def test_a_record_that_somebody_wrote_is_not_followed(kube: Kube, namespace: str, start: Start) -> None:
    async with start() as operator:
        await ready(kube, operator, namespace)
        before = await kube.get(DEPLOYMENT, namespace, "customer1")
        record = before["metadata"]["annotations"][TEMPLATE]
        forged = json.loads(record)
        forged["template"]["spec"]["containers"][0]["image"] = "evil.example/other:1"
        annotations = {TEMPLATE: json.dumps(forged)}
        await kube.merge(DEPLOYMENT, namespace, "customer1", {"metadata": {"annotations": annotations}})
        await kube.until(
            DEPLOYMENT,
            namespace,
            "customer1",
            lambda found: (found or {})["metadata"]["annotations"][TEMPLATE] == record,
        )
        await operator.queue.settled()
        after = await kube.get(DEPLOYMENT, namespace, "customer1")
        assert after["spec"]["template"] == before["spec"]["template"]


EVERY_FIELD: dict[str, Any] = {
    "imagePullPolicy": "Always",
    "imagePullSecrets": [{"name": "pull"}],
    "llm": {"provider": "openai"},
    "embedding": {"provider": "google"},
    "forgetting": {"thresholdPercent": 25},
    "maintenance": {"intervalHours": 12},
    "resources": {"limits": {"memory": "4Gi"}},
    "scheduling": {"nodeSelector": {"a": "b"}},
    "podMetadata": {"labels": {"team": "a"}},
}


@pytest.mark.parametrize("field", EVERY_FIELD)
def test_whatever_changes_the_pod_changes_the_wish(field: str) -> None:
    plain, changed = tenant(), tenant(**{field: EVERY_FIELD[field]})
    one, other = (workload.deployment(each, context())["spec"]["template"] for each in (plain, changed))
    assert one != other
    assert template.wish(plain, "i:1") != template.wish(changed, "i:1")


def test_a_default_that_is_written_out_is_the_same_wish() -> None:
    plain, written = tenant(), tenant(forgetting={"intervalHours": 24, "thresholdPercent": 10})
    assert template.wish(plain, "i:1") == template.wish(written, "i:1")


def test_another_image_is_another_wish_and_another_name_for_the_spec_is_not() -> None:
    assert template.wish(tenant(), "i:1") != template.wish(tenant(), "i:2")
    assert template.wish(tenant(image="i:1"), "i:1") == template.wish(tenant(), "i:1")


def test_taking_the_users_word_away_asks_for_nothing() -> None:
    asked = template.request(tenant(annotations={"memorybank.dev/reconcile": "now"}))
    silent = template.request(tenant())
    assert template.anew(asked, silent)
    assert not template.anew(silent, asked)
    assert not template.anew(asked, asked)


def test_no_value_of_a_secret_is_in_the_record() -> None:
    reference = {"name": "llm", "key": "key"}
    made = workload.deployment(tenant(llm={"provider": "openai", "apiKeySecretRef": reference}), context())
    record = json.loads(made["metadata"]["annotations"][TEMPLATE])
    variables = {one["name"]: one for one in record["template"]["spec"]["containers"][0]["env"]}
    assert variables["OPENAI_API_KEY"] == {"name": "OPENAI_API_KEY", "valueFrom": {"secretKeyRef": reference}}


def test_a_template_that_is_too_large_for_a_record_is_rendered_anew() -> None:
    made = workload.deployment(tenant(podMetadata={"annotations": {"large": "x" * template.LARGEST_RECORD}}), context())
    assert TEMPLATE not in made["metadata"].get("annotations", {})
    assert template.record_digest(made) is None
