"""What becomes of a pod through no fault of its own: its node is lost or drained, it is evicted or preempted; pure."""

import datetime
from typing import Final

from memorybank_operator.api.status import Problem, Reason
from memorybank_operator.observe.sight import Manifest
from memorybank_operator.steady import steady

STUCK_SECONDS: Final = 60.0
"""How long after its grace period a pod may still be there before that is worth a word."""

_OUT_OF_SERVICE: Final = (
    "If the node is surely off and stays so: kubectl taint nodes {node}"
    " node.kubernetes.io/out-of-service=nodeshutdown:NoExecute, which lets the pod and its volume move; take the taint"
    " away when the node is back."
)


def overdue_at(pod: Manifest) -> datetime.datetime | None:
    """When a pod that is being deleted counts as stuck."""
    until = pod["metadata"].get("deletionTimestamp")
    if until is None:
        return None
    return datetime.datetime.fromisoformat(until) + datetime.timedelta(seconds=STUCK_SECONDS)


def stuck(pod: Manifest, now: datetime.datetime) -> Problem | None:
    """A pod that is being deleted and does not go away: its node does not answer, or its container does not end."""
    overdue = overdue_at(pod)
    if overdue is None or now < overdue:
        return None
    name, namespace, node = pod["metadata"].get("name"), pod["metadata"].get("namespace"), _node(pod)
    if _unanswering(pod) or _disrupted(pod) in ("DeletionByTaintManager", "DeletionByPodGC"):
        message = f"The node {node} is lost, and the pod {name} on it cannot end. {_OUT_OF_SERVICE.format(node=node)}"
        return Problem(Reason.NODE_LOST, message)
    message = (
        f"The pod {name} on node {node} has not ended within its grace period, and the next one waits for it:"
        f" kubectl describe pod -n {namespace} {name}; look whether the node answers and its volumes can be unmounted."
    )
    return Problem(Reason.POD_TERMINATING, message)


def lost(pod: Manifest) -> Problem | None:
    """A pod whose node has stopped to tell of it."""
    if not _unanswering(pod):
        return None
    node = _node(pod)
    message = (
        f"The node {node} does not answer. Kubernetes gives the pod up some minutes after that, but its volume does not"
        f" move while the pod may still run there. {_OUT_OF_SERVICE.format(node=node)}"
    )
    return Problem(Reason.NODE_LOST, message)


def disruption(pod: Manifest) -> Problem | None:
    """Why a former pod was taken away."""
    status = pod.get("status") or {}
    node, why = _node(pod), _disrupted(pod)
    if status.get("reason") == "Evicted":
        told = steady((status.get("message") or "the node was short of something").split(". ")[0])
        message = (
            f"The pod was evicted from node {node} ({told}) and is started anew: ask for what it needs in"
            " spec.resources.requests, or give the node more."
        )
        return Problem(Reason.POD_EVICTED, message)
    match why:
        case "PreemptionByScheduler":
            message = (
                f"The pod had to leave node {node} to one of higher priority: give the cluster more room, or the"
                " tenant a spec.scheduling.priorityClassName."
            )
            return Problem(Reason.POD_PREEMPTED, message)
        case "EvictionByEvictionAPI" | "TerminationByKubelet":
            message = f"The node {node} is being drained or shut down: the pod is started on another."
            return Problem(Reason.NODE_DRAINED, message)
        case "DeletionByTaintManager":
            message = f"The node {node} has a taint that the pod does not tolerate: the pod is started on another."
            return Problem(Reason.NODE_DRAINED, message)
        case "DeletionByPodGC":
            return Problem(Reason.NODE_LOST, f"The node {node} is gone: the pod is started on another.")
    return None


def _node(pod: Manifest) -> str:
    return str((pod.get("spec") or {}).get("nodeName") or "NODE")


def _conditions(pod: Manifest) -> dict[str, Manifest]:
    return {one["type"]: one for one in (pod.get("status") or {}).get("conditions") or []}


def _disrupted(pod: Manifest) -> str:
    told = _conditions(pod).get("DisruptionTarget") or {}
    return str(told.get("reason", "")) if told.get("status") == "True" else ""


def _unanswering(pod: Manifest) -> bool:
    """Whether the control plane has taken the pod's readiness back for its node's silence.

    Kubelet says Ready is False with the containers' readiness; the node's controller says it of a pod whose containers
    were ready when they were heard of last.
    """
    status = pod.get("status") or {}
    if status.get("reason") == "NodeLost":
        return True
    told = _conditions(pod)
    ready, containers = told.get("Ready") or {}, told.get("ContainersReady") or {}
    gates = (pod.get("spec") or {}).get("readinessGates")
    return ready.get("status") in ("False", "Unknown") and containers.get("status") == "True" and not gates
