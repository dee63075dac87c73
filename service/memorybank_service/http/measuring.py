"""Counts and times every request, and the port of their own on which the figures are read."""

import asyncio
import shutil
import time
from itertools import product
from typing import get_args

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from memorybank_service.http.routes import Routes
from memorybank_service.metrics import Metrics
from memorybank_service.store import JobState
from memorybank_service.tenant import Tenant

_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})


class Measuring:
    """Routes are counted by their pattern: an id in a path must not become a series of its own."""

    def __init__(self, app: ASGIApp, metrics: Metrics, routes: Routes) -> None:
        self._app, self._metrics, self._routes = app, metrics, routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, started = 500, time.perf_counter()

        async def noticed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                self._record(scope, status, time.perf_counter() - started)

        await self._app(scope, receive, noticed)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "other"
        route = self._routes.path(scope)
        self._metrics.requests.labels(method, route, str(status)).inc()
        self._metrics.request_seconds.labels(method, route).observe(seconds)


class MetricsApp:
    """GET /metrics and nothing else."""

    def __init__(self, tenant: Tenant, metrics: Metrics) -> None:
        self._tenant, self._metrics = tenant, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await (await self._answer(scope))(scope, receive, send)

    async def _answer(self, scope: Scope) -> Response:
        if scope["path"] != "/metrics" or scope["method"] not in ("GET", "HEAD"):
            return PlainTextResponse("only GET /metrics is here\n", 404)
        if self._tenant.ready:
            await self._read_gauges()
        body = await asyncio.to_thread(generate_latest, self._metrics.registry)
        return Response(body, media_type=CONTENT_TYPE_LATEST)

    async def _read_gauges(self) -> None:
        bank, metrics = self._tenant.bank, self._metrics
        census = await bank.decay.recent_census()
        for state in ("active", "faded", "expired", "superseded"):
            metrics.memories.labels(state).set(getattr(census, state))
        metrics.embeddings_pending.set(await bank.embeddings.length())
        jobs = dict.fromkeys(product(bank.jobs.kinds, get_args(JobState)), 0) | await bank.jobs.counted()
        metrics.jobs.clear()  # what is not there any more, of a kind that nobody does
        for (kind, state_of_jobs), count in jobs.items():
            metrics.jobs.labels(kind, state_of_jobs).set(count)
        if (left := self._tenant.tokens_left) is not None:
            metrics.llm_tokens_left.set(left)
        metrics.store_bytes.set(await bank.size_bytes())
        volume = await asyncio.to_thread(shutil.disk_usage, self._tenant.settings.data_directory)
        metrics.volume_capacity.set(volume.total)
        metrics.volume_used.set(volume.used)
