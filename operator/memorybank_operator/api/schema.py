"""From a typed part to the structural OpenAPI v3 schema that the API server enforces."""

from typing import Any

import msgspec
from msgspec import inspect

from memorybank_operator.api.shared import Part, Rule

Schema = dict[str, Any]


def schema_of(part: type[Part]) -> Schema:
    """The structural schema of a part: its fields, their bounds and defaults, and the rules between them."""
    return _schema(inspect.type_info(part))


def _schema(kind: inspect.Type) -> Schema:  # noqa: PLR0911 (one branch a kind of type)
    match kind:
        case inspect.Metadata():
            schema = _schema(kind.type)
            return _merged(schema, dict(kind.extra_json_schema or {}))
        case inspect.UnionType():
            return _union(kind)
        case inspect.StructType():
            return _struct(kind)
        case inspect.ListType():
            return {"type": "array", "items": _schema(kind.item_type), **_bounds(kind, "Items")}
        case inspect.DictType(value_type=inspect.AnyType()):
            return {"type": "object"}
        case inspect.DictType():
            return {"type": "object", "additionalProperties": _schema(kind.value_type), **_bounds(kind, "Properties")}
        case inspect.LiteralType():
            return {"type": "string", "enum": list(kind.values)}
        case inspect.EnumType():
            return {"type": "string", "enum": [member.value for member in kind.cls]}
        case inspect.StrType():
            return {"type": "string", **_bounds(kind, "Length"), **({"pattern": kind.pattern} if kind.pattern else {})}
        case inspect.IntType():
            bounds = {"minimum": kind.ge, "maximum": kind.le}
            return {"type": "integer", **{name: bound for name, bound in bounds.items() if bound is not None}}
        case inspect.BoolType():
            return {"type": "boolean"}
        case _:
            raise TypeError(f"no structural schema is known for {kind!r}")


def _bounds(kind: inspect.StrType | inspect.ListType | inspect.DictType, what: str) -> Schema:
    bounds = {f"min{what}": kind.min_length, f"max{what}": kind.max_length}
    return {name: bound for name, bound in bounds.items() if bound is not None}


def _union(kind: inspect.UnionType) -> Schema:
    members = [member for member in kind.types if not isinstance(member, inspect.NoneType)]
    if len(members) == 1:
        return _schema(members[0])
    if {type(member) for member in members} == {inspect.IntType, inspect.StrType}:
        return {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]}
    raise TypeError(f"no structural schema is known for a choice between {members!r}")


def _struct(kind: inspect.StructType) -> Schema:
    properties = {field.encode_name: _property(field) for field in kind.fields if field.encode_name != "metadata"}
    schema: Schema = {"type": "object", "properties": properties}
    required = [field.encode_name for field in kind.fields if field.required and field.encode_name != "metadata"]
    if required:
        schema["required"] = required
    rules: tuple[Rule, ...] = getattr(kind.cls, "rules", ())
    if rules:
        schema["x-kubernetes-validations"] = [msgspec.to_builtins(rule) for rule in rules]
    return schema


def _property(field: inspect.Field) -> Schema:
    schema = _schema(field.type)
    description = _description(field.type)
    if description:
        schema = {"description": description, **schema}
    if field.default_factory is not msgspec.NODEFAULT:
        # Written out whole: the API server checks a default against the rules before it fills it up.
        # An empty list or map needs no default.
        default = _given(msgspec.to_builtins(field.default_factory()))
        if default:
            schema["default"] = default
    elif field.default not in (msgspec.NODEFAULT, None):
        schema["default"] = msgspec.to_builtins(field.default)
    return schema


def _given(value: Any) -> Any:
    """A default without the fields that are not given, and without empty lists."""
    if isinstance(value, dict):
        return {key: _given(inner) for key, inner in value.items() if inner not in (None, [], {})}
    return value


def _description(kind: inspect.Type) -> str | None:
    match kind:
        case inspect.Metadata():
            extra = kind.extra_json_schema or {}
            return extra.get("description") or _description(kind.type)
        case inspect.UnionType():
            return next((found for member in kind.types if (found := _description(member))), None)
        case _:
            return None


def _merged(schema: Schema, extra: Schema) -> Schema:
    rules = [*schema.get("x-kubernetes-validations", []), *extra.pop("x-kubernetes-validations", [])]
    merged = {**schema, **extra}
    if rules:
        merged["x-kubernetes-validations"] = rules
    return merged
