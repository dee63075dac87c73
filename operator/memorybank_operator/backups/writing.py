"""Making a MemoryBankBackup, and writing its status where it is another than the one that stands there."""

from memorybank_operator.answers import NotFound
from memorybank_operator.api.backup import Backup, BackupStatus
from memorybank_operator.api.names import API_VERSION, BACKUP_KIND, child_labels
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.cluster import Cluster
from memorybank_operator.desired.context import given
from memorybank_operator.kinds import BACKUP
from memorybank_operator.seen import Seen


async def write(cluster: Cluster, seen: Seen, backup: Backup, status: BackupStatus) -> bool:
    """Whether the backup is still there."""
    if status == backup.status:
        return True
    metadata = backup.metadata
    manifest = {
        "apiVersion": API_VERSION,
        "kind": BACKUP_KIND,
        "metadata": {"name": metadata.name, "namespace": metadata.namespace, "uid": metadata.uid},
        "status": given(status),
    }
    try:
        seen.answered(BACKUP, await cluster.apply(BACKUP, manifest, subresource="status"))
    except NotFound:
        return False
    return True


async def create(cluster: Cluster, seen: Seen, tenant: Tenant, name: str, annotations: dict[str, str]) -> None:
    """A backup of a tenant to its own destination."""
    metadata = tenant.metadata
    manifest = {
        "apiVersion": API_VERSION,
        "kind": BACKUP_KIND,
        "metadata": {
            "name": name,
            "namespace": metadata.namespace,
            "labels": child_labels(metadata.name),
            "annotations": annotations,
        },
        "spec": {"tenantRef": {"name": metadata.name}},
    }
    seen.answered(BACKUP, await cluster.create(BACKUP, manifest))
