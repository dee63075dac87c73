"""What events tell of an object that waits: the one that matters of many; pure.

Some troubles stand nowhere else: a volume that is attached elsewhere, a mount that fails, a class that is not there.
"""

import datetime
from collections.abc import Iterable
from typing import Any, Final

from memorybank_operator.observe import Told
from memorybank_operator.steady import steady

Manifest = dict[str, Any]

_PROGRESS: Final = frozenset({"Scheduled", "SuccessfulAttachVolume", "Pulling", "Pulled", "Created", "Started"})
"""After one of these, what was in the way before it no longer is."""

_EXPLAINING: Final = frozenset({"FailedBinding", "WaitForFirstConsumer", "WaitForPodScheduled", "ExternalProvisioning"})
"""What is told of a claim as if it were normal."""

_CAUSES_FIRST: Final = ("FailedAttachVolume", "FailedMount", "FailedMapVolume", "ProvisioningFailed")
"""Kubelet and controllers take turns in complaining: so that the status does not, the cause goes before its effects."""

_SAME_TIME: Final = datetime.timedelta(minutes=10)


def telling(events: Iterable[Manifest]) -> Told | None:
    """What the events say is in the way now."""
    timed = [(_time(event), event) for event in events]
    progress = max((time for time, event in timed if event.get("reason") in _PROGRESS), default=None)
    complaints = [
        (time, event)
        for time, event in timed
        if (event.get("type") == "Warning" or event.get("reason") in _EXPLAINING)
        and (progress is None or time >= progress)
    ]
    if not complaints:
        return None
    newest = max(time for time, _ in complaints)
    now = [(_rank(event), time, event) for time, event in complaints if newest - time <= _SAME_TIME]
    _, _, event = min(now, key=lambda one: (one[0], newest - one[1]))
    return Told(str(event.get("reason", "")), steady(event.get("message") or "no message"))


def _rank(event: Manifest) -> int:
    reason = event.get("reason", "")
    if reason in _CAUSES_FIRST:
        return _CAUSES_FIRST.index(reason)
    return len(_CAUSES_FIRST) + (event.get("type") != "Warning")


def _time(event: Manifest) -> datetime.datetime:
    series = event.get("series") or {}
    times = (
        series.get("lastObservedTime"),
        event.get("lastTimestamp"),
        event.get("eventTime"),
        event.get("metadata", {}).get("creationTimestamp"),
    )
    return datetime.datetime.fromisoformat(next(time for time in times if time))
