"""Whether it lives, whether it is ready; open to everyone, as a kubelet has no key."""

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from memorybank_service import __version__
from memorybank_service.clock import rfc3339, system_clock
from memorybank_service.tenant import Tenant

router = APIRouter()


@router.get("/livez")
async def livez() -> dict[str, str]:
    """The event loop answers; that is all it says."""
    return {"status": "alive"}


@router.get("/readyz")
async def readyz(request: Request) -> JSONResponse:
    """Ready once the truth is open: an index that is being rebuilt is no outage."""
    tenant: Tenant = request.app.state.tenant
    return JSONResponse({"status": "ready"}) if tenant.ready else JSONResponse({"status": "starting"}, 503)


@router.get("/health")
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
