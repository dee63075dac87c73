"""Telling what was observed: the tenant's status, written only if it is another than the one that stands there.

What is in progress goes through steps, most of which are over before anybody could read of them. So one step after
another is told only when it lasts; where it ends, well or ill, is told at once.
"""

import datetime
import logging
import random
from typing import Any, Final, NamedTuple

import msgspec

from memorybank_operator.answers import NotFound
from memorybank_operator.api.names import API_VERSION, KIND
from memorybank_operator.api.status import ConditionType, StorageStatus, TenantStatus
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.cluster import Cluster
from memorybank_operator.desired.context import given
from memorybank_operator.events import tell
from memorybank_operator.kinds import TENANT, VOLUME_CLAIM
from memorybank_operator.news import news
from memorybank_operator.observe import IN_PROGRESS
from memorybank_operator.seen import Seen, TenantKey, asked_of
from memorybank_operator.turns import Turns

logger = logging.getLogger(__name__)

_WHERE_IT_ENDS: Final = (
    ConditionType.READY,
    ConditionType.AVAILABLE,
    ConditionType.RECONCILING,
    ConditionType.STALLED,
)


STEPS_AT_ONCE: Final = 3
STEPS_TURN_SECONDS: Final = 5.0
"""A thousand tenants that wait for the same thing would each tell of it, and wait longer for that."""
STEP_SECONDS_A_TENANT: Final = 0.3
"""How much longer a step may last for each tenant that was under way before; a cluster starts few pods a second."""


class _Untold(NamedTuple):
    since: datetime.datetime
    seconds: float
    """So long it may last."""

    def left(self, now: datetime.datetime) -> float:
        return self.seconds - (now - self.since).total_seconds()


class Steps:
    """Since when each tenant's progress goes untold."""

    def __init__(self, seconds: float) -> None:
        """A step that lasts for so long is told; a little later where many tenants are under way."""
        self._seconds = seconds
        self._untold: dict[TenantKey, _Untold] = {}
        self._turns = Turns(STEPS_AT_ONCE, STEPS_TURN_SECONDS)

    def begin(self, key: TenantKey, now: datetime.datetime) -> float:
        """Count from here, unless something goes untold already; answers for how many seconds that can go on yet."""
        untold = self._untold.get(key)
        if untold is None:
            # Who comes last waits for all that came before, and is none the worse for it.
            untold = _Untold(now, self._seconds + STEP_SECONDS_A_TENANT * len(self._untold))
            self._untold[key] = untold
        return max(0.0, untold.left(now))

    def end(self, key: TenantKey) -> None:
        self._untold.pop(key, None)

    def wait(self, key: TenantKey, before: TenantStatus, after: TenantStatus, now: datetime.datetime) -> float:
        """Seconds for which the new status can wait; 0: it is to be told now, whatever it was that went untold."""
        if self._seconds > 0 and _only_a_step(before, after):
            # What goes untold is looked at now and then all the same: a fault may be found.
            again = self._seconds * random.uniform(2.0, 4.0)  # noqa: S311 (no secret)
            left = self.begin(key, now)
            if left > 0:
                return min(left, again)
            if not self._turns.take(now):
                return again
        self.end(key)
        return 0.0


def _only_a_step(before: TenantStatus, after: TenantStatus) -> bool:
    """Whether what is in progress has gone on, and neither ended nor met with anything."""
    known, now = ({one.type: one for one in status.conditions} for status in (before, after))
    if not all(one in known and known[one].status == now[one].status for one in _WHERE_IT_ENDS):
        return False
    under_way = all(found[ConditionType.READY].reason in IN_PROGRESS for found in (known, now))
    return under_way and _without_steps(before) == _without_steps(after)


def _without_steps(status: TenantStatus) -> TenantStatus:
    storage = msgspec.structs.replace(status.storage or StorageStatus(), capacity=None)
    return msgspec.structs.replace(status, phase=None, conditions=[], storage=storage)


async def write_status(
    cluster: Cluster, seen: Seen, tenant: Tenant, status: TenantStatus, known: tuple[Any, ...]
) -> None:
    """Write the status of a tenant, of which `known` is what was asked when it was computed.

    Conflict: it is another one of that name by now, or was written at the same moment; to be looked at again.
    """
    metadata = tenant.metadata
    manifest = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": metadata.name, "namespace": metadata.namespace, "uid": metadata.uid},
        "status": given(status),
    }
    try:
        answer = await cluster.apply(TENANT, manifest, subresource="status")
    except NotFound:
        return  # deleted meanwhile: the end, no error
    if asked_of(answer) == known:
        seen.answered(TENANT, answer)
    # Else the answer holds a change whose event is still to come, and would then be taken for old news.
    claim = seen.child(VOLUME_CLAIM, TenantKey(metadata.namespace, metadata.name))
    for one in news(tenant, status, claim):
        logger.info(one.message, extra={"reason": one.reason})
        await tell(cluster, tenant, one.reason, one.message, warning=one.warning)
