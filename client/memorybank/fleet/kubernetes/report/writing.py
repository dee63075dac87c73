"""The archive."""

from __future__ import annotations

import io
import tarfile
import time
from pathlib import Path

from memorybank.address import __version__
from memorybank.fleet.errors import RefusedError
from memorybank.fleet.kubernetes.cluster import Cluster
from memorybank.fleet.kubernetes.report.collecting import Collection
from memorybank.fleet.target import Answer, Say

README = """\
A report of `memorybank report`, version {version}, made {when}.

What is in it: what `memorybank doctor` says; the tenants' resources with what the operator made of them, their events,
logs and metrics; the operator's pods, Lease and logs; the cluster's version, nodes and classes.

What is not: no Secret was read, only Secrets' names are here. Variables of pods that are not known to be harmless, and
whatever looks like a key or a password, are replaced by REMOVED. Logs of MemoryBank contain no text of a memory.
Host names, namespaces and names of tenants are in it: look through it before you hand it on.

Could not be had:
{missing}
"""


def write_report(cluster: Cluster, file: Path, name: str | None, *, everywhere: bool, say: Say) -> Answer:
    """Raises RefusedError where the file is there already, and OSError where it cannot be written."""
    collection, count = Collection(cluster, say), 0
    folder = file.name.removesuffix(".tar.gz")
    try:
        opened = file.open("xb")
    except FileExistsError:
        raise RefusedError(f"{file} is there already: name another with --file") from None
    with opened:
        file.chmod(0o600)
        with tarfile.open(fileobj=opened, mode="w:gz") as archive:
            for path, text in collection.pieces(name, everywhere):
                _add(archive, f"{folder}/{path}", text)
                count += 1
            missing = "\n".join(f"- {one}" for one in collection.missing) or "- (nothing)"
            when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            _add(archive, f"{folder}/README", README.format(version=__version__, when=when, missing=missing))
    return {"file": str(file), "bytes": file.stat().st_size, "pieces": count, "missing": collection.missing}


def _add(archive: tarfile.TarFile, path: str, text: str) -> None:
    content = text.encode()
    entry = tarfile.TarInfo(path)
    entry.size, entry.mode, entry.mtime = len(content), 0o600, int(time.time())
    archive.addfile(entry, io.BytesIO(content))
