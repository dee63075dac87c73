"""An object as it is kept: what the operator looks at of it, read in one pass over what the API server sent.

`managedFields`, which is half of many an object, is left out, but for who has created one that was never applied.
What lies below the top stays text: most objects that a watch tells of are looked at later, or never.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from memorybank_operator.api.names import FIELD_MANAGER

Manifest = dict[str, Any]


class Manager(msgspec.Struct, omit_defaults=True):
    """Who has set fields of an object; not which."""

    manager: str = ""
    operation: str = ""
    subresource: str = ""


class Metadata(msgspec.Struct, rename="camel", omit_defaults=True):
    """Of an object's metadata what anybody here looks at."""

    name: str
    resource_version: str
    namespace: str | UnsetType = UNSET
    uid: str | UnsetType = UNSET
    generation: int | UnsetType = UNSET
    creation_timestamp: str | UnsetType | None = UNSET
    deletion_timestamp: str | UnsetType = UNSET
    labels: Mapping[str, str] | UnsetType = UNSET
    annotations: Mapping[str, str] | UnsetType = UNSET
    owner_references: Raw | UnsetType = UNSET
    finalizers: Raw | UnsetType = UNSET
    managed_fields: list[Manager] | UnsetType = UNSET


class Object(msgspec.Struct, rename="camel", omit_defaults=True):
    """An object of any kind that is watched; Secrets are not."""

    metadata: Metadata
    api_version: str | UnsetType = UNSET
    kind: str | UnsetType = UNSET
    spec: Raw | UnsetType = UNSET
    status: Raw | UnsetType = UNSET
    automount_service_account_token: bool | UnsetType = UNSET

    @property
    def version(self) -> int:
        return int(self.metadata.resource_version)

    @property
    def name(self) -> tuple[str, str]:
        """Namespace and name; the first is empty where the kind has none."""
        return self.metadata.namespace or "", self.metadata.name

    def text(self) -> bytes:
        """As JSON."""
        return _encode(self)

    def manifest(self) -> Manifest:
        """As dictionaries."""
        found: Manifest = _decode(self.text())
        return found


class _Continued(msgspec.Struct, rename={"token": "continue"}):
    resourceVersion: str  # noqa: N815 (as it is sent)
    token: str = ""


class Page(msgspec.Struct):
    """A part of a list, its version, and the token for what follows (empty: nothing)."""

    metadata: _Continued
    items: list[Object]


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_read_object = msgspec.json.Decoder(Object).decode
_read_page = msgspec.json.Decoder(Page).decode


def read_object(text: bytes | Raw) -> Object:
    """Raises msgspec.DecodeError: it is no JSON, or has no name or version."""
    return lean(_read_object(text))


def read_page(text: bytes) -> Page:
    """Raises msgspec.DecodeError as above."""
    page = _read_page(text)
    for item in page.items:
        lean(item)
    return page


def object_from(manifest: Manifest) -> Object:
    return read_object(_encode(manifest))


def created_at(managers: Sequence[Manager]) -> int | None:
    """The place among `managedFields` that tells of our having created an object which we have not applied since."""
    ours = [place for place, one in enumerate(managers) if one.manager == FIELD_MANAGER and not one.subresource]
    return ours[0] if len(ours) == 1 and managers[ours[0]].operation == "Update" else None


def created_and_never_applied(manifest: Manifest) -> int | None:
    """As above, of an object as dictionaries."""
    return created_at(msgspec.convert(manifest["metadata"].get("managedFields") or [], list[Manager]))


def lean(found: Object) -> Object:
    """Without the managers, where they do not matter."""
    if found.metadata.managed_fields and created_at(found.metadata.managed_fields) is None:
        found.metadata.managed_fields = UNSET
    return found
