"""The CustomResourceDefinition, made of the typed resource. Run as a module, it writes `crds/`."""

import sys
from pathlib import Path
from typing import Any

import yaml

from memorybank_operator.api.names import GROUP, KIND, PLURAL, VERSION
from memorybank_operator.api.schema import schema_of
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


def tenant_crd() -> dict[str, Any]:
    """The CustomResourceDefinition of MemoryBankTenant."""
    schema = schema_of(Tenant)
    schema["description"] = "A MemoryBank tenant: one memory service with its own volume, keys and address."
    schema["properties"] = {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"type": "object"},
        **schema["properties"],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": ["mbt"],
                "categories": ["memorybank"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": COLUMNS,
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }


def definitions() -> list[dict[str, Any]]:
    """Every CustomResourceDefinition of this version."""
    return [tenant_crd()]


def tenant_crd_yaml() -> str:
    """The text of `crds/memorybanktenants.yaml`."""

    class Plain(yaml.SafeDumper):
        """Without anchors: a schema that occurs twice is written twice."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

    return HEADER + yaml.dump(tenant_crd(), Dumper=Plain, sort_keys=False, width=120)


def main() -> None:
    """Write the file into the folder given, by default `crds` below the working directory."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "crds")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{PLURAL}.yaml").write_text(tenant_crd_yaml())


if __name__ == "__main__":
    main()
