"""Whether it lives, whether it is ready; open to everyone, as a kubelet has no key. HEAD is for load balancers."""

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import JSONResponse

from memorybank_service import __version__
from memorybank_service.clock import rfc3339, system_clock
from memorybank_service.http.fields import shown_as
from memorybank_service.tenant import Tenant

router = APIRouter(tags=["probes"])


class Alive(BaseModel):
    model_config = shown_as(status="alive")

    status: str


class Ready(BaseModel):
    model_config = shown_as(status="ready")

    status: str


class Health(BaseModel):
    model_config = shown_as(
        status="healthy", timestamp="2027-01-15T08:00:00.000Z", tenant_id="customer1", version=__version__
    )

    status: str
    timestamp: str
    tenant_id: str
    version: str


_READY: dict[int | str, dict[str, Any]] = {503: {"model": Ready, "description": "Not yet, or no longer."}}
_HEALTHY: dict[int | str, dict[str, Any]] = {503: {"model": Health, "description": "Not yet, or no longer."}}


@router.head("/livez", include_in_schema=False)
@router.get("/livez", operation_id="livez")
async def livez() -> Alive:
    """The event loop answers; that is all it says."""
    return Alive(status="alive")


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", operation_id="readyz", response_model=Ready, responses=_READY)
async def readyz(request: Request) -> JSONResponse:
    """Ready once the truth is open: an index that is being rebuilt is no outage."""
    tenant: Tenant = request.app.state.tenant
    return JSONResponse({"status": "ready"}) if tenant.ready else JSONResponse({"status": "starting"}, 503)


@router.head("/health", include_in_schema=False)
@router.get("/health", operation_id="health", response_model=Health, responses=_HEALTHY)
async def health(request: Request) -> JSONResponse:
    """What MemoryBank clients and Docker's health checks ask."""
    tenant: Tenant = request.app.state.tenant
    body = {
        "status": "healthy" if tenant.ready else "starting",
        "timestamp": rfc3339(system_clock()),
        "tenant_id": tenant.settings.tenant_id,
        "version": __version__,
    }
    return JSONResponse(body, 200 if tenant.ready else 503)
