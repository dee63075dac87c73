"""Argo CD's view of a tenant: the health script, run by the Lua that Argo CD has, and what goes with it."""

from pathlib import Path
from typing import Any, NamedTuple

import lupa.lua51
import pytest
import yaml

ARGOCD = Path(__file__).parents[2] / "config" / "argocd"
TENANT = ARGOCD / "memorybank.dev" / "MemoryBankTenant"
TESTS = yaml.safe_load((TENANT / "health_test.yaml").read_text())["tests"]
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
    found = lua.execute((TENANT / "health.lua").read_text())
    return Health(found["status"], found["message"])


@pytest.mark.parametrize("case", TESTS, ids=[Path(case["inputPath"]).stem for case in TESTS])
def test_a_tenant_in_this_state_has_this_health(case: dict[str, Any]) -> None:
    manifest = yaml.safe_load((TENANT / case["inputPath"]).read_text())
    assert health(manifest) == Health(**case["healthStatus"])


def test_every_fixture_has_its_test() -> None:
    assert {f"testdata/{file.name}" for file in (TENANT / "testdata").iterdir()} == {
        case["inputPath"] for case in TESTS
    }


def test_the_setting_of_argo_cd_is_the_script() -> None:
    setting = yaml.safe_load((ARGOCD / "argocd-cm.yaml").read_text())
    assert setting["data"] == {SETTING: (TENANT / "health.lua").read_text()}


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
