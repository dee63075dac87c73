"""`deletionProtection` as the chart's policy has the API server hold it."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from e2e.cluster.build import program
from e2e.cluster.components import COMPONENTS
from e2e.cluster.progress import Progress
from memorybank_operator.kinds import TENANT, Kind
from tests.chart.conftest import Helm

from .conftest import Start
from .kube import SECONDS, Answer, Kube

ADMISSION = "/apis/admissionregistration.k8s.io/v1"
NAMESPACE = Kind("", "v1", "Namespace", "namespaces")


@pytest.fixture
async def protected(kube: Kube, namespace: str) -> AsyncIterator[None]:
    """A protected tenant, where the policy is in force."""
    made = []
    for manifest in Helm(program(COMPONENTS["helm"], Progress())).render():
        if manifest["kind"].startswith("ValidatingAdmissionPolicy"):
            plural = "validatingadmissionpolicies" if manifest["kind"].endswith("Policy") else f"{manifest['kind']}s"
            await kube.call("POST", f"{ADMISSION}/{plural.lower()}?fieldValidation=Strict", manifest)
            made.append(f"{ADMISSION}/{plural.lower()}/{manifest['metadata']['name']}")
    assert len(made) == 2
    await kube.tenant(namespace, deletionProtection=True)
    async with asyncio.timeout(SECONDS):  # the API server takes a policy up in the background
        while True:
            if await refused(kube, TENANT.path(namespace, "customer1") + "?dryRun=All"):
                break
            await asyncio.sleep(0.1)
    yield
    for path in made:
        await kube.call("DELETE", path)


async def refused(kube: Kube, path: str) -> str:
    """Why a deletion is refused; empty: it was done."""
    try:
        await kube.call("DELETE", path)
    except Answer as answer:
        if answer.status != 403:
            raise
        return str(answer)
    return ""


@pytest.mark.usefixtures("protected")
async def test_a_protected_tenant_is_not_deleted_and_the_refusal_says_what_to_do(kube: Kube, namespace: str) -> None:
    sentence = await refused(kube, TENANT.path(namespace, "customer1"))
    assert "MemoryBankTenant customer1 is protected by spec.deletionProtection" in sentence
    patch = '\'{"spec":{"deletionProtection":false}}\''
    assert f"kubectl patch memorybanktenant customer1 -n {namespace} --type=merge -p {patch}" in sentence
    assert await refused(kube, TENANT.path(namespace))  # all at once
    assert "deletionTimestamp" not in (await kube.get(TENANT, namespace, "customer1"))["metadata"]
    await kube.change(namespace, deletionProtection=False)
    assert not await refused(kube, TENANT.path(namespace, "customer1"))


@pytest.mark.usefixtures("protected")
async def test_a_tenant_without_protection_is_deleted_as_ever(kube: Kube, namespace: str) -> None:
    await kube.tenant(namespace, "customer2")
    assert not await refused(kube, TENANT.path(namespace, "customer2"))


@pytest.mark.usefixtures("protected")
async def test_a_namespace_takes_its_tenants_along_unless_it_is_protected_itself(
    kube: Kube, namespace: str, start: Start
) -> None:
    async with start():
        await kube.observed(await kube.tenant(namespace, "customer2"))
        path = NAMESPACE.path(None, namespace)
        label = "memorybank.dev/deletion-protection"
        await kube.merge(NAMESPACE, "", namespace, {"metadata": {"labels": {label: "true"}}})
        sentence = await refused(kube, path)
        assert f"namespace {namespace} is protected by its label {label}" in sentence
        assert f"kubectl label namespace {namespace} {label}-" in sentence
        await kube.merge(NAMESPACE, "", namespace, {"metadata": {"labels": {label: None}}})
        assert not await refused(kube, path)
        await kube.until_gone(NAMESPACE, "", namespace)
