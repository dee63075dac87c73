"""The tenant's keys: the Secret that holds one in the clear, and the digests that the pod gets."""

import base64
import binascii
import datetime
import hashlib
import secrets
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final

import msgspec

from memorybank_operator.api.access import ApiKey
from memorybank_operator.api.names import ROTATION_ANNOTATION, access_secret, api_key_secret
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.desired.context import manifest
from memorybank_operator.kinds import SECRET
from memorybank_operator.rotation import OldKey, Record

KEY_FIELD: Final = "api-key"
ACCESS_FIELD: Final = "access.json"
OLD: Final = ".old-"
"""Between a key's name, which has no dot, and the beginning of its digest: a replaced key that still opens."""
DEFAULT_KEY: Final = ApiKey(name="default", scopes=["read", "write", "admin"])


def api_keys(tenant: Tenant) -> list[ApiKey]:
    """The tenant's keys: one with every scope, if the spec names none."""
    return tenant.spec.api_keys or [DEFAULT_KEY]


def shown_secret(tenant: Tenant) -> str:
    """The Secret that `status.apiKeySecretRef` names: the default key's, else the first key's."""
    keys = api_keys(tenant)
    key = next((key for key in keys if key.name == DEFAULT_KEY.name), keys[0])
    return key.secret_key_ref.name if key.secret_key_ref else api_key_secret(tenant.metadata.name, key.name)


def new_key() -> str:
    """`mb_` and 32 random bytes, URL-safe."""
    return f"mb_{secrets.token_urlsafe(32)}"


def digest(key: str) -> str:
    """What the pod compares a key with: its SHA-256, in hexadecimal."""
    return hashlib.sha256(key.encode()).hexdigest()


def key_secret(tenant: Tenant, key: ApiKey, value: str) -> dict[str, Any]:
    """The Secret with a generated key in the clear; under Retain without an owner."""
    return manifest(
        SECRET,
        tenant,
        name=api_key_secret(tenant.metadata.name, key.name),
        owned=tenant.spec.deletion_policy == "Delete",
        type="Opaque",
        data={KEY_FIELD: base64.b64encode(value.encode()).decode()},
    )


def access_file(tenant: Tenant, digests: Mapping[str, str], old: Iterable[OldKey] = ()) -> bytes:
    """`access.json`: the keys by name with their digests, and the limit of requests.

    Replaced keys that still open stand first: of two entries with one digest, the service takes the last.
    """
    by_name = {key.name: key for key in api_keys(tenant)}
    before = [
        _entry(f"{one.key}{OLD}{one.sha256[:8]}", one.sha256, by_name[one.key], one.until)
        for one in old
        if one.key in by_name
    ]
    keys = [
        _entry(key.name, digests[key.name], key, _utc(key.expires_at) if key.expires_at else None)
        for key in by_name.values()
        if key.name in digests
    ]
    limit = msgspec.to_builtins(tenant.spec.rate_limit)
    return msgspec.json.encode({"keys": before + keys, "rateLimit": limit})


def _entry(name: str, sha256: str, key: ApiKey, until: str | None) -> dict[str, Any]:
    return {"name": name, "sha256": sha256, "scopes": key.scopes, "expiresAt": until}


def read_access_file(access: Mapping[str, Any] | None) -> tuple[dict[str, str], list[OldKey]]:
    """The digests by name, and the replaced keys, of an access Secret; nothing of one that cannot be read."""
    encoded = ((access or {}).get("data") or {}).get(ACCESS_FIELD, "")
    digests: dict[str, str] = {}
    old: list[OldKey] = []
    try:
        for entry in msgspec.json.decode(base64.b64decode(encoded), type=_AccessFile).keys:
            name, mark, _ = entry.name.partition(OLD)
            if mark:
                old.append(OldKey(name, entry.sha256, entry.expires_at or ""))
            else:
                digests[name] = entry.sha256
    except (binascii.Error, msgspec.DecodeError, msgspec.ValidationError):
        return {}, []  # edited by hand beyond recognition; it is written anew
    return digests, old


class _Entry(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    expires_at: str | None = None


class _AccessFile(msgspec.Struct, frozen=True):
    keys: list[_Entry]


def access_manifest(tenant: Tenant, content: bytes, record: Record | None = None) -> dict[str, Any]:
    """The Secret that the pod mounts; it goes with the tenant, as it can be made again from the keys."""
    made = manifest(
        SECRET,
        tenant,
        name=access_secret(tenant.metadata.name),
        type="Opaque",
        data={ACCESS_FIELD: base64.b64encode(content).decode()},
    )
    if record is not None:
        made["metadata"]["annotations"] = {ROTATION_ANNOTATION: msgspec.json.encode(record).decode()}
    return made


def _utc(text: str) -> str:
    moment = datetime.datetime.fromisoformat(text)
    return moment.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z")
