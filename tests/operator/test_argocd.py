"""Argo CD's view of a tenant: the health script, run by the Lua that Argo CD has, and what goes with it."""

from pathlib import Path
from typing import Any, NamedTuple

import lupa.lua51
import msgspec
import pytest
import yaml

from memorybank_operator.api.status import Problem, Reason
from memorybank_operator.kinds import DEPLOYMENT, VOLUME_CLAIM
from memorybank_operator.observe import observe

from .tenants import tenant
from .test_observe import CLAIM, NOW, deployment, seen

ARGOCD = Path(__file__).parents[2] / "config" / "argocd"
FOLDER = ARGOCD / "memorybank.dev" / "MemoryBankTenant"
TESTS = yaml.safe_load((FOLDER / "health_test.yaml").read_text())["tests"]
SETTING = "resource.customizations.health.memorybank.dev_MemoryBankTenant"
WITHHELD = ("string", "math", "io", "os", "debug", "package", "require", "dofile", "loadfile", "coroutine", "python")
"""What Argo CD does not give to such a script."""


class Health(NamedTuple):
    status: str
    message: str


def health(manifest: dict[str, Any]) -> Health:
    lua = lupa.lua51.LuaRuntime()
    for name in WITHHELD:
        lua.globals()[name] = None
    lua.globals()["obj"] = lua.table_from(manifest, recursive=True)
    found = lua.execute((FOLDER / "health.lua").read_text())
    return Health(found["status"], found["message"])


@pytest.mark.parametrize("case", TESTS, ids=[Path(case["inputPath"]).stem for case in TESTS])
def test_a_tenant_in_this_state_has_this_health(case: dict[str, Any]) -> None:
    manifest = yaml.safe_load((FOLDER / case["inputPath"]).read_text())
    assert health(manifest) == Health(**case["healthStatus"])


@pytest.mark.parametrize(
    ("spec", "sight", "status"),
    [
        ({}, {}, "Healthy"),
        ({"hibernate": True}, {"children": {DEPLOYMENT: deployment(0, 0), VOLUME_CLAIM: CLAIM}}, "Healthy"),
        ({"paused": True}, {}, "Suspended"),
        ({}, {"children": {DEPLOYMENT: deployment(1, 0), VOLUME_CLAIM: CLAIM}}, "Progressing"),
        ({}, {"secret_problems": (Problem(Reason.SECRET_MISSING, "Secret llm is missing"),)}, "Progressing"),
        ({}, {"refusals": (Problem(Reason.REFUSED, "exceeded quota"),)}, "Degraded"),
        ({"hostname": "a.example.com"}, {"hostname_free": False}, "Degraded"),
    ],
    ids=["as desired", "asleep", "paused", "starting", "Secret missing", "refused", "host name taken"],
)
def test_what_the_operator_says_of_a_tenant_is_understood(
    spec: dict[str, Any], sight: dict[str, Any], status: str
) -> None:
    one = tenant(**spec)
    said = msgspec.to_builtins(observe(one, seen(**sight), NOW))
    metadata = {"name": one.metadata.name, "generation": one.metadata.generation}
    assert health({"metadata": metadata, "status": said}).status == status


def test_every_fixture_has_its_test() -> None:
    assert {f"testdata/{file.name}" for file in (FOLDER / "testdata").iterdir()} == {
        case["inputPath"] for case in TESTS
    }


def test_the_setting_of_argo_cd_is_the_script() -> None:
    setting = yaml.safe_load((ARGOCD / "argocd-cm.yaml").read_text())
    assert setting["data"] == {SETTING: (FOLDER / "health.lua").read_text()}


def samples() -> list[dict[str, Any]]:
    files = (ARGOCD / "applications.yaml", ARGOCD / "applicationset.yaml")
    return [one for file in files for one in yaml.safe_load_all(file.read_text())]


def test_the_operator_comes_before_the_tenants_and_every_sync_is_tried_again() -> None:
    applications = [one for one in samples() if one["kind"] == "Application"]
    waves = [int(one["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"]) for one in applications]
    assert [one["metadata"]["name"] for one in applications] == ["memorybank-operator", "memorybank-tenants"]
    assert waves == sorted(set(waves))
    for one in samples():
        spec = one["spec"]["template"]["spec"] if one["kind"] == "ApplicationSet" else one["spec"]
        assert "ServerSideApply=true" in spec["syncPolicy"]["syncOptions"]
        assert spec["syncPolicy"]["retry"]["limit"] > 0
        assert "ignoreDifferences" not in spec
