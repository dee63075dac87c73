"""Why a tenant's pod does not answer, from what its pods report; pure.

Messages leave out what changes by itself (back-off times, counts), so that a failing pod costs no stream of writes.
"""

import datetime
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from memorybank_operator.api.status import Problem, Reason
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.observe.container import container_problem
from memorybank_operator.observe.disruption import disruption, lost, stuck
from memorybank_operator.observe.sight import Manifest, Observed, Told
from memorybank_operator.steady import steady

PATIENCE_SECONDS: Final = 20.0
"""So long a pod or a claim may wait before anybody asks why."""

_OVER: Final = frozenset({"Failed", "Succeeded"})
_WAITS_FOR_VOLUME: Final = ("unbound immediate PersistentVolumeClaims", "persistentvolumeclaim", "waiting for first")


def current_pod(pods: Iterable[Manifest]) -> Manifest | None:
    """The newest pod that is neither being deleted nor over."""
    alive = [
        pod
        for pod in pods
        if "deletionTimestamp" not in pod["metadata"] and (pod.get("status") or {}).get("phase") not in _OVER
    ]
    return max(alive, key=_created, default=None)


def pod_state(observed: Observed, tenant: Tenant, now: datetime.datetime) -> Problem:
    """Why no pod of the tenant is ready."""
    return state_of(observed.pods, observed.told, tenant, now)


def state_of(
    pods: Collection[Manifest], told_of: Mapping[str, Told], tenant: Tenant, now: datetime.datetime
) -> Problem:
    """Why none of these pods is ready; `told_of`: what events say of a pod, by its uid."""
    pod = current_pod(pods)
    former = sorted((one for one in pods if one is not pod), key=_created, reverse=True)
    for one in former:
        if problem := stuck(one, now):
            return problem
    if pod is None:
        return _first_disruption(former) or Problem(Reason.POD_STARTING, "The pod is not there yet.")
    told = told_of.get(pod["metadata"].get("uid", ""))
    if any("deletionTimestamp" in one["metadata"] for one in former):
        ending = Problem(Reason.POD_STARTING, "The pod starts when the former one has ended.")
        return _first_disruption(former) or ending
    return (
        lost(pod)
        or _unscheduled(pod)
        or _container(pod, tenant, told, now)
        or _explained(told)
        or _first_disruption(former)
        or Problem(Reason.POD_STARTING, "The pod is starting.")
    )


def unready_since(pod: Manifest) -> datetime.datetime:
    """Since when the pod has not been ready."""
    since = pod["metadata"].get("creationTimestamp")
    for condition in (pod.get("status") or {}).get("conditions") or []:
        if condition["type"] == "Ready" and condition["status"] != "True":
            since = condition.get("lastTransitionTime") or since
    return datetime.datetime.fromisoformat(since)


def _container(pod: Manifest, tenant: Tenant, told: Told | None, now: datetime.datetime) -> Problem | None:
    problem = container_problem(pod, tenant, told)
    if problem is None or problem.reason is not Reason.POD_NOT_READY:
        return problem
    if (now - unready_since(pod)).total_seconds() < PATIENCE_SECONDS:
        return Problem(Reason.POD_STARTING, "The pod runs and is not ready yet.")
    return problem


def _created(pod: Manifest) -> str:
    created: str = pod["metadata"].get("creationTimestamp", "")
    return created


def _first_disruption(former: Iterable[Manifest]) -> Problem | None:
    return next((problem for pod in former if (problem := disruption(pod))), None)


def _unscheduled(pod: Manifest) -> Problem | None:
    for condition in (pod.get("status") or {}).get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return _no_node(condition.get("message", "no reason is given"))
    return None


def _no_node(message: str) -> Problem:
    why = steady(message)
    if any(words in why for words in _WAITS_FOR_VOLUME):
        return Problem(Reason.POD_STARTING, "The pod waits for its volume: see the condition StorageReady.")
    remedy = "give the cluster such a node, or change spec.scheduling or spec.resources.requests"
    if "volume node affinity" in why:
        remedy = "the volume cannot leave its node or zone: give that one room for the pod"
    elif "were unschedulable" in why:
        remedy = "a node is closed to new pods: kubectl uncordon it when its maintenance is over, or add another"
    return Problem(Reason.UNSCHEDULABLE, f"No node takes the pod ({why}): {remedy}.")


def _explained(told: Told | None) -> Problem | None:
    """What only events tell of a pod that has a node and no container yet."""
    if told is None:
        return None
    match told.reason:
        case "FailedAttachVolume":
            return Problem(
                Reason.VOLUME_NOT_ATTACHED,
                f"The volume cannot be attached to the pod's node ({told.message}). If it is still attached to a node"
                " that is surely off: kubectl taint nodes NODE"
                " node.kubernetes.io/out-of-service=nodeshutdown:NoExecute, and take the taint away when the node is"
                " back. Else it moves by itself once the former pod has ended.",
            )
        case "FailedMount" | "FailedMapVolume":
            message = (
                f"A volume cannot be mounted on the pod's node ({told.message}): look at the node's storage driver."
            )
            return Problem(Reason.VOLUME_NOT_MOUNTED, message)
        case "FailedScheduling":
            return _no_node(told.message)
    return Problem(Reason.POD_STARTING, f"The pod is starting, and its node says {told.reason}: {told.message}.")
