"""The programs of which the cluster is made, and how each is built."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from e2e.cluster.build import Component
from e2e.cluster.errors import ClusterError
from e2e.cluster.paths import HERE

TOOLS = HERE / "tools"

KUBERNETES_VERSION = "v1.36.3"

PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet", "kubectl")

OTHER_KUBERNETES = {"1.35.4": "3.6.8", "1.37.2": "3.7.0"}
"""Other versions that a control plane without a node can be made of (K8S), each with the etcd it is pinned with."""


def _kubernetes(name: str, version: str, etcd: str) -> Component:
    return Component(
        name,
        f"Kubernetes {version.removeprefix('v')} and etcd {etcd}",
        TOOLS / name,
        links=PROGRAMS,
        ldflags=f"-s -w -X k8s.io/component-base/version.gitVersion={version}",
    )


KUBERNETES = _kubernetes("kubernetes", KUBERNETES_VERSION, "3.6.8")


def chosen_kubernetes() -> Component:
    """The version that K8S names, for control planes without a node; without it, the node's own."""
    version = os.environ.get("K8S", "").removeprefix("v")
    if version in ("", KUBERNETES_VERSION.removeprefix("v")):
        return KUBERNETES
    if version not in OTHER_KUBERNETES:
        known = ", ".join([KUBERNETES_VERSION.removeprefix("v"), *OTHER_KUBERNETES])
        raise ClusterError(f"K8S={version}: no such Kubernetes is pinned in e2e/cluster/tools; there are {known}")
    return _kubernetes(f"kubernetes-{version}", f"v{version}", OTHER_KUBERNETES[version])


def slim_lego(source: Path) -> None:
    """Puts Traefik's ACME library beside it without the clients of all the world's DNS providers."""
    lego = source / "lego"
    shutil.copytree(module("github.com/go-acme/lego/v5", source / "pin"), lego)
    for path in (lego, *lego.rglob("*")):
        path.chmod(path.stat().st_mode | 0o200)  # the module cache is read-only
    providers = lego / "providers" / "dns"
    shutil.rmtree(providers)
    providers.mkdir()
    shutil.copy(source / "lego_dns.go.txt", providers / "dns.go")


def module(name: str, directory: Path) -> Path:
    """A module's folder in Go's cache, in the version and with the digest that `directory` has in go.mod and go.sum."""
    done = subprocess.run(
        ["go", "mod", "download", "-json", name], cwd=directory, text=True, capture_output=True, check=False
    )
    answer = json.loads(done.stdout or "{}")
    if "Dir" not in answer:
        raise ClusterError(f"The Go module {name} cannot be had: {answer.get('Error') or done.stderr.strip()}")
    return Path(answer["Dir"])


def _prometheus(name: str, title: str) -> Component:
    """Without the clients of all the clouds that it can look for targets in."""
    package = f"github.com/prometheus/prometheus/cmd/{name}"
    return Component(name, title, TOOLS / "prometheus", package, tags="remove_all_sd,enable_kubernetes_sd")


def tool(name: str, title: str, package: str) -> Component:
    return Component(name, title, TOOLS / name, package)


COMPONENTS = {
    component.name: component
    for component in (
        KUBERNETES,
        tool("kube-router", "kube-router 2.10.0", "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router"),
        tool(
            "csi-provisioner",
            "the CSI provisioner 5.3.0",
            "github.com/kubernetes-csi/external-provisioner/v5/cmd/csi-provisioner",
        ),
        tool("csi-resizer", "the CSI resizer 1.14.0", "github.com/kubernetes-csi/external-resizer/cmd/csi-resizer"),
        Component("loopfs", "the storage driver", HERE / "loopfs"),
        Component("coredns", "CoreDNS 1.14.3", TOOLS / "coredns"),
        Component("pause", "the pause program", TOOLS / "pause"),
        Component(
            "traefik",
            "Traefik 3.7.13",
            TOOLS / "traefik",
            "github.com/traefik/traefik/v3/cmd/traefik",
            ldflags="-s -w -X github.com/traefik/traefik/v3/pkg/version.Version=3.7.13",
            prepare=slim_lego,
        ),
        tool("helm", "Helm 4.3.1", "helm.sh/helm/v4/cmd/helm"),
        tool("kwok", "kwok 0.8.0", "sigs.k8s.io/kwok/cmd/kwok"),
        tool("kubeconform", "kubeconform 0.7.0", "github.com/yannh/kubeconform/cmd/kubeconform"),
        tool("versitygw", "the S3 server of the tests", "github.com/versity/versitygw/cmd/versitygw"),
        _prometheus("prometheus", "Prometheus 3.16.0"),
        _prometheus("promtool", "promtool 3.16.0"),
        Component("probe", "the probe of the cluster's tests", TOOLS / "probe"),
    )
}

# What runs on the node of the local cluster or in its own pods; the largest first, for the others share its parts.
NODE = ("kubernetes", "kube-router", "csi-provisioner", "csi-resizer", "loopfs", "coredns", "pause", "traefik")
