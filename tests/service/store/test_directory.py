import logging
import threading
from pathlib import Path

import pytest

from memorybank_service.store import StoreError
from memorybank_service.store.directory import DirectoryLock


def test_the_second_waits_until_the_first_lets_go_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first, second, acquired = DirectoryLock(tmp_path), DirectoryLock(tmp_path), threading.Event()
    assert first.acquire(threading.Event())
    waiting = threading.Event()

    class Waiting(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            waiting.set()

    handler = Waiting()
    logging.getLogger("memorybank_service.store.directory").addHandler(handler)

    def acquire() -> None:
        if second.acquire(threading.Event()):
            acquired.set()

    thread = threading.Thread(target=acquire)
    thread.start()
    assert waiting.wait(5)
    assert not acquired.is_set()
    first.release()
    assert acquired.wait(5)
    thread.join()
    second.release()
    logging.getLogger("memorybank_service.store.directory").removeHandler(handler)
    assert "waiting until it ends" in caplog.text


def test_waiting_ends_when_it_is_told_to(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    with DirectoryLock(tmp_path) as first:
        assert first.acquire(threading.Event())
        assert not DirectoryLock(tmp_path).acquire(stop)


def test_a_place_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        DirectoryLock(tmp_path / "file" / "below").acquire(threading.Event())
