"""What was seen of a tenant and its objects, and the form of what is said about it."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from memorybank_operator.api.status import BackupsStatus, KeyRotation, Problem, Reason, RestoredStatus, RolloutStatus
from memorybank_operator.kinds import DEPLOYMENT, HTTP_ROUTE, INGRESS, VOLUME_CLAIM, Kind
from memorybank_operator.measured import Reading

Manifest = dict[str, Any]

LOOKED_AT: Final = (VOLUME_CLAIM, DEPLOYMENT, INGRESS, HTTP_ROUTE)
"""The children that tell how the tenant is; of the others there is nothing to say."""


class Verdict(msgspec.Struct, frozen=True):
    """A condition without its times. `status` None: unknown."""

    status: bool | None
    reason: Reason
    message: str


class Told(msgspec.Struct, frozen=True):
    """What an event says of an object that waits: its reason, and its message without what changes by itself."""

    reason: str
    message: str


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen of a tenant's objects, and what the API server refused of them."""

    children: Mapping[Kind, Manifest]
    """Those of LOOKED_AT that there are."""
    pods: tuple[Manifest, ...] = ()
    secret_problems: tuple[Problem, ...] = ()
    refusals: tuple[Problem, ...] = ()
    hostname_free: bool = True
    hostname_owner: str = ""
    """The older tenant that has the host name, as far as this tenant's users may know."""
    tls: Problem | None = None
    """Why there is no certificate for the host name."""
    told: Mapping[str, Told] = {}
    """By the uid of a pod or a claim that waits: what events say of it."""
    gateway_api: bool = False
    endpoint: str
    key_secret: str
    image: str
    default_image: str
    reading: Reading | None = None
    key_rotation: KeyRotation | None = None
    keys_note: str = ""
    rollout: RolloutStatus | None = None
    backups: BackupsStatus | None = None
    backup_verdict: Verdict | None = None
    """None: nothing is said of backups, as none are asked for."""
    restored: RestoredStatus | None = None
    restore: Problem | None = None
    """Why the backup that the tenant begins with is not in its volume yet."""
    held: Problem | None = None
    """Why the tenant does not run the image that is wanted."""
