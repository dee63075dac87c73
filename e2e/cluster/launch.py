"""Starts a local cluster: its first process with all that it is handed, then what stands above the bare node."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from e2e.cluster import addons, cgroups, health, state
from e2e.cluster.addons import INGRESS_PORT, MANIFESTS, Applier
from e2e.cluster.api import Api, until
from e2e.cluster.controlplane import make_keys
from e2e.cluster.errors import ClusterError
from e2e.cluster.forwarder import Route
from e2e.cluster.images import NodeImages
from e2e.cluster.node import SETTINGS, Settings, plane_of
from e2e.cluster.nodefiles import ADDRESS, CONTAINERD_SOCKET, NODE
from e2e.cluster.paths import ROOT
from e2e.cluster.ports import http_port, listen
from e2e.cluster.processes import BOUND, last_lines
from e2e.cluster.progress import Progress
from e2e.cluster.state import NODE_MODULE, State

SECONDS = 90
IMAGES = ("pause", "coredns", "traefik")
UNSHARE = ("setsid", "--fork", "unshare", "--net", "--pid", "--mount", "--fork", "--mount-proc", "--")


def launch(name: str, directory: Path, programs: dict[str, str]) -> State:
    """Starts the namespaces' first process in `directory`, and lets it go on once all is written down."""
    (directory / "logs").mkdir()
    with listen(http_port()) as http, listen(0) as api:
        api_port = int(api.getsockname()[1])
        plane = plane_of(directory, Path(programs["kubernetes"]))
        authority = make_keys(plane)
        authority.issue("kubelet", f"system:node:{NODE}", group="system:nodes", names=(f"DNS:{NODE}", f"IP:{ADDRESS}"))
        authority.issue("csi", "loopfs-csi")
        authority.kubeconfig(directory / "kubeconfig", f"https://127.0.0.1:{api_port}", "admin")
        for user in ("admin", "kubelet", "csi"):
            authority.kubeconfig(directory / f"{user}.kubeconfig", plane.url, user)
        routes = [Route(http.fileno(), ADDRESS, INGRESS_PORT), Route(api.fileno(), ADDRESS, plane.ports.api)]
        settings = Settings(programs, [str(route) for route in routes], name)
        (directory / SETTINGS).write_text(json.dumps(asdict(settings)) + "\n")
        http_at = int(http.getsockname()[1])
        return _start_first_process(name, directory, [http, api], api_port, http_at)


def _start_first_process(
    name: str, directory: Path, sockets: list[socket.socket], api_port: int, http_at: int
) -> State:
    with (directory / "logs" / "node.log").open("ab") as log:
        process = subprocess.Popen(
            [*UNSHARE, sys.executable, "-m", NODE_MODULE, str(directory)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            cwd=ROOT,
            pass_fds=[each.fileno() for each in sockets],
        )
    with process:
        until("The namespaces are made", lambda: state.first_process(directory), 10, lambda: _log(directory))
        pid = state.first_process(directory) or 0
        known = State(pid, state.birth(pid) or 0, api_port, http_at)
        known.write(directory)
        cgroups.create(name)
        assert process.stdin is not None
        process.stdin.write(b".")  # it waits for this, and ends if we die before
    return known


def bring_up(api: Api, known: State, directory: Path, programs: dict[str, str], progress: Progress) -> None:
    """Loads the images, applies the manifests and waits until every part does its work."""

    def wait(what: str, holds: Callable[[], object]) -> None:
        def alive_and_holds() -> object:
            if not known.alive():
                raise ClusterError(f"The cluster ended while it started; its log ends with:\n{_log(directory)}")
            return holds()

        until(what, alive_and_holds, SECONDS, lambda: f"Its log ends with:\n{_log(directory)}")

    def load_images() -> None:
        archives = addons.write_images(directory, programs, IMAGES)
        inside = Path(f"/proc/{known.pid}/root{CONTAINERD_SOCKET}")
        wait("containerd answers", inside.exists)
        images = NodeImages(known.pid, directory)
        with progress.step("Loading the cluster's own images"):
            for archive in archives:
                images.load(archive)
                archive.unlink()

    kubectl = str(Path(programs["kubernetes"]).with_name("kubectl"))
    applier = Applier(*BOUND, kubectl, f"--kubeconfig={directory / 'kubeconfig'}")
    with ThreadPoolExecutor() as pool:
        images = pool.submit(load_images)
        with progress.step("Starting the control plane"):
            wait("The API server answers", lambda: api.get("/readyz"))
        applier.apply(MANIFESTS / "storage.yaml")
        definitions = pool.submit(addons.apply_crds, applier)
        images.result()
        with progress.step("Applying CoreDNS and Traefik"):
            applier.apply(MANIFESTS / "coredns.yaml", MANIFESTS / "traefik.yaml")
        with progress.step("Applying the CRDs"):
            definitions.result()
            applier.apply(MANIFESTS / "gateway.yaml")
        with progress.step("Waiting for the node, DNS, storage and Traefik"):
            wait("Every part of the cluster works", lambda: all(part.healthy for part in health.parts(api)))


def _log(directory: Path) -> str:
    return last_lines(directory / "logs" / "node.log")
