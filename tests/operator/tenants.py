"""Tenants for tests without an API server."""

from typing import Any

import msgspec

from memorybank_operator.api.tenant import Tenant
from memorybank_operator.desired import Context
from memorybank_operator.kinds import HTTP_ROUTE, POD_MONITOR
from memorybank_operator.settings import Settings


def tenant(status: dict[str, Any] | None = None, annotations: dict[str, str] | None = None, **spec: Any) -> Tenant:
    metadata = {
        "name": "customer1",
        "namespace": "customers",
        "uid": "5f1c",
        "generation": 3,
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "annotations": annotations or {},
    }
    return msgspec.convert({"metadata": metadata, "spec": spec, "status": status or {}}, Tenant)


def context(**given: Any) -> Context:
    usual: dict[str, Any] = {
        "settings": Settings(),
        "image": "registry.example/memorybank:v1",
        "served": frozenset([HTTP_ROUTE, POD_MONITOR]),
    }
    return Context(**{**usual, **given})
