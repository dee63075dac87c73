"""`memorybank-operator check-installation`: what `helm test` asks.

Does the operator run, is its API served, do the tenants answer? It waits for each for a while, as an installation may
be some seconds old, and says what it found.
"""

import asyncio
import functools
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from memorybank_operator.answers import Transient
from memorybank_operator.cluster import Cluster
from memorybank_operator.kinds import DEPLOYMENT, TENANT
from memorybank_operator.kubeconfig import Connection
from memorybank_operator.wire import Wire

WAIT_SECONDS: Final = 120.0
LOOK_SECONDS: Final = 1.0
REQUEST_SECONDS: Final = 5.0

Question = Callable[[], Awaitable[str | None]]
"""Says what is wrong, None: nothing."""


async def operator_runs(cluster: Cluster, namespace: str, name: str) -> str | None:
    """Whether a pod of the operator is ready."""
    try:
        found = await cluster.get(DEPLOYMENT, namespace, name)
    except Transient as error:
        return f"Deployment {namespace}/{name} cannot be read: {error}"
    if not available(found):
        return f"no pod of it is available: see kubectl -n {namespace} describe deployment {name}"
    return None


def available(deployment: Mapping[str, Any]) -> bool:
    """Whether a pod of it is, as far as its controller has seen its newest generation."""
    status = deployment.get("status") or {}
    seen: int = status.get("observedGeneration", 0)
    return seen >= deployment["metadata"]["generation"] and bool(status.get("availableReplicas"))


async def api_is_served(cluster: Cluster) -> str | None:
    """Whether the API server knows the custom resource."""
    try:
        served = await cluster.served([TENANT])
    except Transient as error:
        return f"the API server cannot be asked: {error}"
    return None if served else f"{TENANT.plural} are not served: apply the chart's crds/"


async def tenant_answers(url: str) -> str | None:
    """Whether the tenant at this address says that it is ready."""
    try:
        async with Wire(url) as tenant:
            answer = await tenant.ask("GET", "/readyz", headers={}, seconds=REQUEST_SECONDS)
    except OSError as error:
        return f"{url}/readyz does not answer: {str(error) or 'too slow'}"
    return None if answer.status == 200 else f"{url}/readyz answers {answer.status}"


async def run(connection: Connection, arguments: Sequence[str], wait_seconds: float = WAIT_SECONDS) -> int:
    """The command, for NAMESPACE/DEPLOYMENT and any number of NAMESPACE/TENANT; answers the exit status."""
    pairs = [tuple(argument.split("/")) for argument in arguments]
    if not pairs or any(len(pair) != 2 for pair in pairs):
        sys.stderr.write("usage: memorybank-operator check-installation NAMESPACE/DEPLOYMENT [NAMESPACE/TENANT ...]\n")
        return 2
    (namespace, name), tenants = pairs[0], pairs[1:]
    async with Cluster(connection) as cluster:
        questions: dict[str, Question] = {
            f"the operator {namespace}/{name} runs": lambda: operator_runs(cluster, namespace, name),
            f"{TENANT.plural} are served": lambda: api_is_served(cluster),
        }
        for home, tenant in tenants:
            url = f"http://{tenant}.{home}.svc"
            questions[f"tenant {home}/{tenant} answers"] = functools.partial(tenant_answers, url)
        return await answer(questions, wait_seconds)


async def answer(questions: Mapping[str, Question], wait_seconds: float) -> int:
    """Ask all at once, each until nothing is wrong or the time is over; say what was found."""

    async def settle(ask: Question) -> str | None:
        deadline = asyncio.get_running_loop().time() + wait_seconds
        while True:
            wrong = await ask()
            if wrong is None or asyncio.get_running_loop().time() >= deadline:
                return wrong
            await asyncio.sleep(min(LOOK_SECONDS, wait_seconds))

    found = await asyncio.gather(*(settle(ask) for ask in questions.values()))
    for title, wrong in zip(questions, found, strict=True):
        sys.stdout.write(f"FAILED: {title}: {wrong}\n" if wrong else f"ok: {title}\n")
    return 1 if any(found) else 0
