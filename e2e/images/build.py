"""From a program's sources to an archive of its image that a node, kind or Docker can load."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster.choice import docker_answers
from e2e.cluster.progress import Progress
from e2e.images.base import base_image
from e2e.images.buildah import Buildah
from e2e.images.cache import alone, cache_directory, cached, digest, remove_others
from e2e.images.wheels import wheels

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Image:
    """One of our programs: what its image is called, and what it is built from."""

    name: str
    sources: tuple[str, ...]
    locks: tuple[str, ...]
    given_tag: str = ""

    @property
    def repository(self) -> str:
        return f"localhost/memorybank/{self.name}"

    @property
    def tag(self) -> str:
        """Named by its content unless a name was given, so that a node never takes yesterday's image for today's."""
        return self.given_tag or f"{self.repository}:{self.digest()}"

    @property
    def dockerfile(self) -> Path:
        return ROOT / "images" / f"{self.name}.Dockerfile"

    @property
    def lock_files(self) -> list[Path]:
        return [ROOT / "requirements" / f"{lock}.txt" for lock in self.locks]

    def digest(self) -> str:
        sources = [ROOT / source for source in self.sources]
        return digest(ROOT, [self.dockerfile, *self.lock_files, *sources], self.given_tag)


PROGRAMS = {
    "service": Image(
        "service",
        sources=("service/pyproject.toml", "service/memorybank_service", "service/memorybank_backup", "service/model"),
        locks=("service", "model", "build", "weights"),
    ),
    "operator": Image(
        "operator",
        sources=("operator/pyproject.toml", "operator/memorybank_operator"),
        locks=("operator", "build"),
    ),
}


def archive(image: Image, progress: Progress) -> Path:
    """The archive of the image of today's sources, built if it is not there."""
    digest, tag = image.digest(), image.tag
    path = cache_directory() / f"{image.name}-{digest}.tar"
    with alone(), progress.step(f"Image {tag}"):
        made = cached(path, lambda target: _build(image, tag, target))
    if made and not image.given_tag:
        remove_others(path, f"{image.name}-*.tar*")
    return path


def _build(image: Image, tag: str, target: Path) -> None:
    if docker_answers():
        file = str(image.dockerfile)
        subprocess.run(["docker", "build", "--quiet", "--file", file, "--tag", tag, str(ROOT)], check=True)
        subprocess.run(["docker", "save", "--output", str(target), tag], check=True)
        return
    buildah = Buildah()
    buildah.build(image.dockerfile, ROOT, base_image(buildah), wheels(ROOT, image.lock_files), tag)
    buildah.save(tag, target)
    if not image.given_tag:
        buildah.forget_others(image.repository, tag)
