"""Which pod template a tenant keeps.

A template is rendered from what the tenant's user asked for, by a version of the operator. The next version may render
the same wish in another way, and that alone must not restart a thousand pods. So the template stands in the Deployment
as it was applied, with a digest of the wish; it is kept, and repaired to, until the wish changes. The digest of that
record stands in the tenant's status, which only the operator writes: a record that somebody edited does not count.
"""

import functools
import hashlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from memorybank_operator.api.names import RECONCILE_ANNOTATION, TEMPLATE_ANNOTATION
from memorybank_operator.api.shared import Part
from memorybank_operator.api.tenant import Tenant

Manifest = dict[str, Any]

LARGEST_RECORD: Final = 64 * 1024
"""All annotations of an object may have 256 KiB. A template that is larger than this is not kept but rendered anew."""

_NO_PART_OF_THE_POD: Final = frozenset(
    {
        "hostname",
        "backup",
        "restoreFrom",
        "apiKeys",
        "rateLimit",
        "access",
        "networkPolicy",
        "monitoring",
        "storage",
        "deletionPolicy",
        "deletionProtection",
        "paused",
        "hibernate",
        "image",  # the image that it is given counts, which may be another
    }
)
"""Fields of the spec that leave the pod alone. One that is missing here only makes a template be rendered anew."""


class Record(msgspec.Struct, frozen=True):
    """A template as it was applied."""

    wish: str
    request: str
    template: Manifest


def request(tenant: Tenant) -> str:
    """A digest of the user's word for a fresh start; empty if there is none."""
    word = tenant.metadata.annotations.get(RECONCILE_ANNOTATION, "")
    return _digest(word.encode()) if word else ""


def anew(request_now: str, request_before: str) -> bool:
    """Whether a fresh start is asked for; taking the word away asks for nothing."""
    return request_now not in ("", request_before)


def wish(tenant: Tenant, image: str) -> str:
    """A digest of all that is asked for the pod.

    What has its default counts for nothing: a field that a later version of the resource adds changes no digest.
    """
    asked = _given(tenant.spec)
    kept = {name: value for name, value in asked.items() if name not in _NO_PART_OF_THE_POD}
    return _digest(msgspec.json.encode([image, kept], order="sorted"))


def recorded(deployment: Manifest | None, known: str | None) -> Record | None:
    """The record that a Deployment carries, if it is the one whose digest is known."""
    text = ((deployment or {}).get("metadata", {}).get("annotations") or {}).get(TEMPLATE_ANNOTATION)
    if not text or known is None or _digest(text.encode()) != known:
        return None
    return msgspec.json.decode(text, type=Record)


def keep(desired: Manifest, tenant: Tenant, image: str, before: Record | None) -> Manifest:
    """The Deployment with the template that it is to have, and the record of it."""
    asked, wanted = request(tenant), wish(tenant, image)
    record = Record(wish=wanted, request=asked, template=desired["spec"]["template"])
    if before is not None and before.wish == wanted and not anew(asked, before.request):
        record = before
    text = msgspec.json.encode(record).decode()
    if len(text) > LARGEST_RECORD:
        return desired
    return {
        **desired,
        "metadata": {**desired["metadata"], "annotations": {TEMPLATE_ANNOTATION: text}},
        "spec": {**desired["spec"], "template": record.template},
    }


def record_digest(deployment: Manifest | None) -> str | None:
    """The digest of the record that a Deployment carries."""
    text = ((deployment or {}).get("metadata", {}).get("annotations") or {}).get(TEMPLATE_ANNOTATION)
    return _digest(text.encode()) if text else None


def _given(part: Any) -> Any:
    """What differs from the defaults, as it stands in the resource."""
    if isinstance(part, Part):
        return {
            written: _given(value)
            for name, written, default in _fields(type(part))
            if (value := getattr(part, name)) != default
        }
    if isinstance(part, Mapping):
        return {name: _given(value) for name, value in part.items()}
    if isinstance(part, list):
        return [_given(value) for value in part]
    return part


@functools.cache
def _fields(part: type[Part]) -> list[tuple[str, str, Any]]:
    """Each field's name here, its name in the resource, and its default."""
    return [
        (
            field.name,
            field.encode_name,
            field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory(),
        )
        for field in msgspec.structs.fields(part)
    ]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
