"""The tenant's Secrets: read by name, made where missing, never listed, never watched, never written over.

A generated key is made once with POST. If somebody deletes it, a new one is made: a rotation.
"""

import base64
import binascii
import hashlib
from typing import Any

import msgspec

from memorybank_operator.adoption import is_ours
from memorybank_operator.api.access import ApiKey
from memorybank_operator.api.names import FIELD_MANAGER, TENANT_LABEL, access_secret, api_key_secret
from memorybank_operator.api.shared import SecretKeyRef
from memorybank_operator.api.status import Problem, Reason
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.cluster import Cluster, Conflict, NamespaceTerminating, NotFound, Refused
from memorybank_operator.compare import differs
from memorybank_operator.desired import secrets
from memorybank_operator.kinds import SECRET

Manifest = dict[str, Any]


class Keyring(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a tenant's Secrets after they were read and, where needed, made."""

    problems: tuple[Problem, ...] = ()
    rotated: tuple[str, ...] = ()
    """Keys that had been there before and were made anew."""
    access_digest: str = ""
    access_changed: bool = False
    """Whether this reading changed an access file that had been there."""
    access_since: str = ""
    """When the access file was changed last (RFC 3339): pods that are older must look at it again."""


class _Missing(Exception):  # noqa: N818 (no error: it ends up in the status)
    def __init__(self, problem: Problem) -> None:
        self.problem = problem


async def ensure(cluster: Cluster, tenant: Tenant) -> Keyring:
    """Bring the tenant's Secrets to what its spec says."""
    namespace, file = tenant.metadata.namespace, access_secret(tenant.metadata.name)
    access = await _find(cluster, namespace, file)
    if access is not None and not is_ours(access, tenant.metadata.name):
        message = f"Secret {file} is there already and is not this tenant's: remove it, or name the tenant otherwise"
        return Keyring(problems=(Problem(Reason.NAME_TAKEN, message),))
    known_before = _key_names(access)
    digests: dict[str, str] = {}
    problems: list[Problem] = []
    rotated: list[str] = []
    for key in secrets.api_keys(tenant):
        try:
            value, made = await _key_value(cluster, tenant, key)
        except _Missing as missing:
            problems.append(missing.problem)
            continue
        digests[key.name] = secrets.digest(value)
        if made and key.name in known_before:
            rotated.append(key.name)
    for provider in (tenant.spec.llm, tenant.spec.embedding):
        if provider is not None and provider.api_key_secret_ref is not None:
            try:
                await _referred(cluster, namespace, provider.api_key_secret_ref, f"the key of {provider.provider}")
            except _Missing as missing:
                problems.append(missing.problem)
    content = secrets.access_file(tenant, digests)
    desired = secrets.access_manifest(tenant, content)
    changed = access is not None and differs(desired, access) is not None
    if access is None or changed:
        try:
            access = await cluster.apply(SECRET, desired)
        except NamespaceTerminating:
            raise
        except Refused as error:
            return Keyring(problems=(*problems, _refused(file, error)), rotated=tuple(rotated))
    return Keyring(
        problems=tuple(problems),
        rotated=tuple(rotated),
        access_digest=hashlib.sha256(content).hexdigest()[:16],
        access_changed=changed,
        access_since=_changed_at(access),
    )


async def bequeath(cluster: Cluster, tenant: Tenant) -> None:
    """Give what generated keys there are the owner that the tenant's deletion policy asks for."""
    for key in secrets.api_keys(tenant):
        name = api_key_secret(tenant.metadata.name, key.name)
        found = None if key.secret_key_ref else await _find(cluster, tenant.metadata.namespace, name)
        if found is not None and _is_own(found, tenant):
            await _keep_owner(cluster, tenant, key, found)


def _is_own(secret: Manifest, tenant: Tenant) -> bool:
    return (secret["metadata"].get("labels") or {}).get(TENANT_LABEL) == tenant.metadata.name


async def _key_value(cluster: Cluster, tenant: Tenant, key: ApiKey) -> tuple[str, bool]:
    """The key in the clear, and whether it was made just now."""
    namespace = tenant.metadata.namespace
    if key.secret_key_ref is not None:
        return await _referred(cluster, namespace, key.secret_key_ref, f"API key {key.name!r}"), False
    name = api_key_secret(tenant.metadata.name, key.name)
    found = await _find(cluster, namespace, name)
    made = False
    if found is None:
        try:
            found = await cluster.create(SECRET, secrets.key_secret(tenant, key, secrets.new_key()))
            made = True
        except Conflict:
            found = await cluster.get(SECRET, namespace, name)
        except NamespaceTerminating:
            raise
        except Refused as error:
            raise _Missing(_refused(name, error)) from error
    if not _is_own(found, tenant):
        message = f"Secret {name} is there already and is not this tenant's: rename it, or name it in secretKeyRef"
        raise _Missing(Problem(Reason.NAME_TAKEN, message))
    if not made:
        await _keep_owner(cluster, tenant, key, found)
    return _field(found, secrets.KEY_FIELD, f"API key {key.name!r}; delete the Secret to have a new key made"), made


async def _keep_owner(cluster: Cluster, tenant: Tenant, key: ApiKey, found: Manifest) -> None:
    """Under Delete the Secret has an owner, under Retain none."""
    wanted = secrets.key_secret(tenant, key, "")["metadata"]
    owners = wanted.get("ownerReferences", [])
    if found["metadata"].get("ownerReferences", []) == owners and not differs(
        wanted["labels"], found["metadata"]["labels"]
    ):
        return
    patch = {"metadata": {"labels": wanted["labels"], "ownerReferences": owners or None}}
    await cluster.merge(SECRET, tenant.metadata.namespace, found["metadata"]["name"], patch)


async def _referred(cluster: Cluster, namespace: str, reference: SecretKeyRef, purpose: str) -> str:
    found = await _find(cluster, namespace, reference.name)
    if found is None:
        message = f"Secret {reference.name} with {purpose} is not in namespace {namespace}: create it"
        raise _Missing(Problem(Reason.SECRET_MISSING, message))
    return _field(found, reference.key, purpose)


def _field(secret: Manifest, field: str, purpose: str) -> str:
    name = secret["metadata"]["name"]
    encoded = (secret.get("data") or {}).get(field)
    try:
        value = base64.b64decode(encoded or "", validate=True).decode().strip()
    except (binascii.Error, UnicodeDecodeError) as error:
        message = f"Secret {name}, key {field}, holds no text; it should hold {purpose}"
        raise _Missing(Problem(Reason.SECRET_KEY_MISSING, message)) from error
    if not value:
        message = f"Secret {name} has nothing under the key {field}; it should hold {purpose}"
        raise _Missing(Problem(Reason.SECRET_KEY_MISSING, message))
    return value


def _refused(name: str, error: Refused) -> Problem:
    return Problem(Reason.REFUSED, f"The API server refuses the Secret {name}: {error.message}")


async def _find(cluster: Cluster, namespace: str, name: str) -> Manifest | None:
    try:
        return await cluster.get(SECRET, namespace, name)
    except NotFound:
        return None


def _key_names(access: Manifest | None) -> set[str]:
    encoded = ((access or {}).get("data") or {}).get(secrets.ACCESS_FIELD, "")
    try:
        file = msgspec.json.decode(base64.b64decode(encoded))
        return {key["name"] for key in file["keys"]}
    except (binascii.Error, msgspec.DecodeError, KeyError, TypeError):
        return set()  # edited by hand beyond recognition; it is written anew below


def _changed_at(secret: Manifest) -> str:
    times = [
        entry.get("time", "")
        for entry in secret["metadata"].get("managedFields") or []
        if entry.get("manager") == FIELD_MANAGER
    ]
    return max(times, default="")
