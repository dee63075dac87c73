"""What a namespace has come to, without what differs from one run to the next: two runs that ended alike are equal."""

import base64
import json
from collections import Counter
from typing import Any

from memorybank_operator.kinds import CHILDREN, DEPLOYMENT, EVENT, OPTIONAL, SECRET, TENANT, Kind

from .kube import Kube, Manifest

_OF_THE_RUN = frozenset(
    {
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "deletionTimestamp",
        "managedFields",
        "lastTransitionTime",
        "selfLink",
    }
)
_OF_THE_CLUSTER = frozenset({"clusterIP", "clusterIPs"})


async def end_state(kube: Kube, namespace: str) -> dict[str, Any]:
    """Every object of the operator's by kind and name, Secrets without their values, and the events counted."""
    found: dict[str, Any] = {}
    for kind in (*CHILDREN, SECRET, TENANT):
        if kind not in OPTIONAL:
            for item in await kube.list(kind, namespace):
                if item["metadata"]["name"] == "default":
                    continue  # the service account that every namespace gets, sooner or later
                found[f"{kind.kind}/{item['metadata']['name']}"] = _plain(kind, item, namespace)
    found["rolled"] = {
        item["metadata"]["name"]: item["metadata"]["generation"] for item in await kube.list(DEPLOYMENT, namespace)
    }
    told = [event for event in await kube.list(EVENT, namespace) if event["involvedObject"]["kind"] == TENANT.kind]
    # That there is no class and no node is this cluster's, and may be told or be over before it is.
    news = [event for event in told if event["reason"] not in ("StorageClassMissing", "Unschedulable")]
    # What happened twice in the same words is one object with a count; in other words it would be two.
    found["events"] = Counter[str]()
    for event in news:
        found["events"][f"{event['involvedObject']['name']}: {event['reason']}"] += event["count"]
    return found


async def keys(kube: Kube, namespace: str) -> dict[str, str]:
    """The generated keys by the name of their Secret."""
    return {
        secret["metadata"]["name"]: base64.b64decode(secret["data"]["api-key"]).decode()
        for secret in await kube.list(SECRET, namespace)
        if "api-key" in (secret.get("data") or {})
    }


def _plain(kind: Kind, item: Manifest, namespace: str) -> Any:
    status = item.pop("status", {})
    if kind is TENANT:
        # What is told of the pod and of the volume depends on how far others have come.
        told = {one["type"]: one["status"] for one in status.get("conditions", [])}
        item["status"] = {name: status.get(name) for name in ("endpoint", "apiKeySecretRef", "image", "defaultImage")}
        item["status"]["conditions"] = [(name, told.get(name)) for name in ("AccessReady", "SecretsReady", "Stalled")]
        item["status"]["observed"] = status.get("observedGeneration") == item["metadata"]["generation"]
    if kind is SECRET:
        # Whether the digests fit the keys is looked at for itself.
        item["data"] = sorted(item.get("data") or {})
    item["metadata"].pop("generation", None)
    annotations = item["metadata"].pop("annotations", {})  # without those of other controllers
    item["metadata"]["annotations"] = {
        name: text for name, text in annotations.items() if name.startswith("memorybank")
    }
    text = json.dumps(_without(item)).replace(namespace, "NAMESPACE")
    return json.loads(text)


def _without(value: Any) -> Any:
    if isinstance(value, dict):
        dropped = _OF_THE_RUN | _OF_THE_CLUSTER | {"memorybank.dev/desired"}
        return {key: _without(inner) for key, inner in value.items() if key not in dropped}
    if isinstance(value, list):
        return [_without(inner) for inner in value]
    return value


async def opened(kube: Kube, namespace: str) -> dict[str, list[str]]:
    """The SHA-256 digests that each tenant's access file opens to, sorted, by the name of its Secret."""
    found = {}
    for secret in await kube.list(SECRET, namespace):
        if file := (secret.get("data") or {}).get("access.json"):
            keys_of = json.loads(base64.b64decode(file))["keys"]
            found[secret["metadata"]["name"]] = sorted(key["sha256"] for key in keys_of)
    return found
