"""Traces to an OpenTelemetry collector, where an endpoint is set; without one its libraries are never loaded.

A span a reconcile, and below it one for each write to the API server. They carry the tenant's name, its generation,
what was written and how it ended; no object's content.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Final

from memorybank_operator.kinds import Kind

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

EXPORT_SECONDS: Final = 3.0
"""A collector that is down must not hold up the end of the process."""

_providers: "list[TracerProvider]" = []
"""The one that is open, if any: a list, as there is one a process and it comes and goes."""


def start(identity: str) -> None:
    """Send what follows to the collector that the OTEL_EXPORTER_OTLP_* variables name, by HTTP."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    # Its exporters log each failed attempt; one line that says so is enough.
    logging.getLogger("opentelemetry").setLevel(logging.ERROR)
    resource = Resource.create({"service.name": "memorybank-operator", "service.instance.id": identity})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(timeout=EXPORT_SECONDS)))
    _providers.append(provider)


async def stop() -> None:
    """Send what is left."""
    while _providers:
        await asyncio.to_thread(_providers.pop().shutdown)


def reconcile(namespace: str, name: str, generation: int) -> AbstractContextManager[None]:
    """The span of one reconcile; what is written within it belongs to it."""
    if not _providers:
        return contextlib.nullcontext()
    attributes: dict[str, str | int] = {
        "k8s.namespace.name": namespace,
        "memorybank.tenant": name,
        "memorybank.generation": generation,
    }
    return _span("reconcile", attributes)


def request(verb: str, kind: Kind, path: str) -> AbstractContextManager[None]:
    """The span of one write to the API server, if it is part of a reconcile."""
    if not _providers:
        return contextlib.nullcontext()
    from opentelemetry.trace import get_current_span

    if not get_current_span().is_recording():
        return contextlib.nullcontext()
    return _span(f"{verb} {kind.plural}", {"url.path": path})


def ended(result: str) -> None:
    """How the reconcile of the moment has ended."""
    if _providers:
        from opentelemetry.trace import get_current_span

        get_current_span().set_attribute("memorybank.result", result)


@contextlib.contextmanager
def _span(name: str, attributes: dict[str, str | int]) -> Iterator[None]:
    from opentelemetry.trace import StatusCode

    tracer = _providers[-1].get_tracer("memorybank_operator")
    with tracer.start_as_current_span(
        name, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield
        except Exception as error:
            # Passed on: only noted here, by its kind, as its text may quote what was sent.
            span.set_attribute("error.type", type(error).__name__)
            if (status := getattr(error, "status", None)) is not None:
                span.set_attribute("http.response.status_code", status)
            span.set_status(StatusCode.ERROR)
            raise
