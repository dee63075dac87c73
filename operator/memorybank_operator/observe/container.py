"""Why a pod's container is not ready; pure."""

from typing import Final

from memorybank_operator.api.status import Problem, Reason
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.observe.sight import Manifest, Told
from memorybank_operator.steady import last_line, steady

_PULL_FAILURES: Final = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"}
)
_CONFIG_FAILURES: Final = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
_CAUSES: Final = (
    (("unauthorized", "denied", "forbidden", "no basic auth"), "the registry refuses it: name its Secret in"),
    (("not found", "manifest unknown", "notfound"), "the registry has no such image: correct"),
    (("no such host", "dial tcp", "i/o timeout", "connection refused"), "the registry is not reached from the node:"),
)
_FIELDS: Final = ("spec.imagePullSecrets", "spec.image", "look at the node's network, or name another in spec.image")


def container_problem(pod: Manifest, tenant: Tenant, told: Told | None) -> Problem | None:
    """The first container's that is not as it should be, begun with those that come before the others."""
    status = pod.get("status") or {}
    for container in (*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])):
        if problem := _problem(container, tenant, told):
            return problem
    return None


def _problem(container: Manifest, tenant: Tenant, told: Told | None) -> Problem | None:
    state = container.get("state") or {}
    waiting = state.get("waiting") or {}
    reason = waiting.get("reason", "")
    ended = (container.get("lastState") or {}).get("terminated") or state.get("terminated")
    if reason in _PULL_FAILURES:
        return _not_pulled(container["image"], reason, waiting.get("message", ""), tenant)
    if reason in _CONFIG_FAILURES:
        message = f"The container cannot be made: {steady(waiting.get('message', reason))}. {_describe(tenant)}"
        return Problem(Reason.CONTAINER_CONFIG_INVALID, message)
    if ended is not None and ended.get("exitCode") == 0 and "terminated" in state:
        return None  # an init container that has done its work
    if reason == "CrashLoopBackOff" or (ended is not None and not container.get("ready")):
        return _ended(ended, tenant)
    if "running" in state and container.get("started") and not container.get("ready"):
        why = f" ({told.message})" if told is not None and told.reason == "Unhealthy" else ""
        return Problem(Reason.POD_NOT_READY, f"The pod runs and is not ready{why}: {_describe(tenant)}")
    return None


def _not_pulled(image: str, reason: str, message: str, tenant: Tenant) -> Problem:
    """Kubelet tells the cause while it tries, and not always while it waits: then what was said of it stays."""
    start = f"The image {image} cannot be pulled: "
    cause = _cause(message)
    if cause is None and reason != "InvalidImageName":
        shown = next((one.message for one in tenant.status.conditions if one.type == "Available"), "")
        if shown.startswith(start):
            return Problem(Reason.IMAGE_PULL_FAILED, shown)
    cause = cause or "check spec.image and spec.imagePullSecrets"
    return Problem(Reason.IMAGE_PULL_FAILED, f"{start}{cause}. {_describe(tenant)}")


def _cause(message: str) -> str | None:
    said = message.lower()
    for (words, cause), field in zip(_CAUSES, _FIELDS, strict=True):
        if any(word in said for word in words):
            return f"{cause} {field}"
    return None


def _ended(ended: Manifest | None, tenant: Tenant) -> Problem:
    namespace, name = tenant.metadata.namespace, tenant.metadata.name
    if ended is not None and ended.get("reason") == "OOMKilled":
        message = "The container needed more memory than spec.resources.limits.memory allows: raise that."
        return Problem(Reason.OOM_KILLED, message)
    logs = f"kubectl logs --previous -n {namespace} -l memorybank.dev/tenant={name}"
    return Problem(Reason.CRASH_LOOP, f"The container ended and is started again: {_last_words(ended)}. {logs}")


def _last_words(ended: Manifest | None) -> str:
    if ended is None:
        return "it left no message"
    return last_line(ended.get("message") or "") or f"exit status {ended.get('exitCode')} ({ended.get('reason')})"


def _describe(tenant: Tenant) -> str:
    return f"kubectl describe pod -n {tenant.metadata.namespace} -l memorybank.dev/tenant={tenant.metadata.name}"
