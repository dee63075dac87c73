"""The manual's commands, as they stand, where a reader would type them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE

import pytest
import yaml

from e2e.cluster.build import program
from e2e.cluster.components import COMPONENTS
from e2e.cluster.processes import free_ports
from e2e.cluster.progress import Progress
from e2e.images import PROGRAMS
from e2e.kubectl import Kubectl
from e2e.manual import PAGES, WALKED, blocks, within_sentences
from e2e.podman import Podman
from e2e.stack import NAMESPACE as OPERATORS
from e2e.stack import RELEASE, ROOT, Stack, bring_up
from e2e.tenants import until
from e2e.test_backups import CLAIM

SAMPLE = ROOT / "config" / "samples" / "tenant.yaml"
NAMESPACE = "customers"
NAMED = {
    "service": (
        "docker.io/memorybank/service:v0.1.0",
        "registry.example.com/memorybank/service:v0.1.0",
        "registry.example.com/memorybank:v1.1.0",
    ),
    "operator": ("docker.io/memorybank/operator:v0.1.0", "registry.example.com/memorybank/operator:v0.1.0"),
}
"""What the pages call the images: this cluster has no registry to pull them from."""
HOST = "http://customer1.memorybank.localhost"
KEY = "export KEY=$(kubectl get secret customer1-api-key -o jsonpath='{.data.api-key}' | base64 -d)"
INTERRUPTED = 128 + signal.SIGINT
SERVER = re.compile(r"(?m)^(?:\w+=\S+ )*\.venv/bin/memorybank-service$")
"""It stays in the foreground: here it goes on in the background once it answers."""
IN_BACKGROUND = """\
{line} & trap "kill $! && wait $!" EXIT
curl --silent --retry 100 --retry-delay 1 --retry-connrefused --fail http://127.0.0.1:8000/readyz > /dev/null"""


class Reader:
    """Somebody at a terminal, in the repository's folder."""

    def __init__(self, variables: dict[str, str], begins: str = "") -> None:
        self.variables, self._begins = variables, begins

    def types(self, page: str, *, only: str = "", never: tuple[str, ...] = ()) -> str:
        """The page's commands in one shell; a fault ends it. `only`, `never`: those blocks in which that stands."""
        scripts = [one.script for one in blocks(ROOT / page) if one.outside is None]
        chosen = [one for one in scripts if only in one and not any(word in one for word in never)]
        assert chosen, page
        text = "\n".join([self._begins, *chosen])
        return self.runs(SERVER.sub(lambda line: IN_BACKGROUND.format(line=line[0]), text), page)

    def runs(self, script: str, what: str = "") -> str:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=ROOT,
            env=self.variables,
            text=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert done.returncode == 0, f"{what or script}:\n{done.stderr[-3000:]}\n{done.stdout[-1000:]}"
        return done.stdout


def environment(folder: Path, *programs: Path, **more: str) -> dict[str, str]:
    """Of a user who has these programs, beside the machine's."""
    path = ":".join(str(one.parent) for one in (Path(sys.executable), *programs))
    return {"PATH": f"{path}:{os.environ['PATH']}", "HOME": os.environ["HOME"], "TMPDIR": str(folder), **more}


@pytest.fixture(scope="module")
def reader(stack: Stack, kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """With the sample's tenant, in its namespace."""
    folder = tmp_path_factory.mktemp("manual")
    told = json.loads(stack.access.kubeconfig.read_text())
    told["contexts"][0]["context"]["namespace"] = NAMESPACE
    (folder / "kubeconfig").write_text(json.dumps(told))
    for name, aliases in NAMED.items():
        tags = "".join(f"ctr --namespace k8s.io images tag --force {stack.images[name]} {one}\n" for one in aliases)
        subprocess.run(stack.cluster.shell(), input=tags, text=True, check=True, capture_output=True)
    kubectl("apply", f"--filename={SAMPLE}")
    kubectl.wait("memorybanktenant/customer1", "condition=Ready", NAMESPACE)
    helm = folder / "helm"
    helm.symlink_to(program(COMPONENTS["helm"], Progress()))
    variables = environment(folder, stack.access.kubectl, helm, KUBECONFIG=str(folder / "kubeconfig"))
    yield Reader(variables, KEY)
    for name in ("customer2", "customer1"):
        kubectl("delete", f"--namespace={NAMESPACE}", f"mbt/{name}", "--ignore-not-found", "--wait")


@contextmanager
def restored(stack: Stack) -> Iterator[None]:
    """Afterwards the operator is installed as the other tests know it."""
    try:
        yield
    finally:
        again = bring_up(Progress())
        assert again.images == stack.images


def test_each_page_that_is_to_be_walked_is() -> None:
    text = Path(__file__).read_text()
    assert {page for page in WALKED if f'"{page}"' in text} == WALKED


def test_the_quick_start(reader: Reader) -> None:
    # What is installed is another test's, and the end comes last: test_a_cluster_of_its_own.
    shown = reader.types("README.md", never=("helm install", "make down"))
    assert "Ada takes the night train to Vienna" in shown
    assert "customer2" in shown


@pytest.mark.parametrize("page", ["docs/runbooks.md", "docs/troubleshooting.md"])
def test_what_tells_of_a_tenant(reader: Reader, page: str) -> None:
    shown = reader.types(page)
    assert "customer1" in shown
    assert "Everything is as the spec wants it" in shown


def test_keys_and_volumes(reader: Reader, kubectl: Kubectl) -> None:
    shown = reader.types("docs/keys-and-volumes.md")
    assert "mb_" in shown
    kubectl("label", "namespace", NAMESPACE, "memorybank.dev/deletion-protection-")


@pytest.fixture(scope="module")
def kept(stack: Stack, reader: Reader, kubectl: Kubectl) -> Iterator[str]:
    """The tenant with a destination and the page's first backup, and with a container before the one that runs."""
    kubectl.apply({**CLAIM, "metadata": {"name": "backups", "namespace": NAMESPACE}})
    plan = json.dumps({"spec": {"backup": {"destination": {"pvc": {"claimName": "backups"}}}}})
    kubectl("patch", f"--namespace={NAMESPACE}", "mbt/customer1", "--type=merge", f"--patch={plan}")
    stack.kill_container(NAMESPACE, "memorybank.dev/tenant=customer1")
    again = "jsonpath={.items[0].status.containerStatuses[0].restartCount}"
    pods = ("get", f"--namespace={NAMESPACE}", "pods", "--selector=memorybank.dev/tenant=customer1")
    until("it runs again", lambda: kubectl(*pods, f"--output={again}") != "0")
    kubectl.wait("memorybanktenant/customer1", "condition=Ready", NAMESPACE)
    text = (ROOT / "docs" / "backups.md").read_text()
    [first] = re.findall(r"(?ms)^```yaml\n(apiVersion.*?kind: MemoryBankBackup.*?)^```$", text)
    kubectl.apply(yaml.safe_load(first))
    yield reader.types("docs/backups.md")
    for name in ("customer1-again", "customer1-test"):
        if kubectl.exists(f"mbt/{name}", NAMESPACE):
            reader.runs(f"memorybank delete {name} --force --yes")
    kubectl("delete", f"--namespace={NAMESPACE}", "mbb", "--all", "--wait")


def test_backups(kept: str) -> None:
    assert "Completed" in kept


@pytest.mark.parametrize("page", [page for page in PAGES if within_sentences(page)], ids=lambda page: page.name)
@pytest.mark.usefixtures("kept")
def test_commands_within_sentences(reader: Reader, page: Path, tmp_path: Path) -> None:
    before = f"cd {tmp_path}; memorybank export old.ndjson --tenant customer1" if page.name == "migrating.md" else ""
    for command in within_sentences(page):
        reader.runs(f"{before}\n{command}", f"{page.name}: {command}")


def test_a_tenants_data(reader: Reader, tmp_path: Path) -> None:
    where = f"export URL={HOST} OTHER={HOST}; cd {tmp_path}"
    scripts = [one.script for one in blocks(ROOT / "docs/data.md") if one.outside is None]
    reader.runs("\n".join([KEY, where, *scripts]), "docs/data.md")
    assert (tmp_path / "everything.ndjson").read_text().count("\n") >= 1


def test_the_health_of_tenants_for_argo_cd(reader: Reader, kubectl: Kubectl) -> None:
    kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "argocd"}})
    kubectl.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "argocd-cm", "namespace": "argocd"}})
    reader.types("docs/gitops.md")
    told = kubectl.json("get", "--namespace=argocd", "configmap/argocd-cm")["data"]
    assert any("MemoryBankTenant" in name for name in told)
    kubectl("delete", "namespace", "argocd", "--wait")


def test_upgrades(stack: Stack, reader: Reader, kubectl: Kubectl) -> None:
    with restored(stack):
        shown = reader.types("docs/upgrades.md")
        assert "customer1" in shown
        kubectl.wait("memorybanktenant/customer1", "condition=Ready", NAMESPACE, seconds=120)
        assert (
            kubectl.json("get", f"--namespace={NAMESPACE}", "mbt/customer1")["status"]["image"] == NAMED["service"][2]
        )


def test_installing(stack: Stack, reader: Reader, kubectl: Kubectl) -> None:
    for name in ("customers", "partners"):
        kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    uninstall = f"helm uninstall {RELEASE} --namespace {OPERATORS} --wait"
    with restored(stack):
        for page, only in (
            ("README.md", "helm install"),
            ("docs/installing.md", "helm test"),
            ("docs/installing.md", "watchNamespaces"),
        ):
            reader.runs(uninstall)
            reader.types(page, only=only)
            kubectl("rollout", "status", f"--namespace={OPERATORS}", f"deployment/{RELEASE}", "--timeout=2m")
        reader.types("docs/installing.md", only="helm upgrade")
    kubectl("delete", "namespace", "partners", "--wait")


def test_the_service_alone(reader: Reader) -> None:
    told = Reader(reader.variables, "export KEY=a-key-of-yours").types("docs/service.md")
    assert '"results":[]' in told


def test_a_cluster_of_its_own(tmp_path: Path) -> None:
    [http] = free_ports(1)
    more = {"CLUSTER": "local", "MEMORYBANK_CLUSTER": "manual", "MEMORYBANK_HTTP_PORT": str(http)}
    reader = Reader(environment(tmp_path, **more))
    try:
        shown = reader.types("docs/local-cluster.md", never=("--no-node",))
        assert "coredns" in shown
        [lasts] = [one.script for one in blocks(ROOT / "docs/local-cluster.md") if "--no-node" in one.script]
        command = ["env", "--default-signal=INT", "bash", "-c", f"exec {lasts}"]  # whoever runs this may ignore Ctrl-C
        with subprocess.Popen(command, cwd=ROOT, env=reader.variables, stdout=PIPE) as plane:
            assert plane.stdout is not None
            assert plane.stdout.readline().startswith(b"export KUBECONFIG=")
            plane.send_signal(signal.SIGINT)  # Ctrl-C
        assert plane.returncode == INTERRUPTED
    finally:
        reader.runs("make down")


def test_tenants_without_a_cluster(engine: Podman, tmp_path: Path) -> None:
    image = PROGRAMS["service"].tag
    for name in ("localhost/memorybank/service:v0.1.0", "localhost/memorybank/service:v0.1.1"):
        engine("podman", "tag", image, name)
    script = "\n".join(one.script for one in blocks(ROOT / "docs/compose.md") if one.outside is None)
    variables = {**environment(tmp_path), "HOME": str(tmp_path), "MEMORYBANK_ENGINE": "podman"}
    compose = {**variables, "MEMORYBANK_TARGET": "compose"}
    shown = engine("bash", "-euo", "pipefail", "-c", f"cd {ROOT}\n{script}", variables=variables)
    assert "Completed" in shown
    assert (tmp_path / ".local/share/memorybank/routes/edge.yml").exists()
    engine("memorybank", "delete", "customer1", "--force", "--yes", variables=compose)
