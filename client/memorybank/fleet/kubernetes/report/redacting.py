"""Secrets taken out of what is to be shown to others; pure.

Secrets' values are never read, so what is removed here are those that somebody has put where they do not belong: into a
pod's environment, an annotation, a log. Of an environment only what is known to be no secret is kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

REMOVED = "REMOVED"

_PLAIN_VARIABLES = frozenset(
    [
        "TENANT_ID",
        "ACCESS_FILE",
        "CHROMA_DB_PATH",
        "HOST",
        "PORT",
        "METRICS_PORT",
        "LOG_FORMAT",
        "LOG_LEVEL",
        "FORGETTING_INTERVAL_HOURS",
        "FORGETTING_THRESHOLD",
        "FORGETTING_TIME_SCALE_HOURS",
        "FORGETTING_PURGE_AFTER_DAYS",
        "MAINTENANCE_INTERVAL_HOURS",
        "RATE_LIMIT_RPS",
        "RATE_LIMIT_BURST",
        "LLM_PROVIDER",
        "LLM_MODEL",
        "LLM_API_BASE",
        "EMBEDDING_PROVIDER",
        "EMBEDDING_MODEL",
        "EMBEDDING_API_BASE",
        "MEMORYBANK_IMAGE",
        "MEMORYBANK_IMAGE_PULL_POLICY",
        "WATCH_NAMESPACES",
        "OPERATOR_NAMESPACE",
        "POD_NAME",
        "INGRESS_NAMESPACE_SELECTOR",
        "INGRESS_POD_SELECTOR",
        "MONITORING_NAMESPACE_SELECTOR",
        "CLUSTER_CIDRS",
        "WORKERS",
        "RESYNC_SECONDS",
        "HEALTH_PORT",
    ]
)
_OWN_CONTAINERS = frozenset({"memorybank", "operator"})
_NOISE = frozenset({"managedFields"})
_COPY = "kubectl.kubernetes.io/last-applied-configuration"
_SECRET_NAME = re.compile(r"(?i)(password|passwd|token|credential|authorization|api[-_]?key|secret|private)")
_NO_SECRET = re.compile(r"(?i)(ref|name|names|secrets|automountserviceaccounttoken)$")

_PATTERNS = [
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL),
    re.compile(r"\bmb_[\w-]{16,}"),
    re.compile(r"\b(?:sk|pk|rk)-[\w-]{16,}"),
    re.compile(r"\bAIza[\w-]{30,}"),
    re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    re.compile(r"\bgh[opusr]_\w{20,}"),
    re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"),
    re.compile(r"(?i)(?<=bearer )\S+"),
    re.compile(r"(?i)(?<=basic )[\w+/=]{8,}"),
    re.compile(r"(?<=://)[^/\s:@\"]+:[^/\s@\"]+(?=@)"),
    re.compile(r"(?i)(?<![\w-])(?:[\w-]*(?:api[-_]?key|password|passwd|token|secret))(?:=|%3D)([^\s&\"'\\]+)"),
]


def redacted(text: str) -> str:
    """Without what looks like a key, wherever it stands."""
    for pattern in _PATTERNS:
        text = pattern.sub(_without_group, text)
    return text


def cleaned(thing: Any) -> Any:
    """An object of the API without secrets, and without what only makes it long."""
    if isinstance(thing, Mapping):
        return {name: _entry(name, value, thing) for name, value in thing.items() if name not in _NOISE}
    return [cleaned(one) for one in thing] if isinstance(thing, list) else thing


def _entry(name: str, value: Any, of: Mapping[str, Any]) -> Any:
    if name == "annotations" and isinstance(value, Mapping):
        return {one: _annotation(one, text) for one, text in value.items() if one != _COPY}
    if name == "env" and isinstance(value, list):
        return [_variable(one) for one in value]
    if name in ("command", "args") and of.get("name") not in _OWN_CONTAINERS:
        return REMOVED
    if isinstance(value, str) and _SECRET_NAME.search(name) and not _NO_SECRET.search(name):
        return REMOVED
    return cleaned(value)


def _annotation(name: str, text: Any) -> Any:
    return REMOVED if _SECRET_NAME.search(name) and not name.startswith("memorybank.dev/") else text


def _variable(told: Any) -> Any:
    if isinstance(told, Mapping) and "value" in told and told.get("name") not in _PLAIN_VARIABLES:
        return {**told, "value": REMOVED}
    return told


def _without_group(found: re.Match[str]) -> str:
    """Where a pattern says which part of it is the secret, only that goes."""
    if not found.re.groups:
        return REMOVED
    begin, end = found.start(1) - found.start(), found.end(1) - found.start()
    return found[0][:begin] + REMOVED + found[0][end:]
