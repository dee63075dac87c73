"""Whether a directory lies on a network file system, where SQLite's write-ahead log corrupts."""

from pathlib import Path

from memorybank_service.store import StoreError

_MOUNTS = Path("/proc/self/mountinfo")
_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "afs"})


def refuse_network_filesystem(directory: Path) -> None:
    """Raises StoreError on one. Where the kernel does not say what is mounted, nothing is refused."""
    if not _MOUNTS.exists():
        return
    kind = kind_of(directory.resolve(), _MOUNTS.read_text())
    if kind in _NETWORK:
        raise StoreError(
            f"CHROMA_DB_PATH: {directory} lies on a network file system ({kind}), where the database would be damaged; "
            "use a volume of this machine or a block device"
        )


def kind_of(directory: Path, mounts: str) -> str:
    """The type of the file system that holds the directory; `mounts` is in the form of /proc/self/mountinfo."""
    found, kind = Path("/"), ""
    for line in mounts.splitlines():
        place, _, source = line.partition(" - ")
        # A blank in a path is written as an octal escape.
        mounted = Path(place.split()[4].replace("\\040", " "))
        # Of several on one place the last covers the others.
        if directory.is_relative_to(mounted) and mounted.is_relative_to(found):
            found, kind = mounted, source.split()[0]
    return kind
