"""What only shows with a process that can be killed."""

import hashlib
import json
import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import httpx
import pytest

from memorybank_service.store.index_seal import seal_of
from tests.service.running import KEY, environment, running
from tests.service.store.indexing import pending
from tests.service.waiting import until

pytestmark = pytest.mark.process


def store(client: httpx.Client, content: str) -> str:
    answer = client.post("/store_memory", json={"content": content})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["memory_id"])


def test_no_acknowledged_memory_is_lost_by_a_kill_under_load(tmp_path: Path) -> None:
    acknowledged: dict[str, str] = {}
    attempted: set[str] = set()

    def write(client: httpx.Client, writer: str) -> None:
        for number in range(10_000):
            content = f"{writer} wrote note {number}"
            attempted.add(content)
            try:
                acknowledged[store(client, content)] = content
            except httpx.TransportError:
                return

    for turn in range(3):
        with running(tmp_path) as service:
            client = service.ready()
            names = [f"turn {turn} writer {writer}" for writer in range(4)]
            writers = [threading.Thread(target=write, args=(service.ready(), name)) for name in names]
            for writer in writers:
                writer.start()
            goal = len(acknowledged) + random.randint(20, 80)  # noqa: S311 - when to kill
            until(lambda goal=goal: len(acknowledged) >= goal)  # type: ignore[misc]
            service.kill()
            for writer in writers:
                writer.join()
    with running(tmp_path) as service:
        client = service.ready()
        total = client.get("/memory_stats").json()["total_memories"]
        assert len(acknowledged) <= total <= len(attempted)
        for memory_id, content in random.sample(sorted(acknowledged.items()), 40):
            found = client.post("/retrieve_memory", json={"query": content, "top_k": 5}).json()["memories"]
            assert (memory_id, content) in {(memory["memory_id"], memory["content"]) for memory in found}


def test_a_setting_that_only_the_data_show_to_be_missing_ends_the_start_with_one_line(tmp_path: Path) -> None:
    with running(tmp_path, EMBEDDING_PROVIDER="mistral") as service:
        assert service.process.wait(60) == 2
        *logged, line = service.log_file.read_text().splitlines()
    assert line.startswith("memorybank-service: EMBEDDING_MODEL: it is not set")
    assert all(json.loads(entry)["level"] == "info" for entry in logged)


def test_a_second_process_waits_for_the_first_and_then_has_its_memories(tmp_path: Path) -> None:
    with running(tmp_path) as first:
        memory_id = store(first.ready(), "Ada lives in Lisbon.")
        with running(tmp_path) as second:
            until(lambda: second.says("waiting until it ends"))
            client = second.client()
            assert client.get("/livez").status_code == 200
            assert client.get("/readyz").status_code == 503
            assert first.end() == 0
            until(lambda: client.get("/readyz").status_code == 200)
            [found] = client.post("/retrieve_memory", json={"query": "Where does Ada live?"}).json()["memories"]
            assert found["memory_id"] == memory_id


def test_one_that_waits_can_be_ended(tmp_path: Path) -> None:
    with running(tmp_path) as first:
        first.ready()
        with running(tmp_path) as second:
            until(lambda: second.says("waiting until it ends"))
            assert second.end() == 0


def test_a_termination_keeps_what_was_acknowledged_and_ends_cleanly_within_five_seconds(tmp_path: Path) -> None:
    acknowledged: list[str] = []

    def write(client: httpx.Client) -> None:
        while True:
            try:
                acknowledged.append(store(client, "a note"))
            except httpx.TransportError:
                return

    with running(tmp_path) as service:
        writers = [threading.Thread(target=write, args=(service.ready(),)) for _ in range(4)]
        for writer in writers:
            writer.start()
        until(lambda: len(acknowledged) >= 20)
        started = time.monotonic()
        assert service.end() == 0
        assert time.monotonic() - started < 5
        for writer in writers:
            writer.join()
        assert [line["message"] for line in service.log()][-2:] == ["stopping", "stopped"]
        assert not [line for line in service.log() if line["level"] in ("warning", "error")]
    assert not (tmp_path / "data/default/memory.db-wal").exists()
    with running(tmp_path) as again:
        assert again.ready().get("/memory_stats").json()["total_memories"] >= len(acknowledged)


def test_an_answer_does_not_wait_for_the_client_s_acknowledgement(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        client = service.ready()
        seconds = []
        for _ in range(20):
            started = time.perf_counter()
            client.get("/livez")
            seconds.append(time.perf_counter() - started)
        assert sorted(seconds)[10] < 0.03  # 0.04 is what a delayed acknowledgement takes


def test_a_header_without_an_end_is_refused_and_so_is_a_body_without_a_key(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        client = service.ready()
        assert client.get("/livez", headers={"X": "a" * 40_000}).status_code == 431
        head = client.head("/health")
        assert (head.status_code, head.content) == (200, b"")

        def endless() -> Iterator[bytes]:
            while True:
                yield b" " * 65_536

        with suppress(httpx.WriteError):
            refused = client.post("/v1/import", content=endless(), headers={"Authorization": "Bearer wrong"})
            assert refused.status_code == 401
        assert client.get("/livez").status_code == 200


def test_a_key_that_is_revoked_in_a_mounted_secret_stops_working_within_two_seconds(tmp_path: Path) -> None:
    mounted = tmp_path / "access"

    def mount(version: str, *keys: str) -> None:
        """As the kubelet does: a new folder, then the swap of a link."""
        entries = [
            {"name": key, "sha256": hashlib.sha256(key.encode()).hexdigest(), "scopes": ["read"]} for key in keys
        ]
        (mounted / version).mkdir(parents=True)
        (mounted / version / "access.json").write_text(json.dumps({"keys": entries}))
        (mounted / "..tmp").symlink_to(version)
        (mounted / "..tmp").rename(mounted / "..data")

    mount("..one", KEY, "other")
    (mounted / "access.json").symlink_to("..data/access.json")
    with running(tmp_path, ACCESS_FILE=str(mounted / "access.json")) as service:
        client = service.ready()
        assert client.get("/memory_stats").status_code == 200
        mount("..two", "other")
        until(lambda: client.get("/memory_stats").status_code == 401, seconds=2)
        other = client.get("/memory_stats", headers={"Authorization": "Bearer other"})
        assert other.status_code == 200


@pytest.mark.parametrize(
    ("variables", "line"),
    [
        ({"PORT": "eighty"}, "PORT: 'eighty' is not a number; allowed: a whole number from 0 to 65535"),
        ({"API_KEY": ""}, "API_KEY: there is neither a key nor an ACCESS_FILE"),
        ({"MEMORYBANK_MODEL_DIR": "/nowhere"}, "no embedding model in /nowhere (No such file or directory); make it"),
        ({"ACCESS_FILE": "/nowhere"}, "ACCESS_FILE: /nowhere cannot be read: No such file or directory"),
        ({"HOST": "192.0.2.1"}, "HOST: 192.0.2.1:0 cannot be listened on: Cannot assign requested address; allowed: "),
        ({"HOST": "x" * 64}, "HOST: xxxxx"),
        (
            {"CHROMA_DB_PATH": "/proc/x"},
            "CHROMA_DB_PATH: /proc/x/default cannot be written: No such file or directory; allowed: a directory",
        ),
        ({"CHROMA_DB_PATH": "/dev/null"}, "CHROMA_DB_PATH: /dev/null/default cannot be written: Not a directory"),
    ],
)
def test_a_bad_setting_ends_the_start_with_one_line_and_status_two(
    tmp_path: Path, variables: dict[str, str], line: str
) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "memorybank_service"],
        env=environment(tmp_path, **variables),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"memorybank-service: {line}")
    assert ended.stderr.count("\n") == 1
    assert not (tmp_path / "data").exists()


def test_an_index_that_a_kill_left_open_is_made_good_and_nothing_is_missed(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        client = service.ready()
        ids = [store(client, f"note {number}") for number in range(300)]
        until(lambda: service.says("the vector index is open"))
        service.kill()
    with running(tmp_path) as service:
        client = service.ready()
        ids += [store(client, f"more {number}") for number in range(300)]  # enough for it to be opened again
        until(lambda: pending(tmp_path / "data/default") == 0)
        assert client.get("/memory_stats").json()["total_memories"] == len(ids)
        assert service.end() == 0
    with closing(sqlite3.connect(tmp_path / "data/default/memory.db")) as connection:
        [[seal]] = connection.execute("SELECT value FROM note WHERE name = 'index_seal'")
    assert seal == seal_of(tmp_path / "data/default/chroma")


def test_logs_hold_neither_keys_nor_memories(tmp_path: Path) -> None:
    with running(tmp_path, LOG_LEVEL="debug") as service:
        client = service.ready()
        store(client, "the password is xylophone")
        client.post("/retrieve_memory", json={"query": "xylophone"})
        client.post("/store_memory", json={"content": ["xylophone"]})
        unsayable = b'{"content": ["xylophone"], "metadata": NaN}'
        client.post("/store_memory", content=unsayable, headers={"Content-Type": "application/json"})
        assert service.end() == 0
        text = service.log_file.read_text()
    assert KEY not in text
    assert "xylophone" not in text


def test_it_opens_no_connection_of_its_own_and_leaves_nothing_at_home(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        client = service.ready()
        for number in range(300):  # enough for Chroma to be opened
            store(client, f"note {number}")
        until(lambda: service.says("up to date"))
        client.close()
        until(lambda: len(sockets(service.process.pid)) == 2)
        [chroma] = children(service.process.pid)
        assert sockets(chroma) == set()
    assert list((tmp_path / "home").rglob("*")) == []


def children(pid: int) -> list[int]:
    return [int(child) for file in Path(f"/proc/{pid}/task").glob("*/children") for child in file.read_text().split()]


def sockets(pid: int) -> set[str]:
    """The network sockets of a process, connected or listening."""
    held = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            held.add(os.readlink(descriptor))
        except FileNotFoundError:
            continue  # closed since it was listed
    tables = [Path(f"/proc/{pid}/net/{name}") for name in ("tcp", "tcp6", "udp", "udp6")]
    rows = [line.split() for table in tables if table.exists() for line in table.read_text().splitlines()[1:]]
    return {inode for row in rows if f"socket:[{(inode := row[9])}]" in held}


def test_the_help_has_an_example_that_shows_how_to_begin() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "memorybank_service", "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert "API_KEY=secret HOST=127.0.0.1 memorybank-service" in shown
    assert "http://127.0.0.1:8000/store_memory" in shown


def test_starting_loads_neither_chroma_nor_litellm() -> None:
    """They cost a second and more than a hundred megabytes: the one comes when it is needed, the other never."""
    code = "import sys, memorybank_service.__main__, memorybank_service.embedding.local; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "memorybank_service.store.chroma_index" in loaded
    assert not {"chromadb", "litellm", "torch"} & set(loaded)
