"""The one way through: read, render, apply what differs, report.

Every trigger leads here with nothing but the tenant's name; what happened is of no concern, only what is.
"""

import datetime
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from memorybank_operator import growth, metrics, tracing
from memorybank_operator.answers import NamespaceTerminating, NotFound
from memorybank_operator.api.status import Phase, Problem, Reason, TenantStatus
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.applying import apply_children, refresh_access
from memorybank_operator.backups import BackingUp, Parting, Restored, Restoring, View, figures, is_held
from memorybank_operator.cluster import Cluster
from memorybank_operator.desired import Context, children
from memorybank_operator.desired.access import endpoint
from memorybank_operator.desired.secrets import shown_secret
from memorybank_operator.inheritance import bequeath
from memorybank_operator.keyrings import Keyrings
from memorybank_operator.keys import Keyring
from memorybank_operator.kinds import BACKUP, HTTP_ROUTE, POD, TENANT, Kind
from memorybank_operator.looking import Looking
from memorybank_operator.measured import Reading
from memorybank_operator.observe import LOOKED_AT, Observed, observe
from memorybank_operator.reporting import Steps, write_status
from memorybank_operator.rolling import Plan, Rolling
from memorybank_operator.seen import Seen, TenantKey, asked
from memorybank_operator.settings import Settings
from memorybank_operator.surroundings import answers, context_of, rival

logger = logging.getLogger(__name__)

Manifest = dict[str, Any]

RETRY_SECONDS = 5.0
"""After a refusal (a quota, a namesake) or a missing Secret, which nothing tells us the end of."""


GROWTH_RETRY_SECONDS = 60.0
SOON_SECONDS = 0.1


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


class Reconciler:
    """Brings one tenant at a time to what its spec says."""

    def __init__(
        self, cluster: Cluster, seen: Seen, settings: Settings, clock: Callable[[], datetime.datetime] = now
    ) -> None:
        self.served: frozenset[Kind] = frozenset()
        self.readings: Mapping[TenantKey, Reading] = {}
        self.rolling = Rolling(seen, settings, clock)
        self._cluster = cluster
        self._seen = seen
        self._settings = settings
        self._clock = clock
        self._looking = Looking(cluster)
        self._backing_up = BackingUp(cluster, seen)
        self._restoring = Restoring(cluster, seen)
        self._parting = Parting(cluster, seen, self._backing_up)
        self._keyrings = Keyrings(cluster)
        self._deleted: dict[TenantKey, Manifest] = {}
        self._phases: dict[TenantKey, str] = {}
        self._steps = Steps(settings.progress_seconds)
        for phase in Phase:
            metrics.TENANTS.labels(phase=phase).set(0)

    def forget_keys(self, key: TenantKey) -> None:
        """Read the tenant's Secrets again at its next reconcile: its spec changed, or it is time to."""
        self._keyrings.forget(key)
        self._looking.forget(key)

    def is_under_way(self, key: TenantKey) -> bool:
        """Whether the tenant was on its way when it was looked at last, with nothing wrong."""
        return self._phases.get(key, Phase.PROVISIONING) == Phase.PROVISIONING

    def has_stepped(self, key: TenantKey) -> None:
        """A tenant that is under way has come further: how long that lasts counts from here."""
        self._steps.begin(key, self._clock())

    def part(self, key: TenantKey, last: Manifest) -> None:
        """A tenant was deleted; its last state says what becomes of its volume and keys."""
        self._deleted[key] = last

    def leave(self, key: TenantKey) -> None:
        """Forget a tenant that another installation looks after."""
        phase = self._phases.pop(key, None)
        if phase is not None:
            metrics.TENANTS.labels(phase=phase).dec()
        self._deleted.pop(key, None)
        self._forget(key)

    def _forget(self, key: TenantKey) -> None:
        self._keyrings.part(key)
        self._looking.part(key)
        figures.forget(key)
        self._steps.end(key)

    async def reconcile(self, key: TenantKey) -> float | None:
        """Look at one tenant; answers in how many seconds it wants to be looked at again."""
        began = time.perf_counter()
        result = "error"
        try:
            again = await self._reconcile(key)
            result = "ok" if again is None else "waiting"
        except NamespaceTerminating:
            # Nothing can be made here any more, and soon there is no tenant.
            again, result = None, "leaving"
        finally:
            metrics.RECONCILE_SECONDS.observe(time.perf_counter() - began)
            metrics.RECONCILES.labels(result=result).inc()
            tracing.ended(result)
            self._count_phase(key)
            self.rolling.settle(key)
        return again

    def _count_phase(self, key: TenantKey) -> None:
        """Counted here, as our own writes of a status come back as old news, which no event handler looks at."""
        before = self._phases.pop(key, None)
        if before is not None:
            metrics.TENANTS.labels(phase=before).dec()
        manifest = self._seen.tenant(key)
        if manifest is not None:
            phase = self._phases[key] = manifest.get("status", {}).get("phase", Phase.PENDING)
            metrics.TENANTS.labels(phase=phase).inc()

    async def _reconcile(self, key: TenantKey) -> float | None:
        manifest = self._seen.tenant(key)
        if manifest is None:
            await self._bequeath(key)
            await self._backing_up.forsake(key, self._clock())
            self._forget(key)
            return None
        self._deleted.pop(key, None)
        try:
            tenant = msgspec.convert(manifest, Tenant)
        except msgspec.ValidationError as error:
            # The API server checked it against a CRD other than ours.
            logger.error(
                "the resource cannot be read: %s; install this operator's CRD", error, extra={"reason": "Unreadable"}
            )
            return RETRY_SECONDS
        plan = self.rolling.plan(key, tenant)
        left_alone = bool(tenant.metadata.deletion_timestamp or tenant.spec.paused)
        restored = Restored(done=tenant.status.restored)
        context = context_of(
            self._seen, self._settings, self.served, tenant, plan, restoring=self._restoring.is_due(tenant)
        )
        keyring = self._keyrings.known(key)
        refusals: tuple[Problem, ...] = ()
        if not left_alone:
            wanted = children(tenant, context)
            there = {kind: self._seen.child(kind, key) for kind in wanted}
            if await self._has_gone(tenant, wanted, there):
                return None
            await self._parting.hold(tenant)
            keyring = await self._keyrings.of(key, tenant, self._clock())
            if plan.taken_back is not None:
                tenant = await self._tell_taken_back(key, tenant, context, plan, plan.taken_back)
                wanted = children(tenant, context)
            refusals = await apply_children(self._cluster, self._seen, tenant, context, wanted, there)
            await refresh_access(self._cluster, self._seen, key, keyring)
            restored = await self._restoring.look(key, tenant, plan.image, self._clock())
        plan = self.rolling.outcome(key, tenant, plan)
        view = View.as_it_was(tenant)
        if tenant.metadata.deletion_timestamp and is_held(tenant):
            parted = await self._parting.look(key, tenant, plan.image, context.served, self._clock())
            if parted is None:
                return None
            view = parted
        elif not left_alone and BACKUP in context.served:
            view = await self._backing_up.look(
                key, tenant, plan.image, answers=answers(self._seen, key), now=self._clock()
            )
            figures.tell(key, tenant, view)
        told, more = await self._report(
            key, tenant, context, keyring, refusals, plan, asked(manifest), view=view, restored=restored
        )
        waits = (self._until(keyring.due), _retry(keyring, refusals), plan.look_again, more, view.again, restored.again)
        again = [seconds for seconds in waits if seconds is not None]
        if told.storage is not None and told.storage.grown_to != growth.kept_growth(tenant):
            again.append(SOON_SECONDS)  # decided and written down: now the claim's turn
        return min(again, default=None)

    def _until(self, moment: str | None) -> float | None:
        """Seconds until then, and one more, as a moment has whole seconds."""
        if moment is None:
            return None
        return max(0.0, (datetime.datetime.fromisoformat(moment) - self._clock()).total_seconds()) + 1.0

    async def _tell_taken_back(
        self, key: TenantKey, tenant: Tenant, context: Context, plan: Plan, problem: Problem
    ) -> Tenant:
        """Say that an image has failed, before anything is done about it: an operator that ends here knows it then."""
        manifest = self._seen.tenant(key)
        if manifest is None:
            return tenant
        keyring, view = self._keyrings.known(key), View.as_it_was(tenant)
        restored = Restored(done=tenant.status.restored)
        await self._report(key, tenant, context, keyring, (), plan, asked(manifest), view=view, restored=restored)
        logger.warning(problem.message, extra={"reason": problem.reason})
        return msgspec.convert(self._seen.tenant(key) or manifest, Tenant)

    async def _bequeath(self, key: TenantKey) -> None:
        """Under Delete, give volume and keys to the deleted tenant, so that the garbage collector takes them.

        They have it for owner already, unless the policy was changed in the moment before.
        """
        last = self._deleted.get(key)
        if last is not None and last["spec"].get("deletionPolicy") == "Delete":
            await bequeath(self._cluster, self._seen, msgspec.convert(last, Tenant))
        self._deleted.pop(key, None)

    async def _has_gone(
        self, tenant: Tenant, wanted: Mapping[Kind, Manifest | None], there: Mapping[Kind, Manifest | None]
    ) -> bool:
        """Whether a tenant that had its children and misses some is being deleted, which its own watch has yet to tell.

        Else the garbage collector's work would be undone, and a key made anew.
        """
        if tenant.status.observed_generation is None:
            return False
        key = TenantKey(tenant.metadata.namespace, tenant.metadata.name)
        whole = all(there[kind] is not None for kind, desired in wanted.items() if desired is not None)
        if whole and key in self._keyrings:
            return False
        try:
            newest = await self._cluster.get(TENANT, *key)
        except NotFound:
            return True
        metadata = newest["metadata"]
        return metadata["uid"] != tenant.metadata.uid or "deletionTimestamp" in metadata

    async def _report(
        self,
        key: TenantKey,
        tenant: Tenant,
        context: Context,
        keyring: Keyring,
        refusals: tuple[Problem, ...],
        plan: Plan,
        known: tuple[Any, ...],
        *,
        view: View,
        restored: Restored,
    ) -> tuple[TenantStatus, float | None]:
        """Say what is; answers the status, and in how many seconds there may be more to say."""
        observed = Observed(
            children={kind: found for kind in LOOKED_AT if (found := self._seen.child(kind, key)) is not None},
            pods=tuple(self._seen.all_of(POD, key)),
            secret_problems=keyring.problems,
            refusals=refusals,
            hostname_free=context.hostname_free,
            hostname_owner="" if context.hostname_free else rival(self._seen, tenant),
            gateway_api=HTTP_ROUTE in context.served,
            endpoint=endpoint(tenant, context),
            key_secret=shown_secret(tenant),
            image=context.image,
            default_image=tenant.status.default_image or self._settings.image,
            reading=self.readings.get(key),
            key_rotation=keyring.rotation if keyring.access_digest else tenant.status.key_rotation,
            keys_note=keyring.note,
            rollout=plan.rollout,
            held=plan.held,
            backups=view.status,
            backup_verdict=view.verdict,
            restored=restored.done,
            restore=restored.problem,
        )
        now = self._clock()
        observed, again = await self._looking.look(key, tenant, observed, context.served, now)
        status = observe(tenant, observed, now)
        if status == tenant.status:
            self._steps.end(key)
            return status, again
        left = self._steps.wait(key, tenant.status, status, now)
        if left > 0:
            return tenant.status, left if again is None else min(again, left)
        await write_status(self._cluster, self._seen, tenant, status, known)
        return status, again


def _retry(keyring: Keyring, refusals: tuple[Problem, ...]) -> float | None:
    """When to try again what was refused or missing; a storage class learns to grow volumes rarely."""
    if keyring.problems or any(refusal.reason is not Reason.VOLUME_NOT_EXPANDABLE for refusal in refusals):
        return RETRY_SECONDS
    return GROWTH_RETRY_SECONDS if refusals else None
