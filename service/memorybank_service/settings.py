"""The settings, all from the environment. A bad one ends the start with a line that says what is allowed."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

LOOPBACK = ("127.0.0.1", "::1", "localhost")
PROVIDERS_WITHOUT_PREFIX = ("claude", "openai", "google")
KEY_VARIABLES = {
    "claude": "ANTHROPIC_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "openai": "OPENAI_API_KEY",
    "google": "GOOGLE_API_KEY",
    "gemini": "GOOGLE_API_KEY",
}
"""Of any other provider: its name in capitals, and `_API_KEY`."""
_PROVIDER = r"[a-z0-9][a-z0-9_.-]{0,63}"


class SettingsError(Exception):
    """One line for the user: the variable, what is wrong with its value, what is allowed."""

    def __init__(self, variable: str, problem: str, allowed: str) -> None:
        super().__init__(f"{variable}: {problem}; allowed: {allowed}")
        self.variable = variable


@dataclass(frozen=True)
class ModelSettings:
    """A provider's model, asked over the network unless the provider is `local`."""

    provider: str | None
    """None: for an embedding, to be decided by the data and the keys that there are."""
    model: str | None
    """None: the provider's default."""
    api_base: str | None


@dataclass(frozen=True)
class ForgettingSettings:
    interval_hours: float
    threshold: float
    """Below this retention a memory is faded."""
    time_scale_hours: float
    """Hours that one unit of strength stands for."""
    purge_after_days: float
    """0: never."""


@dataclass(frozen=True)
class Settings:
    tenant_id: str
    api_key: str | None
    access_file: Path | None
    insecure: bool
    llm: ModelSettings
    llm_daily_tokens: int
    """Of a UTC day; 0: no limit."""
    embedding: ModelSettings
    provider_keys: Mapping[str, str]
    """By the variable that they came in."""
    data_directory: Path
    """Everything of the tenant lies below it."""
    model_directory: Path
    forgetting: ForgettingSettings
    maintenance_interval_hours: float
    host: str
    port: int
    metrics_port: int
    rate_limit_rps: float
    """Requests per second and key; 0 turns the limit off."""
    rate_limit_burst: int
    log_format: str
    log_level: str
    traces: str | None
    """The protocol by which traces are sent; None: no collector is named, and none are made."""


class Environment:
    """Reads variables one by one; an empty one counts as not given, as it does in a pod's template."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def text(self, name: str) -> str | None:
        return self._variables.get(name, "").strip() or None

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        value = (self.text(name) or default).lower()
        if value not in allowed:
            raise SettingsError(name, f"{value!r} is not known", ", ".join(allowed))
        return value

    def flag(self, name: str) -> bool:
        return self.choice(name, "false", ("true", "false")) == "true"

    def pattern(self, name: str, default: str, pattern: str, allowed: str) -> str:
        value = self.text(name) or default
        if not re.fullmatch(pattern, value):
            raise SettingsError(name, f"{value!r} cannot be used", allowed)
        return value

    def number(self, name: str, default: float, accept: Callable[[float], bool], allowed: str) -> float:
        text = self.text(name)
        if text is None:
            return default
        try:
            value = float(text)
        except ValueError:
            raise SettingsError(name, f"{text!r} is not a number", allowed) from None
        if not math.isfinite(value) or not accept(value):
            raise SettingsError(name, f"{text} is out of range", allowed)
        return value

    def whole(self, name: str, default: int, lowest: int, highest: int) -> int:
        allowed = f"a whole number from {lowest} to {highest}"
        return int(self.number(name, default, lambda v: v == int(v) and lowest <= v <= highest, allowed))


def load_settings(variables: Mapping[str, str]) -> Settings:
    """Raises SettingsError for the first bad value."""
    environment = Environment(variables)
    tenant_id = environment.pattern(
        "TENANT_ID",
        "default",
        r"[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?",
        "1 to 63 letters, digits, - and _, beginning and ending with a letter or digit",
    )
    llm, embedding = _llm(environment), _embedding(environment)
    settings = Settings(
        tenant_id=tenant_id,
        api_key=_api_key(environment),
        access_file=_path(environment, "ACCESS_FILE"),
        insecure=environment.flag("MEMORYBANK_INSECURE"),
        llm=llm,
        llm_daily_tokens=environment.whole("LLM_DAILY_TOKENS", 0, 0, 1_000_000_000_000),
        embedding=embedding,
        provider_keys=_provider_keys(environment, llm, embedding),
        data_directory=(_path(environment, "CHROMA_DB_PATH") or Path("data")) / tenant_id,
        model_directory=_path(environment, "MEMORYBANK_MODEL_DIR") or cache_directory(variables) / "model",
        forgetting=_forgetting(environment),
        maintenance_interval_hours=_interval(environment, "MAINTENANCE_INTERVAL_HOURS", 168),
        host=environment.text("HOST") or "0.0.0.0",  # noqa: S104 - a pod is reached from outside of it
        port=environment.whole("PORT", 8000, 0, 65535),
        metrics_port=environment.whole("METRICS_PORT", 9090, 0, 65535),
        rate_limit_rps=environment.number("RATE_LIMIT_RPS", 50, lambda v: v >= 0, "a number from 0 (off)"),
        rate_limit_burst=environment.whole("RATE_LIMIT_BURST", 100, 1, 1_000_000),
        log_format=environment.choice("LOG_FORMAT", "json", ("json", "text")),
        log_level=environment.choice("LOG_LEVEL", "info", ("debug", "info", "warning", "error")),
        traces=_traces(environment),
    )
    _check_access(settings)
    return settings


def cache_directory(variables: Mapping[str, str]) -> Path:
    base = variables.get("XDG_CACHE_HOME") or Path(variables.get("HOME", "/tmp"), ".cache")  # noqa: S108
    return Path(base) / "memorybank"


def _path(environment: Environment, name: str) -> Path | None:
    value = environment.text(name)
    return Path(value) if value else None


def _api_key(environment: Environment) -> str | None:
    key = environment.text("API_KEY")
    if key is not None and (not key.isascii() or not key.isprintable() or " " in key):
        raise SettingsError("API_KEY", "it has characters that a header cannot carry", "printable ASCII without spaces")
    return key


def _interval(environment: Environment, name: str, default: float) -> float:
    return environment.number(name, default, lambda v: 0 < v <= 87_600, "hours, above 0, at most 87600")


def _forgetting(environment: Environment) -> ForgettingSettings:
    return ForgettingSettings(
        interval_hours=_interval(environment, "FORGETTING_INTERVAL_HOURS", 24),
        threshold=environment.number("FORGETTING_THRESHOLD", 0.1, lambda v: 0 <= v <= 1, "a number from 0 to 1"),
        time_scale_hours=_interval(environment, "FORGETTING_TIME_SCALE_HOURS", 168),
        purge_after_days=environment.number(
            "FORGETTING_PURGE_AFTER_DAYS", 0, lambda v: v >= 0, "days, 0 (never) or more"
        ),
    )


def key_variable(provider: str) -> str:
    """The variable that a provider's key comes in."""
    return KEY_VARIABLES.get(provider) or re.sub(r"[-.]", "_", provider.upper()) + "_API_KEY"


def _llm(environment: Environment) -> ModelSettings:
    provider = environment.pattern(
        "LLM_PROVIDER",
        "claude",
        _PROVIDER,
        ", ".join(PROVIDERS_WITHOUT_PREFIX) + ", or a model prefix of litellm in lower case",
    )
    return ModelSettings(provider, environment.text("LLM_MODEL"), _url(environment, "LLM_API_BASE"))


def _embedding(environment: Environment) -> ModelSettings:
    provider = environment.text("EMBEDDING_PROVIDER") and environment.pattern(
        "EMBEDDING_PROVIDER", "", _PROVIDER, "local, openai, google, or a model prefix of litellm in lower case"
    )
    return ModelSettings(provider, environment.text("EMBEDDING_MODEL"), _url(environment, "EMBEDDING_API_BASE"))


def _url(environment: Environment, name: str) -> str | None:
    value = environment.text(name)
    if value is not None and not re.match(r"https?://[^/\s]+", value):
        raise SettingsError(name, f"{value!r} is not an address", "a URL that begins with http:// or https://")
    return value


def _traces(environment: Environment) -> str | None:
    """The SDK reads the rest of OpenTelemetry's own variables."""
    names = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    named = [_url(environment, name) for name in names]
    protocol = environment.choice("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf", ("http/protobuf", "grpc"))
    return protocol if any(named) and not environment.flag("OTEL_SDK_DISABLED") else None


def _provider_keys(environment: Environment, *chosen: ModelSettings) -> dict[str, str]:
    names = {*KEY_VARIABLES.values(), *(key_variable(one.provider) for one in chosen if one.provider is not None)}
    keys = {name: environment.text(name) for name in sorted(names)}
    for name, key in keys.items():
        if key is not None and (not key.isascii() or not key.isprintable() or " " in key):
            raise SettingsError(name, "it has characters that a header cannot carry", "the key as the provider gave it")
    return {name: key for name, key in keys.items() if key}


def _check_access(settings: Settings) -> None:
    if settings.api_key or settings.access_file:
        return
    if not settings.insecure:
        raise SettingsError(
            "API_KEY",
            "there is neither a key nor an ACCESS_FILE, so anyone could read the memories",
            "a key of your choice, or MEMORYBANK_INSECURE=true together with HOST=127.0.0.1",
        )
    if settings.host not in LOOPBACK:
        raise SettingsError(
            "HOST", f"{settings.host!r} with MEMORYBANK_INSECURE=true is open to the network", ", ".join(LOOPBACK)
        )
