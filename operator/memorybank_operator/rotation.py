"""When a generated key is made anew on request, and how long the old one still opens; pure.

The request is an annotation of the tenant, which the operator never takes away: whoever put it there (a person, Git)
would put it there again. So what was acted on is recorded beside the digests, in the same write that gives the old
digest its end. Whatever happens afterwards, the old key neither ends early nor is it replaced twice:

    recorded, with the Secret's uid -> that very Secret deleted -> a new one made -> its digest in the access file

An operator that is killed in between finds the record, and goes on from where it was.
"""

import datetime
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from memorybank_operator.api.access import ApiKey
from memorybank_operator.api.names import ROTATE_ANNOTATION, ROTATION_ANNOTATION
from memorybank_operator.api.status import KeyRotation
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.moments import utc

OVERLAP: Final = datetime.timedelta(hours=24)
MOST_OLD_KEYS: Final = 8
"""Of one key; the oldest ends early when there would be more."""
LONGEST_REQUEST: Final = 253


class Record(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What was done last on request."""

    request: str = ""
    """The annotation's value; empty after it was taken away, so that it may be set again."""
    key: str = ""
    replaces: str = ""
    """The uid of the Secret that a new one takes the place of."""
    at: str = ""


class OldKey(msgspec.Struct, frozen=True):
    """A replaced key that still opens."""

    key: str
    sha256: str
    until: str


def requested(tenant: Tenant) -> str:
    """What is asked for, bounded; empty: nothing."""
    return tenant.metadata.annotations.get(ROTATE_ANNOTATION, "")[:LONGEST_REQUEST]


def key_named(request: str) -> str:
    """`default` in `default`, and in `default/2026-11-25`."""
    return request.partition("/")[0]


def record_of(access: Mapping[str, Any] | None, tenant: Tenant) -> Record | None:
    """What was recorded, else (the access Secret was lost) what the status tells; None: never was anything."""
    annotations = ((access or {}).get("metadata") or {}).get("annotations") or {}
    try:
        return msgspec.json.decode(annotations.get(ROTATION_ANNOTATION, ""), type=Record)
    except (msgspec.DecodeError, msgspec.ValidationError):
        told = tenant.status.key_rotation
    if told is None:
        return None
    return Record(request=told.request or "", key=told.key or "", at=told.rotated_at or "")


def why_not(keys: Iterable[ApiKey], name: str) -> str | None:
    """What is wrong with a request for this key, and what to do; None: nothing."""
    by_name = {key.name: key for key in keys}
    if name not in by_name:
        return f"No API key is named {name[:40]!r}: the tenant has {', '.join(sorted(by_name))}."
    reference = by_name[name].secret_key_ref
    if reference is not None:
        return (
            f"API key {name!r} is given in Secret {reference.name}, which is yours: change it there, which ends the old"
            " one at once, or add a second key to spec.apiKeys and remove this one when nobody uses it any more."
        )
    return None


def replaced(key: ApiKey, digest: str, now: datetime.datetime) -> OldKey:
    """A key that is being replaced: it opens for another day, but no longer than it would have."""
    return OldKey(key.name, digest, _clipped(utc(now + OVERLAP), key))


def still_open(old: Iterable[OldKey], keys: Iterable[ApiKey], now: datetime.datetime) -> tuple[OldKey, ...]:
    """Those whose time is not over and whose key is still in the spec; of each key the newest."""
    by_name = {key.name: key for key in keys if key.secret_key_ref is None}
    clipped = [OldKey(one.key, one.sha256, _clipped(one.until, by_name[one.key])) for one in old if one.key in by_name]
    kept: list[OldKey] = []
    # Of those that end in the same second, the last is the newest.
    for _, one in sorted(enumerate(clipped), key=lambda each: (each[1].until, each[0]), reverse=True):
        of_this_key = [other for other in kept if other.key == one.key]
        if one.until > utc(now) and len(of_this_key) < MOST_OLD_KEYS:
            kept.append(one)
    return tuple(reversed(kept))


def _clipped(until: str, key: ApiKey) -> str:
    """An old key opens no longer than its name does."""
    return until if key.expires_at is None else min(until, utc(datetime.datetime.fromisoformat(key.expires_at)))


def told(record: Record | None, old: Iterable[OldKey]) -> KeyRotation | None:
    """The record as the status tells it."""
    if record is None:
        return None
    until = max((one.until for one in old if one.key == record.key), default=None)
    return KeyRotation(
        request=record.request or None,
        key=record.key or None,
        rotated_at=record.at or None,
        old_key_until=until,
    )
