"""From one image to another: how a tenant's change stands, and what it may do next; pure.

A tenant's last good image is the one on which its pod was ready last. While the spec wants another one, the tenant
waits, or it rolls (its pod has been given the wanted image and is not ready yet), or it was taken back from an image
that failed. All of it is read from the Deployment, the pods and the status, so a restart changes nothing.
"""

import datetime
import enum
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from memorybank_operator.api.status import FailedImage, Problem, Reason, RolloutStatus
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.desired.template import anew, request, wish
from memorybank_operator.desired.workload import CONTAINER
from memorybank_operator.moments import utc
from memorybank_operator.observe.pods import current_pod, state_of

Manifest = dict[str, Any]

PULL_PATIENCE_SECONDS: Final = 180
"""A registry may be away for a moment; an image that cannot be pulled for so long is not there."""
HOPELESS_RESTARTS: Final = 5
"""By then the kubelet waits for minutes between its attempts."""

INNOCENT: Final = frozenset(
    {
        Reason.UNSCHEDULABLE,
        Reason.POD_EVICTED,
        Reason.POD_PREEMPTED,
        Reason.POD_TERMINATING,
        Reason.NODE_DRAINED,
        Reason.NODE_LOST,
    }
)
"""No image can be blamed for these, the former one would fare no better: the change waits until they are gone."""


class Stage(enum.Enum):
    """How a tenant stands between the image that it has and the one that is wanted."""

    FREE = "free"
    """Nothing is under way, or nothing is at stake: it gets the wanted image."""
    WAITING = "waiting"
    """It serves on its last good image, and wants another."""
    ROLLING = "rolling"
    """Its pod has the wanted image, or gets it at once, and is not ready on it."""
    FAILED = "failed"
    """It was taken back from the wanted image."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant's way from one image to another, as it was observed."""

    wanted: str
    stage: Stage
    good: str | None
    applied: str | None
    made: str
    """When the tenant was made: the older goes first."""
    failed: FailedImage | None = None


def change(tenant: Tenant, deployment: Manifest | None, wanted: str, rollout: RolloutStatus) -> Change:
    """How the tenant stands."""
    applied = image_of(deployment)
    return Change(
        wanted=wanted,
        stage=_stage(tenant, deployment, applied, wanted, rollout),
        good=rollout.good_image,
        applied=applied,
        made=tenant.metadata.creation_timestamp,
        failed=rollout.failed if rollout.failed is not None and rollout.failed.image == wanted else None,
    )


def progress(
    tenant: Tenant,
    deployment: Manifest | None,
    pods: Iterable[Manifest],
    wanted: str,
    now: datetime.datetime,
    deadline_seconds: int,
) -> RolloutStatus:
    """What has become of the change since the status was written: the pod is ready, or hopeless, or neither yet."""
    before = tenant.status.rollout or RolloutStatus()
    good, failed = before.good_image, before.failed
    applied = image_of(deployment)
    # Somebody's edit of the Deployment proves nothing, even where the pod runs on it.
    if deployment is not None and applied in (wanted, tenant.status.image) and _rolled_out(deployment):
        good = applied
    if failed is not None and (failed.image != wanted or good == wanted):
        failed = None
    under_way = good is not None and applied == wanted and wanted != good
    if tenant.spec.hibernate or not under_way or still_failed(tenant, wanted, failed):
        return RolloutStatus(good_image=good, failed=failed, template=before.template)
    since = before.since or utc(now)
    reason = _hopeless(tenant, wanted, pods, _moment(since), now, deadline_seconds)
    if reason is None:
        return RolloutStatus(good_image=good, since=since, failed=failed, template=before.template)
    failed = FailedImage(image=wanted, message=reason[:4096], wish=wish(tenant, wanted), request=request(tenant))
    return RolloutStatus(good_image=good, failed=failed, template=before.template)


def next_look(
    rollout: RolloutStatus, pods: Iterable[Manifest], wanted: str, now: datetime.datetime, deadline_seconds: int
) -> float | None:
    """In how many seconds time alone may change the verdict."""
    if rollout.since is None:
        return None
    since = _moment(rollout.since)
    tried = _tried_since(_on(pods, wanted), since)
    limits = [since + datetime.timedelta(seconds=PULL_PATIENCE_SECONDS)]
    limits += [] if tried is None else [tried + datetime.timedelta(seconds=deadline_seconds)]
    return min(((limit - now).total_seconds() + 0.05 for limit in limits if limit > now), default=None)


def rolled_back(tenant: Tenant, good: str, failed: FailedImage) -> Problem:
    """What a tenant says that was taken back."""
    metadata = tenant.metadata
    message = (
        f"The pod did not become ready on {failed.image} and was taken back to {good}. {failed.message}"
        f" Then change spec.image, or try again: kubectl annotate mbt -n {metadata.namespace} {metadata.name}"
        ' memorybank.dev/reconcile="$(date)" --overwrite'
    )
    return Problem(Reason.ROLLED_BACK, message)


def still_failed(tenant: Tenant, wanted: str, failed: FailedImage | None) -> bool:
    """Whether an image has failed for what is still asked."""
    if failed is None or failed.image != wanted:
        return False
    return not anew(request(tenant), failed.request) and wish(tenant, wanted) == failed.wish


def image_of(deployment: Manifest | None) -> str | None:
    """The image that a Deployment gives to the tenant's pod."""
    return None if deployment is None else _image(deployment["spec"]["template"]["spec"])


def _image(pod_spec: Manifest) -> str | None:
    return next((one.get("image") for one in pod_spec["containers"] if one["name"] == CONTAINER), None)


def _stage(
    tenant: Tenant, deployment: Manifest | None, applied: str | None, wanted: str, rollout: RolloutStatus
) -> Stage:
    good = rollout.good_image
    if tenant.spec.paused or tenant.metadata.deletion_timestamp:
        return Stage.FREE
    if deployment is None or good is None or wanted == good:
        return Stage.FREE  # made for the first time, or on its way back to what was good
    if still_failed(tenant, wanted, rollout.failed):
        return Stage.FAILED
    if tenant.spec.hibernate:
        return Stage.FREE
    tried_again = rollout.failed is not None and rollout.failed.image == wanted
    serving = (deployment.get("status") or {}).get("readyReplicas", 0) >= 1
    if applied == wanted or tried_again or not serving or applied != good:
        return Stage.ROLLING
    return Stage.WAITING


def _rolled_out(deployment: Manifest) -> bool:
    status = deployment.get("status") or {}
    current = status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 0)
    counts = {status.get(count, 0) for count in ("replicas", "updatedReplicas", "readyReplicas")}
    return bool(current and counts == {1} and deployment["spec"]["replicas"] == 1)


def _hopeless(
    tenant: Tenant,
    wanted: str,
    pods: Iterable[Manifest],
    since: datetime.datetime,
    now: datetime.datetime,
    deadline_seconds: int,
) -> str | None:
    """Why the pod will not become ready; None: it may yet."""
    new = _on(pods, wanted)
    state = state_of(new, {}, tenant, now)
    tried = _tried_since(new, since)
    hopeless = (
        (state.reason is Reason.IMAGE_PULL_FAILED and (now - since).total_seconds() >= PULL_PATIENCE_SECONDS)
        or (state.reason is Reason.CRASH_LOOP and _restarts(new) >= HOPELESS_RESTARTS)
        or (tried and (now - tried).total_seconds() >= deadline_seconds and state.reason not in INNOCENT)
    )
    return state.message if hopeless else None


def _on(pods: Iterable[Manifest], image: str) -> list[Manifest]:
    return [pod for pod in pods if _image(pod["spec"]) == image]


def _tried_since(pods: Iterable[Manifest], since: datetime.datetime) -> datetime.datetime | None:
    """Since when the image of these pods is to show what it can: before, nobody has looked at it.

    A node gets to it when the pod's volumes are attached and mounted; it then says PodReadyToStartContainers.
    """
    pod = current_pod(pods)
    if pod is None:
        return None
    conditions = {one["type"]: one for one in (pod.get("status") or {}).get("conditions") or []}
    told = conditions.get("PodReadyToStartContainers") or conditions.get("PodScheduled")
    if told is None:
        return since
    if told["status"] != "True":
        return None
    return max(since, _moment(told["lastTransitionTime"])) if told.get("lastTransitionTime") else since


def _restarts(pods: Iterable[Manifest]) -> int:
    statuses = (status for pod in pods for status in (pod.get("status") or {}).get("containerStatuses") or [])
    return max((status.get("restartCount", 0) for status in statuses), default=0)


def _moment(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)
