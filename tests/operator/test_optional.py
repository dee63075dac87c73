"""What a cluster may lack may appear while the operator runs."""

from typing import Any

import pytest

from memorybank_operator.kinds import HTTP_ROUTE

from .conftest import install_crd
from .kube import Kube

pytestmark = pytest.mark.usefixtures("installed")

# As the Gateway API's own, as far as the API server is concerned: its fields are not what is tested here.
CRD = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {
        "name": f"{HTTP_ROUTE.plural}.{HTTP_ROUTE.group}",
        "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"},
    },
    "spec": {
        "group": HTTP_ROUTE.group,
        "scope": "Namespaced",
        "names": {"kind": HTTP_ROUTE.kind, "plural": HTTP_ROUTE.plural, "singular": "httproute"},
        "versions": [
            {
                "name": HTTP_ROUTE.version,
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}


async def test_a_gateway_api_that_appears_is_used_and_its_routes_are_kept(kube: Kube, namespace: str) -> None:
    access: dict[str, Any] = {"type": "Gateway", "gateway": {"parentRefs": [{"name": "gateway", "namespace": "infra"}]}}
    await kube.tenant(namespace, hostname=f"{namespace}.example.com", access=access)
    await kube.condition(namespace, "AccessReady", "False", reason="GatewayApiMissing")
    await install_crd(kube, CRD)
    route = await kube.until(HTTP_ROUTE, namespace, "customer1", lambda found: found)
    assert route["spec"]["hostnames"] == [f"{namespace}.example.com"]
    await kube.condition(namespace, "AccessReady", "False", reason="RoutePending")
    conditions = [{"type": "Accepted", "status": "True", "reason": "Accepted"}]
    accepted = {"parents": [{"parentRef": access["gateway"]["parentRefs"][0], "conditions": conditions}]}
    await kube.merge(HTTP_ROUTE, namespace, "customer1", {"status": accepted}, "status")
    await kube.condition(namespace, "AccessReady", "True", reason="Routed")
    await kube.delete(HTTP_ROUTE, namespace, "customer1")
    again = await kube.until(
        HTTP_ROUTE, namespace, "customer1", lambda found: found and found["metadata"]["uid"] != route["metadata"]["uid"]
    )
    assert again["spec"] == route["spec"]
