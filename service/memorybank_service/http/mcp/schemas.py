"""JSON schemas as language models read them best: short, without what a program adds for itself."""

from typing import Any

from pydantic import BaseModel


def input_schema(model: type[BaseModel]) -> dict[str, Any]:
    return _plain(model.model_json_schema(mode="validation"))


def output_schema(model: type[BaseModel]) -> dict[str, Any]:
    return _plain(model.model_json_schema(mode="serialization"))


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    definitions = schema.pop("$defs", {})
    plain: dict[str, Any] = _simplified(schema, definitions)
    return plain


def _simplified(node: Any, definitions: dict[str, Any]) -> Any:
    """Definitions in place, no titles, and a field that may be left out instead of one that may be null."""
    if isinstance(node, list):
        return [_simplified(part, definitions) for part in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        node = {**definitions[node["$ref"].rpartition("/")[2]], **{k: v for k, v in node.items() if k != "$ref"}}
    kept = {name: value for name, value in node.items() if not (name == "title" and isinstance(value, str))}
    choices = [choice for choice in kept.get("anyOf", []) if choice != {"type": "null"}]
    if "anyOf" in kept and len(choices) == 1:
        kept = {**choices[0], **{name: value for name, value in kept.items() if name != "anyOf"}}
        if kept.get("default", ...) is None:
            del kept["default"]
        return _simplified(kept, definitions)
    return {
        name: {key: _simplified(part, definitions) for key, part in value.items()}
        if name == "properties"
        else _simplified(value, definitions)
        for name, value in kept.items()
    }
