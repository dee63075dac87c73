import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from memorybank_service.chroma.process import ChromaProcess
from memorybank_service.embedding.local import LocalEmbedder
from memorybank_service.memory.vectors import Vectors
from memorybank_service.niceness import LATER, yield_the_processor
from memorybank_service.store.sqlite_store import SqliteStore


def nice_of(thread: int = 0) -> int:
    return os.getpriority(os.PRIO_PROCESS, thread)


def nice_of_this() -> int:
    return nice_of(threading.get_native_id())


def test_a_thread_that_yields_is_nicer_and_no_other_is() -> None:
    before = nice_of_this()
    with ThreadPoolExecutor(1, initializer=yield_the_processor) as pool:
        assert pool.submit(nice_of_this).result() == LATER
    assert nice_of_this() == before


def test_embedding_comes_after_answering(tmp_path: Path, embedder: LocalEmbedder) -> None:
    store = SqliteStore(tmp_path, embedder.name, embedder.dimension)
    vectors = Vectors(store, embedder)
    assert [pool.submit(nice_of_this).result() for pool in (vectors._few, vectors._many)] == [LATER, LATER]
    vectors.close()
    store.close()


def test_building_the_index_comes_after_answering(tmp_path: Path) -> None:
    process = ChromaProcess(tmp_path / "chroma")
    process.open("space")
    assert process.pid is not None
    assert nice_of(process.pid) == LATER
    process.close()
