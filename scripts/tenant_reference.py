"""Writes docs/tenant.md from the custom resource's schema, so that the manual says what the API server holds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
CRD = ROOT / "crds" / "memorybanktenants.yaml"
TARGET = ROOT / "docs" / "tenant.md"

Schema = dict[str, Any]

HEAD = """\
# A tenant's fields

Generated from [`crds/memorybanktenants.yaml`](../crds/memorybanktenants.yaml) by `make generate`. `kubectl explain
memorybanktenant.spec --recursive` says the same in a terminal.

"""


def main() -> None:
    version = yaml.safe_load(CRD.read_text())["spec"]["versions"][0]
    top = version["schema"]["openAPIV3Schema"]
    parts = [HEAD, "## spec\n\n", _table(top["properties"]["spec"]), "\n## What the API server refuses\n\n"]
    parts += [f"- `{path}`: {message}\n" for path, message in _rules(top, "")]
    parts += ["\n## status\n\nWritten by the operator alone.\n\n", _table(top["properties"]["status"])]
    parts += ["\n## Columns of `kubectl get memorybanktenants`\n\n"]
    parts += [_column(column) for column in version["additionalPrinterColumns"]]
    TARGET.write_text("".join(parts))


def _table(schema: Schema) -> str:
    rows = [f"| `{path}` | {kind} | {default} | {text} |\n" for path, kind, default, text in _fields(schema, "")]
    return "| field | type | default | |\n|---|---|---|---|\n" + "".join(rows)


def _fields(schema: Schema, prefix: str) -> Iterator[tuple[str, str, str, str]]:
    for name, field in schema.get("properties", {}).items():
        path = f"{prefix}{name}"
        inner = field.get("items", field)
        default = json.dumps(field["default"]) if "default" in field and not field.get("properties") else ""
        text = field.get("description", "").replace("\n", " ").replace("|", "\\|")
        yield path, _kind(field), f"`{default}`" if default else "", text
        yield from _fields(inner, f"{path}[]." if "items" in field else f"{path}.")


def _kind(field: Schema) -> str:
    if "enum" in field:
        return " \\| ".join(f"`{value}`" for value in field["enum"])
    if "items" in field:
        return f"list of {_kind(field['items'])}"
    if field.get("x-kubernetes-int-or-string"):
        return "quantity"
    kind = str(field.get("type", "any"))
    if "additionalProperties" in field:
        return "map"
    low, high = field.get("minimum"), field.get("maximum")
    return f"{kind}, {low}–{high}" if low is not None and high is not None else kind


def _rules(schema: Schema, path: str) -> Iterator[tuple[str, str]]:
    for rule in schema.get("x-kubernetes-validations", []):
        yield path or "(the whole)", rule["message"]
    for name, field in schema.get("properties", {}).items():
        yield from _rules(field, f"{path}.{name}" if path else name)
    if "items" in schema:
        yield from _rules(schema["items"], f"{path}[]")


def _column(column: Schema) -> str:
    wide = " (with `-o wide`)" if column.get("priority") else ""
    return f"- **{column['name']}**{wide}: `{column['jsonPath']}`\n"


if __name__ == "__main__":
    main()
