"""The command lines of the node's own programs."""

from __future__ import annotations

from pathlib import Path

from e2e.cluster.commands import PODS, SERVICES, Plane
from e2e.cluster.nodefiles import ADDRESS, NODE

DRIVER = "loopfs.csi.local"


def kubelet(directory: Path, plane: Plane) -> list[str]:
    return [
        str(plane.programs / "kubelet"),
        f"--config={directory / 'kubelet.json'}",
        f"--kubeconfig={directory / 'kubelet.kubeconfig'}",
        f"--root-dir={directory / 'kubelet'}",
        f"--hostname-override={NODE}",
        f"--node-ip={ADDRESS}",
    ]


def kube_proxy(plane: Plane) -> list[str]:
    return [
        str(plane.programs / "kube-proxy"),
        f"--kubeconfig={plane.controllers_kubeconfig}",
        f"--hostname-override={NODE}",
        "--proxy-mode=nftables",
        f"--cluster-cidr={PODS}",
        "--conntrack-max-per-core=0",  # the machine's setting, which is not the cluster's to change
    ]


def kube_router(program: str, plane: Plane) -> list[str]:
    return [
        program,
        f"--kubeconfig={plane.controllers_kubeconfig}",
        f"--hostname-override={NODE}",
        "--run-firewall=true",
        "--run-router=false",
        "--run-service-proxy=false",
        f"--service-cluster-ip-range={SERVICES}",
        "--iptables-sync-period=1m",
    ]


def loopfs(program: str, directory: Path) -> list[str]:
    kubelet_directory = directory / "kubelet"
    volumes = directory / "volumes"
    return [
        program,
        *(f"-driver={DRIVER}", f"-node={NODE}", f"-dir={volumes}", f"-kubelet-dir={kubelet_directory}"),
    ]


def csi_sidecar(program: str, directory: Path) -> list[str]:
    command = [
        program,
        f"--csi-address={directory / 'kubelet' / 'plugins' / DRIVER / 'csi.sock'}",
        f"--kubeconfig={directory / 'csi.kubeconfig'}",
        "--retry-interval-max=10s",
    ]
    return [*command, "--default-fstype=xfs"] if Path(program).name == "csi-provisioner" else command
