"""Whatever goes wrong on the way to a cluster is one sentence that says what to do, and a status."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from memorybank.fleet.errors import RefusedError
from memorybank.fleet.images import image_of
from memorybank.fleet.quantity import bytes_of
from tests.client.fleet.conftest import Fleet
from tests.client.shell import memorybank


def changed(fleet: Fleet, file: Path, **cluster: Any) -> str:
    """The kubeconfig with another address or authority; None takes it out."""
    told = json.loads(fleet.kubeconfig.read_text())
    whole = {**told["clusters"][0]["cluster"], **cluster}
    told["clusters"][0]["cluster"] = {name: value for name, value in whole.items() if value is not None}
    file.write_text(json.dumps(told))
    return str(file)


def test_what_cannot_be_reached_is_one_sentence_and_status_3(fleet: Fleet, tmp_path: Path) -> None:
    no_yaml = tmp_path / "no.yaml"
    no_yaml.write_text("a: b: c\n- d")
    silent = changed(fleet, tmp_path / "silent", server="https://127.0.0.1:1")
    untrusted = changed(fleet, tmp_path / "untrusted", **{"certificate-authority-data": None})
    for arguments, problem in (
        (["--kubeconfig", str(tmp_path / "none")], "no kubeconfig at"),
        (["--kubeconfig", str(no_yaml)], "cannot be used"),
        (["--context", "other"], "cannot be used"),
        (["--kubeconfig", silent], "https://127.0.0.1:1 does not answer"),
        (["--kubeconfig", untrusted], "CERTIFICATE_VERIFY_FAILED"),
    ):
        ended = fleet.run("list", *arguments)
        assert (ended.status, ended.out, len(ended.err.splitlines())) == (3, "", 1), ended.err
        assert problem in ended.err


def test_credentials_that_are_not_known_are_refused_with_what_to_do(fleet: Fleet, tmp_path: Path) -> None:
    told = json.loads(fleet.kubeconfig.read_text())
    told["users"][0]["user"] = {"token": "nobody-knows-me"}
    stranger = tmp_path / "stranger"
    stranger.write_text(json.dumps(told))

    ended = fleet.run("list", "--kubeconfig", str(stranger))

    assert ended.status == 1
    assert "does not accept your credentials: log in again" in ended.err
    assert "nobody-knows-me" not in ended.err


def test_a_plug_in_of_the_kubeconfig_logs_in(fleet: Fleet, customer: dict[str, Any], tmp_path: Path) -> None:
    """As the clouds' and OIDC's do: a program that prints a credential."""
    user = json.loads(fleet.kubeconfig.read_text())["users"][0]["user"]
    token = fleet.kubectl("create", "token", "default").strip()
    assert user
    credential = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": token}}
    plug_in = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "echo",
        "args": [json.dumps(credential)],
        "interactiveMode": "Never",
    }
    told = json.loads(fleet.kubeconfig.read_text())
    told["users"][0]["user"] = {"exec": plug_in}
    own = tmp_path / "kubeconfig"
    own.write_text(json.dumps(told))

    ended = fleet.run("list", "--kubeconfig", str(own))

    assert ended.status == 1
    assert 'User "system:serviceaccount:customers:default" cannot list' in ended.err


def test_a_namespace_is_the_contexts_or_the_one_that_is_named(fleet: Fleet, customer: dict[str, Any]) -> None:
    assert fleet.done("list", "-n", "memorybank-system") == []
    assert "customer1" in [one["tenant_id"] for one in fleet.done("list", "-n", "memorybank-system", "-A")]
    missing = fleet.run("create", "a", "-n", "nowhere")
    assert missing.status == 1
    assert "there is no namespace nowhere: `kubectl create namespace nowhere`" in missing.err


def test_as_kubectls_plug_in_it_calls_itself_so(fleet: Fleet, customer: dict[str, Any]) -> None:
    listed = fleet.run("memorybank", "list", "-o", "yaml", program="kubectl")
    helped = fleet.run("memorybank", "update", "--help", program="kubectl")
    refused = fleet.run("memorybank", "info", "nobody", program="kubectl")

    assert "- tenant_id: customer1" in listed.out
    assert helped.out.startswith("usage: kubectl memorybank update ")
    assert "  kubectl memorybank update --all v1.1.0" in helped.out
    assert refused.err.startswith("kubectl memorybank: there is no tenant nobody")
    assert "`kubectl memorybank list -A`" in refused.err


def test_a_cluster_without_memorybank_is_told_to_have_it_installed(fleet: Fleet) -> None:
    """Asked for a kind that the API server does not serve, it answers as it does where no chart is installed."""
    program = """
import dataclasses, sys
from memorybank.fleet.kubernetes import cluster, kinds, tenants
missing = dataclasses.replace(kinds.TENANT, group="nothing.memorybank.dev")
cluster.TENANT = tenants.TENANT = missing
from memorybank.cli import main
sys.exit(main(["list"]))
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], env=fleet.environment, text=True, capture_output=True, check=False
    )
    assert ended.returncode == 1
    assert "install MemoryBank's Helm chart" in ended.stderr


def test_without_the_kubernetes_library_the_memory_is_reached_and_a_cluster_told_to_need_it() -> None:
    without = "import sys; sys.modules['kubernetes'] = None; from memorybank.cli import main; sys.exit(main({}))"
    ended = [
        subprocess.run([sys.executable, "-c", without.format(arguments)], text=True, capture_output=True, check=False)
        for arguments in (["list"], ["--url", "http://127.0.0.1:1", "health"])
    ]

    assert [one.returncode for one in ended] == [3, 3]
    assert "pip install 'memorybank[kubernetes]'" in ended[0].stderr
    assert "127.0.0.1:1 does not answer" in ended[1].stderr


def test_a_memory_at_an_address_needs_neither_the_kubernetes_library_nor_yaml() -> None:
    program = (
        "import sys; from memorybank.cli import main; main(['--url', 'http://127.0.0.1:1', 'health']);"
        " sys.exit(bool({'kubernetes', 'yaml', 'shtab'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_every_command(shell: str) -> None:
    ended = memorybank("completion", shell)

    assert ended.returncode == 0
    assert all(word in ended.stdout for word in ("create", "rotate-key", "forgetting", "kubeconfig"))


def test_bash_takes_the_completion_and_completes_a_command_by_it() -> None:
    script = """
eval "$(memorybank completion bash)"
COMP_WORDS=(memorybank hib) COMP_CWORD=1
"$(complete -p memorybank | sed 's/.*-F \\([^ ]*\\).*/\\1/')" memorybank hib memorybank
echo "${COMPREPLY[@]}"
"""
    folder = str(Path(sys.executable).parent)
    ended = subprocess.run(
        ["bash", "-c", script], env={"PATH": f"{folder}:/usr/bin:/bin"}, text=True, capture_output=True, check=False
    )
    assert (ended.stdout.strip(), ended.returncode) == ("hibernate", 0), ended.stderr


@pytest.mark.parametrize(
    ("version", "current", "image"),
    [
        ("v2", "registry.example:5000/a/b:v1", "registry.example:5000/a/b:v2"),
        ("v2", "registry.example:5000/a/b", "registry.example:5000/a/b:v2"),
        ("v2", "b:v1@sha256:abc", "b:v2"),
        ("other/b:v3", "b:v1", "other/b:v3"),
        ("b@sha256:abc", None, "b@sha256:abc"),
    ],
)
def test_a_tag_is_put_to_the_image_that_the_tenant_runs(version: str, current: str | None, image: str) -> None:
    assert image_of(version, current) == image


def test_a_tag_alone_is_refused_while_no_image_is_known() -> None:
    with pytest.raises(RefusedError, match="name the whole image"):
        image_of("v2", None)


def test_quantities_are_read_as_kubernetes_writes_them() -> None:
    assert [bytes_of(text) for text in ("1Gi", "1G", "1.5Ki", "12", "1e3", "5k")] == [
        1 << 30,
        10**9,
        1536,
        12,
        1000,
        5000,
    ]
    with pytest.raises(ValueError, match="is no quantity"):
        bytes_of("many")
