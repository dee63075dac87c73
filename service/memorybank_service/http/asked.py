"""What every route takes from its request: the tenant's bank, and whose memories it is about."""

from typing import Annotated

from fastapi import Depends, Request

from memorybank_service.http.fields import EVERY_USER
from memorybank_service.http.problems import Problem
from memorybank_service.memory.bank import MemoryBank
from memorybank_service.store import NO_USER, Scope
from memorybank_service.tenant import Tenant


def tenant_of(request: Request) -> Tenant:
    tenant: Tenant = request.app.state.tenant
    return tenant


async def _bank(request: Request) -> MemoryBank:
    return tenant_of(request).bank


Bank = Annotated[MemoryBank, Depends(_bank)]


def scope_of(request: Request, user_id: str | None, agent_id: str | None, run_id: str | None) -> Scope:
    """No user: the memories that have none. `*`: everyone's, for a key with the scope *admin* alone."""
    if user_id != EVERY_USER:
        return Scope(user_id or NO_USER, agent_id, run_id)
    request.state.scope = "admin"  # for the audit
    key = request.state.key
    if "admin" not in key.scopes:
        detail = f"The key {key.name!r} does not have the scope 'admin', which `user_id` of `*` needs."
        raise Problem(403, "forbidden", detail)
    return Scope(None, agent_id, run_id)
