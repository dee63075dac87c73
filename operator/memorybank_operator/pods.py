"""Why a tenant's pod does not answer, from what its pods report; pure.

Messages leave out what changes by itself (back-off times, counts), so that a failing pod costs no stream of writes.
"""

from collections.abc import Iterable
from typing import Any

from memorybank_operator.api.status import Problem, Reason
from memorybank_operator.api.tenant import Tenant

Manifest = dict[str, Any]

_PULL_FAILURES = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
_CONFIG_FAILURES = frozenset({"CreateContainerConfigError", "CreateContainerError"})


def pod_state(pods: Iterable[Manifest], tenant: Tenant) -> Problem:
    """The reason of the newest pod that is not being deleted."""
    alive = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
    if not alive:
        return Problem(Reason.POD_STARTING, "The pod is not there yet.")
    pod = max(alive, key=lambda one: one["metadata"].get("creationTimestamp", ""))
    status = pod.get("status") or {}
    return (
        _unscheduled(status) or _container(status, pod, tenant) or Problem(Reason.POD_STARTING, "The pod is starting.")
    )


def _unscheduled(status: Manifest) -> Problem | None:
    for condition in status.get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            message = f"No node takes the pod: {condition.get('message', 'no reason is given')}"
            return Problem(Reason.UNSCHEDULABLE, message)
    return None


def _container(status: Manifest, pod: Manifest, tenant: Tenant) -> Problem | None:
    describe = f"kubectl describe pod -n {tenant.metadata.namespace} -l memorybank.dev/tenant={tenant.metadata.name}"
    for container in status.get("containerStatuses") or []:
        state = container.get("state") or {}
        waiting = (state.get("waiting") or {}).get("reason", "")
        ended = (container.get("lastState") or {}).get("terminated") or state.get("terminated")
        if waiting in _PULL_FAILURES:
            image = container["image"]
            message = f"The image {image} cannot be pulled: check spec.image and spec.imagePullSecrets. {describe}"
            return Problem(Reason.IMAGE_PULL_FAILED, message)
        if waiting in _CONFIG_FAILURES:
            message = f"The container cannot be made: {state['waiting'].get('message', waiting)}. {describe}"
            return Problem(Reason.CONTAINER_CONFIG_INVALID, message)
        if waiting == "CrashLoopBackOff" or (ended is not None and not container.get("ready")):
            return Problem(Reason.CRASH_LOOP, f"The container ended and is started again: {_remedy(ended, tenant)}")
        if "running" in state and container.get("started") and not container.get("ready"):
            return Problem(Reason.POD_NOT_READY, f"The pod runs and is not ready: {describe}")
    return None


def _remedy(ended: Manifest | None, tenant: Tenant) -> str:
    if ended is not None and ended.get("reason") == "OOMKilled":
        return "it needed more memory than spec.resources.limits.memory allows: raise that."
    namespace, name = tenant.metadata.namespace, tenant.metadata.name
    return f"{_last_words(ended)}. kubectl logs --previous -n {namespace} -l memorybank.dev/tenant={name}"


def _last_words(ended: Manifest | None) -> str:
    if ended is None:
        return "it left no message"
    lines = (ended.get("message") or "").strip().splitlines()
    return lines[-1][:500] if lines else f"exit status {ended.get('exitCode')} ({ended.get('reason')})"
