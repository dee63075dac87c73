"""The chart: the API server takes what it renders, and a mistake in the values is told before anything is made."""

from __future__ import annotations

import json

import pytest

from e2e.kubectl import Kubectl, as_list
from tests.chart.conftest import CHART, ROOT, SETS, Helm, Manifest, options

pytestmark = pytest.mark.plane

(GUIDE,) = options("guide")


def tenants(manifests: list[Manifest]) -> dict[str, Manifest]:
    return {each["metadata"]["name"]: each for each in manifests if each["kind"] == "MemoryBankTenant"}


@pytest.mark.parametrize("name", SETS)
def test_the_api_server_takes_what_the_chart_renders(helm: Helm, api: Kubectl, name: str) -> None:
    manifests = helm.render(*options(name))
    # A pod is refused whose identity is not there.
    api.apply(*(each for each in manifests if each["kind"] == "ServiceAccount"))

    strictly = ("--dry-run=server", "--validate=strict", "--warnings-as-errors")
    api("apply", *strictly, "--filename=-", stdin=as_list(manifests))


@pytest.mark.parametrize("base", ["default", "monitoring"])
def test_the_api_server_takes_the_kustomize_bases(api: Kubectl, base: str) -> None:
    told = api("apply", "--dry-run=server", "--validate=strict", f"--kustomize={ROOT / 'config' / base}")

    kinds = {"default": "deployment.apps/memorybank", "monitoring": "prometheusrule.monitoring.coreos.com/memorybank"}
    assert kinds[base] in told


def test_the_deployment_guides_values_become_tenants(helm: Helm) -> None:
    found = tenants(helm.render(GUIDE))

    first, second = found["customer1"]["spec"], found["customer2"]["spec"]
    assert first["hostname"] == "customer1.example.com"
    assert first["storage"] == {"size": "20Gi", "storageClassName": "fast-ssd"}
    assert first["apiKeys"][0]["secretKeyRef"] == {"name": "customer1-given-key", "key": "api-key"}
    assert first["access"]["ingress"]["className"] == "nginx"
    assert first["access"]["ingress"]["tls"] == {"secretName": "memorybank-tls"}
    assert second["storage"]["size"] == "100Gi"
    assert second["apiKeys"][0]["secretKeyRef"]["name"] == "customer2-own-key"


def test_a_key_stands_in_no_tenant_and_in_no_pod(helm: Helm) -> None:
    manifests = helm.render(GUIDE)

    in_the_clear = [each["kind"] for each in manifests if "mb_key-of-customer1" in str(each)]
    assert in_the_clear == ["Secret"]


def test_without_multi_tenant_the_release_is_the_one_tenant(helm: Helm) -> None:
    found = tenants(helm.render("--set=multiTenant.enabled=false", "--set=ingress.hosts[0].host=mb.example.com"))

    assert found["memorybank"]["spec"]["hostname"] == "mb.example.com"


def test_the_one_tenants_objects_and_the_operators_have_different_names(helm: Helm) -> None:
    # The tenant's Deployment, Service, account and so on will be called as the tenant is.
    manifests = helm.render("--set=multiTenant.enabled=false")

    named = {each["kind"] for each in manifests if each["metadata"]["name"] == "memorybank"}
    assert named == {"MemoryBankTenant"}


def test_who_may_read_metrics_is_a_value(helm: Helm) -> None:
    manifests = helm.render("--set=monitoring.namespaceSelector.matchLabels.team=watchers")

    (deployment,) = [each for each in manifests if each["kind"] == "Deployment"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    variables = {each["name"]: each.get("value", "") for each in container["env"]}
    assert json.loads(variables["MONITORING_NAMESPACE_SELECTOR"])["matchLabels"]["team"] == "watchers"


def test_a_value_that_looks_like_a_number_stays_a_text(helm: Helm) -> None:
    options = "--set-string=tenants[0].id=c,tenants[0].namespace=42,tenants[0].persistence.size=1073741824"
    (tenant,) = [each for each in helm.render(options) if each["kind"] == "MemoryBankTenant"]

    assert tenant["metadata"]["namespace"] == "42"
    assert tenant["spec"]["storage"]["size"] == "1073741824"


def test_with_watch_namespaces_the_operator_has_no_rights_elsewhere(helm: Helm) -> None:
    manifests = helm.render("--set=watchNamespaces={customers}")

    own = [
        each
        for each in manifests
        if each["metadata"].get("labels", {}).get("app.kubernetes.io/component") == "operator"
    ]
    (cluster_role,) = [each for each in own if each["kind"] == "ClusterRole"]
    roles = {each["metadata"]["namespace"] for each in own if each["kind"] == "Role"}
    assert [rule["resources"] for rule in cluster_role["rules"]] == [["leases"]]
    assert roles == {"customers", "memorybank-system"}


def test_the_charts_crds_are_the_generated_ones() -> None:
    generated = {path.name: path.read_text() for path in (ROOT / "crds").glob("*.yaml")}

    assert {path.name: path.read_text() for path in (CHART / "crds").glob("*.yaml")} == generated
