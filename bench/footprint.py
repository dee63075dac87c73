"""How much memory and disk a tenant takes, and how soon it is ready."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import httpx

from bench.corpus import sentences, vectors
from bench.results import keep
from memorybank_service.embedding.local import LocalEmbedder
from memorybank_service.embedding.model_files import find_model
from memorybank_service.settings import load_settings
from memorybank_service.store import NewMemory
from memorybank_service.store.sqlite_store import SqliteStore
from tests.service.running import KEY, RunningService, running
from tests.service.waiting import until

USERS = 10
TENANT = "default"
_BATCH = 1_000
STORED_AT = 1.7e9
TOPICS = 10
_TERMS = ("kuho", "pizi", "hace", "cidi", "fone")


def run() -> str:
    embedder = local_embedder()
    figures: dict[str, Any] = {"idle": _idle()}
    for memories in (10_000, 100_000):
        with tempfile.TemporaryDirectory(prefix="memorybank-bench-") as folder:
            fill(Path(folder, "data", TENANT), memories, embedder)
            figures[f"memories_{memories}"] = _serving(Path(folder))
    keep("footprint", figures)
    lines = ["What a tenant takes, of memory and of disk"]
    lines.append(f"  idle, embedding loaded       {figures['idle']['rss_mb']:>7.0f} MB RSS")
    for memories in (10_000, 100_000):
        row = figures[f"memories_{memories}"]
        lines.append(
            f"  {memories:>7} memories            {row['rss_mb']:>7.0f} MB RSS "
            f"({row['rss_while_indexing_mb']:.0f} while the index is built), {row['disk_mb']:.0f} MB disk, "
            f"ready {row['ready_seconds']:.2f} s after the start"
        )
    return "\n".join(lines)


def local_embedder() -> LocalEmbedder:
    return LocalEmbedder(find_model(load_settings({**os.environ, "API_KEY": KEY}).model_directory))


def fill(directory: Path, memories: int, embedder: LocalEmbedder, users: int = USERS) -> None:
    """Made-up memories of users of equal size, each user's in sessions of 20."""
    directory.mkdir(parents=True)
    store = SqliteStore(directory, embedder.name, embedder.dimension)
    texts, made = sentences(memories), vectors(memories, embedder.dimension)
    for start in range(0, memories, _BATCH):
        batch = [
            _memory(number, next(texts), users, made[number]) for number in range(start, min(memories, start + _BATCH))
        ]
        store.add(batch).result()
    store.close()


def _memory(number: int, text: str, users: int, vector: Any) -> NewMemory:
    turn = number // users
    return NewMemory(
        id=f"m{number}",
        content=text,
        created_at=STORED_AT + turn * 60,
        stored_at=STORED_AT,
        user_id=f"user-{number % users}",
        run_id=f"run-{turn // 20}",
        speaker=("Ada", "Ben")[turn % 2],
        metadata={"topic": f"t{turn % TOPICS}"},
        vector=vector,
    )


def _idle() -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="memorybank-bench-") as folder, running(Path(folder)) as service:
        client = service.ready()
        for number in range(20):
            client.post("/store_memory", json={"content": f"Ada has seen the sea {number} times."}).raise_for_status()
            client.post("/retrieve_memory", json={"query": "what has Ada seen?"}).raise_for_status()
        return {"rss_mb": rss_mb(service.process.pid)}


def _serving(folder: Path) -> dict[str, float]:
    started = perf_counter()
    with running(folder) as service:
        client = service.ready()
        ready = perf_counter() - started
        for user in range(USERS):
            _search(client, {"metadata": {"user_id": f"user-{user}"}})
        _search(client, {})
        peak = _until_indexed(service)
        for user in range(USERS):
            _search(client, {"metadata": {"user_id": f"user-{user}"}})
        figures = {
            "ready_seconds": round(ready, 3),
            "rss_mb": rss_mb(service.process.pid),
            "rss_while_indexing_mb": peak,
        }
        service.end()
    return {**figures, "disk_mb": round(disk_bytes(folder / "data") / 1e6, 1)}


def _search(client: httpx.Client, scope: dict[str, Any]) -> None:
    for term in _TERMS:
        client.post("/retrieve_memory", json={"query": f"what about {term}?", **scope}).raise_for_status()


def _until_indexed(service: RunningService) -> float:
    """The most memory that was taken until the vector index was complete and closed again."""
    peak = 0.0

    def closed() -> bool:
        nonlocal peak
        peak = max(peak, rss_mb(service.process.pid))
        return service.says("the vector index is closed")

    until(closed, 1_800)
    return peak


def rss_mb(pid: int) -> float:
    """Of the process and all its children."""
    pids = [pid, *_children(pid)]
    return round(sum(_rss(each) for each in pids) / 1e6, 1)


def _rss(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:  # a child that has just ended
        return 0
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS")), 0)


def _children(pid: int) -> Sequence[int]:
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(line) for line in listed.stdout.split()]


def disk_bytes(folder: Path) -> int:
    """As the file system counts it: blocks."""
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())
