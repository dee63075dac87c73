"""A volume grows: by the spec, or by itself as it fills up; and what is said where it cannot."""

import http.server
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from memorybank_operator import growth
from memorybank_operator.desired import storage
from memorybank_operator.handlers import Operator
from memorybank_operator.kinds import DEPLOYMENT, EVENT, POD, TENANT, VOLUME_CLAIM
from memorybank_operator.measured import Reading
from memorybank_operator.news import news
from memorybank_operator.observe import observe

from .conftest import Start
from .kube import Answer, Kube, Manifest, condition_of
from .tenants import context, tenant
from .test_observe import NOW, seen, told
from .test_quiet import requests, since

GI = 1 << 30
ADDRESS = "127.9.0.2"


def claim(asked: str = "10Gi", capacity: str | None = "10Gi") -> Manifest:
    status = {"phase": "Bound", "capacity": {"storage": capacity}} if capacity else {}
    return {"spec": {"resources": {"requests": {"storage": asked}}}, "status": status}


def reading(percent: float, *, gi: float = 10, claim: str | None = "10Gi") -> Reading:
    size = int(gi * GI)
    return Reading(active=1, faded=0, used_bytes=int(size * percent / 100), capacity_bytes=size, claim=claim)


def growing(size: str = "10Gi", grown: str | None = None, **rule: Any) -> Any:
    status = {"storage": {"capacity": "10Gi", **({"grownTo": grown} if grown else {})}}
    return tenant(status=status, storage={"size": size, "autoGrow": {"max": "100Gi", **rule}})


@pytest.mark.parametrize(
    ("one", "there", "read", "asked"),
    [
        (growing(), claim(), reading(79.9), None),
        (growing(), claim(), reading(80), "13Gi"),  # 12.5, in whole Gi
        (growing(atPercent=60), claim(), reading(61), "13Gi"),
        (growing(stepPercent=100), claim(), reading(99), "20Gi"),
        (growing(max="11Gi"), claim(), reading(99), "11Gi"),
        (growing(max="10Gi"), claim(), reading(99), None),
        (growing(size="1Gi"), claim("1Gi", "1Gi"), reading(90, gi=1, claim="1Gi"), "1280Mi"),
        (growing(grown="13Gi"), claim("13Gi", "10Gi"), reading(99), "13Gi"),  # under way
        (growing(grown="13Gi"), claim("10Gi", "10Gi"), reading(99), "13Gi"),  # decided, not asked for yet
        (growing(grown="13Gi"), claim("13Gi", "13Gi"), reading(99), "13Gi"),  # read before it grew
        (growing(grown="13Gi"), claim("13Gi", "13Gi"), reading(85, gi=13, claim="13Gi"), "17Gi"),
        (growing(grown="13Gi"), claim("13Gi", "13Gi"), None, "13Gi"),  # nobody to ask
        (growing(size="20Gi", grown="13Gi"), claim("20Gi", "20Gi"), None, None),  # the spec overtook it
        (growing(grown="20Gi", max="15Gi"), claim("20Gi", "20Gi"), None, "15Gi"),  # max lowered
        (growing(), claim("20Gi", "20Gi"), reading(85, gi=20, claim="20Gi"), "25Gi"),  # adopted
        (growing(), claim(capacity=None), reading(99), None),
        (growing(), None, reading(99), None),
        (growing(), claim(), reading(90, gi=500), None),  # a folder of the node's disk, not a volume of its own
        (tenant(storage={"size": "10Gi"}), claim(), reading(99), None),
        (tenant(status={"storage": {"grownTo": "13Gi"}}), claim("13Gi", "13Gi"), reading(99), None),  # switched off
    ],
)
def test_a_volume_that_fills_up_is_asked_to_grow_by_steps(
    one: Any, there: Manifest | None, read: Reading | None, asked: str | None
) -> None:
    assert growth.grown_to(one, there, read) == asked


@pytest.mark.parametrize(
    ("grown", "asked", "capacity", "claimed"),
    [("13Gi", "10Gi", "10Gi", "13Gi"), ("13Gi", "13Gi", "10Gi", "13Gi"), ("13Gi", "20Gi", "20Gi", "20Gi")],
)
def test_the_claim_asks_for_what_it_grew_to(grown: str, asked: str, capacity: str, claimed: str) -> None:
    there = context(volume_request=asked, volume_capacity=capacity)
    assert storage.claim_size(growing(grown=grown), there) == claimed


@pytest.mark.parametrize(("percent", "often"), [(69, False), (70, True)])
def test_a_volume_that_fills_up_is_looked_at_more_often(percent: float, often: bool) -> None:
    assert reading(percent).fills == often


def test_at_its_max_it_is_said_until_there_is_room_again() -> None:
    one, there = growing(max="10Gi"), {VOLUME_CLAIM: claim(), DEPLOYMENT: seen().children[DEPLOYMENT]}
    full = observe(one, seen(children=there, reading=reading(85)), NOW)
    assert told(full, "StorageReady") == ("True", "VolumeAtMax")
    assert told(full, "Ready")[0] == "True"
    before = {"storage": {"capacity": "10Gi"}, "conditions": [_plain(each) for each in full.conditions]}
    again = tenant(status=before, storage={"size": "10Gi", "autoGrow": {"max": "10Gi"}})
    for read, reason in ((None, "VolumeAtMax"), (reading(76), "VolumeAtMax"), (reading(74), "VolumeBound")):
        status = observe(again, seen(children=there, reading=read), NOW)
        assert told(status, "StorageReady") == ("True", reason)
    assert "VolumeAtMax" in [said.reason for said in news(one, full, None)]
    assert "VolumeAtMax" not in [said.reason for said in news(again, full, None)]


def _plain(condition: Any) -> Manifest:
    names = {"last_transition_time": "lastTransitionTime", "observed_generation": "observedGeneration"}
    return {names.get(name, name): getattr(condition, name) for name in condition.__struct_fields__}


# --- on the real API server


async def storage_class(kube: Kube, namespace: str, *, expands: bool) -> str:
    made = {"metadata": {"name": namespace}, "provisioner": "none.example", "allowVolumeExpansion": expands}
    await kube.call("POST", "/apis/storage.k8s.io/v1/storageclasses", made)
    return namespace


async def ready(kube: Kube, namespace: str, **wanted: Any) -> None:
    await kube.observed(await kube.tenant(namespace, storage={"storageClassName": namespace, **wanted}))
    await kube.volume(namespace, storage_class=namespace)
    await kube.ready_pod(namespace)
    await kube.condition(namespace, "Ready", "True")


async def grown(kube: Kube, namespace: str, size: str) -> None:
    """What the driver does."""
    await kube.merge(VOLUME_CLAIM, namespace, "customer1", {"status": {"capacity": {"storage": size}}}, "status")


async def asked_for(kube: Kube, namespace: str, size: str) -> Manifest:
    def asks(found: Manifest | None) -> bool:
        return found is not None and found["spec"]["resources"]["requests"]["storage"] == size

    return await kube.until(VOLUME_CLAIM, namespace, "customer1", asks)


async def events(kube: Kube, namespace: str, reason: str) -> list[Manifest]:
    return [event for event in await kube.list(EVENT, namespace) if event["reason"] == reason]


class Metrics:
    """A tenant pod's metrics port, which tells of a volume as full as the test says."""

    def __init__(self) -> None:
        self.used, self.size = 0.0, 10.0
        metrics = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(metrics.text().encode())

            def log_message(self, format: str, *args: object) -> None:
                """The test's own requests are not logged."""

        self._server = http.server.ThreadingHTTPServer((ADDRESS, 9090), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def text(self) -> str:
        return (
            'memorybank_memories{state="active"} 1.0\nmemorybank_memories{state="faded"} 0.0\n'
            f"memorybank_volume_used_bytes {self.used * GI}\nmemorybank_volume_capacity_bytes {self.size * GI}\n"
        )

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def metrics() -> Iterator[Metrics]:
    metrics = Metrics()
    yield metrics
    metrics.stop()


async def read(operator: Operator) -> None:
    """The tenants' metrics now, whether it is time or not."""
    operator.readings._due.clear()
    await operator.readings.read()


async def test_a_volume_grows_by_itself_up_to_its_max_and_events_say_so(
    kube: Kube, namespace: str, start: Start, metrics: Metrics
) -> None:
    await storage_class(kube, namespace, expands=True)
    async with start() as operator:
        metrics.used = 7.5
        await ready(kube, namespace, size="10Gi", autoGrow={"max": "15Gi"})
        pod = await kube.pod(namespace)
        where = {"status": {"podIP": ADDRESS, "podIPs": [{"ip": ADDRESS}]}}
        await kube.merge(POD, namespace, pod["metadata"]["name"], where, "status")
        await kube.until(TENANT, namespace, "customer1", lambda one: one and "usedBytes" in one["status"]["storage"])
        deployment = await kube.get(DEPLOYMENT, namespace, "customer1")

        metrics.used = 8.1
        await read(operator)
        await asked_for(kube, namespace, "13Gi")
        tenant = await kube.condition(namespace, "StorageReady", "True", reason="VolumeGrowing")
        assert tenant["status"]["storage"]["grownTo"] == "13Gi"
        assert tenant["spec"]["storage"]["size"] == "10Gi"
        metrics.used = 9.9
        await read(operator)
        await operator.queue.settled()
        await asked_for(kube, namespace, "13Gi")  # not again while it grows

        await grown(kube, namespace, "13Gi")
        metrics.size = 13
        await kube.condition(namespace, "StorageReady", "True", reason="VolumeBound")
        await operator.queue.settled()
        await asked_for(kube, namespace, "13Gi")

        metrics.used = 12
        await read(operator)
        await asked_for(kube, namespace, "15Gi")
        await grown(kube, namespace, "15Gi")
        metrics.size = 15
        await read(operator)
        await kube.condition(namespace, "StorageReady", "True", reason="VolumeAtMax")
        await kube.condition(namespace, "Ready", "True")
        await read(operator)
        operator.resync()
        await operator.queue.settled()
        told = sorted(event["message"].split()[-1] for event in await events(kube, namespace, "VolumeGrows"))
        assert told == ["13Gi.", "15Gi."]
        (warning,) = await events(kube, namespace, "VolumeAtMax")
        assert warning["type"] == "Warning"
        assert "spec.storage.autoGrow.max (15Gi)" in warning["message"]
        again = await kube.get(DEPLOYMENT, namespace, "customer1")
        assert again["metadata"]["generation"] == deployment["metadata"]["generation"]
    counted = requests()
    async with start() as operator:  # nobody has read anything yet
        await operator.queue.settled()
        assert since(counted) == {}


async def test_a_growth_that_was_decided_survives_the_operator_and_is_taken_back_with_the_rule(
    kube: Kube, namespace: str, start: Start
) -> None:
    await storage_class(kube, namespace, expands=True)
    async with start():
        await ready(kube, namespace, size="10Gi", autoGrow={"max": "15Gi"})
    await kube.merge(TENANT, namespace, "customer1", {"status": {"storage": {"grownTo": "13Gi"}}}, "status")
    async with start():
        await asked_for(kube, namespace, "13Gi")
        await kube.change(namespace, storage={"autoGrow": {"max": "11Gi"}})
        await asked_for(kube, namespace, "11Gi")
        tenant = await kube.observed(await kube.change(namespace, storage={"size": "12Gi", "autoGrow": None}))
        await asked_for(kube, namespace, "12Gi")
        assert "grownTo" not in tenant["status"]["storage"]


async def test_a_growth_that_is_given_up_before_the_volume_has_grown(kube: Kube, namespace: str, start: Start) -> None:
    await storage_class(kube, namespace, expands=True)
    async with start():
        await ready(kube, namespace, size="10Gi")
        await kube.change(namespace, storage={"size": "20Gi"})
        await asked_for(kube, namespace, "20Gi")
        await kube.change(namespace, storage={"size": "10Gi"})
        await asked_for(kube, namespace, "10241Mi")  # the least that the API server takes
        await grown(kube, namespace, "11Gi")
        tenant = await kube.condition(namespace, "StorageReady", "True", reason="VolumeBound")
        assert condition_of(tenant, "Stalled")["status"] == "False"  # type: ignore[index]


async def test_a_class_that_cannot_grow_is_said_and_holds_up_nothing_else(
    kube: Kube, namespace: str, start: Start
) -> None:
    await storage_class(kube, namespace, expands=False)
    async with start() as operator:
        await ready(kube, namespace, size="10Gi")
        deployment = await kube.get(DEPLOYMENT, namespace, "customer1")
        ready_now = {"status": {"replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "observedGeneration": 1}}
        await kube.merge(DEPLOYMENT, namespace, "customer1", ready_now, "status")
        await kube.change(
            namespace, storage={"size": "20Gi"}, deletionPolicy="Delete", image="registry.example/memorybank:v2"
        )
        tenant = await kube.condition(namespace, "StorageReady", "False", reason="VolumeNotExpandable")
        message = str(condition_of(tenant, "StorageReady"))
        assert "allowVolumeExpansion: true" in message
        assert "set spec.storage.size back to what status.storage.capacity says" in message
        assert condition_of(tenant, "Ready")["reason"] == "VolumeNotExpandable"  # type: ignore[index]
        claim = await kube.until(
            VOLUME_CLAIM, namespace, "customer1", lambda one: one and "ownerReferences" in one["metadata"]
        )
        assert claim["spec"]["resources"]["requests"]["storage"] == "10Gi"
        assert tenant["status"]["image"] == "registry.example/memorybank:v2"
        changed = await kube.get(DEPLOYMENT, namespace, "customer1")
        assert changed["metadata"]["generation"] > deployment["metadata"]["generation"]
        operator.resync()
        await operator.queue.settled()
        assert len(await events(kube, namespace, "VolumeNotExpandable")) == 1
        await kube.change(namespace, storage={"size": "10Gi"})
        await kube.condition(namespace, "StorageReady", "True")
        await kube.condition(namespace, "Stalled", "False")


async def test_a_max_below_the_size_is_refused(kube: Kube, namespace: str) -> None:
    with pytest.raises(Answer, match=r"autoGrow.max is below size: raise it, or remove autoGrow"):
        await kube.tenant(namespace, storage={"size": "20Gi", "autoGrow": {"max": "10Gi"}})
