"""Chroma as its process uses it: one collection of vectors under the memories' numbers.

It is used through its own bindings, below its Python client: that client's imports take 1.5 seconds and 45 MB at every
start of the process, for embedding functions, settings and telemetry that are never wanted here. Nor is numpy loaded.
"""

import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import chromadb_rust_bindings as chroma

_LAYOUT = 1  # another one than the collection was made with: it is made anew
_PLACE = {"tenant": "default_tenant", "database": "default_database"}
_NAME = "memories"
# What it writes is flushed and leaves its log every `sync_threshold` entries; opening it replays what is in the log.
_CONFIGURATION = {
    "hnsw": {
        "space": "cosine",
        "max_neighbors": 16,
        "ef_construction": 100,
        "ef_search": 100,
        "sync_threshold": 1_000,
        "resize_factor": 1.1,
    },
    "embedding_function": None,
}


class Engine:
    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        config = chroma.SqliteDBConfig(
            url=str(directory / "chroma.sqlite3"),
            hash_type=chroma.MigrationHash.MD5,
            migration_mode=chroma.MigrationMode.Apply,
        )
        self._bindings = chroma.Bindings(
            allow_reset=False, sqlite_db_config=config, persist_path=str(directory), hnsw_cache_size=1
        )
        self._collection = ""

    def open(self, space: str) -> bool:
        """False if what is there was made for another embedding space, or by another version of this module."""
        made_for = {"space": space, "layout": _LAYOUT}
        found = self._bindings.list_collections(**_PLACE)
        if not found:
            made = self._bindings.create_collection(
                _NAME, configuration_json_str=json.dumps(_CONFIGURATION), metadata=made_for, **_PLACE
            )
            found = [made]
        [collection] = found
        if collection.metadata != made_for:
            return False
        self._collection = str(collection.id)
        if collection.dimension is not None:  # the graph is read at the first search: better now
            self._query((1.0,) * collection.dimension, 1)
        return True

    def count(self) -> int:
        return int(self._bindings.count(self._collection, **_PLACE))

    def write(self, seqs: Sequence[int], vectors: bytes) -> None:
        """The vectors one after the other, in float16."""
        length = len(vectors) // len(seqs)
        values = struct.iter_unpack(f"{length // 2}e", vectors)
        self._bindings.upsert(self._collection, [str(seq) for seq in seqs], list(values), **_PLACE)

    def remove(self, seqs: Sequence[int]) -> None:
        """Those that are not there are none to remove."""
        self._bindings.delete(self._collection, ids=[str(seq) for seq in seqs], **_PLACE)

    def nearest(self, vector: bytes, count: int) -> list[int]:
        """The numbers, nearest first; the vector in float32."""
        return self._query(struct.unpack(f"{len(vector) // 4}f", vector), count)

    def _query(self, vector: Sequence[float], count: int) -> list[int]:
        answer: Any = self._bindings.query(
            self._collection, ids=None, query_embeddings=[vector], n_results=count, include=[], **_PLACE
        )
        return [int(seq) for seq in answer.ids[0]]
