"""Loads images into the local node's containerd."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from e2e.cluster.archive import image_identity
from e2e.cluster.errors import ClusterError
from e2e.cluster.processes import BOUND

RECORD = "images.json"


class NodeImages:
    """The images of the node whose namespaces are those of `pid`; what was loaded is recorded in `directory`."""

    def __init__(self, pid: int, directory: Path) -> None:
        # In the node's process namespace too, and bound to us: whoever dies first, it does not outlive the mounts.
        enter = (*BOUND, "nsenter", f"--target={pid}", "--mount", "--pid", "--")
        self._ctr = [*enter, "ctr", "--namespace=k8s.io", "images"]
        self._record = directory / RECORD

    def load(self, archive: Path) -> tuple[str, bool]:
        """The image's name, and whether it had to be loaded: not when the very same is there."""
        try:
            name, digest = image_identity(archive)
        except (ValueError, FileNotFoundError) as error:
            raise ClusterError(f"No image can be loaded: {error}.") from error
        loaded = json.loads(self._record.read_text()) if self._record.exists() else {}
        if loaded.get(name) == digest and name in self._run("list", "--quiet").splitlines():
            return name, False
        self._run("import", str(archive.resolve()))
        self._record.write_text(json.dumps({**loaded, name: digest}) + "\n")
        return name, True

    def _run(self, *arguments: str) -> str:
        done = subprocess.run([*self._ctr, *arguments], text=True, capture_output=True, check=False)
        if done.returncode:
            raise ClusterError(f"containerd refused to {arguments[0]} images: {done.stderr.strip()}")
        return done.stdout
