"""Encrypting on the way, by age (https://age-encryption.org/v1), so that its own command can open a backup too."""

import queue
import threading
from collections.abc import Callable, Generator, Iterable
from typing import Any, Protocol

import pyrage

from memorybank_backup.errors import DAMAGED, KEY, BackupError

_PIECE, _PIECES = 1 << 18, 8


class _Closed(Exception):  # noqa: N818 (no error: nobody reads on)
    pass


class Key(Protocol):
    """A key of age, of which both halves are known."""

    def seal(self, content: Iterable[bytes]) -> Generator[bytes, None, None]: ...

    def open(self, content: Iterable[bytes]) -> Generator[bytes, None, None]:
        """Raises BackupError where it is another's, or damaged."""
        ...


class AgeKey:
    def __init__(self, text: str) -> None:
        """The line of `age-keygen` that begins with AGE-SECRET-KEY-1; its comments may be there too."""
        lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
        try:
            [line] = lines
            self._identity = pyrage.x25519.Identity.from_str(line)
        except (ValueError, pyrage.IdentityError) as error:
            message = "the encryption key is no key of age: make one with age-keygen (AGE-SECRET-KEY-1...)"
            raise BackupError(KEY, message, hopeless=True) from error

    def seal(self, content: Iterable[bytes]) -> Generator[bytes, None, None]:
        recipient = self._identity.to_public()
        return _through(lambda source, sink: pyrage.encrypt_io(source, sink, [recipient]), content)

    def open(self, content: Iterable[bytes]) -> Generator[bytes, None, None]:
        try:
            yield from _through(lambda source, sink: pyrage.decrypt_io(source, sink, [self._identity]), content)
        except pyrage.DecryptError as error:
            raise BackupError(KEY, "the backup was encrypted with another key", hopeless=True) from error
        except OSError as error:
            raise BackupError(DAMAGED, f"the backup cannot be decrypted: {error}", hopeless=True) from error


class _Source:
    """Reads from an iterator, and remembers what was wrong with it: the library tells it in words of its own."""

    def __init__(self, content: Iterable[bytes]) -> None:
        self._pieces, self._rest = iter(content), b""
        self.error: BaseException | None = None

    def read(self, size: int) -> bytes:
        try:
            while not self._rest:
                self._rest = next(self._pieces)
        except StopIteration:
            return b""
        except BaseException as error:
            self.error = error
            raise
        piece, self._rest = self._rest[:size], self._rest[size:]
        return piece


class _Sink:
    """Hands on in pieces of some size, and waits for its reader."""

    def __init__(self) -> None:
        self.pieces: queue.Queue[bytes | None] = queue.Queue(_PIECES)
        self.closed = False
        self._gathered = bytearray()

    def write(self, piece: bytes) -> int:
        if self.closed:
            raise _Closed
        self._gathered += piece
        if len(self._gathered) >= _PIECE:
            self.flush()
        return len(piece)

    def flush(self) -> None:
        if self._gathered:
            self.pieces.put(bytes(self._gathered))
            self._gathered.clear()


def _through(work: Callable[[Any, Any], None], content: Iterable[bytes]) -> Generator[bytes, None, None]:
    source, sink = _Source(content), _Sink()
    failed: list[BaseException] = []

    def run() -> None:
        try:
            work(source, sink)
            sink.flush()
        except BaseException as error:  # handed on to the reader, whole
            failed.append(source.error or error)
        finally:
            sink.pieces.put(None)

    thread = threading.Thread(target=run, name="age", daemon=True)
    thread.start()
    try:
        while (piece := sink.pieces.get()) is not None:
            yield piece
    finally:
        sink.closed = True
        while thread.is_alive():
            try:
                sink.pieces.get(timeout=0.1)
            except queue.Empty:
                continue
    if failed:
        raise failed[0]
