"""Steps on the way to Ready are told a few times, not each: a new tenant takes two writes of its status.

What matters is told at once: another generation, a way that begins or has come to its end. A restart forgets when
something was told last, and at worst tells a step early.
"""

import time
from collections.abc import Callable
from typing import Final

from memorybank_operator.api.status import ConditionType, TenantStatus
from memorybank_operator.seen import TenantKey

STEP_SECONDS: Final = 2.0


class Pacing:
    """When each tenant's status was written last."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._written: dict[TenantKey, float] = {}

    def wait(self, key: TenantKey, stands: TenantStatus, next_one: TenantStatus) -> float | None:
        """How many seconds the next status can wait; None: write it now."""
        step = (
            stands.observed_generation == next_one.observed_generation and _on_its_way(stands) and _on_its_way(next_one)
        )
        wait = self._written.get(key, 0.0) + STEP_SECONDS - self._clock()
        return wait if step and wait > 0 else None

    def written(self, key: TenantKey) -> None:
        """A status is being written."""
        self._written[key] = self._clock()

    def forget(self, key: TenantKey) -> None:
        self._written.pop(key, None)


def _on_its_way(status: TenantStatus) -> bool:
    return any(one.type == ConditionType.RECONCILING and one.status == "True" for one in status.conditions)
