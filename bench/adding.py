"""How soon a memory is acknowledged, beside Chroma's own add."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
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

MEMORIES = 400


def run() -> str:
    embedder = local_embedder()
    texts = list(sentences(MEMORIES, seed=3))
    with tempfile.TemporaryDirectory(prefix="memorybank-bench-") as folder, running(Path(folder)) as service:
        client = service.ready()
        ours = percentiles([_timed(partial(_add, client, text)) for text in texts])
        theirs = _chroma(Path(folder), embedder, texts)
    ratio = round(ours["p50"] / theirs["p50"], 2)
    figures = {
        "acknowledged_ms": {"memorybank_over_http": ours, "chroma_add_and_embedding_in_process": theirs},
        "ratio_to_chroma_p50": ratio,
    }
    keep("adding", figures)
    return (
        f"A memory is acknowledged over HTTP in {ours['p50']} ms at p50 ({ours['p95']} at p95), {ratio} times "
        f"Chroma's own add with the embedding, in its process ({theirs['p50']} ms)"
    )


def _timed(call: Callable[[], object]) -> float:
    """Milliseconds."""
    started = perf_counter()
    call()
    return 1e3 * (perf_counter() - started)


def _add(client: httpx.Client, text: str) -> None:
    client.post("/v1/memories", json={"content": text, "user_id": "ada"}).raise_for_status()


def _chroma(folder: Path, embedder: LocalEmbedder, texts: Sequence[str]) -> dict[str, float | int]:
    chroma = chromadb.PersistentClient(str(folder / "chroma"), settings=Settings(anonymized_telemetry=False))
    collection = chroma.create_collection("memories", embedding_function=None)

    def add(number: int, text: str) -> None:
        [vector] = embedder.embed([text])
        collection.add(ids=[str(number)], embeddings=[vector], documents=[text], metadatas=[{"user_id": "ada"}])

    return percentiles([_timed(partial(add, n, text)) for n, text in enumerate(texts)])
