"""A live Prometheus reads the tenants: the guide's five alerts come and go, and every panel's query has an answer."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from e2e import monitoring
from e2e.cluster.progress import Progress
from e2e.kubectl import Kubectl
from e2e.monitoring import CONFIG, Prometheus
from e2e.stack import Stack
from e2e.tenants import NAMESPACE, in_pod, key_of, reachable, tenant, until
from memorybank import MemoryBankClient, MemoryBankError

NOBODY = {"provider": "openai", "model": "gpt-x", "apiBase": "http://127.0.0.1:9/v1"}
SPECS: dict[str, dict[str, Any]] = {
    "MemoryBankTenantDown": {},
    "MemoryBankTenantErrors": {"llm": {**NOBODY, "apiKeySecretRef": {"name": "llm", "key": "key"}}},
    "MemoryBankTenantSlow": {},
    "MemoryBankTenantDiskFilling": {},
    "MemoryBankTenantMemoryHigh": {"resources": {"limits": {"memory": "512Mi"}}},
}
SLOWEST = """
histogram_quantile(0.95, sum by (le) (
  rate(memorybank_http_request_duration_seconds_bucket{memorybank_dev_tenant="TENANT", route="/v1/search"}[25s])
)) > 0
"""
OFTEN_NOTHING = {
    "memorybank_jobs",  # no work in the background
    "memorybank_llm_budget_left_tokens",  # no budget
    "memorybank_operator_backup_completed_timestamp_seconds",  # no tenant here has backups
}


def name_of(alert: str) -> str:
    return f"mon-{alert.removeprefix('MemoryBankTenant').lower()}"


@pytest.fixture(scope="module")
def prometheus(stack: Stack) -> Iterator[Prometheus]:
    yield monitoring.install(stack, Progress(), hurried=True)
    stack.kubectl("delete", "namespace", monitoring.NAMESPACE, "--wait")


@pytest.fixture(scope="module")
def clients(stack: Stack, kubectl: Kubectl, prometheus: Prometheus) -> Iterator[dict[str, MemoryBankClient]]:
    """Of a tenant for each alert, by the alert."""
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "llm", "namespace": NAMESPACE}}
    kubectl.apply({**secret, "stringData": {"key": "none"}})
    kubectl.apply(*(tenant(name_of(alert), **spec) for alert, spec in SPECS.items()))
    with ExitStack() as opened:
        made = {}
        for alert in SPECS:
            name = name_of(alert)
            kubectl.wait(f"memorybanktenant/{name}", "condition=Ready", NAMESPACE, 180)
            made[alert] = opened.enter_context(reachable(stack.url(name), key_of(kubectl, name)))
            made[alert].store_memory("Ada takes the night train to Vienna.", {"user_id": "ada"})
        yield made
    kubectl("delete", f"--namespace={NAMESPACE}", "memorybanktenant", *(name_of(alert) for alert in SPECS), "--wait")


@contextmanager
def going_on(act: Callable[[], None]) -> Iterator[None]:
    """While it lasts, the same again and again."""
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            act()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextmanager
def down(stack: Stack, client: MemoryBankClient, name: str) -> Iterator[None]:
    container = stack.pause_container(NAMESPACE, f"memorybank.dev/tenant={name}")
    try:
        yield
    finally:
        stack.resume_container(container)


@contextmanager
def errors(stack: Stack, client: MemoryBankClient, name: str) -> Iterator[None]:
    def ask() -> None:
        with pytest.raises(MemoryBankError):
            client.chat("how does Ada travel?")
        time.sleep(0.2)

    with going_on(ask):
        yield


@contextmanager
def slow(stack: Stack, client: MemoryBankClient, name: str) -> Iterator[None]:
    """It has a twentieth of a processor, and ever more ask until each waits for more than two seconds.

    No more than that: who waits for too long is Prometheus, too, to which the tenant would be down.
    """
    prometheus = Prometheus(stack.kubectl)
    query = SLOWEST.replace("TENANT", name)
    askers = ExitStack()

    def ask() -> None:
        client.search("how does Ada travel?", user_id="ada")

    def see_to_it() -> None:
        told = [float(one["value"][1]) for one in prometheus.query(query)]
        if not told or told[0] < 2.3:
            for _ in range(3):
                askers.enter_context(going_on(ask))
        time.sleep(10)

    give(stack, name, "50m")
    try:
        with askers, going_on(see_to_it):
            yield
            give(stack, name, "2")
    finally:
        give(stack, name, "2")


def give(stack: Stack, name: str, cpu: str) -> None:
    """Another limit of processor time for the pod that runs."""
    selector = f"--selector=memorybank.dev/tenant={name}"
    (pod,) = stack.kubectl.json("get", f"--namespace={NAMESPACE}", "pods", selector)["items"]
    resources = {"requests": {"cpu": "50m"}, "limits": {"cpu": cpu}}
    patch = json.dumps({"spec": {"containers": [{"name": "memorybank", "resources": resources}]}})
    what = ("patch", f"--namespace={NAMESPACE}", f"pod/{pod['metadata']['name']}", "--subresource=resize")
    stack.kubectl(*what, f"--patch={patch}")


@contextmanager
def full(stack: Stack, client: MemoryBankClient, name: str) -> Iterator[None]:
    in_pod(
        stack.kubectl,
        name,
        "import os; s = os.statvfs('/data'); n = int(s.f_bavail * s.f_frsize - 0.06 * s.f_blocks * s.f_frsize);"
        " f = os.open('/data/ballast', os.O_CREAT | os.O_WRONLY); os.posix_fallocate(f, 0, n)",
    )
    try:
        yield
    finally:
        in_pod(stack.kubectl, name, "import os; os.remove('/data/ballast')")


def found(prometheus: Prometheus, query: str) -> list[dict[str, Any]]:
    """What it answers as soon as that is anything."""
    return until(f"there is an answer to {query}", lambda: prometheus.query(query))


TAKING = """
import pathlib, sys
old, new = pathlib.Path("/sys/fs/cgroup/memory"), pathlib.Path("/sys/fs/cgroup")
folder, names = (old, ("limit_in_bytes", "usage_in_bytes")) if old.exists() else (new, ("max", "current"))
limit, usage = (folder / f"memory.{name}" for name in names)
def working_set():
    told = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    return int(usage.read_text()) - int(told.get("total_inactive_file") or told["inactive_file"])
taken = []
while working_set() < 0.93 * int(limit.read_text()):
    taken.append(bytearray(b"x") * (4 << 20))
sys.stdin.read()
"""
"""What the kubelet calls the working set, on either version of control groups, brought near the limit."""


@contextmanager
def much_memory(stack: Stack, client: MemoryBankClient, name: str) -> Iterator[None]:
    """Another process in its container takes most of what is left."""
    kubectl = [str(stack.kubectl.program), f"--kubeconfig={stack.kubectl.kubeconfig}", f"--namespace={NAMESPACE}"]
    command = [*kubectl, "exec", "--stdin", f"deployment/{name}", "--", "python3", "-c", TAKING]
    taker = subprocess.Popen(command, stdin=subprocess.PIPE)
    try:
        yield
    finally:
        taker.communicate()
    assert taker.returncode == 0


FAULTS = {
    "MemoryBankTenantDown": down,
    "MemoryBankTenantErrors": errors,
    "MemoryBankTenantSlow": slow,
    "MemoryBankTenantDiskFilling": full,
    "MemoryBankTenantMemoryHigh": much_memory,
}


def firing(prometheus: Prometheus) -> set[tuple[str, str]]:
    """Which alerts fire, each with whose it is."""
    told = set()
    for alert in prometheus.alerts():
        labels = alert["labels"]
        whose = labels.get("memorybank_dev_tenant") or labels.get("pod", "").rsplit("-", 2)[0]
        if alert["state"] == "firing" and whose.startswith("mon-"):
            told.add((labels["alertname"], whose))
    return told


def test_the_guides_five_alerts_fire_on_their_faults_and_are_over_with_them(
    stack: Stack, prometheus: Prometheus, clients: dict[str, MemoryBankClient]
) -> None:
    wanted = {(alert, name_of(alert)) for alert in FAULTS}
    up = f'up{{memorybank_dev_tenant=~"mon-.*", namespace="{NAMESPACE}"}} == 1'
    until("Prometheus reads them all", lambda: len(prometheus.query(up)) == len(wanted))
    assert firing(prometheus) == set()

    seen = set[tuple[str, str]]()
    with ExitStack() as faults:
        for alert, fault in FAULTS.items():
            faults.enter_context(fault(stack, clients[alert], name_of(alert)))

        def all_fired() -> bool:
            seen.update(firing(prometheus))
            return wanted <= seen

        try:
            until("the five alerts fire", all_fired, 180)
        except AssertionError as error:
            error.add_note(f"not these: {sorted(wanted - seen)}")
            raise

    assert seen == wanted, "each fires for the tenant with its fault, and for no other"
    until("the alerts are over", lambda: not firing(prometheus), 180)


def panels() -> Iterator[tuple[str, str]]:
    for file in sorted((CONFIG / "dashboards").glob("*.json")):
        for panel in json.loads(file.read_text())["panels"]:
            for target in panel["targets"]:
                yield f"{file.stem}: {panel['title']}", target["expr"]


def test_every_query_of_the_dashboards_has_an_answer(
    prometheus: Prometheus, clients: dict[str, MemoryBankClient]
) -> None:
    name = name_of("MemoryBankTenantErrors")
    for title, query in panels():
        asked = query.replace("$namespace", NAMESPACE).replace("$tenant", name)
        if any(metric in asked for metric in OFTEN_NOTHING):
            prometheus.query(asked)  # raises where Prometheus does not take it
        else:
            assert found(prometheus, asked), title


def test_the_operator_is_read_too(prometheus: Prometheus) -> None:
    assert prometheus.query('memorybank_operator_tenants{phase="Ready"}')
