"""The application: its routes, and what every request passes before and after them."""

import time

from fastapi import FastAPI
from starlette.types import ASGIApp

from memorybank_service import __version__
from memorybank_service.http import legacy, probes, problems
from memorybank_service.http.access import KeyRing
from memorybank_service.http.audit import Audited
from memorybank_service.http.auth import Gate
from memorybank_service.http.body_limit import BodyLimit
from memorybank_service.http.measuring import Measuring
from memorybank_service.http.rate_limit import RateLimiter
from memorybank_service.http.tracing import Traced
from memorybank_service.metrics import Metrics
from memorybank_service.tenant import Tenant
from memorybank_service.tracing import Tracing


def create_app(tenant: Tenant, keys: KeyRing, metrics: Metrics, tracing: Tracing | None = None) -> ASGIApp:
    # The pages of /docs load scripts from elsewhere; /openapi.json is what tools need.
    app = FastAPI(title="MemoryBank", version=__version__, docs_url=None, redoc_url=None)
    app.state.tenant = tenant
    app.state.gate = Gate(keys, RateLimiter(time.monotonic))
    app.state.idempotent_under_way = set()
    app.include_router(probes.router)
    app.include_router(legacy.router)
    problems.register(app)
    # Around everything, so that a refused body and a failure are counted too.
    inner: ASGIApp = Audited(BodyLimit(app))
    return Measuring(inner if tracing is None else Traced(inner, tracing), metrics)
