"""A mistake in the YAML is refused with a sentence that says what to do."""

from __future__ import annotations

from typing import Any

import pytest

from e2e.kubectl import Kubectl, KubectlError
from e2e.stack import Stack
from e2e.tenants import NAMESPACE, tenant

BOTH_WAYS = {"type": "Ingress", "ingress": {}, "gateway": {"parentRefs": [{"name": "gateway"}]}}

MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "a name that is no DNS label": (tenant("Customer_1"), "metadata.name"),
    "a name that begins with a digit": (tenant("1customer"), "beginning with a letter"),
    "a name that is too long": (tenant("c" * 41), "at most 40 characters"),
    "a wrong quantity": (tenant("mistaken", storage={"size": "20GB"}), "20GB"),
    "a threshold over 100": (tenant("mistaken", forgetting={"thresholdPercent": 150}), "less than or equal to 100"),
    "two ways of access": (tenant("mistaken", access=BOTH_WAYS), "two ways of access"),
    "a host name with a scheme": (tenant("mistaken", hostname="https://a.example.com"), "without scheme"),
    "a misspelt field": (tenant("mistaken", hostnam="a.example.com"), 'unknown field "(spec.)?hostnam"'),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_refused(stack: Stack, kubectl: Kubectl, mistake: str) -> None:
    manifest, sentence = MISTAKES[mistake]

    with pytest.raises(KubectlError, match=sentence):
        kubectl.apply(manifest)


def test_storage_cannot_shrink_and_its_class_cannot_change(stack: Stack, kubectl: Kubectl) -> None:
    kubectl.apply(tenant("stored", storage={"size": "1Gi"}))
    kubectl.wait("memorybanktenant/stored", "condition=Ready", NAMESPACE)

    with pytest.raises(KubectlError, match="below what the volume has"):
        kubectl.apply(tenant("stored", storage={"size": "500Mi"}))
    with pytest.raises(KubectlError, match="storageClassName is chosen at creation"):
        kubectl.apply(tenant("stored", storage={"size": "1Gi", "storageClassName": "another"}))
