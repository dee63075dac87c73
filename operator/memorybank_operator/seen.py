"""What the watches have told: tenants, and their children by tenant.

Versions of one resource are ordered (comparable as numbers since Kubernetes 1.35), so late news never replaces
newer knowledge: neither an event that overtook another, nor one that was older than the answer to our own write.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from memorybank_operator.api.names import TENANT_LABEL
from memorybank_operator.kinds import TENANT, Kind

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


class Seen:
    """The newest known state of every object that is ours."""

    def __init__(self) -> None:
        self._objects: dict[_Object, Manifest] = {}
        self._gone: dict[_Object, int] = {}
        self._children: dict[TenantKey, set[_Object]] = {}
        self._owner: dict[_Object, TenantKey] = {}

    def put(self, kind: Kind, manifest: Manifest) -> set[TenantKey]:
        """Take in an object's state; answers the tenants it concerns, none if it is old news."""
        key = _key(kind, manifest)
        known = self._objects.get(key)
        version = _version(manifest)
        if (known is not None and version <= _version(known)) or version <= self._gone.get(key, -1):
            return set()
        self._gone.pop(key, None)
        manifest["metadata"].pop("managedFields", None)
        self._objects[key] = manifest
        return self._assign(key, _tenant_of(kind, manifest))

    def remove(self, kind: Kind, manifest: Manifest) -> set[TenantKey]:
        """Take in that an object is gone (or no longer has our labels)."""
        key = _key(kind, manifest)
        known = self._objects.get(key)
        version = _version(manifest)
        if known is None or version < _version(known):
            return set()
        del self._objects[key]
        self._gone[key] = version
        concerned = self._assign(key, None)
        return concerned | ({TenantKey(key.namespace, key.name)} if kind is TENANT else set())

    def replace(self, kind: Kind, namespace: str | None, items: Iterable[Manifest], version: int) -> set[TenantKey]:
        """Take in a whole list: whatever is not in it and not newer than it is gone. Answers who is concerned."""
        concerned: set[TenantKey] = set()
        listed: set[_Object] = set()
        for item in items:
            listed.add(_key(kind, item))
            concerned |= self.put(kind, item)
        for key in [key for key in self._objects if key.kind == kind and key not in listed]:
            known = self._objects[key]
            if namespace in (None, key.namespace) and _version(known) <= version:
                gone = {**known, "metadata": {**known["metadata"], "resourceVersion": str(version)}}
                concerned |= self.remove(kind, gone)
        self._gone = {key: gone for key, gone in self._gone.items() if key.kind != kind or gone > version}
        return concerned

    def tenant(self, key: TenantKey) -> Manifest | None:
        return self._objects.get(_Object(TENANT, *key))

    def tenants(self) -> Iterator[Manifest]:
        for key, manifest in self._objects.items():
            if key.kind is TENANT:
                yield manifest

    def children(self, tenant: TenantKey) -> list[tuple[Kind, Manifest]]:
        """All known objects with the tenant's label, in its namespace."""
        return [(key.kind, self._objects[key]) for key in self._children.get(tenant, ())]

    def child(self, kind: Kind, tenant: TenantKey) -> Manifest | None:
        """The tenant's child of a kind, which has the tenant's name."""
        return self._objects.get(_Object(kind, *tenant))

    def _assign(self, key: _Object, tenant: TenantKey | None) -> set[TenantKey]:
        before = self._owner.pop(key, None)
        if before is not None:
            self._children[before].discard(key)
            if not self._children[before]:
                del self._children[before]
        if tenant is not None and key.kind is not TENANT:
            self._owner[key] = tenant
            self._children.setdefault(tenant, set()).add(key)
        return {found for found in (before, tenant) if found is not None}


def _key(kind: Kind, manifest: Manifest) -> _Object:
    return _Object(kind, manifest["metadata"]["namespace"], manifest["metadata"]["name"])


def _version(manifest: Manifest) -> int:
    return int(manifest["metadata"]["resourceVersion"])


def _tenant_of(kind: Kind, manifest: Manifest) -> TenantKey | None:
    metadata = manifest["metadata"]
    if kind is TENANT:
        return TenantKey(metadata["namespace"], metadata["name"])
    name = (metadata.get("labels") or {}).get(TENANT_LABEL)
    return TenantKey(metadata["namespace"], name) if name else None


def asked(tenant: Manifest) -> tuple[Any, ...]:
    """What a user can change of a tenant."""
    metadata = tenant["metadata"]
    return metadata["uid"], metadata.get("generation"), metadata.get("annotations"), metadata.get("deletionTimestamp")
