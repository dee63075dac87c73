"""Whatever becomes of the index's files and processes, the memories are found, and it is made anew from them."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from memorybank_service.chroma import process
from memorybank_service.embedding.local import LocalEmbedder
from memorybank_service.store import chroma_index
from memorybank_service.store.sqlite_store import SqliteStore
from tests.service.store.indexing import LARGE, MANY, Open, add, agrees, filled, indexed, nearest, pending, pid
from tests.service.store.test_sqlite_store import memory
from tests.service.waiting import until

ROOT = Path(__file__).parents[3]
PAST_A_FLUSH = 2_500


@pytest.fixture(autouse=True)
def _quick_writes_and_patient_searches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chroma_index, "GATHER_SECONDS", 0.0)
    monkeypatch.setattr(chroma_index, "RETRY_SECONDS", 0.0)
    monkeypatch.setattr(process, "SEARCH_SECONDS", 20.0)


def overwrite(path: Path) -> None:
    for file in path.rglob("*"):
        if file.is_file():
            file.write_bytes(b"\xa5" * file.stat().st_size)


def truncate(path: Path) -> None:
    for file in path.rglob("*"):
        if file.is_file():
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def lose_segments(path: Path) -> None:
    for folder in path.iterdir():
        if folder.is_dir():
            shutil.rmtree(folder)


@pytest.mark.parametrize("damage", [shutil.rmtree, overwrite, truncate, lose_segments])
def test_a_damaged_index_is_rebuilt_and_searched_meanwhile(
    open_store: Open, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    filled(open_store, tmp_path).close()
    damage(tmp_path / "chroma")
    store = open_store(exact_limit=LARGE)
    assert nearest(store.view(None), memory(77).vector) == 78
    until(lambda: indexed(store, 77))
    until(lambda: pending(tmp_path) == 0)
    assert len(list((tmp_path / "chroma").rglob("*"))) > 1


def test_an_index_that_is_lost_while_it_is_open_is_rebuilt(open_store: Open, tmp_path: Path) -> None:
    store = filled(open_store, tmp_path)
    until(lambda: indexed(store, 1))
    shutil.rmtree(tmp_path / "chroma")
    store.add([memory(9_000)]).result()
    assert nearest(store.view(None), memory(9_000).vector) == MANY + 1
    until(lambda: (tmp_path / "chroma" / "chroma.sqlite3").exists() and pending(tmp_path) == 0)
    until(lambda: indexed(store, 77))


FILES = [
    "chroma.sqlite3",
    "data_level0.bin",
    "header.bin",
    "index_metadata.pickle",
    "length.bin",
    "link_lists.bin",
]


@pytest.fixture(scope="module")
def well_closed(tmp_path_factory: pytest.TempPathFactory, embedder: LocalEmbedder) -> Path:
    """A store whose index has written files of every kind."""

    folder = tmp_path_factory.mktemp("store")
    filled(
        lambda **options: SqliteStore(folder, embedder.name, embedder.dimension, **options), folder, PAST_A_FLUSH
    ).close()
    return folder


@pytest.mark.parametrize("unnoticed", [False, True])
@pytest.mark.parametrize("name", FILES)
def test_a_file_overwritten_with_noise_costs_a_rebuild_at_most(
    open_store: Open, tmp_path: Path, well_closed: Path, name: str, unnoticed: bool
) -> None:
    shutil.copytree(well_closed, tmp_path, dirs_exist_ok=True)
    [file] = (tmp_path / "chroma").rglob(name)
    facts = file.stat()
    file.write_bytes(np.random.default_rng(9).bytes(facts.st_size))
    if unnoticed:  # Chroma itself has to find out: some files of noise end its process
        os.utime(file, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    store = open_store(exact_limit=LARGE)
    assert nearest(store.view(None), memory(77).vector) == 78
    assert agrees(store, tmp_path, range(PAST_A_FLUSH))


def wait_for_at_most(folder: Path, left: int) -> None:
    until(lambda: pending(folder) <= left)


def test_a_process_killed_at_any_moment_loses_nothing(open_store: Open, tmp_path: Path) -> None:
    store = open_store(exact_limit=LARGE)
    moments = np.random.default_rng(5)
    for start in range(0, PAST_A_FLUSH, 500):
        add(store, range(start, start + 500))
        wait_for_at_most(tmp_path, int(moments.integers(500)))
        os.kill(pid(store), signal.SIGKILL)
        assert nearest(store.view(None), memory(start + 77).vector) == start + 78
    assert agrees(store, tmp_path, range(PAST_A_FLUSH))


SERVICE = """
import sys, threading
from contextlib import closing
from pathlib import Path
from memorybank_service.store import chroma_index
from memorybank_service.store.sqlite_store import SqliteStore
from tests.service.store.test_sqlite_store import memory

folder, name, start = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
chroma_index.GATHER_SECONDS = 0.0
chroma_index.BATCH = 50
store = SqliteStore(folder, name, 384, 50)
store.add([memory(number) for number in range(start, start + 500)]).result()
store._index.call()
print("stored", flush=True)
threading.Event().wait()
"""


def serve(folder: Path, embedder: LocalEmbedder, start: int) -> "subprocess.Popen[str]":
    service = subprocess.Popen(
        [sys.executable, "-c", SERVICE, str(folder), embedder.name, str(start)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert service.stdout is not None
    assert service.stdout.readline() == "stored\n"
    return service


def test_a_service_killed_at_any_moment_leaves_nothing_that_is_not_made_good(
    open_store: Open, tmp_path: Path, embedder: LocalEmbedder
) -> None:
    moments = np.random.default_rng(7)
    for start in range(0, PAST_A_FLUSH, 500):
        with serve(tmp_path, embedder, start) as service:
            wait_for_at_most(tmp_path, int(moments.integers(start + 500)))
            service.kill()
    store = open_store(exact_limit=LARGE)
    assert nearest(store.view(None), memory(77).vector) == 78
    assert agrees(store, tmp_path, range(PAST_A_FLUSH))


def test_a_service_killed_while_its_index_is_at_rest_leaves_one_that_is_used_again(
    open_store: Open, tmp_path: Path, embedder: LocalEmbedder, caplog: pytest.LogCaptureFixture
) -> None:
    store = filled(open_store, tmp_path, PAST_A_FLUSH - 500)
    store.close()
    with serve(tmp_path, embedder, PAST_A_FLUSH - 500) as service:
        until(lambda: pending(tmp_path) == 0 and sealed(tmp_path))
        service.kill()
    store = open_store(exact_limit=LARGE)
    assert agrees(store, tmp_path, range(PAST_A_FLUSH))
    assert "rebuil" not in caplog.text


def sealed(folder: Path) -> bool:
    with closing(sqlite3.connect(folder / "memory.db")) as connection:
        return bool(connection.execute("SELECT value FROM note WHERE name = 'index_seal'").fetchone()[0])


def test_what_a_killed_service_left_half_written_does_not_stay_on_the_volume(open_store: Open, tmp_path: Path) -> None:
    (tmp_path / "chroma").mkdir()
    (tmp_path / "chroma" / "half.bin").write_bytes(b"half")
    store = open_store()
    add(store, range(20))
    until(lambda: not (tmp_path / "chroma").exists())
    store.close()
    assert not (tmp_path / "chroma").exists()
