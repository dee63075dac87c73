"""What a tenant's own metrics say of it comes into its status, and comes there rarely."""

import http.server
import threading
from collections.abc import Iterator

import pytest

from memorybank_operator.api.status import MemoryCounts
from memorybank_operator.kinds import POD, TENANT
from memorybank_operator.measured import Reading
from memorybank_operator.observe import observe
from memorybank_operator.readings import parse

from .conftest import Start
from .kube import Kube
from .tenants import tenant
from .test_observe import NOW, seen
from .test_quiet import ready, requests, since

ADDRESS = "127.9.0.1"
METRICS = """\
# HELP memorybank_memories Memories by state.
# TYPE memorybank_memories gauge
memorybank_memories{state="active"} 9410.0
memorybank_memories{state="faded"} 312.0
memorybank_memories{state="expired"} 7.0
memorybank_volume_used_bytes 1.048576e+06
"""


@pytest.fixture
def metrics_port() -> Iterator[None]:
    """A tenant pod's metrics port, at an address of this test's own."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/metrics" else 404)
            self.end_headers()
            self.wfile.write(METRICS.encode())

        def log_message(self, format: str, *args: object) -> None:
            """The test's own requests are not logged."""

    server = http.server.ThreadingHTTPServer((ADDRESS, 9090), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.usefixtures("metrics_port")
async def test_what_an_available_tenant_counts_comes_into_its_status_once(
    kube: Kube, namespace: str, start: Start
) -> None:
    async with start() as operator:
        await ready(kube, operator, namespace)
        pod = await kube.pod(namespace)
        where = {"status": {"podIP": ADDRESS, "podIPs": [{"ip": ADDRESS}]}}
        await kube.merge(POD, namespace, pod["metadata"]["name"], where, "status")
        found = await kube.until(TENANT, namespace, "customer1", lambda one: one and "memories" in one["status"])
        assert found["status"]["memories"] == {"active": 9410, "faded": 312}
        assert found["status"]["storage"] == {"capacity": "10Gi", "usedBytes": 1048576}
        await operator.queue.settled()
        counted = requests()
        await operator.readings.read()
        operator.resync()
        await operator.queue.settled()
        assert since(counted) == {}


@pytest.mark.parametrize(
    ("active", "shown"),
    [(1000, 1000), (1050, 1000), (950, 1000), (1051, 1051), (949, 949), (0, 0)],
)
def test_a_count_is_shown_anew_when_it_has_changed_by_over_five_percent(active: int, shown: int) -> None:
    before = {"memories": {"active": 1000, "faded": 0}, "storage": {"capacity": "10Gi", "usedBytes": 500}}
    reading = Reading(active=active, faded=0, used_bytes=510)
    status = observe(tenant(status=before), seen(reading=reading), NOW)
    assert status.memories == MemoryCounts(active=shown, faded=0)
    assert status.storage is not None
    assert status.storage.used_bytes == 500


def test_without_a_reading_the_last_counts_stay() -> None:
    before = {"memories": {"active": 3, "faded": 1}, "storage": {"capacity": "10Gi", "usedBytes": 500}}
    status = observe(tenant(status=before), seen(), NOW)
    assert status.memories == MemoryCounts(active=3, faded=1)
    assert status.storage is not None
    assert status.storage.used_bytes == 500


@pytest.mark.parametrize(
    "text", ["", "memorybank_memories{state=", 'memorybank_memories{state="active"} NaN', "<html>"]
)
def test_an_answer_that_holds_no_figures_is_no_reading(text: str) -> None:
    assert parse(text) is None
