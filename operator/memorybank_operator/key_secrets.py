"""One Secret of a tenant at a time: read by name, made where missing; never listed, watched or written over."""

import base64
import binascii
from typing import Any

import msgspec

from memorybank_operator.answers import Conflict, NamespaceTerminating, NotFound, Refused
from memorybank_operator.api.access import ApiKey
from memorybank_operator.api.names import TENANT_LABEL, api_key_secret
from memorybank_operator.api.shared import SecretKeyRef
from memorybank_operator.api.status import Problem, Reason
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.cluster import Cluster
from memorybank_operator.compare import differs
from memorybank_operator.desired import secrets
from memorybank_operator.kinds import SECRET
from memorybank_operator.refusals import refusal

Manifest = dict[str, Any]


class Missing(Exception):  # noqa: N818 (no error: it ends up in the status)
    """A Secret, or what should be in it, is not there."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """A key in the clear, and where it comes from."""

    text: str
    uid: str = ""
    """Of the Secret that we generated."""
    made: bool = False
    """Just now."""


async def key_value(cluster: Cluster, tenant: Tenant, key: ApiKey, *, is_new: bool) -> Value:
    """The key as it stands in its Secret, which is made if it is ours and missing. Raises Missing.

    `is_new`: it is not looked for before it is made.
    """
    namespace = tenant.metadata.namespace
    if key.secret_key_ref is not None:
        return Value(text=await referred(cluster, namespace, key.secret_key_ref, f"API key {key.name!r}"))
    name = api_key_secret(tenant.metadata.name, key.name)
    found = None if is_new else await find(cluster, namespace, name)
    made = False
    if found is None:
        try:
            found = await cluster.create_secret(secrets.key_secret(tenant, key, secrets.new_key()))
            made = True
        except Conflict:
            found = await cluster.get(SECRET, namespace, name)
        except NamespaceTerminating:
            raise
        except Refused as error:
            raise Missing(refused(name, error)) from error
    if not _is_own(found, tenant):
        message = f"Secret {name} is there already and is not this tenant's: rename it, or name it in secretKeyRef"
        raise Missing(Problem(Reason.NAME_TAKEN, message))
    if not made:
        await _keep_owner(cluster, tenant, key, found)
    text = _field(found, secrets.KEY_FIELD, f"API key {key.name!r}; delete the Secret to have a new key made")
    return Value(text=text, uid=found["metadata"]["uid"], made=made)


async def remove_key(cluster: Cluster, tenant: Tenant, key: ApiKey, uid: str) -> None:
    """Delete this very Secret of a generated key; a namesake with another uid is a Conflict."""
    name = api_key_secret(tenant.metadata.name, key.name)
    try:
        await cluster.delete(SECRET, tenant.metadata.namespace, name, uid)
    except NotFound:
        return


async def bequeath(cluster: Cluster, tenant: Tenant) -> None:
    """Give what generated keys there are the owner that the tenant's deletion policy asks for."""
    for key in secrets.api_keys(tenant):
        name = api_key_secret(tenant.metadata.name, key.name)
        found = None if key.secret_key_ref else await find(cluster, tenant.metadata.namespace, name)
        if found is not None and _is_own(found, tenant):
            await _keep_owner(cluster, tenant, key, found)


def _is_own(secret: Manifest, tenant: Tenant) -> bool:
    return (secret["metadata"].get("labels") or {}).get(TENANT_LABEL) == tenant.metadata.name


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


async def referred(cluster: Cluster, namespace: str, reference: SecretKeyRef, purpose: str) -> str:
    """What stands under a reference. Raises Missing."""
    found = await find(cluster, namespace, reference.name)
    if found is None:
        message = f"Secret {reference.name} with {purpose} is not in namespace {namespace}: create it"
        raise Missing(Problem(Reason.SECRET_MISSING, message))
    return _field(found, reference.key, purpose)


def _field(secret: Manifest, field: str, purpose: str) -> str:
    name = secret["metadata"]["name"]
    encoded = (secret.get("data") or {}).get(field)
    try:
        value = base64.b64decode(encoded or "", validate=True).decode().strip()
    except (binascii.Error, UnicodeDecodeError) as error:
        message = f"Secret {name}, key {field}, holds no text; it should hold {purpose}"
        raise Missing(Problem(Reason.SECRET_KEY_MISSING, message)) from error
    if not value:
        message = f"Secret {name} has nothing under the key {field}; it should hold {purpose}"
        raise Missing(Problem(Reason.SECRET_KEY_MISSING, message))
    return value


def refused(name: str, error: Refused) -> Problem:
    return refusal(f"Secret {name}", error.message)


async def find(cluster: Cluster, namespace: str, name: str) -> Manifest | None:
    try:
        return await cluster.get(SECRET, namespace, name)
    except NotFound:
        return None
