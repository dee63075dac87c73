"""The application: its routes, and what every request passes before and after them."""

import asyncio
import time

from fastapi import FastAPI
from starlette.routing import Route
from starlette.types import ASGIApp

from memorybank_service import __version__
from memorybank_service.http import chat, completions, legacy, mem0, openapi, probes, problems, v1
from memorybank_service.http.access import KeyRing
from memorybank_service.http.audit import Audited
from memorybank_service.http.auth import Gate
from memorybank_service.http.body_limit import BodyLimit
from memorybank_service.http.keys_first import KeysFirst
from memorybank_service.http.mcp import McpEndpoint
from memorybank_service.http.measuring import Measuring
from memorybank_service.http.paths import Segments
from memorybank_service.http.rate_limit import RateLimiter
from memorybank_service.http.routes import Routes
from memorybank_service.http.security_headers import SecurityHeaders
from memorybank_service.http.tracing import Traced
from memorybank_service.metrics import Metrics
from memorybank_service.tenant import Tenant
from memorybank_service.tracing import Tracing

LARGER_BODIES = {
    "/v1/memories/batch": 8 << 20,
    "/v3/memories/add": 2 << 20,
    "/v1/batch": 8 << 20,
    "/v1/chat/completions": 2 << 20,
    "/chat": 2 << 20,
    "/v1/import": 1 << 40,  # to the disk, which has its end
}
"""In bytes, by path; everywhere else a body holds one memory."""


def with_routes() -> FastAPI:
    """The routes alone, as they are described; what they work on is yet to come."""
    # The pages of /docs load scripts from elsewhere; /openapi.json is what tools need.
    app = FastAPI(title="MemoryBank", version=__version__, openapi_url=None, redirect_slashes=False)
    app.include_router(probes.router)
    app.include_router(legacy.router)
    app.include_router(chat.router)
    app.include_router(mem0.router)  # before what it shares paths with
    app.include_router(v1.router)
    app.include_router(completions.router)
    return app


def create_app(tenant: Tenant, keys: KeyRing, metrics: Metrics, tracing: Tracing | None = None) -> ASGIApp:
    app = with_routes()
    app.state.tenant = tenant
    app.state.gate = Gate(keys, RateLimiter(time.monotonic))
    app.state.idempotent_under_way = set()
    app.state.batches = asyncio.Semaphore(2)
    app.router.routes.append(Route("/mcp", McpEndpoint(tenant, app.state.gate)))
    openapi.describe(app)
    problems.register(app)
    routes = app.state.routes = Routes(app)
    inner: ASGIApp = Audited(Segments(BodyLimit(KeysFirst(app, routes), LARGER_BODIES)), routes)
    # Around everything, so that a refused body and a failure are counted too.
    measured = Measuring(inner if tracing is None else Traced(inner, tracing, routes), metrics, routes)
    return SecurityHeaders(measured)
