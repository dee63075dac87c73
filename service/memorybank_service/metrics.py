"""The figures that Prometheus reads, in a registry of their own: several services in one test do not mix."""

import math
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from memorybank_service.llm.errors import ProviderError

_REQUEST_BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
STAGES = ("embedding", "roster", "words", "vectors", "ranking")
"""Of a search."""
_RESULTS = ("success", "failure")
_STAGE_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1)


def _failures(kind: type[ProviderError] = ProviderError) -> Iterator[str]:
    yield kind.result
    for narrower in kind.__subclasses__():
        yield from _failures(narrower)


CALL_RESULTS = ("answered", "broken_off", *sorted(set(_failures())))
"""Of a language model."""


class Metrics:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "memorybank_http_requests_total",
            "Requests answered.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self.request_seconds = Histogram(
            "memorybank_http_request_duration_seconds",
            "From a request's arrival to the end of its answer.",
            ["method", "route"],
            registry=self.registry,
            buckets=_REQUEST_BUCKETS,
        )
        self.memories = Gauge("memorybank_memories", "Memories by state.", ["state"], registry=self.registry)
        self.embeddings_pending = Gauge(
            "memorybank_embeddings_pending", "Memories that wait for their vector.", registry=self.registry
        )
        self.jobs = Gauge(
            "memorybank_jobs", "Work in the background, by kind and state.", ["kind", "state"], registry=self.registry
        )
        self.llm_calls = Counter(
            "memorybank_llm_calls_total",
            "Calls of a language model, by how they ended.",
            ["result"],
            registry=self.registry,
        )
        self.llm_tokens_left = Gauge(
            "memorybank_llm_budget_left_tokens", "Of the day's budget; +Inf: there is none.", registry=self.registry
        )
        self.llm_tokens_left.set(math.inf)
        self.llm_tokens = Counter(
            "memorybank_llm_tokens_total", "Tokens that a language model took.", registry=self.registry
        )
        self.store_bytes = Gauge("memorybank_store_bytes", "Size of the tenant's files.", registry=self.registry)
        self.volume_capacity = Gauge("memorybank_volume_capacity_bytes", "Size of the volume.", registry=self.registry)
        self.volume_used = Gauge("memorybank_volume_used_bytes", "Used on the volume.", registry=self.registry)
        self.search_seconds = Histogram(
            "memorybank_search_seconds",
            "Parts of a search.",
            ["stage"],
            registry=self.registry,
            buckets=_STAGE_BUCKETS,
        )
        self.forgetting_runs = Counter(
            "memorybank_forgetting_runs_total", "Forgetting runs.", ["result"], registry=self.registry
        )
        # So that each is there, at zero, before the first: a rate cannot see a series begin.
        for stage in STAGES:
            self.search_seconds.labels(stage)
        for result in CALL_RESULTS:
            self.llm_calls.labels(result)
        for result in _RESULTS:
            self.forgetting_runs.labels(result)

    def search_stage(self, stage: str, seconds: float) -> None:
        self.search_seconds.labels(stage).observe(seconds)

    def llm_call_ended(self, result: str) -> None:
        self.llm_calls.labels(result).inc()

    def job_ended(self, job_id: str, succeeded: bool) -> None:
        if job_id == "forgetting":
            self.forgetting_runs.labels(_RESULTS[0 if succeeded else 1]).inc()
