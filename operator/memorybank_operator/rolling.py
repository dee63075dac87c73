"""One tenant's part in a change of images: what it may run now, and what its status says of it.

Joins what was seen of a tenant (`rollout`) with what all of them are doing (`waves`).
"""

import datetime
import logging
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from memorybank_operator.api.status import Problem, RolloutStatus
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.desired.context import choose_image
from memorybank_operator.desired.template import Record, record_digest, recorded
from memorybank_operator.kinds import DEPLOYMENT, POD
from memorybank_operator.rollout import Change, Stage, change, next_look, progress, rolled_back
from memorybank_operator.seen import Manifest, Seen, TenantKey
from memorybank_operator.settings import Settings
from memorybank_operator.waves import Waves

logger = logging.getLogger(__name__)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a tenant runs now, and what is to be said of it."""

    image: str
    template: Record | None
    rollout: RolloutStatus
    held: Problem | None = None
    """Why it does not run the wanted image."""
    taken_back: Problem | None = None
    """Said once: that the wanted image has just failed. The status says it before the Deployment is changed."""
    look_again: float | None = None


class Rolling:
    """The changes of image of all tenants."""

    def __init__(self, seen: Seen, settings: Settings, clock: Callable[[], datetime.datetime]) -> None:
        self.wake: Callable[[TenantKey], None] = lambda _key: None
        self.serves: Callable[[str], bool] = lambda _namespace: True
        """Whether a namespace's tenants are this installation's."""
        self._seen = seen
        self._settings = settings
        self._clock = clock
        self._waves = Waves(settings.max_concurrent_rollouts)

    def refresh(self) -> None:
        """Take in everything that was seen, before the first tenant is looked at, and now and then."""
        self._waves.refresh(self._all())
        self._wake()

    def plan(self, key: TenantKey, tenant: Tenant) -> Plan:
        """What the tenant runs now."""
        rollout, stand = self._stand(key, tenant, self._seen.all_of(POD, key), self._clock())
        left_alone = tenant.spec.paused or tenant.metadata.deletion_timestamp
        leave = self._waves.leave(key, stand)
        held, before = leave.held, tenant.status.rollout
        newly = False
        if stand.stage is Stage.FAILED and stand.good is not None and rollout.failed is not None:
            held = rolled_back(tenant, stand.good, rollout.failed)
            newly = before is None or before.failed != rollout.failed
        return Plan(
            image=(stand.applied or leave.image) if left_alone else leave.image,
            template=recorded(self._seen.child(DEPLOYMENT, key), rollout.template),
            rollout=rollout,
            held=None if left_alone else held,
            taken_back=held if newly and not left_alone else None,
        )

    def outcome(self, key: TenantKey, tenant: Tenant, plan: Plan) -> Plan:
        """The plan as it stands after it was carried out."""
        now, pods = self._clock(), self._seen.all_of(POD, key)
        rollout, stand = self._stand(key, tenant, pods, now)
        applied = record_digest(self._seen.child(DEPLOYMENT, key))
        if not (tenant.spec.paused or tenant.metadata.deletion_timestamp):
            rollout = msgspec.structs.replace(rollout, template=applied)
        again = next_look(rollout, pods, stand.wanted, now, self._settings.rollout_deadline_seconds)
        return msgspec.structs.replace(plan, rollout=rollout, look_again=again)

    def settle(self, key: TenantKey) -> None:
        """The tenant was looked at, whatever came of it: let others go on if there is room now."""
        self._waves.settle(key, self._newest(key, self._seen.tenant(key)))
        self._wake()

    def _wake(self) -> None:
        for woken in self._waves.take_woken():
            self.wake(woken)

    def _stand(
        self, key: TenantKey, tenant: Tenant, pods: list[Manifest], now: datetime.datetime
    ) -> tuple[RolloutStatus, Change]:
        wanted, deployment = choose_image(tenant, self._settings), self._seen.child(DEPLOYMENT, key)
        deadline = self._settings.rollout_deadline_seconds
        rollout = progress(tenant, deployment, pods, wanted, now, deadline)
        return rollout, change(tenant, deployment, wanted, rollout)

    def _all(self) -> Iterator[tuple[TenantKey, Change]]:
        for key in self._seen.tenants():
            found = self._newest(key, self._seen.tenant(key))
            if found is not None and self.serves(key.namespace):
                yield key, found

    def _newest(self, key: TenantKey, manifest: Manifest | None) -> Change | None:
        if manifest is None or not _between_images(manifest, self._seen.child(DEPLOYMENT, key)):
            return None
        try:
            tenant = msgspec.convert(manifest, Tenant)
        except msgspec.ValidationError:
            return None  # said where it is reconciled
        wanted = choose_image(tenant, self._settings)
        rollout = tenant.status.rollout or RolloutStatus()
        return change(tenant, self._seen.child(DEPLOYMENT, key), wanted, rollout)


def _between_images(tenant: Manifest, deployment: Manifest | None) -> bool:
    """Whether anything may be under way: cheap, as it is asked of every tenant."""
    status: dict[str, Any] = tenant.get("status") or {}
    rollout = status.get("rollout") or {}
    wanted = tenant["spec"].get("image") or status.get("defaultImage")
    if deployment is None or "goodImage" not in rollout:
        return False
    return "failed" in rollout or "since" in rollout or wanted != rollout["goodImage"]
