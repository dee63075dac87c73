"""Two replicas, one leader: a Lease that is renewed, released on exit, and watched.

Its renewals, seen back through a watch, are also the canary of liveness: they prove that the event loop turns, that
writes arrive, and that watches tell.
"""

import asyncio
import contextlib
import datetime
import logging
import random
import time
from collections.abc import Mapping
from typing import Any, Final

from memorybank_operator import metrics
from memorybank_operator.answers import Conflict, NotFound, Transient, why
from memorybank_operator.cluster import Cluster
from memorybank_operator.kinds import LEASE

logger = logging.getLogger(__name__)

Manifest = dict[str, Any]

NAME: Final = "memorybank-operator"
LEASE_SECONDS: Final = 10
RENEW_SECONDS: Final = 3.0
GIVE_UP_SECONDS: Final = 7.5
"""A leader that could not renew for so long stops, before another may begin."""
RETRY_SECONDS: Final = 1.0
STANDBY_SECONDS: Final = 1.0
SILENCE_SECONDS: Final = 15.0
"""A watch that has told no renewal for so long, of one every 3 s, is begun anew."""
CANARY_SECONDS: Final = 45.0
PATIENCE_SECONDS: Final = 600.0
"""While the API server answers nobody, a restart cures nothing; it may cure what we have forgotten to read again."""


class Leadership:
    """This replica's part in the Lease."""

    def __init__(
        self, cluster: Cluster, namespace: str, identity: str, announced: Mapping[str, Mapping[str, str]] | None = None
    ) -> None:
        """`announced`: labels and annotations that the Lease shall carry."""
        self.lost = asyncio.Event()
        self.created = False
        """Whether this replica has made the Lease, which was not there."""
        self._announced = announced or {}
        self._cluster = cluster
        self._namespace = namespace
        self._identity = identity
        self._renewed = 0.0
        self._seen_renewal: tuple[str, str] = ("", "")
        self._seen_at = time.monotonic()
        self._told_at = time.monotonic()
        self._told = ""
        self._failed_at = -CANARY_SECONDS

    @property
    def alive(self) -> bool:
        """Whether the Lease's renewals (ours, or the leader's) are being told by the watch, or cannot be."""
        return self.canary_age < (PATIENCE_SECONDS if self.away else CANARY_SECONDS)

    @property
    def away(self) -> bool:
        """Whether no renewal is told, and the last attempts to read or write the Lease have failed."""
        now = time.monotonic()
        return self.canary_age >= SILENCE_SECONDS and now - self._failed_at < CANARY_SECONDS

    @property
    def canary_age(self) -> float:
        """Seconds since the watch has told a renewal."""
        return time.monotonic() - self._told_at

    async def acquire(self) -> None:
        """Return once this replica leads (again)."""
        self.lost.clear()
        while True:
            try:
                if await self._try():
                    logger.info("this replica leads", extra={"identity": self._identity})
                    return
            except Conflict:
                pass  # another replica was faster
            except Transient as error:
                self._failed_at = time.monotonic()
                logger.warning("the Lease cannot be reached: %s", why(error))
            await asyncio.sleep(STANDBY_SECONDS * random.uniform(0.75, 1.0))  # noqa: S311 (spreads attempts)

    async def keep(self) -> None:
        """Renew until cancelled; set `lost` if that fails for too long."""
        pause = RENEW_SECONDS
        while not self.lost.is_set():
            await asyncio.sleep(pause)
            try:
                # A request may hang for longer than the Lease lasts.
                async with asyncio.timeout(max(0.0, self._renewed + GIVE_UP_SECONDS - time.monotonic())):
                    held = await self._try()
                pause = RENEW_SECONDS
            except Transient as error:
                # A Conflict too: the write before may have come through without an answer. The next look tells.
                self._failed_at = time.monotonic()
                logger.warning("the Lease could not be renewed: %s", why(error))
                held = time.monotonic() - self._renewed < GIVE_UP_SECONDS
                pause = RETRY_SECONDS
            if not held:
                logger.error("this replica leads no more", extra={"identity": self._identity})
                self.lost.set()

    async def release(self) -> None:
        """Let another replica take over at once."""
        try:
            lease = await self._cluster.get(LEASE, self._namespace, NAME)
            if lease["spec"].get("holderIdentity") == self._identity:
                lease["spec"].update(holderIdentity="", leaseDurationSeconds=1, renewTime=_now())
                await self._cluster.replace(LEASE, lease)
        except Transient as error:
            logger.warning("the Lease was not released and will expire: %s", why(error))

    async def watch(self) -> None:
        """Take note of renewals as the watch tells them, until cancelled."""
        metrics.WATCH_AGE_SECONDS.labels(resource=LEASE.plural).set_function(lambda: self.canary_age)
        while True:
            try:
                watch = self._cluster.watch(LEASE, self._namespace, name=NAME, silence=SILENCE_SECONDS)
                async with contextlib.aclosing(watch) as events:
                    async for event in events:
                        if event.type in ("ADDED", "MODIFIED"):
                            self._note((event.object.manifest().get("spec") or {}).get("renewTime", ""))
            except Transient as error:
                logger.info("the watch on the Lease ended and is begun anew: %s", why(error))
            await asyncio.sleep(1)

    def _note(self, renewal: str) -> None:
        """A watch begins with what is there: only what is new proves that it is told."""
        if renewal != self._told:
            self._told, self._told_at = renewal, time.monotonic()

    async def _try(self) -> bool:
        """Take or renew the Lease if it is free, ours or expired. Conflict: somebody, or we, wrote it meanwhile."""
        asked = time.monotonic()
        try:
            lease = await self._cluster.get(LEASE, self._namespace, NAME)
        except NotFound:
            lease = None
        if lease is None:
            await self._cluster.create(LEASE, self._manifest())
            self.created = True
        elif self._may_take(lease["spec"]):
            await self._cluster.replace(LEASE, self._manifest(lease))
        else:
            return False
        self._renewed = asked
        return True

    def _may_take(self, spec: Manifest) -> bool:
        holder, renewal = spec.get("holderIdentity") or "", spec.get("renewTime") or ""
        # Clocks differ: what counts is how long we have seen no change.
        if (holder, renewal) != self._seen_renewal:
            self._seen_renewal, self._seen_at = (holder, renewal), time.monotonic()
        if holder in ("", self._identity):
            return True
        return time.monotonic() - self._seen_at > int(spec.get("leaseDurationSeconds", LEASE_SECONDS))

    def _manifest(self, before: Manifest | None = None) -> Manifest:
        known = (before or {}).get("spec", {})
        taken_over = known.get("holderIdentity") != self._identity
        metadata: Manifest = before["metadata"] if before else {"name": NAME, "namespace": self._namespace}
        for field, values in self._announced.items():
            metadata[field] = {**(metadata.get(field) or {}), **values}
        return {
            "apiVersion": LEASE.api_version,
            "kind": LEASE.kind,
            "metadata": metadata,
            "spec": {
                "holderIdentity": self._identity,
                "leaseDurationSeconds": LEASE_SECONDS,
                "acquireTime": _now() if taken_over else known.get("acquireTime"),
                "renewTime": _now(),
                "leaseTransitions": known.get("leaseTransitions", 0) + (1 if taken_over and before else 0),
            },
        }


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
