"""The tenant's keys, brought to what its spec says: their Secrets, and the access file with their digests.

A generated key is made once with POST. If somebody deletes its Secret, a new one is made and the old key ends at once.
If the tenant's annotation asks for it, a new one is made and the old key opens for another day (see `rotation`).
"""

import datetime
import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

from memorybank_operator import rotation
from memorybank_operator.adoption import is_ours
from memorybank_operator.answers import Conflict, NamespaceTerminating, Refused
from memorybank_operator.api.access import ApiKey
from memorybank_operator.api.names import FIELD_MANAGER, ROTATION_ANNOTATION, access_secret, api_key_secret
from memorybank_operator.api.status import KeyRotation, News, Problem, Reason
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.cluster import Cluster
from memorybank_operator.compare import differs
from memorybank_operator.desired import secrets
from memorybank_operator.key_secrets import Missing, Value, bequeath, find, key_value, referred, refused, remove_key
from memorybank_operator.kinds import SECRET
from memorybank_operator.moments import utc
from memorybank_operator.rotation import OldKey, Record

__all__ = ["Keyring", "News", "bequeath", "ensure"]

Manifest = dict[str, Any]

MOST_NOTES = 3


class Keyring(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a tenant's Secrets after they were read and, where needed, made."""

    problems: tuple[Problem, ...] = ()
    news: tuple[News, ...] = ()
    access_digest: str = ""
    access_changed: bool = False
    """Whether this reading changed an access file that had been there."""
    access_since: str = ""
    """When the access file was changed last (RFC 3339): pods that are older must look at it again."""
    rotation: KeyRotation | None = None
    note: str = ""
    """What somebody should know of the keys, though nothing is wrong with their Secrets."""
    due: str | None = None
    """When (RFC 3339) time alone makes this another keyring: an old key ends, or a key expires."""


async def ensure(cluster: Cluster, tenant: Tenant, now: datetime.datetime) -> Keyring:
    """Bring the tenant's Secrets to what its spec says."""
    namespace, file = tenant.metadata.namespace, access_secret(tenant.metadata.name)
    # Of a tenant that was never looked at there is nothing to read, as a rule: what is there refuses to be made again.
    access = None if _is_new(tenant) else await find(cluster, namespace, file)
    try:
        return await _ensure(cluster, tenant, now, access)
    except Conflict:
        if access is not None:
            raise
        return await _ensure(cluster, tenant, now, await cluster.get(SECRET, namespace, file))


async def _ensure(cluster: Cluster, tenant: Tenant, now: datetime.datetime, access: Manifest | None) -> Keyring:
    file = access_secret(tenant.metadata.name)
    if access is not None and not is_ours(access, tenant.metadata.name):
        message = f"Secret {file} is there already and is not this tenant's: remove it, or name the tenant otherwise"
        return Keyring(problems=(Problem(Reason.NAME_TAKEN, message),))
    ensuring = _Ensuring(cluster, tenant, now, access)
    try:
        return await ensuring.run()
    except NamespaceTerminating:
        raise
    except Refused as error:
        # What happened to the keys is told when it stands in the file.
        return Keyring(problems=(*ensuring.problems, refused(file, error)))


def _is_new(tenant: Tenant) -> bool:
    return tenant.status.observed_generation is None


class _Ensuring:
    """One tenant's Secrets, from what they are to what they should be."""

    def __init__(self, cluster: Cluster, tenant: Tenant, now: datetime.datetime, access: Manifest | None) -> None:
        self._cluster, self._tenant, self._now = cluster, tenant, now
        self._keys = secrets.api_keys(tenant)
        self._access, self._changed, self._content = access, False, b""
        self._before, old = secrets.read_access_file(access)
        self._old = list(rotation.still_open(old, self._keys, now))
        self._record = rotation.record_of(access, tenant)
        self._values: dict[str, Value] = {}
        self.problems: list[Problem] = []
        self._news: list[News] = []

    async def run(self) -> Keyring:
        for key in self._keys:
            await self._read(key)
        await self._check_providers()
        await self._rotate()
        self._tell_of_new_keys()
        await self._write()
        assert self._access is not None  # noqa: S101 (it was written if it was not there)
        return Keyring(
            problems=tuple(self.problems),
            news=tuple(self._news),
            access_digest=hashlib.sha256(self._content).hexdigest()[:16],
            access_changed=self._changed,
            access_since=_changed_at(self._access),
            rotation=rotation.told(self._record, self._old),
            note=_note(self._keys, self._now),
            due=_due(self._keys, self._old, self._now),
        )

    async def _read(self, key: ApiKey) -> None:
        try:
            self._values[key.name] = await key_value(self._cluster, self._tenant, key, is_new=_is_new(self._tenant))
        except Missing as missing:
            self.problems.append(missing.problem)

    async def _check_providers(self) -> None:
        namespace = self._tenant.metadata.namespace
        for provider in (self._tenant.spec.llm, self._tenant.spec.embedding):
            if provider is not None and provider.api_key_secret_ref is not None:
                purpose = f"the key of {provider.provider}"
                try:
                    await referred(self._cluster, namespace, provider.api_key_secret_ref, purpose)
                except Missing as missing:
                    self.problems.append(missing.problem)

    async def _rotate(self) -> None:
        """Begin what is newly asked for, and go on with what was begun."""
        record, request = self._record or Record(), rotation.requested(self._tenant)
        if request != record.request:
            await self._begin(record, request)
        record = self._record or Record()
        value = self._values.get(record.key)
        if value is None or not record.replaces or value.uid != record.replaces:
            return
        key = next(key for key in self._keys if key.name == record.key)
        try:
            await remove_key(self._cluster, self._tenant, key, value.uid)
        except Refused as error:
            self.problems.append(refused(api_key_secret(self._tenant.metadata.name, key.name), error))
            return
        del self._values[key.name]
        await self._read(key)

    async def _begin(self, record: Record, request: str) -> None:
        """Record what is asked for, and with it, in one write, how long the old key still opens."""
        name = rotation.key_named(request)
        never_had_keys = self._access is None and _is_new(self._tenant)
        if not request or never_had_keys:
            # What was taken away may be asked for again; what a tenant is made with is no wish for a second key.
            self._record = Record(request=request, key=record.key, replaces=record.replaces, at=record.at)
            return
        why_not = rotation.why_not(self._keys, name)
        value = self._values.get(name)
        if why_not is not None:
            self._news.append(News("KeyNotRotated", why_not, warning=True))
        if why_not is not None or (value is not None and value.made):
            # One that was made a moment ago, as its Secret was gone, is as new as can be.
            self._record = Record(request=request, key=record.key, replaces=record.replaces, at=record.at)
            return
        if value is None:
            return  # its Secret cannot be read, which is told, and looked at again
        key = next(key for key in self._keys if key.name == name)
        old = (*self._old, rotation.replaced(key, secrets.digest(value.text), self._now))
        self._old = list(rotation.still_open(old, self._keys, self._now))
        self._record = Record(request=request, key=name, replaces=value.uid, at=utc(self._now))
        await self._write()

    def _tell_of_new_keys(self) -> None:
        """A key that is another than before was rotated: with an overlap if the old one is kept, else without."""
        for name, value in self._values.items():
            known, digest = self._before.get(name), secrets.digest(value.text)
            if known is None or known == digest:
                continue
            kept = next((one for one in self._old if (one.key, one.sha256) == (name, known)), None)
            if kept is None:
                self._old = [one for one in self._old if one.key != name]
            self._news.append(News("KeyRotated", self._how_rotated(name, value, kept)))

    def _how_rotated(self, name: str, value: Value, kept: OldKey | None) -> str:
        if kept is not None:
            secret = api_key_secret(self._tenant.metadata.name, name)
            return f"API key {name!r} was made anew in Secret {secret}; the old one opens until {kept.until}."
        if value.made:
            return f"The Secret with API key {name!r} was gone: a new key was made, and the old one no longer opens."
        return f"The Secret with API key {name!r} holds another key: the old one no longer opens."

    async def _write(self) -> None:
        """Write the access Secret, if it is not as it should be. Conflict: it is there, or was written meanwhile."""
        metadata = self._tenant.metadata
        digests = {name: secrets.digest(value.text) for name, value in self._values.items()}
        self._content = secrets.access_file(self._tenant, digests, self._old)
        desired = secrets.access_manifest(self._tenant, self._content, self._record)
        if self._access is None:
            self._access = await self._cluster.create_secret(desired)
            return
        patch = _patch(desired, self._access)
        if patch is not None:
            self._changed = True
            self._access = await self._cluster.merge(SECRET, metadata.namespace, access_secret(metadata.name), patch)


def _patch(desired: Manifest, actual: Manifest) -> Manifest | None:
    """What is to be written over the access Secret; None: it is as it should be."""
    wanted, found = desired["metadata"].get("annotations", {}), actual["metadata"].get("annotations") or {}
    record = wanted.get(ROTATION_ANNOTATION)
    if record == found.get(ROTATION_ANNOTATION) and differs(desired, actual) is None:
        return None
    metadata = {name: desired["metadata"][name] for name in ("labels", "ownerReferences")}
    # Not over what another replica, in its last moments as the leader, has written meanwhile.
    metadata["resourceVersion"] = actual["metadata"]["resourceVersion"]
    return {"metadata": {**metadata, "annotations": {ROTATION_ANNOTATION: record}}, "data": desired["data"]}


def _note(keys: Sequence[ApiKey], now: datetime.datetime) -> str:
    expired = [key for key in keys if key.expires_at is not None and _moment(key.expires_at) <= now]
    if not expired:
        return ""
    named = ", ".join(f"{key.name!r} ({key.expires_at})" for key in expired[:MOST_NOTES])
    more = f" and {len(expired) - MOST_NOTES} more" if len(expired) > MOST_NOTES else ""
    return f"Expired API keys: {named}{more}; give them a later expiresAt, or take them out of spec.apiKeys."


def _due(keys: Sequence[ApiKey], old: Sequence[OldKey], now: datetime.datetime) -> str | None:
    ends = [one.until for one in old]
    ends += [utc(_moment(key.expires_at)) for key in keys if key.expires_at is not None]
    return min((end for end in ends if end > utc(now)), default=None)


def _moment(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


def _changed_at(secret: Manifest) -> str:
    times = [
        entry.get("time", "")
        for entry in secret["metadata"].get("managedFields") or []
        if entry.get("manager") == FIELD_MANAGER
    ]
    return max(times, default="")
