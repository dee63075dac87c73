"""Events are about what changed, and never about what stayed."""

import itertools
from typing import Any

import msgspec

from memorybank_operator.api.names import DESIRED_ANNOTATION
from memorybank_operator.api.status import News, TenantStatus
from memorybank_operator.kinds import INGRESS, SERVICE
from memorybank_operator.news import news
from memorybank_operator.repairs import repaired

from .tenants import tenant


def status(
    ready: tuple[str, str] = ("True", "AsDesired"), available: tuple[str, str] = ("True", "PodReady"), **parts: Any
) -> dict[str, Any]:
    conditions = [
        {
            "type": kind,
            "status": value,
            "reason": reason,
            "message": f"{reason} said",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
            "observedGeneration": 1,
        }
        for kind, (value, reason) in (("Ready", ready), ("Available", available))
    ]
    return {"observedGeneration": 1, "image": "i:1", "conditions": conditions, **parts}


def told(before: dict[str, Any], after: dict[str, Any], claim: dict[str, Any] | None = None) -> list[News]:
    return news(tenant(status=before), msgspec.convert(after, TenantStatus), claim)


def reasons(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, bool]]:
    return [(one.reason, one.warning) for one in told(before, after)]


STARTING = status(("False", "PodStarting"), ("False", "PodStarting"))


def test_nothing_is_told_of_what_stayed() -> None:
    assert told(status(), status()) == []


def test_a_creation_is_two_events_however_many_steps_it_takes() -> None:
    steps = [
        {},
        status(("False", "VolumePending"), ("False", "PodStarting")),
        STARTING,
        status(("False", "Progressing")),
        status(),
    ]
    found = [one.reason for before, after in itertools.pairwise(steps) for one in told(before, after)]
    assert found == ["Created", "Ready"]


def test_a_volume_that_was_there_before_the_tenant_is_adopted() -> None:
    claim = {"metadata": {"creationTimestamp": "2025-12-31T00:00:00Z"}}
    assert [one.reason for one in told({}, STARTING, claim)] == ["Adopted"]
    claim["metadata"]["creationTimestamp"] = "2026-01-01T00:00:01Z"
    assert [one.reason for one in told({}, STARTING, claim)] == ["Created"]


def test_a_failure_is_one_warning_with_the_condition_s_words() -> None:
    broken = status(("False", "CrashLoop"), ("False", "CrashLoop"))
    assert told(status(), broken) == [News("CrashLoop", "CrashLoop said", warning=True)]
    assert reasons(broken, status()) == [("Ready", False)]


def test_an_interruption_that_time_cures_is_no_warning() -> None:
    assert reasons(status(), STARTING) == [("PodStarting", False)]


def test_a_tenant_that_answers_again_while_something_else_is_wrong_is_told() -> None:
    down = status(("False", "HostnameTaken"), ("False", "CrashLoop"))
    assert reasons(down, status(("False", "HostnameTaken"))) == [("PodReady", False)]


def test_sleeping_and_waking_are_told_once_each() -> None:
    asleep = status(("True", "Hibernated"), ("False", "Hibernated"))
    assert reasons(status(), asleep) == [("Hibernated", False)]
    assert reasons(asleep, STARTING) == [("Woken", False)]


def test_another_image_and_a_larger_volume_are_told() -> None:
    before = status(storage={"capacity": "10Gi"})
    after = status(storage={"capacity": "20Gi"}) | {"image": "i:2"}
    assert [one.message for one in told(before, after)] == [
        "The image is changed from i:1 to i:2.",
        "The volume has grown from 10Gi to 20Gi.",
    ]
    assert told(after, after) == []


def test_a_pause_is_told_and_a_deletion_is_not() -> None:
    assert reasons(status(), status(("Unknown", "Paused"))) == [("Paused", False)]
    assert reasons(status(), status(("False", "Terminating"))) == []


def service(digest: str) -> dict[str, Any]:
    return {"metadata": {"annotations": {DESIRED_ANNOTATION: digest}}}


def test_only_what_somebody_else_did_is_called_a_repair() -> None:
    stood = tenant(status={"observedGeneration": 3})
    assert repaired(SERVICE, stood, service("a"), service("a"), "spec.ports") == (
        "Somebody else edited the Service customer1 (spec.ports): it is as it should be again."
    )
    assert repaired(SERVICE, stood, service("b"), service("a"), "spec.ports") == ""
    assert (
        repaired(SERVICE, stood, service("a"), None, "") == "Somebody deleted the Service customer1: it is made again."
    )
    assert repaired(SERVICE, tenant(), service("a"), None, "") == ""
    assert repaired(SERVICE, tenant(status={"observedGeneration": 2}), service("a"), None, "") == ""


def test_an_ingress_that_was_not_there_before_is_no_repair() -> None:
    assert repaired(INGRESS, tenant(status={"observedGeneration": 3}), service("a"), None, "") == ""
