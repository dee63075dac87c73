"""What the watches have told: tenants, and their children by tenant.

Versions of one resource are ordered (comparable as numbers since Kubernetes 1.35), so late news never replaces
newer knowledge: neither an event that overtook another, nor one that was older than the answer to our own write.

All is kept as JSON, which is read when it is looked at: as dictionaries it would take six times the memory.
"""

import functools
from typing import Any, NamedTuple

import msgspec

from memorybank_operator.api.names import TENANT_LABEL
from memorybank_operator.kinds import BACKUP, TENANT, Kind
from memorybank_operator.objects import Object, read_object

Manifest = dict[str, Any]


class TenantKey(NamedTuple):
    """A tenant's namespace and name."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class _Id(NamedTuple):
    kind: Kind
    namespace: str
    name: str


class _State(NamedTuple):
    version: int
    text: bytes


_read = msgspec.json.Decoder().decode


@functools.lru_cache(maxsize=256)
def _decode(text: bytes) -> Manifest:
    """What a text says, for those who only read it: one look at a tenant needs some of its objects several times."""
    found: Manifest = _read(text)
    return found


class Seen:
    """The newest known state of every object that is ours."""

    def __init__(self) -> None:
        self._tenants: dict[TenantKey, _State] = {}
        self._hostnames: dict[TenantKey, str] = {}
        self._wanting: dict[str, set[TenantKey]] = {}
        self._objects: dict[_Id, _State] = {}
        self._gone: dict[_Id, int] = {}
        self._gone_before: dict[_Id, int] = {}
        self._children: dict[TenantKey, set[_Id]] = {}
        self._owner: dict[_Id, TenantKey] = {}
        self._left: dict[TenantKey, set[_Id]] = {}
        self._own: dict[TenantKey, set[int]] = {}
        self._changed: set[TenantKey] = set()

    def put(self, kind: Kind, found: Object) -> set[TenantKey]:
        """Take in an object's state; answers the tenants it concerns, none if it is old news."""
        key, version = _Id(kind, *found.name), found.version
        if version <= max(self._known(key), self._went(key)):
            return set()
        self._gone.pop(key, None)
        self._gone_before.pop(key, None)
        state = _State(version, found.text())
        if kind is TENANT:
            tenant = TenantKey(key.namespace, key.name)
            self._forget_tenant(tenant)
            self._tenants[tenant] = state
            self._changed.add(tenant)
            if hostname := _spec(found).get("hostname"):
                self._hostnames[tenant] = hostname
                self._wanting.setdefault(hostname, set()).add(tenant)
            return {tenant}
        self._objects[key] = state
        owner = _tenant_of(kind, found)
        if owner in self._left:
            self._left[owner].discard(key)
        return self._assign(key, owner)

    def answered(self, kind: Kind, found: Object) -> None:
        """Take in what our own write made of an object; the watch may have told of it before the answer came."""
        owner = TenantKey(*found.name) if kind is TENANT else _tenant_of(kind, found)
        if owner is not None:
            self._own.setdefault(owner, set()).add(found.version)
        self.put(kind, found)

    def take_answered(self, tenant: TenantKey) -> set[int]:
        """The versions that our own writes made of the tenant and its objects, since this was asked last."""
        return self._own.pop(tenant, set())

    def remove(self, kind: Kind, last: Object) -> set[TenantKey]:
        """Take in that an object is gone (or no longer has our labels)."""
        return self._remove(_Id(kind, *last.name), last.version, last)

    def is_news(self, kind: Kind, namespace: str, name: str, version: int) -> bool:
        """Whether this version of an object is newer than all that is known of it."""
        key = _Id(kind, namespace, name)
        return version > max(self._known(key), self._went(key))

    def prune(self, kind: Kind, namespace: str | None, listed: set[tuple[str, str]], version: int) -> set[TenantKey]:
        """Take in a list's end: what is not in it, and not newer than it, is gone. Answers who is concerned."""
        known = [_Id(TENANT, *key) for key in self.tenants()] if kind is TENANT else list(self._objects)
        concerned: set[TenantKey] = set()
        for key in known:
            unlisted = key.kind == kind and (key.namespace, key.name) not in listed
            if unlisted and namespace in (None, key.namespace) and self._known(key) <= version:
                concerned |= self._remove(key, version)
        return concerned

    def grow_old(self) -> None:
        """Forget what had gone when this was called last: an answer that was under way then has arrived."""
        self._gone_before, self._gone = self._gone, {}

    def tenant(self, key: TenantKey) -> Manifest | None:
        found = self._tenants.get(key)
        return None if found is None else _decode(found.text)

    def tenants(self) -> list[TenantKey]:
        return list(self._tenants)

    def wanting(self, hostname: str) -> list[Manifest]:
        """The tenants that have this host name in their spec."""
        return [_decode(self._tenants[key].text) for key in self._wanting.get(hostname, ())]

    def child(self, kind: Kind, tenant: TenantKey) -> Manifest | None:
        """The tenant's child of a kind, which has the tenant's name."""
        found = self._objects.get(_Id(kind, *tenant))
        return None if found is None else _decode(found.text)

    def take_changed(self) -> set[TenantKey]:
        """The tenants that have come or gone, or of whose objects anything has changed, since this was asked last."""
        taken, self._changed = self._changed, set()
        return taken

    def has(self, kind: Kind, tenant: TenantKey) -> bool:
        """Whether there is a child of this kind that has the tenant's name."""
        return _Id(kind, *tenant) in self._objects

    def went_with_namesake(self, kind: Kind, tenant: TenantKey) -> bool:
        """Whether the last object of this kind that had the tenant's name was of a deleted tenant of that name."""
        return _Id(kind, *tenant) in self._left.get(tenant, ())

    def all_of(self, kind: Kind, tenant: TenantKey) -> list[Manifest]:
        """The known objects of a kind that have the tenant's label, in its namespace."""
        return [_decode(self._objects[key].text) for key in self._children.get(tenant, ()) if key.kind == kind]

    def _went(self, key: _Id) -> int:
        """The version at which the object went; -1: it did not."""
        return max(self._gone.get(key, -1), self._gone_before.get(key, -1))

    def _known(self, key: _Id) -> int:
        """The version that is known; -1: none."""
        of_tenant = key.kind is TENANT
        known = self._tenants.get(TenantKey(key.namespace, key.name)) if of_tenant else self._objects.get(key)
        return -1 if known is None else known.version

    def _remove(self, key: _Id, version: int, last: Object | None = None) -> set[TenantKey]:
        known = self._known(key)
        if known == -1 or version < known:
            return set()
        self._gone[key] = version
        if key.kind is TENANT:
            tenant = TenantKey(key.namespace, key.name)
            self._left.pop(tenant, None)
            self._forget_tenant(tenant)
            self._changed.add(tenant)
            return {tenant}
        state, owner = self._objects.pop(key), self._owner.get(key)
        if owner in self._tenants and self._is_of_namesake(owner, last or read_object(state.text)):
            self._left.setdefault(owner, set()).add(key)
        return self._assign(key, None)

    def _is_of_namesake(self, tenant: TenantKey, child: Object) -> bool:
        """Whether a child belongs to an earlier tenant of the same name, as its owner says."""
        references = child.metadata.owner_references
        owners = [owner for owner in _read(references or b"[]") if owner["kind"] == TENANT.kind]
        uid = read_object(self._tenants[tenant].text).metadata.uid
        return bool(owners) and all(owner["uid"] != uid for owner in owners)

    def _forget_tenant(self, key: TenantKey) -> None:
        self._tenants.pop(key, None)
        hostname = self._hostnames.pop(key, None)
        if hostname is not None:
            self._wanting[hostname].discard(key)
            if not self._wanting[hostname]:
                del self._wanting[hostname]

    def _assign(self, key: _Id, tenant: TenantKey | None) -> set[TenantKey]:
        before = self._owner.pop(key, None)
        if before is not None:
            self._children[before].discard(key)
            self._changed.add(before)
            if not self._children[before]:
                del self._children[before]
        if tenant is not None:
            self._owner[key] = tenant
            self._children.setdefault(tenant, set()).add(key)
            self._changed.add(tenant)
        return {found for found in (before, tenant) if found is not None}


def _spec(found: Object) -> Manifest:
    spec: Manifest = _read(found.spec or b"{}")
    return spec


def _tenant_of(kind: Kind, found: Object) -> TenantKey | None:
    namespace, _ = found.name
    if kind is BACKUP:  # anybody makes one, without our label
        return TenantKey(namespace, _spec(found)["tenantRef"]["name"])
    name = (found.metadata.labels or {}).get(TENANT_LABEL)
    return TenantKey(namespace, name) if name else None


def asked(tenant: Manifest) -> tuple[Any, ...]:
    """What a user can change of a tenant."""
    metadata = tenant["metadata"]
    names = "generation", "annotations", "deletionTimestamp"
    return metadata["uid"], *(metadata.get(name) or None for name in names)


def asked_of(tenant: Object) -> tuple[Any, ...]:
    """As `asked`, of what was answered."""
    metadata = tenant.metadata
    return (
        metadata.uid,
        metadata.generation or None,
        metadata.annotations or None,
        metadata.deletion_timestamp or None,
    )
