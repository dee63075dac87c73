"""What the watches have told: tenants, and their children by tenant.

Versions of one resource are ordered (comparable as numbers since Kubernetes 1.35), so late news never replaces
newer knowledge: neither an event that overtook another, nor one that was older than the answer to our own write.

Children are kept as JSON, which is read when they are looked at: as dictionaries they would take six times the memory.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from memorybank_operator.api.names import TENANT_LABEL
from memorybank_operator.kinds import POD, TENANT, Kind

Manifest = dict[str, Any]


class TenantKey(NamedTuple):
    """A tenant's namespace and name."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class _Object(NamedTuple):
    kind: Kind
    namespace: str
    name: str


class _Child(NamedTuple):
    version: int
    text: bytes


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class Seen:
    """The newest known state of every object that is ours."""

    def __init__(self) -> None:
        self._tenants: dict[TenantKey, Manifest] = {}
        self._wanting: dict[str, set[TenantKey]] = {}
        self._objects: dict[_Object, _Child] = {}
        self._gone: dict[_Object, int] = {}
        self._children: dict[TenantKey, set[_Object]] = {}
        self._owner: dict[_Object, TenantKey] = {}

    def put(self, kind: Kind, manifest: Manifest) -> set[TenantKey]:
        """Take in an object's state; answers the tenants it concerns, none if it is old news."""
        key = _key(kind, manifest)
        version = _version(manifest)
        if version <= self._known(key) or version <= self._gone.get(key, -1):
            return set()
        self._gone.pop(key, None)
        manifest["metadata"].pop("managedFields", None)
        if kind is TENANT:
            tenant = TenantKey(key.namespace, key.name)
            self._forget_tenant(tenant)
            self._tenants[tenant] = manifest
            if hostname := manifest["spec"].get("hostname"):
                self._wanting.setdefault(hostname, set()).add(tenant)
            return {tenant}
        self._objects[key] = _Child(version, _encode(manifest))
        return self._assign(key, _tenant_of(manifest))

    def remove(self, kind: Kind, manifest: Manifest) -> set[TenantKey]:
        """Take in that an object is gone (or no longer has our labels)."""
        return self._remove(_key(kind, manifest), _version(manifest))

    def replace(self, kind: Kind, namespace: str | None, items: Iterable[Manifest], version: int) -> set[TenantKey]:
        """Take in a whole list: whatever is not in it and not newer than it is gone. Answers who is concerned."""
        concerned: set[TenantKey] = set()
        listed: set[_Object] = set()
        for item in items:
            listed.add(_key(kind, item))
            concerned |= self.put(kind, item)
        known = [_Object(TENANT, *key) for key in self._tenants] if kind is TENANT else list(self._objects)
        for key in known:
            unlisted = key.kind == kind and key not in listed
            if unlisted and namespace in (None, key.namespace) and self._known(key) <= version:
                concerned |= self._remove(key, version)
        self._gone = {key: gone for key, gone in self._gone.items() if key.kind != kind or gone > version}
        return concerned

    def tenant(self, key: TenantKey) -> Manifest | None:
        return self._tenants.get(key)

    def tenants(self) -> Iterator[Manifest]:
        return iter(self._tenants.values())

    def wanting(self, hostname: str) -> list[Manifest]:
        """The tenants that have this host name in their spec."""
        return [self._tenants[key] for key in self._wanting.get(hostname, ())]

    def children(self, tenant: TenantKey) -> list[tuple[Kind, Manifest]]:
        """All known objects with the tenant's label, in its namespace."""
        return [(key.kind, _decode(self._objects[key].text)) for key in self._children.get(tenant, ())]

    def child(self, kind: Kind, tenant: TenantKey) -> Manifest | None:
        """The tenant's child of a kind, which has the tenant's name."""
        found = self._objects.get(_Object(kind, *tenant))
        return None if found is None else _decode(found.text)

    def has(self, kind: Kind, tenant: TenantKey) -> bool:
        """Whether there is a child of this kind that has the tenant's name."""
        return _Object(kind, *tenant) in self._objects

    def pods(self, tenant: TenantKey) -> list[Manifest]:
        """The tenant's pods."""
        return [_decode(self._objects[key].text) for key in self._children.get(tenant, ()) if key.kind is POD]

    def _known(self, key: _Object) -> int:
        """The version that is known; -1: none."""
        if key.kind is TENANT:
            tenant = self._tenants.get(TenantKey(key.namespace, key.name))
            return -1 if tenant is None else _version(tenant)
        child = self._objects.get(key)
        return -1 if child is None else child.version

    def _remove(self, key: _Object, version: int) -> set[TenantKey]:
        known = self._known(key)
        if known == -1 or version < known:
            return set()
        self._gone[key] = version
        if key.kind is TENANT:
            tenant = TenantKey(key.namespace, key.name)
            self._forget_tenant(tenant)
            return {tenant}
        del self._objects[key]
        return self._assign(key, None)

    def _forget_tenant(self, key: TenantKey) -> None:
        before = self._tenants.pop(key, None)
        hostname = None if before is None else before["spec"].get("hostname")
        if hostname:
            self._wanting[hostname].discard(key)
            if not self._wanting[hostname]:
                del self._wanting[hostname]

    def _assign(self, key: _Object, tenant: TenantKey | None) -> set[TenantKey]:
        before = self._owner.pop(key, None)
        if before is not None:
            self._children[before].discard(key)
            if not self._children[before]:
                del self._children[before]
        if tenant is not None:
            self._owner[key] = tenant
            self._children.setdefault(tenant, set()).add(key)
        return {found for found in (before, tenant) if found is not None}


def _key(kind: Kind, manifest: Manifest) -> _Object:
    return _Object(kind, manifest["metadata"]["namespace"], manifest["metadata"]["name"])


def _version(manifest: Manifest) -> int:
    return int(manifest["metadata"]["resourceVersion"])


def _tenant_of(manifest: Manifest) -> TenantKey | None:
    metadata = manifest["metadata"]
    name = (metadata.get("labels") or {}).get(TENANT_LABEL)
    return TenantKey(metadata["namespace"], name) if name else None


def asked(tenant: Manifest) -> tuple[Any, ...]:
    """What a user can change of a tenant."""
    metadata = tenant["metadata"]
    return metadata["uid"], metadata.get("generation"), metadata.get("annotations"), metadata.get("deletionTimestamp")
