"""A release's life: helm installs, upgrades and uninstalls the chart on a cluster whose pods run on paper."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest

from e2e.cluster.build import program
from e2e.cluster.components import COMPONENTS
from e2e.cluster.controlplane import ControlPlane
from e2e.cluster.progress import Progress
from e2e.kubectl import Kubectl, KubectlError
from tests.chart.conftest import CHART

pytestmark = pytest.mark.plane

RELEASE = ("memorybank", "--namespace=memorybank-system")
TENANT = "--set=tenants[0].id=customer1"
KINDS = (
    "deployments,poddisruptionbudgets,networkpolicies,serviceaccounts,roles,rolebindings,jobs,"
    "clusterroles,clusterrolebindings,validatingadmissionpolicies,memorybanktenants"
)
OURS = "--selector=app.kubernetes.io/name=memorybank"


class Cluster:
    """A control plane with a simulated node, and helm for it."""

    def __init__(self, plane: ControlPlane) -> None:
        self.kubectl = Kubectl(plane.kubectl, plane.kubeconfig)
        self._helm = [str(program(COMPONENTS["helm"], Progress())), f"--kubeconfig={plane.kubeconfig}"]

    def helm(self, *arguments: str) -> str:
        done = subprocess.run([*self._helm, *arguments], text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def objects(self) -> set[str]:
        """What there is of ours, of all kinds that the chart makes."""
        found = self.kubectl.json("get", KINDS, OURS, "--all-namespaces")
        return {f"{each['kind']}/{each['metadata']['name']}" for each in found["items"]}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with ControlPlane(tmp_path_factory.mktemp("release") / "plane", nodes=1) as plane:
        cluster = Cluster(plane)
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        namespace = {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": "memorybank-system", "labels": labels},
        }
        cluster.kubectl.apply(namespace)
        cluster.helm("install", *RELEASE[:1], str(CHART), RELEASE[1], "--wait", "--timeout=90s")
        yield cluster


def test_a_release_is_installed_upgraded_and_gone_again(installed: Cluster) -> None:
    first = installed.objects()
    assert "Deployment/memorybank" in first
    assert "PodDisruptionBudget/memorybank" in first
    deployment = installed.kubectl.json("get", "--namespace=memorybank-system", "deployment/memorybank")
    assert deployment["status"]["availableReplicas"] == 2

    installed.helm("upgrade", *RELEASE[:1], str(CHART), RELEASE[1], TENANT, "--wait", "--timeout=90s")
    # The hook has run, and left nothing; the tenant is there.
    assert installed.objects() == first | {"MemoryBankTenant/customer1"}
    history = json.loads(installed.helm("history", *RELEASE, "--output=json"))
    assert [each["status"] for each in history] == ["superseded", "deployed"]

    installed.helm("uninstall", *RELEASE, "--wait", "--timeout=60s")
    assert installed.objects() == set()
    installed.kubectl("get", "crd", "memorybanktenants.memorybank.dev")
    with pytest.raises(KubectlError):
        installed.kubectl("get", "--namespace=memorybank-system", "deployment/memorybank")
