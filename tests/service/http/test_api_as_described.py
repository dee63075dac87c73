"""The description of the API is true: what it allows is answered as it says, what it does not is refused.

Every operation is asked for its examples, for the bounds of each of its parameters, for what is made up at random, and
in the order of its links. `API_EXAMPLES=200` makes up more, and tries all combinations of filters wherever they are
taken: some minutes instead of one.
"""

import itertools
import os
from collections.abc import Iterator

import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from schemathesis.python.asgi import shutdown_lifespans
from starlette.types import ASGIApp, Receive, Scope, Send

from memorybank_service.embedding.model_files import ModelFiles
from memorybank_service.http.access import KeyRing
from memorybank_service.http.app import create_app
from memorybank_service.metrics import Metrics
from memorybank_service.settings import load_settings
from memorybank_service.tenant import Tenant
from tests.service.conftest import KEY
from tests.service.manual_clock import ManualClock

FEW_EXAMPLES = 4
EXAMPLES = int(os.environ.get("API_EXAMPLES", FEW_EXAMPLES))
LONGEST_KEY = 255

# There is no language model here, and it says so.
WITHOUT_A_MODEL = {
    "include-path": ["/chat", "/v1/users/{user_id}/profile"],
    "checks": {"not_a_server_error": {"expected-statuses": ["2xx", "4xx", 503]}},
}
# Filters have a thousand combinations, which are tried in the body of a search; these take the same.
FILTERS_ELSEWHERE = {
    "include-name": ["GET /v1/memories", "POST /v1/context"],
    "phases": {"coverage": {"enabled": False}},
}


def config() -> SchemathesisConfig:
    return SchemathesisConfig.from_dict(
        {
            "seed": 1,
            "cache": {"enabled": False},
            "request-timeout": 60,  # a thousand memories are embedded
            "headers": {"Authorization": f"Bearer {KEY}"},
            "generation": {"max-examples": EXAMPLES, "database": "none"},
            "operations": [WITHOUT_A_MODEL, *([FILTERS_ELSEWHERE] if EXAMPLES <= FEW_EXAMPLES else [])],
        }
    )


@schemathesis.serializer("application/x-ndjson")
def ndjson(context: object, value: object) -> bytes:
    """Lines are a text. What is made up as something else cannot be sent as one: nothing is, which is refused too."""
    del context
    return value.encode(errors="replace") if isinstance(value, str) else b""


def with_keys_of_their_own(app: ASGIApp) -> ASGIApp:
    """A key that came with another request is refused rightly, so each is made another, as long as it may be."""
    numbers = itertools.count()

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        def own(name: bytes, value: bytes) -> bytes:
            if name != b"idempotency-key" or not 0 < len(value) <= LONGEST_KEY:
                return value
            number = str(next(numbers)).encode()
            return value[: LONGEST_KEY - len(number)] + number

        await app({**scope, "headers": [(name, own(name, value)) for name, value in scope["headers"]]}, receive, send)

    return call


def living(tenant: Tenant, app: ASGIApp) -> ASGIApp:
    """Opens the tenant in the event loop in which the application is called, and closes it there."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return
        await receive()
        await tenant.open()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await tenant.close()
        await send({"type": "lifespan.shutdown.complete"})

    return call


@pytest.fixture
def described(tmp_path_factory: pytest.TempPathFactory, model: ModelFiles) -> Iterator[schemathesis.BaseSchema]:
    folder = tmp_path_factory.mktemp("tenant")
    settings = load_settings({"API_KEY": KEY, "CHROMA_DB_PATH": str(folder), "RATE_LIMIT_RPS": "0"})
    clock, metrics = ManualClock(), Metrics()
    tenant = Tenant(settings, model, metrics, clock)
    app = living(tenant, with_keys_of_their_own(create_app(tenant, KeyRing(settings, clock), metrics)))
    yield schemathesis.openapi.from_asgi("/openapi.json", app, config=config())
    shutdown_lifespans()


def test_every_answer_is_as_described(described: schemathesis.BaseSchema) -> None:
    found: dict[str, str] = {}
    asked: set[str] = set()
    for event in from_schema(described).execute():
        if isinstance(event, events.NonFatalError):
            found.setdefault(f"{event.label}: {event.value!r}", "")
        elif isinstance(event, events.FatalError):
            raise event.exception
        elif isinstance(event, events.ScenarioFinished):
            asked |= {event.label} if event.label and event.recorder.interactions else set()
            for case_id, checks in event.recorder.checks.items():
                for failed in (check.failure_info for check in checks if check.failure_info is not None):
                    answer = event.recorder.interactions[case_id].response
                    body = b"" if answer is None else answer.content[:500]
                    found.setdefault(
                        f"{failed.failure.operation}: {failed.failure.title}",
                        f"{failed.failure.message}\n{failed.code_sample}\n{body!r}",
                    )
    assert not found, "\n\n".join(f"{what}\n{how}" for what, how in found.items())
    paths = described.raw_schema["paths"]
    assert asked == {f"{method.upper()} {path}" for path, item in paths.items() for method in item}
