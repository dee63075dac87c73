"""Leases as installations of the operator keep them."""

import asyncio
import contextlib
import datetime

from memorybank_operator.installations import announcement, described
from memorybank_operator.kinds import LEASE

from .kube import Answer, Kube, Manifest

NAME = "memorybank-operator"


async def lease(kube: Kube, namespace: str, *watches: str, holder: str = "operator-0") -> Manifest:
    """The Lease of an installation in this namespace, created now."""
    spec = {"holderIdentity": holder, "leaseDurationSeconds": 10, "renewTime": "2026-11-01T08:00:00.000000Z"}
    return await kube.create(LEASE, namespace, NAME, metadata=announcement(watches), spec=spec)


async def younger_lease(kube: Kube, namespace: str, elder: str, *watches: str) -> Manifest:
    """A Lease that counts as younger than the elder's: within one second the uid decides, hence several attempts."""
    before = described(await kube.get(LEASE, elder, NAME))
    while True:
        made = await lease(kube, namespace, *watches)
        if before.older_than(described(made)):
            return made
        await kube.delete(LEASE, namespace, NAME)


async def an_older_installation(kube: Kube, namespace: str, watches: str) -> None:
    """One than that of this namespace, whose Lease is removed, so that its next one is younger."""
    with contextlib.suppress(Answer):
        await kube.delete(LEASE, namespace, NAME)
    made = await lease(kube, await kube.namespace(), watches)
    # Of two that are made in one second, either may count as the older.
    created = datetime.datetime.fromisoformat(made["metadata"]["creationTimestamp"])
    while datetime.datetime.now(datetime.UTC) < created + datetime.timedelta(seconds=1):  # noqa: ASYNC110 (a clock)
        await asyncio.sleep(0.05)
