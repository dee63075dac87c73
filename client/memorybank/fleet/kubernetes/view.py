"""A tenant's resource as the commands print it; pure."""

from __future__ import annotations

from typing import Any

from memorybank.fleet.kubernetes.kinds import DEFAULT_KEY, KEY_FIELD, Manifest, key_secret
from memorybank.fleet.target import Answer


def condition(tenant: Manifest, kind: str) -> dict[str, Any]:
    """One of its conditions; empty where it is not told."""
    told = (tenant.get("status") or {}).get("conditions") or []
    return next((one for one in told if one["type"] == kind), {})


def observed(tenant: Manifest, generation: int) -> bool:
    """Whether the operator has acted on this generation."""
    return bool((tenant.get("status") or {}).get("observedGeneration", 0) >= generation)


def generated_keys(tenant: Manifest) -> list[str]:
    """The names of the keys that the operator makes."""
    keys = tenant["spec"].get("apiKeys") or [{"name": DEFAULT_KEY}]
    return [key["name"] for key in keys if not key.get("secretKeyRef")]


def key_place(tenant: Manifest, key: str | None = None) -> tuple[str, str] | None:
    """The Secret and the field that hold a key: of that name, else the default one, else the first."""
    keys = tenant["spec"].get("apiKeys") or [{"name": DEFAULT_KEY}]
    named = [one for one in keys if one["name"] == (key or DEFAULT_KEY)]
    if not named and key is not None:
        return None
    chosen = named[0] if named else keys[0]
    reference = chosen.get("secretKeyRef")
    if reference:
        return reference["name"], reference["key"]
    return key_secret(tenant["metadata"]["name"], chosen["name"]), KEY_FIELD


def line(tenant: Manifest) -> Answer:
    """What `list` says of it."""
    metadata, spec, status = tenant["metadata"], tenant["spec"], tenant.get("status") or {}
    memories, storage = status.get("memories") or {}, status.get("storage") or {}
    return {
        "tenant_id": metadata["name"],
        "namespace": metadata["namespace"],
        "phase": status.get("phase", "Pending"),
        "ready": condition(tenant, "Ready").get("status", "Unknown"),
        "available": condition(tenant, "Available").get("status", "Unknown"),
        "endpoint": status.get("endpoint"),
        "domain": spec.get("hostname"),
        "image": status.get("image") or spec.get("image"),
        "memories": memories.get("active"),
        "faded": memories.get("faded"),
        "disk": storage.get("capacity"),
        "disk_used_bytes": storage.get("usedBytes"),
        "created_at": metadata["creationTimestamp"],
    }


def backup_line(backup: Manifest) -> Answer:
    """What `backups` says of one."""
    metadata, status = backup["metadata"], backup.get("status") or {}
    return {
        "backup": metadata["name"],
        "namespace": metadata["namespace"],
        "tenant_id": backup["spec"]["tenantRef"]["name"],
        "phase": status.get("phase", "Pending"),
        "created_at": metadata["creationTimestamp"],
        "taken_at": status.get("takenAt"),
        "completed_at": status.get("completedAt"),
        "memories": status.get("memories"),
        "bytes": status.get("bytes"),
        "sha256": status.get("sha256"),
        "verified": condition(backup, "Verified").get("status") == "True",
        "location": status.get("location"),
        "id": status.get("id"),
        "message": condition(backup, "Complete").get("message"),
    }


def whole(tenant: Manifest) -> Answer:
    """What `info` says of it."""
    place = key_place(tenant)
    return {
        **line(tenant),
        "message": condition(tenant, "Ready").get("message"),
        "api_key_secret": place and place[0],
        "deletion_policy": tenant["spec"].get("deletionPolicy", "Retain"),
        "spec": tenant["spec"],
        "conditions": (tenant.get("status") or {}).get("conditions") or [],
    }
