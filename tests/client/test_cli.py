"""The `memorybank` command as a shell runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.client.conftest import Service

PROGRAM = Path(sys.executable).with_name("memorybank")


def memorybank(*arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(PROGRAM), *arguments],
        input=stdin,
        env={"PATH": os.environ["PATH"], **environment},
        text=True,
        capture_output=True,
        check=False,
    )


def test_a_memory_is_stored_found_and_forgotten_from_the_shell(service: Service) -> None:
    where = {"MEMORYBANK_URL": service.url, "MEMORYBANK_API_KEY": service.key}

    stored = json.loads(memorybank("store", "Eve repairs clocks", "--user", "eve", **where).stdout)
    found = json.loads(memorybank("search", "who repairs clocks?", "--user", "eve", **where).stdout)
    forgotten = memorybank("forget", stored["memory_id"], **where)

    assert [memory["memory_id"] for memory in found] == [stored["memory_id"]]
    assert forgotten.returncode == 0
    assert json.loads(memorybank("search", "clocks", "--user", "eve", **where).stdout) == []


def test_the_key_is_read_from_standard_input_or_a_file(service: Service, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(service.key + "\n")

    by_file = memorybank("--url", service.url, "--api-key-file", str(file), "stats")
    by_input = memorybank("--url", service.url, "--api-key-file", "-", "stats", stdin=service.key + "\n")

    assert by_file.returncode == by_input.returncode == 0


def test_a_refusal_is_one_line_on_standard_error_and_status_1(service: Service) -> None:
    refused = memorybank("--url", service.url, "stats", MEMORYBANK_API_KEY="mb_wrong")

    assert refused.returncode == 1
    assert refused.stdout == ""
    assert len(refused.stderr.splitlines()) == 1


def test_a_silent_address_is_one_line_and_status_3() -> None:
    silent = memorybank("--url", "http://127.0.0.1:1", "health")

    assert silent.returncode == 3
    assert len(silent.stderr.splitlines()) == 1
    assert "127.0.0.1:1 does not answer" in silent.stderr


def test_a_missing_key_file_is_one_line_and_status_2() -> None:
    missing = memorybank("--api-key-file", "/nowhere/key", "stats")

    assert missing.returncode == 2
    assert missing.stderr == "memorybank: --api-key-file /nowhere/key: No such file or directory\n"


def test_an_empty_user_is_refused_and_never_means_everyone_s_memories(service: Service) -> None:
    where = {"MEMORYBANK_URL": service.url, "MEMORYBANK_API_KEY": service.key}
    memorybank("store", "Eve repairs clocks", "--user", "eve", **where)

    for command in (["search", "clocks", "--user", ""], ["store", "clocks", "--user", ""]):
        refused = memorybank(*command, **where)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "user_id must be a text" in refused.stderr


def test_a_key_that_no_header_can_carry_is_refused_without_showing_it(tmp_path: Path) -> None:
    for key in ("mb_first\nmb_second", "mb_sécond"):
        refused = memorybank("stats", MEMORYBANK_API_KEY=key)
        assert refused.returncode == 2
        assert len(refused.stderr.splitlines()) == 1
        assert "mb_" not in refused.stderr
    binary = tmp_path / "key"
    binary.write_bytes(b"\xff\xfe")
    assert memorybank("--api-key-file", str(binary), "stats").returncode == 2
