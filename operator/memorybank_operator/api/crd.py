"""The CustomResourceDefinition, made of the typed resource. Run as a module, it writes `crds/`."""

import sys
from pathlib import Path
from typing import Any

import yaml

from memorybank_operator.api.backup import Backup
from memorybank_operator.api.names import BACKUP_KIND, BACKUP_PLURAL, GROUP, KIND, PLURAL, VERSION
from memorybank_operator.api.schema import schema_of
from memorybank_operator.api.shared import Part
from memorybank_operator.api.tenant import Tenant

HEADER = "# Generated from operator/memorybank_operator/api by `python -m memorybank_operator.api.crd`.\n"


def _condition(kind: str, field: str) -> str:
    return f'.status.conditions[?(@.type=="{kind}")].{field}'


COLUMNS: list[dict[str, Any]] = [
    {"name": "Ready", "type": "string", "jsonPath": _condition("Ready", "status")},
    {"name": "Available", "type": "string", "jsonPath": _condition("Available", "status")},
    {"name": "Phase", "type": "string", "jsonPath": ".status.phase"},
    {"name": "Endpoint", "type": "string", "jsonPath": ".status.endpoint"},
    {"name": "Memories", "type": "integer", "jsonPath": ".status.memories.active"},
    {"name": "Disk", "type": "string", "jsonPath": ".status.storage.capacity"},
    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    {"name": "Image", "type": "string", "jsonPath": ".status.image", "priority": 1},
    {"name": "Message", "type": "string", "jsonPath": _condition("Ready", "message"), "priority": 1},
]


BACKUP_COLUMNS: list[dict[str, Any]] = [
    {"name": "Tenant", "type": "string", "jsonPath": ".spec.tenantRef.name"},
    {"name": "Phase", "type": "string", "jsonPath": ".status.phase"},
    {"name": "Memories", "type": "integer", "jsonPath": ".status.memories"},
    {"name": "Bytes", "type": "integer", "jsonPath": ".status.bytes"},
    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    {"name": "Location", "type": "string", "jsonPath": ".status.location", "priority": 1},
    {"name": "Message", "type": "string", "jsonPath": _condition("Complete", "message"), "priority": 1},
]


def tenant_crd() -> dict[str, Any]:
    """The CustomResourceDefinition of MemoryBankTenant."""
    description = "A MemoryBank tenant: one memory service with its own volume, keys and address."
    return _crd(Tenant, KIND, PLURAL, "mbt", COLUMNS, description)


def backup_crd() -> dict[str, Any]:
    """The CustomResourceDefinition of MemoryBankBackup."""
    return _crd(Backup, BACKUP_KIND, BACKUP_PLURAL, "mbb", BACKUP_COLUMNS, "One backup of a MemoryBank tenant.")


def _crd(
    part: type[Part], kind: str, plural: str, short: str, columns: list[dict[str, Any]], description: str
) -> dict[str, Any]:
    schema = schema_of(part)
    schema["description"] = description
    schema["properties"] = {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"type": "object"},
        **schema["properties"],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": plural,
                "singular": kind.lower(),
                "shortNames": [short],
                "categories": ["memorybank"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": columns,
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }


def definitions() -> list[dict[str, Any]]:
    """Every CustomResourceDefinition of this version."""
    return [tenant_crd(), backup_crd()]


def crd_yaml(definition: dict[str, Any]) -> str:
    """The text of its file in `crds/`."""

    class Plain(yaml.SafeDumper):
        """Without anchors: a schema that occurs twice is written twice."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

    return HEADER + yaml.dump(definition, Dumper=Plain, sort_keys=False, width=120)


def main() -> None:
    """Write the files into the folder given, by default `crds` below the working directory."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "crds")
    folder.mkdir(parents=True, exist_ok=True)
    for definition in definitions():
        (folder / f"{definition['spec']['names']['plural']}.yaml").write_text(crd_yaml(definition))


if __name__ == "__main__":
    main()
