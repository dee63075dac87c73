"""What, besides the tenant itself, its objects depend on."""

from typing import Any

import msgspec

from memorybank_operator.api.names import API_VERSION, KIND, child_labels
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.desired.template import Record
from memorybank_operator.kinds import Kind
from memorybank_operator.settings import Settings


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """The installation's settings, and what was observed that matters for rendering."""

    settings: Settings
    image: str
    """The image to run: the wanted one (see `choose_image`), or the last good one while that has to wait."""
    template: Record | None = None
    """The pod template as it was applied last: see `desired.template`."""
    volume_request: str | None = None
    """What a claim that is there already asks for."""
    volume_capacity: str | None = None
    """What its volume has, once it is bound."""
    hostname_free: bool = True
    """No older tenant has the same host name."""
    restoring: bool = False
    """A backup has yet to be put into the volume: no pod of its own may have it before."""
    served: frozenset[Kind] = frozenset()
    """Optional kinds that the cluster has."""


def choose_image(tenant: Tenant, settings: Settings) -> str:
    """The spec's image; without one, what the operator's setting was when the tenant was made."""
    return tenant.spec.image or tenant.status.default_image or settings.image


def owner_reference(tenant: Tenant) -> dict[str, Any]:
    """Makes the garbage collector remove an object after the tenant."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "name": tenant.metadata.name,
        "uid": tenant.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }


def manifest(
    kind: Kind, tenant: Tenant, *, name: str | None = None, owned: bool = True, **parts: Any
) -> dict[str, Any]:
    """An object of the tenant with our labels, named after it; `owned`: it goes when the tenant goes."""
    metadata: dict[str, Any] = {
        "name": name or tenant.metadata.name,
        "namespace": tenant.metadata.namespace,
        "labels": child_labels(tenant.metadata.name),
    }
    if owned:
        metadata["ownerReferences"] = [owner_reference(tenant)]
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, **parts}


def given(part: msgspec.Struct | None) -> Any:
    """A part of the spec as it stands in a manifest: without the fields that are not given."""
    return _without_nothing(msgspec.to_builtins(part))


def _without_nothing(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nothing(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_without_nothing(inner) for inner in value]
    return value
