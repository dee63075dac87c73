"""What no watch tells of a tenant, read only while something is wrong, and at intervals.

Events of objects that have waited for long, and the certificate of an Ingress until it is there. All that is kept is
when to look again and what was found, which a restart finds again. What cannot be read leaves the last answer standing.
"""

import datetime
import logging
import random
from collections.abc import Mapping
from typing import Final

import msgspec

from memorybank_operator import certificates
from memorybank_operator.answers import Refused, Transient
from memorybank_operator.api.status import Problem
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.cluster import Cluster
from memorybank_operator.hearing import telling
from memorybank_operator.kinds import CERTIFICATE, EVENT, INGRESS, Kind
from memorybank_operator.observe import Observed, Told
from memorybank_operator.observe.pods import PATIENCE_SECONDS
from memorybank_operator.observe.waiting import overdue, waiting
from memorybank_operator.seen import TenantKey
from memorybank_operator.turns import Turns

logger = logging.getLogger(__name__)

EVENTS_SECONDS: Final = 60.0
CERTIFICATE_SECONDS: Final = 10.0
MOST_EVENTS: Final = 50
EVENTS_AT_ONCE: Final = 20
EVENTS_TURN_SECONDS: Final = 1.0
"""An API server goes through all events of a namespace for those of one object: a rush of tenants, of which each waits
for its turn, would wait for nothing but that."""


class _Answer(msgspec.Struct, frozen=True):
    """What was found, and when (None: never) to look again."""

    due: datetime.datetime | None
    told: Told | None = None
    tls: Problem | None = None


class Looking:
    """Looks where no watch does."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._turns = Turns(EVENTS_AT_ONCE, EVENTS_TURN_SECONDS)
        self._events: dict[TenantKey, dict[str, _Answer]] = {}
        self._certificates: dict[TenantKey, _Answer] = {}

    def forget(self, key: TenantKey) -> None:
        """Look at the certificate again: the spec changed, or it is time to."""
        self._certificates.pop(key, None)

    def part(self, key: TenantKey) -> None:
        """The tenant is gone."""
        self._events.pop(key, None)
        self._certificates.pop(key, None)

    async def look(
        self, key: TenantKey, tenant: Tenant, observed: Observed, served: frozenset[Kind], now: datetime.datetime
    ) -> tuple[Observed, float | None]:
        """The observation with what was found, and in how many seconds there may be more."""
        if tenant.metadata.deletion_timestamp or tenant.spec.paused:
            return observed, None
        tls = await self._certificate(key, tenant, observed, CERTIFICATE in served, now)
        told, soonest = await self._hear(key, tenant, observed, now)
        moments = [moment for moment in (tls.due, soonest, overdue(observed, now)) if moment is not None]
        again = max(0.0, (min(moments) - now).total_seconds()) + 1.0 if moments else None
        return msgspec.structs.replace(observed, tls=tls.tls, told=told), again

    async def _hear(
        self, key: TenantKey, tenant: Tenant, observed: Observed, now: datetime.datetime
    ) -> tuple[Mapping[str, Told], datetime.datetime | None]:
        known = self._events.pop(key, {})
        answers = {}
        for uid, since in waiting(tenant, observed, now).items():
            answer = known.get(uid) or _Answer(since + datetime.timedelta(seconds=PATIENCE_SECONDS))
            if answer.due is not None and answer.due <= now:
                if self._turns.take(now):
                    told, pause = await self._told(tenant, uid, answer.told), EVENTS_SECONDS
                else:  # not all of those who have to wait come back together
                    told, pause = answer.told, EVENTS_SECONDS * random.uniform(0.5, 1.0)  # noqa: S311 (no secret)
                answer = _Answer(now + datetime.timedelta(seconds=pause), told=told)
            answers[uid] = answer
        if answers:
            self._events[key] = answers
        told_now = {uid: answer.told for uid, answer in answers.items() if answer.told is not None}
        return told_now, min((answer.due for answer in answers.values() if answer.due is not None), default=None)

    async def _told(self, tenant: Tenant, uid: str, before: Told | None) -> Told | None:
        try:
            about = f"involvedObject.uid={uid}"
            found = await self._cluster.list(EVENT, tenant.metadata.namespace, fields=about, limit=MOST_EVENTS)
            return telling(found["items"])
        except Transient as error:
            logger.warning("events cannot be read: %s", error, extra={"reason": "NotRead"})
            return before

    async def _certificate(
        self, key: TenantKey, tenant: Tenant, observed: Observed, cert_manager: bool, now: datetime.datetime
    ) -> _Answer:
        tls = certificates.wanted(tenant)
        if tls is None or INGRESS not in observed.children or not observed.hostname_free:
            self._certificates.pop(key, None)
            return _Answer(None)
        known = self._certificates.get(key)
        if known is not None and (known.due is None or known.due > now):
            return known
        again = now + datetime.timedelta(seconds=CERTIFICATE_SECONDS)
        try:
            problem = await certificates.problem(self._cluster, tenant, tls, cert_manager=cert_manager)
        except Refused as error:  # no right to; what is no answer at all is tried again with the whole tenant
            logger.warning("the certificate cannot be read: %s", error, extra={"reason": "NotRead"})
            return _Answer(again, tls=known.tls if known is not None else None)
        answer = self._certificates[key] = _Answer(again if problem else None, tls=problem)
        return answer
