"""What the API server refuses has a reason of its own, and a next step."""

import pytest

from memorybank_operator.refusals import refusal


@pytest.mark.parametrize(
    ("what", "message", "reason", "said"),
    [
        (
            "pod",
            'pods "customer1-7f9-abc12" is forbidden: exceeded quota: compute, requested: limits.cpu=1,pods=1, used:'
            " limits.cpu=3,pods=4, limited: limits.cpu=3,pods=4",
            "QuotaExceeded",
            "ResourceQuota compute has no room for the pod (requested: limits.cpu=1,pods=1; limited:"
            " limits.cpu=3,pods=4): raise the quota, ask for less (spec.resources)",
        ),
        (
            "PersistentVolumeClaim",
            'persistentvolumeclaims "customer1" is forbidden: exceeded quota: disk, requested: requests.storage=10Gi,'
            " used: requests.storage=0, limited: requests.storage=5Gi",
            "QuotaExceeded",
            "ask for less (spec.storage.size)",
        ),
        (
            "pod",
            'pods "a" is forbidden: failed quota: compute: must specify limits.cpu for: memorybank',
            "QuotaExceeded",
            "does not say limits.cpu for: memorybank: give spec.resources both requests and limits",
        ),
        (
            "pod",
            'pods "a" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true (container "side")',
            "PodSecurityViolated",
            'runAsNonRoot != true (container "side")',
        ),
        (
            "pod",
            'pods "a" is forbidden: maximum memory usage per Container is 512Mi, but limit is 1Gi',
            "LimitRangeViolated",
            "maximum memory usage per Container is 512Mi, but limit is 1Gi. Change spec.resources",
        ),
        (
            "PersistentVolumeClaim",
            'persistentvolumeclaims "a" is forbidden: minimum storage usage per PersistentVolumeClaim is 1Ti, but'
            " request is 10Gi",
            "LimitRangeViolated",
            "Change spec.storage.size",
        ),
        (
            "Service",
            'admission webhook "policy.example.com" denied the request: no Services here',
            "Refused",
            "Ask whoever runs that webhook",
        ),
        (
            "Ingress",
            'ingresses.networking.k8s.io "a" is forbidden: User "system:serviceaccount:s:o" cannot patch resource'
            ' "ingresses" in API group "networking.k8s.io" in the namespace "n"',
            "Refused",
            "The operator's role lacks that right",
        ),
    ],
)
def test_a_refusal_names_its_reason_and_the_next_step(what: str, message: str, reason: str, said: str) -> None:
    problem = refusal(what, message)
    assert problem.reason == reason
    assert said in problem.message


def test_a_quota_s_use_and_a_pod_s_random_name_leave_the_message_alone() -> None:
    template = (
        'pods "customer1-7f9-{}" is forbidden: exceeded quota: q, requested: pods=1, used: pods={}, limited: pods=9'
    )
    assert refusal("pod", template.format("abc12", 9)) == refusal("pod", template.format("zzz99", 12))
