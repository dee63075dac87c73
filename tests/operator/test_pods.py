"""Why a tenant's pod does not answer."""

import datetime
from typing import Any

import pytest

from memorybank_operator.api.status import Problem
from memorybank_operator.kinds import DEPLOYMENT, VOLUME_CLAIM
from memorybank_operator.observe import Told, observe
from memorybank_operator.observe.pods import pod_state
from memorybank_operator.observe.waiting import overdue, waiting

from .tenants import tenant
from .test_observe import CLAIM, NOW, deployment, seen, told

CREATED = "2026-01-02T03:00:00Z"
RUNNING = [{"image": "i:1", "state": {"running": {}}, "started": True, "ready": True}]


def pod(name: str = "new", created: str = CREATED, deleted: str = "", **status: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "customers", "uid": name, "creationTimestamp": created}
    if deleted:
        metadata["deletionTimestamp"] = deleted
    return {"metadata": metadata, "spec": {"nodeName": "node-7"}, "status": status}


def state(*pods: dict[str, Any], events: dict[str, Told] | None = None) -> Problem:
    return pod_state(seen(pods=pods, told=events or {}), tenant(), NOW)


def ready(value: str) -> dict[str, str]:
    return {"type": "Ready", "status": value, "lastTransitionTime": CREATED}


def disrupted(reason: str) -> list[dict[str, str]]:
    return [{"type": "DisruptionTarget", "status": "True", "reason": reason}]


CONTAINERS_READY = {"type": "ContainersReady", "status": "True"}


def test_a_node_that_falls_silent_is_lost_and_the_taint_that_frees_the_volume_is_named() -> None:
    silent = pod(phase="Running", conditions=[ready("False"), CONTAINERS_READY], containerStatuses=RUNNING)
    problem = state(silent)
    assert problem.reason == "NodeLost"
    assert "kubectl taint nodes node-7 node.kubernetes.io/out-of-service=nodeshutdown:NoExecute" in problem.message


def test_a_pod_whose_own_container_is_not_ready_is_on_no_lost_node() -> None:
    unready = pod(conditions=[ready("False"), {"type": "ContainersReady", "status": "False"}])
    assert state(unready).reason == "PodStarting"


def test_a_pod_that_cannot_end_on_a_lost_node_comes_before_the_one_that_waits_for_it() -> None:
    gone = pod("old", deleted="2026-01-02T03:00:00Z", conditions=disrupted("DeletionByTaintManager"))
    next_one = pod(conditions=[{"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available: 1 x"}])
    problem = state(gone, next_one)
    assert problem.reason == "NodeLost"
    assert "node-7 is lost, and the pod old on it cannot end" in problem.message
    assert state(next_one).reason == "Unschedulable"  # healed, as far as the node is concerned


def test_a_pod_that_does_not_end_on_a_node_that_answers_is_told_apart() -> None:
    assert state(pod("old", deleted="2026-01-02T03:00:00Z"), pod()).reason == "PodTerminating"


def test_within_its_grace_period_a_pod_may_end_quietly() -> None:
    ending = pod("old", deleted="2026-01-02T03:04:00Z")
    assert state(ending, pod()) == Problem(state(ending, pod()).reason, "The pod starts when the former one has ended.")
    assert overdue(seen(pods=(ending,)), NOW) == datetime.datetime(2026, 1, 2, 3, 5, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("former", "reason", "said"),
    [
        (
            {
                "phase": "Failed",
                "reason": "Evicted",
                "message": "The node was low on resource: memory. Threshold quantity: 100Mi, available: 7Mi. ",
            },
            "PodEvicted",
            "(The node was low on resource: memory) and is started anew: ask for what it needs in",
        ),
        ({"phase": "Failed", "conditions": disrupted("PreemptionByScheduler")}, "PodPreempted", "priorityClassName"),
        ({"phase": "Failed", "conditions": disrupted("EvictionByEvictionAPI")}, "NodeDrained", "node-7"),
        ({"phase": "Failed", "conditions": disrupted("DeletionByPodGC")}, "NodeLost", "node-7 is gone"),
    ],
)
def test_a_pod_that_was_taken_away_is_explained_until_the_next_one_is_ready(
    former: dict[str, Any], reason: str, said: str
) -> None:
    taken = pod("old", created="2026-01-02T02:00:00Z", **former)
    for pods in ((taken,), (taken, pod())):
        assert state(*pods).reason == reason
        assert said in state(*pods).message
    children = {VOLUME_CLAIM: CLAIM, DEPLOYMENT: deployment()}
    assert told(observe(tenant(), seen(children=children, pods=(taken, pod())), NOW), "Ready")[0] == "True"


def test_what_the_next_pod_says_itself_goes_before_what_became_of_the_former() -> None:
    former = pod("old", created="2026-01-02T02:00:00Z", phase="Failed", reason="Evicted")
    image = pod(containerStatuses=[{"image": "i:1", "state": {"waiting": {"reason": "ErrImagePull"}}}])
    assert state(former, image).reason == "ImagePullFailed"


@pytest.mark.parametrize(
    ("event", "reason", "said"),
    [
        (Told("FailedAttachVolume", "Multi-Attach error"), "VolumeNotAttached", "out-of-service"),
        (Told("FailedMount", "MountVolume.SetUp failed"), "VolumeNotMounted", "MountVolume.SetUp failed"),
        (Told("FailedScheduling", "Insufficient cpu"), "Unschedulable", "Insufficient cpu"),
        (Told("FailedCreatePodSandBox", "no network"), "PodStarting", "FailedCreatePodSandBox: no network"),
    ],
)
def test_what_only_events_tell_of_a_pod_that_waits_is_said(event: Told, reason: str, said: str) -> None:
    problem = state(pod(), events={"new": event})
    assert problem.reason == reason
    assert said in problem.message


def test_a_pod_that_waits_for_its_volume_points_to_the_volume() -> None:
    message = "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found"
    waits = pod(conditions=[{"type": "PodScheduled", "status": "False", "message": message}])
    assert "see the condition StorageReady" in state(waits).message


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("0/1 nodes are available: 1 node(s) were unschedulable.", "kubectl uncordon"),
        ("0/1 nodes are available: 1 node(s) had volume node affinity conflict.", "cannot leave its node or zone"),
        ("0/9 nodes are available: 9 Insufficient memory.", "spec.resources.requests"),
    ],
)
def test_a_pod_that_no_node_takes_is_told_what_would_help(message: str, said: str) -> None:
    waits = pod(conditions=[{"type": "PodScheduled", "status": "False", "message": message}])
    assert state(waits).reason == "Unschedulable"
    assert said in state(waits).message


def test_a_pod_is_given_a_moment_to_become_ready() -> None:
    running = [{"image": "i:1", "state": {"running": {}}, "started": True, "ready": False}]
    fresh = pod(
        containerStatuses=running, conditions=[{**ready("False"), "lastTransitionTime": "2026-01-02T03:04:00Z"}]
    )
    assert state(fresh).reason == "PodStarting"
    probe = Told("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503")
    old = pod(containerStatuses=running, conditions=[ready("False")])
    assert state(old).reason == "PodNotReady"
    assert "statuscode: 503" in state(old, events={"new": probe}).message


def test_a_finished_init_container_is_no_crash() -> None:
    done = {"image": "i:1", "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}, "ready": True}
    assert state(pod(initContainerStatuses=[done])).reason == "PodStarting"


def flapping(reason: str, message: str) -> dict[str, Any]:
    return pod(containerStatuses=[{"image": "i:1", "state": {"waiting": {"reason": reason, "message": message}}}])


def test_an_image_that_cannot_be_pulled_is_one_story_however_kubelet_tells_it() -> None:
    children = {VOLUME_CLAIM: CLAIM, DEPLOYMENT: deployment(ready=0)}
    tries = [
        flapping("ErrImagePull", 'failed to pull and unpack image "i:1": not found'),
        flapping("ImagePullBackOff", 'Back-off pulling image "i:1"'),
        flapping("ErrImagePull", 'rpc error: code = NotFound desc = "i:1": not found'),
        flapping("ImagePullBackOff", 'Back-off pulling image "i:1": ErrImagePull: not found'),
    ]
    shown: dict[str, Any] = {}
    stories = []
    for one in tries:
        status = observe(tenant(status=shown), seen(children=children, pods=(one,)), NOW)
        message = next(one.message for one in status.conditions if one.type == "Available")
        stories.append(message)
        kept = {"type": "Available", "status": "False", "reason": "ImagePullFailed", "message": message}
        shown = {"conditions": [{**kept, "lastTransitionTime": CREATED, "observedGeneration": 3}]}
    assert len(set(stories)) == 1
    assert "the registry has no such image: correct spec.image" in stories[0]


def test_events_are_wanted_of_what_waits_in_silence_and_of_nothing_else() -> None:
    claim = {"metadata": {"uid": "c", "creationTimestamp": CREATED}, "spec": {"storageClassName": "fast"}}
    pending = {**claim, "status": {"phase": "Pending"}}
    children = {DEPLOYMENT: deployment(ready=0), VOLUME_CLAIM: pending}
    silent = seen(children=children, pods=(pod(),))
    assert set(waiting(tenant(), silent, NOW)) == {"c", "new"}
    assert waiting(tenant(), seen(), NOW) == {}
    speaking = seen(children={DEPLOYMENT: deployment(ready=0)}, pods=(flapping("ErrImagePull", ""),))
    assert waiting(tenant(), speaking, NOW) == {}
    assert waiting(tenant(hibernate=True), silent, NOW) == {}
