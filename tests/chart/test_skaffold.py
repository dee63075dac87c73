"""skaffold.yaml takes the path of `make demo`: the same images, the same chart, the same sample."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest
import yaml

from e2e.images import PROGRAMS
from tests.chart.conftest import CHART, ROOT


@pytest.fixture(scope="module")
def skaffold() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "skaffold.yaml").read_text())
    return found


def test_it_builds_each_image_by_the_command_that_the_demo_builds_it_with(skaffold: dict[str, Any]) -> None:
    built = {}
    for artifact in skaffold["build"]["artifacts"]:
        command = shlex.split(artifact["custom"]["buildCommand"])
        assert command[:3] == [".venv/bin/python", "-m", "e2e.images"]
        built[command[-1]] = artifact["image"]
        for pattern in artifact["custom"]["dependencies"]["paths"]:
            assert list(ROOT.glob(pattern)), pattern

    assert built == {name: image.repository for name, image in PROGRAMS.items()}


def test_it_gives_the_charts_values_the_images_that_it_built(skaffold: dict[str, Any]) -> None:
    (release,) = skaffold["deploy"]["helm"]["releases"]
    suffixes = {re.sub(r"\W", "_", image.repository) for image in PROGRAMS.values()}

    assert ROOT / release["chartPath"] == CHART
    templates = release["setValueTemplates"].values()
    assert set(templates) == {f"{{{{.IMAGE_{part}_{suffix}}}}}" for part in ("REPO", "TAG") for suffix in suffixes}


def test_it_applies_the_sample_of_the_demo(skaffold: dict[str, Any]) -> None:
    (after,) = skaffold["deploy"]["helm"]["hooks"]["after"]

    assert (ROOT / after["host"]["command"][-1]).is_file()
