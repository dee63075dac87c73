"""What is told of a tenant that is under way: steps, which can wait, and what ends them."""

import datetime
from typing import Any

import msgspec
import pytest

from memorybank_operator.api.status import TenantStatus
from memorybank_operator.cluster import Cluster
from memorybank_operator.handlers import Operator
from memorybank_operator.kinds import DEPLOYMENT, JOB, POD, SERVICE, VOLUME_CLAIM, Kind
from memorybank_operator.kubeconfig import Connection
from memorybank_operator.objects import Object, object_from
from memorybank_operator.reporting import STEP_SECONDS_A_TENANT, STEPS_AT_ONCE, STEPS_TURN_SECONDS, Steps
from memorybank_operator.seen import TenantKey
from memorybank_operator.settings import Settings
from memorybank_operator.steps import is_a_step

CUSTOMER1 = TenantKey("customers", "customer1")
MANAGERS = (
    {"manager": "memorybank-operator", "operation": "Update"},
    {"manager": "kube-controller-manager", "operation": "Update"},
    {"manager": "kubelet", "operation": "Update", "subresource": "status"},
)


def told(
    status: dict[str, Any] | None = None,
    *,
    replicas: int = 1,
    managers: tuple[dict[str, str], ...] = MANAGERS,
    version: int = 7,
    name: str = "customer1",
) -> Object:
    metadata = {
        "name": name,
        "namespace": "customers",
        "resourceVersion": str(version),
        "labels": {"memorybank.dev/tenant": name},
        "managedFields": managers,
    }
    return object_from({"metadata": metadata, "spec": {"replicas": replicas}, "status": status or {}})


def container(**state: Any) -> dict[str, Any]:
    return {"restartCount": state.pop("restartCount", 0), "state": state}


def condition(kind: str, status: str) -> dict[str, Any]:
    return {"conditions": [{"type": kind, "status": status, "lastTransitionTime": "2026-01-01T00:00:00Z"}]}


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        (POD, told()),
        (POD, told({"phase": "Pending", **condition("PodScheduled", "False")})),
        (POD, told({"phase": "Pending", "containerStatuses": [container(waiting={"reason": "ContainerCreating"})]})),
        (POD, told({"phase": "Pending", "initContainerStatuses": [container(terminated={"exitCode": 0})]})),
        (POD, told({"phase": "Running", "containerStatuses": [container(running={})]})),
        (DEPLOYMENT, told()),
        (DEPLOYMENT, told({"replicas": 1, "unavailableReplicas": 1, **condition("Progressing", "True")})),
        (VOLUME_CLAIM, told({"phase": "Pending"})),
        (VOLUME_CLAIM, told({"phase": "Bound", "capacity": {"storage": "20Gi"}})),
    ],
)
def test_what_only_goes_on_is_a_step(kind: Kind, found: Object) -> None:
    assert is_a_step(kind, found)


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        (POD, told({"phase": "Failed"})),
        (POD, told({"phase": "Running", **condition("DisruptionTarget", "True")})),
        (POD, told({"phase": "Pending", "containerStatuses": [container(waiting={"reason": "ErrImagePull"})]})),
        (POD, told({"phase": "Running", "containerStatuses": [container(restartCount=1, running={})]})),
        (POD, told({"phase": "Pending", "initContainerStatuses": [container(terminated={"exitCode": 1})]})),
        (POD, told({"phase": "Running", "containerStatuses": [{**container(running={}), "started": True}]})),
        (DEPLOYMENT, told({"readyReplicas": 1})),
        (DEPLOYMENT, told(replicas=0)),
        (DEPLOYMENT, told(condition("ReplicaFailure", "True"))),
        (DEPLOYMENT, told(condition("Progressing", "False"))),
        (VOLUME_CLAIM, told({"phase": "Lost"})),
        (VOLUME_CLAIM, told({"phase": "Bound", **condition("FileSystemResizePending", "True")})),
        (POD, told({"phase": "Pending", "containerStatuses": None})),
        (SERVICE, told()),
        (JOB, told()),
    ],
)
def test_what_ends_it_is_none(kind: Kind, found: Object) -> None:
    assert not is_a_step(kind, found)


@pytest.mark.parametrize("kind", [DEPLOYMENT, VOLUME_CLAIM])
@pytest.mark.parametrize(
    "editor",
    [
        {"manager": "kubectl-edit", "operation": "Update"},
        {"manager": "kube-controller-manager", "operation": "Update", "subresource": "scale"},
    ],
)
def test_what_somebody_edits_is_none(kind: Kind, editor: dict[str, str]) -> None:
    assert not is_a_step(kind, told(managers=(*MANAGERS, editor)))
    assert not is_a_step(kind, told(managers=()))


class Looked(Operator):
    """Counts how it is told to look again, and looks at nothing."""

    def __init__(self) -> None:
        super().__init__(Cluster(Connection("http://127.0.0.1:1")), Settings(progress_seconds=15))
        self.again: list[str] = []
        self.queue.mark = lambda key: self.again.append("now")  # type: ignore[method-assign]
        self.queue.stir = lambda key: self.again.append("soon")  # type: ignore[method-assign]
        self.queue.within = lambda key, seconds: self.again.append(f"within {seconds}")  # type: ignore[method-assign]


def test_a_step_waits_until_it_would_be_told_and_an_end_does_not() -> None:
    operator = Looked()
    operator._on_child(DEPLOYMENT, "MODIFIED", told(version=7))
    operator._on_child(DEPLOYMENT, "MODIFIED", told({"readyReplicas": 1}, version=8))
    operator._on_child(DEPLOYMENT, "DELETED", told(version=9))
    assert operator.again == ["within 15", "soon", "soon"]


async def test_what_the_watch_tells_of_our_own_writes_before_their_answer_leads_to_no_look() -> None:
    operator = Looked()

    async def reconcile(_key: TenantKey) -> None:
        operator._on_child(SERVICE, "ADDED", told(version=7))
        operator.seen.answered(SERVICE, told(version=7))
        assert operator.again == []

    operator.reconciler.reconcile = reconcile  # type: ignore[assignment]
    await operator._reconcile(CUSTOMER1)
    assert operator.again == []


async def test_what_others_write_in_the_middle_of_a_look_leads_to_another() -> None:
    operator = Looked()

    async def reconcile(_key: TenantKey) -> None:
        operator._on_child(SERVICE, "ADDED", told(version=7))
        operator.seen.answered(SERVICE, told(version=7))
        operator._on_child(SERVICE, "MODIFIED", told(version=8))
        raise ValueError("it fails later on")

    operator.reconciler.reconcile = reconcile  # type: ignore[assignment]
    with pytest.raises(ValueError, match="later on"):
        await operator._reconcile(CUSTOMER1)
    assert operator.again == ["soon"]


NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def after(seconds: float) -> datetime.datetime:
    return NOW + datetime.timedelta(seconds=seconds)


def under_way(reason: str) -> TenantStatus:
    states = {"Ready": "False", "Available": "False", "Reconciling": "True", "Stalled": "False"}
    conditions = [
        {
            "type": kind,
            "status": state,
            "reason": reason,
            "message": reason,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
            "observedGeneration": 1,
        }
        for kind, state in states.items()
    ]
    return msgspec.convert({"phase": "Provisioning", "conditions": conditions}, TenantStatus)


PENDING, STARTING, FAILING = under_way("VolumePending"), under_way("PodStarting"), under_way("CrashLoop")


def test_a_step_is_told_when_it_has_lasted_and_a_fault_at_once() -> None:
    steps = Steps(15)
    steps.begin(CUSTOMER1, NOW)
    assert steps.wait(CUSTOMER1, PENDING, STARTING, after(5)) == 10
    assert steps.wait(CUSTOMER1, PENDING, FAILING, after(6)) == 0
    assert steps.wait(CUSTOMER1, PENDING, STARTING, after(20)) == 15  # the next one counts from its own beginning
    assert steps.wait(CUSTOMER1, PENDING, STARTING, after(35)) == 0


def test_who_comes_after_many_has_longer() -> None:
    steps = Steps(15)
    keys = [TenantKey("customers", str(number)) for number in range(101)]
    given = [steps.begin(key, NOW) for key in keys]
    assert given == pytest.approx([15 + STEP_SECONDS_A_TENANT * number for number in range(101)])
    assert steps.begin(keys[-1], after(5)) == pytest.approx(given[-1] - 5)
    assert steps.wait(keys[-1], PENDING, STARTING, after(given[-1] - 2)) == pytest.approx(2)
    assert steps.wait(keys[-1], PENDING, FAILING, after(6)) == 0
    for key in keys:
        steps.end(key)
    assert steps.begin(keys[-1], NOW) == 15


def test_one_of_many_is_looked_at_long_before_its_step_is_told() -> None:
    """A fault that no watch tells of is found so."""
    operator = Looked()
    for number in range(11):
        operator._on_child(DEPLOYMENT, "MODIFIED", told(name=f"customer{number}"))
    assert operator.again == ["within 15"] * 11
    steps = Steps(15)
    for number in range(1001):
        steps.begin(TenantKey("customers", str(number)), NOW)
    last = TenantKey("customers", "1000")
    assert steps.begin(last, after(15)) == 1000 * STEP_SECONDS_A_TENANT
    assert 30 <= steps.wait(last, PENDING, STARTING, after(15)) <= 60


def test_of_many_tenants_steps_are_told_in_turns() -> None:
    steps = Steps(15)
    keys = [TenantKey("customers", str(number)) for number in range(STEPS_AT_ONCE + 1)]
    due = max(steps.begin(key, NOW) for key in keys)
    waits = [steps.wait(key, PENDING, STARTING, after(due)) for key in keys]
    assert waits[:-1] == [0] * STEPS_AT_ONCE
    assert 30 <= waits[-1] <= 60
    assert steps.wait(keys[-1], PENDING, FAILING, after(due + 1)) == 0
    steps.begin(keys[-1], NOW)
    assert steps.wait(keys[-1], PENDING, STARTING, after(due + STEPS_TURN_SECONDS)) == 0
