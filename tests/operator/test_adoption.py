"""Whose the fields of an object are that was created, when it is applied first."""

import pytest

from memorybank_operator import adoption
from memorybank_operator.api.names import TENANT_LABEL
from memorybank_operator.cluster import Cluster
from memorybank_operator.kinds import SERVICE
from memorybank_operator.kubeconfig import Connection

from .kube import Kube, Manifest
from .test_quiet import requests, since


def service(namespace: str, **annotations: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "customer1",
            "namespace": namespace,
            "labels": {TENANT_LABEL: "customer1"},
            "annotations": annotations,
        },
        "spec": {"ports": [{"port": 80}]},
    }


@pytest.mark.parametrize(("watched", "reads"), [(False, 1), (True, 0)])
async def test_a_manager_that_nobody_knew_of_holds_nothing_up(
    kube: Kube, namespace: str, connection: Connection, watched: bool, reads: int
) -> None:
    """It stands before us in the list of managers, so that our place there is another than was known."""
    path = SERVICE.path(namespace, "customer1") + "?fieldManager=a-controller"
    theirs = {"metadata": {"annotations": {"theirs": "kept"}}}
    async with Cluster(connection) as cluster:
        made = await adoption.apply(cluster, SERVICE, service(namespace, kept="1", given_up="1"), None)
        await kube.call("PATCH", path, theirs, "application/merge-patch+json")
        newest = await kube.get(SERVICE, namespace, "customer1")
        managers = newest["metadata"]["managedFields"]
        assert [one["manager"] for one in managers] == ["a-controller", "memorybank-operator"]
        before, known = requests(("get",)), newest if watched else None
        await adoption.apply(cluster, SERVICE, service(namespace, kept="1"), made.manifest(), lambda: known)
        assert since(before, ("get",)).get("get services", 0) == reads
    found = await kube.get(SERVICE, namespace, "customer1")
    assert found["metadata"]["annotations"] == {"kept": "1", "theirs": "kept"}
