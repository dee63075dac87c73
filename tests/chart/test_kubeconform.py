"""Every rendering, and every Kustomize base, is what the API server itself describes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.cluster.build import program
from e2e.cluster.components import COMPONENTS
from e2e.cluster.progress import Progress
from e2e.kubectl import Kubectl
from tests.chart.conftest import ROOT, SETS, Helm, options
from tests.chart.openapi import LOCATION, write_schemas

pytestmark = pytest.mark.plane


@pytest.fixture(scope="module")
def documents(helm: Helm, api: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all of them."""
    folder = tmp_path_factory.mktemp("documents")
    for name in SETS:
        (folder / f"{name}.yaml").write_text(helm.text(*options(name)))
    for base in ("default", "monitoring"):
        (folder / f"kustomize-{base}.yaml").write_text(api("kustomize", str(ROOT / "config" / base)))
    (folder / "sample.yaml").write_text((ROOT / "config" / "samples" / "tenant.yaml").read_text())
    return folder


@pytest.fixture(scope="module")
def schemas(documents: Path, api: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("schemas")
    found = [each for file in documents.iterdir() for each in yaml.safe_load_all(file.read_text()) if each]
    write_schemas(api, {each["apiVersion"] for each in found}, folder)
    return folder


def conform(schemas: Path, documents: Path) -> dict[str, Any]:
    kubeconform = str(program(COMPONENTS["kubeconform"], Progress()))
    done = subprocess.run(
        [kubeconform, "-strict", "-summary", "-output=json", f"-schema-location={schemas}/{LOCATION}", str(documents)],
        text=True,
        capture_output=True,
        check=False,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_all_that_is_rendered_conforms_strictly(schemas: Path, documents: Path) -> None:
    found = conform(schemas, documents)

    assert found["resources"] == []
    summary = found["summary"]
    assert (summary["invalid"], summary["errors"], summary["skipped"]) == (0, 0, 0)
    assert summary["valid"] > 80


def test_an_unknown_field_would_be_noticed(schemas: Path, documents: Path, tmp_path: Path) -> None:
    wrong = (documents / "default.yaml").read_text().replace("replicas: 2", "replica: 2")
    (tmp_path / "wrong.yaml").write_text(wrong)

    assert conform(schemas, tmp_path)["summary"]["invalid"] == 1
