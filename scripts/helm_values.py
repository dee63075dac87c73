"""Writes docs/helm-values.md from the chart's values.yaml and values.schema.json."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
CHART = ROOT / "helm" / "memorybank"
TARGET = ROOT / "docs" / "helm-values.md"

Schema = dict[str, Any]

HEAD = """\
# The chart's values

Generated from [`values.yaml`](../helm/memorybank/values.yaml) and
[`values.schema.json`](../helm/memorybank/values.schema.json) by `make generate`. A key that is not here is refused with
its name. [Installing](installing.md) shows the usual sets.

| value | type | default | |
|---|---|---|---|
"""


def main() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    rows = [
        f"| `{path}` | {kind} | {default} | {text} |\n" for path, kind, default, text in _rows(schema, schema, values)
    ]
    TARGET.write_text(HEAD + "".join(rows))


def _rows(whole: Schema, schema: Schema, values: Any, prefix: str = "") -> Iterator[tuple[str, str, str, str]]:
    for name, given in schema["properties"].items():
        field = _resolved(whole, given)
        inner = _resolved(whole, field.get("items", {}))
        here = values.get(name) if isinstance(values, dict) else None
        deeper = field if isinstance(here, dict) and here and "properties" in field else None
        path = f"{prefix}{name}"
        if name != "global":
            default = "" if here is None or deeper else f"`{json.dumps(here)}`"
            yield path, _kind(field), default, field.get("description", "").replace("|", "\\|")
        if deeper:
            yield from _rows(whole, deeper, here, f"{path}.")
        elif path in ("tenants", "ingress.hosts", "ingress.tls"):
            yield from _rows(whole, inner, None, f"{path}[].")
        elif path.startswith("tenants[].") and "properties" in field and name == "persistence":
            yield from _rows(whole, field, None, f"{path}.")


def _resolved(whole: Schema, schema: Schema) -> Schema:
    """The schema with the definition that it names; its own description goes before the definition's."""
    if "$ref" in schema:
        return dict(whole["definitions"][schema["$ref"].rpartition("/")[2]])
    if "allOf" in schema:
        return {**_resolved(whole, schema["allOf"][0]), **{key: schema[key] for key in schema if key != "allOf"}}
    return schema


def _kind(field: Schema) -> str:
    if "enum" in field:
        return " \\| ".join(f"`{json.dumps(value)}`" for value in field["enum"])
    if "const" in field:
        return f"`{json.dumps(field['const'])}`"
    kind = field["type"]
    named = " or ".join(kind) if isinstance(kind, list) else {"array": "list", "object": "map"}.get(kind, kind)
    low, high = field.get("minimum"), field.get("maximum")
    return f"{named}, {low}–{high}" if low is not None and high is not None else str(named)


if __name__ == "__main__":
    main()
