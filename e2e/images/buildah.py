"""buildah with its storage in the user's cache, so that it neither sees nor changes the machine's own images.

It runs in a mount namespace of its own: what it mounts goes with it, also when it is killed in the middle.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from e2e.images.cache import cache_directory


class ImageError(Exception):
    """An image could not be built; the text says why."""


class Buildah:
    """Runs buildah's commands as root without a daemon, a network or a user namespace."""

    def __init__(self) -> None:
        storage = cache_directory() / "buildah"
        storage.mkdir(parents=True, exist_ok=True)
        self._command = ["unshare", "--mount", "--propagation=private", "buildah"]
        self._command += ["--root", str(storage / "root"), "--runroot", str(storage / "run")]
        self._environment = {**os.environ, "BUILDAH_ISOLATION": "chroot"}

    def run(self, *arguments: str) -> None:
        self.output(*arguments)

    def output(self, *arguments: str) -> str:
        done = subprocess.run(
            [*self._command, *arguments], env=self._environment, text=True, capture_output=True, check=False
        )
        if done.returncode:
            raise ImageError(f"buildah {arguments[0]} failed:\n{done.stdout}{done.stderr}")
        return done.stdout.strip()

    def label(self, image: str, label: str) -> str | None:
        """The value of an image's label; None where there is no such image."""
        template = f'{{{{index .OCIv1.Config.Labels "{label}"}}}}'
        done = subprocess.run(
            [*self._command, "inspect", "--type", "image", "--format", template, image],
            env=self._environment,
            text=True,
            capture_output=True,
            check=False,
        )
        return done.stdout.strip() if done.returncode == 0 else None

    def build(self, dockerfile: Path, context: Path, base: str, wheels: Path, tag: str) -> None:
        """Builds without a network: from the base image that is there and the wheels in a folder."""
        self.run(
            *("bud", "--quiet", "--pull-never", "--layers", "--file", str(dockerfile), "--tag", tag),
            *("--volume", f"{wheels}:/wheels:ro", "--build-arg", f"BASE_IMAGE={base}"),
            *("--build-arg", "PIP_NO_INDEX=1", "--build-arg", "PIP_FIND_LINKS=/wheels"),
            str(context),
        )

    def save(self, tag: str, archive: Path) -> None:
        self.run("push", "--quiet", tag, f"docker-archive:{archive}:{tag}")

    def forget_others(self, repository: str, tag: str) -> None:
        """Removes the repository's images but the one of this tag; the layers they share with it stay."""
        names = self.output("images", "--noheading", "--format", "{{.Name}}:{{.Tag}}").splitlines()
        others = [name for name in names if name.startswith(f"{repository}:") and name != tag]
        if others:
            self.run("rmi", *others)
