"""Silent when idle, at a restart, and after its own writes: the operator within the test, its requests counted."""

from collections.abc import Mapping
from typing import Any

from prometheus_client import REGISTRY

from memorybank_operator.handlers import Operator
from memorybank_operator.kinds import CHILDREN, DEPLOYMENT, OPTIONAL, SECRET, SERVICE, TENANT

from .conftest import Start
from .kube import Kube

WRITES = ("create", "update", "apply", "patch", "delete")


def requests(verbs: tuple[str, ...] = WRITES) -> Mapping[str, float]:
    """Requests so far by verb and resource."""
    return {
        f"{sample.labels['verb']} {sample.labels['resource']}": sample.value
        for metric in REGISTRY.collect()
        if metric.name == "memorybank_operator_api_requests"
        for sample in metric.samples
        if sample.name.endswith("_total") and sample.labels["verb"] in verbs
    }


def since(before: Mapping[str, float], verbs: tuple[str, ...] = WRITES) -> dict[str, float]:
    now = requests(verbs)
    return {name: count - before.get(name, 0) for name, count in now.items() if count != before.get(name, 0)}


async def versions(kube: Kube, namespace: str) -> dict[str, str]:
    """The version of every object of the tenant but its pods, which others write too."""
    found = {}
    for kind in (*CHILDREN, TENANT, SECRET):
        if kind not in OPTIONAL:
            for item in await kube.list(kind, namespace):
                found[f"{kind.kind}/{item['metadata']['name']}"] = item["metadata"]["resourceVersion"]
    return found


async def ready(kube: Kube, operator: Operator, namespace: str, **spec: Any) -> None:
    await kube.tenant(namespace, **spec)
    await kube.until(DEPLOYMENT, namespace, "customer1", lambda found: found)
    await kube.play_node(namespace)
    await kube.condition(namespace, "Ready", "True")
    await operator.queue.settled()


async def test_looking_at_an_unchanged_tenant_writes_nothing(kube: Kube, namespace: str, start: Start) -> None:
    async with start() as operator:
        await ready(kube, operator, namespace, hostname=f"{namespace}.example.com")
        counted, before = requests(), await versions(kube, namespace)
        for _ in range(3):
            operator.resync()
            await operator.queue.settled()
        assert since(counted) == {}
        assert await versions(kube, namespace) == before


async def test_a_restart_writes_nothing(kube: Kube, namespace: str, start: Start) -> None:
    async with start() as operator:
        await ready(kube, operator, namespace, hostname=f"{namespace}.example.com")
    counted, before = requests(), await versions(kube, namespace)
    async with start() as operator:
        operator.resync()
        await operator.queue.settled()
        assert since(counted) == {}
    assert await versions(kube, namespace) == before


async def test_a_new_default_image_restarts_no_tenant(kube: Kube, namespace: str, start: Start) -> None:
    async with start(image="registry.example/memorybank:v1") as operator:
        await ready(kube, operator, namespace)
    counted = requests()
    async with start(image="registry.example/memorybank:v2") as operator:
        operator.resync()
        await operator.queue.settled()
        assert since(counted) == {}
        newer = await kube.observed(await kube.tenant(namespace, "customer2"))
        assert newer["status"]["image"] == "registry.example/memorybank:v2"


async def test_no_finalizer_holds_an_object(kube: Kube, namespace: str, start: Start) -> None:
    async with start() as operator:
        await ready(kube, operator, namespace)
        for kind in (TENANT, DEPLOYMENT):
            assert "finalizers" not in (await kube.get(kind, namespace, "customer1"))["metadata"]


async def test_a_change_that_happens_while_the_operator_is_away_is_made_up_for(
    kube: Kube, namespace: str, start: Start
) -> None:
    async with start() as operator:
        await ready(kube, operator, namespace)
    await kube.delete(DEPLOYMENT, namespace, "customer1")
    await kube.change(namespace, forgetting={"thresholdPercent": 25})
    async with start():
        found = await kube.until(DEPLOYMENT, namespace, "customer1", lambda found: found)
    variables = {one["name"]: one.get("value") for one in found["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert variables["FORGETTING_THRESHOLD"] == "0.25"


def counted(phase: str) -> float | None:
    return REGISTRY.get_sample_value("memorybank_operator_tenants", {"phase": phase})


async def test_tenants_are_counted_by_their_phase_also_after_a_restart(
    kube: Kube, namespace: str, start: Start
) -> None:
    async with start() as operator:
        await ready(kube, operator, namespace)
        assert (counted("Ready"), counted("Provisioning"), counted("Pending")) == (1, 0, 0)
    async with start() as operator:
        await operator.queue.settled()
        assert counted("Ready") == 1


async def test_what_is_deleted_while_the_watches_begin_is_noticed(kube: Kube, namespace: str, start: Start) -> None:
    async with start() as operator:
        await ready(kube, operator, namespace)
    async with start():
        service = await kube.get(SERVICE, namespace, "customer1")
        await kube.delete(SERVICE, namespace, "customer1")
        uid = service["metadata"]["uid"]
        await kube.until(SERVICE, namespace, "customer1", lambda found: found and found["metadata"]["uid"] != uid)
