"""`make demo`: a real Kubernetes, the operator, a tenant, and a memory stored and found through its public address."""

from __future__ import annotations

import base64
import os
import sys
import time

import yaml

from e2e import monitoring
from e2e.cluster.errors import ClusterError
from e2e.cluster.progress import Progress, spoken
from e2e.images.buildah import ImageError
from e2e.kubectl import Kubectl, KubectlError
from e2e.stack import ROOT, Stack, bring_up
from e2e.tenants import reachable, until
from memorybank import FoundMemory, MemoryBankError

SAMPLE = ROOT / "config" / "samples" / "tenant.yaml"
TOLD = [
    ("Ada takes the night train to Vienna every spring.", "ada"),
    ("Ada's sister Bea is allergic to peanuts.", "ada"),
    ("Ada is learning to play the oboe.", "ada"),
    ("Cem flies to Ankara for the holidays.", "cem"),
]
TENANTS_READ = 'memorybank_memories{state="active"}'
QUESTION, ASKER = "How does Ada usually travel to Austria?", "ada"


def main() -> int:
    began = time.monotonic()
    progress = Progress()
    try:
        progress.say("MemoryBank: bringing up a Kubernetes and a tenant on it.")
        stack = bring_up(progress)
        show(stack, progress, began)
        if os.environ.get("MONITORING", "") not in ("", "0"):
            sys.stdout.write(monitored(monitoring.install(stack, progress), progress))
    except (ClusterError, ImageError, KubectlError, MemoryBankError) as error:
        sys.stderr.write(f"make demo: {error}\n")
        return 1
    return 0


def show(stack: Stack, progress: Progress, began: float) -> None:
    kubectl = stack.kubectl
    tenant = next(part for part in yaml.safe_load_all(SAMPLE.read_text()) if part["kind"] == "MemoryBankTenant")
    name, namespace = tenant["metadata"]["name"], tenant["metadata"]["namespace"]
    with progress.step(f"Waiting for the tenant {name}"):
        kubectl("apply", f"--filename={SAMPLE}")
        kubectl.wait(f"memorybanktenant/{name}", "condition=Ready", namespace, seconds=120)
    url = stack.url_of(tenant["spec"]["hostname"])
    with reachable(url, key_of(kubectl, namespace, f"{name}-api-key")) as bank:
        for content, user in TOLD:
            if content not in {found.content for found in bank.retrieve_memories(content, 10, {"user_id": user})}:
                bank.store_memory(content, {"user_id": user})
        found = bank.retrieve_memories(QUESTION, 1, {"user_id": ASKER})
    if not found or found[0].content != TOLD[0][0]:
        raise MemoryBankError(f"{url} did not find what was stored: asked {QUESTION!r}, it answered {found}")
    sys.stdout.write(last_screen(kubectl, name, namespace, url, found[0], began))


def monitored(prometheus: monitoring.Prometheus, progress: Progress) -> str:
    """Once Prometheus has read the demo's own tenant, how to look at it."""
    own = f'{TENANTS_READ[:-1]}, namespace="customers"}}'
    with progress.step("Waiting until Prometheus has read the tenants"):
        until("Prometheus reads the demo's tenant", lambda: prometheus.query(own), 90)
    series = prometheus.query(TENANTS_READ)
    rows = "\n".join(
        f"  {one['metric']['namespace']}/{one['metric']['memorybank_dev_tenant']}: {one['value'][1]} memories"
        for one in series
    )
    program = ".venv/bin/python -m e2e.cluster kubectl"
    return f"""
Prometheus reads:
{rows}

Look at it, with the product's alerts (the dashboards of config/monitoring/dashboards are for a Grafana of your own):
  {program} port-forward -n monitoring service/prometheus 9090     then http://127.0.0.1:9090/alerts
  {program} get --raw '/api/v1/namespaces/monitoring/services/prometheus:9090/proxy/api/v1/rules?type=alert'
"""


def key_of(kubectl: Kubectl, namespace: str, secret: str) -> str:
    found = kubectl.json("get", f"--namespace={namespace}", f"secret/{secret}")
    return base64.b64decode(found["data"]["api-key"]).decode()


def last_screen(kubectl: Kubectl, name: str, namespace: str, url: str, found: FoundMemory, began: float) -> str:
    program = ".venv/bin/python -m e2e.cluster kubectl"
    table = kubectl("get", "memorybanktenants", "--all-namespaces")
    stored = "\n".join(f"  {user}: {content}" for content, user in TOLD)
    return f"""
{table}
Stored at {url}
{stored}

Asked:  {QUESTION}
Found:  {found.content}   (score {found.score:.2f})

Go on:
  KEY=$({program} get secret {name}-api-key -n {namespace} -o jsonpath='{{.data.api-key}}' | base64 -d)
  curl -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' \\
       -d '{{"query": "what is Ada learning?", "metadata": {{"user_id": "ada"}}}}' {url}/retrieve_memory
  {program} get memorybanktenants --all-namespaces
  make down        ends all of it

Done in {spoken(time.monotonic() - began)}.
"""


if __name__ == "__main__":
    sys.exit(main())
