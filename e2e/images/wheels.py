"""Wheels for the images' Python, downloaded before the build: a build container has no network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from e2e.cluster.build import sha256
from e2e.images.cache import cache_directory, digest

PYTHON = "3.13"
# What pip takes for wheels that run on Debian trixie (glibc 2.41); pip wants each tag named.
PLATFORMS = [f"manylinux_2_{minor}_x86_64" for minor in (17, 24, 26, 27, 28, 31, 34, 35, 39)] + ["manylinux2014_x86_64"]


def wheels(root: Path, locks: list[Path]) -> Path:
    """A folder with the wheels of the locks, each checked by pip against the lock's digest."""
    folder = cache_directory() / f"wheels-{digest(root, locks, PYTHON)}"
    complete = folder / "complete"
    if complete.is_file() and complete.read_text() == _listing(folder):
        return folder
    complete.unlink(missing_ok=True)
    for lock in locks:
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
            + ["--no-deps", "--require-hashes", "--requirement", str(lock), "--dest", str(folder)]
            + ["--only-binary=:all:", "--implementation=cp", f"--python-version={PYTHON}"]
            + [f"--abi={abi}" for abi in (f"cp{PYTHON.replace('.', '')}", "abi3", "none")]
            + [f"--platform={platform}" for platform in PLATFORMS],
            check=True,
        )
    complete.write_text(_listing(folder))
    return folder


def _listing(folder: Path) -> str:
    return "".join(f"{sha256(path)}  {path.name}\n" for path in sorted(folder.glob("*.whl")))
