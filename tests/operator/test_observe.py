"""From what was seen to the status."""

import datetime
from typing import Any

import pytest

from memorybank_operator.api.status import Problem, Reason, TenantStatus
from memorybank_operator.kinds import DEPLOYMENT, HTTP_ROUTE, INGRESS, VOLUME_CLAIM
from memorybank_operator.observe import Observed, observe

from .tenants import tenant

NOW = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
LATER = NOW + datetime.timedelta(hours=1)
CLAIM = {
    "spec": {"resources": {"requests": {"storage": "10Gi"}}},
    "status": {"phase": "Bound", "capacity": {"storage": "10Gi"}},
}


def deployment(replicas: int = 1, ready: int = 1) -> dict[str, Any]:
    counts = {"replicas": replicas, "updatedReplicas": replicas, "readyReplicas": ready}
    return {
        "metadata": {"generation": 1},
        "spec": {"replicas": replicas},
        "status": {"observedGeneration": 1, **counts},
    }


def seen(**given: Any) -> Observed:
    usual: dict[str, Any] = {
        "children": {DEPLOYMENT: deployment(), VOLUME_CLAIM: CLAIM},
        "endpoint": "http://customer1.customers.svc",
        "key_secret": "customer1-api-key",
        "image": "i:1",
        "default_image": "i:1",
    }
    return Observed(**{**usual, **given})


def told(status: TenantStatus, kind: str) -> tuple[str, str]:
    return next((one.status, one.reason) for one in status.conditions if one.type == kind)


def waiting_pod(**container: Any) -> dict[str, Any]:
    return {
        "metadata": {"creationTimestamp": "2026-01-01T00:00:00Z"},
        "status": {"containerStatuses": [{"image": "i:1", **container}]},
    }


def test_a_tenant_as_desired_is_ready() -> None:
    status = observe(tenant(), seen(), NOW)
    assert told(status, "Ready") == ("True", "AsDesired")
    assert told(status, "Reconciling")[0] == told(status, "Stalled")[0] == "False"
    assert (status.phase, status.observed_generation) == ("Ready", 3)


def test_the_same_sight_gives_the_same_status_whenever_it_is_seen() -> None:
    first = observe(tenant(), seen(), NOW)
    before = {"conditions": [_plain(one) for one in first.conditions]}
    assert observe(tenant(status=before), seen(), LATER).conditions == first.conditions


def _plain(condition: Any) -> dict[str, Any]:
    return {
        "type": condition.type,
        "status": condition.status,
        "reason": condition.reason,
        "message": condition.message,
        "lastTransitionTime": condition.last_transition_time,
        "observedGeneration": condition.observed_generation,
    }


def test_a_time_changes_with_the_status_alone() -> None:
    first = observe(tenant(), seen(), NOW)
    before = {"conditions": [_plain(one) for one in first.conditions]}
    broken = observe(
        tenant(status=before), seen(children={VOLUME_CLAIM: CLAIM, DEPLOYMENT: deployment(ready=0)}), LATER
    )
    times = {one.type: one.last_transition_time for one in broken.conditions}
    assert times["Ready"] == times["Available"] == "2026-01-02T04:04:05Z"
    assert times["StorageReady"] == "2026-01-02T03:04:05Z"


@pytest.mark.parametrize(
    ("container", "reason", "message"),
    [
        ({"state": {"waiting": {"reason": "ImagePullBackOff"}}}, Reason.IMAGE_PULL_FAILED, "i:1 cannot be pulled"),
        (
            {
                "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                "lastState": {"terminated": {"exitCode": 2, "message": "starting\nPORT is no number\n"}},
            },
            Reason.CRASH_LOOP,
            "PORT is no number. kubectl logs --previous -n customers -l memorybank.dev/tenant=customer1",
        ),
        (
            {
                "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
            },
            Reason.OOM_KILLED,
            "spec.resources.limits.memory allows: raise that",
        ),
        (
            {"state": {"waiting": {"reason": "CreateContainerConfigError", "message": 'secret "x" not found'}}},
            Reason.CONTAINER_CONFIG_INVALID,
            'secret "x" not found',
        ),
        ({"state": {"running": {}}, "started": True, "ready": False}, Reason.POD_NOT_READY, "kubectl describe pod"),
    ],
)
def test_a_pod_that_does_not_answer_is_explained(container: dict[str, Any], reason: Reason, message: str) -> None:
    children = {VOLUME_CLAIM: CLAIM, DEPLOYMENT: deployment(ready=0)}
    status = observe(tenant(), seen(children=children, pods=(waiting_pod(**container),)), NOW)
    assert told(status, "Available") == ("False", reason)
    assert message in next(one.message for one in status.conditions if one.type == "Ready")
    assert status.phase == "Degraded"


def test_a_hibernating_tenant_is_ready_and_not_available() -> None:
    status = observe(tenant(hibernate=True), seen(children={DEPLOYMENT: deployment(0, 0), VOLUME_CLAIM: CLAIM}), NOW)
    assert told(status, "Ready") == ("True", "Hibernated")
    assert told(status, "Available") == ("False", "Hibernated")


def test_a_refusal_stalls_and_says_what_was_refused() -> None:
    refusal = Problem(Reason.REFUSED, "The API server refuses the Deployment: exceeded quota")
    status = observe(tenant(), seen(refusals=(refusal,)), NOW)
    assert told(status, "Stalled") == ("True", "Refused")
    assert told(status, "Ready") == ("False", "Refused")
    assert told(status, "Reconciling")[0] == "False"


def test_a_pod_that_is_being_replaced_is_not_ready_yet() -> None:
    rolling = deployment()
    rolling["metadata"]["generation"] = 2
    status = observe(tenant(), seen(children={DEPLOYMENT: rolling, VOLUME_CLAIM: CLAIM}), NOW)
    assert told(status, "Ready") == ("False", "Progressing")
    assert told(status, "Reconciling")[0] == "True"


ROUTED: dict[str, Any] = {
    "hostname": "a.example",
    "access": {"type": "Gateway", "gateway": {"parentRefs": [{"name": "gw"}]}},
}


@pytest.mark.parametrize(
    ("gateway_api", "conditions", "expected"),
    [
        (False, [], ("False", "GatewayApiMissing")),
        (True, [], ("False", "RoutePending")),
        (True, [{"type": "Accepted", "status": "True", "reason": "Accepted"}], ("True", "Routed")),
        (True, [{"type": "Accepted", "status": "False", "reason": "NoMatchingParent"}], ("False", "RouteRejected")),
    ],
)
def test_a_gateway_route_is_as_good_as_its_gateway_says(
    gateway_api: bool, conditions: list[dict[str, str]], expected: tuple[str, str]
) -> None:
    route = {"status": {"parents": [{"conditions": conditions}]}}
    children = {DEPLOYMENT: deployment(), VOLUME_CLAIM: CLAIM, HTTP_ROUTE: route}
    status = observe(tenant(**ROUTED), seen(children=children, gateway_api=gateway_api), NOW)
    assert told(status, "AccessReady") == expected


def test_a_host_name_that_is_taken_stalls() -> None:
    children = {DEPLOYMENT: deployment(), VOLUME_CLAIM: CLAIM, INGRESS: {}}
    status = observe(tenant(hostname="a.example"), seen(children=children, hostname_free=False), NOW)
    assert told(status, "AccessReady") == told(status, "Ready") == ("False", "HostnameTaken")
    assert told(status, "Stalled") == ("True", "HostnameTaken")
