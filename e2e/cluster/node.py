"""The first process of a local cluster's namespaces: `python -m e2e.cluster.node DIRECTORY`, started by local.py.

Sets up the node's network and mounts, starts its programs in their order, starts again what ends, and reaps orphans.
Nothing here is undone: when this process dies, the kernel ends all processes, mounts and interfaces of its namespaces.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster import nodecommands, nodefiles
from e2e.cluster.api import Api, until
from e2e.cluster.commands import Plane, Ports
from e2e.cluster.forwarder import Route
from e2e.cluster.nodecommands import DRIVER
from e2e.cluster.nodefiles import ADDRESS, CONTAINERD_SOCKET, NODE
from e2e.cluster.paths import ROOT

START_SECONDS = 60
RESTART_SECONDS = 1.0
SETTINGS = "node.json"

# What the kubelet insists on. These are the whole machine's: it is shown files that say so, and leaves them alone.
KERNEL_SETTINGS = {
    "vm/overcommit_memory": 1,
    "vm/panic_on_oom": 0,
    "kernel/panic": 10,
    "kernel/panic_on_oops": 1,
    "kernel/keys/root_maxkeys": 1_000_000,
    "kernel/keys/root_maxbytes": 25_000_000,
}


@dataclass(frozen=True)
class Settings:
    """What local.py hands down: programs by name, the routes of the forwarder, the pods' cgroup."""

    programs: dict[str, str]
    routes: list[str]
    cgroup: str

    def program(self, name: str) -> str:
        return self.programs[name]


def read_settings(directory: Path) -> Settings:
    return Settings(**json.loads((directory / SETTINGS).read_text()))


def plane_of(directory: Path, kubernetes: Path) -> Plane:
    return Plane(
        kubernetes.parent, directory, ADDRESS, Ports(6443, 2379, 2380, 10257, 10259), inside="admin.kubeconfig"
    )


class Supervisor:
    """Starts programs, keeps them running and waits for whatever ends."""

    def __init__(self, logs: Path, descriptors: list[int]) -> None:
        self._logs = logs
        self._commands: dict[int, tuple[str, list[str], tuple[int, ...]]] = {}
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)

    def run(self, name: str, command: list[str], descriptors: tuple[int, ...] = ()) -> None:
        output = os.open(self._logs / f"{name}.log", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        actions = [(os.POSIX_SPAWN_DUP2, output, 1), (os.POSIX_SPAWN_DUP2, output, 2)]
        actions += [(os.POSIX_SPAWN_DUP2, descriptor, descriptor) for descriptor in descriptors]
        pid = os.posix_spawnp(command[0], command, os.environ, file_actions=actions)
        os.close(output)
        self._commands[pid] = (name, command, descriptors)

    def wait_for_ever(self) -> None:
        while True:
            pid, status = os.waitpid(-1, 0)
            if pid in self._commands:
                name, *how = self._commands.pop(pid)
                say(f"{name} ended with status {os.waitstatus_to_exitcode(status)}; starting it again")
                threading.Timer(RESTART_SECONDS, self.run, (name, *how)).start()


def main() -> None:
    directory = Path(sys.argv[1])
    if not sys.stdin.buffer.read(1):
        return  # who started this process died before it could write down that it exists
    os.dup2(os.open(os.devnull, os.O_RDONLY), sys.stdin.fileno())
    settings = read_settings(directory)
    plane = plane_of(directory, Path(settings.program("kubernetes")))
    set_up_mounts()
    set_up_network()
    write_files(directory, plane, settings)
    start(directory, plane, settings)


def start(directory: Path, plane: Plane, settings: Settings) -> None:
    routes = [Route.parse(route) for route in settings.routes]
    descriptors = [route.descriptor for route in routes]
    supervisor, api = Supervisor(directory / "logs", descriptors), Api(plane.url, plane.pki)
    forwarder = [sys.executable, "-m", "e2e.cluster.forwarder", *settings.routes]
    supervisor.run("forwarder", forwarder, tuple(descriptors))
    supervisor.run("etcd", plane.etcd())
    supervisor.run("kube-apiserver", plane.api_server())
    supervisor.run("containerd", ["containerd", f"--config={directory / 'containerd.toml'}"])
    until("The API server answers", lambda: api.get("/readyz"), START_SECONDS)
    say("the API server answers")
    supervisor.run("kube-controller-manager", plane.controller_manager())
    supervisor.run("kube-scheduler", plane.scheduler())
    until("containerd answers", CONTAINERD_SOCKET.exists, START_SECONDS)
    supervisor.run("kubelet", nodecommands.kubelet(directory, plane))
    supervisor.run("kube-proxy", nodecommands.kube_proxy(plane))
    supervisor.run("loopfs", nodecommands.loopfs(settings.program("loopfs"), directory))
    until("The node is registered", lambda: api.get(f"/api/v1/nodes/{NODE}"), START_SECONDS)
    say("the node is registered")
    supervisor.run("kube-router", nodecommands.kube_router(settings.program("kube-router"), plane))
    # Before its rights are there, a sidecar backs off for half a minute.
    storage = f"/apis/storage.k8s.io/v1/csidrivers/{DRIVER}"
    until("The storage classes are applied", lambda: api.get(storage), START_SECONDS)
    for sidecar in ("csi-provisioner", "csi-resizer"):
        supervisor.run(sidecar, nodecommands.csi_sidecar(settings.program(sidecar), directory))
    say("all is started")
    supervisor.wait_for_ever()


def set_up_mounts() -> None:
    run("mount", "--make-rshared", "/")  # volumes reach the pods through shared mounts
    if os.path.ismount("/sys/fs/cgroup/unified"):
        run("umount", "/sys/fs/cgroup/unified")  # runc refuses cgroup v1 and v2 side by side
    run("mount", "-t", "tmpfs", "tmpfs", "/run")
    for setting, value in KERNEL_SETTINGS.items():
        file = Path("/run/kernel", setting)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{value}\n")
        run("mount", "--bind", str(file), f"/proc/sys/{setting}")


def set_up_network() -> None:
    run("ip", "link", "set", "lo", "up")
    run("ip", "link", "add", NODE, "type", "veth", "peer", "name", f"{NODE}-peer")
    for interface in (NODE, f"{NODE}-peer"):
        run("ip", "link", "set", interface, "up")
    run("ip", "address", "add", f"{ADDRESS}/24", "dev", NODE)
    run("ip", "route", "add", "default", "dev", NODE)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    bridged = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
    if bridged.exists():
        bridged.write_text("1")  # policies hold between pods on the one bridge


def write_files(directory: Path, plane: Plane, settings: Settings) -> None:
    (directory / "cni").mkdir()
    (directory / "cni" / "10-pods.conflist").write_text(nodefiles.cni())
    (directory / "containerd.toml").write_text(nodefiles.containerd(directory))
    (directory / "kubelet.json").write_text(nodefiles.kubelet(plane.pki, settings.cgroup))


def run(*command: str) -> None:
    subprocess.run(command, check=True, cwd=ROOT)


def say(text: str) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
