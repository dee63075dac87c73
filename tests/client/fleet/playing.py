"""Playing the pods of backups, of which no node can have one, as their destination's claim does not exist."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from memorybank_operator.api.names import BACKUP_SELECTOR
from tests.operator.backups import RESTORED, TAKEN

if TYPE_CHECKING:
    from tests.client.fleet.conftest import Fleet

FULL = {"reason": "DestinationFull", "message": "the destination is full: give it more room"}


@contextlib.contextmanager
def backups_played(fleet: Fleet, *, fails: bool = False) -> Iterator[list[Any]]:
    """Each of them ends at once, well or hopelessly; the pods as they were found."""
    stop, played = threading.Event(), list[Any]()

    def play() -> None:
        while not stop.wait(0.2):
            found = json.loads(fleet.kubectl("get", "pods", "-A", "-l", BACKUP_SELECTOR, "-o", "json"))
            for pod in (one for one in found["items"] if one["status"].get("phase") == "Pending"):
                played.append(pod)
                _end(fleet, pod, fails=fails)

    thread = threading.Thread(target=play)
    thread.start()
    try:
        yield played
    finally:
        stop.set()
        thread.join()


def _end(fleet: Fleet, pod: Any, *, fails: bool) -> None:
    what = pod["spec"]["containers"][0]["command"][-1]
    told = {**(RESTORED if what == "restore" else TAKEN), **(FULL if fails else {})}
    if fails:
        del told["id"]
    terminated = {"exitCode": 2 if fails else 0, "message": json.dumps(told)}
    container = {"name": "memorybank-backup", "image": "", "imageID": "", "ready": False, "restartCount": 0}
    status = {
        "phase": "Failed" if fails else "Succeeded",
        "containerStatuses": [{**container, "state": {"terminated": terminated}}],
    }
    metadata, patch = pod["metadata"], json.dumps({"status": status})
    where = f"--namespace={metadata['namespace']}"
    fleet.kubectl("patch", "pod", metadata["name"], where, "--subresource=status", "--type=merge", f"--patch={patch}")
