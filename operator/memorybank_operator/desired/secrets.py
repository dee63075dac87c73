"""The tenant's keys: the Secret that holds one in the clear, and the digests that the pod gets."""

import base64
import datetime
import hashlib
import secrets
from typing import Any, Final

import msgspec

from memorybank_operator.api.access import ApiKey
from memorybank_operator.api.names import access_secret, api_key_secret
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.desired.context import manifest
from memorybank_operator.kinds import SECRET

KEY_FIELD: Final = "api-key"
ACCESS_FIELD: Final = "access.json"
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


def access_file(tenant: Tenant, digests: dict[str, str]) -> bytes:
    """`access.json`: the keys by name with their digests, and the limit of requests."""
    keys = [
        {
            "name": key.name,
            "sha256": digests[key.name],
            "scopes": key.scopes,
            "expiresAt": _utc(key.expires_at) if key.expires_at else None,
        }
        for key in api_keys(tenant)
        if key.name in digests
    ]
    limit = msgspec.to_builtins(tenant.spec.rate_limit)
    return msgspec.json.encode({"keys": keys, "rateLimit": limit})


def access_manifest(tenant: Tenant, content: bytes) -> dict[str, Any]:
    """The Secret that the pod mounts; it goes with the tenant, as it can be made again from the keys."""
    return manifest(
        SECRET,
        tenant,
        name=access_secret(tenant.metadata.name),
        type="Opaque",
        data={ACCESS_FIELD: base64.b64encode(content).decode()},
    )


def _utc(text: str) -> str:
    moment = datetime.datetime.fromisoformat(text)
    return moment.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z")
