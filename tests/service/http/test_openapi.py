"""The description of the API is true: what it allows is answered as it says, what it does not is refused."""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from starlette.types import ASGIApp, Receive, Scope, Send

import memorybank_service.http
from memorybank_service.embedding.model_files import ModelFiles
from memorybank_service.http.access import KeyRing
from memorybank_service.http.app import create_app
from memorybank_service.http.problem_types import PROBLEM_TYPES
from memorybank_service.metrics import Metrics
from memorybank_service.settings import load_settings
from memorybank_service.tenant import Tenant
from tests.service.conftest import KEY
from tests.service.http.another_loop import AnotherLoop
from tests.service.manual_clock import ManualClock

CONFIG = {
    "seed": 1,
    "cache": {"enabled": False},
    "headers": {"Authorization": f"Bearer {KEY}"},
    "generation": {"max-examples": 5, "database": "none"},
    "operations": [
        # There is no language model here, and it says so.
        {"include-path": "/chat", "checks": {"not_a_server_error": {"expected-statuses": ["2xx", "4xx", 503]}}},
        # Filters have thousands of combinations, which are tried in the body of a search; these take the same.
        {"include-name": ["GET /v1/memories", "POST /v1/context"], "phases": {"coverage": {"enabled": False}}},
    ],
}


def with_keys_of_their_own(app: ASGIApp) -> ASGIApp:
    """A key that came with another request is refused rightly, so each gets one more letter than the one before."""
    numbers = itertools.count()

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [
            (
                name,
                value + str(next(numbers)).encode() if name == b"idempotency-key" and 0 < len(value) < 200 else value,
            )
            for name, value in scope.get("headers", [])
        ]
        await app({**scope, "headers": headers}, receive, send)

    return call


@pytest.fixture
def described(tmp_path_factory: pytest.TempPathFactory, model: ModelFiles) -> Iterator[schemathesis.BaseSchema]:
    folder = tmp_path_factory.mktemp("tenant")
    settings = load_settings({"API_KEY": KEY, "CHROMA_DB_PATH": str(folder), "RATE_LIMIT_RPS": "0"})
    loop, clock, metrics = AnotherLoop(), ManualClock(), Metrics()
    tenant = Tenant(settings, model, metrics, clock)
    try:
        loop.run(tenant.open())
        app = loop.serving(with_keys_of_their_own(create_app(tenant, KeyRing(settings, clock), metrics)))
        yield schemathesis.openapi.from_asgi("/openapi.json", app, config=SchemathesisConfig.from_dict(CONFIG))
    finally:
        loop.run(tenant.close())
        loop.close()


def test_every_answer_is_as_described(described: schemathesis.BaseSchema) -> None:
    found: dict[str, str] = {}
    for event in from_schema(described).execute():
        if isinstance(event, events.NonFatalError):
            found.setdefault(f"{event.label}: {event.value!r}", "")
        elif isinstance(event, events.FatalError):
            raise event.exception
        elif isinstance(event, events.ScenarioFinished):
            for case_id, checks in event.recorder.checks.items():
                for failed in (check.failure_info for check in checks if check.failure_info is not None):
                    answer = event.recorder.interactions[case_id].response
                    body = b"" if answer is None else answer.content[:500]
                    found.setdefault(
                        f"{failed.failure.operation}: {failed.failure.title}",
                        f"{failed.failure.message}\n{failed.code_sample}\n{body!r}",
                    )
    assert not found, "\n\n".join(f"{what}\n{how}" for what, how in found.items())


def test_every_kind_of_error_that_is_raised_is_described() -> None:
    folder = Path(memorybank_service.http.__file__).parent
    raised = {
        name
        for file in folder.rglob("*.py")
        for name in re.findall(r'Problem\(\s*\d{3},\s*"([a-z-]+)"', file.read_text())
    }
    assert raised <= {kind.name for kind in PROBLEM_TYPES}
    assert {"not-found", "invalid-request", "too-many-requests"} <= raised


async def test_every_request_and_every_answer_has_an_example(client: httpx.AsyncClient) -> None:
    description = (await client.get("/openapi.json")).json()

    def has_example(content: dict[str, Any]) -> bool:
        schema = content["schema"]
        while "$ref" in schema:
            schema = description["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        if {"example", "examples"} & (content.keys() | schema.keys()):
            return True
        parts = [*schema.get("anyOf", []), *schema.get("oneOf", []), *schema.get("properties", {}).values()]
        parts += [schema["items"]] if "items" in schema else []
        return any(has_example({"schema": part}) for part in parts)

    without = [
        f"{method.upper()} {path} {name}"
        for path, item in description["paths"].items()
        for method, operation in item.items()
        for name, said in {"body": operation.get("requestBody", {}), **operation["responses"]}.items()
        for content in said.get("content", {}).values()
        if not has_example(content)
    ]
    assert not without, without


async def test_operations_have_names_and_tags_for_generated_clients(client: httpx.AsyncClient) -> None:
    description = (await client.get("/openapi.json")).json()
    operations = [operation for item in description["paths"].values() for operation in item.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in names)
    tags = {tag["name"] for tag in description["tags"]}
    assert all(set(operation["tags"]) <= tags for operation in operations)
    assert description["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
