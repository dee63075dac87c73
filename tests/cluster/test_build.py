"""Programs are built once, and what was built is checked before each use."""

from __future__ import annotations

import io
import json
import subprocess
from pathlib import Path

import pytest

from e2e.cluster.build import Component, intact, program
from e2e.cluster.errors import ClusterError
from e2e.cluster.progress import Progress

GO_MOD = "module greeter\n\ngo 1.26.0\n"
MAIN = 'package main\n\nimport "fmt"\n\nfunc main() { fmt.Println("hello") }\n'


@pytest.fixture
def greeter(tmp_path: Path) -> Component:
    source = tmp_path / "source"
    source.mkdir()
    (source / "go.mod").write_text(GO_MOD)
    (source / "main.go").write_text(MAIN)
    return Component("greeter", "the greeter", source, links=("hello",))


@pytest.fixture
def top(tmp_path: Path) -> Path:
    return tmp_path / "bin"


def built(component: Component, top: Path) -> tuple[Path, bool]:
    """The program, and whether it was built now."""
    progress = Progress(io.StringIO())
    path = program(component, progress, top)
    return path, f"Building {component.title}" in progress.seconds


def test_a_program_is_built_once_and_answers_by_its_links_too(greeter: Component, top: Path) -> None:
    path, first = built(greeter, top)
    assert (first, built(greeter, top)) == (True, (path, False))
    assert subprocess.run([path.with_name("hello")], capture_output=True, check=True).stdout == b"hello\n"


def test_a_tampered_program_is_built_again(greeter: Component, top: Path) -> None:
    path, _ = built(greeter, top)
    good = path.read_bytes()
    path.write_bytes(b"#!/bin/sh\nexit 0\n")
    assert built(greeter, top) == (path, True)
    assert path.read_bytes() == good


def test_a_truncated_program_is_built_again(greeter: Component, top: Path) -> None:
    path, _ = built(greeter, top)
    with path.open("r+b") as file:
        file.truncate(100)
    assert built(greeter, top)[1]


def test_a_link_that_leads_elsewhere_is_not_trusted(greeter: Component, top: Path) -> None:
    path, _ = built(greeter, top)
    path.with_name("hello").unlink()
    path.with_name("hello").symlink_to("/bin/true")
    assert built(greeter, top)[1]


@pytest.mark.parametrize("manifest", ["", "{}", "[]", "null", '{"greeter": 1}'])
def test_a_damaged_manifest_vouches_for_nothing(greeter: Component, top: Path, manifest: str) -> None:
    path, _ = built(greeter, top)
    path.with_name("manifest.json").write_text(manifest)
    assert not intact(path.parent)


def test_changed_sources_are_another_program_and_the_old_one_goes(greeter: Component, top: Path) -> None:
    old, _ = built(greeter, top)
    (greeter.source / "main.go").write_text(MAIN.replace("hello", "good bye"))
    new, was_built = built(greeter, top)
    assert was_built
    assert new != old
    assert not old.exists()


def test_an_old_program_that_a_running_cluster_uses_stays(greeter: Component, top: Path) -> None:
    old, _ = built(greeter, top)
    settings = top.parent / "cluster" / "memorybank" / "node.json"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps({"programs": {"greeter": str(old)}}))
    (greeter.source / "main.go").write_text(MAIN.replace("hello", "good bye"))
    built(greeter, top)
    assert old.exists()


def test_sources_that_do_not_compile_say_why(greeter: Component, top: Path) -> None:
    (greeter.source / "main.go").write_text("package main\n\nfunc main() { undefined() }\n")
    with pytest.raises(ClusterError, match=r"the greeter could not be built(.|\n)*undefined"):
        program(greeter, Progress(io.StringIO()), top)
