"""Playing the containers of Jobs that work on backups: the Job controller is real, and there is no node."""

import asyncio
import json
from typing import Any

from memorybank_operator.kinds import BACKUP, POD

from .kube import SECONDS, Kube, Manifest

ID = "20270115T080000Z-5f0e8f0c"
TAKEN = {
    "what": "take",
    "id": ID,
    "location": f"file:///backups/x/customer1/{ID}",
    "takenAt": "2027-01-15T08:00:00.000Z",
    "memories": 40,
    "bytes": 1000,
    "sha256": "0" * 64,
    "erasures": 0,
    "removed": [],
}
RESTORED = {"what": "restore", "id": ID, "location": TAKEN["location"], "memories": 40, "takenAt": TAKEN["takenAt"]}


async def pod_of(kube: Kube, namespace: str, job: str) -> Manifest:
    async with asyncio.timeout(SECONDS):
        while True:
            for pod in await kube.list(POD, namespace):
                if pod["metadata"].get("labels", {}).get("batch.kubernetes.io/job-name") == job:
                    return pod
            await asyncio.sleep(0.02)


async def end(kube: Kube, namespace: str, job: str, told: Any, status: int = 0) -> Manifest:
    """The Job's container says its last word; answers the pod."""
    pod = await pod_of(kube, namespace, job)
    message = told if isinstance(told, str) else json.dumps(told)
    state = {"terminated": {"exitCode": status, "message": message}}
    container = {"name": "memorybank-backup", "image": "", "imageID": "", "ready": False, "restartCount": 0}
    phase = "Failed" if status else "Succeeded"
    ended = {"phase": phase, "containerStatuses": [{**container, "state": state}]}
    await kube.merge(POD, namespace, pod["metadata"]["name"], {"status": ended}, "status")
    return pod


async def in_phase(kube: Kube, namespace: str, name: str, phase: str) -> Manifest:
    return await kube.until(
        BACKUP, namespace, name, lambda found: found and found.get("status", {}).get("phase") == phase
    )
