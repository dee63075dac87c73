"""The images are as small as promised, carry what they must, and run as nobody in particular."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from e2e.cluster.progress import Progress
from e2e.images import PROGRAMS, archive
from e2e.kubectl import Kubectl
from e2e.stack import ROOT, Stack
from e2e.tenants import NAMESPACE, in_pod, tenant

LARGEST = {"service": 650e6, "operator": 220e6}


@pytest.fixture(params=PROGRAMS)
def image(request: pytest.FixtureRequest) -> tuple[str, Path]:
    return request.param, archive(PROGRAMS[request.param], Progress())


def configuration(path: Path) -> dict[str, Any]:
    with tarfile.open(path) as tar:
        manifest = json.load(_file(tar, "manifest.json"))
        found: dict[str, Any] = json.load(_file(tar, manifest[0]["Config"]))["config"]
    return found


def _file(tar: tarfile.TarFile, name: str) -> Any:
    return tar.extractfile(name)


def test_an_unpacked_image_is_no_larger_than_promised(image: tuple[str, Path]) -> None:
    name, path = image
    with tarfile.open(path) as tar:
        assert not any(member.name.endswith(".gz") for member in tar)

    assert path.stat().st_size < LARGEST[name]


def test_an_image_runs_as_a_numeric_user_without_a_shell(image: tuple[str, Path]) -> None:
    name, path = image
    config = configuration(path)

    assert config["User"] == "10001:10001"
    assert config["Entrypoint"] == [f"/opt/venv/bin/memorybank-{name}"]


def test_an_image_is_built_under_a_name_that_is_given() -> None:
    name = "localhost/memorybank/operator:of-the-tests"
    command = [sys.executable, "-m", "e2e.images", "--tag", name, "operator"]
    printed = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=True).stdout.split()

    with tarfile.open(printed[1]) as tar:
        manifest = json.load(_file(tar, "manifest.json"))
    assert printed[0] == name
    assert manifest[0]["RepoTags"] == [name]


def test_the_service_has_the_model_and_litellm_and_no_kubernetes_client(stack: Stack, kubectl: Kubectl) -> None:
    kubectl.apply(tenant("inside"))
    kubectl.wait("memorybanktenant/inside", "condition=Ready", NAMESPACE)

    found = in_pod(
        kubectl,
        "inside",
        "import os\n"
        "from importlib.util import find_spec\n"
        "print([name for name in ('litellm', 'chromadb', 'kubernetes', 'pip') if find_spec(name)])\n"
        "print(sorted(os.listdir(os.environ['MEMORYBANK_MODEL_DIR'])))",
    )

    assert found.splitlines() == ["['litellm', 'chromadb']", "['manifest.json', 'model.onnx', 'tokenizer.json']"]
