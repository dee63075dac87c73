"""The vector index: Chroma, filled from the truth in the background and rebuilt from it whenever in doubt.

Its life is one thread's: that thread imports Chroma when enough waits to be indexed or a search needs it (half a second
and some 60 MB), writes what is pending, and closes the index when nobody uses it. A search that finds it closed, behind
or broken is told so, and scans the truth instead: the index is about speed alone.
"""

import logging
import shutil
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from memorybank_service.store import StoreError
from memorybank_service.store.index_seal import seal_of

log = logging.getLogger(__name__)
Vector = NDArray[np.float32]

GATHER_SECONDS = 1.0  # what is stored within it is indexed in one batch
ENOUGH_PENDING = 256  # for opening it unasked; the vectors of a tenant this small are scanned in no time
IDLE_SECONDS = 120.0
RETRY_SECONDS = 30.0
# Chroma holds the interpreter while it writes, some 0.3 ms a vector: small batches, and a rest after each as long as
# it took, so that requests are not kept waiting.
_BATCH = 32


@dataclass(frozen=True)
class PendingEntry:
    seq: int
    owner: int
    vector: Vector | None
    """None: it has to leave the index."""


class IndexSource(Protocol):
    """What the index asks of the truth."""

    def pending_seqs(self, limit: int) -> Sequence[int]: ...

    def pending_entries(self, limit: int) -> Sequence[PendingEntry]: ...

    def settle(self, written: Sequence[int], removed: Sequence[int]) -> None:
        """These entries are as they should be now."""
        ...

    def all_pending(self) -> None:
        """The index is empty: every vector has to be written."""
        ...

    def seal(self) -> str: ...

    def record_seal(self, seal: str) -> None: ...


class ChromaIndex:
    def __init__(self, directory: Path, source: IndexSource) -> None:
        self._directory, self._source = directory, source
        self._lock = threading.Lock()
        self._client: Any = None
        self._collection: Any = None
        self._errors: tuple[type[Exception], ...] = (OSError,)
        self._wake, self._stop = threading.Event(), threading.Event()
        self._doubtful = self._wanted = False
        self._used = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="index")
        self._thread.start()

    def notice(self) -> None:
        """There may be something to index."""
        self._wake.set()

    def call(self) -> None:
        """A search needs it."""
        self._wanted = True
        self._wake.set()

    def rebuild(self) -> None:
        """From the truth, in the background; nobody is answered from what is there now."""
        self._doubtful = True
        self.call()

    def nearest(self, vector: Vector, owner: int | None, count: int) -> NDArray[np.int64] | None:
        """The memories' numbers, nearest first; None if the index cannot be asked now."""
        with self._lock:
            if self._collection is None or self._doubtful:
                self.call()
                return None
            self._used = time.monotonic()
            where = None if owner is None else {"owner": owner}
            try:
                found = self._collection.query(query_embeddings=[vector], n_results=count, where=where, include=[])
            except self._errors as error:
                log.warning("the vector index failed a search; it is rebuilt", extra={"error": type(error).__name__})
                self._doubtful = True
                self.call()
                return None
        return np.array([int(seq) for seq in found["ids"][0]], np.int64)

    def close(self) -> None:
        """Finishes the batch it is at, and seals the index."""
        self._stop.set()
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            called = self._wake.wait(IDLE_SECONDS if self._collection is not None else None)
            if self._stop.is_set():
                break
            if called:
                self._wake.clear()
                self._stop.wait(GATHER_SECONDS)
                if self._is_needed():
                    self._serve()
            elif time.monotonic() - self._used > IDLE_SECONDS:
                self._close()
        self._close()

    def _is_needed(self) -> bool:
        if self._wanted or self._collection is not None:
            return True
        return len(self._source.pending_seqs(ENOUGH_PENDING)) == ENOUGH_PENDING

    def _serve(self) -> None:
        self._wanted = False
        try:
            if self._doubtful:
                self._discard()
            self._open()
            self._fill()
        except self._errors as error:
            log.error("the vector index is unusable and will be rebuilt", extra={"error": repr(error)})
            self._doubtful = True
            self._try_again_later()
        except StoreError as error:
            log.error("the vector index has to wait for the store", extra={"error": str(error)})
            self._try_again_later()

    def _try_again_later(self) -> None:
        self._stop.wait(RETRY_SECONDS)
        self.call()

    def _open(self) -> None:
        if self._collection is not None:
            return
        if (seal := self._source.seal()) == "" or seal != seal_of(self._directory):
            self._discard()
        self._source.record_seal("")
        import chromadb
        from chromadb.config import Settings
        from chromadb.errors import ChromaError

        # Its client turns what it does not know into ValueError; its Rust part raises RuntimeError.
        self._errors = (ChromaError, OSError, ValueError, RuntimeError)
        settings = Settings(anonymized_telemetry=False)
        self._client = chromadb.PersistentClient(str(self._directory), settings=settings)
        collection = self._client.get_or_create_collection(
            "memories", embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
        )
        with self._lock:
            self._collection, self._used = collection, time.monotonic()
        log.info("the vector index is open")

    def _fill(self) -> None:
        written = 0
        while not self._stop.is_set() and (entries := self._source.pending_entries(_BATCH)):
            started = time.monotonic()
            present = [(entry, entry.vector) for entry in entries if entry.vector is not None]
            absent = [entry.seq for entry in entries if entry.vector is None]
            if present:
                self._collection.upsert(
                    ids=[str(entry.seq) for entry, _ in present],
                    embeddings=[vector for _, vector in present],
                    metadatas=[{"owner": entry.owner} for entry, _ in present],
                )
            if absent:
                self._collection.delete(ids=[str(seq) for seq in absent])
            self._source.settle([entry.seq for entry, _ in present], absent)
            written += len(entries)
            self._stop.wait(time.monotonic() - started)
        if written:
            self._used = time.monotonic()
            log.info("the vector index is up to date", extra={"entries": written})

    def _discard(self) -> None:
        """An empty directory, and everything to be written again."""
        self._release()
        self._source.record_seal("")
        if self._directory.exists():
            log.warning("the vector index is not what it was left as; rebuilding it from the memories")
            shutil.rmtree(self._directory)
        self._source.all_pending()
        self._doubtful = False

    def _close(self) -> None:
        if self._collection is None:
            return
        doubtful = self._doubtful
        try:
            self._release()
        except self._errors as error:
            log.warning("the vector index did not close well; it will be rebuilt", extra={"error": repr(error)})
            return
        if doubtful:
            return
        try:
            self._source.record_seal(seal_of(self._directory))
        except StoreError as error:
            log.warning("the vector index could not be sealed; it will be rebuilt", extra={"error": str(error)})

    def _release(self) -> None:
        with self._lock:
            client, self._client, self._collection = self._client, None, None
        if client is not None:
            client.close()
