"""Tools that know nothing of tenants read their status by kstatus' rules: held over whatever may be observed."""

import datetime
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from memorybank_operator.api.status import Phase, Problem, Reason, TenantStatus
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.kinds import DEPLOYMENT, HTTP_ROUTE, INGRESS, VOLUME_CLAIM
from memorybank_operator.observe import Observed, Told, observe

from .test_observe import NOW

TIMES = st.sampled_from(["2026-01-01T00:00:00Z", "2026-01-02T03:03:00Z", "2026-01-02T03:04:05Z"])
MESSAGES = st.sampled_from(
    ["", "m", 'storageclass.storage.k8s.io "fast" not found', "exceeded quota: q, requested: a=1"]
)
STATUSES = st.sampled_from(["True", "False", "Unknown"])


def conditions(*types: str) -> st.SearchStrategy[list[dict[str, Any]]]:
    reasons = st.sampled_from(["", "EvictionByEvictionAPI", "NoMatchingParent", "DeletionByTaintManager"])
    one = st.fixed_dictionaries(
        {"type": st.sampled_from(types), "status": STATUSES, "reason": reasons, "message": MESSAGES}
    )
    return st.lists(one, max_size=3)


CLAIMS = st.fixed_dictionaries(
    {
        "metadata": st.just({"uid": "c", "creationTimestamp": "2026-01-01T00:00:00Z"}),
        "spec": st.fixed_dictionaries(
            {"resources": st.just({"requests": {"storage": "10Gi"}})}, optional={"storageClassName": st.just("fast")}
        ),
        "status": st.fixed_dictionaries(
            {"phase": st.sampled_from(["Pending", "Bound", "Lost"])},
            optional={"capacity": st.fixed_dictionaries({"storage": st.sampled_from(["5Gi", "10Gi", "20Gi"])})},
        ),
    }
)
DEPLOYMENTS = st.fixed_dictionaries(
    {
        "metadata": st.just({"generation": 2}),
        "spec": st.fixed_dictionaries({"replicas": st.integers(0, 1)}),
        "status": st.fixed_dictionaries(
            {"observedGeneration": st.integers(1, 2), "conditions": conditions("ReplicaFailure", "Progressing")},
            optional=dict.fromkeys(["replicas", "updatedReplicas", "readyReplicas"], st.integers(0, 1)),
        ),
    }
)
ENDED = st.fixed_dictionaries(
    {"exitCode": st.integers(0, 137), "reason": st.sampled_from(["Error", "OOMKilled"]), "message": MESSAGES}
)
CONTAINERS = st.fixed_dictionaries(
    {
        "image": st.just("i:1"),
        "ready": st.booleans(),
        "started": st.booleans(),
        "state": st.one_of(
            st.fixed_dictionaries(
                {
                    "waiting": st.fixed_dictionaries(
                        {
                            "reason": st.sampled_from(["ErrImagePull", "CrashLoopBackOff", "ContainerCreating"]),
                            "message": MESSAGES,
                        }
                    )
                }
            ),
            st.just({"running": {}}),
            st.fixed_dictionaries({"terminated": ENDED}),
        ),
    },
    optional={"lastState": st.fixed_dictionaries({"terminated": ENDED})},
)
PODS = st.builds(
    lambda created, deleted, status: {
        "metadata": {"name": "p", "namespace": "n", "uid": "p", "creationTimestamp": created} | deleted,
        "status": status,
    },
    TIMES,
    st.one_of(st.just({}), st.fixed_dictionaries({"deletionTimestamp": TIMES})),
    st.fixed_dictionaries(
        {
            "phase": st.sampled_from(["Pending", "Running", "Failed"]),
            "conditions": conditions("Ready", "ContainersReady", "PodScheduled", "DisruptionTarget"),
            "containerStatuses": st.lists(CONTAINERS, max_size=2),
        },
        optional={"reason": st.sampled_from(["Evicted", "NodeLost"]), "message": MESSAGES},
    ),
)
ROUTES = st.fixed_dictionaries(
    {
        "spec": st.just({"parentRefs": [{"name": "gw"}]}),
        "status": st.fixed_dictionaries(
            {
                "parents": st.lists(
                    st.fixed_dictionaries(
                        {
                            "parentRef": st.just({"name": "gw"}),
                            "conditions": conditions("Accepted", "ResolvedRefs"),
                        }
                    ),
                    max_size=2,
                )
            }
        ),
    }
)
PROBLEMS = st.builds(Problem, st.sampled_from(Reason), st.just("do this"))
TOLD = st.builds(Told, st.sampled_from(["FailedAttachVolume", "FailedMount", "ProvisioningFailed", "Other"]), MESSAGES)
OBSERVED = st.builds(
    Observed,
    children=st.fixed_dictionaries(
        {}, optional={VOLUME_CLAIM: CLAIMS, DEPLOYMENT: DEPLOYMENTS, HTTP_ROUTE: ROUTES, INGRESS: st.just({})}
    ),
    pods=st.lists(PODS, max_size=3).map(tuple),
    secret_problems=st.lists(PROBLEMS, max_size=1).map(tuple),
    refusals=st.lists(PROBLEMS, max_size=1).map(tuple),
    hostname_free=st.booleans(),
    tls=st.none() | PROBLEMS,
    told=st.dictionaries(st.sampled_from(["c", "p"]), TOLD),
    gateway_api=st.booleans(),
    endpoint=st.just("http://a"),
    key_secret=st.just("a"),
    image=st.just("i:1"),
    default_image=st.just("i:1"),
)


def make(hostname: str | None, gateway: bool, deleted: bool, paused: bool, hibernate: bool) -> Tenant:
    metadata = {
        "name": "customer1",
        "namespace": "n",
        "uid": "u",
        "generation": 7,
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }
    if deleted:
        metadata["deletionTimestamp"] = "2026-01-02T00:00:00Z"
    spec: dict[str, Any] = {"paused": paused, "hibernate": hibernate}
    if hostname is not None:
        spec["hostname"] = hostname
    if gateway:
        spec["access"] = {"type": "Gateway", "gateway": {"parentRefs": [{"name": "gw"}]}}
    return msgspec.convert({"metadata": metadata, "spec": spec}, Tenant)


TENANTS = st.builds(make, st.none() | st.just("a.example"), st.booleans(), st.booleans(), st.booleans(), st.booleans())


def kstatus(tenant: Tenant, status: TenantStatus) -> str:
    """`status.Compute` of sigs.k8s.io/cli-utils, for a custom resource."""
    if tenant.metadata.deletion_timestamp:
        return "Terminating"
    if status.observed_generation != tenant.metadata.generation:
        return "InProgress"
    told = {one.type: one.status for one in status.conditions}
    if told.get("Stalled") == "True":
        return "Failed"
    if told.get("Reconciling") == "True":
        return "InProgress"
    return {"True": "Current", "False": "InProgress", "Unknown": "InProgress"}[told["Ready"]]


@settings(deadline=None)
@given(TENANTS, OBSERVED)
def test_whatever_is_observed_the_status_keeps_the_rules(tenant: Tenant, observed: Observed) -> None:
    status = observe(tenant, observed, NOW)
    told = {one.type: one for one in status.conditions}

    assert status.observed_generation == 7
    assert {one.observed_generation for one in status.conditions} == {7}
    assert len(told) == len(status.conditions)
    assert all(one.reason in set(Reason) and one.message for one in status.conditions)
    # Abnormal-true conditions: never both, and never beside a True Ready.
    assert not (told["Reconciling"].status == told["Stalled"].status == "True")
    if told["Ready"].status == "True":
        assert told["Reconciling"].status == told["Stalled"].status == "False"
    if told["Ready"].status == "False":
        assert "True" in (told["Reconciling"].status, told["Stalled"].status)
    # What waits for Ready waits for the same as what waits by kstatus.
    going = not tenant.metadata.deletion_timestamp
    assert (kstatus(tenant, status) == "Current") == (going and told["Ready"].status == "True")
    assert (status.phase in (Phase.READY, Phase.HIBERNATED)) == (told["Ready"].status == "True")
    # A summary, not an opinion of its own.
    if told["Ready"].status == "True" and not tenant.spec.hibernate:
        parts = ("Available", "StorageReady", "AccessReady", "SecretsReady")
        assert {told[part].status for part in parts} == {"True"}


@settings(deadline=None)
@given(TENANTS, OBSERVED)
def test_the_status_is_the_same_when_nothing_has_changed(tenant: Tenant, observed: Observed) -> None:
    once = observe(tenant, observed, NOW)
    known = msgspec.structs.replace(tenant, status=once)
    assert observe(known, observed, NOW + datetime.timedelta(seconds=1)).conditions == once.conditions or any(
        "deletionTimestamp" in pod["metadata"] for pod in observed.pods
    )
