"""The operator as a process: starting, stopping, two of them."""

import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from e2e.cluster.controlplane import ControlPlane
from memorybank_operator import settings
from memorybank_operator.kinds import DEPLOYMENT, LEASE
from memorybank_operator.probes import HealthServer

from .conftest import OperatorProcess
from .kube import Kube

PROGRAM = str(Path(sys.executable).with_name("memorybank-operator"))


async def test_it_stops_in_under_three_seconds_and_releases_the_lease(plane: ControlPlane, kube: Kube) -> None:
    process = OperatorProcess(plane.kubeconfig)
    process.start()
    began = time.monotonic()
    status = process.stop()
    assert time.monotonic() - began < 3
    assert status == 0
    lease = await kube.get(LEASE, "memorybank-system", "memorybank-operator")
    assert lease["spec"]["holderIdentity"] == ""


async def test_one_replica_leads_and_the_other_takes_over(plane: ControlPlane, kube: Kube, namespace: str) -> None:
    first = OperatorProcess(plane.kubeconfig, POD_NAME="first")
    second = OperatorProcess(plane.kubeconfig, POD_NAME="second")
    first.start()
    second.launch()
    try:
        lease = await kube.get(LEASE, "memorybank-system", "memorybank-operator")
        assert lease["spec"]["holderIdentity"] == "first"
        first.kill()
        began = time.monotonic()
        second.wait_for("everything was seen once")
        assert time.monotonic() - began < 15
        await kube.tenant(namespace)
        await kube.until(DEPLOYMENT, namespace, "customer1", lambda found: found)
    finally:
        second.stop()


async def test_a_killed_operator_finishes_its_work_when_it_is_back(
    plane: ControlPlane, kube: Kube, namespace: str
) -> None:
    process = OperatorProcess(plane.kubeconfig, POD_NAME="operator-0")
    process.start()
    await kube.tenant(namespace)
    process.kill()
    process.start()
    try:
        await kube.until(DEPLOYMENT, namespace, "customer1", lambda found: found)
    finally:
        process.stop()


def test_no_key_reaches_the_log(plane: ControlPlane) -> None:
    process = OperatorProcess(plane.kubeconfig, LOG_LEVEL="debug")
    process.start()
    process.stop()
    assert process.lines
    assert not re.search(r"mb_[A-Za-z0-9_-]{20}", "\n".join(process.lines))


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("MEMORYBANK_IMAGE_PULL_POLICY", "Sometimes", "Always, IfNotPresent or Never"),
        ("INGRESS_NAMESPACE_SELECTOR", "{app: traefik}", "a label selector as JSON"),
        ("CLUSTER_CIDRS", "10.0.0.0/33", "a comma list of ranges"),
        ("LOG_LEVEL", "loud", "debug, info, warning or error"),
        ("METRICS_PORT", "http", "a port"),
    ],
)
def test_a_bad_setting_is_one_sentence_and_status_2(variable: str, value: str, allowed: str) -> None:
    done = subprocess.run([PROGRAM], env={variable: value}, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert variable in done.stderr
    assert value in done.stderr
    assert allowed in done.stderr


def test_without_an_api_server_it_says_what_to_set(tmp_path: Path) -> None:
    environment = {"KUBECONFIG": str(tmp_path / "none")}
    done = subprocess.run([PROGRAM], env=environment, capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "set KUBECONFIG" in done.stderr


def test_settings_are_read_from_the_environment() -> None:
    read = settings.from_environment(
        {
            "WATCH_NAMESPACES": "a, b",
            "CLUSTER_CIDRS": "10.1.0.0/16",
            "INGRESS_POD_SELECTOR": '{"matchLabels": {"a": "b"}}',
        }
    )
    assert read.watch_namespaces == ("a", "b")
    assert read.cluster_cidrs == ("10.1.0.0/16",)
    assert read.ingress_pod_selector == {"matchLabels": {"a": "b"}}


def test_a_failing_check_is_said_with_503() -> None:
    server = HealthServer(0, {"/livez": lambda: None, "/readyz": lambda: "not yet"})
    server.start()
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/livez") as answer:
            assert answer.status == 200
        with pytest.raises(urllib.error.HTTPError, match="503") as refused:
            urllib.request.urlopen(f"http://127.0.0.1:{server.port}/readyz")
        assert b"not yet" in refused.value.read()
        refused.value.close()
    finally:
        server.stop()
