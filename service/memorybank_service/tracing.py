"""Traces to an OpenTelemetry collector, where an endpoint is set; without one its libraries are never loaded.

A span a request, continuing the caller's trace (W3C Trace Context), and below it one for each stage of a search. They
carry the route, the status and the key's name; never a query, a memory or a user.
"""

import asyncio
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from memorybank_service import __version__

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span

EXPORT_SECONDS = 3.0  # a collector that is down must not hold up the end of the process


class Tracing:
    def __init__(self, provider: "TracerProvider") -> None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider, self._propagator = provider, TraceContextTextMapPropagator()
        self._tracer = provider.get_tracer("memorybank_service", __version__)

    @contextmanager
    def request(self, method: str, headers: Mapping[str, str]) -> Iterator["Span"]:
        """The span of a request; what runs within it belongs to it."""
        from opentelemetry.trace import SpanKind

        caller = self._propagator.extract(headers)
        attributes = {"http.request.method": method}
        with self._tracer.start_as_current_span(
            method, caller, SpanKind.SERVER, attributes, record_exception=False
        ) as span:
            yield span

    def stage(self, name: str, seconds: float) -> None:
        """A stage of a search that has just ended."""
        end = time.time_ns()
        self._tracer.start_span(f"search {name}", start_time=end - int(seconds * 1e9)).end(end)

    async def close(self) -> None:
        """Sends what is left."""
        await asyncio.to_thread(self._provider.shutdown)


def open_tracing(protocol: str, tenant_id: str) -> Tracing:
    """To the collector that the OTEL_EXPORTER_OTLP_* variables name, by `grpc` or `http/protobuf`."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    # Its exporters log each failed attempt; one line that says so is enough.
    logging.getLogger("opentelemetry").setLevel(logging.ERROR)
    resource = Resource.create(
        {"service.name": "memorybank", "service.version": __version__, "memorybank.tenant.id": tenant_id}
    )
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(_exporter(protocol)))
    return Tracing(provider)


def _exporter(protocol: str) -> "SpanExporter":
    if protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter

        return GrpcExporter(timeout=EXPORT_SECONDS)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter

    return HttpExporter(timeout=EXPORT_SECONDS)
