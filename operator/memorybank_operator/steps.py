"""Which news of a tenant that is under way can wait; pure.

From its creation to its pod's readiness the cluster tells some ten times of how far a tenant has come. All of it leads
to the same answer, not yet, but for what ends it: that the pod is ready, or that something is wrong. What somebody
edits is no step, and is repaired at once.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from memorybank_operator.api.names import FIELD_MANAGER
from memorybank_operator.kinds import DEPLOYMENT, POD, VOLUME_CLAIM, Kind
from memorybank_operator.objects import Object

_BEGINNING: Final = frozenset({"ContainerCreating", "PodInitializing"})
"""Why a container waits that nothing is wrong with."""
_NO_EDITORS: Final = frozenset({FIELD_MANAGER, "kube-controller-manager", "kube-scheduler"})
"""Who sets fields of our objects as a matter of course: the revision of a Deployment, the volume of a claim."""


class _Condition(msgspec.Struct):
    type: str
    status: str


class _Waiting(msgspec.Struct, frozen=True):
    reason: str = ""


class _Terminated(msgspec.Struct, frozen=True, rename="camel"):
    exit_code: int


class _State(msgspec.Struct, frozen=True):
    waiting: _Waiting | None = None
    terminated: _Terminated | None = None


class _Container(msgspec.Struct, rename="camel"):
    restart_count: int = 0
    started: bool = False
    ready: bool = False
    state: _State = _State()


class _Pod(msgspec.Struct, rename="camel"):
    phase: str = ""
    conditions: list[_Condition] = []
    init_container_statuses: list[_Container] = []
    container_statuses: list[_Container] = []


class _Wanted(msgspec.Struct):
    replicas: int = 1


class _Deployment(msgspec.Struct, rename="camel"):
    ready_replicas: int = 0
    conditions: list[_Condition] = []


class _Claim(msgspec.Struct):
    phase: str = ""
    conditions: list[_Condition] = []


_pod = msgspec.json.Decoder(_Pod).decode
_wanted = msgspec.json.Decoder(_Wanted).decode
_deployment = msgspec.json.Decoder(_Deployment).decode
_claim = msgspec.json.Decoder(_Claim).decode


def is_a_step(kind: Kind, found: Object) -> bool:
    """Whether an object has come further, or not even that, with nothing wrong and nothing ended."""
    judge = _JUDGES.get(kind)
    try:
        return judge is not None and judge(found)
    except msgspec.ValidationError:
        return False  # what is not as Kubernetes has it is looked at


def _of_pod(found: Object) -> bool:
    """A pod that is ready makes its Deployment so, which is what counts; one without a node often has one soon."""
    status = _pod(found.status or b"{}")
    containers = status.init_container_statuses + status.container_statuses
    return (
        status.phase in ("", "Pending", "Running")
        and not _has(status.conditions, "DisruptionTarget", "True")
        and all(_begins(container) for container in containers)
    )


def _begins(container: _Container) -> bool:
    waiting, terminated = container.state.waiting, container.state.terminated
    return (
        container.restart_count == 0
        and container.started <= container.ready  # one that has started, and is not ready, has a fault
        and (waiting is None or waiting.reason in _BEGINNING)
        and (terminated is None or terminated.exit_code == 0)
    )


def _of_deployment(found: Object) -> bool:
    status = _deployment(found.status or b"{}")
    return (
        _wanted(found.spec or b"{}").replicas != status.ready_replicas
        and not _has(status.conditions, "ReplicaFailure", "True")
        and not _has(status.conditions, "Progressing", "False")
        and not _is_edited(found)
    )


def _of_claim(found: Object) -> bool:
    status = _claim(found.status or b"{}")
    return status.phase != "Lost" and not status.conditions and not _is_edited(found)


def _is_edited(found: Object) -> bool:
    """Whether anybody may have edited it. Once we have applied an object, it is not kept who else sets its fields."""
    managers = found.metadata.managed_fields
    return not managers or any(
        one.subresource != "status" and (one.subresource or one.manager not in _NO_EDITORS) for one in managers
    )


def _has(conditions: list[_Condition], kind: str, status: str) -> bool:
    return any(one.type == kind and one.status == status for one in conditions)


_JUDGES: Final[dict[Kind, Callable[[Object], bool]]] = {
    POD: _of_pod,
    DEPLOYMENT: _of_deployment,
    VOLUME_CLAIM: _of_claim,
}
