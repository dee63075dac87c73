"""What the machine lacks is said in one sentence, with the command that brings it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from e2e.cluster.errors import ClusterError
from e2e.cluster.paths import HERE
from e2e.cluster.prerequisites import LIST, check, missing, needed

SCRIPT = HERE / "prerequisites.sh"


def test_nothing_missing_is_nothing_said() -> None:
    assert missing(LIST.read_text(), lambda _: True) is None


def test_each_missing_package_is_named_once_with_the_command_that_installs_it() -> None:
    sentence = missing(LIST.read_text(), lambda program: program not in {"unshare", "setpriv", "containerd"})
    assert sentence
    assert "apt-get install --no-install-recommends containerd util-linux," in sentence
    assert sentence.count(".") == 1


def test_a_program_that_is_missing_is_found_missing() -> None:
    assert "no-such-package" in (missing("no-such-program no-such-package\n") or "")


def test_every_line_of_the_list_is_a_program_and_its_package() -> None:
    assert ("/usr/lib/cni/bridge", "containernetworking-plugins") in needed(LIST.read_text())


def test_without_root_the_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ClusterError, match=r"^The local cluster needs root.*CLUSTER=kind"):
        check()


def copy_of_script(tmp_path: Path, prerequisites: str) -> Path:
    script = tmp_path / "prerequisites.sh"
    script.write_text(SCRIPT.read_text())
    script.chmod(0o755)
    (tmp_path / "prerequisites.txt").write_text(prerequisites)
    return script


def test_the_script_does_nothing_when_all_is_there(tmp_path: Path) -> None:
    script = copy_of_script(tmp_path, "# a comment\nsh dash\n/bin/sh dash\n")
    done = subprocess.run([script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_script_says_what_is_missing_where_it_cannot_install(tmp_path: Path) -> None:
    script = copy_of_script(tmp_path, "no-such-program no-such-package\n")
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("sh", "dirname", "grep"):
        (tools / tool).symlink_to(f"/bin/{tool}" if tool != "dirname" else "/usr/bin/dirname")
    done = subprocess.run([script], capture_output=True, text=True, check=False, env={"PATH": str(tools)})
    assert done.returncode == 1
    assert "no-such-package" in done.stderr
