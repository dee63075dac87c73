"""The values: each is described; a mistake, and what cannot be honoured, is told before anything is made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.chart.conftest import CHART, Helm, HelmError, Manifest

TWO = "--set=tenants[0].id=a,tenants[0].domain=a.example.com,tenants[1].id=b,tenants[1].domain=b.example.com"
ONE = "--set=multiTenant.enabled=false"


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())
    return found


def parts(schema: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object schema, with where it stands."""
    if isinstance(schema, dict):
        if "properties" in schema and isinstance(schema["properties"], dict):
            yield path, schema
        for key, inner in schema.items():
            yield from parts(inner, f"{path}/{key}")
    elif isinstance(schema, list):
        for inner in schema:
            yield from parts(inner, path)


def resolved(whole: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    for one in [part, *part.get("allOf", [])]:
        if "$ref" in one:
            found: dict[str, Any] = whole["definitions"][one["$ref"].rpartition("/")[2]]
            return found
    return part


def test_the_values_and_their_schema_have_the_same_keys(schema: dict[str, Any]) -> None:
    def compare(part: dict[str, Any], values: dict[str, Any], path: str) -> None:
        known = set(part["properties"]) - ({"global"} if not path else set())
        # Who writes a selector or resources of their own gives what they need.
        assert set(values) <= known, path
        if part not in schema["definitions"].values():
            assert set(values) == known, path
        for key, value in values.items():
            inner = resolved(schema, part["properties"][key])
            if isinstance(value, dict) and value and "properties" in inner:
                compare(inner, value, f"{path}.{key}")

    compare(schema, yaml.safe_load((CHART / "values.yaml").read_text()), "")


def test_no_part_of_the_values_takes_unknown_keys_and_each_is_described(schema: dict[str, Any]) -> None:
    for path, part in parts(schema):
        assert part.get("additionalProperties") is False, path
        for name, inner in part["properties"].items():
            assert inner.get("description") or resolved(schema, inner).get("description"), f"{path}/{name}"


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("--set=imag.tag=v1", "additional properties 'imag' not allowed"),
        ("--set=operator.podDisruptionBudget.minAvailable=1", "additional properties 'minAvailable' not allowed"),
        ("--set=operator.networkPolicy.enable=true", "additional properties 'enable' not allowed"),
        ("--set=tenants[0].id=Customer_1", "does not match pattern"),
        ("--set=tenants[0].id=c,tenants[0].domian=c.example.com", "additional properties 'domian' not allowed"),
        ("--set=tenants[0].id=c,tenants[0].resources.limit.cpu=1", "additional properties 'limit' not allowed"),
        ("--set=persistence.size=20GB", "does not match pattern"),
        ("--set=operator.image.digest=abc", "does not match pattern"),
        ("--set=rollout.maxConcurrent=0", "minimum"),
        (
            "--set=ingress.hosts[0].host=a.example.com,ingress.hosts[0].paths[0].path=/memory",
            "/ingress/hosts/0/paths/0/path",
        ),
    ],
)
def test_a_mistake_is_refused_with_its_name(helm: Helm, option: str, sentence: str) -> None:
    with pytest.raises(HelmError) as error:
        helm.render(option)
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--set=autoscaling.enabled=true"], "has one writer: a second replica would destroy it"),
        (["--set=persistence.enabled=false"], "always lie on a volume"),
        (
            ["--set=tenants[0].id=c,tenants[0].apiKey=mb_0123456789abcdef,tenants[0].existingSecret=s"],
            "apiKey and existingSecret exclude each other",
        ),
        (["--set=tenants[0].id=c,tenants[1].id=c"], "is there twice in namespace memorybank-system"),
        ([TWO, "--set=tenants[1].domain=a.example.com"], "is also that of a"),
        ([TWO, "--set=watchNamespaces={customers}"], "is none of watchNamespaces"),
        ([TWO, "--set=ingress.hosts[0].host=*.example.org"], "is under none of ingress.hosts (*.example.org)"),
        ([TWO, "--set=ingress.tls[0].secretName=s,ingress.tls[0].hosts={a.example.com}"], "no entry of ingress.tls"),
        (["--set=tenants[0].id=memorybank"], "would have the names of the operator's own"),
        ([ONE, "--set=tenants[0].id=c"], "the release itself is the one tenant"),
        ([ONE, "--set=ingress.hosts[0].host=*.example.com"], "give its full host name"),
        ([ONE, "--set=ingress.hosts[0].host=a.b,ingress.hosts[1].host=c.d"], "a tenant has one host name"),
        (["--set=secrets.existingSecret=s,secrets.OPENAI_API_KEY=k"], "exclude each other"),
        (["--set=llm.provider=openai"], "give secrets.OPENAI_API_KEY"),
        (["--set=embedding.provider=google"], "give secrets.GOOGLE_API_KEY"),
        (["--set=operator.extraEnv[0].name=LOG_LEVEL,operator.extraEnv[0].value=debug"], "set by the chart itself"),
    ],
)
def test_what_cannot_be_honoured_is_refused_with_what_to_do(helm: Helm, options: list[str], sentence: str) -> None:
    with pytest.raises(HelmError) as error:
        helm.render(*options)
    assert sentence in str(error.value)


def test_autoscaling_that_is_off_may_keep_its_other_values(helm: Helm) -> None:
    assert helm.render("--set=autoscaling.minReplicas=2,autoscaling.targetMemoryUtilizationPercentage=80")


def tls_of(manifests: list[Manifest]) -> dict[str, Any]:
    tenants = [each for each in manifests if each["kind"] == "MemoryBankTenant"]
    return {each["metadata"]["name"]: each["spec"]["access"].get("ingress", {}).get("tls") for each in tenants}


def test_a_tenant_takes_the_tls_entry_that_names_it_before_one_that_only_covers_it(helm: Helm) -> None:
    entries = (
        "--set=ingress.tls[0].secretName=wild,ingress.tls[0].hosts={*.example.com}",
        "--set=ingress.tls[1].secretName=own,ingress.tls[1].hosts={b.example.com}",
    )

    assert tls_of(helm.render(TWO, *entries)) == {"a": {"secretName": "wild"}, "b": {"secretName": "own"}}


def test_an_issuer_orders_a_tenants_own_certificate_and_never_a_shared_one(helm: Helm) -> None:
    # Else each tenant's Ingress would order the shared Secret anew, for its own name alone.
    options = (
        "--set=ingress.annotations.cert-manager\\.io/cluster-issuer=le",
        "--set=ingress.tls[0].secretName=wild,ingress.tls[0].hosts={*.example.com}",
        "--set=ingress.tls[1].secretName=own,ingress.tls[1].hosts={b.example.com}",
    )
    manifests = helm.render(TWO, *options)

    assert tls_of(manifests) == {
        "a": {"secretName": "wild"},
        "b": {"secretName": "own", "issuerRef": {"kind": "ClusterIssuer", "name": "le"}},
    }
    assert "cert-manager.io/cluster-issuer" not in str(manifests)
