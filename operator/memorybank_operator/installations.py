"""Several installations in one cluster: of two that would serve the same namespace, the younger stands back.

Two operators of different versions or settings on one tenant would undo each other's work for ever. Each says in the
labels and an annotation of its Lease that it is there and what it watches, and looks at the others' Leases. Older is
whose Lease was created first (by uid in the same second), which the API server says and nobody can change. Whether
another is alive is judged, as among replicas, by the changes of its Lease that are seen here, so clocks need not agree.
All of it is read anew each time: a restart loses nothing, and when the elder is gone the younger takes over.
"""

import asyncio
import datetime
import logging
import time
import uuid
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from memorybank_operator import metrics
from memorybank_operator.answers import Refused, Transient
from memorybank_operator.api.names import FIELD_MANAGER, GROUP
from memorybank_operator.cluster import Cluster
from memorybank_operator.kinds import EVENT, LEASE
from memorybank_operator.moments import utc

logger = logging.getLogger(__name__)

Manifest = dict[str, Any]

LABELS: Final = {"app.kubernetes.io/name": FIELD_MANAGER, "app.kubernetes.io/component": "installation"}
SELECTOR: Final = ",".join(f"{name}={value}" for name, value in LABELS.items())
WATCHES_ANNOTATION: Final = f"{GROUP}/watches"
STANDS_BACK_ANNOTATION: Final = f"{GROUP}/stands-back-for"
"""The elders' uids, in the younger's Lease: so an elder's replica that takes over need not wait for it."""
EVERYWHERE: Final = "*"

LOOK_SECONDS: Final = 5.0
ABSENT_SECONDS: Final = 15.0
"""An installation is gone when its Lease has told nothing for so long; its own replicas take over in less."""
SAME_SECOND: Final = 1.5
"""Until then, a Lease may be created that counts as older than ours: times of creation have whole seconds."""
HANDOVER_SECONDS: Final = 2 * LOOK_SECONDS
"""An elder that comes back gives the younger, which has served meanwhile, at most so long to notice and stand back."""

MOST_NAMED: Final = 5
"""Of installations, and of namespaces of each: a Lease can say anything, a message stays short."""


class Installation(NamedTuple):
    """Another installation, or our own, as its Lease describes it."""

    created: str
    uid: str
    namespace: str
    watches: frozenset[str]
    told: tuple[str, str]
    """The holder and the time of its last renewal."""
    stands_back_for: frozenset[str]

    def older_than(self, other: "Installation") -> bool:
        return (self.created, self.uid) < (other.created, other.uid)

    def watches_namespace(self, namespace: str) -> bool:
        return EVERYWHERE in self.watches or namespace in self.watches

    def overlaps(self, other: "Installation") -> bool:
        return EVERYWHERE in self.watches | other.watches or bool(self.watches & other.watches)


def announcement(watch_namespaces: Iterable[str]) -> Manifest:
    """The part of a Lease's metadata by which others know what is watched: named namespaces, or all."""
    watches = ",".join(sorted(watch_namespaces)) or EVERYWHERE
    return {"labels": dict(LABELS), "annotations": {WATCHES_ANNOTATION: watches}}


def described(lease: Manifest) -> Installation:
    """What a Lease says; one that does not say what it watches watches everything."""
    metadata, spec = lease["metadata"], lease.get("spec") or {}
    annotations = metadata.get("annotations") or {}
    return Installation(
        created=metadata["creationTimestamp"],
        uid=metadata["uid"],
        namespace=metadata["namespace"],
        watches=_named(annotations.get(WATCHES_ANNOTATION, EVERYWHERE)),
        told=(spec.get("holderIdentity") or "", spec.get("renewTime") or ""),
        stands_back_for=_named(annotations.get(STANDS_BACK_ANNOTATION, "")),
    )


def _named(text: str) -> frozenset[str]:
    return frozenset(name.strip() for name in text.split(",") if name.strip())


class Installations:
    """Which namespaces are left to an older installation."""

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        announced: Manifest | None = None,
        is_new: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`namespace` is our own, where our Lease is; `is_new`: whether that was created a moment ago.

        `announced` is what our Lease says at its next renewal, and is changed here.
        """
        self.elders: tuple[Installation, ...] = ()
        self._cluster = cluster
        self._namespace = namespace
        self._announced = announced if announced is not None else announcement(())
        self._is_new = is_new
        self._clock = clock
        self._heard: dict[str, tuple[tuple[str, str], float]] = {}
        self._juniors = False
        self._blind = False

    def serves(self, namespace: str) -> bool:
        """Whether this namespace's tenants are ours to look after."""
        return not any(elder.watches_namespace(namespace) for elder in self.elders)

    async def settle(self) -> None:
        """Return once it is certain what is ours, and nobody younger is still at it."""
        if self._is_new():
            await asyncio.sleep(SAME_SECOND)
        await self.look()
        until = self._clock() + HANDOVER_SECONDS
        if self._juniors:
            logger.info("waiting for a younger installation to stand back")
        while self._juniors and self._clock() < until:
            await asyncio.sleep(1)
            await self.look()

    async def look(self) -> bool:
        """Look at everybody's Leases; answers whether what is ours has changed."""
        try:
            listed = await self._cluster.list(LEASE, None, SELECTOR)
        except Refused as error:
            if not self._blind:
                logger.warning("other installations cannot be noticed, as Leases cannot be listed: %s", error)
            self._blind = True
            return False
        self._blind = False
        leases = {lease["metadata"]["namespace"]: lease for lease in listed["items"]}
        own = leases.pop(self._namespace, None)
        if own is None:
            return False  # deleted by somebody, and made again at its next renewal
        elders = self._judged(described(own), [described(lease) for lease in leases.values()])
        if [(elder.uid, elder.watches) for elder in elders] == [(elder.uid, elder.watches) for elder in self.elders]:
            return False
        self.elders = elders
        metrics.ELDERS.set(len(elders))
        self._announced["annotations"][STANDS_BACK_ANNOTATION] = ",".join(elder.uid for elder in elders)
        await self._tell(own)
        return True

    def _judged(self, own: Installation, others: list[Installation]) -> tuple[Installation, ...]:
        """The older ones, in their order, that are alive and watch what we do."""
        now = self._clock()
        heard = {}
        for other in others:
            before = self._heard.get(other.uid)
            if before is None:
                # At first sight nobody knows how long a holder has been silent; without one it is not there.
                heard[other.uid] = (other.told, now if other.told[0] else now - 2 * ABSENT_SECONDS)
            else:
                heard[other.uid] = before if before[0] == other.told else (other.told, now)
        self._heard = heard
        rivals = [other for other in others if now - heard[other.uid][1] < ABSENT_SECONDS and own.overlaps(other)]
        self._juniors = any(own.older_than(rival) and own.uid not in rival.stands_back_for for rival in rivals)
        return tuple(sorted(rival for rival in rivals if rival.older_than(own)))

    async def _tell(self, lease: Manifest) -> None:
        if self.elders:
            reason, kind, message = "StandsBack", "Warning", _described(self.elders)
            logger.warning(message, extra={"reason": reason})
        else:
            reason, kind, message = "TakesOver", "Normal", "No older installation serves these namespaces any more."
            logger.info(message, extra={"reason": reason})
        try:
            await self._cluster.create(EVENT, _event(lease, reason, kind, message))
        except Transient as error:
            logger.warning("the event %s was not accepted: %s", reason, error)


def _described(elders: tuple[Installation, ...]) -> str:
    theirs = "; ".join(f"the one in {elder.namespace} serves {_served(elder)}" for elder in elders[:MOST_NAMED])
    return (
        f"An older installation serves namespaces that this one watches too: {theirs}. This one leaves them alone:"
        " uninstall one of them, or give each its own watchNamespaces."
    )


def _served(elder: Installation) -> str:
    if EVERYWHERE in elder.watches:
        return "all"
    names = sorted(elder.watches)
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def _event(lease: Manifest, reason: str, kind: str, message: str) -> Manifest:
    metadata = lease["metadata"]
    now = utc(datetime.datetime.now(datetime.UTC))
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{metadata['name']}.{uuid.uuid4().hex[:16]}", "namespace": metadata["namespace"]},
        "involvedObject": {
            "apiVersion": LEASE.api_version,
            "kind": LEASE.kind,
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "uid": metadata["uid"],
        },
        "type": kind,
        "reason": reason,
        "message": message[:1024],
        "source": {"component": FIELD_MANAGER},
        "reportingComponent": FIELD_MANAGER,
        "reportingInstance": FIELD_MANAGER,
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
