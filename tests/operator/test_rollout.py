"""A new image rolls over the tenants in waves, is taken back from where it fails, and tried again when asked."""

import asyncio
from typing import Any

from e2e.cluster.controlplane import ControlPlane
from memorybank_operator.kinds import DEPLOYMENT, EVENT, POD, TENANT

from .conftest import OperatorProcess, Start
from .kube import SECONDS, Kube, Manifest, condition_of
from .test_quiet import requests, since

OLD, NEW, NEWER = (f"registry.example/memorybank:v{number}" for number in (1, 2, 3))
NAMES = ("customer1", "customer2", "customer3")


async def serving(kube: Kube, namespace: str, *names: str, **spec: Any) -> None:
    """Tenants that serve on the old image; the first is the oldest."""
    for name in names:
        await kube.tenant(namespace, name, image=OLD, **spec)
    for name in names:
        await kube.until(DEPLOYMENT, namespace, name, lambda found: found)
        await kube.play_node(namespace, name)
        await kube.condition(namespace, "Ready", "True", name)


def image(deployment: Manifest | None) -> str:
    return str((deployment or {})["spec"]["template"]["spec"]["containers"][0]["image"])


async def given(kube: Kube, namespace: str, name: str, wanted: str) -> Manifest:
    """The tenant's pod, as soon as it has an image, and the scheduler has said its word (that there is no node)."""
    await kube.until(DEPLOYMENT, namespace, name, lambda found: found and image(found) == wanted)
    async with asyncio.timeout(SECONDS):
        while True:
            pod = await kube.pod(namespace, name)
            if pod["spec"]["containers"][0]["image"] == wanted and pod["status"].get("conditions"):
                return pod
            await asyncio.sleep(0.02)


async def ready_on(kube: Kube, namespace: str, name: str, wanted: str) -> None:
    """The tenant's pod has an image, and says that it is ready on it."""
    await report(kube, await given(kube, namespace, name, wanted))


async def report(kube: Kube, pod: Manifest, **status: Any) -> None:
    told = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}], **status}
    metadata = pod["metadata"]
    await kube.merge(POD, metadata["namespace"], metadata["name"], {"status": told}, "status")


async def images(kube: Kube, namespace: str) -> dict[str, str]:
    return {found["metadata"]["name"]: image(found) for found in await kube.list(DEPLOYMENT, namespace)}


async def want(kube: Kube, namespace: str, wanted: str, *names: str) -> None:
    for name in names:
        await kube.change(namespace, name, image=wanted)


async def ask_again(kube: Kube, namespace: str, name: str, word: str = "now") -> None:
    annotations = {"memorybank.dev/reconcile": word}
    await kube.merge(TENANT, namespace, name, {"metadata": {"annotations": annotations}})


async def test_a_new_image_rolls_over_the_tenants_one_after_the_other(kube: Kube, namespace: str, start: Start) -> None:
    async with start(max_concurrent_rollouts=1) as operator:
        await serving(kube, namespace, *NAMES)
        await want(kube, namespace, NEW, *NAMES)
        for name in NAMES[1:]:
            waiting = await kube.condition(namespace, "Reconciling", "True", name, "RolloutQueued")
            assert condition_of(waiting, "Ready") is not None
            assert (condition_of(waiting, "Available") or {})["status"] == "True"
            assert (condition_of(waiting, "Ready") or {})["status"] == "False"
            assert (condition_of(waiting, "Stalled") or {})["status"] == "False"
            assert waiting["status"]["image"] == OLD
        for turn, name in enumerate(NAMES):
            await given(kube, namespace, name, NEW)
            await operator.queue.settled()
            expected = {one: NEW if index <= turn else OLD for index, one in enumerate(NAMES)}
            assert await images(kube, namespace) == expected
            await ready_on(kube, namespace, name, NEW)
            done = await kube.condition(namespace, "Ready", "True", name)
            assert done["status"]["image"] == done["status"]["rollout"]["goodImage"] == NEW


async def test_no_more_tenants_than_allowed_change_at_a_time(kube: Kube, namespace: str, start: Start) -> None:
    async with start(max_concurrent_rollouts=2) as operator:
        await serving(kube, namespace, *NAMES)
        await want(kube, namespace, NEW, *NAMES)
        await kube.condition(namespace, "Reconciling", "True", "customer3", "RolloutQueued")
        await operator.queue.settled()
        assert sorted((await images(kube, namespace)).values()) == [OLD, NEW, NEW]


async def test_a_waiting_tenant_gets_its_other_changes_at_once_on_its_old_image(
    kube: Kube, namespace: str, start: Start
) -> None:
    async with start(max_concurrent_rollouts=1):
        await serving(kube, namespace, "customer1", "customer2")
        await want(kube, namespace, NEW, "customer1", "customer2")
        await kube.condition(namespace, "Reconciling", "True", "customer2", "RolloutQueued")
        await kube.change(namespace, "customer2", forgetting={"thresholdPercent": 25})
        changed = await kube.until(
            DEPLOYMENT,
            namespace,
            "customer2",
            lambda found: found and variables(found)["FORGETTING_THRESHOLD"] == "0.25",
        )
        assert image(changed) == OLD


def variables(deployment: Manifest | None) -> dict[str, str]:
    return {
        variable["name"]: variable.get("value", "")
        for variable in (deployment or {})["spec"]["template"]["spec"]["containers"][0]["env"]
    }


async def test_a_tenant_that_wants_its_old_image_back_waits_no_more(kube: Kube, namespace: str, start: Start) -> None:
    async with start(max_concurrent_rollouts=1) as operator:
        await serving(kube, namespace, "customer1", "customer2")
        await want(kube, namespace, NEW, "customer1", "customer2")
        await kube.condition(namespace, "Reconciling", "True", "customer2", "RolloutQueued")
        await want(kube, namespace, OLD, "customer2")
        await kube.condition(namespace, "Ready", "True", "customer2")
        await operator.queue.settled()
        assert await images(kube, namespace) == {"customer1": NEW, "customer2": OLD}


async def test_making_and_waking_a_tenant_wait_for_no_turn(kube: Kube, namespace: str, start: Start) -> None:
    async with start(max_concurrent_rollouts=1):
        await serving(kube, namespace, "customer1", "customer2")
        await kube.change(namespace, "customer2", hibernate=True)
        await kube.condition(namespace, "Ready", "True", "customer2", "Hibernated")
        await want(kube, namespace, NEW, "customer1", "customer2")
        await given(kube, namespace, "customer1", NEW)
        await kube.tenant(namespace, "customer3", image=NEW)
        await kube.change(namespace, "customer2", hibernate=False)
        for name in ("customer2", "customer3"):
            await given(kube, namespace, name, NEW)


async def test_an_operator_that_restarts_in_the_middle_goes_on_where_it_was(
    kube: Kube, namespace: str, start: Start
) -> None:
    async with start(max_concurrent_rollouts=1) as operator:
        await serving(kube, namespace, *NAMES)
        await want(kube, namespace, NEW, *NAMES)
        for name in NAMES[1:]:
            await kube.condition(namespace, "Reconciling", "True", name, "RolloutQueued")
        await kube.condition(namespace, "Ready", "False", "customer1", "Unschedulable")
        await operator.queue.settled()
    counted = requests()
    async with start(max_concurrent_rollouts=1) as operator:
        operator.resync()
        await operator.queue.settled()
        assert since(counted) == {}
        await ready_on(kube, namespace, "customer1", NEW)
        await given(kube, namespace, "customer2", NEW)


async def test_what_was_asked_while_the_operator_was_away_goes_by_age(kube: Kube, namespace: str, start: Start) -> None:
    async with start(max_concurrent_rollouts=1):
        await serving(kube, namespace, *NAMES)
    await want(kube, namespace, NEW, *reversed(NAMES))
    async with start(max_concurrent_rollouts=1) as operator:
        for name in NAMES[1:]:
            await kube.condition(namespace, "Reconciling", "True", name, "RolloutQueued")
        await operator.queue.settled()
        assert await images(kube, namespace) == {"customer1": NEW, "customer2": OLD, "customer3": OLD}


async def test_an_image_that_does_not_become_ready_is_taken_back_and_holds_the_others(
    kube: Kube, namespace: str, start: Start
) -> None:
    async with start(max_concurrent_rollouts=1, rollout_deadline_seconds=2) as operator:
        await serving(kube, namespace, "customer1", "customer2")
        await want(kube, namespace, NEW, "customer1", "customer2")
        pod = await given(kube, namespace, "customer1", NEW)
        await start_on_a_node(kube, pod)
        stalled = await kube.condition(namespace, "Stalled", "True", "customer1", "RolledBack")
        message = (condition_of(stalled, "Ready") or {})["message"]
        assert NEW in message
        assert OLD in message
        assert "memorybank.dev/reconcile" in message
        await kube.end(pod)
        await ready_on(kube, namespace, "customer1", OLD)
        served = await kube.condition(namespace, "Available", "True", "customer1")
        assert (served["status"]["phase"], served["status"]["image"]) == ("Degraded", OLD)
        held = await kube.condition(namespace, "Reconciling", "True", "customer2", "RolloutPaused")
        assert f"{namespace}/customer1" in (condition_of(held, "Ready") or {})["message"]
        await operator.queue.settled()
        assert await images(kube, namespace) == {"customer1": OLD, "customer2": OLD}
        told = [event for event in await kube.list(EVENT, namespace) if event["reason"] == "RolledBack"]
        assert [(event["type"], event["involvedObject"]["name"]) for event in told] == [("Warning", "customer1")]


async def fail(kube: Kube, namespace: str) -> None:
    """The first tenant's pod crashes on the new image, and the second tenant waits therefore."""
    await serving(kube, namespace, "customer1", "customer2")
    await want(kube, namespace, NEW, "customer1", "customer2")
    await report(kube, await given(kube, namespace, "customer1", NEW), **crashing("the schema is of a later version"))
    await kube.condition(namespace, "Stalled", "True", "customer1", "RolledBack")
    await ready_on(kube, namespace, "customer1", OLD)
    await kube.condition(namespace, "Reconciling", "True", "customer2", "RolloutPaused")


NOT_READY = {"type": "Ready", "status": "False"}


async def start_on_a_node(kube: Kube, pod: Manifest) -> None:
    """Its container runs, and does not become ready."""
    await kube.bind(pod)
    container = {"name": "memorybank", "image": NEW, "imageID": "", "ready": False, "restartCount": 0}
    running = {"state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}
    told = [{"type": "PodScheduled", "status": "True"}, NOT_READY]
    await report(kube, pod, conditions=told, containerStatuses=[{**container, **running}])


def crashing(words: str, restarts: int = 5) -> Manifest:
    container = {
        "name": "memorybank",
        "image": NEW,
        "imageID": "",
        "ready": False,
        "restartCount": restarts,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"exitCode": 2, "message": words}},
    }
    return {"conditions": [NOT_READY], "containerStatuses": [container]}


async def test_a_pod_that_crashes_again_and_again_is_taken_back_before_the_deadline(
    kube: Kube, namespace: str, start: Start
) -> None:
    async with start(max_concurrent_rollouts=1):
        await fail(kube, namespace)
        found = await kube.get(TENANT, namespace, "customer1")
        assert "the schema is of a later version" in found["status"]["rollout"]["failed"]["message"]


async def test_a_restart_does_not_try_a_failed_image_again(kube: Kube, namespace: str, start: Start) -> None:
    async with start(max_concurrent_rollouts=1) as operator:
        await fail(kube, namespace)
        await kube.condition(namespace, "Available", "True", "customer1")
        await operator.queue.settled()
    counted = requests()
    async with start(max_concurrent_rollouts=1) as operator:
        operator.resync()
        await operator.queue.settled()
        assert since(counted) == {}


async def test_a_failed_image_is_tried_again_when_asked_and_the_others_follow(
    kube: Kube, namespace: str, start: Start
) -> None:
    async with start(max_concurrent_rollouts=1) as operator:
        await fail(kube, namespace)
        await ask_again(kube, namespace, "customer1")
        await given(kube, namespace, "customer1", NEW)
        await operator.queue.settled()
        assert (await images(kube, namespace))["customer2"] == OLD
        await ready_on(kube, namespace, "customer1", NEW)
        await kube.condition(namespace, "Ready", "True", "customer1")
        await ready_on(kube, namespace, "customer2", NEW)
        await kube.condition(namespace, "Ready", "True", "customer2")


async def test_a_second_failure_after_asking_is_a_failure_again(kube: Kube, namespace: str, start: Start) -> None:
    async with start(max_concurrent_rollouts=1):
        await fail(kube, namespace)
        await ask_again(kube, namespace, "customer1")
        await report(kube, await given(kube, namespace, "customer1", NEW), **crashing("still of a later version"))
        again = await kube.until(
            TENANT, namespace, "customer1", lambda found: "still of" in str(condition_of(found, "Ready"))
        )
        assert (condition_of(again, "Stalled") or {})["reason"] == "RolledBack"
        await given(kube, namespace, "customer1", OLD)


async def test_a_repaired_spec_lets_the_others_go_on(kube: Kube, namespace: str, start: Start) -> None:
    async with start(max_concurrent_rollouts=1):
        await fail(kube, namespace)
        await want(kube, namespace, NEWER, "customer1")
        await ready_on(kube, namespace, "customer1", NEWER)
        await given(kube, namespace, "customer2", NEW)


async def test_a_failed_tenant_that_is_deleted_lets_the_others_go_on(kube: Kube, namespace: str, start: Start) -> None:
    async with start(max_concurrent_rollouts=1):
        await fail(kube, namespace)
        await kube.delete(TENANT, namespace, "customer1")
        await given(kube, namespace, "customer2", NEW)


async def test_a_tenant_that_was_never_ready_has_nothing_to_go_back_to(
    kube: Kube, namespace: str, start: Start
) -> None:
    async with start(rollout_deadline_seconds=1) as operator:
        await kube.tenant(namespace, image=OLD)
        pod = await given(kube, namespace, "customer1", OLD)
        await report(kube, pod, **crashing("no"))
        await kube.condition(namespace, "Available", "False", reason="CrashLoop")
        await want(kube, namespace, NEW, "customer1")
        await report(kube, await given(kube, namespace, "customer1", NEW), **crashing("no"))
        await asyncio.sleep(1.5)
        operator.resync()
        await operator.queue.settled()
        assert await images(kube, namespace) == {"customer1": NEW}


async def test_where_the_former_image_does_not_answer_either_nothing_flips(
    kube: Kube, namespace: str, start: Start
) -> None:
    async with start(max_concurrent_rollouts=1) as operator:
        await serving(kube, namespace, "customer1")
        await want(kube, namespace, NEW, "customer1")
        await report(kube, await given(kube, namespace, "customer1", NEW), **crashing("PORT is taken"))
        await report(kube, await given(kube, namespace, "customer1", OLD), **crashing("written by a newer version"))
        told = await kube.until(
            TENANT, namespace, "customer1", lambda found: "written by a newer" in str(condition_of(found, "Stalled"))
        )
        message = (condition_of(told, "Stalled") or {})["message"]
        assert "PORT is taken" in message
        assert told["status"]["phase"] == "Failed"
        counted = requests()
        operator.resync()
        await operator.queue.settled()
        assert since(counted) == {}
        assert await images(kube, namespace) == {"customer1": OLD}


async def test_an_edit_of_the_deployment_by_hand_makes_no_image_good(kube: Kube, namespace: str, start: Start) -> None:
    async with start():
        await serving(kube, namespace, "customer1")
    path = "/spec/template/spec/containers/0/image"
    await kube.edit(DEPLOYMENT, namespace, "customer1", {"op": "replace", "path": path, "value": NEWER})
    await ready_on(kube, namespace, "customer1", NEWER)
    async with start():
        await ready_on(kube, namespace, "customer1", OLD)
        found = await kube.condition(namespace, "Ready", "True", "customer1")
        assert found["status"]["rollout"]["goodImage"] == OLD


async def test_an_operator_that_is_killed_in_the_middle_of_a_wave_exceeds_nothing(
    plane: ControlPlane, kube: Kube, namespace: str
) -> None:
    settings = {"WATCH_NAMESPACES": namespace, "MAX_CONCURRENT_ROLLOUTS": "1"}
    process = OperatorProcess(plane.kubeconfig, POD_NAME="operator-0", **settings)
    process.start()
    await serving(kube, namespace, *NAMES)
    await want(kube, namespace, NEW, *NAMES)
    await given(kube, namespace, "customer1", NEW)
    process.kill()
    process.start()
    try:
        for name in NAMES[1:]:
            await kube.condition(namespace, "Reconciling", "True", name, "RolloutQueued")
        assert await images(kube, namespace) == {"customer1": NEW, "customer2": OLD, "customer3": OLD}
        await ready_on(kube, namespace, "customer1", NEW)
        await given(kube, namespace, "customer2", NEW)
    finally:
        assert process.stop() == 0
