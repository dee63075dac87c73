"""What tenants count themselves, read from their pods' metrics: memories by state, and bytes used.

Only for show: what cannot be read is read later, and nothing waits for it. Whether a figure is worth a write of the
status is decided where the status is computed.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, Final

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from memorybank_operator.desired.workload import METRICS_PORT
from memorybank_operator.kinds import POD, VOLUME_CLAIM
from memorybank_operator.measured import Reading
from memorybank_operator.seen import Seen, TenantKey
from memorybank_operator.wire import Wire

logger = logging.getLogger(__name__)

LOOK_SECONDS: Final = 2.0
"""How soon a tenant that has become available is noticed."""
READ_SECONDS: Final = 300.0
FULL_SECONDS: Final = 30.0
"""How often a volume that fills up is looked at: it may be full in less than five minutes."""
RETRY_SECONDS: Final = 30.0
REQUEST_SECONDS: Final = 5.0
AT_ONCE: Final = 8
LARGEST_ANSWER: Final = 1 << 20
"""Bytes. A pod that merely has a tenant's labels must not fill the operator's memory."""

_VOLUME: Final = "memorybank_volume_"
_WANTED: Final = ("memorybank_memories{", f"{_VOLUME}used_bytes ", f"{_VOLUME}capacity_bytes ")


class _Place(msgspec.Struct, frozen=True):
    """Where a tenant's figures are read, and how large its volume is."""

    url: str
    claim: str | None


class Readings:
    """The newest reading of each tenant."""

    def __init__(self, seen: Seen, mark: Callable[[TenantKey], None]) -> None:
        """`mark` has a tenant looked at whose reading has changed."""
        self.newest: dict[TenantKey, Reading] = {}
        self._seen = seen
        self._mark = mark
        self._due: dict[TenantKey, float] = {}
        self._places: dict[TenantKey, _Place] = {}

    async def read_forever(self) -> None:
        """Read each available tenant soon after it has become so, and every five minutes."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.read()

    async def read(self) -> None:
        """Read the tenants whose time has come."""
        now = time.monotonic()
        for key in self._seen.take_changed():
            self._take_in(key)
        due = [key for key in self._places if self._due.get(key, now) <= now or self._has_grown(key)]
        if not due:
            return
        slots = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(*(self._read(slots, key, self._places[key]) for key in due))

    def _take_in(self, key: TenantKey) -> None:
        place = self._place(key)
        if place is not None:
            self._places[key] = place
        else:
            self._places.pop(key, None)
            self._due.pop(key, None)
            self.newest.pop(key, None)

    def _place(self, key: TenantKey) -> _Place | None:
        """None: there is no ready pod, or no tenant."""
        if self._seen.tenant(key) is None:
            return None
        addresses = [address for pod in self._seen.all_of(POD, key) if (address := _address(pod))]
        claim = self._seen.child(VOLUME_CLAIM, key) or {}
        capacity: str | None = (claim.get("status") or {}).get("capacity", {}).get("storage")
        return _Place(f"http://{addresses[-1]}:{METRICS_PORT}", capacity) if addresses else None

    def _has_grown(self, key: TenantKey) -> bool:
        """Whether the volume is another size than when it was read."""
        newest = self.newest.get(key)
        return newest is not None and newest.claim != self._places[key].claim

    async def _read(self, slots: asyncio.Semaphore, key: TenantKey, place: _Place) -> None:
        async with slots:
            try:
                reading = parse(await _fetch(place.url))
            except (OSError, UnicodeDecodeError) as error:
                logger.debug("the metrics cannot be read: %s", error, extra={"tenant": str(key)})
                reading = None
        if reading is None:
            self._due[key] = time.monotonic() + RETRY_SECONDS
            if self._has_grown(key):
                del self.newest[key]  # old news, and no reason to ask again before it is time
            return
        self._due[key] = time.monotonic() + (FULL_SECONDS if reading.fills else READ_SECONDS)
        reading = msgspec.structs.replace(reading, claim=place.claim)
        if reading != self.newest.get(key):
            self.newest[key] = reading
            self._mark(key)


def parse(text: str) -> Reading | None:
    """The figures in a metrics page; None if one is missing or is no number."""
    lines = [line for line in text.splitlines() if line.startswith(_WANTED)]
    found: dict[str, int] = {}
    try:
        for family in text_string_to_metric_families("\n".join(lines) + "\n"):
            for sample in family.samples:
                found[sample.labels.get("state", sample.name)] = int(sample.value)
        return Reading(
            active=found["active"],
            faded=found["faded"],
            used_bytes=found[f"{_VOLUME}used_bytes"],
            capacity_bytes=found.get(f"{_VOLUME}capacity_bytes"),
        )
    except (ValueError, OverflowError, KeyError):
        return None


async def _fetch(server: str) -> str:
    async with Wire(server) as wire:
        answer = await wire.ask("GET", "/metrics", headers={}, seconds=REQUEST_SECONDS, most_bytes=LARGEST_ANSWER)
    if answer.status != 200:
        raise ConnectionError(f"the metrics' answer is {answer.status}")
    return answer.content.decode()


def _address(pod: dict[str, Any]) -> str | None:
    """The pod's IP, as it stands in a URL; None while the pod is not ready."""
    status = pod.get("status") or {}
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions") or [])
    address = status.get("podIP")
    if not ready or not address or "deletionTimestamp" in pod["metadata"]:
        return None
    return f"[{address}]" if ":" in address else str(address)
