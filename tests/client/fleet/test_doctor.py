"""What `memorybank doctor` finds, on a real cluster and of certificates."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from memorybank.fleet.kubernetes.doctor.network import certificate
from tests.client.fleet.conftest import Create, Ended, Fleet


def findings(ended: Ended) -> dict[str, dict[str, str]]:
    """The last of each, by what it is about."""
    return {one["about"]: one for one in ended.json}


def test_a_cluster_and_a_tenant_that_are_well_are_said_to_be(fleet: Fleet, customer: dict[str, Any]) -> None:
    told = findings(fleet.run("doctor", "customer1", "-o", "json"))

    right = "API server", "MemoryBankTenant", "operator's leader", "storage class"
    of_tenant = "conditions", "Secrets", "volume", "pod", "service"
    assert {told[about]["state"] for about in (*right, *(f"customer1: {one}" for one in of_tenant))} == {"ok"}
    assert "is healthy" in told["customer1: service"]["message"]
    assert "the default is standard" in told["storage class"]["message"]


def test_a_person_reads_what_is_wrong_and_what_to_do(fleet: Fleet, customer: dict[str, Any]) -> None:
    ended = fleet.run("doctor", "customer1")

    first, *lines = ended.out.splitlines()
    assert first.split() == ["STATE", "WHAT", "FOUND"]
    wrong = next(place for place, line in enumerate(lines) if line.startswith("WARNING"))
    assert "ingress class" in lines[wrong]
    assert "→ name one in spec.access.ingress.className" in lines[wrong + 1]


def test_a_tenant_that_is_ill_is_told_with_causes_and_remedies(
    fleet: Fleet, create: Create, customer: dict[str, Any], tmp_path: Path
) -> None:
    spec = tmp_path / "ill.json"
    wishes = {
        "hostname": "ill.memorybank.invalid",
        "access": {"type": "Ingress", "ingress": {"className": "nobody"}},
        "llm": {"provider": "openai", "apiKeySecretRef": {"name": "provider-key", "key": "k"}},
    }
    spec.write_text(json.dumps(wishes))
    create("ill", "--spec", str(spec))
    fleet.kubectl("wait", "pod", "-l", "memorybank.dev/tenant=ill", "--for=condition=Ready", "--timeout=30s")
    pod = fleet.kubectl("get", "pod", "-l", "memorybank.dev/tenant=ill", "-o", "name").strip()
    waiting = {"name": "memorybank", "image": "nowhere/x:v1", "imageID": "", "ready": False, "restartCount": 0}
    container = {**waiting, "state": {"waiting": {"reason": "ImagePullBackOff"}}}
    _patch_status(fleet, pod, {"containerStatuses": [container]})
    _patch_status(
        fleet, "memorybanktenant/ill", {"storage": {"capacity": "10Gi", "usedBytes": 95 * 10 * (1 << 30) // 100}}
    )

    ended = fleet.run("doctor", "ill", "-o", "json")

    told = findings(ended)
    assert ended.status == 1
    assert ended.err.endswith("problems were found\n")
    assert "provider-key, which holds the provider's key (spec.llm), is not there" in told["ill: Secrets"]["message"]
    assert told["ill: Secrets"]["remedy"] == "create it"
    assert told["ill: ingress class"]["message"] == "nobody does not exist"
    assert told["ill: pod"]["message"] == "the image nowhere/x:v1 cannot be pulled"
    assert told["ill: DNS"]["state"] == "problem"
    assert "ill.memorybank.invalid has no address here" in told["ill: DNS"]["message"]
    assert told["ill: volume"]["message"] == "95 % of 10Gi is used"
    assert {one["state"] for about, one in told.items() if about.startswith("ill: condition")} == {"problem"}


def _patch_status(fleet: Fleet, thing: str, status: dict[str, Any]) -> None:
    fleet.kubectl("patch", thing, "--subresource=status", "--type=merge", "-p", json.dumps({"status": status}))


def test_another_tenant_behind_a_pod_is_noticed(fleet: Fleet, create: Create, customer: dict[str, Any]) -> None:
    create("mistaken", "--wait")

    told = findings(fleet.run("doctor", "mistaken", "-o", "json"))

    assert "is tenant customer1, not mistaken" in told["mistaken: service"]["message"]


def test_where_nothing_is_known_yet_each_thing_that_is_missing_is_told(fleet: Fleet, tmp_path: Path) -> None:
    silent = fleet.run("doctor", "--kubeconfig", str(tmp_path / "none"), "-o", "json")
    unknown = fleet.run("doctor", "nobody", "-o", "json")

    assert (silent.status, len(silent.json)) == (1, 1)
    assert "no kubeconfig at" in silent.json[0]["message"]
    assert "there is no tenant nobody" in findings(unknown)["tenants"]["message"]


def test_who_may_see_tenants_only_is_told_what_could_not_be_looked_at(
    fleet: Fleet, customer: dict[str, Any], tmp_path: Path
) -> None:
    kubeconfig = _of_somebody_with_few_rights(fleet, tmp_path)

    listed = fleet.run("list", "--kubeconfig", str(kubeconfig))
    ended = fleet.run("doctor", "customer1", "--kubeconfig", str(kubeconfig), "-o", "json")
    refused = fleet.run("delete", "customer1", "--kubeconfig", str(kubeconfig))

    assert listed.status == 0
    told = findings(ended)
    assert told["operator"]["state"] == told["customer1: Secrets"]["state"] == "unknown"
    assert refused.status == 1
    assert 'cannot delete resource "memorybanktenants"' in refused.err
    assert "ask who runs the cluster for that right" in refused.err
    assert fleet.done("info", "customer1")["spec"]["deletionPolicy"] == "Retain"


def _of_somebody_with_few_rights(fleet: Fleet, folder: Path) -> Path:
    role = ["--verb=get,list", "--resource=memorybanktenants.memorybank.dev,pods"]
    fleet.kubectl("create", "role", "viewer", *role)
    fleet.kubectl("create", "serviceaccount", "viewer")
    fleet.kubectl("create", "rolebinding", "viewer", "--role=viewer", "--serviceaccount=customers:viewer")
    token = fleet.kubectl("create", "token", "viewer").strip()
    told = json.loads(fleet.kubeconfig.read_text())
    told["users"][0]["user"] = {"token": token}
    own = folder / "kubeconfig"
    own.write_text(json.dumps(told))
    return own


def test_a_certificate_is_looked_at_for_its_name_its_authority_and_its_end(tmp_path: Path) -> None:
    for name, days in (("good", 90), ("ending", 3)):
        _certificate(tmp_path / name, days)

    with _serving(tmp_path / "good") as port:
        trust = ssl.create_default_context(cafile=str(tmp_path / "good.crt"))
        assert certificate("127.0.0.1", port, "tenant.example", trust).state == "ok"
        assert "not valid for other.example" in certificate("127.0.0.1", port, "other.example", trust).message
        assert certificate("127.0.0.1", port, "tenant.example").state == "problem"
    with _serving(tmp_path / "ending") as port:
        trust = ssl.create_default_context(cafile=str(tmp_path / "ending.crt"))
        assert certificate("127.0.0.1", port, "tenant.example", trust).state == "warning"


def _certificate(path: Path, days: int) -> None:
    names = ["-subj", "/CN=tenant.example", "-addext", "subjectAltName=DNS:tenant.example"]
    files = ["-keyout", f"{path}.key", "-out", f"{path}.crt"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", str(days), *names, *files]
    subprocess.run(command, check=True, capture_output=True)


@contextmanager
def _serving(path: Path) -> Iterator[int]:
    """TLS with that certificate; every connection is closed after its handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{path}.crt", f"{path}.key")
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    plain, _ = listener.accept()
                except OSError:
                    return
                with plain:
                    try:
                        context.wrap_socket(plain, server_side=True).close()
                    except (ssl.SSLError, OSError):
                        continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()
