"""Nodes on paper: kwok keeps them Ready, and says that the pods on them run."""

from __future__ import annotations

import json
from pathlib import Path

from e2e.cluster.components import TOOLS, module

STAGES = (
    "node/fast/node-initialize.yaml",
    "pod/fast/pod-ready.yaml",
    "pod/fast/pod-complete.yaml",
    "pod/fast/pod-delete.yaml",
)


def kwok(program: Path, kubeconfig: Path) -> list[str]:
    """The command that brings such nodes and their pods from one stage of life to the next, at once."""
    stages = module("sigs.k8s.io/kwok", TOOLS / "kwok") / "kustomize" / "stage"
    configs = [f"--config={stages / stage}" for stage in STAGES]
    return [str(program), f"--kubeconfig={kubeconfig}", "--manage-all-nodes", "--node-ip=127.0.0.1", *configs]


def nodes(count: int) -> str:
    """Their manifests."""
    room = {"cpu": "32", "memory": "256Gi", "pods": "1000"}
    items = [
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": f"node{number}", "labels": {"kubernetes.io/hostname": f"node{number}"}},
            "status": {"allocatable": room, "capacity": room},
        }
        for number in range(count)
    ]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
