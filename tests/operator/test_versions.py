"""A next version of the custom resource can follow without a webhook: the operator and the tenants do not notice."""

import asyncio
import contextlib
import copy
from collections.abc import AsyncIterator
from typing import Any

import pytest
import yaml

from memorybank_operator.install_crds import CUSTOM_RESOURCE_DEFINITION as CUSTOM
from memorybank_operator.kinds import SECRET, TENANT, Kind

from .conftest import CRDS, Start
from .kube import SECONDS, Answer, Kube, Manifest
from .test_gitops import looked
from .test_quiet import ready, requests, since

NEXT = Kind(TENANT.group, "v1beta1", TENANT.kind, TENANT.plural)
NAME = f"{TENANT.plural}.{TENANT.group}"


class Definition:
    """The CRD of tenants in the API server."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        (self._ours,) = [
            one
            for one in (yaml.safe_load(file.read_text()) for file in CRDS.glob("*.yaml"))
            if one["metadata"]["name"] == NAME
        ]

    async def serve(self, *versions: str, stored: str) -> None:
        """These versions, which differ in nothing but their names."""
        made = []
        for name in versions:
            version = copy.deepcopy(self._ours["spec"]["versions"][0])
            made.append({**version, "name": name, "served": True, "storage": name == stored})
        await self._patch({"spec": {"versions": made, "conversion": {"strategy": "None"}}})
        await self._kube.until(CUSTOM, "", NAME, _accepted)
        for name in versions:
            await self._served(Kind(TENANT.group, name, TENANT.kind, TENANT.plural))

    async def _served(self, kind: Kind) -> None:
        async with asyncio.timeout(SECONDS):
            while True:
                with contextlib.suppress(Answer):
                    await self._kube.call("GET", kind.path(None))
                    return
                await asyncio.sleep(0.05)

    async def stored(self) -> list[str]:
        found: list[str] = (await self._kube.call("GET", CUSTOM.path(None, NAME)))["status"]["storedVersions"]
        return found

    async def forget_others_than(self, version: str) -> None:
        """Write every tenant once, so that it is stored in the version of now, and say so."""
        for tenant in (await self._kube.call("GET", TENANT.path(None)))["items"]:
            metadata = tenant["metadata"]
            await self._kube.call("PUT", TENANT.path(metadata["namespace"], metadata["name"]), tenant)
        await self._patch({"status": {"storedVersions": [version]}}, "status")

    async def _patch(self, patch: dict[str, Any], subresource: str = "") -> None:
        path = CUSTOM.path(None, NAME, subresource)
        await self._kube.call("PATCH", path, patch, "application/merge-patch+json")


def _accepted(definition: Manifest | None) -> bool:
    told = {one["type"]: one["status"] for one in (definition or {}).get("status", {}).get("conditions", [])}
    return told.get("Established") == told.get("NamesAccepted") == "True"


@pytest.fixture
async def definition(kube: Kube) -> AsyncIterator[Definition]:
    definition = Definition(kube)
    yield definition
    await definition.serve("v1beta1", "v1alpha1", stored="v1alpha1")
    await definition.forget_others_than("v1alpha1")
    await definition.serve("v1alpha1", stored="v1alpha1")


async def test_a_version_that_follows_is_read_and_written_as_the_one_before_and_nobody_notices(
    kube: Kube, namespace: str, start: Start, definition: Definition
) -> None:
    async with start() as operator:
        await ready(kube, operator, namespace)
        counted = requests()
        await definition.serve("v1alpha1", "v1beta1", stored="v1alpha1")
        await definition.serve("v1alpha1", "v1beta1", stored="v1beta1")
        await looked(operator)
        assert since(counted) == {}

        old = await kube.get(TENANT, namespace, "customer1")
        new = await kube.get(NEXT, namespace, "customer1")
        assert {**new, "apiVersion": old["apiVersion"]} == old
        access = (await kube.get(SECRET, namespace, "customer1-access"))["data"]
        await kube.merge(NEXT, namespace, "customer1", {"spec": {"rateLimit": {"burst": 33}}})
        assert (await kube.get(TENANT, namespace, "customer1"))["spec"]["rateLimit"]["burst"] == 33
        await kube.until(SECRET, namespace, "customer1-access", lambda found: found and found["data"] != access)
        await looked(operator)

        counted = requests()
        assert await definition.stored() == ["v1alpha1", "v1beta1"]
        await definition.forget_others_than("v1beta1")
        await looked(operator)
        assert await definition.stored() == ["v1beta1"]
        assert since(counted) == {}
