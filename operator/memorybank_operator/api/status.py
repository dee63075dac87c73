"""What the operator says about a tenant: conditions with their reasons, and a phase for people."""

import enum
from typing import Annotated

import msgspec
from msgspec import Meta

from memorybank_operator.api.shared import LocalReference, Part


class ConditionType(enum.StrEnum):
    READY = "Ready"
    AVAILABLE = "Available"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"
    STORAGE_READY = "StorageReady"
    ACCESS_READY = "AccessReady"
    SECRETS_READY = "SecretsReady"
    BACKUP_READY = "BackupReady"


class Phase(enum.StrEnum):
    PENDING = "Pending"
    PROVISIONING = "Provisioning"
    READY = "Ready"
    DEGRADED = "Degraded"
    HIBERNATED = "Hibernated"
    PAUSED = "Paused"
    FAILED = "Failed"
    TERMINATING = "Terminating"


class Reason(enum.StrEnum):
    """Why a condition has its status; a program may compare them, a person reads the message."""

    AS_DESIRED = "AsDesired"
    HIBERNATED = "Hibernated"
    PAUSED = "Paused"
    TERMINATING = "Terminating"
    PROGRESSING = "Progressing"
    WAITING = "Waiting"
    # the pod
    POD_READY = "PodReady"
    POD_STARTING = "PodStarting"
    POD_NOT_READY = "PodNotReady"
    IMAGE_PULL_FAILED = "ImagePullFailed"
    CRASH_LOOP = "CrashLoop"
    OOM_KILLED = "OOMKilled"
    CONTAINER_CONFIG_INVALID = "ContainerConfigInvalid"
    UNSCHEDULABLE = "Unschedulable"
    VOLUME_NOT_ATTACHED = "VolumeNotAttached"
    VOLUME_NOT_MOUNTED = "VolumeNotMounted"
    POD_EVICTED = "PodEvicted"
    POD_PREEMPTED = "PodPreempted"
    POD_TERMINATING = "PodTerminating"
    NODE_DRAINED = "NodeDrained"
    NODE_LOST = "NodeLost"
    # the volume
    VOLUME_BOUND = "VolumeBound"
    VOLUME_PENDING = "VolumePending"
    VOLUME_LOST = "VolumeLost"
    STORAGE_CLASS_MISSING = "StorageClassMissing"
    PROVISIONING_FAILED = "ProvisioningFailed"
    VOLUME_GROWING = "VolumeGrowing"
    VOLUME_AT_MAX = "VolumeAtMax"
    VOLUME_NOT_EXPANDABLE = "VolumeNotExpandable"
    # access
    ROUTED = "Routed"
    NOT_EXPOSED = "NotExposed"
    HOSTNAME_TAKEN = "HostnameTaken"
    GATEWAY_API_MISSING = "GatewayApiMissing"
    ROUTE_PENDING = "RoutePending"
    ROUTE_REJECTED = "RouteRejected"
    ROUTE_UNRESOLVED = "RouteUnresolved"
    CERTIFICATE_NOT_READY = "CertificateNotReady"
    TLS_SECRET_MISSING = "TlsSecretMissing"  # noqa: S105
    # Secrets
    SECRETS_PRESENT = "SecretsPresent"
    SECRET_MISSING = "SecretMissing"  # noqa: S105
    SECRET_KEY_MISSING = "SecretKeyMissing"  # noqa: S105
    # another image
    ROLLOUT_QUEUED = "RolloutQueued"
    ROLLOUT_PAUSED = "RolloutPaused"
    ROLLED_BACK = "RolledBack"
    # backups
    BACKED_UP = "BackedUp"
    BACKUP_PENDING = "BackupPending"
    BACKUP_FAILED = "BackupFailed"
    RESTORE_DRILL_FAILED = "RestoreDrillFailed"
    RESTORING = "Restoring"
    RESTORE_FAILED = "RestoreFailed"
    # what the API server refused
    NAME_TAKEN = "NameTaken"
    REFUSED = "Refused"
    QUOTA_EXCEEDED = "QuotaExceeded"
    LIMIT_RANGE_VIOLATED = "LimitRangeViolated"
    POD_SECURITY_VIOLATED = "PodSecurityViolated"
    INVALID_SPEC = "InvalidSpec"


class Problem(msgspec.Struct, frozen=True):
    """Why something is not as it should be, and what to do."""

    reason: Reason
    message: str


class News(msgspec.Struct, frozen=True):
    """Something that changed, for an event."""

    reason: str
    message: str
    warning: bool = False


class Condition(Part, frozen=True):
    type: Annotated[str, Meta(max_length=64, description="What it is about.")]
    status: Annotated[
        str, Meta(description="Whether it holds.", extra_json_schema={"enum": ["True", "False", "Unknown"]})
    ]
    reason: Annotated[str, Meta(max_length=64, description="Why, for a program.")]
    message: Annotated[str, Meta(max_length=32768, description="Why and what to do, for a person.")]
    last_transition_time: Annotated[
        str, Meta(description="When the status changed last.", extra_json_schema={"format": "date-time"})
    ]
    observed_generation: Annotated[int, Meta(description="The generation it was computed for.")]


class MemoryCounts(Part, frozen=True):
    active: Annotated[int, Meta(description="Memories that are remembered.")] | None = None
    faded: Annotated[int, Meta(description="Memories that have faded and can be restored.")] | None = None


class StorageStatus(Part, frozen=True):
    capacity: Annotated[str, Meta(max_length=32, description="What the volume has.")] | None = None
    used_bytes: Annotated[int, Meta(description="What is used of it, in bytes.")] | None = None
    grown_to: (
        Annotated[str, Meta(max_length=32, description="What autoGrow asks for, where that is more than spec says.")]
        | None
    ) = None


class KeyRotation(Part, frozen=True):
    request: (
        Annotated[str, Meta(max_length=253, description="The value of memorybank.dev/rotate-key that was acted on.")]
        | None
    ) = None
    key: Annotated[str, Meta(max_length=40, description="The key that was replaced last.")] | None = None
    rotated_at: Annotated[str, Meta(description="When.", extra_json_schema={"format": "date-time"})] | None = None
    old_key_until: (
        Annotated[
            str, Meta(description="How long the replaced key still opens.", extra_json_schema={"format": "date-time"})
        ]
        | None
    ) = None


class FailedImage(Part, frozen=True):
    """An image on which the tenant's pod did not become ready, and from which it was taken back."""

    image: Annotated[str, Meta(max_length=512, description="The image.")]
    message: Annotated[str, Meta(max_length=4096, description="Why the pod did not become ready on it.")]
    wish: Annotated[
        str,
        Meta(max_length=64, description="Digest of what was asked of the pod; if that changes, it is tried again."),
    ]
    request: Annotated[
        str, Meta(max_length=64, description="Digest of the annotation memorybank.dev/reconcile; likewise.")
    ] = ""


class RolloutStatus(Part, frozen=True):
    good_image: (
        Annotated[str, Meta(max_length=512, description="The image on which the tenant's pod was ready last.")] | None
    ) = None
    since: (
        Annotated[
            str,
            Meta(
                description="When the pod was given an image on which it is not ready yet.",
                extra_json_schema={"format": "date-time"},
            ),
        ]
        | None
    ) = None
    failed: Annotated[FailedImage, Meta(description="The image that the tenant was taken back from.")] | None = None
    template: (
        Annotated[str, Meta(max_length=64, description="Digest of the pod template that the operator applied last.")]
        | None
    ) = None


class RestoredStatus(Part, frozen=True):
    location: Annotated[str, Meta(max_length=4096, description="The backup that the tenant began with.")]
    taken_at: (
        Annotated[str, Meta(description="The moment that it is of.", extra_json_schema={"format": "date-time"})] | None
    ) = None
    memories: Annotated[int, Meta(description="How many memories came back.")] | None = None


class PlanStatus(Part, frozen=True):
    """How far a schedule has come."""

    schedule: Annotated[str, Meta(max_length=100, description="The schedule that this is about.")] | None = None
    since: (
        Annotated[
            str,
            Meta(
                description="The last time of it that was acted on; at first, when it was given.",
                extra_json_schema={"format": "date-time"},
            ),
        ]
        | None
    ) = None


class BackupsStatus(Part, frozen=True):
    plan: Annotated[PlanStatus, Meta(description="The backups' schedule.")] | None = None
    drill: Annotated[PlanStatus, Meta(description="The restore drills' schedule.")] | None = None
    last_completed_at: (
        Annotated[str, Meta(description="When the last backup was whole.", extra_json_schema={"format": "date-time"})]
        | None
    ) = None
    last_verified_at: (
        Annotated[
            str,
            Meta(description="When a restore drill succeeded last.", extra_json_schema={"format": "date-time"}),
        ]
        | None
    ) = None
    drill_job: Annotated[str, Meta(max_length=63, description="The restore drill that is on.")] | None = None
    drill_failed: Annotated[str, Meta(max_length=4096, description="Why the last restore drill failed.")] | None = None


class TenantStatus(Part, frozen=True):
    observed_generation: (
        Annotated[int, Meta(description="The generation of the spec that was acted on last.")] | None
    ) = None
    phase: Annotated[Phase, Meta(description="A summary for people; programs read the conditions.")] | None = None
    endpoint: Annotated[str, Meta(description="Where the tenant is reached.")] | None = None
    api_key_secret_ref: Annotated[LocalReference, Meta(description="The Secret with the tenant's key.")] | None = None
    image: Annotated[str, Meta(description="The image that the tenant runs.")] | None = None
    default_image: (
        Annotated[
            str,
            Meta(
                description="The operator's image when this tenant first needed it; used while spec.image is not given,"
                " so that an operator upgrade restarts no tenant."
            ),
        ]
        | None
    ) = None
    key_rotation: Annotated[KeyRotation, Meta(description="The last rotation by annotation.")] | None = None
    rollout: Annotated[RolloutStatus, Meta(description="The change from one image to another.")] | None = None
    restored: Annotated[RestoredStatus, Meta(description="What restoreFrom brought.")] | None = None
    backups: Annotated[BackupsStatus, Meta(description="The tenant's backups.")] | None = None
    memories: Annotated[MemoryCounts, Meta(description="Counts of memories.")] | None = None
    storage: Annotated[StorageStatus, Meta(description="The volume.")] | None = None
    conditions: Annotated[
        list[Condition],
        Meta(
            max_length=32,
            description="What holds and what does not.",
            extra_json_schema={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
        ),
    ] = msgspec.field(default_factory=list)
