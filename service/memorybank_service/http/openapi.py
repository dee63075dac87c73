"""The description of the API, /openapi.json: beside what FastAPI finds out, the key, the errors and the filters."""

import asyncio
import http
import json
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from starlette.responses import Response

from memorybank_service.http.filter_schema import filter_schemas
from memorybank_service.http.problem_types import PROBLEM_TYPES, types_of
from memorybank_service.http.problems import speaks_plain_json

_router = APIRouter()
_OPEN = frozenset({"/health", "/livez", "/readyz"})
_OF_EVERY_ROUTE = (401, 403, 429, 500, 503)
_OPENAI = frozenset({"/v1/models"})
"""Where errors are in OpenAI's form, but for a fault of the service."""
_METHODS = frozenset({"get", "put", "post", "delete", "patch"})
_SCHEMAS = "#/components/schemas/"
_TEXT = """The long-term memory of one tenant. Every call carries `Authorization: Bearer KEY`; a key has scopes:
*read* finds, *write* stores and deletes, *admin* does the rest. An error is a problem of RFC 9457 with a stable `type`.
Times are RFC 3339. What is answered as stored is on disk, and found by the next search.

The service also speaks what others have described: mem0's hosted API as its official client calls it, OpenAI's chat
completions at `/v1/chat/completions`, and the Model Context Protocol at `/mcp`."""
_TAGS = [
    {"name": "memories", "description": "Adding, reading, changing and deleting memories."},
    {"name": "recall", "description": "Finding memories by meaning and by words."},
    {"name": "forgetting", "description": "What fades, when, and why."},
    {"name": "users", "description": "Whose memories there are."},
    {"name": "data", "description": "Keeping, moving and removing what the tenant has."},
    {"name": "jobs", "description": "Work in the background."},
    {
        "name": "OpenAI",
        "description": "What clients of OpenAI's API ask; `/v1/chat/completions` is as OpenAI describes it.",
    },
    {"name": "MemoryBank", "description": "The API that MemoryBank clients already speak."},
    {"name": "probes", "description": "Whether it lives and is ready; open to everyone."},
]


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """A route's `responses`: the errors of its own; those of every route with a key come by themselves."""
    return {status: {"description": http.HTTPStatus(status).phrase} for status in statuses}


def json_body(model: type[BaseModel]) -> dict[str, Any]:
    """The `openapi_extra` of a route that reads its body itself."""
    schema = model.model_json_schema(ref_template=_SCHEMAS + "{model}")
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def describe(app: FastAPI) -> None:
    """Answers with it at /openapi.json. Making it takes a third of a second, so that is done once, in a thread."""
    app.state.description_lock, app.state.description = asyncio.Lock(), None
    app.include_router(_router)


@_router.get("/openapi.json", include_in_schema=False)
async def _answer(request: Request) -> Response:
    # Not a function within `describe`: FastAPI remembers those it was given, and with it the application and the store.
    app = request.app
    async with app.state.description_lock:
        if app.state.description is None:
            app.state.description = await asyncio.to_thread(lambda: json.dumps(description(app)).encode())
    return Response(app.state.description, media_type="application/json")


def description(app: FastAPI) -> dict[str, Any]:
    """What /openapi.json answers, as data."""
    found = get_openapi(title=app.title, version=app.version, description=_TEXT, routes=app.routes, tags=_TAGS)
    components = found.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for path, item in found["paths"].items():
        for method in _METHODS & item.keys():
            operation = item[method]
            _lift_definitions(operation, schemas)
            _say_what_is_json(operation)
            if path not in _OPEN:
                operation["security"] = [{"key": []}]
                for status in _OF_EVERY_ROUTE:
                    operation["responses"].setdefault(str(status), {})
                _describe_problems(path, operation)
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas |= filter_schemas() | {"Problem": _problem(), "OpenAiError": _OPENAI_ERROR}
    for schema in schemas.values():
        for example in schema.get("examples", []):
            _bring_back_nulls(example, schema, schemas)
    components["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "description": "`Authorization: Token KEY` is taken too."}
    }
    components["responses"] = _responses()
    return found


def _lift_definitions(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    for content in operation.get("requestBody", {}).get("content", {}).values():
        schemas |= content.get("schema", {}).pop("$defs", {})


def _say_what_is_json(operation: dict[str, Any]) -> None:
    """Of a parameter that is JSON in a query, as OpenAPI has it."""
    for parameter in operation.get("parameters", []):
        schema = parameter.get("schema", {})
        if "contentSchema" in schema:
            del parameter["schema"]
            parameter["content"] = {schema["contentMediaType"]: {"schema": schema["contentSchema"]}}


def _bring_back_nulls(example: Any, schema: dict[str, Any], schemas: dict[str, Any]) -> None:
    """FastAPI leaves them out, of examples too, in which a field that is always there must not be missing."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"].removeprefix(_SCHEMAS)]
    if isinstance(example, list):
        for item in example:
            _bring_back_nulls(item, schema.get("items", {}), schemas)
    elif isinstance(example, dict):
        for name, part in schema.get("properties", {}).items():
            if name in example:
                described = next((one for one in part.get("anyOf", []) if "$ref" in one), part)
                _bring_back_nulls(example[name], described, schemas)
            elif name in schema.get("required", []):
                example[name] = None


def _describe_problems(path: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    for status in [status for status in responses if status >= "400" and types_of(int(status))]:
        suffix = "OpenAi" if path in _OPENAI and status != "500" else "Json" if speaks_plain_json(path) else ""
        responses[status] = {"$ref": f"#/components/responses/{_name(int(status))}{suffix}"}
    operation["responses"] = dict(sorted(responses.items()))


def _name(status: int) -> str:
    return http.HTTPStatus(status).phrase.title().replace(" ", "").replace("-", "")


def _responses() -> dict[str, Any]:
    """By status, once as problem+json and once as the plain JSON of the paths whose clients parse nothing else."""
    return {
        _name(status) + suffix: _response(status, media_type)
        for status in sorted({kind.status for kind in PROBLEM_TYPES})
        for suffix, media_type in (("", "application/problem+json"), ("Json", "application/json"))
    } | {
        _name(status) + "OpenAi": {
            "description": _response(status, "application/json")["description"],
            "content": {"application/json": {"schema": {"$ref": f"{_SCHEMAS}OpenAiError"}}},
        }
        for status in _OF_EVERY_ROUTE
    }


def _response(status: int, media_type: str) -> dict[str, Any]:
    kinds = types_of(status)
    means = "\n".join(f"- `{kind.urn}`: {kind.means}" for kind in kinds)
    examples = {
        kind.name: {
            "value": {
                "type": kind.urn,
                "title": http.HTTPStatus(status).phrase,
                "status": status,
                "detail": kind.detail,
                "errors": list(kind.errors),
            }
        }
        for kind in kinds
    }
    content = {media_type: {"schema": {"$ref": f"{_SCHEMAS}Problem"}, "examples": examples}}
    described: dict[str, Any] = {"description": means, "content": content}
    if status in (429, 503):
        described["headers"] = {
            "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "string"}, "required": False}
        }
    return described


_OPENAI_ERROR: dict[str, Any] = {
    "type": "object",
    "description": "As OpenAI's clients read it.",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        }
    },
    "examples": [
        {
            "error": {
                "message": "A valid key is needed: send `Authorization: Bearer KEY`.",
                "type": "authentication_error",
                "param": None,
                "code": "unauthorized",
            }
        }
    ],
}


def _problem() -> dict[str, Any]:
    return {
        "type": "object",
        "description": "RFC 9457.",
        "required": ["type", "title", "status", "detail", "errors"],
        "properties": {
            "type": {"type": "string", "enum": [kind.urn for kind in PROBLEM_TYPES]},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string", "description": "A sentence about this case."},
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["field", "message"],
                    "properties": {
                        "field": {"type": "string"},
                        "message": {"type": "string"},
                        "value": {"description": "What was refused, cut short."},
                    },
                },
            },
        },
    }
