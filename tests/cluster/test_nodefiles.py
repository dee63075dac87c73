from __future__ import annotations

import json
import tomllib
from pathlib import Path

from e2e.cluster import nodefiles
from e2e.cluster.commands import NODE_PODS


def test_containerd_keeps_its_files_in_the_cluster_and_asks_for_no_capability_that_root_may_lack() -> None:
    config = tomllib.loads(nodefiles.containerd(Path("/state")))
    assert config["root"].startswith("/state/")
    assert config["plugins"]["io.containerd.grpc.v1.cri"]["restrict_oom_score_adj"] is True


def test_pods_run_below_the_clusters_own_cgroup() -> None:
    config = json.loads(nodefiles.kubelet(Path("/state/pki"), "memorybank"))
    assert config["cgroupRoot"] == "/memorybank"
    assert config["cgroupDriver"] == "cgroupfs"


def test_pods_get_addresses_of_the_range_that_the_controllers_give_the_node() -> None:
    bridge = json.loads(nodefiles.cni())["plugins"][0]
    assert bridge["ipam"]["ranges"] == [[{"subnet": NODE_PODS}]]
