"""The care of a tenant's data: copies of it, tidying up, another embedding, erasing a person.

All need the scope *admin*. What takes its time answers with a job, for which `wait_for_job` waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO

from memorybank.call import Call, itself, segment
from memorybank.decode import as_, each
from memorybank.records import Backup, Erasure, ErasureReceipt, Job
from memorybank.shapes import Copy, Stream, Sum

PATIENCE_SECONDS = 300.0
"""How long an erasure may take, which overwrites what it removes."""


def backup() -> Call[Job]:
    """Copies everything as it is at one moment, while writing goes on; the job's `result` has the `backup_id`."""
    return Call("POST", "/v1/backup", as_(Job), writes=True)


def backups() -> Call[list[Backup]]:
    """The whole ones on the tenant's own volume, the latest first."""
    return Call("GET", "/v1/backups", each(Backup, "results"))


def fetch_backup(backup_id: str, file: IO[bytes]) -> Copy:
    """Writes a backup, a SQLite database, to a file that is open for writing bytes; returns how many they were.

    Its SHA-256 is compared: one that comes damaged or in part is a `ConnectionFailedError`.
    """
    return Copy(Stream(Call("GET", f"/v1/backups/{segment(backup_id)}", itself, streamed=True), Sum), file)


def delete_backup(backup_id: str) -> Call[None]:
    """Removes it from the tenant's volume."""
    return Call("DELETE", f"/v1/backups/{segment(backup_id)}", lambda answer: None, gone_is_done=True)


def erase_user(user_id: str, *, delete_backups: bool = False) -> Call[ErasureReceipt]:
    """Erases everything of a user, and everything made of it, for good; returns the receipt.

    No byte of it stays in any file of the tenant but its backups; `delete_backups` removes those on its volume too.
    Whoever is not there is erased with a receipt of zeros, so it may be asked for again.
    """
    query = {"backups": "delete" if delete_backups else None}
    path = f"/v1/users/{segment(user_id)}"
    return Call("DELETE", path, as_(ErasureReceipt), query=query, patience=PATIENCE_SECONDS)


def erasures() -> Call[list[Erasure]]:
    """The receipts, the latest first. Keep them where a backup may outlive the tenant's volume."""
    return Call("GET", "/v1/erasures", each(Erasure, "results"))


def erase_again(receipts: Sequence[Erasure]) -> Call[list[ErasureReceipt]]:
    """Erases those whom receipts are about once more, after an older backup was restored on another volume."""
    body = {
        "erasures": [
            {
                "id": receipt.id,
                "user": receipt.user,
                "erased_at": receipt.erased_at,
                "counts": receipt.counts,
                "sha256": receipt.sha256,
            }
            for receipt in receipts
        ]
    }
    read = each(ErasureReceipt, "results")
    return Call("POST", "/v1/erasures", read, body=body, writes=True, patience=PATIENCE_SECONDS)


def maintenance() -> Call[Job]:
    """Checks the store, gives back what is free, removes what has had its time; it also runs by itself.

    The job's `result` has an `outcome`, a sentence.
    """
    return Call("POST", "/v1/maintenance", as_(Job), writes=True)


def reembed() -> Call[Job]:
    """Embeds all memories anew with the model that the tenant is set to, and then changes over to it.

    Reading and writing go on meanwhile. Asked for twice it runs once.
    """
    return Call("POST", "/v1/reembed", as_(Job), writes=True)
