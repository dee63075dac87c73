"""A report has what a maintainer needs, and no secret."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from memorybank.fleet.kubernetes.report.redacting import REMOVED, cleaned, redacted
from tests.client.fleet.conftest import KEY, Create, Fleet
from tests.client.fleet.playing import backups_played

GENERATED = "mb_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"


def pieces(file: Path) -> dict[str, str]:
    with tarfile.open(file) as archive:
        members = [member for member in archive.getmembers() if member.isfile()]
        return {one.name.partition("/")[2]: archive.extractfile(one).read().decode() for one in members}  # type: ignore[union-attr]


def test_a_report_tells_of_the_cluster_the_operator_and_the_tenant_and_of_no_key(
    fleet: Fleet, customer: dict[str, Any], create: Create, tmp_path: Path
) -> None:
    file = tmp_path / "report.tar.gz"
    made = create("reported", "--wait")
    annotations = [f"note={made['api_key']}", "company.example/token=hunter2-hunter2"]
    fleet.kubectl("annotate", "memorybanktenant", "reported", *annotations)
    pod = fleet.kubectl("get", "pod", "-l", "memorybank.dev/tenant=reported", "-o", "name").strip()
    fleet.kubectl("annotate", pod, f"note=Bearer {KEY}")

    told = fleet.done("report", "--file", str(file))

    found = pieces(file)
    folder = "tenants/customers/customer1"
    wanted = {"tenant.json", "pods.json", "events.json", "metrics.txt", "secret-names.json"}
    assert {f"{folder}/{name}" for name in wanted} | {"doctor.json", "operator/leases.json", "README"} <= set(found)
    assert told["pieces"] == len(found) - 1
    assert f"{folder}/httproutes.json: the cluster knows no HTTPRoute" in found["README"]
    assert json.loads(found[f"{folder}/tenant.json"])["spec"]["hostname"] == "customer1.fleet.localhost"
    logs = [text for name, text in found.items() if name.startswith(f"{folder}/logs/")]
    assert logs
    assert all("somebody sent Bearer REMOVED" in text for text in logs)
    for secret in (KEY, made["api_key"], GENERATED, "hunter2-hunter2"):
        assert not [name for name, text in found.items() if secret in text]
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_report_tells_of_backups_and_of_what_worked_on_them(fleet: Fleet, create: Create, tmp_path: Path) -> None:
    file = tmp_path / "report.tar.gz"
    create("reported-backup", "--wait")
    with backups_played(fleet):
        fleet.done("backup", "reported-backup", "--claim", "nowhere", "--name", "told")

    fleet.done("report", "reported-backup", "--file", str(file))

    found, folder = pieces(file), "tenants/customers/reported-backup/backups"
    [backup] = json.loads(found[f"{folder}/memorybankbackups.json"])
    assert (backup["metadata"]["name"], backup["status"]["phase"]) == ("told", "Completed")
    for kind in ("jobs", "pods"):
        [one] = json.loads(found[f"{folder}/{kind}.json"])
        assert one["metadata"]["name"].startswith("told-1")


def test_a_file_that_is_there_is_not_written_over(fleet: Fleet, customer: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "there.tar.gz"
    file.write_text("mine")

    refused = fleet.run("report", "customer1", "--file", str(file))

    assert (refused.status, file.read_text()) == (1, "mine")
    assert "is there already" in refused.err


def test_of_a_pods_environment_only_what_is_known_to_be_harmless_is_kept() -> None:
    env: list[dict[str, Any]] = [
        {"name": "TENANT_ID", "value": "customer1"},
        {"name": "OPENAI_API_KEY", "value": "whatever"},
        {"name": "SOMETHING", "value": "else"},
        {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "providers", "key": "k"}}},
    ]
    pod = {
        "metadata": {"managedFields": [1], "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "x"}},
        "spec": {
            "automountServiceAccountToken": False,
            "containers": [
                {"name": "memorybank", "env": env, "args": ["serve"]},
                {"name": "sidecar", "args": ["--with", "a secret"]},
            ],
        },
    }

    assert cleaned(pod) == {
        "metadata": {"annotations": {}},
        "spec": {
            "automountServiceAccountToken": False,
            "containers": [
                {
                    "name": "memorybank",
                    "env": [env[0], {**env[1], "value": REMOVED}, {**env[2], "value": REMOVED}, env[3]],
                    "args": ["serve"],
                },
                {"name": "sidecar", "args": REMOVED},
            ],
        },
    }


@pytest.mark.parametrize(
    "secret",
    [
        GENERATED,
        "sk-" + "ant-api03-" + "0123456789abcdef" * 2,
        "AIzaSyA0123456789abcdefghijklmnopqrstuv",
        "AKIA0123456789ABCDEF",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.abcdefghijk",
        "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_what_looks_like_a_key_is_removed_wherever_it_stands(secret: str) -> None:
    told = redacted(f"before {secret} after, {secret}")

    assert told == f"before {REMOVED} after, {REMOVED}"


def test_of_headers_addresses_and_settings_only_the_secret_part_is_removed() -> None:
    assert redacted("Authorization: Bearer abc.def") == f"Authorization: Bearer {REMOVED}"
    assert redacted("https://ada:hunter2@example.com/x") == f"https://{REMOVED}@example.com/x"
    assert redacted("GET /x?api_key=abc&user=ada") == f"GET /x?api_key={REMOVED}&user=ada"
    assert redacted('"apiKeySecretRef": {"name": "customer1-api-key"}') == (
        '"apiKeySecretRef": {"name": "customer1-api-key"}'
    )
