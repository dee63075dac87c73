"""A tenant's keys: read from the one Secret that holds them, and given by who has one already."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from contextlib import contextmanager

from memorybank.fleet.errors import ExistsAlreadyError, RefusedError
from memorybank.fleet.kubernetes.cluster import Cluster
from memorybank.fleet.kubernetes.kinds import KEY_FIELD, SECRET, Manifest, child_labels, key_secret
from memorybank.fleet.kubernetes.view import key_place


def read_key(cluster: Cluster, tenant: Manifest, key: str | None = None) -> str | None:
    """The key in the clear; None where there is none yet."""
    place = key_place(tenant, key)
    secret = cluster.find(SECRET, place[0]) if place else None
    return _value(secret, place[1]) if secret is not None and place else None


@contextmanager
def given_key(cluster: Cluster, tenant: str, key: str | None) -> Iterator[None]:
    """While the tenant is made, its key's Secret is there; if that fails, it is as before."""
    if key is None:
        yield
        return
    name = key_secret(tenant)
    body = {
        "metadata": {"name": name, "labels": child_labels(tenant)},
        "type": "Opaque",
        "data": {KEY_FIELD: base64.b64encode(key.encode()).decode()},
    }
    try:
        cluster.create(SECRET, body)
    except ExistsAlreadyError:
        if _value(cluster.get(SECRET, name), KEY_FIELD) != key:
            raise RefusedError(
                f"the Secret {name} holds another key, kept from an earlier tenant {tenant}: give no key to go on with"
                f" that one, or delete the Secret"
            ) from None
        yield
        return
    try:
        yield
    except BaseException:
        cluster.delete(SECRET, name)
        raise


def _value(secret: Manifest, field: str) -> str | None:
    try:
        return base64.b64decode((secret.get("data") or {}).get(field, ""), validate=True).decode().strip() or None
    except (binascii.Error, UnicodeDecodeError):
        return None
