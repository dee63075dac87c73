"""Which events lead to which reconcile.

kopf watches; an event changes what is known and marks the tenant in our own queue, nothing else. kopf drops the errors
of its event handlers and keeps a queue an object, so no work is done in them; having only such handlers, it writes
nothing: no finalizer, no annotation.
"""

import asyncio
import contextlib
import functools
import logging
import time
from collections.abc import Callable, Collection
from typing import Any

import kopf

from memorybank_operator import logs, metrics, tracing
from memorybank_operator.api.names import CHILD_SELECTOR
from memorybank_operator.background import failed, started
from memorybank_operator.cluster import Cluster, Transient, why
from memorybank_operator.installations import LOOK_SECONDS, Installations
from memorybank_operator.kinds import OPTIONAL, TENANT, WATCHED, Kind
from memorybank_operator.kubeconfig import Connection
from memorybank_operator.queue import TenantQueue
from memorybank_operator.readings import Readings
from memorybank_operator.reconcile import Reconciler
from memorybank_operator.seen import Manifest, Seen, TenantKey, asked
from memorybank_operator.settings import Settings
from memorybank_operator.stateless import NoDiffs, NoProgress
from memorybank_operator.watching import INACTIVITY_SECONDS, REQUEST_SECONDS, Pauses, pause, watch_until

logger = logging.getLogger(__name__)

DISCOVERY_SECONDS = 10.0
SECOND_LOOK_SECONDS = 5.0
"""What was deleted between our first list and the beginning of the watches is told by neither."""


class Operator:
    """The watches, the queue and the reconciler of one leading replica."""

    def __init__(
        self,
        cluster: Cluster,
        connection: Connection,
        settings: Settings,
        take_signals: Callable[[], None] = lambda: None,
        installations: Installations | None = None,
    ) -> None:
        """`take_signals` is called when kopf has taken the process's signals: they lead to `stop`, not to kopf.

        Without `installations`, nobody else is looked for.
        """
        self.synced = asyncio.Event()
        self.seen = Seen()
        self.reconciler = Reconciler(cluster, self.seen, settings)
        self.queue = TenantQueue(self._reconcile, settings.workers)
        self.reconciler.rolling.wake = self.queue.mark
        self.readings = Readings(self.seen, self.queue.mark)
        self.reconciler.readings = self.readings.newest
        self._cluster = cluster
        self._connection = connection
        self._settings = settings
        self._take_signals = take_signals
        self._installations = installations
        if installations is not None:
            self.reconciler.rolling.serves = installations.serves
        self._told: dict[Kind, float] = {}
        self._missed = asyncio.Event()
        """A watch has begun with a list: what was deleted before is told by none."""

    async def run(self, stop: asyncio.Event) -> None:
        """Watch and reconcile until told to stop."""
        forever = (
            self._resync_forever(),
            self._discover_forever(),
            self._heed_forever(),
            self.readings.read_forever(),
        )
        background = [started(work, stop) for work in forever]
        await self._wait_first(stop, background)
        self.queue.start()
        try:
            if not stop.is_set():
                await watch_until(stop, self._begin_watches, self._missed.set)
        finally:
            await self.queue.stop(seconds=1.0)
            broken = [task for task in background if failed(task)]
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
        for task in broken:
            task.result()

    async def _begin_watches(self) -> Collection["asyncio.Task[None]"]:
        tasks = await kopf.spawn_tasks(
            registry=self._registry(),
            settings=self._kopf_settings(),
            standalone=True,
            clusterwide=not self._settings.watch_namespaces,
            namespaces=self._settings.watch_namespaces,
        )
        self._take_signals()
        return tasks

    async def _reconcile(self, key: TenantKey) -> float | None:
        if self._installations is not None and not self._installations.serves(key.namespace):
            self.reconciler.leave(key)
            return None
        generation = ((self.seen.tenant(key) or {}).get("metadata") or {}).get("generation", 0)
        logs.note(generation=generation)
        with tracing.reconcile(key.namespace, key.name, generation):
            return await self.reconciler.reconcile(key)

    async def resync(self) -> None:
        """List everything, so that nothing a watch has missed stays missed, and look at every tenant."""
        self.reconciler.served = await self._served()
        for kind in (*WATCHED, TENANT):
            if kind not in OPTIONAL or kind in self.reconciler.served:
                for namespace in self._settings.watch_namespaces or (None,):
                    await self._list(kind, namespace)
        self.reconciler.rolling.refresh()
        for tenant in list(self.seen.tenants()):
            key = TenantKey(tenant["metadata"]["namespace"], tenant["metadata"]["name"])
            self.reconciler.forget_keys(key)
            self.queue.mark(key)

    async def _list(self, kind: Kind, namespace: str | None) -> None:
        found = await self._cluster.list(kind, namespace, "" if kind is TENANT else CHILD_SELECTOR)
        for item in found["items"]:
            item.setdefault("apiVersion", kind.api_version)
            item.setdefault("kind", kind.kind)
        version = int(found["metadata"]["resourceVersion"])
        known = {} if kind is not TENANT else {_tenant_key(tenant): tenant for tenant in self.seen.tenants()}
        for key in self.seen.replace(kind, namespace, found["items"], version):
            if key in known and self.seen.tenant(key) is None:
                self.reconciler.part(key, known[key])
            self.queue.mark(key)

    async def _wait_first(self, stop: asyncio.Event, background: list[asyncio.Task[None]]) -> None:
        """Nothing is reconciled before everything was seen once: what is there would look missing."""
        waits = [asyncio.create_task(self.synced.wait()), asyncio.create_task(stop.wait())]
        await asyncio.wait([*waits, *background], return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

    async def _resync_forever(self) -> None:
        failures = 0
        while True:
            try:
                if self._installations is not None and not self.synced.is_set():
                    await self._installations.settle()
                self._missed.clear()
                await self.resync()
            except Transient as error:
                logger.warning("the resync failed and is repeated: %s", why(error))
                await asyncio.sleep(pause(failures))
                failures += 1
                continue
            failures = 0
            if not self.synced.is_set():
                logger.info("everything was seen once")
                self.synced.set()
                self._missed.set()  # what was deleted before the watches began is told by neither
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._settings.resync_seconds):
                    await self._missed.wait()
                    await asyncio.sleep(SECOND_LOOK_SECONDS)

    async def _heed_forever(self) -> None:
        """Notice other installations that come and go."""
        while self._installations is not None:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                if await self._installations.look():
                    await self.resync()
            except Transient as error:
                logger.warning("other installations cannot be looked at: %s", why(error))

    async def _discover_forever(self) -> None:
        """Notice optional APIs that appear or vanish."""
        while True:
            await asyncio.sleep(DISCOVERY_SECONDS)
            try:
                served = await self._served()
            except Transient as error:
                logger.warning("the API server's kinds cannot be read: %s", why(error))
                continue
            if served != self.reconciler.served:
                logger.info("optional kinds now served: %s", ", ".join(kind.kind for kind in served) or "none")
                self.reconciler.served = served
                for tenant in self.seen.tenants():
                    self.queue.mark(TenantKey(tenant["metadata"]["namespace"], tenant["metadata"]["name"]))

    async def _served(self) -> frozenset[Kind]:
        return await self._cluster.served(OPTIONAL)

    def _registry(self) -> kopf.OperatorRegistry:
        registry = kopf.OperatorRegistry()
        kopf.on.login(registry=registry)(self._login)
        for kind in (TENANT, *WATCHED):
            handler = functools.partial(self._on_tenant if kind is TENANT else self._on_child, kind)
            kopf.on.event(kind.group, kind.version, kind.plural, registry=registry, id=f"seen/{kind.plural}")(handler)
            metrics.WATCH_AGE_SECONDS.labels(resource=kind.plural).set_function(
                functools.partial(self._watch_age, kind)
            )
        return registry

    def _kopf_settings(self) -> kopf.OperatorSettings:
        settings = kopf.OperatorSettings()
        settings.posting.enabled = False
        settings.persistence.diffbase_storage = NoDiffs()
        settings.persistence.progress_storage = NoProgress()
        settings.queueing.idle_timeout = 1.0
        settings.queueing.exit_timeout = 0.5
        settings.networking.request_timeout = REQUEST_SECONDS
        settings.networking.error_backoffs = Pauses()
        settings.watching.inactivity_timeout = INACTIVITY_SECONDS
        for kind in WATCHED:
            settings.watching.label_selectors[kind.group, kind.version, kind.plural] = CHILD_SELECTOR
        return settings

    async def _login(self, **_: Any) -> kopf.ConnectionInfo:
        connection = self._connection
        certificate, key = connection.certificate or (None, None)
        return kopf.ConnectionInfo(
            server=connection.server,
            ca_data=connection.ca,
            insecure=not connection.verify,
            certificate_data=certificate,
            private_key_data=key,
            token=connection.token(),
        )

    async def _on_child(self, kind: Kind, type: str | None, event: kopf.RawEvent, **_: Any) -> None:
        self._note(kind, type)
        manifest = _plain(event)
        concerned = self.seen.remove(kind, manifest) if type == "DELETED" else self.seen.put(kind, manifest)
        for key in concerned:
            self.queue.mark(key)

    async def _on_tenant(self, kind: Kind, type: str | None, event: kopf.RawEvent, **_: Any) -> None:
        self._note(kind, type)
        manifest = _plain(event)
        key = TenantKey(manifest["metadata"]["namespace"], manifest["metadata"]["name"])
        before = self.seen.tenant(key)
        concerned = self.seen.remove(kind, manifest) if type == "DELETED" else self.seen.put(kind, manifest)
        if not concerned:
            return
        if type == "DELETED":
            self.reconciler.part(key, manifest)
        if before is None or type == "DELETED" or asked(before) != asked(manifest):
            self.reconciler.forget_keys(key)
            self._mark_rivals({(one or {}).get("spec", {}).get("hostname") for one in (before, manifest)})
        self.queue.mark(key)

    def _mark_rivals(self, hostnames: set[str | None]) -> None:
        """Another tenant may want the host name that is taken or set free here."""
        for hostname in filter(None, hostnames):
            for other in self.seen.wanting(hostname):
                self.queue.mark(TenantKey(other["metadata"]["namespace"], other["metadata"]["name"]))

    def _note(self, kind: Kind, type: str | None) -> None:
        self._told[kind] = time.monotonic()
        if type is None:  # from a list, with which a watch begins, and begins anew where it cannot go on
            self._missed.set()

    def _watch_age(self, kind: Kind) -> float:
        told = self._told.get(kind)
        return -1.0 if told is None else time.monotonic() - told


def _tenant_key(manifest: Manifest) -> TenantKey:
    return TenantKey(manifest["metadata"]["namespace"], manifest["metadata"]["name"])


def _plain(event: kopf.RawEvent) -> Manifest:
    """The object as a plain dictionary of its own, which nobody else changes."""
    plain: Manifest = dict(event["object"])
    plain["metadata"] = dict(plain["metadata"])
    return plain
