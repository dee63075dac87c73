"""What is known of the tenants' keys: read from their Secrets, which nothing tells of, only when there is reason to."""

import datetime
import logging

from memorybank_operator import keys
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.cluster import Cluster
from memorybank_operator.events import tell
from memorybank_operator.keys import Keyring
from memorybank_operator.moments import utc
from memorybank_operator.seen import TenantKey

logger = logging.getLogger(__name__)


class Keyrings:
    """Each tenant's keys as they were when its Secrets were read last."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._known: dict[TenantKey, Keyring] = {}
        self._stale: set[TenantKey] = set()

    def __contains__(self, key: TenantKey) -> bool:
        return key in self._known

    def known(self, key: TenantKey) -> Keyring:
        """An empty one where nothing was read."""
        return self._known.get(key, Keyring())

    def forget(self, key: TenantKey) -> None:
        """Read them again at the next look."""
        self._known.pop(key, None)
        self._stale.add(key)

    def part(self, key: TenantKey) -> None:
        """The tenant has gone."""
        self._known.pop(key, None)
        self._stale.discard(key)

    async def of(self, key: TenantKey, tenant: Tenant, now: datetime.datetime) -> Keyring:
        """A tenant's keys, made and read where there are none yet, something is amiss, or one of them is due."""
        known = self._known.get(key)
        if known is not None and not known.problems and (known.due is None or known.due > utc(now)):
            return known
        self._stale.discard(key)
        keyring = await keys.ensure(self._cluster, tenant, now)
        for news in keyring.news:
            logger.info(news.message, extra={"reason": news.reason})
            await tell(self._cluster, tenant, news.reason, news.message, warning=news.warning)
        if key not in self._stale:  # else it was asked for anew while we were reading
            self._known[key] = keyring
        return keyring
