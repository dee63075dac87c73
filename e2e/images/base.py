"""A stand-in for the Dockerfiles' base image where no image registry answers: Python from Debian's packages."""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from pathlib import Path

from e2e.cluster.build import sha256
from e2e.images.buildah import Buildah
from e2e.images.cache import cache_directory, cached

SUITE = "trixie"
PACKAGES = ["python3", "python3-venv", "ca-certificates"]
WITHOUT = ["/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/info/*"]
NAME = "localhost/memorybank/python-base:3.13"


def base_image(buildah: Buildah) -> str:
    """Makes the base image unless buildah has it; returns its name."""
    recipe = hashlib.sha256(repr((SUITE, PACKAGES, WITHOUT)).encode()).hexdigest()[:16]
    tree = cache_directory() / f"base-{recipe}.tar"
    cached(tree, _make_tree)
    digest = sha256(tree)
    if buildah.label(NAME, "memorybank.tree") == digest:
        return NAME
    container = buildah.output("from", "scratch")
    try:
        buildah.run("add", "--quiet", container, str(tree), "/")
        buildah.run(
            *("config", "--env", "PATH=/usr/local/bin:/usr/bin:/bin", "--env", "LANG=C.UTF-8"),
            *("--label", f"memorybank.tree={digest}"),
            *("--label", "org.opencontainers.image.title=Python 3.13 on Debian trixie, a stand-in"),
            container,
        )
        buildah.run("commit", "--quiet", container, NAME)
    finally:
        buildah.run("rm", container)
    return NAME


def _make_tree(path: Path) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        subprocess.run(
            ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(PACKAGES)}", "--format=tar"]
            + [f"--dpkgopt=path-exclude={pattern}" for pattern in WITHOUT]
            + [SUITE, str(path)],
            check=True,
            env=None,
            cwd=temporary,
        )
