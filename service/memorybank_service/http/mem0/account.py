"""What mem0's client asks before anything else: is the key known, and whose is it."""

from typing import Any

from fastapi import Depends, Request

from memorybank_service.clock import rfc3339
from memorybank_service.http.asked import Bank, tenant_of
from memorybank_service.http.auth import known, require
from memorybank_service.http.mem0.routing import mem0_router
from memorybank_service.http.paths import PathId
from memorybank_service.http.problems import Problem

_router = mem0_router()
ROUTERS = [_router]


@_router.get("/v1/ping", dependencies=[Depends(known)])
async def ping(request: Request) -> dict[str, str]:
    """The tenant stands for both organisation and project."""
    tenant_id = tenant_of(request).settings.tenant_id
    return {
        "status": "ok",
        "org_id": tenant_id,
        "project_id": tenant_id,
        "user_email": f"{tenant_id}@memorybank.invalid",
    }


@_router.get("/api/v1/orgs/organizations/{org_id}/projects/{project_id}", dependencies=[Depends(require("read"))])
async def get_project(org_id: PathId, project_id: PathId, request: Request, bank: Bank) -> dict[str, Any]:
    """There is one: the tenant."""
    tenant_id = tenant_of(request).settings.tenant_id
    if not org_id == project_id == tenant_id:
        raise Problem(404, "not-found", f"There is one project, {tenant_id!r} of the organisation {tenant_id!r}.")
    oldest = (await bank.totals()).oldest
    return {
        "org_id": tenant_id,
        "project_id": tenant_id,
        "name": tenant_id,
        "description": "A MemoryBank tenant.",
        "created_at": rfc3339(bank.now() if oldest is None else oldest),
        "members": [],
        "custom_instructions": None,
        "custom_categories": [],
        "decay": True,
        "enable_graph": False,
        "is_default": True,
    }
