"""How soon a memory is acknowledged, beside Chroma's own add; what ten thousand take, beside their embedding alone."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from time import perf_counter

import chromadb
import httpx
from chromadb.config import Settings

from bench.corpus import sentences
from bench.footprint import local_embedder
from bench.results import keep, percentiles
from memorybank_service.embedding.local import LocalEmbedder
from tests.service.running import running

SINGLE, MANY, BATCH = 400, 10_000, 1_000
CORES = 2


def run() -> str:
    embedder = local_embedder()
    texts = list(sentences(MANY, seed=3))
    with tempfile.TemporaryDirectory(prefix="memorybank-bench-") as folder, running(Path(folder)) as service:
        client = service.ready()
        ours = percentiles([_timed(partial(_add, client, text)) for text in texts[:SINGLE]])
        theirs = _chroma(Path(folder), embedder, texts[:SINGLE])
        imported = _timed(lambda: _import(client, texts)) / 1e3
    embedded = _timed(lambda: _embed_all(embedder, texts)) / 1e3
    ratio = round(ours["p50"] / theirs["p50"], 2)
    figures = {
        "acknowledged_ms": {"memorybank_over_http": ours, "chroma_add_and_embedding_in_process": theirs},
        "ratio_to_chroma_p50": ratio,
        "import_seconds": {
            "memories": MANY,
            "over_http": round(imported, 2),
            "embedding_alone": round(embedded, 2),
            "ratio": round(imported / embedded, 2),
        },
    }
    keep("adding", figures)
    return (
        f"A memory is acknowledged over HTTP in {ours['p50']} ms at p50 ({ours['p95']} at p95), {ratio} times "
        f"Chroma's own add with the embedding, in its process ({theirs['p50']} ms)\n"
        f"{MANY} memories are imported in {imported:.1f} s; embedding them alone takes {embedded:.1f} s"
    )


def _timed(call: Callable[[], object]) -> float:
    """Milliseconds."""
    started = perf_counter()
    call()
    return 1e3 * (perf_counter() - started)


def _add(client: httpx.Client, text: str) -> None:
    client.post("/v1/memories", json={"content": text, "user_id": "ada"}).raise_for_status()


def _import(client: httpx.Client, texts: Sequence[str]) -> None:
    for start in range(0, len(texts), BATCH):
        batch = [{"content": text, "user_id": "ben"} for text in texts[start : start + BATCH]]
        client.post("/v1/memories/batch", json={"memories": batch}, timeout=300).raise_for_status()


def _chroma(folder: Path, embedder: LocalEmbedder, texts: Sequence[str]) -> dict[str, float | int]:
    chroma = chromadb.PersistentClient(str(folder / "chroma"), settings=Settings(anonymized_telemetry=False))
    collection = chroma.create_collection("memories", embedding_function=None)

    def add(number: int, text: str) -> None:
        [vector] = embedder.embed([text])
        collection.add(ids=[str(number)], embeddings=[vector], documents=[text], metadatas=[{"user_id": "ada"}])

    return percentiles([_timed(partial(add, n, text)) for n, text in enumerate(texts)])


def _embed_all(embedder: LocalEmbedder, texts: Sequence[str]) -> None:
    with ThreadPoolExecutor(CORES) as pool:
        share = len(texts) // CORES
        list(pool.map(embedder.embed, [texts[start : start + share] for start in range(0, len(texts), share)]))
