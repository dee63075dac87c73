"""`make release` makes files that are what SHA256SUMS says, that install, and that name what is in them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

from e2e.cluster.build import program
from e2e.cluster.components import COMPONENTS
from e2e.cluster.progress import Progress
from e2e.stack import ROOT, Stack
from scripts.release import release

VERSION = str(yaml.safe_load((ROOT / "helm" / "memorybank" / "Chart.yaml").read_text())["version"])


@pytest.fixture(scope="module")
def made(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist") / VERSION
    release(VERSION, folder, Progress())
    return folder


def test_every_file_is_in_the_sums_and_as_they_say(made: Path) -> None:
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=made, check=True)
    named = {line.split()[1] for line in (made / "SHA256SUMS").read_text().splitlines()}
    assert named == {file.name for file in made.iterdir()} - {"SHA256SUMS"}


def test_the_chart_and_the_definitions_are_such_as_a_cluster_takes(made: Path, stack: Stack) -> None:
    helm = str(program(COMPONENTS["helm"], Progress()))
    chart = str(made / f"memorybank-{VERSION}.tgz")
    rendered = subprocess.run([helm, "template", "x", chart], text=True, capture_output=True, check=True).stdout
    assert f"memorybank/operator:v{VERSION}" in rendered
    stack.kubectl("apply", "--server-side", "--dry-run=server", "--force-conflicts", f"--filename={made / 'crds.yaml'}")


@pytest.mark.parametrize(("program_name", "lock"), [("service", "service"), ("operator", "operator")])
def test_an_image_has_its_name_and_its_bill_names_all_that_its_lock_does(
    made: Path, program_name: str, lock: str
) -> None:
    with tarfile.open(made / f"{program_name}-{VERSION}.tar") as image:
        file = image.extractfile("manifest.json")
        assert file is not None
        assert json.load(file)[0]["RepoTags"][0].endswith(f"memorybank/{program_name}:v{VERSION}")
    bill = json.loads((made / f"{program_name}-{VERSION}.cdx.json").read_text())
    named = {one["purl"] for one in bill["components"]}
    assert bill["bomFormat"] == "CycloneDX"
    assert any(purl.startswith("pkg:deb/debian/libc6@") for purl in named)
    assert f"pkg:pypi/memorybank-{program_name}@{VERSION}" in named
    for line in (ROOT / "requirements" / f"{lock}.txt").read_text().splitlines():
        pinned = re.match(r"([a-zA-Z0-9._-]+)==([^ ;\\]+) *\\?$", line)  # those of every platform
        if pinned:
            normal = re.sub(r"[-_.]+", "-", pinned[1]).lower()
            assert f"pkg:pypi/{normal}@{pinned[2]}" in named


def test_the_client_is_a_wheel_that_runs(made: Path, tmp_path: Path) -> None:
    [wheel] = made.glob("*.whl")
    command = [sys.executable, "-P", "-c", "from memorybank.cli.program import main; main(['--help'])"]
    environment = {"PYTHONPATH": str(wheel)}
    done = subprocess.run(command, env=environment, cwd=tmp_path, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "usage: memorybank" in done.stdout
