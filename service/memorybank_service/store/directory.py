"""The tenant's directory belongs to one process at a time.

Two processes on one Chroma directory destroy it, and an eviction can let two pods overlap. So whoever comes second
waits until the first has let go, and opens nothing before.
"""

import errno
import fcntl
import logging
import os
from pathlib import Path
from threading import Event
from types import TracebackType

from memorybank_service.store import StoreError

log = logging.getLogger(__name__)
_RETRY_SECONDS = 0.1
_REMIND_SECONDS = 30.0


def make_directory(directory: Path) -> None:
    """Makes it if it is not there. Raises StoreError where it cannot be used."""
    os.close(_open_lock(directory / "lock"))
    if not os.access(directory, os.W_OK | os.X_OK):
        raise _unwritable(directory, os.strerror(errno.EACCES))


def _open_lock(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unwritable(path.parent, error.strerror) from None


def _unwritable(directory: Path, problem: str | None) -> StoreError:
    return StoreError(f"CHROMA_DB_PATH: {directory} cannot be written: {problem}")


class DirectoryLock:
    """Held from `acquire` until `release` or the end of the process."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "lock"
        self._descriptor: int | None = None

    def acquire(self, stop: Event) -> bool:
        """Waits for the lock; False if `stop` was set before it was free. Raises StoreError if it cannot be made."""
        descriptor = _open_lock(self._path)
        waited = 0.0
        while not _try_lock(descriptor):
            if waited % _REMIND_SECONDS < _RETRY_SECONDS:
                log.warning("another process has the data directory; waiting until it ends", extra=_holder(descriptor))
            if stop.wait(_RETRY_SECONDS):
                os.close(descriptor)
                return False
            waited += _RETRY_SECONDS
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> "DirectoryLock":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(descriptor: int) -> dict[str, str]:
    return {"holder_pid": os.pread(descriptor, 20, 0).decode(errors="replace").strip()}
