"""Which changes of a status wait a little, on a clock of the test's own."""

import msgspec
import pytest

from memorybank_operator.api.status import TenantStatus
from memorybank_operator.pacing import STEP_SECONDS, Pacing
from memorybank_operator.seen import TenantKey

KEY = TenantKey("customers", "customer1")


def status(phase: str = "Provisioning", *, reconciling: bool = True, generation: int = 1) -> TenantStatus:
    condition = {
        "type": "Reconciling",
        "status": "True" if reconciling else "False",
        "reason": "Progressing" if reconciling else "AsDesired",
        "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
        "observedGeneration": generation,
    }
    told = {"observedGeneration": generation, "phase": phase, "conditions": [condition]}
    return msgspec.convert(told, TenantStatus)


def test_a_step_on_the_way_waits_until_the_last_one_is_old_enough() -> None:
    now = 100.0
    pacing = Pacing(lambda: now)
    assert pacing.wait(KEY, status(), status()) is None
    pacing.written(KEY)
    now += STEP_SECONDS / 2
    assert pacing.wait(KEY, status(), status()) == pytest.approx(STEP_SECONDS / 2)
    now += STEP_SECONDS / 2
    assert pacing.wait(KEY, status(), status()) is None


@pytest.mark.parametrize(
    "next_one",
    [status("Ready", reconciling=False), status("Degraded"), status(generation=2), status(reconciling=False)],
    ids=["ready", "another phase", "another generation", "the end of the way"],
)
def test_what_matters_is_told_at_once(next_one: TenantStatus) -> None:
    pacing = Pacing(lambda: 100.0)
    pacing.written(KEY)
    assert pacing.wait(KEY, status(), next_one) is None


def test_one_tenant_does_not_wait_for_another() -> None:
    pacing = Pacing(lambda: 100.0)
    pacing.written(KEY)
    assert pacing.wait(TenantKey("customers", "customer2"), status(), status()) is None
