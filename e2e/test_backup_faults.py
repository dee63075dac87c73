"""Destinations that are full, refuse, or are away: what is told, what is tried again; the tenant is unharmed."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.cluster.archive import write_image
from e2e.cluster.build import program
from e2e.cluster.components import COMPONENTS
from e2e.cluster.local import LocalCluster
from e2e.cluster.progress import Progress
from e2e.kubectl import Kubectl
from e2e.stack import Stack
from e2e.tenants import NAMESPACE, key_of, reachable, tenant, until

NAME = "hardtobackup"
FACT = "Ada keeps her savings in a biscuit tin."
S3_IMAGE = "localhost/memorybank/versitygw:dev"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "e2e-access-key", "AWS_SECRET_ACCESS_KEY": "e2e-secret-key"}
CONFINED: dict[str, Any] = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
FILL = """
import signal
with open("/full/filler", "wb", buffering=0) as filler:
    try:
        while True:
            filler.write(bytes(1 << 20))
    except OSError:
        open("/tmp/full", "w").close()
signal.pause()
"""


def pod_spec(user: int, container: dict[str, Any], *volumes: dict[str, Any]) -> dict[str, Any]:
    security = {"runAsNonRoot": True, "runAsUser": user, "fsGroup": user, "seccompProfile": {"type": "RuntimeDefault"}}
    return {
        "securityContext": security,
        "automountServiceAccountToken": False,
        "containers": [{**container, "securityContext": CONFINED}],
        "volumes": list(volumes),
    }


@pytest.fixture(scope="module", autouse=True)
def one(stack: Stack, kubectl: Kubectl) -> Iterator[None]:
    """The tenant, with something in it."""
    kubectl.apply(tenant(NAME, deletionPolicy="Delete"))
    kubectl.wait(f"mbt/{NAME}", "condition=Ready", NAMESPACE, 120)
    with reachable(stack.url(NAME), key_of(kubectl, NAME)) as bank:
        bank.store_memory(FACT, {"user_id": "ada"})
    yield
    kubectl("delete", f"--namespace={NAMESPACE}", f"mbt/{NAME}", "--wait")


def back_up(kubectl: Kubectl, name: str, destination: dict[str, Any]) -> None:
    kubectl.apply(
        {
            "apiVersion": "memorybank.dev/v1alpha1",
            "kind": "MemoryBankBackup",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {"tenantRef": {"name": NAME}, "destination": destination},
        }
    )


def until_told(kubectl: Kubectl, name: str, phase: str, reason: str, seconds: float = 60) -> str:
    """The message of its condition Complete, once it has that phase for that reason."""

    def look() -> str | None:
        status = kubectl.json("get", f"--namespace={NAMESPACE}", f"mbb/{name}").get("status") or {}
        told = next((one for one in status.get("conditions", []) if one["type"] == "Complete"), None)
        if told is None or (status.get("phase"), told["reason"]) != (phase, reason):
            return None
        return str(told["message"])

    return until(f"{name} is {phase} for {reason}", look, seconds)


def events(kubectl: Kubectl, reason: str) -> list[str]:
    found = kubectl.json("get", f"--namespace={NAMESPACE}", "events", f"--field-selector=reason={reason}")["items"]
    return [str(one["message"]) for one in found if one["involvedObject"]["name"] == NAME]


def assert_unharmed(stack: Stack, kubectl: Kubectl) -> None:
    ready = kubectl.json("get", f"--namespace={NAMESPACE}", f"mbt/{NAME}")["status"]
    assert ready["phase"] == "Ready"
    with reachable(stack.url(NAME), key_of(kubectl, NAME)) as bank:
        assert [one.content for one in bank.retrieve_memories("savings", 1, {"user_id": "ada"})] == [FACT]
        assert bank.store_memory("And she counts them.", {"user_id": "ada"})


def test_a_full_destination_is_told_and_tried_again_until_there_is_room(stack: Stack, kubectl: Kubectl) -> None:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "full", "namespace": NAMESPACE},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "512Mi"}}},
    }
    container = {
        "name": "filler",
        "image": stack.images["service"],
        "command": ["python3", "-c", FILL],
        "readinessProbe": {"exec": {"command": ["test", "-f", "/tmp/full"]}, "periodSeconds": 1},  # noqa: S108 (the pod's own)
        "volumeMounts": [{"name": "full", "mountPath": "/full"}],
    }
    spec = pod_spec(10001, container, {"name": "full", "persistentVolumeClaim": {"claimName": "full"}})
    filler = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "filler", "namespace": NAMESPACE}}
    kubectl.apply(claim, {**filler, "spec": {**spec, "terminationGracePeriodSeconds": 0}})
    kubectl.wait("pod/filler", "condition=Ready", NAMESPACE)

    back_up(kubectl, "nowhere-to-go", {"pvc": {"claimName": "full"}})

    message = until_told(kubectl, "nowhere-to-go", "Retrying", "DestinationFull", 90)
    assert message
    assert any(message in one for one in until("an event", lambda: events(kubectl, "BackupRetried")))
    assert_unharmed(stack, kubectl)
    kubectl("exec", f"--namespace={NAMESPACE}", "filler", "--", "rm", "/full/filler")
    until_told(kubectl, "nowhere-to-go", "Completed", "Completed", 180)
    kubectl("delete", f"--namespace={NAMESPACE}", "pod/filler", "mbb/nowhere-to-go", "--wait")
    kubectl("delete", f"--namespace={NAMESPACE}", "pvc/full", "--wait")


@pytest.fixture
def bucket(stack: Stack, kubectl: Kubectl) -> Iterator[dict[str, Any]]:
    """A bucket in the cluster; its server is the Deployment `s3`."""
    assert isinstance(stack.cluster, LocalCluster)
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "versitygw.tar"
        write_image(archive, S3_IMAGE, program(COMPONENTS["versitygw"], Progress()))
        image = stack.cluster.load_image(archive, Progress())
    container = {
        "name": "s3",
        "image": image,
        "args": ["--port", ":7070", "posix", "/buckets"],
        "env": [
            {"name": "ROOT_ACCESS_KEY", "value": CREDENTIALS["AWS_ACCESS_KEY_ID"]},
            {"name": "ROOT_SECRET_KEY", "value": CREDENTIALS["AWS_SECRET_ACCESS_KEY"]},
        ],
        "readinessProbe": {"tcpSocket": {"port": 7070}, "periodSeconds": 1},
        "volumeMounts": [
            {"name": "buckets", "mountPath": "/buckets"},
            {"name": "buckets", "mountPath": "/buckets/backups", "subPath": "backups"},
        ],
    }
    labels = {"app": "s3"}
    template = {"metadata": {"labels": labels}, "spec": pod_spec(65532, container, {"name": "buckets", "emptyDir": {}})}
    metadata = {"name": "s3", "namespace": NAMESPACE}
    service = {"selector": labels, "ports": [{"port": 7070}]}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {**metadata, "name": "s3-right"}}
    kubectl.apply(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template},
        },
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": service},
        {**secret, "stringData": CREDENTIALS},
        {
            **secret,
            "metadata": {**metadata, "name": "s3-wrong"},
            "stringData": {**CREDENTIALS, "AWS_SECRET_ACCESS_KEY": "another"},
        },
    )
    kubectl("rollout", "status", f"--namespace={NAMESPACE}", "deployment/s3", "--timeout=1m")
    endpoint = f"http://s3.{NAMESPACE}.svc:7070"
    yield {
        "bucket": "backups",
        "endpoint": endpoint,
        "region": "us-east-1",
        "credentialsSecretRef": {"name": "s3-right"},
    }
    kubectl("delete", f"--namespace={NAMESPACE}", "deployment/s3", "service/s3", "secret/s3-right", "secret/s3-wrong")


def test_a_bucket_that_refuses_or_is_away_is_told_and_tried_again(
    stack: Stack, kubectl: Kubectl, bucket: dict[str, Any]
) -> None:
    back_up(kubectl, "refused", {"s3": {**bucket, "credentialsSecretRef": {"name": "s3-wrong"}}})
    message = until_told(kubectl, "refused", "Retrying", "DestinationRefused", 90)
    assert CREDENTIALS["AWS_ACCESS_KEY_ID"] not in message
    assert any(message in one for one in until("an event", lambda: events(kubectl, "BackupRetried")))
    assert_unharmed(stack, kubectl)
    right = json.dumps({"stringData": CREDENTIALS})
    kubectl("patch", f"--namespace={NAMESPACE}", "secret/s3-wrong", "--type=merge", f"--patch={right}")
    until_told(kubectl, "refused", "Completed", "Completed", 180)

    kubectl("scale", f"--namespace={NAMESPACE}", "deployment/s3", "--replicas=0")
    kubectl("wait", f"--namespace={NAMESPACE}", "pod", "--selector=app=s3", "--for=delete", "--timeout=60s")
    back_up(kubectl, "away", {"s3": bucket})
    until_told(kubectl, "away", "Retrying", "DestinationUnreachable", 180)
    assert_unharmed(stack, kubectl)
    kubectl("scale", f"--namespace={NAMESPACE}", "deployment/s3", "--replicas=1")
    until_told(kubectl, "away", "Completed", "Completed", 180)
    kubectl("delete", f"--namespace={NAMESPACE}", "mbb/refused", "mbb/away")
