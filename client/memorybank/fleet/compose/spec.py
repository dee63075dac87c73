"""What of a tenant's spec a container can be given; pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from memorybank.fleet.quantity import bytes_of

HOURS: Final = (0.001, 87_600.0)
HOSTNAME: Final = re.compile(r"(?=.{1,253}$)([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\.)+[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
PROVIDER: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}")
WORD: Final = re.compile(r"[^\s\"'`$]{1,512}")


class _Number(NamedTuple):
    variable: str
    low: float
    high: float
    shown: Callable[[float], float] = lambda value: value


NUMBERS: Final = {
    "forgetting.intervalHours": _Number("FORGETTING_INTERVAL_HOURS", *HOURS),
    "forgetting.thresholdPercent": _Number("FORGETTING_THRESHOLD", 0, 100, lambda percent: percent / 100),
    "forgetting.timeScaleHours": _Number("FORGETTING_TIME_SCALE_HOURS", *HOURS),
    "forgetting.purgeAfterDays": _Number("FORGETTING_PURGE_AFTER_DAYS", 0, 36_500),
    "maintenance.intervalHours": _Number("MAINTENANCE_INTERVAL_HOURS", *HOURS),
}
RATES: Final = {"rateLimit.requestsPerSecond": (0, 100_000), "rateLimit.burst": (1, 1_000_000)}
WORDS: Final = {
    f"{part}.{name}": (f"{part.upper()}_{variable}", pattern)
    for part in ("llm", "embedding")
    for name, variable, pattern in (
        ("provider", "PROVIDER", PROVIDER),
        ("model", "MODEL", WORD),
        ("apiBase", "API_BASE", WORD),
    )
}
LIMITS: Final = ("resources.limits.cpu", "resources.limits.memory")
FIELDS: Final = (*NUMBERS, *RATES, *WORDS, *LIMITS, "image", "hostname")
PROVIDER_KEYS: Final = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY")
"""Taken from the environment that a tenant is made in."""


def checked(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The spec, if a container can be given all of it. Raises ValueError with the field, the value and what may be."""
    flat = dict(_flat(spec))
    for name, value in flat.items():
        if name not in FIELDS:
            raise ValueError(f"spec.{name} is nothing that --target compose knows; it takes {', '.join(FIELDS)}")
        if name in NUMBERS:
            _in_range(name, value, NUMBERS[name].low, NUMBERS[name].high)
        elif name in RATES:
            _in_range(name, value, *RATES[name])
        elif name in WORDS and not (isinstance(value, str) and WORDS[name][1].fullmatch(value)):
            raise ValueError(f"spec.{name} is {value!r}: it may match {WORDS[name][1].pattern}")
    limits(spec)
    return dict(spec)


def checked_hostname(hostname: str | None) -> str | None:
    if hostname is not None and not HOSTNAME.fullmatch(hostname):
        raise ValueError(f"{hostname!r} is no host name: lower-case letters, digits and '-' between dots")
    return hostname


def environment(spec: Mapping[str, Any]) -> dict[str, str]:
    """The variables that the service reads."""
    flat = dict(_flat(spec))
    numbers = {told.variable: f"{told.shown(flat[name]):g}" for name, told in NUMBERS.items() if name in flat}
    words = {variable: flat[name] for name, (variable, _) in WORDS.items() if name in flat}
    return numbers | words


def rate_limit(spec: Mapping[str, Any]) -> dict[str, int]:
    given = spec.get("rateLimit") or {}
    return {"requestsPerSecond": given.get("requestsPerSecond", 50), "burst": given.get("burst", 100)}


def limits(spec: Mapping[str, Any]) -> dict[str, Any]:
    """As compose says them: cpus, and bytes of memory."""
    given = (spec.get("resources") or {}).get("limits") or {}
    told: dict[str, Any] = {}
    if "cpu" in given:
        text = str(given["cpu"])
        try:
            cpus = float(text.removesuffix("m")) / (1000 if text.endswith("m") else 1)
        except ValueError:
            cpus = 0.0
        if not 0 < cpus <= 1024:
            raise ValueError(f"spec.resources.limits.cpu is {text!r}: it may be such as 2 or 500m")
        told["cpus"] = cpus
    if "memory" in given:
        try:
            told["mem_limit"] = int(bytes_of(str(given["memory"])))
        except ValueError:
            raise ValueError(
                f"spec.resources.limits.memory is {given['memory']!r}: it may be such as 512Mi or 2Gi"
            ) from None
    return told


def _in_range(name: str, value: Any, low: float, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(f"spec.{name} is {value!r}: it may be a number from {low:g} to {high:g}")


def _flat(part: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in part.items():
        whole = f"{prefix}{name}"
        if isinstance(value, Mapping):
            found += _flat(value, f"{whole}.")
        elif value is not None:
            found.append((whole, value))
    return found
