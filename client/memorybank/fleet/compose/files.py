"""The files that a tenant is run by; pure. They are JSON, which is YAML too."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any, Final

from memorybank.fleet.compose.folder import Tenant
from memorybank.fleet.compose.names import (
    ACCESS_FOLDER,
    DATA_FOLDER,
    EDGE,
    FOLDER_LABEL,
    HTTP_PORT,
    METRICS_ENTRY_PORT,
    METRICS_PORT,
    NAMESPACE,
    SERVICE,
    WISH_LABEL,
    of_tenant,
)
from memorybank.fleet.compose.spec import environment, limits, rate_limit
from memorybank.fleet.keys import digest

READY: Final = f"import urllib.request; urllib.request.urlopen('http://127.0.0.1:{HTTP_PORT}/readyz', timeout=4)"
CONFINED: Final[dict[str, Any]] = {
    "read_only": True,
    "tmpfs": ["/tmp"],  # noqa: S108 (the container's own)
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges:true"],
}
SCOPES: Final = ("read", "write", "admin")
MONITORING: Final = "monitoring"
"""What asks for Prometheus' password: nobody else reads tenants' metrics."""


def compose_file(tenant: Tenant, folder: str, wish: str = "") -> str:
    """Its project: the service, on a network and with a volume of its own, which are made beforehand."""
    name = of_tenant(tenant.id)
    service = {
        "image": tenant.image,
        "container_name": name,
        "environment": {
            "TENANT_ID": tenant.id,
            "ACCESS_FILE": f"{ACCESS_FOLDER}/access.json",
            "CHROMA_DB_PATH": DATA_FOLDER,
            **environment(tenant.spec),
        },
        "env_file": ["provider.env"],
        "ports": [f"127.0.0.1::{HTTP_PORT}"],
        "volumes": [f"data:{DATA_FOLDER}", f"./access:{ACCESS_FOLDER}:ro"],
        "networks": ["tenant"],
        **CONFINED,
        **limits(tenant.spec),
        "restart": "unless-stopped",
        "stop_grace_period": "30s",
        "labels": {FOLDER_LABEL: folder, WISH_LABEL: wish},
        "healthcheck": {
            "test": ["CMD", "python3", "-c", READY],
            "interval": "10s",
            "timeout": "5s",
            "start_period": "60s",
        },
    }
    return _text(
        {
            "services": {SERVICE: service},
            "networks": {"tenant": {"name": name, "external": True}},
            "volumes": {"data": {"name": name, "external": True}},
        }
    )


def access_file(tenant: Tenant, key: str) -> str:
    """The keys' digests, and the rate at which they may ask; a replaced key stands first."""
    old = [
        {"name": f"default.old-{one.sha256[:8]}", "sha256": one.sha256, "scopes": SCOPES, "expiresAt": one.until}
        for one in tenant.old_keys
    ]
    new = {"name": "default", "sha256": digest(key), "scopes": SCOPES, "expiresAt": None}
    return _text({"keys": [*old, new], "rateLimit": rate_limit(tenant.spec)})


def route_file(tenant: Tenant) -> str:
    """What Traefik does with its host name, and with its metrics."""
    id, rate = tenant.id, rate_limit(tenant.spec)
    inner = of_tenant(id)
    routers: dict[str, Any] = {
        f"{id}_metrics": {
            "rule": f"Path(`/{id}/metrics`)",
            "entryPoints": ["metrics"],
            "service": f"{id}_metrics",
            "middlewares": [MONITORING, f"{id}_path"],
        }
    }
    middlewares: dict[str, Any] = {f"{id}_path": {"stripPrefix": {"prefixes": [f"/{id}"]}}}
    services = {f"{id}_metrics": _to(inner, METRICS_PORT)}
    if tenant.hostname is not None:
        before = [f"{id}_headers"]
        middlewares[f"{id}_headers"] = {"headers": HEADERS}
        if rate["requestsPerSecond"]:
            before.append(f"{id}_rate")
            middlewares[f"{id}_rate"] = {
                "rateLimit": {
                    "average": rate["requestsPerSecond"],
                    "period": "1s",
                    "burst": rate["burst"],
                    "sourceCriterion": {"requestHost": True},
                }
            }
        routers[id] = {
            "rule": f"Host(`{tenant.hostname}`)",
            "entryPoints": ["websecure"],
            "service": id,
            "middlewares": before,
        }
        services[id] = _to(inner, HTTP_PORT)
    return _text({"http": {"routers": routers, "middlewares": middlewares, "services": services}})


HEADERS: Final[dict[str, Any]] = {
    "stsSeconds": 31_536_000,
    "contentTypeNosniff": True,
    "frameDeny": True,
    "referrerPolicy": "no-referrer",
    "contentSecurityPolicy": "default-src 'none'; frame-ancestors 'none'",
    "customResponseHeaders": {"Server": ""},
}


def monitoring_file(password: str) -> str:
    """Traefik's own metrics, and what asks for the password before them and before tenants'."""
    sha1 = base64.b64encode(hashlib.sha1(password.encode(), usedforsecurity=False).digest()).decode()
    router = {
        "rule": "Path(`/metrics`)",
        "entryPoints": ["metrics"],
        "service": "prometheus@internal",
        "middlewares": [MONITORING],
    }
    # The password is random, and as long as the digest: whoever reads this cannot guess it.
    asks = {"basicAuth": {"users": [f"prometheus:{{SHA}}{sha1}"], "removeHeader": True}}
    return _text({"http": {"routers": {"traefik_metrics": router}, "middlewares": {MONITORING: asks}}})


def edge_scrape_file() -> str:
    return _text([{"targets": [f"{EDGE}:{METRICS_ENTRY_PORT}"], "labels": {"job": "traefik"}}])


def scrape_file(tenant: Tenant) -> str:
    """Where Prometheus reads it, with the labels that alerts and dashboards hold on to."""
    labels = {
        "__metrics_path__": f"/{tenant.id}/metrics",
        "namespace": NAMESPACE,
        "memorybank_dev_tenant": tenant.id,
        "pod": of_tenant(tenant.id),
    }
    return _text([{"targets": [f"{EDGE}:{METRICS_ENTRY_PORT}"], "labels": labels}])


def _to(host: str, port: int) -> dict[str, Any]:
    return {"loadBalancer": {"servers": [{"url": f"http://{host}:{port}"}]}}


def _text(told: Any) -> str:
    return json.dumps(told, indent=2) + "\n"
