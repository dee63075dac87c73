"""An object as it is kept: what the operator looks at of it, read in one pass over what the API server sent.

`managedFields`, which is half of many an object, is left out, and what lies below the top stays text: most objects that
a watch tells of are looked at later, or never.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

Manifest = dict[str, Any]


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
    return _read_object(text)


def read_page(text: bytes) -> Page:
    """Raises msgspec.DecodeError as above."""
    return _read_page(text)


def object_from(manifest: Manifest) -> Object:
    return _read_object(_encode(manifest))
