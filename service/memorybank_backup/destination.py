"""Where backups lie: a folder, or a bucket. Both hold objects by path, and show one only when it is whole."""

from __future__ import annotations

import datetime
import errno
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from memorybank_backup import disk
from memorybank_backup.errors import FULL, MISSING, REFUSED, SETTINGS, UNREACHABLE, BackupError

PIECE_BYTES = 8 << 20
"""Of a multipart upload; 10,000 of them are the most that S3 takes: 80 GB."""
RETRY_FOR = datetime.timedelta(seconds=60)
"""A request that fails is repeated for so long; the whole backup is tried again by whoever wants it."""
_FULL = ("QuotaExceeded", "XMinioStorageFull", "InsufficientStorage", "StorageFull", "507 ")
_REFUSED = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "403 Forbidden", "401 Unauthorized")
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class Destination(Protocol):
    """Raises BackupError: unreachable, refused, full, or (reading) not found."""

    def url(self, path: str) -> str:
        """For people."""
        ...

    def write(self, path: str, content: Iterable[bytes]) -> int:
        """How many bytes; where `content` raises, nothing is there afterwards."""
        ...

    def read(self, path: str) -> Iterator[bytes]: ...

    def folders(self, path: str) -> list[str]:
        """Names of the folders in a folder, in their order; none where it does not exist."""
        ...

    def remove(self, path: str) -> None:
        """A folder with everything in it; one that is not there is removed already."""
        ...


class Folder:
    """A mounted volume. What was written is on the disk when `write` returns."""

    def __init__(self, root: Path) -> None:
        self._root = root
        if not root.is_dir():
            raise BackupError(UNREACHABLE, f"there is no folder {root}: is the volume mounted?")

    def url(self, path: str) -> str:
        return f"file://{self._root / path}"

    def write(self, path: str, content: Iterable[bytes]) -> int:
        target = self._root / path
        part = target.with_name(f".{target.name}.part")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                size = disk.write(part, content)
                part.rename(target)
            finally:
                part.unlink(missing_ok=True)
            for folder in (target.parent, *target.parent.parents):
                disk.sync(folder)
                if folder == self._root:
                    break
        except OSError as error:
            raise self._told(error) from error
        return size

    def read(self, path: str) -> Iterator[bytes]:
        try:
            with (self._root / path).open("rb") as file:
                while piece := file.read(1 << 20):
                    yield piece
        except FileNotFoundError as error:
            raise BackupError(MISSING, f"{self.url(path)} does not exist", hopeless=True) from error
        except OSError as error:
            raise self._told(error) from error

    def folders(self, path: str) -> list[str]:
        try:
            return sorted(entry.name for entry in (self._root / path).iterdir() if entry.is_dir())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._told(error) from error

    def remove(self, path: str) -> None:
        try:
            shutil.rmtree(self._root / path)
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._told(error) from error

    def _told(self, error: OSError) -> BackupError:
        if error.errno in _NO_ROOM:
            return BackupError(FULL, f"the destination {self._root} is full: give it more room, or keep fewer backups")
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            return BackupError(REFUSED, f"the destination {self._root} may not be written: {error.strerror}")
        return BackupError(UNREACHABLE, f"the destination {self._root} fails: {error.strerror or error}")


class Bucket:
    """A bucket of S3, or of a server that speaks as it does. Uploads go in pieces, and show when they are complete."""

    def __init__(self, settings: Mapping[str, Any], variables: Mapping[str, str]) -> None:
        import obstore
        from obstore import exceptions, store

        self._obstore = obstore
        self._trouble = (exceptions.BaseError, OSError, ValueError)
        self._bucket = str(settings["bucket"])
        self._prefix = str(settings.get("prefix") or "").strip("/")
        endpoint = settings.get("endpoint")
        given: dict[str, Any] = {"region": settings.get("region") or "us-east-1"}
        if endpoint:
            given |= {"endpoint": endpoint, "virtual_hosted_style_request": False}
        for name, variable in (("access_key_id", "AWS_ACCESS_KEY_ID"), ("secret_access_key", "AWS_SECRET_ACCESS_KEY")):
            if not variables.get(variable):
                raise BackupError(SETTINGS, f"{variable} is not set: the bucket's credentials", hopeless=True)
            given[name] = variables[variable]
        if variables.get("AWS_SESSION_TOKEN"):
            given["session_token"] = variables["AWS_SESSION_TOKEN"]
        client: Any = {"timeout": "120s", "connect_timeout": "10s", "allow_http": str(endpoint).startswith("http://")}
        retries: Any = {"max_retries": 3, "retry_timeout": RETRY_FOR}
        self._store = store.S3Store(
            self._bucket, prefix=self._prefix or None, client_options=client, retry_config=retries, **given
        )

    def url(self, path: str) -> str:
        return "/".join(part for part in (f"s3://{self._bucket}", self._prefix, path) if part)

    def write(self, path: str, content: Iterable[bytes]) -> int:
        size = 0

        def counted() -> Iterator[bytes]:
            nonlocal size
            for piece in content:
                size += len(piece)
                yield piece

        try:
            self._obstore.put(
                self._store, path, counted(), use_multipart=True, chunk_size=PIECE_BYTES, max_concurrency=2
            )
        except self._trouble as error:
            raise self._told(error, path) from error
        return size

    def read(self, path: str) -> Iterator[bytes]:
        try:
            for piece in self._obstore.get(self._store, path).stream(min_chunk_size=1 << 20):
                yield bytes(piece)
        except self._trouble as error:
            raise self._told(error, path) from error

    def folders(self, path: str) -> list[str]:
        try:
            found = self._obstore.list_with_delimiter(self._store, path)
        except self._trouble as error:
            raise self._told(error, path) from error
        return sorted(prefix.rstrip("/").rsplit("/", 1)[-1] for prefix in found["common_prefixes"])

    def remove(self, path: str) -> None:
        try:
            names = [one["path"] for page in self._obstore.list(self._store, f"{path}/") for one in page]
            # What tells that it is whole goes first: it is not offered any more from here on.
            for name in sorted(names, key=lambda name: not name.endswith("/manifest.json")):
                self._obstore.delete(self._store, name)
        except self._trouble as error:
            raise self._told(error, path) from error

    def _told(self, error: Exception, path: str) -> BackupError:
        # obstore tells what happened in the first line, and with it what the server answered.
        said = str(error).partition("\n\nDebug source")[0]
        first = " ".join(said.split())[:300]
        if isinstance(error, FileNotFoundError) and "NoSuchBucket" not in said:
            return BackupError(MISSING, f"{self.url(path)} does not exist", hopeless=True)
        if "NoSuchBucket" in said:
            return BackupError(REFUSED, f"there is no bucket {self._bucket}: {first}", hopeless=True)
        if any(word in said for word in _FULL):
            return BackupError(FULL, f"the bucket {self._bucket} takes no more: {first}")
        if isinstance(error, PermissionError) or any(word in said for word in _REFUSED):
            return BackupError(REFUSED, f"the bucket {self._bucket} refuses the credentials: {first}")
        return BackupError(UNREACHABLE, f"the bucket {self._bucket} fails: {first}")
