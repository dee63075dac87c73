"""The operator's settings, from its environment. A bad value is one sentence, and exit status 2."""

import ipaddress
import json
import os
import socket
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


class SettingsError(Exception):
    """A variable has a value that cannot be used; the text names it, the value, and what is allowed."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What an installation decides; `from_environment` documents the variables."""

    image: str = "localhost/memorybank/service:dev"
    image_pull_policy: str = "IfNotPresent"
    watch_namespaces: tuple[str, ...] = ()
    operator_namespace: str = "memorybank-system"
    identity: str = "memorybank-operator"
    ingress_namespace_selector: dict[str, Any] = msgspec.field(
        default_factory=lambda: {"matchLabels": {"kubernetes.io/metadata.name": "traefik"}}
    )
    ingress_pod_selector: dict[str, Any] = msgspec.field(default_factory=dict)
    monitoring_namespace_selector: dict[str, Any] = msgspec.field(
        default_factory=lambda: {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}
    )
    cluster_cidrs: tuple[str, ...] = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
    traefik_middlewares: str = ""
    """What the names of the installation's Middlewares for Traefik begin with; empty: Traefik is told nothing."""
    workers: int = 16
    max_concurrent_rollouts: int = 5
    rollout_deadline_seconds: int = 600
    resync_seconds: int = 300
    progress_seconds: int = 15
    """How long a step of something in progress lasts before the status tells of it."""
    health_port: int = 8080
    metrics_port: int = 9090
    log_level: str = "info"
    log_format: str = "json"
    traces: bool = False


def from_environment(environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from MEMORYBANK_IMAGE, WATCH_NAMESPACES and so on. Raises SettingsError."""
    env = os.environ if environment is None else environment
    usual = Settings()

    def read(name: str, usual_value: T, parse: Callable[[str], T], allowed: str) -> T:
        text = env.get(name, "")
        if not text:
            return usual_value
        try:
            return parse(text)
        except ValueError as error:
            raise SettingsError(f"{name}={text!r} cannot be used ({error}): it must be {allowed}") from error

    traces = _wants_traces(env)
    if traces:
        read("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf", _one_of("http/protobuf"), "http/protobuf")
    selector = 'a label selector as JSON, such as {"matchLabels": {"app": "traefik"}}'
    return Settings(
        image=env.get("MEMORYBANK_IMAGE") or usual.image,
        image_pull_policy=read(
            "MEMORYBANK_IMAGE_PULL_POLICY",
            usual.image_pull_policy,
            _one_of("Always", "IfNotPresent", "Never"),
            "Always, IfNotPresent or Never",
        ),
        watch_namespaces=_names(env.get("WATCH_NAMESPACES", "")),
        operator_namespace=env.get("OPERATOR_NAMESPACE") or usual.operator_namespace,
        identity=env.get("POD_NAME") or f"{socket.gethostname()}-{os.getpid()}",
        ingress_namespace_selector=read(
            "INGRESS_NAMESPACE_SELECTOR", usual.ingress_namespace_selector, _selector, selector
        ),
        ingress_pod_selector=read("INGRESS_POD_SELECTOR", usual.ingress_pod_selector, _selector, selector),
        monitoring_namespace_selector=read(
            "MONITORING_NAMESPACE_SELECTOR", usual.monitoring_namespace_selector, _selector, selector
        ),
        traefik_middlewares=env.get("TRAEFIK_MIDDLEWARES", ""),
        cluster_cidrs=read("CLUSTER_CIDRS", usual.cluster_cidrs, _ranges, "a comma list of ranges such as 10.0.0.0/8"),
        workers=read("WORKERS", usual.workers, _between(1, 256), "a number from 1 to 256"),
        max_concurrent_rollouts=read(
            "MAX_CONCURRENT_ROLLOUTS",
            usual.max_concurrent_rollouts,
            _between(1, 1000),
            "a number of tenants from 1 to 1000",
        ),
        rollout_deadline_seconds=read(
            "ROLLOUT_DEADLINE_SECONDS",
            usual.rollout_deadline_seconds,
            _between(1, 86400),
            "a number of seconds from 1 to 86400",
        ),
        resync_seconds=read(
            "RESYNC_SECONDS", usual.resync_seconds, _between(1, 86400), "a number of seconds from 1 to 86400"
        ),
        progress_seconds=read(
            "PROGRESS_SECONDS", usual.progress_seconds, _between(0, 60), "a number of seconds from 0 to 60"
        ),
        health_port=read("HEALTH_PORT", usual.health_port, _between(0, 65535), "a port from 0 to 65535"),
        metrics_port=read("METRICS_PORT", usual.metrics_port, _between(0, 65535), "a port from 0 to 65535"),
        log_level=read(
            "LOG_LEVEL", usual.log_level, _one_of("debug", "info", "warning", "error"), "debug, info, warning or error"
        ),
        log_format=read("LOG_FORMAT", usual.log_format, _one_of("json", "text"), "json or text"),
        traces=traces,
    )


def _wants_traces(env: Mapping[str, str]) -> bool:
    """By OpenTelemetry's own variables."""
    named = env.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or env.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    return bool(named) and env.get("OTEL_SDK_DISABLED", "").lower() != "true"


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _one_of(*allowed: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError("unknown")
        return text

    return parse


def _between(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not low <= int(text) <= high:
            raise ValueError("out of range")
        return int(text)

    return parse


def _selector(text: str) -> dict[str, Any]:
    value = json.loads(text)
    if not isinstance(value, dict) or not set(value) <= {"matchLabels", "matchExpressions"}:
        raise ValueError("no label selector")
    return value


def _ranges(text: str) -> tuple[str, ...]:
    return tuple(str(ipaddress.ip_network(part)) for part in _names(text))
