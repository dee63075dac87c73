"""The API server's own description of its resources, as the JSON schemas that kubeconform reads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from e2e.kubectl import Kubectl

Schema = dict[str, Any]

LOCATION = "{{.Group}}_{{.ResourceKind}}_{{.ResourceAPIVersion}}.json"
PREFIX = "#/components/schemas/"


def write_schemas(kubectl: Kubectl, api_versions: set[str], folder: Path) -> None:
    """A file for each kind of these API versions, in which unknown fields are not allowed."""
    for api_version in api_versions:
        path = f"apis/{api_version}" if "/" in api_version else f"api/{api_version}"
        described = json.loads(kubectl("get", f"--raw=/openapi/v3/{path}"))["components"]["schemas"]
        for name, schema in described.items():
            for kind in schema.get("x-kubernetes-group-version-kind", []):
                of_kind = f"{kind['group']}/{kind['version']}" if kind["group"] else kind["version"]
                if of_kind == api_version:
                    group = kind["group"] or kind["version"]
                    file = folder / f"{group}_{kind['kind'].lower()}_{kind['version']}.json"
                    file.write_text(json.dumps(_standalone(name, described)))


def _standalone(name: str, described: dict[str, Schema]) -> Schema:
    """A schema with those that it refers to."""
    needed: dict[str, Schema] = {}
    waiting = [name]
    while waiting:
        one = waiting.pop()
        if one not in needed:
            needed[one] = _strict(described[one])
            waiting += _references(described[one])
    return {"$ref": PREFIX + name, "components": {"schemas": needed}}


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"].removeprefix(PREFIX)
        for inner in schema.values():
            yield from _references(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _references(inner)


def _strict(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_strict(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _strict(inner) for key, inner in schema.items()}
    closed = "properties" in made and isinstance(made.get("type"), str) and "additionalProperties" not in made
    if closed and not made.get("x-kubernetes-preserve-unknown-fields"):
        made["additionalProperties"] = False
    return made
