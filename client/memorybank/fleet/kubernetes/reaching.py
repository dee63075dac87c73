"""A tenant's memory from here: at its address where that leads to it, else through the API server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from memorybank.client import MemoryBankClient
from memorybank.errors import MemoryBankError
from memorybank.fleet.errors import RefusedError
from memorybank.fleet.kubernetes.cluster import Cluster
from memorybank.fleet.kubernetes.configuration import IN_CLUSTER
from memorybank.fleet.kubernetes.keys import read_key
from memorybank.fleet.kubernetes.kinds import HTTP_PORT, TENANT
from memorybank.fleet.kubernetes.logs import pod_of
from memorybank.fleet.target import Say

PROBE_SECONDS = 2.0


@contextmanager
def memory(cluster: Cluster, name: str, *, say: Say) -> Iterator[MemoryBankClient]:
    tenant = cluster.get(TENANT, name)
    if tenant["spec"].get("hibernate"):
        raise RefusedError(f"tenant {name} sleeps: memorybank wake {name}")
    key = read_key(cluster, tenant)
    if key is None:
        raise RefusedError(f"tenant {name} has no key yet: memorybank doctor {name}")
    endpoint = (tenant.get("status") or {}).get("endpoint")
    say(f"looking for a way to tenant {name}")
    if endpoint and leads_to(endpoint, name):
        with MemoryBankClient(endpoint, key) as client:
            yield client
        return
    pod = pod_of(cluster, name)["metadata"]["name"]
    with cluster.port(pod, HTTP_PORT) as port, MemoryBankClient(f"http://127.0.0.1:{port}", key) as client:
        yield client


def leads_to(endpoint: str, tenant: str) -> bool:
    """Whether this tenant answers there; asked without its key, which nobody else is to see."""
    if (urlsplit(endpoint).hostname or "").endswith(".svc") and IN_CLUSTER not in os.environ:
        return False  # such a name means something within the cluster alone
    try:
        with MemoryBankClient(endpoint, "", timeout=PROBE_SECONDS, max_retries=0) as client:
            return bool(client.health_check().get("tenant_id") == tenant)
    except (MemoryBankError, ValueError):
        return False
