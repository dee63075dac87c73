"""Writing the status of a MemoryBankBackup, where it is another than the one that stands there."""

from memorybank_operator.answers import NotFound
from memorybank_operator.api.backup import Backup, BackupStatus
from memorybank_operator.api.names import API_VERSION, BACKUP_KIND
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
        seen.put(BACKUP, await cluster.apply(BACKUP, manifest, subresource="status"))
    except NotFound:
        return False
    return True
