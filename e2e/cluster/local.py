"""A real node of our own on this machine: CLUSTER=local.

Everything runs inside one set of namespaces (network, processes, mounts) whose first process is node.py. What is
outside of them is known beforehand: the folder of the state, a cgroup, and two sockets on loopback that die with them.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from e2e.cluster import health, prerequisites, state
from e2e.cluster.access import Access, Part
from e2e.cluster.api import Api
from e2e.cluster.build import program
from e2e.cluster.cleanup import clean
from e2e.cluster.components import COMPONENTS, NODE
from e2e.cluster.errors import ClusterError
from e2e.cluster.images import NodeImages
from e2e.cluster.launch import bring_up, launch
from e2e.cluster.node import read_settings
from e2e.cluster.paths import cluster_name, state_directory
from e2e.cluster.progress import Progress
from e2e.cluster.state import State

NOT_RUNNING = "No cluster runs: `python -m e2e.cluster up` starts one."


class LocalCluster:
    """The cluster of a name; several may run side by side on ports of their own."""

    def __init__(self, name: str | None = None) -> None:
        self.name = name or cluster_name()
        self.directory = state_directory(self.name)

    def up(self, progress: Progress) -> Access:
        """Brings it up unless it is; what a crash left behind is removed first."""
        prerequisites.check()
        with self._alone():
            known = state.read(self.directory)
            if known and known.alive() and known.ready:
                return self.access()
            clean(self.name, self.directory)
            programs = {name: str(program(COMPONENTS[name], progress)) for name in NODE}
            try:
                self._start(programs, progress)
            except BaseException:
                self._keep_logs(progress)
                clean(self.name, self.directory)
                raise
        return self.access()

    def down(self, progress: Progress) -> None:
        with self._alone(), progress.step("Taking the cluster down"):
            clean(self.name, self.directory)

    def access(self) -> Access:
        known = self._running()
        kubectl = Path(read_settings(self.directory).program("kubernetes")).with_name("kubectl")
        port = "" if known.http_port == 80 else f":{known.http_port}"
        return Access(kubectl, self.directory / "kubeconfig", f"http://127.0.0.1{port}")

    def status(self) -> list[Part]:
        known = state.read(self.directory)
        if not known or not known.alive():
            return [Part("cluster", False, NOT_RUNNING)]
        return [*health.parts(self._api(known)), *health.programs(state.processes_of(known.pid))]

    def load_image(self, archive: Path, progress: Progress) -> str:
        with progress.step(f"Loading {archive.name} into the node"):
            return NodeImages(self._running().pid, self.directory).load(archive)[0]

    def shell(self) -> list[str]:
        return ["nsenter", f"--target={self._running().pid}", "--mount", "--net", "--pid", "--", shell_program()]

    def _start(self, programs: dict[str, str], progress: Progress) -> None:
        self.directory.mkdir(parents=True, mode=0o700)
        with progress.step("Starting the cluster"):
            known = launch(self.name, self.directory, programs)
            bring_up(self._api(known), known, self.directory, programs, progress)
        known.mark_ready(self.directory)
        (self.directory / "timings.json").write_text(json.dumps(progress.seconds, indent=1) + "\n")

    def _running(self) -> State:
        known = state.read(self.directory)
        if not known or not known.alive():
            raise ClusterError(NOT_RUNNING)
        return known

    def _api(self, known: State) -> Api:
        return Api(f"https://127.0.0.1:{known.api_port}", self.directory / "pki")

    def _keep_logs(self, progress: Progress) -> None:
        """Of a start that failed: all else of it goes."""
        kept = self.directory.with_name(f"{self.name}.failed")
        shutil.rmtree(kept, ignore_errors=True)
        if (self.directory / "logs").exists():
            shutil.copytree(self.directory / "logs", kept)
            progress.say(f"The logs of the start that failed are kept in {kept}")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One `up` or `down` of a cluster at a time."""
        self.directory.parent.mkdir(parents=True, exist_ok=True)
        with self.directory.with_name(f"{self.name}.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def shell_program() -> str:
    return os.environ.get("SHELL") or "/bin/sh"
