"""The typed resource and what is made of it for the API server."""

from pathlib import Path
from typing import Any

import pytest

from memorybank_operator.api.crd import crd_yaml, definitions, tenant_crd
from memorybank_operator.api.quantity import larger_quantity, parse_quantity, same_quantity

CRD_FILE = Path(__file__).parents[2] / "crds" / "memorybanktenants.yaml"


def schema(path: str) -> dict[str, Any]:
    found: dict[str, Any] = tenant_crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for name in path.split("."):
        found = found["properties"][name]
    return found


def test_the_file_in_crds_is_fresh() -> None:
    for definition in definitions():
        file = CRD_FILE.with_name(f"{definition['spec']['names']['plural']}.yaml")
        assert file.read_text() == crd_yaml(definition), "run: python -m memorybank_operator.api.crd"


def undescribed(found: dict[str, Any], path: str) -> list[str]:
    missing = []
    for name, inner in found.get("properties", {}).items():
        if "description" not in inner:
            missing.append(f"{path}.{name}")
        missing += undescribed(inner, f"{path}.{name}") + undescribed(inner.get("items", {}), f"{path}.{name}[]")
    return missing


@pytest.mark.parametrize("part", ["spec", "status"])
def test_every_field_is_described(part: str) -> None:
    assert undescribed(schema(part), part) == []


def with_default_in_items(found: dict[str, Any], path: str, *, in_list: bool) -> list[str]:
    hits = [path] if in_list and "default" in found else []
    for name, inner in found.get("properties", {}).items():
        hits += with_default_in_items(inner, f"{path}.{name}", in_list=in_list)
    if "items" in found:
        hits += with_default_in_items(found["items"], f"{path}[]", in_list=True)
    return hits


def test_no_default_stands_inside_a_list() -> None:
    assert with_default_in_items(schema("spec"), "spec", in_list=False) == []


def test_keys_and_conditions_are_told_apart_by_their_names() -> None:
    assert schema("spec.apiKeys")["x-kubernetes-list-map-keys"] == ["name"]
    assert schema("status.conditions")["x-kubernetes-list-map-keys"] == ["type"]


def test_kubectl_shows_the_columns_of_the_contract() -> None:
    columns = tenant_crd()["spec"]["versions"][0]["additionalPrinterColumns"]
    shown = [column["name"] for column in columns if "priority" not in column]
    wide = [column["name"] for column in columns if column.get("priority") == 1]
    assert shown == ["Ready", "Available", "Phase", "Endpoint", "Memories", "Disk", "Age"]
    assert wide == ["Image", "Message"]


@pytest.mark.parametrize(
    ("one", "other"), [("1000m", "1"), ("1024Mi", "1Gi"), (1, "1"), ("0.5", "500m"), ("1e3", "1k"), ("1E", "1000P")]
)
def test_quantities_are_the_same_by_value(one: str | int, other: str) -> None:
    assert same_quantity(one, other)


def test_quantities_of_different_value_differ() -> None:
    assert not same_quantity("1G", "1Gi")
    assert larger_quantity("900Mi", "1Gi") == "1Gi"
    assert larger_quantity("20Gi", "20480Mi") == "20Gi"


@pytest.mark.parametrize("text", ["20GB", "", "Gi", "1..2Gi", "-"])
def test_what_is_no_quantity_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="is no quantity"):
        parse_quantity(text)
