"""The deployment guide's workflow, with its scripts and its arguments, on a real cluster."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.kubectl import Kubectl
from e2e.stack import ROOT, Stack
from e2e.tenants import NAMESPACE_MANIFEST, reachable
from e2e.test_backups import CLAIM
from e2e.test_whole_life import another_name_for
from memorybank import MemoryBankClient

SCRIPTS = ROOT / "scripts"
NAMESPACE = "customers-guide"
DOMAIN = "guide.memorybank.localhost"
TENANTS = ("guide-one", "guide-two", "guide-three")
Run = Callable[..., Any]


@pytest.fixture(scope="module")
def environment(stack: Stack, kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Of a user whose kubeconfig's context names the namespace, and whose tenants are small."""
    metadata = {"name": NAMESPACE, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}
    kubectl.apply({**NAMESPACE_MANIFEST, "metadata": metadata})
    folder = tmp_path_factory.mktemp("guide")
    told = json.loads(stack.access.kubeconfig.read_text())
    told["contexts"][0]["context"]["namespace"] = NAMESPACE
    (folder / "kubeconfig").write_text(json.dumps(told))
    (folder / "spec.json").write_text(json.dumps({"storage": {"size": "1Gi"}}))
    path = f"{Path(sys.executable).parent}:{stack.access.kubectl.parent}:{os.environ['PATH']}"
    yield {
        "PATH": path,
        "KUBECONFIG": str(folder / "kubeconfig"),
        "MEMORYBANK_TENANT_SPEC": str(folder / "spec.json"),
    }
    kubectl("delete", "namespace", NAMESPACE, "--wait")


@pytest.fixture(scope="module")
def run(environment: dict[str, str]) -> Run:
    def one(script: str, *arguments: str) -> Any:
        """What it prints, as JSON."""
        command = [str(SCRIPTS / script), *arguments]
        done = subprocess.run(command, env=environment, text=True, capture_output=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return json.loads(done.stdout)

    return one


def test_the_guides_workflow(stack: Stack, kubectl: Kubectl, environment: dict[str, str], run: Run) -> None:
    kubectl.apply({**CLAIM, "metadata": {"name": "backups", "namespace": NAMESPACE}})
    first = run("manage-tenants.py", "create", TENANTS[0], "--domain", DOMAIN, "--wait")
    second = run("deploy-tenant.sh", TENANTS[1], "a-key-of-the-guide-0123", DOMAIN)
    third = run("manage-tenants.py", "create", "--tenant-id", TENANTS[2], "--domain", DOMAIN, "--wait")
    assert [one["domain"] for one in (first, second, third)] == [f"{name}.{DOMAIN}" for name in TENANTS]
    assert second["api_key"] == "a-key-of-the-guide-0123"

    for made in (first, second, third):
        with reachable(stack.url_of(made["domain"]), made["api_key"]) as bank:
            bank.store_memory(f"{made['tenant_id']} was here.", {"user_id": "ada"})

    assert set(TENANTS) <= {one["tenant_id"] for one in run("manage-tenants.py", "list")}
    assert run("manage-tenants.py", "info", TENANTS[0])["ready"] == "True"
    counted = {one["tenant_id"]: one["total_memories"] for one in run("manage-tenants.py", "stats")}
    assert {name: counted[name] for name in TENANTS} == dict.fromkeys(TENANTS, 1)

    image = another_name_for(stack, stack.images["service"])
    pipe = (
        f"{SCRIPTS}/manage-tenants.py list | jq -r '.[].tenant_id' | grep ^guide-"
        f" | xargs -I {{}} {SCRIPTS}/update-tenant.sh {{}} {image.rpartition(':')[2]}"
    )
    subprocess.run(["sh", "-ec", pipe], env=environment, check=True, capture_output=True)
    assert run("manage-tenants.py", "info", TENANTS[1])["image"] == image

    taken = run("backup-tenants.sh", "--claim", "backups")
    kept = {one["tenant_id"]: (one["phase"], one["memories"]) for one in taken}
    assert {name: kept[name] for name in TENANTS} == dict.fromkeys(TENANTS, ("Completed", 1))

    assert run("manage-tenants.py", "delete", TENANTS[0])["data"] == "kept"
    again = run("manage-tenants.py", "create", TENANTS[0], "--domain", DOMAIN, "--wait")
    assert again["api_key"] == first["api_key"]
    assert remembers(stack, again)
    for name in TENANTS:
        assert run("manage-tenants.py", "delete", name, "--force")["data"] == "removed"
    assert not set(TENANTS) & {one["tenant_id"] for one in run("manage-tenants.py", "list")}

    backup = next(one["backup"] for one in taken if one["tenant_id"] == TENANTS[2])
    command = ["memorybank", "restore", TENANTS[2], "--backup", backup, "--domain", DOMAIN]
    done = subprocess.run(command, env=environment, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    restored = json.loads(done.stdout)
    assert restored["restored"]["memories"] == 1
    assert remembers(stack, restored)
    run("manage-tenants.py", "delete", TENANTS[2], "--force")


def remembers(stack: Stack, made: dict[str, Any]) -> bool:
    bank: MemoryBankClient
    with reachable(stack.url_of(made["domain"]), made["api_key"]) as bank:
        found = bank.retrieve_memories("who was here?", 1, {"user_id": "ada"})
    return [one.content for one in found] == [f"{made['tenant_id']} was here."]
