"""The control plane's command lines: the same programs with a node and without."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

SERVICES = "10.96.0.0/16"
API_SERVICE = "10.96.0.1"
PODS = "10.244.0.0/16"
NODE_PODS = "10.244.0.0/24"  # what the controllers give to the first node
SERVICE_ACCOUNT_KEY = "service-accounts"


class Ports(NamedTuple):
    """What each program listens on."""

    api: int
    etcd: int
    etcd_peers: int
    controllers: int
    scheduler: int


@dataclass(frozen=True)
class Plane:
    """Where a control plane's programs, files and ports are.

    `address` is the API server's; `inside` is the kubeconfig by which its own programs reach it there. With `audited`,
    the API server records who asks it for what.
    """

    programs: Path
    directory: Path
    address: str
    ports: Ports
    inside: str = "kubeconfig"
    audited: bool = False

    @property
    def pki(self) -> Path:
        return self.directory / "pki"

    @property
    def url(self) -> str:
        return f"https://{self.address}:{self.ports.api}"

    @property
    def without_node(self) -> bool:
        return self.address == "127.0.0.1"

    @property
    def kubeconfig(self) -> Path:
        return self.directory / "kubeconfig"

    @property
    def controllers_kubeconfig(self) -> Path:
        return self.directory / self.inside

    @property
    def audit_policy(self) -> Path:
        return self.directory / "audit-policy.json"

    @property
    def audit_log(self) -> Path:
        return self.directory / "audit.log"

    def etcd(self) -> list[str]:
        clients, peers = f"http://127.0.0.1:{self.ports.etcd}", f"http://127.0.0.1:{self.ports.etcd_peers}"
        return [
            str(self.programs / "etcd"),
            f"--data-dir={self.directory / 'etcd'}",
            f"--listen-client-urls={clients}",
            f"--advertise-client-urls={clients}",
            f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster=default={peers}",
            "--unsafe-no-fsync",  # nothing here outlives the machine
            "--log-level=warn",
        ]

    def api_server(self) -> list[str]:
        return [
            str(self.programs / "kube-apiserver"),
            f"--etcd-servers=http://127.0.0.1:{self.ports.etcd}",
            f"--bind-address={self.address}",
            f"--advertise-address={self.address}",
            f"--secure-port={self.ports.api}",
            f"--service-cluster-ip-range={SERVICES}",
            f"--tls-cert-file={self.pki / 'apiserver.crt'}",
            f"--tls-private-key-file={self.pki / 'apiserver.key'}",
            f"--client-ca-file={self.pki / 'ca.crt'}",
            f"--service-account-key-file={self.pki / SERVICE_ACCOUNT_KEY}.pub",
            f"--service-account-signing-key-file={self.pki / SERVICE_ACCOUNT_KEY}.key",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--allow-privileged",
            "--kubelet-preferred-address-types=InternalIP",
            f"--kubelet-client-certificate={self.pki / 'admin.crt'}",
            f"--kubelet-client-key={self.pki / 'admin.key'}",
            # An address on loopback can be no endpoint of the Service `kubernetes`.
            f"--endpoint-reconciler-type={'none' if self.without_node else 'master-count'}",
            *self._audit(),
        ]

    def _audit(self) -> list[str]:
        if not self.audited:
            return []
        return [f"--audit-policy-file={self.audit_policy}", f"--audit-log-path={self.audit_log}"]

    def controller_manager(self) -> list[str]:
        return [
            str(self.programs / "kube-controller-manager"),
            f"--kubeconfig={self.controllers_kubeconfig}",
            f"--bind-address={self.address}",
            f"--secure-port={self.ports.controllers}",
            f"--service-account-private-key-file={self.pki / SERVICE_ACCOUNT_KEY}.key",
            f"--root-ca-file={self.pki / 'ca.crt'}",
            f"--cluster-signing-cert-file={self.pki / 'ca.crt'}",
            f"--cluster-signing-key-file={self.pki / 'ca.key'}",
            "--use-service-account-credentials",
            "--leader-elect=false",
            "--kube-api-qps=500",  # the default makes its start wait for its own rate limit
            "--kube-api-burst=1000",
            "--allocate-node-cidrs",
            f"--cluster-cidr={PODS}",
            # Nodes without a kubelet renew no lease.
            f"--node-monitor-grace-period={'1h' if self.without_node else '50s'}",
        ]

    def scheduler(self) -> list[str]:
        return [
            str(self.programs / "kube-scheduler"),
            f"--kubeconfig={self.controllers_kubeconfig}",
            f"--bind-address={self.address}",
            f"--secure-port={self.ports.scheduler}",
            "--leader-elect=false",
        ]
