"""A tenant as the commands print it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from memorybank.fleet.compose.folder import Tenant
from memorybank.fleet.compose.names import NAMESPACE
from memorybank.fleet.compose.running import answers, port
from memorybank.fleet.target import Answer


def endpoint(tenant: Tenant, port: int | None) -> str | None:
    """By its host name, where it has one, else on this machine alone; None: it has no port now."""
    if tenant.hostname is not None:
        return f"https://{tenant.hostname}"
    return None if port is None else f"http://127.0.0.1:{port}"


def line(tenant: Tenant, container: Mapping[str, Any] | None, *, reached: bool) -> Answer:
    """What `list` says of it. `reached`: Traefik is on its network."""
    ready = container is not None and answers(container)
    return {
        "tenant_id": tenant.id,
        "namespace": NAMESPACE,
        "phase": _phase(tenant, container, ready=ready),
        "ready": str(ready and (reached or tenant.hostname is None)),
        "available": str(ready),
        "endpoint": endpoint(tenant, port(container) if container else None),
        "domain": tenant.hostname,
        "image": tenant.image,
        "memories": None,
        "faded": None,
        "disk": None,
        "disk_used_bytes": None,
        "created_at": tenant.created_at,
    }


def whole(tenant: Tenant, container: Mapping[str, Any] | None, folder: str, *, reached: bool) -> Answer:
    """What `info` says of it."""
    told = line(tenant, container, reached=reached)
    return {
        **told,
        "message": _message(tenant, told, container),
        "folder": folder,
        "deletion_policy": "Retain",
        "spec": {"image": tenant.image, "hostname": tenant.hostname, **tenant.spec},
        "conditions": [],
    }


def _phase(tenant: Tenant, container: Mapping[str, Any] | None, *, ready: bool) -> str:
    if tenant.asleep:
        return "Hibernated"
    if ready:
        return "Ready"
    if container is None:
        return "Failed"
    return "Provisioning" if container["State"]["Status"] == "running" else "Failed"


def _message(tenant: Tenant, told: Answer, container: Mapping[str, Any] | None) -> str:
    again = f"memorybank --target compose wake {tenant.id}"
    if tenant.asleep:
        return f"It sleeps: {again}"
    if container is None:
        return f"It has no container: {again}"
    if told["available"] != "True":
        return f"Its container is {container['State']['Status']}: memorybank --target compose logs {tenant.id}"
    if told["ready"] != "True":
        return f"Traefik does not run, or was made anew and is not on the tenant's network: {again}"
    return "It answers."
