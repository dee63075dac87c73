"""Which events lead to which reconcile.

An event changes what is known and marks the tenant in our queue, nothing else.
"""

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, TypeVar

from memorybank_operator import logs, metrics, tracing
from memorybank_operator.answers import Transient, why
from memorybank_operator.api.names import BACKUP_SELECTOR, CHILD_SELECTOR
from memorybank_operator.background import failed, started
from memorybank_operator.cluster import Cluster
from memorybank_operator.installations import LOOK_SECONDS, Installations
from memorybank_operator.kinds import BACKUP, JOB, OPTIONAL, TENANT, WATCHED, Kind
from memorybank_operator.objects import Object
from memorybank_operator.queue import TenantQueue
from memorybank_operator.readings import Readings
from memorybank_operator.reconcile import Reconciler
from memorybank_operator.reflector import Reflector, age, pause
from memorybank_operator.seen import Manifest, Seen, TenantKey, asked
from memorybank_operator.settings import Settings
from memorybank_operator.steps import is_a_step

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")

DISCOVERY_SECONDS = 10.0
_SELECTORS: Final = {TENANT: "", BACKUP: "", JOB: BACKUP_SELECTOR}


class Operator:
    """The watches, the queue and the reconciler of one leading replica."""

    def __init__(self, cluster: Cluster, settings: Settings, installations: Installations | None = None) -> None:
        """Without `installations`, nobody else is looked for."""
        self.synced = asyncio.Event()
        self.seen = Seen()
        self.reconciler = Reconciler(cluster, self.seen, settings)
        self.queue = TenantQueue(self._reconcile, settings.workers)
        self.reconciler.rolling.wake = self.queue.mark
        self.readings = Readings(self.seen, self.queue.mark)
        self.reconciler.readings = self.readings.newest
        self._cluster = cluster
        self._settings = settings
        self._installations = installations
        if installations is not None:
            self.reconciler.rolling.serves = installations.serves
        self._following: dict[Kind, dict[Reflector, asyncio.Task[None]]] = {}
        self._heard: dict[TenantKey, list[tuple[int, Callable[[TenantKey], None]]]] = {}
        """What was told of each tenant that is being looked at: a version, and how to look again."""

    async def run(self, stop: asyncio.Event) -> None:
        """Watch and reconcile until told to stop."""
        work = (self._sync(stop), self._resync_forever(), self._heed_forever(), self.readings.read_forever())
        background = [started(one, stop) for one in work]
        try:
            await stop.wait()
        finally:
            await self.queue.stop(seconds=1.0)
            background += [task for tasks in self._following.values() for task in tasks.values()]
            broken = [task for task in background if failed(task)]
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
        for task in broken:
            task.result()

    async def _reconcile(self, key: TenantKey) -> float | None:
        if self._installations is not None and not self._installations.serves(key.namespace):
            self.reconciler.leave(key)
            return None
        generation = ((self.seen.tenant(key) or {}).get("metadata") or {}).get("generation", 0)
        logs.note(generation=generation)
        heard = self._heard[key] = []
        try:
            with tracing.reconcile(key.namespace, key.name, generation):
                return await self.reconciler.reconcile(key)
        finally:
            del self._heard[key]
            own = self.seen.take_answered(key)
            for version, look_again in heard:
                if version not in own:
                    look_again(key)

    def resync(self) -> None:
        """Look at every tenant, and at its Secrets, which no watch tells of."""
        self.seen.grow_old()
        self.reconciler.rolling.refresh()
        for key in self.seen.tenants():
            self.reconciler.forget_keys(key)
            self.queue.mark(key)

    async def _sync(self, stop: asyncio.Event) -> None:
        """Follow everything, and go on with what comes and goes."""
        if self._installations is not None:
            await self._persist(self._installations.settle, "the other installations cannot be looked at")
        for kind in (TENANT, *WATCHED):
            if kind not in OPTIONAL:
                self._follow(kind, stop)
        followed = [reflector for tasks in self._following.values() for reflector in tasks]
        await asyncio.gather(*(reflector.complete.wait() for reflector in followed))
        await self._discover(stop)
        logger.info("everything was seen once")
        self.resync()
        # Not before: what is there and was not seen would look missing.
        self.queue.start()
        self.synced.set()
        while True:
            await asyncio.sleep(DISCOVERY_SECONDS)
            await self._discover(stop)

    async def _discover(self, stop: asyncio.Event) -> None:
        """Begin to follow optional kinds that have come, and leave those that have gone."""
        served = await self._persist(self._served, "the API server's kinds cannot be read")
        for kind in OPTIONAL:
            if kind not in served:
                for task in self._following.pop(kind, {}).values():
                    task.cancel()
            elif kind in WATCHED and kind not in self._following:
                self._follow(kind, stop)
                await asyncio.gather(*(reflector.tried.wait() for reflector in self._following[kind]))
        if served != self.reconciler.served:
            logger.info("optional kinds now served: %s", ", ".join(kind.kind for kind in served) or "none")
            self.reconciler.served = served
            self._mark(self.seen.tenants())

    def reflectors(self, kind: Kind) -> list[Reflector]:
        """What follows a kind, by namespace."""
        return [
            Reflector(
                self._cluster,
                kind,
                namespace,
                _SELECTORS.get(kind, CHILD_SELECTOR),
                is_news=self.seen.is_news,
                told=self._on_tenant if kind is TENANT else self._on_child,
                listed=self._on_listed,
            )
            for namespace in self._settings.watch_namespaces or (None,)
        ]

    def _follow(self, kind: Kind, stop: asyncio.Event) -> None:
        reflectors = self.reflectors(kind)
        self._following[kind] = {reflector: started(reflector.follow(), stop) for reflector in reflectors}
        metrics.WATCH_AGE_SECONDS.labels(resource=kind.plural).set_function(functools.partial(age, reflectors))

    async def _persist(self, ask: Callable[[], Awaitable[Answer]], trouble: str) -> Answer:
        """Ask until there is an answer."""
        failures = 0
        while True:
            try:
                return await ask()
            except Transient as error:
                logger.warning("%s: %s", trouble, why(error))
            await asyncio.sleep(pause(failures))
            failures += 1

    async def _resync_forever(self) -> None:
        while True:
            await asyncio.sleep(self._settings.resync_seconds)
            self.resync()

    async def _heed_forever(self) -> None:
        """Notice other installations that come and go."""
        while self._installations is not None:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                if await self._installations.look():
                    self.resync()
            except Transient as error:
                logger.warning("other installations cannot be looked at: %s", why(error))

    async def _served(self) -> frozenset[Kind]:
        return await self._cluster.served(OPTIONAL)

    def _on_child(self, kind: Kind, event: str, found: Object) -> None:
        concerned = self.seen.remove(kind, found) if event == "DELETED" else self.seen.put(kind, found)
        can_wait = self._settings.progress_seconds > 0 and event != "DELETED"
        for key in concerned:  # nobody, mostly: old news and what we wrote
            is_step = can_wait and self.reconciler.is_under_way(key) and is_a_step(kind, found)
            self._look_again(key, found.version, self._look_late if is_step else self.queue.stir)

    def _on_tenant(self, kind: Kind, event: str, found: Object) -> None:
        key = TenantKey(*found.name)
        before = self.seen.tenant(key)
        if not (self.seen.remove(kind, found) if event == "DELETED" else self.seen.put(kind, found)):
            return
        manifest = found.manifest() if event == "DELETED" else self.seen.tenant(key) or {}
        if event == "DELETED":
            self.reconciler.part(key, manifest)
        if before is None or event == "DELETED" or asked(before) != asked(manifest):
            self.reconciler.forget_keys(key)
            self._mark_rivals({(one or {}).get("spec", {}).get("hostname") for one in (before, manifest)})
            self.queue.mark(key)
        else:
            self._look_again(key, found.version, self.queue.mark)

    def _look_again(self, key: TenantKey, version: int, how: Callable[[TenantKey], None]) -> None:
        """Have the tenant looked at, as something of it has a new version, unless that is of our own making.

        Of what we write, the watch may tell before the answer has come. So what is told in the middle of a look waits
        until that is over, and all answers are there.
        """
        heard = self._heard.get(key)
        if heard is None:
            how(key)
        else:
            heard.append((version, how))

    def _look_late(self, key: TenantKey) -> None:
        """When a step is told at the earliest; it may hide what only a look finds, as a pod that no node takes."""
        self.reconciler.has_stepped(key)
        self.queue.within(key, self._settings.progress_seconds)

    def _on_listed(self, kind: Kind, namespace: str | None, listed: set[tuple[str, str]], version: int) -> None:
        """What went while nobody watched is told by its absence alone."""
        known = {}
        if kind is TENANT:
            here = (key for key in self.seen.tenants() if namespace in (None, key.namespace))
            known = {key: self.seen.tenant(key) or {} for key in here if key not in listed}
        concerned = self.seen.prune(kind, namespace, listed, version)
        for key in concerned & known.keys():
            self.reconciler.part(key, known[key])
            self._mark_rivals({known[key].get("spec", {}).get("hostname")})
        self._mark(concerned)

    def _mark(self, keys: Iterable[TenantKey]) -> None:
        for key in keys:
            self.queue.mark(key)

    def _mark_rivals(self, hostnames: set[str | None]) -> None:
        """Another tenant may want the host name that is taken or set free here."""
        for hostname in filter(None, hostnames):
            self._mark(_tenant_key(other) for other in self.seen.wanting(hostname))


def _tenant_key(manifest: Manifest) -> TenantKey:
    return TenantKey(manifest["metadata"]["namespace"], manifest["metadata"]["name"])
