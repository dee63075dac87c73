"""A Kubernetes without a node: the real etcd, API server, controller manager and scheduler on loopback.

For tests of what only the API sees: validation, server-side apply, garbage collection, watches. No pod ever runs, but
with `nodes` simulated nodes that run them on paper.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from e2e.cluster import simulated
from e2e.cluster.addons import Applier
from e2e.cluster.api import Api, until
from e2e.cluster.build import program
from e2e.cluster.commands import API_SERVICE, SERVICE_ACCOUNT_KEY, Plane, Ports
from e2e.cluster.components import COMPONENTS, chosen_kubernetes
from e2e.cluster.pki import Authority
from e2e.cluster.processes import alive, free_ports, start, stop
from e2e.cluster.progress import Progress

START_SECONDS = 60

AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "None", "userGroups": ["system:serviceaccounts:kube-system"]},
        {"level": "Metadata", "userGroups": ["system:serviceaccounts"]},
        {"level": "None"},
    ],
}


class ControlPlane:
    """Runs while the context lasts, as processes that die with this one; needs no privileges.

    `directory` must be empty or not exist; it holds the keys, the logs and `kubeconfig`, and is left behind.
    Enter it from a thread that lives as long as the control plane shall: the kernel ends it with that thread.
    With `audited`, every request of a service account (but those of Kubernetes itself) is a line of `audit_log`.
    """

    def __init__(
        self,
        directory: Path,
        *,
        nodes: int = 0,
        audited: bool = False,
        api_flags: Sequence[str] = (),
        manager_flags: Sequence[str] = (),
        progress: Progress | None = None,
    ) -> None:
        self._directory = directory
        self._nodes = nodes
        self._audited = audited
        self._api_flags = api_flags
        self._manager_flags = manager_flags
        self._progress = progress or Progress()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def kubeconfig(self) -> Path:
        return self._plane.kubeconfig

    @property
    def url(self) -> str:
        return self._plane.url

    @property
    def kubectl(self) -> Path:
        """The kubectl of the same version."""
        return self._plane.programs / "kubectl"

    @property
    def audit_log(self) -> Path:
        return self._plane.audit_log

    def kubeconfig_of(self, user: str) -> Path:
        """A kubeconfig for an administrator of this name, by which an audit log tells users apart."""
        self._authority.issue(user, user, group="system:masters")
        return self._authority.kubeconfig(self._directory / f"kubeconfig-{user}", self._plane.url, user)

    def __enter__(self) -> ControlPlane:
        programs = program(chosen_kubernetes(), self._progress).parent
        ports = Ports(*free_ports(5))
        self._plane = Plane(programs, self._directory, "127.0.0.1", ports, audited=self._audited)
        self._authority = make_keys(self._plane)
        self._authority.kubeconfig(self._plane.kubeconfig, self._plane.url, "admin")
        if self._audited:
            self._plane.audit_policy.write_text(json.dumps(AUDIT_POLICY))
        with self._progress.step("Starting the control plane"):
            try:
                self._start()
            except BaseException:
                stop(list(self._processes.values()))
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        stop(list(self._processes.values()))

    def _start(self) -> None:
        plane, api = self._plane, Api(self._plane.url, self._plane.pki)
        self._run("etcd", plane.etcd())
        self._run("kube-apiserver", [*plane.api_server(), *self._api_flags])
        self._await("the API server", lambda: api.get("/readyz"))
        self._run("kube-controller-manager", [*plane.controller_manager(), *self._manager_flags])
        self._run("kube-scheduler", plane.scheduler())
        if self._nodes:
            self._start_nodes()
        # The controllers work once they have made what every namespace has.
        self._await("the controllers", lambda: api.get("/api/v1/namespaces/default/serviceaccounts/default"))

    def _start_nodes(self) -> None:
        self._run("kwok", simulated.kwok(program(COMPONENTS["kwok"], self._progress), self.kubeconfig))
        Applier(str(self.kubectl), f"--kubeconfig={self.kubeconfig}").apply(stdin=simulated.nodes(self._nodes))

    def _run(self, name: str, command: list[str]) -> None:
        self._processes[name] = start(command, self._log(name))

    def _log(self, name: str) -> Path:
        return self._directory / "logs" / f"{name}.log"

    def _await(self, what: str, answers: Callable[[], object]) -> None:
        def holds() -> object:
            for name, process in self._processes.items():
                alive(process, name, self._log(name))
            return answers()

        until(f"Waiting for {what}", holds, START_SECONDS, lambda: f"See {self._directory / 'logs'}.")


def make_keys(plane: Plane) -> Authority:
    """The keys of the API server, of its administrator and of the service accounts."""
    authority = Authority(plane.pki)
    authority.key_pair(SERVICE_ACCOUNT_KEY)
    local = ("DNS:localhost", "DNS:kubernetes", "DNS:kubernetes.default", "DNS:kubernetes.default.svc")
    addresses = ("IP:127.0.0.1", f"IP:{plane.address}", f"IP:{API_SERVICE}")
    authority.issue("apiserver", "kube-apiserver", names=(*addresses, *local))
    authority.issue("admin", "admin", group="system:masters")
    return authority
