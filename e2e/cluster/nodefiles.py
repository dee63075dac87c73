"""The configuration files of the node's own programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from e2e.cluster.commands import NODE_PODS

NODE = "node0"
ADDRESS = "10.77.0.1"
DNS = "10.96.0.10"
CONTAINERD_SOCKET = Path("/run/containerd/containerd.sock")
CNI_PROGRAMS = "/usr/lib/cni"
PAUSE_IMAGE = "localhost/memorybank/pause:dev"


def containerd(directory: Path) -> str:
    """For containerd 1.6 and later. Root may lack CAP_SYS_RESOURCE, without which no pod can have a lower OOM score."""
    return f"""\
version = 2
root = "{directory / "containerd"}"
state = "/run/containerd"
[grpc]
  address = "{CONTAINERD_SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{CNI_PROGRAMS}"
    conf_dir = "{directory / "cni"}"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
"""


def cni() -> str:
    """One bridge for the pods of the one node."""
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "ipMasq": True,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": NODE_PODS}]],
            "routes": [{"dst": "0.0.0.0/0"}],
            "dataDir": "/run/cni-addresses",
        },
    }
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    return _json({"cniVersion": "1.0.0", "name": "pods", "plugins": [bridge, ports]})


def kubelet(pki: Path, cgroup: str) -> str:
    return _json(
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(pki / "ca.crt")},
            },
            "authorization": {"mode": "Webhook"},
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{cgroup}",
            "failCgroupV1": False,
            "failSwapOn": False,
            "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
            "clusterDNS": [DNS],
            "clusterDomain": "cluster.local",
            "resolvConf": "",
            "tlsCertFile": str(pki / "kubelet.crt"),
            "tlsPrivateKeyFile": str(pki / "kubelet.key"),
            # The machine's disk is not the cluster's to keep free.
            "evictionHard": {"nodefs.available": "1%", "imagefs.available": "1%", "memory.available": "100Mi"},
            "imageGCHighThresholdPercent": 100,  # what is loaded by hand cannot be pulled again
            "nodeStatusUpdateFrequency": "5s",
            "syncFrequency": "10s",  # how soon a grown volume or a changed Secret reaches a pod
        }
    )


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1) + "\n"
