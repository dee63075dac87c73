"""The description of the API says all that there is to say: an example of everything, and every error."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from jsonschema_rs import Draft202012Validator

import memorybank_service.http
from memorybank_service.http.problem_types import PROBLEM_TYPES

FILES = ("application/vnd.sqlite3",)
"""What no example can be written down of."""
MAKES_ROOM = {"forget_memory"}
ALWAYS = {"401", "403", "429", "500", "503"}
MADE_BY_ASKING = {"erase_user"}
"""Who is not there is erased as well."""


async def operations(client: httpx.AsyncClient) -> Iterator[tuple[str, str, dict[str, Any]]]:
    description = (await client.get("/openapi.json")).json()
    return (
        (path, method, operation)
        for path, item in description["paths"].items()
        for method, operation in item.items()
        if "security" in operation
    )


def possible_errors(path: str, method: str, operation: dict[str, Any]) -> set[str]:
    """By what a request is made of, and what it does."""
    errors = set(ALWAYS)
    names = {parameter["name"] for parameter in operation.get("parameters", [])}
    if "application/json" in operation.get("requestBody", {}).get("content", {}):
        errors |= {"400", "413", "415", "422"}
    if names:
        errors |= {"422"}
    if "Idempotency-Key" in names:
        errors |= {"409", "413", "422"}
        errors |= {"507"} if method != "delete" and operation["operationId"] not in MAKES_ROOM else set()
    if "{" in path and operation["operationId"] not in MADE_BY_ASKING and not path.startswith("/v1/users/"):
        errors |= {"404"}
    return errors


async def test_every_error_that_an_operation_can_answer_with_is_described(client: httpx.AsyncClient) -> None:
    undescribed = {
        f"{method.upper()} {path}": sorted(missing)
        for path, method, operation in await operations(client)
        if (missing := possible_errors(path, method, operation) - operation["responses"].keys())
    }
    assert not undescribed, undescribed


async def test_whatever_changes_something_takes_an_idempotency_key(client: httpx.AsyncClient) -> None:
    only_read = {"retrieve_memory", "search_memories", "get_context"}
    without = {
        operation["operationId"]
        for _, method, operation in await operations(client)
        if method != "get"
        and not any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", []))
    }
    assert without == only_read


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
        """Of the whole, or of each of its parts that has to be there."""
        schema = content["schema"]
        while "$ref" in schema:
            schema = description["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        if {"example", "examples", "const"} & (content.keys() | schema.keys()):
            return True
        if "items" in schema:
            return has_example({"schema": schema["items"]})
        either = [*schema.get("anyOf", []), *schema.get("oneOf", [])]
        if either:
            return all(has_example({"schema": one}) for one in either if one != {"type": "null"})
        needed = [part for name, part in schema.get("properties", {}).items() if name in schema.get("required", [])]
        return bool(needed) and all(has_example({"schema": one}) for one in needed)

    without = [
        f"{method.upper()} {path} {name}"
        for path, item in description["paths"].items()
        for method, operation in item.items()
        for name, said in {"body": operation.get("requestBody", {}), **operation["responses"]}.items()
        for kind, content in said.get("content", {}).items()
        if kind not in FILES and not has_example(content)
    ]
    assert not without, without


async def test_every_example_is_what_its_schema_allows(client: httpx.AsyncClient) -> None:
    components = (await client.get("/openapi.json")).json()["components"]
    wrong = [
        f"{name}: {error.message}"
        for name, schema in components["schemas"].items()
        for example in schema.get("examples", [])
        for error in Draft202012Validator(
            {"$ref": f"#/components/schemas/{name}", "components": components}
        ).iter_errors(example)
    ]
    assert not wrong, wrong


async def test_operations_have_names_and_tags_for_generated_clients(client: httpx.AsyncClient) -> None:
    description = (await client.get("/openapi.json")).json()
    operations = [operation for item in description["paths"].values() for operation in item.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in names)
    tags = {tag["name"] for tag in description["tags"]}
    assert all(set(operation["tags"]) <= tags for operation in operations)
    assert description["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
