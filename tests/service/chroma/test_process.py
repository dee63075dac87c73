import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from memorybank_service.children import ChildEndedError, HandlerError
from memorybank_service.chroma import process
from memorybank_service.chroma.process import ChromaProcess


@pytest.fixture(autouse=True)
def _patient_searches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "SEARCH_SECONDS", 20.0)


def vectors(count: int, dimension: int = 8) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.random.default_rng(1).standard_normal((count, dimension)).astype(np.float32)


def test_entries_are_written_replaced_found_and_removed(tmp_path: Path) -> None:
    chroma = ChromaProcess(tmp_path / "chroma")
    assert chroma.open("model (8)")
    made = vectors(300)
    chroma.write(range(1, 301), made.astype(np.float16).tobytes(), [])
    assert chroma.count == 300
    assert chroma.nearest(made[41], 3).tolist()[0] == 42
    chroma.write([42], made[99].astype(np.float16).tobytes(), [100, 5_000])
    assert chroma.count == 299
    assert chroma.nearest(made[99], 1).tolist() == [42]
    assert len(chroma.nearest(made[0], 1_000)) == 299
    chroma.close()
    with pytest.raises(ChildEndedError):
        chroma.ping()


def test_a_collection_serves_the_space_it_was_made_for(tmp_path: Path) -> None:
    chroma = ChromaProcess(tmp_path / "chroma")
    assert chroma.open("model (8)")
    chroma.close()
    other = ChromaProcess(tmp_path / "chroma")
    assert not other.open("another (8)")
    other.close()
    again = ChromaProcess(tmp_path / "chroma")
    assert again.open("model (8)")
    assert again.nearest(vectors(1)[0], 5).tolist() == []
    again.close()


def test_nothing_is_answered_before_it_is_opened(tmp_path: Path) -> None:
    chroma = ChromaProcess(tmp_path / "chroma")
    chroma.discard()  # starts the process, which may take longer than a search waits
    with pytest.raises(HandlerError, match="not open"):
        chroma.nearest(vectors(1)[0], 5)
    chroma.close()
    assert not (tmp_path / "chroma").exists()


def test_its_process_loads_no_more_than_it_needs() -> None:
    heavy = "numpy", "chromadb", "fastapi", "onnxruntime", "opentelemetry"
    code = f"import sys, memorybank_service.chroma.__main__; print(sorted(set(sys.modules) & set({heavy!r})))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout == "[]\n"
