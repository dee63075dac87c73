"""How long ten thousand memories take through POST /v1/import, beside their embedding alone on all cores."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter

import httpx

from bench.corpus import sentences
from bench.footprint import local_embedder
from bench.results import keep
from memorybank_service.embedding.local import LocalEmbedder
from tests.service.running import running
from tests.service.waiting import until

MEMORIES = 10_000
_SHARE = 64  # texts of one call: the last core is not left to work alone


def run() -> str:
    texts = list(sentences(MEMORIES, seed=5))
    cores = len(os.sched_getaffinity(0))
    embedded = _embed(local_embedder(), texts, cores)
    with tempfile.TemporaryDirectory(prefix="memorybank-bench-") as folder, running(Path(folder)) as service:
        client = service.ready()
        acknowledged, imported = _import(client, [json.dumps({"content": text, "user_id": "ada"}) for text in texts])
        started = perf_counter()
        exported = client.get("/v1/export", timeout=300).content
        left = perf_counter() - started
        _, again = _import(client, exported.decode().splitlines())
    ratio = round(imported / embedded, 2)
    keep(
        "importing",
        {
            "memories": MEMORIES,
            "cores": cores,
            "embedding_alone_seconds": round(embedded, 2),
            "acknowledged_after_seconds": round(acknowledged, 2),
            "import_seconds": round(imported, 2),
            "ratio": ratio,
            "export_seconds": round(left, 2),
            "export_megabytes": round(len(exported) / 1e6, 1),
            "taken_in_again_seconds": round(again, 2),
        },
    )
    return (
        f"{MEMORIES} memories are imported in {imported:.1f} s, {ratio} times their embedding alone on {cores} cores "
        f"({embedded:.1f} s); exported in {left:.1f} s, and their export is taken in again in {again:.1f} s"
    )


def _embed(embedder: LocalEmbedder, texts: Sequence[str], cores: int) -> float:
    started = perf_counter()
    with ThreadPoolExecutor(cores) as pool:
        list(pool.map(embedder.embed, [texts[start : start + _SHARE] for start in range(0, len(texts), _SHARE)]))
    return perf_counter() - started


def _import(client: httpx.Client, lines: Sequence[str]) -> tuple[float, float]:
    """Seconds until it was acknowledged, and until all of it was in."""
    started = perf_counter()
    answer = client.post("/v1/import", content="\n".join(lines), timeout=300)
    acknowledged = perf_counter() - started
    job = str(answer.raise_for_status().json()["id"])
    until(lambda: client.get(f"/v1/jobs/{job}").json()["state"] == "succeeded", seconds=600)
    return acknowledged, perf_counter() - started
