"""`install-crds`: an older definition becomes this version's, with the rights that the chart's hook has."""

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.cluster.controlplane import ControlPlane
from memorybank_operator import install_crds
from memorybank_operator.api.crd import definitions
from memorybank_operator.install_crds import CUSTOM_RESOURCE_DEFINITION
from memorybank_operator.kubeconfig import Connection

from .kube import Answer, Kube

NAME = "memorybanktenants.memorybank.dev"
NOVELTY = "novelties.memorybank.dev"
"""A kind that the older version did not have."""
CHART = Path(__file__).parents[2] / "helm" / "memorybank"
RIGHTS = "/apis/rbac.authorization.k8s.io/v1"


def spec_schema(crd: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    return found


@pytest.fixture
async def old(kube: Kube) -> AsyncIterator[dict[str, Any]]:
    """The definition as an older version had it: without one of today's fields, with one that is gone since."""
    today = await kube.call("GET", CUSTOM_RESOURCE_DEFINITION.path(None, NAME))
    older = await kube.call("GET", CUSTOM_RESOURCE_DEFINITION.path(None, NAME))
    del spec_schema(older)["hibernate"]
    spec_schema(older)["fieldOfYesterday"] = {"type": "string"}
    yield await kube.call("PUT", CUSTOM_RESOURCE_DEFINITION.path(None, NAME), older)
    latest = await kube.call("GET", CUSTOM_RESOURCE_DEFINITION.path(None, NAME))
    latest["spec"] = today["spec"]
    await kube.call("PUT", CUSTOM_RESOURCE_DEFINITION.path(None, NAME), latest)


@pytest.fixture
async def hook(kube: Kube, namespace: str, connection: Connection) -> AsyncIterator[Connection]:
    """The API server, as who has the rights of the chart's hook and no others."""
    template = (CHART / "templates" / "crds-upgrade.yaml").read_text()
    (verbs,) = [yaml.safe_load(line)["verbs"] for line in template.splitlines() if line.strip().startswith("verbs:")]
    names = [*(crd["metadata"]["name"] for crd in definitions()), NOVELTY]
    rule = {
        "apiGroups": ["apiextensions.k8s.io"],
        "resources": ["customresourcedefinitions"],
        "resourceNames": names,
        "verbs": verbs,
    }
    await kube.call("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": "hook"}})
    metadata = {"metadata": {"name": f"hook-{namespace}"}}
    await kube.call("POST", f"{RIGHTS}/clusterroles", {**metadata, "rules": [rule]})
    binding = {
        **metadata,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": f"hook-{namespace}"},
        "subjects": [{"kind": "ServiceAccount", "name": "hook", "namespace": namespace}],
    }
    await kube.call("POST", f"{RIGHTS}/clusterrolebindings", binding)
    token = await kube.call("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts/hook/token", {"spec": {}})
    yield Connection(connection.server, ca=connection.ca, token=token["status"]["token"])
    for kind in ("clusterrolebindings", "clusterroles"):
        await kube.call("DELETE", f"{RIGHTS}/{kind}/hook-{namespace}")


async def test_an_older_definition_becomes_this_versions(
    kube: Kube, old: dict[str, Any], hook: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await install_crds.run(hook) == 0

    found = await kube.call("GET", CUSTOM_RESOURCE_DEFINITION.path(None, NAME))
    assert "hibernate" in spec_schema(found)
    assert "fieldOfYesterday" not in spec_schema(found)
    assert f"{NAME} is of this version" in capsys.readouterr().out


async def test_a_definition_that_is_new_in_this_version_is_made(
    kube: Kube, hook: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    novelty, *_ = definitions()
    novelty["metadata"]["name"] = NOVELTY
    novelty["spec"]["names"] = {"kind": "Novelty", "listKind": "NoveltyList", "plural": "novelties"}
    monkeypatch.setattr(install_crds, "definitions", lambda: [novelty])

    assert await install_crds.run(hook) == 0
    await kube.call("DELETE", CUSTOM_RESOURCE_DEFINITION.path(None, NOVELTY))


async def test_the_second_time_nothing_is_written(kube: Kube, hook: Connection) -> None:
    assert await install_crds.run(hook) == 0
    before = await kube.call("GET", CUSTOM_RESOURCE_DEFINITION.path(None, NAME))
    assert await install_crds.run(hook) == 0

    after = await kube.call("GET", CUSTOM_RESOURCE_DEFINITION.path(None, NAME))
    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


async def test_the_hook_may_touch_no_other_definition_and_no_tenant(kube: Kube, hook: Connection) -> None:
    async with Kube(hook) as limited:
        for method, path in (
            ("PATCH", CUSTOM_RESOURCE_DEFINITION.path(None, "others.example.com")),
            ("GET", CUSTOM_RESOURCE_DEFINITION.path(None)),
            ("DELETE", CUSTOM_RESOURCE_DEFINITION.path(None, NAME)),
            ("GET", "/apis/memorybank.dev/v1alpha1/memorybanktenants"),
        ):
            body: dict[str, str] | None = {} if method == "PATCH" else None
            with pytest.raises(Answer) as refused:
                await limited.call(method, path, body, "application/merge-patch+json")
            assert refused.value.status == 403


async def test_who_may_not_is_told_in_a_sentence(
    kube: Kube, namespace: str, connection: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    token = await kube.call("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts/default/token", {"spec": {}})
    nobody = Connection(connection.server, ca=connection.ca, token=token["status"]["token"])

    assert await install_crds.run(nobody) == 1
    assert "the definitions could not be applied: " in capsys.readouterr().err


def test_it_is_a_command_of_the_operators_program(plane: ControlPlane) -> None:
    program = str(Path(sys.executable).with_name("memorybank-operator"))
    environment = {"KUBECONFIG": str(plane.kubeconfig)}
    done = subprocess.run([program, "install-crds"], env=environment, text=True, capture_output=True, check=False)
    told = "".join(f"{crd['metadata']['name']} is of this version\n" for crd in definitions())
    assert (done.returncode, done.stdout) == (0, told)

    wrong = subprocess.run([program, "instal-crds"], env=environment, text=True, capture_output=True, check=False)
    assert wrong.returncode == 2
    assert "'instal-crds' is unknown" in wrong.stderr
