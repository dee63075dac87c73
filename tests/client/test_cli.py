"""The `memorybank` command as a shell runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from memorybank.cli.program import COMMANDS
from tests.client.conftest import Service
from tests.client.shell import PROGRAM, memorybank

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(service: Service) -> Run:
    """The command on the real service; it must succeed."""

    def done(*arguments: str, **named: str) -> subprocess.CompletedProcess[str]:
        ended = memorybank(*arguments, MEMORYBANK_URL=service.url, MEMORYBANK_API_KEY=service.key, **named)
        assert ended.returncode == 0, ended.stderr
        return ended

    return done


def test_a_memory_is_stored_found_and_forgotten_from_the_shell(run: Run) -> None:
    said = ["--speaker", "Eve", "--at", "2027-01-15", "--metadata", "topic=work", "--metadata", "years=20", "--pin"]
    stored = json.loads(run("store", "Eve repairs clocks", "--user", "eve", *said).stdout)
    found = json.loads(run("search", "who repairs clocks?", "--user", "eve").stdout)
    forgotten = json.loads(run("forget", stored["id"]).stdout)

    assert stored["metadata"] == {"topic": "work", "years": 20}
    assert (stored["speaker"], stored["created_at"], stored["pinned"]) == ("Eve", "2027-01-15T00:00:00Z", True)
    assert [memory["id"] for memory in found] == [stored["id"]]
    assert forgotten == {"memory_id": stored["id"], "status": "deleted"}
    assert json.loads(run("search", "clocks", "--user", "eve").stdout) == []


def test_what_is_stored_may_come_from_standard_input(run: Run) -> None:
    stored = json.loads(run("store", "-", "--user", "finn", stdin="Finn counts sheep\n").stdout)

    assert stored["content"].strip() == "Finn counts sheep"
    run("forget", stored["id"])


def test_a_search_narrows_and_explains(run: Run) -> None:
    ids = [
        json.loads(run("store", f"Gus planted {tree}s", "--user", "gus", "--metadata", f"tree={tree}").stdout)["id"]
        for tree in ("oak", "elm")
    ]
    options = "--filters", '{"tree": "elm"}', "--top-k", "5", "--no-reinforce", "--explain", "--include", "faded"

    found = json.loads(run("search", "which trees?", "--user", "gus", *options).stdout)

    assert [memory["id"] for memory in found] == [ids[1]]
    assert found[0]["explain"]
    for memory_id in ids:
        run("forget", memory_id)


def test_a_table_is_what_a_person_reads(run: Run) -> None:
    stored = json.loads(run("store", "Hedy\x1b[31m invents\nradios", "--user", "hedy").stdout)

    lines = run("search", "radio", "--user", "hedy", "-o", "table", COLUMNS="110").stdout.splitlines()
    stats = run("stats", "--output", "table").stdout

    assert lines[0].split() == ["SCORE", "RETENTION", "USER", "SAID", "CONTENT", "ID"]
    assert len(lines) == 2
    assert "Hedy [31m invents radios" in lines[1]
    assert max(map(len, lines)) <= 110
    assert "total_memories" in stats
    assert "{" not in stats
    run("forget", stored["id"])


def test_options_may_stand_before_the_command_and_after_it(service: Service) -> None:
    key = {"MEMORYBANK_API_KEY": service.key}

    assert memorybank("--url", service.url, "-o", "table", "stats", **key).stdout.startswith("tenant_id")
    assert memorybank("stats", "--url", service.url, "-o", "table", **key).stdout.startswith("tenant_id")


def test_the_forgetting_is_run_and_looked_at_beforehand(run: Run) -> None:
    assert json.loads(run("forgetting", "run", "--dry-run").stdout)
    assert json.loads(run("forgetting", "run").stdout)["purged"] == 0
    stored = json.loads(run("store", "Jan forgets", "--user", "jan").stdout)
    [outlook] = json.loads(run("forgetting", "preview", "--user", "jan").stdout)
    assert (outlook["id"], outlook["strength"]) == (stored["id"], 1)
    assert run("forgetting", "preview", "--user", "jan", "-o", "table").stdout.startswith("FADES")
    run("forget", stored["id"])


def test_memories_go_to_a_file_and_come_from_one(run: Run, tmp_path: Path) -> None:
    stored = json.loads(run("store", "Kai whistles", "--user", "kai").stdout)
    file = tmp_path / "kai.ndjson"

    exported = json.loads(run("export", str(file), "--user", "kai").stdout)
    streamed = run("export", "--user", "kai").stdout
    run("forget", stored["id"])
    imported = json.loads(run("import", str(file)).stdout)

    assert exported == {"file": str(file), "bytes": file.stat().st_size}
    assert [path.name for path in tmp_path.iterdir()] == ["kai.ndjson"]
    assert [json.loads(line)["type"] for line in streamed.splitlines()][-1] == "end"
    assert (imported["state"], imported["result"]["refused"]) == ("succeeded", 0)
    assert [memory["id"] for memory in json.loads(run("search", "whistle", "--user", "kai").stdout)] == [stored["id"]]


def test_lines_that_were_refused_are_told_and_the_others_taken_in(service: Service) -> None:
    where = {"MEMORYBANK_URL": service.url, "MEMORYBANK_API_KEY": service.key}
    lines = json.dumps({"content": "Lou hums", "user_id": "lou"}) + "\n" + json.dumps({"content": 3}) + "\n"

    ended = memorybank("import", "-", stdin=lines, **where)
    begun = memorybank("import", "-", "--no-wait", stdin=lines, **where)

    assert ended.returncode == 1
    assert json.loads(ended.stdout)["result"]["imported"] == 1
    assert ended.stderr.startswith("memorybank: 1 lines were refused; line 2: content ")
    assert begun.returncode == 0
    assert json.loads(begun.stdout)["state"] in {"queued", "running", "succeeded"}


def test_a_file_that_is_not_there_is_one_line_and_status_2() -> None:
    missing = memorybank("import", "/nowhere/file")

    assert (missing.returncode, missing.stderr) == (2, "memorybank: /nowhere/file: No such file or directory\n")


def test_every_command_has_an_example_in_its_help_which_needs_no_network_library() -> None:
    for command in COMMANDS:
        helped = memorybank(*command.name.split(), "--help")
        assert helped.returncode == 0
        assert f"memorybank {command.name}" in helped.stdout.partition("examples:")[2]
    program = "import sys; from memorybank.cli import main; sys.argv = ['memorybank', '--help']\ntry: main()\nfinally: "
    ended = subprocess.run(
        [sys.executable, "-c", f"{program}assert 'httpx' not in sys.modules"], capture_output=True, check=False
    )
    assert ended.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["store", "x", "--at", "yesterday"], "'yesterday' is no time such as"),
        (["store", "x", "--metadata", "topic"], "not of the form KEY=VALUE"),
        (["search", "x", "--filters", "["], "it is no JSON"),
        (["search", "x", "--filters", "[]"], "must be a JSON object"),
        (["--url", "customer1", "health"], "no address of a tenant"),
        ([], "COMMAND"),
    ],
)
def test_wrong_use_is_told_and_ends_with_status_2(arguments: list[str], problem: str) -> None:
    wrong = memorybank(*arguments)

    assert wrong.returncode == 2
    assert problem in wrong.stderr
    assert wrong.stdout == ""


def test_a_reader_that_has_read_enough_is_no_error(service: Service) -> None:
    ended = subprocess.run(
        ["bash", "-c", f"{PROGRAM} stats | true; exit ${{PIPESTATUS[0]}}"],
        env={"PATH": os.environ["PATH"], "MEMORYBANK_URL": service.url, "MEMORYBANK_API_KEY": service.key},
        capture_output=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, b"")


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
    assert missing.stderr == "memorybank: /nowhere/key: No such file or directory\n"


def test_an_empty_user_is_refused_and_never_means_everyone_s_memories(service: Service) -> None:
    where = {"MEMORYBANK_URL": service.url, "MEMORYBANK_API_KEY": service.key}
    memorybank("store", "Eve repairs clocks", "--user", "eve", **where)

    for command in (["search", "clocks", "--user", ""], ["store", "clocks", "--user", ""]):
        refused = memorybank(*command, **where)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "user_id" in refused.stderr


def test_a_key_that_no_header_can_carry_is_refused_without_showing_it(tmp_path: Path) -> None:
    for key in ("mb_first\nmb_second", "mb_sécond"):
        refused = memorybank("stats", MEMORYBANK_API_KEY=key)
        assert refused.returncode == 2
        assert len(refused.stderr.splitlines()) == 1
        assert "mb_" not in refused.stderr
    binary = tmp_path / "key"
    binary.write_bytes(b"\xff\xfe")
    assert memorybank("--api-key-file", str(binary), "stats").returncode == 2
