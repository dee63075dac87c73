"""The Kubernetes cluster as what runs tenants."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from memorybank.fleet.kubernetes import (
    backing_up,
    creating,
    deleting,
    erasures,
    logs,
    restoring,
    rotating,
    switching,
    updating,
    view,
)
from memorybank.fleet.kubernetes.cluster import Cluster
from memorybank.fleet.kubernetes.kinds import TENANT
from memorybank.fleet.target import Answer, BackupWish, LogLines, NewTenant, RestoreSource, Say

if TYPE_CHECKING:
    from memorybank.client import MemoryBankClient
    from memorybank.fleet.finding import Finding
    from memorybank.records import Erasure


class KubernetesTenants:
    """The Target that is a cluster's namespace."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def within(self, namespace: str) -> KubernetesTenants:
        return KubernetesTenants(self.cluster.within(namespace))

    def create(self, wish: NewTenant, *, seconds: float, wait: bool, say: Say) -> Answer:
        return creating.create(self.cluster, wish, seconds=seconds, wait=wait, say=say)

    def tenants(self, *, everywhere: bool = False) -> Sequence[Answer]:
        found = self.cluster.all(TENANT, everywhere=everywhere)
        lines = [view.line(tenant) for tenant in found]
        return sorted(lines, key=lambda one: (one["namespace"], one["tenant_id"]))

    def usage(self, *, everywhere: bool = False) -> Sequence[Answer]:
        from memorybank.fleet.kubernetes.usage import with_usage

        return with_usage(self.cluster, list(self.tenants(everywhere=everywhere)))

    def info(self, tenant: str) -> Answer:
        return view.whole(self.cluster.get(TENANT, tenant))

    def delete(self, tenant: str, *, seconds: float, say: Say) -> Answer:
        return deleting.delete(self.cluster, tenant, seconds=seconds, say=say)

    def erase(self, tenant: str, *, seconds: float, say: Say) -> Answer:
        return deleting.erase(self.cluster, tenant, seconds=seconds, say=say)

    def update(self, tenant: str, version: str, *, seconds: float, say: Say) -> Answer:
        return updating.update(self.cluster, tenant, version, seconds=seconds, say=say)

    def rotate_key(self, tenant: str, key: str, *, seconds: float, say: Say) -> Answer:
        return rotating.rotate_key(self.cluster, tenant, key, seconds=seconds, say=say)

    def switch(self, tenant: str, state: str, *, seconds: float, say: Say) -> Answer:
        return switching.switch(self.cluster, tenant, state, seconds=seconds, say=say)

    def back_up(self, tenant: str, wish: BackupWish, *, seconds: float, wait: bool, say: Say) -> Answer:
        return backing_up.back_up(self.cluster, tenant, wish, seconds=seconds, wait=wait, say=say)

    def backups(self, tenant: str | None, *, everywhere: bool = False) -> Sequence[Answer]:
        return backing_up.backups(self.cluster, tenant, everywhere=everywhere)

    def restore(self, wish: NewTenant, source: RestoreSource, *, seconds: float, wait: bool, say: Say) -> Answer:
        return restoring.restore(self.cluster, wish, source, seconds=seconds, wait=wait, say=say)

    def clone(
        self, tenant: str, wish: NewTenant, through: BackupWish, *, seconds: float, wait: bool, say: Say
    ) -> Answer:
        return restoring.clone(self.cluster, tenant, wish, through, seconds=seconds, wait=wait, say=say)

    def note_erasures(self, tenant: str, receipts: Sequence[Erasure]) -> str:
        return erasures.note(self.cluster, tenant, receipts)

    def logs(self, tenant: str, lines: LogLines) -> Iterator[bytes]:
        return logs.logs(self.cluster, tenant, lines)

    def memory(self, tenant: str, *, say: Say) -> AbstractContextManager[MemoryBankClient]:
        from memorybank.fleet.kubernetes import reaching

        return reaching.memory(self.cluster, tenant, say=say)

    def examine(self, tenant: str | None, say: Say) -> Iterator[Finding]:
        from memorybank.fleet.kubernetes.doctor import examine

        return examine(self.cluster, tenant, say)
