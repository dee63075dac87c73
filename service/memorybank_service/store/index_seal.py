"""Whether the vector index on disk is what it was left as when it last had nothing to write.

Chroma notices only some damage: a lost segment passes for an empty one, and an overwritten one ends the whole process
with a segmentation fault. So an index is only opened when it carries the seal that the truth has on record (every
file with its size and time), the seal is broken before it is opened or written, and without one it is built anew.
"""

import hashlib
from pathlib import Path


def seal_of(directory: Path) -> str:
    """Empty where there is nothing to seal."""
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    if not files:
        return ""
    digest = hashlib.sha256()
    for path in files:
        facts = path.stat()
        digest.update(f"{path.relative_to(directory)}\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()
