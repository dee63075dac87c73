"""Of many events about one object, the one that matters."""

from typing import Any

from memorybank_operator.hearing import telling
from memorybank_operator.observe import Told


def event(minute: int, reason: str, message: str = "m", type: str = "Warning") -> dict[str, Any]:
    return {"lastTimestamp": f"2026-01-02T03:{minute:02}:00Z", "reason": reason, "message": message, "type": type}


def test_without_a_complaint_there_is_nothing_to_tell() -> None:
    assert telling([]) is None
    assert telling([event(1, "Scheduled", type="Normal")]) is None


def test_the_newest_complaint_is_told() -> None:
    assert telling([event(1, "Unhealthy", "old"), event(30, "FailedCreatePodSandBox", "new")]) == Told(
        "FailedCreatePodSandBox", "new"
    )


def test_two_that_complain_in_turns_do_not_change_the_story() -> None:
    attach, mount = event(1, "FailedAttachVolume"), event(2, "FailedMount")
    later = [event(3, "FailedAttachVolume"), event(2, "FailedMount")]
    assert telling([attach, mount]) == telling(later) == Told("FailedAttachVolume", "m")


def test_what_was_in_the_way_before_the_last_step_forward_no_longer_is() -> None:
    attached = event(5, "SuccessfulAttachVolume", type="Normal")
    assert telling([event(4, "FailedAttachVolume"), attached]) is None
    assert telling([event(4, "FailedAttachVolume"), attached, event(6, "FailedMount")]) == Told("FailedMount", "m")


def test_a_claim_s_normal_events_explain_too() -> None:
    assert telling([event(1, "WaitForFirstConsumer", type="Normal")]) == Told("WaitForFirstConsumer", "m")
    both = [event(2, "ExternalProvisioning", type="Normal"), event(1, "ProvisioningFailed")]
    assert telling(both) == Told("ProvisioningFailed", "m")


def test_an_event_of_the_newer_kind_has_its_time_in_its_series() -> None:
    series = {
        "eventTime": "2026-01-02T03:01:00.000000Z",
        "series": {"lastObservedTime": "2026-01-02T03:09:00.000000Z"},
        "reason": "FailedScheduling",
        "message": "0/2 nodes are available: 2 Insufficient cpu.",
        "type": "Warning",
    }
    assert telling([event(5, "Scheduled", type="Normal"), series]) == Told("FailedScheduling", "Insufficient cpu")
