"""From a program's sources to an archive of its image that a node, kind or Docker can load."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from e2e.images.base import base_image
from e2e.images.buildah import Buildah
from e2e.images.cache import cache_directory, cached, digest, remove_others
from e2e.images.wheels import wheels

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Image:
    """One of our programs: what its image is called, and what it is built from."""

    name: str
    sources: tuple[str, ...]
    locks: tuple[str, ...]
    tag: str

    @property
    def dockerfile(self) -> Path:
        return ROOT / "images" / f"{self.name}.Dockerfile"

    @property
    def lock_files(self) -> list[Path]:
        return [ROOT / "requirements" / f"{lock}.txt" for lock in self.locks]

    def digest(self) -> str:
        sources = [ROOT / source for source in self.sources]
        return digest(ROOT, [self.dockerfile, *self.lock_files, *sources], self.tag)


PROGRAMS = {
    "service": Image(
        "service",
        sources=("service/pyproject.toml", "service/memorybank_service", "service/model"),
        locks=("service", "model", "build", "weights"),
        tag="localhost/memorybank/service:dev",
    ),
    "operator": Image(
        "operator",
        sources=("operator/pyproject.toml", "operator/memorybank_operator"),
        locks=("operator", "build"),
        tag="localhost/memorybank/operator:dev",
    ),
}


def docker_answers() -> bool:
    if not shutil.which("docker"):
        return False
    return subprocess.run(["docker", "version"], capture_output=True, check=False).returncode == 0


def archive(image: Image) -> Path:
    """The archive of the image of today's sources, built if it is not there."""
    path = cache_directory() / f"{image.name}-{image.digest()}.tar"
    made = cached(path, lambda target: _build(image, target))
    if made:
        remove_others(path, f"{image.name}-*.tar*")
    return path


def _build(image: Image, target: Path) -> None:
    if docker_answers():
        subprocess.run(
            ["docker", "build", "--quiet", "--file", str(image.dockerfile), "--tag", image.tag, str(ROOT)],
            check=True,
        )
        subprocess.run(["docker", "save", "--output", str(target), image.tag], check=True)
        return
    buildah = Buildah()
    base = base_image(buildah)
    buildah.build(image.dockerfile, ROOT, base, wheels(ROOT, image.lock_files), image.tag)
    buildah.save(image.tag, target)
