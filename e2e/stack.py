"""The whole of MemoryBank on a cluster: what `make demo` shows and what the end-to-end tests test, made in one way."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from e2e.cluster.access import Access, Cluster
from e2e.cluster.build import program
from e2e.cluster.choice import chosen
from e2e.cluster.components import COMPONENTS
from e2e.cluster.errors import ClusterError
from e2e.cluster.progress import Progress
from e2e.images import PROGRAMS, archive
from e2e.kubectl import Kubectl, KubectlError
from e2e.tenants import host

ROOT = Path(__file__).resolve().parents[1]
NAMESPACE = "memorybank-system"
RELEASE = "memorybank"


@dataclass(frozen=True)
class Stack:
    """A running cluster with the operator in it."""

    cluster: Cluster
    access: Access
    images: Mapping[str, str]

    @property
    def kubectl(self) -> Kubectl:
        return Kubectl(self.access.kubectl, self.access.kubeconfig)

    @property
    def gateway(self) -> dict[str, str]:
        """The Gateway that tenants of access type Gateway join."""
        return {"name": "traefik", "namespace": "traefik"}

    def url(self, name: str) -> str:
        """The public address of a tenant of the end-to-end tests."""
        return self.url_of(host(name))

    def url_of(self, hostname: str) -> str:
        port = urlsplit(self.access.ingress).port
        return f"http://{hostname}:{port}" if port else f"http://{hostname}"

    def kill_container(self, namespace: str, selector: str) -> None:
        """SIGKILL of the processes of the one pod that matches, by the node and without a word to the kubelet."""
        self._ctr(f"tasks kill --signal SIGKILL {self._container(namespace, selector)}")

    def pause_container(self, namespace: str, selector: str) -> str:
        """The processes of the one pod that matches stand still, and nobody is told; answers the container."""
        container = self._container(namespace, selector)
        self._ctr(f"tasks pause {container}")
        return container

    def resume_container(self, container: str) -> None:
        """Unless the kubelet has lost its patience meanwhile, and has made another one."""
        if any(line.split()[::2] == [container, "PAUSED"] for line in self._ctr("tasks list").splitlines()):
            self._ctr(f"tasks resume {container}")

    def _container(self, namespace: str, selector: str) -> str:
        pods = self.kubectl.json("get", f"--namespace={namespace}", "pods", f"--selector={selector}")["items"]
        (pod,) = pods
        return str(pod["status"]["containerStatuses"][0]["containerID"].removeprefix("containerd://"))

    def _ctr(self, what: str) -> str:
        command = f"ctr --namespace k8s.io {what}\n"
        return subprocess.run(self.cluster.shell(), input=command, text=True, check=True, stdout=subprocess.PIPE).stdout


def bring_up(progress: Progress) -> Stack:
    """The cluster, the images and the operator; what is there already is left as it is."""
    cluster = chosen()
    # Where the cluster's build has the processor's whole attention, the images' waits for downloads.
    images = given_images()
    with ThreadPoolExecutor(max_workers=1) as pool:
        ours = {name: image for name, image in PROGRAMS.items() if name not in images}
        archives = [(name, pool.submit(archive, image, progress)) for name, image in ours.items()]
        helm = pool.submit(program, COMPONENTS["helm"], progress)
        access = cluster.up(progress)
        images |= {name: cluster.load_image(made.result(), progress) for name, made in archives}
        install(access, helm.result(), images, progress)
    return Stack(cluster, access, images)


def given_images() -> dict[str, str]:
    """Images that lie in a registry already: MEMORYBANK_SERVICE_IMAGE, MEMORYBANK_OPERATOR_IMAGE, each with its tag."""
    given = {name: os.environ.get(f"MEMORYBANK_{name.upper()}_IMAGE", "") for name in PROGRAMS}
    for name, image in given.items():
        if image and ":" not in image.rpartition("/")[2]:
            raise ClusterError(f"MEMORYBANK_{name.upper()}_IMAGE={image!r} has no tag: write REPOSITORY:TAG.")
    return {name: image for name, image in given.items() if image}


def install(access: Access, helm: Path, images: Mapping[str, str], progress: Progress) -> None:
    """The operator by its chart, as a user would install it; an older one is upgraded."""
    kubectl = Kubectl(access.kubectl, access.kubeconfig)
    with progress.step("Installing the operator"):
        namespace = {"apiVersion": "v1", "kind": "Namespace"}
        restricted = {"pod-security.kubernetes.io/enforce": "restricted"}
        kubectl.apply({**namespace, "metadata": {"name": NAMESPACE, "labels": restricted}})
        # Helm installs what lies in a chart's crds/ once and never touches it again.
        kubectl("apply", "--server-side", "--force-conflicts", f"--filename={ROOT / 'crds'}")
        values = [
            f"{block}.{field}={value}"
            for block, image in (("image", images["service"]), ("operator.image", images["operator"]))
            for field, value in zip(("repository", "tag"), image.rsplit(":", 1), strict=True)
        ]
        done = subprocess.run(
            [str(helm), f"--kubeconfig={access.kubeconfig}", "upgrade", "--install", RELEASE]
            + [str(ROOT / "helm" / "memorybank"), f"--namespace={NAMESPACE}", "--wait", "--timeout=2m"]
            + [f"--set-string={value}" for value in values],
            text=True,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise ClusterError(f"The operator could not be installed: {done.stderr.strip()}{_why(kubectl)}")


def _why(kubectl: Kubectl) -> str:
    """What the operator's own pods have to say."""
    try:
        return "\n" + kubectl("logs", f"--namespace={NAMESPACE}", f"deployment/{RELEASE}", "--tail=20")
    except KubectlError as error:
        return f"\n{error}"
