"""What came of a Job that is one attempt: read from its conditions, and from the last word of its pod."""

import datetime
from typing import Any, Final

import msgspec

from memorybank_operator.answers import Conflict, NamespaceTerminating, Refused
from memorybank_operator.api.names import BACKUP_SELECTOR
from memorybank_operator.cluster import Cluster
from memorybank_operator.desired.jobs import CONTAINER
from memorybank_operator.kinds import JOB, POD
from memorybank_operator.seen import Seen, TenantKey
from memorybank_operator.steady import steady

Manifest = dict[str, Any]

MOST: Final = 5
HINDERED_SECONDS = 30.0
"""So long a Job may go on before its pod is looked at."""
_HOPELESS: Final = 2
"""The program's exit status where another attempt ends the same way."""
_JOB_LABEL: Final = "batch.kubernetes.io/job-name"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Of an attempt that has ended."""

    succeeded: bool
    at: str
    """When (RFC 3339)."""
    told: Manifest
    hopeless: bool = False

    @property
    def reason(self) -> str:
        return str(self.told.get("reason") or "Failed")

    @property
    def message(self) -> str:
        return str(self.told.get("message") or "the pod ended without a word")


def ended(job: Manifest) -> Manifest | None:
    """The condition that says so; None: it goes on."""
    conditions = (job.get("status") or {}).get("conditions") or []
    return next((one for one in conditions if one["type"] in ("Complete", "Failed") and one["status"] == "True"), None)


async def outcome(cluster: Cluster, job: Manifest, condition: Manifest) -> Outcome:
    """Of a Job that has ended."""
    terminated = next((state for pod in await _pods(cluster, job) if (state := _terminated(pod))), {})
    told: Manifest = {}
    try:
        told = msgspec.json.decode(terminated.get("message") or "{}", type=dict[str, Any])
    except (msgspec.DecodeError, msgspec.ValidationError):
        told = {"message": steady(str(terminated.get("message", "")))[:1000]}
    succeeded = condition["type"] == "Complete" and "id" in told
    if not told and not succeeded:
        told = {"reason": str(condition.get("reason") or "Failed"), "message": str(condition.get("message") or "")}
    return Outcome(
        succeeded=succeeded,
        at=str(condition.get("lastTransitionTime") or ""),
        told=told,
        hopeless=terminated.get("exitCode") == _HOPELESS,
    )


async def hindrance(cluster: Cluster, job: Manifest) -> str:
    """What keeps its pod from running; empty: nothing that can be seen."""
    for pod in await _pods(cluster, job):
        status = pod.get("status") or {}
        for condition in status.get("conditions") or []:
            if condition["type"] == "PodScheduled" and condition["status"] == "False":
                return steady(str(condition.get("message") or "no node takes the pod"))
        for container in status.get("containerStatuses") or []:
            waiting = (container.get("state") or {}).get("waiting") or {}
            if waiting and waiting.get("reason") != "ContainerCreating":
                return steady(f"{waiting.get('reason')}: {waiting.get('message') or ''}".rstrip(": "))
    return ""


def pause(attempts: int) -> datetime.timedelta:
    """How long after so many attempts the next one waits."""
    return datetime.timedelta(seconds=FIRST_PAUSE_SECONDS * 4 ** (attempts - 1))


FIRST_PAUSE_SECONDS = 10.0


async def start(cluster: Cluster, seen: Seen, job: Manifest) -> str:
    """Make the Job; answers what the API server has against it: a quota, say, or another one of that name.

    That may be ours, made by a request whose answer was lost: the watch tells it in a moment.
    """
    try:
        seen.answered(JOB, await cluster.create(JOB, job))
    except NamespaceTerminating:
        raise
    except (Refused, Conflict) as error:
        return f"The API server refuses the Job: {steady(error.message)}"
    return ""


def job_of(seen: Seen, namespace: str, name: str, uid: str) -> Manifest | None:
    """The Job of this name, if it belongs to this very object."""
    found = seen.child(JOB, TenantKey(namespace, name))
    if found is None or not any(owner["uid"] == uid for owner in found["metadata"].get("ownerReferences") or []):
        return None
    return found


async def _pods(cluster: Cluster, job: Manifest) -> list[Manifest]:
    metadata = job["metadata"]
    labels = f"{BACKUP_SELECTOR},{_JOB_LABEL}={metadata['name']}"
    found: list[Manifest] = (await cluster.list(POD, metadata["namespace"], labels))["items"]
    return found


def _terminated(pod: Manifest) -> Manifest | None:
    statuses = (pod.get("status") or {}).get("containerStatuses") or []
    found: Manifest | None = next(
        ((one.get("state") or {}).get("terminated") for one in statuses if one["name"] == CONTAINER), None
    )
    return found
