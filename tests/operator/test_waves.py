"""Who may roll now, and how a tenant's change stands."""

import datetime
from typing import Any

import pytest

from memorybank_operator.api.status import FailedImage, Reason, RolloutStatus
from memorybank_operator.rollout import Change, Stage, change, next_look, progress, still_failed
from memorybank_operator.seen import TenantKey
from memorybank_operator.waves import Waves

from .tenants import tenant

NOW = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
OLD, NEW = "i:1", "i:2"


def key(number: int) -> TenantKey:
    return TenantKey("customers", f"customer{number:03}")


def way(number: int, stage: Stage = Stage.WAITING, **given: Any) -> Change:
    usual = {"wanted": NEW, "good": OLD, "applied": OLD, "made": f"2026-01-01T00:00:{number:02}Z"}
    return Change(stage=stage, **{**usual, **given})


FAILED = FailedImage(image=NEW, message="it crashed", wish="w")


def test_the_oldest_go_first_whoever_asks_first() -> None:
    waves = Waves(2)
    waves.refresh((key(number), way(number)) for number in range(5))
    assert waves.leave(key(4), way(4)).image == OLD
    assert waves.leave(key(1), way(1)).image == NEW
    assert waves.leave(key(0), way(0)).image == NEW
    held = waves.leave(key(2), way(2)).held
    assert held is not None
    assert held.reason is Reason.ROLLOUT_QUEUED


def test_room_goes_to_the_next_in_line() -> None:
    waves = Waves(1)
    waves.refresh((key(number), way(number)) for number in range(3))
    waves.take_woken()
    waves.leave(key(0), way(0))
    waves.settle(key(0), way(0, Stage.ROLLING, applied=NEW))
    assert waves.take_woken() == set()
    waves.settle(key(0), None)
    assert waves.take_woken() == {key(1)}


def test_leave_that_could_not_be_used_goes_to_another() -> None:
    waves = Waves(1)
    waves.refresh((key(number), way(number)) for number in range(2))
    assert waves.leave(key(0), way(0)).image == NEW
    waves.settle(key(0), way(0))  # the API server refused it
    assert key(1) in waves.take_woken()
    assert waves.leave(key(1), way(1)).image == NEW


def test_a_look_at_everything_takes_no_leave_away_that_is_just_being_used() -> None:
    waves = Waves(1)
    changes = [(key(number), way(number)) for number in range(2)]
    waves.refresh(changes)
    waves.leave(key(0), way(0))
    waves.refresh(changes)
    assert waves.leave(key(1), way(1)).image == OLD


def test_a_failure_holds_those_that_want_the_same_image_alone() -> None:
    waves = Waves(5)
    waves.settle(key(0), way(0, Stage.FAILED, failed=FAILED))
    held = waves.leave(key(1), way(1)).held
    assert held is not None
    assert held.reason is Reason.ROLLOUT_PAUSED
    assert "customers/customer000" in held.message
    assert waves.leave(key(2), way(2, wanted="i:3")).image == "i:3"
    waves.settle(key(0), None)
    assert waves.take_woken() == {key(1)}
    assert waves.leave(key(1), way(1)).image == NEW


def test_while_a_failed_tenant_tries_again_the_others_wait() -> None:
    waves = Waves(5)
    waves.settle(key(0), way(0, Stage.ROLLING, failed=FAILED))
    held = waves.leave(key(1), way(1)).held
    assert held is not None
    assert held.reason is Reason.ROLLOUT_PAUSED


def deployment(image: str, ready: int = 1, generation: int = 1) -> dict[str, Any]:
    return {
        "metadata": {"generation": generation},
        "spec": {"replicas": 1, "template": {"spec": {"containers": [{"name": "memorybank", "image": image}]}}},
        "status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": ready},
    }


def pod(restarts: int, waiting: str) -> dict[str, Any]:
    status = {"image": NEW, "restartCount": restarts, "state": {"waiting": {"reason": waiting}}}
    return {
        "metadata": {},
        "spec": {"containers": [{"name": "memorybank", "image": NEW}]},
        "status": {"containerStatuses": [status]},
    }


def unscheduled() -> dict[str, Any]:
    told = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes are available"}
    return {**pod(0, "ContainerCreating"), "status": {"conditions": [told]}}


def at(**conditions: tuple[str, int]) -> dict[str, Any]:
    """A pod with a node, and its conditions: each one's status, and how many seconds ago it became so."""
    found = pod(0, "ContainerCreating")
    found["status"]["conditions"] = [
        {
            "type": kind,
            "status": status,
            "lastTransitionTime": (NOW - datetime.timedelta(seconds=ago)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        for kind, (status, ago) in conditions.items()
    ]
    return found


def rolling(seconds_ago: int, **given: Any) -> Any:
    since = (NOW - datetime.timedelta(seconds=seconds_ago)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return tenant(status={"image": NEW, "rollout": {"goodImage": OLD, "since": since}}, image=NEW, **given)


@pytest.mark.parametrize(
    ("seconds", "pods", "fails"),
    [
        (10, [], False),
        (601, [], False),  # a quota, say
        (601, [unscheduled()], False),
        (601, [pod(0, "ContainerCreating")], True),
        (900, [at(PodScheduled=("True", 601))], True),
        (900, [at(PodScheduled=("True", 590))], False),  # no node took it before
        (900, [at(PodScheduled=("True", 899), PodReadyToStartContainers=("False", 899))], False),  # no volume yet
        (900, [at(PodScheduled=("True", 899), PodReadyToStartContainers=("True", 590))], False),
        (900, [at(PodScheduled=("True", 899), PodReadyToStartContainers=("True", 600))], True),
        (10, [pod(0, "ImagePullBackOff")], False),
        (200, [pod(0, "ImagePullBackOff")], True),
        (10, [pod(2, "CrashLoopBackOff")], False),
        (10, [pod(5, "CrashLoopBackOff")], True),
        (200, [pod(0, "CreateContainerConfigError")], False),
    ],
)
def test_an_image_is_given_up_at_the_deadline_or_when_there_is_no_hope(
    seconds: int, pods: list[dict[str, Any]], fails: bool
) -> None:
    found = progress(rolling(seconds), deployment(NEW, ready=0), pods, NEW, NOW, 600)
    assert (found.failed is not None) == fails
    assert (found.since is None) == fails


def test_past_the_deadline_a_change_that_cannot_be_blamed_is_looked_at_when_something_happens() -> None:
    for waits in (unscheduled(), at(PodReadyToStartContainers=("False", 899))):
        found = progress(rolling(900), deployment(NEW, ready=0), [waits], NEW, NOW, 600)
        assert found.since is not None
        assert next_look(found, [waits], NEW, NOW, 600) is None


def test_an_image_is_looked_at_when_its_time_is_over() -> None:
    for seconds, pods, left in (
        (10, [pod(0, "ContainerCreating")], 170),
        (200, [pod(0, "ContainerCreating")], 400),
        (900, [at(PodReadyToStartContainers=("True", 590))], 10),
    ):
        found = progress(rolling(seconds), deployment(NEW, ready=0), pods, NEW, NOW, 600)
        assert next_look(found, pods, NEW, NOW, 600) == pytest.approx(left, abs=1)


def test_an_operator_that_ended_between_saying_so_and_doing_it_does_it_later() -> None:
    said = progress(rolling(601), deployment(NEW, ready=0), [pod(0, "ContainerCreating")], NEW, NOW, 600)
    stand = change(rolling(601), deployment(NEW, ready=0), NEW, said)
    assert stand.stage is Stage.FAILED
    assert Waves(1).leave(key(0), stand).image == OLD


def test_an_image_that_is_given_and_not_said_so_is_being_rolled() -> None:
    silent = tenant(status={"image": OLD, "rollout": {"goodImage": OLD}}, image=NEW)
    found = progress(silent, deployment(NEW, ready=0), [], NEW, NOW, 600)
    assert found.since == "2026-01-02T03:04:05Z"
    assert change(silent, deployment(NEW, ready=0), NEW, found).stage is Stage.ROLLING


def test_a_pod_that_is_ready_proves_its_image_once_the_controller_has_seen_the_change() -> None:
    stale = progress(rolling(10), deployment(NEW, generation=2), [], NEW, NOW, 600)
    assert (stale.good_image, stale.since is None) == (OLD, False)
    assert progress(rolling(10), deployment(NEW), [], NEW, NOW, 600) == RolloutStatus(good_image=NEW)


def test_more_memory_is_a_reason_to_try_a_failed_image_again() -> None:
    starting = [pod(0, "ContainerCreating")]
    first = progress(rolling(601), deployment(NEW, ready=0), starting, NEW, NOW, 600).failed
    assert still_failed(rolling(601), NEW, first)
    assert not still_failed(rolling(601, resources={"limits": {"memory": "4Gi"}}), NEW, first)
    assert still_failed(rolling(601, hostname="a.example"), NEW, first)


@pytest.mark.parametrize("spec", [{"hibernate": True}, {"paused": True}])
def test_who_sleeps_or_is_left_alone_takes_no_room(spec: dict[str, bool]) -> None:
    stand = change(rolling(10, **spec), deployment(NEW, ready=0), NEW, RolloutStatus(good_image=OLD))
    assert stand.stage is Stage.FREE
