"""`check-installation`: what `helm test` asks, and what it says."""

import http.server
import threading
from collections.abc import Iterator

import pytest

from memorybank_operator import check_installation
from memorybank_operator.kinds import DEPLOYMENT
from memorybank_operator.kubeconfig import Connection

from .kube import Kube

SPEC = {
    "selector": {"matchLabels": {"app": "operator"}},
    "template": {
        "metadata": {"labels": {"app": "operator"}},
        "spec": {"containers": [{"name": "operator", "image": "registry.example/operator:v1"}]},
    },
}


async def deployed(kube: Kube, namespace: str) -> None:
    """A Deployment of the operator, of which no pod will ever run, with a controller that has seen it."""
    await kube.create(DEPLOYMENT, namespace, "memorybank", spec={"replicas": 1, "paused": True, **SPEC})
    await kube.until(
        DEPLOYMENT, namespace, "memorybank", lambda found: found and found.get("status", {}).get("observedGeneration")
    )


async def test_an_operator_without_an_available_pod_is_told_with_where_to_look(
    kube: Kube, namespace: str, connection: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    await deployed(kube, namespace)

    assert await check_installation.run(connection, [f"{namespace}/memorybank"], wait_seconds=0) == 1
    told = capsys.readouterr().out.splitlines()
    assert f"FAILED: the operator {namespace}/memorybank runs: no pod of it is available" in told[0]
    assert told[1] == "ok: memorybanktenants are served"


async def test_a_missing_operator_and_a_tenant_that_does_not_answer_are_told(
    namespace: str, connection: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [f"{namespace}/memorybank", f"{namespace}/customer1"]

    assert await check_installation.run(connection, arguments, wait_seconds=0) == 1
    told = capsys.readouterr().out
    assert f"Deployment {namespace}/memorybank cannot be read" in told
    assert (
        f"FAILED: tenant {namespace}/customer1 answers: http://customer1.{namespace}.svc/readyz does not answer" in told
    )


async def test_without_a_name_it_says_how_it_is_called(
    connection: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await check_installation.run(connection, []) == 2
    assert "usage: memorybank-operator check-installation" in capsys.readouterr().err


@pytest.fixture
def tenant() -> Iterator[tuple[str, list[int]]]:
    """The address of a tenant, and the statuses that it answers with, one after another."""
    statuses = [200]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(statuses.pop(0) if len(statuses) > 1 else statuses[0])
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", statuses
        server.shutdown()
        thread.join()


async def test_a_tenant_that_becomes_ready_in_time_is_ready(
    tenant: tuple[str, list[int]], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, statuses = tenant
    statuses[:] = [503, 200]
    monkeypatch.setattr(check_installation, "LOOK_SECONDS", 0.01)

    asked = {"the tenant answers": lambda: check_installation.tenant_answers(url)}
    assert await check_installation.answer(asked, wait_seconds=5) == 0
    assert capsys.readouterr().out == "ok: the tenant answers\n"


async def test_a_tenant_that_stays_not_ready_is_told_with_its_answer(tenant: tuple[str, list[int]]) -> None:
    url, statuses = tenant
    statuses[:] = [503]

    assert await check_installation.tenant_answers(url) == f"{url}/readyz answers 503"


@pytest.mark.parametrize(("observed", "available", "runs"), [(2, 1, True), (1, 1, False), (2, 0, False)])
def test_an_available_pod_counts_once_the_newest_generation_is_observed(
    observed: int, available: int, runs: bool
) -> None:
    status = {"observedGeneration": observed, "availableReplicas": available}

    assert check_installation.available({"metadata": {"generation": 2}, "status": status}) is runs
