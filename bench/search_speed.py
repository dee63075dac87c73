"""How long a search takes in this process, beside Chroma's own query on the same vectors.

Neither side embeds a query or counts a recall, and neither goes through HTTP. Ours reads by meaning and by words and
gives the memories; Chroma's gives the ids of the nearest ten of the user. `filtered` is our search among the tenth of
the memories that have one value in their metadata, of ten. The last two columns embed the query too: in this process,
and in the service, which is asked through HTTP; the difference is what HTTP adds. The client is the standard library's,
as httpx takes as long for a call as the service for its part.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import chromadb
import numpy as np
from chromadb.config import Settings

from bench.corpus import sentences, vectors
from bench.footprint import STORED_AT, TENANT, TOPICS, fill, local_embedder, rss_mb
from bench.results import keep, percentiles
from memorybank_service.embedding import Embedder, Vector
from memorybank_service.embedding.local import LocalEmbedder
from memorybank_service.memory.bank import MemoryBank
from memorybank_service.memory.recalling import Search
from memorybank_service.settings import ForgettingSettings
from memorybank_service.store import Filter, Scope, chroma_index
from memorybank_service.store.filters import all_equal
from memorybank_service.store.sqlite_store import SqliteStore
from tests.service.running import running
from tests.service.waiting import until

QUERIES, WARM_UP = 300, 40
TURN = 20
CASES = {"10 users × 100": (1_000, 10), "10 users × 1,000": (10_000, 10), "10 users × 10,000": (100_000, 10)}
CASES |= {"1 user × 100": (100, 1), "1 user × 100,000": (100_000, 1)}
_TERMS = 6
_INDEXED_FROM = chroma_index.ENOUGH_PENDING
_MOST_OVER_HTTP = 10_000  # above, most of the time would go into waiting until the service has built its index


class Prepared:
    """Knows the vectors of the texts that it is asked for: nothing is embedded."""

    at_once = True

    def __init__(self, embedder: LocalEmbedder, known: Mapping[str, Vector]) -> None:
        self.name, self.dimension, self._known = embedder.name, embedder.dimension, known

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        return [self._known[text] for text in texts]

    def forget(self) -> None:
        """What is known stays known."""


def run(cases: Sequence[str] = tuple(CASES)) -> str:
    embedder = local_embedder()
    rows = {name: _case(embedder, *CASES[name]) for name in cases}
    keep("search_speed", {"queries": QUERIES, "milliseconds": rows})
    columns = {
        "MemoryBank": "memorybank",
        "filtered": "filtered",
        "Chroma": "chroma",
        "embedding too": "with_embedding",
        "over HTTP": "over_http",
    }
    lines = [
        f"{'A search, milliseconds':24}"
        + "".join(f" {title + ' p50':>14} {'p95':>7}" for title in columns)
        + "     RSS"
    ]
    lines += [
        f"  {name:22}" + "".join(_column(row.get(column)) for column in columns.values()) + f" {row['rss_mb']:>4.0f} MB"
        for name, row in rows.items()
    ]
    return "\n".join(lines)


def _column(figures: Mapping[str, float | int] | None) -> str:
    return f" {figures['p50']:>14} {figures['p95']:>7}" if figures is not None else f" {'':>14} {'':>7}"


def _case(embedder: LocalEmbedder, memories: int, users: int) -> dict[str, Any]:
    queries = _queries(embedder.dimension)
    # No scope is large enough to need the index: it would only be built next to what is measured.
    chroma_index.ENOUGH_PENDING = memories + 1
    with tempfile.TemporaryDirectory(prefix="memorybank-bench-") as folder:
        directory = Path(folder, "data", TENANT)
        fill(directory, memories, embedder, users)
        figures = asyncio.run(_beside(directory, embedder, queries, memories, users))
        if memories <= _MOST_OVER_HTTP:
            embedded = asyncio.run(_with_embedding(directory, embedder, [*queries], users))
            over_http = _over_http(Path(folder), [*queries], users, indexed=memories > _INDEXED_FROM)
            figures |= {"with_embedding": embedded, "over_http": over_http}
            figures["http_adds_at_p95"] = round(over_http["p95"] - embedded["p95"], 2)
    return figures


def _queries(dimension: int) -> dict[str, Vector]:
    """Some words of a sentence each; one that is asked for twice would be found in a cache."""
    texts = [" ".join(text.rstrip(".").split()[:_TERMS]) for text in sentences(QUERIES + WARM_UP, seed=8)]
    return {
        f"{text} {number}?": vector for number, (text, vector) in enumerate(zip(texts, _asked(dimension), strict=True))
    }


def _asked(dimension: int) -> list[Vector]:
    return list(vectors(QUERIES + WARM_UP, dimension, seed=8))


@contextlib.asynccontextmanager
async def _opened(directory: Path, embedder: Embedder) -> AsyncIterator[MemoryBank]:
    store = SqliteStore(directory, embedder.name, embedder.dimension)
    bank = MemoryBank(store, embedder, ForgettingSettings(24, 0.1, 168, 0), lambda: STORED_AT)
    await bank.open()
    try:
        yield bank
    finally:
        await bank.close()


async def _asked_for(
    bank: MemoryBank, texts: Sequence[str], users: int, numbers: range, filters: Sequence[Filter | None]
) -> list[float]:
    taken = []
    for number in numbers:
        wanted = Search(texts[number], Scope(f"user-{number % users}"), 10, filters[number % len(filters)])
        started = perf_counter()
        found = await bank.recall.search(wanted)
        taken.append(1e3 * (perf_counter() - started))
        assert found.recollections  # noqa: S101 - a figure of nothing found says nothing
    return taken


async def _beside(
    directory: Path, embedder: LocalEmbedder, queries: Mapping[str, Vector], memories: int, users: int
) -> dict[str, Any]:
    """Ours and Chroma's by turns, a few queries each: a machine is not as fast in one minute as in the next."""
    topics = [all_equal({"topic": f"t{topic}"}) for topic in range(TOPICS)]
    texts, every = [*queries], range(len(queries))
    plain, filtered, theirs = list[float](), list[float](), list[float]()
    async with _opened(directory, Prepared(embedder, dict(queries))) as bank:
        first = await _asked_for(bank, texts, users, range(users), [None])
        first_filtered = await _asked_for(bank, texts, users, range(users), topics)
        rss = rss_mb(os.getpid())
        with _collection(directory.parent / "chroma", embedder.dimension, memories, users) as collection:
            for start in every[::TURN]:
                turn = every[start : start + TURN]
                plain += await _asked_for(bank, texts, users, turn, [None])
                theirs += _queried(collection, [*queries.values()], users, turn)
                filtered += await _asked_for(bank, texts, users, turn, topics)
    return {
        "memorybank": percentiles(plain[WARM_UP:]),
        "first_search_of_a_user": percentiles(first),
        "filtered": percentiles(filtered[WARM_UP:]),
        "first_filtered_search_of_a_user": percentiles(first_filtered),
        "rss_mb": rss,
        "chroma": percentiles(theirs[WARM_UP:]),
    }


async def _with_embedding(
    directory: Path, embedder: LocalEmbedder, texts: Sequence[str], users: int
) -> dict[str, float | int]:
    async with _opened(directory, embedder) as bank:
        taken = await _asked_for(bank, texts, users, range(len(texts)), [None])
    return percentiles(taken[WARM_UP:])


def _over_http(folder: Path, texts: Sequence[str], users: int, *, indexed: bool) -> dict[str, float | int]:
    with running(folder) as service:
        ready = service.ready()
        client = http.client.HTTPConnection(ready.base_url.host, ready.base_url.port)
        headers = {"Authorization": ready.headers["Authorization"], "Content-Type": "application/json"}
        taken = []
        if indexed:  # and the processor is free again
            until(lambda: service.says("the vector index is closed"), 1_800)
        for number, text in enumerate(texts):
            asked = json.dumps({"query": text, "user_id": f"user-{number % users}", "top_k": 10, "reinforce": False})
            started = perf_counter()
            client.request("POST", "/v1/search", asked, headers)
            answer = client.getresponse()
            answer.read()
            assert answer.status == 200, answer.status  # noqa: S101 - a figure of refusals says nothing
            if number >= WARM_UP:
                taken.append(1e3 * (perf_counter() - started))
        client.close()
        service.end()
    return percentiles(taken)


@contextlib.contextmanager
def _collection(directory: Path, dimension: int, memories: int, users: int) -> Iterator[chromadb.Collection]:
    client = chromadb.PersistentClient(str(directory), settings=Settings(anonymized_telemetry=False))
    collection = client.create_collection(
        "memories", embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
    )
    made = vectors(memories, dimension)
    for start in range(0, memories, 1_000):
        numbers = range(start, min(memories, start + 1_000))
        collection.add(
            ids=[f"m{number}" for number in numbers],
            embeddings=[made[number] for number in numbers],
            metadatas=[{"user_id": f"user-{number % users}"} for number in numbers],
        )
    yield collection
    client.close()


def _queried(collection: chromadb.Collection, queries: Sequence[Vector], users: int, numbers: range) -> list[float]:
    taken = []
    for number in numbers:
        where: Any = {"user_id": f"user-{number % users}"}
        started = perf_counter()
        collection.query(query_embeddings=[np.asarray(queries[number])], n_results=10, where=where, include=[])
        taken.append(1e3 * (perf_counter() - started))
    return taken


if __name__ == "__main__":
    print(run())
