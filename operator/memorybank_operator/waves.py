"""Who may roll now: all tenants' changes of image, and the room there is for them.

An index over what was observed, brought up to date as tenants are looked at, and built from everything that was seen
before the first of them is. Only tenants with something under way stand in it.
"""

import bisect
import itertools
from collections.abc import Iterable

import msgspec

from memorybank_operator.api.status import Problem, Reason
from memorybank_operator.rollout import Change, Stage
from memorybank_operator.seen import TenantKey


class Leave(msgspec.Struct, frozen=True):
    """The image that a tenant gets now, and what it waits for if that is not the wanted one."""

    image: str
    held: Problem | None = None


class Waves:
    """At most so many tenants are between two images at a time; an image that failed is given to nobody else."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._changes: dict[TenantKey, Change] = {}
        self._line: list[tuple[bool, str, TenantKey]] = []
        """Those that wait, in their order."""
        self._rolling: set[TenantKey] = set()
        self._failed: set[TenantKey] = set()
        self._granted: set[TenantKey] = set()
        self._behind: set[TenantKey] = set()
        self._woken: set[TenantKey] = set()

    def note(self, key: TenantKey, change: Change | None) -> None:
        """Take in how a tenant stands; None: it is gone."""
        before, now = self._put(key, change)
        if _concern(before) == _concern(now):
            return
        images = {one.failed.image for one in (before, now) if one is not None and one.failed is not None}
        if images:
            self._woken |= {waiting for _, _, waiting in self._line if self._changes[waiting].wanted in images}
        if images or before is not None:
            self._woken |= self._first()
        self._woken.discard(key)  # it is being looked at

    def refresh(self, changes: Iterable[tuple[TenantKey, Change]]) -> None:
        """Take in everything that was seen; a tenant that was given leave is just being written."""
        found = dict(changes)
        for key in [key for key in self._changes if key not in found]:
            self._put(key, None)
        for key, change in found.items():
            if key not in self._granted:
                self._put(key, change)
        self._woken |= self._first()

    def leave(self, key: TenantKey, change: Change) -> Leave:
        """What a tenant may do now. Leave to roll holds until the next `note` of this tenant."""
        self.note(key, change)
        if change.stage is Stage.FAILED and change.good is not None:
            return Leave(change.good)
        if change.stage is not Stage.WAITING or change.good is None:
            return Leave(change.wanted)
        if (culprit := self._failed_on(change.wanted)) is not None:
            message = (
                f"Stays on {change.good}: the pod of tenant {culprit} did not become ready on {change.wanted}."
                f" Repair that tenant (kubectl describe mbt -n {culprit.namespace} {culprit.name}),"
                " or change spec.image here; this tenant goes on by itself then."
            )
            return Leave(change.good, Problem(Reason.ROLLOUT_PAUSED, message))
        if key in self._first():
            self._rolling.add(key)
            self._granted.add(key)
            return Leave(change.wanted)
        message = (
            f"Stays on {change.good} and gets {change.wanted} in its turn:"
            f" at most {self._most} tenants change their image at a time."
        )
        return Leave(change.good, Problem(Reason.ROLLOUT_QUEUED, message))

    def settle(self, key: TenantKey, change: Change | None) -> None:
        """Take in how a tenant stands after it was looked at: leave that was not used goes to another."""
        unused = key in self._granted and change is not None and change.stage is Stage.WAITING
        self.note(key, change)
        if unused:
            self._put(key, None)
            self._behind.add(key)
            self._put(key, change)
            self._woken |= self._first() - {key}

    def take_woken(self) -> set[TenantKey]:
        """Tenants that something has changed for since this was asked last: they are to be looked at."""
        woken, self._woken = self._woken, set()
        return woken

    def _put(self, key: TenantKey, change: Change | None) -> tuple[Change | None, Change | None]:
        """Keep the change if one is under way; what was known of it, and what is."""
        before = self._changes.pop(key, None)
        if before is not None and before.stage is Stage.WAITING:
            del self._line[bisect.bisect_left(self._line, (key in self._behind, before.made, key))]
        for stood in (self._rolling, self._failed, self._granted):
            stood.discard(key)
        if change is None or change.stage is not Stage.WAITING:
            self._behind.discard(key)
        if change is None or (change.stage is Stage.FREE and change.failed is None):
            return before, None
        self._changes[key] = change
        if change.stage is Stage.WAITING:
            bisect.insort(self._line, (key in self._behind, change.made, key))
        if change.stage is Stage.ROLLING:
            self._rolling.add(key)
        if change.failed is not None:
            self._failed.add(key)
        return before, change

    def _first(self) -> set[TenantKey]:
        """Those that wait and have room to go."""
        room = self._most - len(self._rolling)
        if room <= 0:
            return set()
        paused = set(self._failed_images().values())
        free = (key for *_, key in self._line if key not in self._rolling and self._changes[key].wanted not in paused)
        return set(itertools.islice(free, room))

    def _failed_on(self, image: str) -> TenantKey | None:
        """The oldest tenant that an image has failed for."""
        failed = [(self._changes[key].made, key) for key, one in self._failed_images().items() if one == image]
        return min(failed)[1] if failed else None

    def _failed_images(self) -> dict[TenantKey, str]:
        changes = ((key, self._changes[key].failed) for key in self._failed)
        return {key: failed.image for key, failed in changes if failed is not None}


def _concern(change: Change | None) -> tuple[object, ...] | None:
    """What of a change concerns others."""
    return None if change is None else (change.stage, change.wanted, change.failed)
