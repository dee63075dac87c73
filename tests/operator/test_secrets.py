"""Secrets that are not ours, and objects that the API server will not have, are said in the status."""

from typing import Any

from memorybank_operator.kinds import POD, SECRET, Kind

from .conftest import Start
from .kube import Kube, condition_of


async def test_a_secret_of_somebody_else_under_the_access_files_name_is_left_alone(
    kube: Kube, namespace: str, start: Start
) -> None:
    theirs = await kube.create(SECRET, namespace, "customer1-access", stringData={"password": "of the test"})
    async with start():
        await kube.tenant(namespace)
        tenant = await kube.condition(namespace, "SecretsReady", "False", reason="NameTaken")
    assert "Secret customer1-access is there already" in str(condition_of(tenant, "Ready"))
    unchanged = await kube.get(SECRET, namespace, "customer1-access")
    assert unchanged["metadata"]["resourceVersion"] == theirs["metadata"]["resourceVersion"]


async def test_a_secret_that_the_api_server_refuses_is_said_in_the_status(
    kube: Kube, namespace: str, start: Start
) -> None:
    async with start():
        await kube.observed(await kube.tenant(namespace))
        await kube.merge(SECRET, namespace, "customer1-access", {"immutable": True})
        await kube.change(namespace, rateLimit={"burst": 7})
        tenant = await kube.condition(namespace, "SecretsReady", "False", reason="Refused")
        assert "refuses the Secret customer1-access" in str(condition_of(tenant, "Ready"))
        await kube.delete(SECRET, namespace, "customer1-access")
        await kube.condition(namespace, "SecretsReady", "True")


async def test_a_pod_that_the_api_server_refuses_is_said_in_the_status(
    kube: Kube, namespace: str, start: Start
) -> None:
    quota: dict[str, Any] = {"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}
    await kube.call("POST", f"/api/v1/namespaces/{namespace}/resourcequotas", quota)
    kind = Kind("", "v1", "ResourceQuota", "resourcequotas")
    await kube.until(kind, namespace, "none", lambda found: found and found.get("status", {}).get("hard"))
    async with start():
        await kube.tenant(namespace)
        tenant = await kube.condition(namespace, "Available", "False", reason="QuotaExceeded")
        assert (
            "ResourceQuota none has no room for the pod (requested: pods=1; limited: pods=0): raise the quota"
            in str(condition_of(tenant, "Available"))
        )
    assert await kube.list(POD, namespace) == []
