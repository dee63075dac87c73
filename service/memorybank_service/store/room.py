"""Room on the volume: kept back, so that a full one can still be read, tidied up and emptied.

SQLite writes before it frees: a deletion is written to the log first, and the log is folded into the database by
writing there. So ordinary writes are refused while some room is left, which is what folding the log needs; and a file
of ballast is given up where something else has filled the volume to the last byte.
"""

import errno
import os
from pathlib import Path

BALLAST_BYTES = 4 << 20
RESERVE_BYTES = 8 << 20
"""At least; the log is folded before it is larger. Of a small volume at most a sixteenth."""
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Room:
    def __init__(self, directory: Path, ballast_bytes: int = BALLAST_BYTES) -> None:
        self._directory, self._bytes = directory, ballast_bytes
        self._ballast = directory / "ballast"

    @property
    def left(self) -> bool:
        """Whether there is room for more memories."""
        volume = os.statvfs(self._directory)
        reserve = min(RESERVE_BYTES, volume.f_blocks * volume.f_frsize // 16)
        return volume.f_bavail * volume.f_frsize >= reserve

    def free_bytes(self) -> int:
        volume = os.statvfs(self._directory)
        return volume.f_bavail * volume.f_frsize

    @property
    def has_ballast(self) -> bool:
        return self._ballast.exists()

    def throw_ballast(self) -> None:
        """Gives its room up for what has to be written now."""
        self._ballast.unlink(missing_ok=True)

    def take_ballast(self) -> bool:
        """Whether it is there: taken in again once there is room for it."""
        if self.has_ballast:
            return True
        unfinished = self._ballast.with_suffix(".part")
        try:
            descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, self._bytes)  # blocks of its own, not a hole
            finally:
                os.close(descriptor)
            unfinished.replace(self._ballast)
        except OSError as error:
            unfinished.unlink(missing_ok=True)
            if error.errno not in _FULL:
                raise
            return False
        return True
