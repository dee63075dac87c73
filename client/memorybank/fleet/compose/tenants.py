"""Compose projects on this machine as what runs tenants."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from memorybank.fleet.compose import keeping, life, view
from memorybank.fleet.compose.folder import Tenant
from memorybank.fleet.compose.names import METRICS_PORT, NAMESPACE, of_tenant
from memorybank.fleet.compose.running import Site, edge_networks, is_reached, port
from memorybank.fleet.errors import RefusedError
from memorybank.fleet.figures import figures
from memorybank.fleet.finding import Finding
from memorybank.fleet.target import Answer, BackupWish, LogLines, NewTenant, RestoreSource, Say

if TYPE_CHECKING:
    from memorybank.client import MemoryBankClient
    from memorybank.records import Erasure

AT_ONCE = 8
METRICS = (
    "import urllib.request;"
    f" print(urllib.request.urlopen('http://127.0.0.1:{METRICS_PORT}/metrics', timeout=5).read().decode())"
)


class ComposeTenants:
    """The Target that is a container engine and a folder."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def within(self, namespace: str) -> ComposeTenants:
        if namespace != NAMESPACE:
            raise RefusedError(f"there are no namespaces under --target compose, and none {namespace}")
        return self

    def create(self, wish: NewTenant, *, seconds: float, wait: bool, say: Say) -> Answer:
        return life.create(self.site, wish, seconds=seconds, wait=wait, say=say)

    def tenants(self, *, everywhere: bool = False) -> Sequence[Answer]:
        networks = edge_networks(self.site) or ()

        def one(tenant: Tenant) -> Answer:
            return view.line(tenant, self.site.container(tenant.id), reached=of_tenant(tenant.id) in networks)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(one, self.site.folder.all()))

    def usage(self, *, everywhere: bool = False) -> Sequence[Answer]:
        def one(line: Answer) -> Answer:
            if line["available"] != "True":
                return {**line, "requests": None, "failed": None}
            name = of_tenant(line["tenant_id"])
            read = figures(self.site.engine.run("exec", name, "python3", "-c", METRICS))
            return line | {key: value for key, value in read.items() if value is not None or key not in line}

        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(one, self.tenants()))

    def info(self, tenant: str) -> Answer:
        found, folder = self.site.folder.get(tenant), str(self.site.folder.path)
        return view.whole(found, self.site.container(tenant), folder, reached=is_reached(self.site, tenant))

    def delete(self, tenant: str, *, seconds: float, say: Say) -> Answer:
        say(f"ending tenant {tenant}")
        return life.delete(self.site, tenant)

    def erase(self, tenant: str, *, seconds: float, say: Say) -> Answer:
        say(f"removing tenant {tenant}")
        return life.erase(self.site, tenant)

    def update(self, tenant: str, version: str, *, seconds: float, say: Say) -> Answer:
        return life.update(self.site, tenant, version, seconds=seconds, say=say)

    def rotate_key(self, tenant: str, key: str, *, seconds: float, say: Say) -> Answer:
        return life.rotate_key(self.site, tenant, key)

    def switch(self, tenant: str, state: str, *, seconds: float, say: Say) -> Answer:
        return life.switch(self.site, tenant, state, seconds=seconds, say=say)

    def back_up(self, tenant: str, wish: BackupWish, *, seconds: float, wait: bool, say: Say) -> Answer:
        return keeping.back_up(self.site, tenant, wish, seconds=seconds, wait=wait, say=say)

    def backups(self, tenant: str | None, *, everywhere: bool = False) -> Sequence[Answer]:
        return keeping.backups(self.site, tenant)

    def restore(self, wish: NewTenant, source: RestoreSource, *, seconds: float, wait: bool, say: Say) -> Answer:
        return keeping.restore(self.site, wish, source, seconds=seconds, wait=wait, say=say)

    def clone(
        self, tenant: str, wish: NewTenant, through: BackupWish, *, seconds: float, wait: bool, say: Say
    ) -> Answer:
        return keeping.clone(self.site, tenant, wish, through, seconds=seconds, wait=wait, say=say)

    def note_erasures(self, tenant: str, receipts: Sequence[Erasure]) -> str:
        return keeping.note_erasures(self.site, tenant, receipts)

    def logs(self, tenant: str, lines: LogLines) -> Iterator[bytes]:
        self.site.folder.get(tenant)
        if lines.previous:
            raise RefusedError("--previous: the engine keeps no log of a container before this one")
        if self.site.container(tenant) is None:
            raise RefusedError(f"tenant {tenant} has no container now: memorybank --target compose wake {tenant}")
        options = ["--follow"] if lines.follow else []
        options += [f"--tail={lines.tail}"] if lines.tail is not None else []
        options += [f"--since={lines.since_seconds}s"] if lines.since_seconds is not None else []
        return self.site.engine.pieces("logs", *options, of_tenant(tenant))

    @contextmanager
    def memory(self, tenant: str, *, say: Say) -> Iterator[MemoryBankClient]:
        from memorybank.client import MemoryBankClient

        found, container = self.site.folder.get(tenant), self.site.container(tenant)
        at = port(container) if container is not None else None
        if at is None:
            raise RefusedError(f"tenant {found.id} does not run: memorybank --target compose wake {tenant}")
        with MemoryBankClient(f"http://127.0.0.1:{at}", self.site.folder.key(tenant) or "") as client:
            yield client

    def examine(self, tenant: str | None, say: Say) -> Iterator[Finding]:
        from memorybank.fleet.compose.doctor import examine

        return examine(self.site, tenant, say)
