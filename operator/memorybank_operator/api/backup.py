"""Backups: what a tenant's spec asks for, and MemoryBankBackup, which is one of them."""

from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

from memorybank_operator.api.metadata import ObjectMeta
from memorybank_operator.api.shared import LocalReference, ObjectName, Part, Rule, SecretKeyRef, ruled
from memorybank_operator.api.status import Condition

Schedule = Annotated[
    str,
    Meta(
        min_length=9,
        max_length=100,
        extra_json_schema=ruled(
            Rule(
                rule="self.matches('^[-0-9*,/A-Za-z#?]+( [-0-9*,/A-Za-z#?]+){4}$')",
                message="is no schedule: write the five fields of cron (minute hour day month weekday, in UTC),"
                " such as 0 3 * * *",
            )
        ),
    ),
]
Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]


class ClaimDestination(Part, frozen=True):
    claim_name: Annotated[ObjectName, Meta(description="A PersistentVolumeClaim in the tenant's namespace.")]


class S3Destination(Part, frozen=True):
    bucket: Annotated[str, Meta(min_length=3, max_length=63, description="The bucket.")]
    credentials_secret_ref: Annotated[
        LocalReference, Meta(description="Secret with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.")
    ]
    prefix: Annotated[str, Meta(max_length=512, description="A folder in it.")] | None = None
    endpoint: (
        Annotated[
            str,
            Meta(
                max_length=2048,
                description="Address of a server that speaks S3; Amazon's if not given.",
                extra_json_schema=ruled(
                    Rule(
                        rule="self.matches('^https?://[^/ ]+$')",
                        message="is no address: write scheme, host and port, such as https://s3.example.com",
                    )
                ),
            ),
        ]
        | None
    ) = None
    region: Annotated[str, Meta(max_length=63, description="The bucket's region.")] | None = None


class Destination(Part, frozen=True):
    """Where backups lie."""

    pvc: Annotated[ClaimDestination, Meta(description="A volume.")] | None = None
    s3: Annotated[S3Destination, Meta(description="A bucket of S3, or of a server that speaks as it does.")] | None = (
        None
    )

    rules: ClassVar[tuple[Rule, ...]] = (Rule(rule="has(self.pvc) != has(self.s3)", message="name either pvc or s3"),)


class RetentionRule(Part, frozen=True):
    count: Annotated[int, Meta(ge=1, le=1000, description="How many backups are kept.")] | None = None
    days: (
        Annotated[int, Meta(ge=1, le=36500, description="For how many days; the last one is kept for ever.")] | None
    ) = None


class BackupPlan(Part, frozen=True):
    """A tenant's `spec.backup`."""

    destination: Annotated[Destination, Meta(description="Where to.")]
    schedule: (
        Annotated[Schedule, Meta(description="When, as cron says it, in UTC; without it, only on demand.")] | None
    ) = None
    retention: Annotated[RetentionRule, Meta(description="How long; without it, for ever.")] | None = None
    encryption_key_secret_ref: (
        Annotated[SecretKeyRef, Meta(description="A key of age (AGE-SECRET-KEY-1...); without it, in the clear.")]
        | None
    ) = None
    verify_schedule: (
        Annotated[Schedule, Meta(description="When the last backup is restored into a throw-away tenant, and asked.")]
        | None
    ) = None


class RestoreFrom(Part, frozen=True):
    """A tenant's `spec.restoreFrom`."""

    backup_name: Annotated[ObjectName, Meta(description="A MemoryBankBackup in the tenant's namespace.")] | None = None
    destination: Annotated[Destination, Meta(description="Where the backup lies.")] | None = None
    id: (
        Annotated[
            str,
            Meta(
                max_length=300,
                description="Its folder there: NAMESPACE/TENANT/BACKUP.",
                extra_json_schema=ruled(
                    Rule(
                        rule="self.matches('^([a-z0-9][-a-z0-9.]*/){1,2}[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}$')",
                        message="is no backup's folder: write NAMESPACE/TENANT/BACKUP, as status.location ends",
                    )
                ),
            ),
        ]
        | None
    ) = None
    encryption_key_secret_ref: (
        Annotated[SecretKeyRef, Meta(description="The key of age that it was encrypted with.")] | None
    ) = None

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            rule="has(self.backupName) ? !has(self.destination) && !has(self.id)"
            " : has(self.destination) && has(self.id)",
            message="name either backupName, or destination and id",
        ),
    )


BackupPhase = Literal["Pending", "Running", "Retrying", "Completed", "Failed"]


class BackupSpec(Part, frozen=True):
    tenant_ref: Annotated[LocalReference, Meta(description="The tenant, in the same namespace.")]
    destination: Annotated[Destination, Meta(description="Where to; the tenant's own if not given.")] | None = None
    encryption_key_secret_ref: (
        Annotated[
            SecretKeyRef, Meta(description="A key of age; the tenant's own if neither this nor destination is given.")
        ]
        | None
    ) = None

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(rule="self == oldSelf", message="a backup's spec cannot be changed: make another one"),
    )


class BackupStatus(Part, frozen=True):
    phase: Annotated[BackupPhase, Meta(description="A summary for people; programs read the conditions.")] | None = None
    attempts: Annotated[int, Meta(description="How often it was tried.")] | None = None
    started_at: Annotated[Moment, Meta(description="When it was begun.")] | None = None
    completed_at: Annotated[Moment, Meta(description="When it was whole at its destination.")] | None = None
    taken_at: Annotated[Moment, Meta(description="The moment of which it holds everything.")] | None = None
    memories: Annotated[int, Meta(description="How many memories are in it.")] | None = None
    bytes: Annotated[int, Meta(description="Its size at the destination.")] | None = None
    sha256: Annotated[str, Meta(max_length=64, description="Of the store in it.")] | None = None
    location: Annotated[str, Meta(max_length=4096, description="Where it lies.")] | None = None
    id: (
        Annotated[str, Meta(max_length=300, description="Its folder at the destination, as restoreFrom.id takes it.")]
        | None
    ) = None
    destination: Annotated[Destination, Meta(description="Where that is.")] | None = None
    encryption_key_secret_ref: Annotated[SecretKeyRef, Meta(description="The key it was encrypted with.")] | None = None
    conditions: Annotated[
        list[Condition],
        Meta(
            max_length=16,
            description="Complete, Failed, Verified.",
            extra_json_schema={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
        ),
    ] = msgspec.field(default_factory=list)


class Backup(Part, frozen=True):
    """One MemoryBankBackup."""

    metadata: ObjectMeta
    spec: Annotated[BackupSpec, Meta(description="What is wanted.")]
    status: Annotated[BackupStatus, Meta(description="What came of it; written by the operator alone.")] = (
        msgspec.field(default_factory=BackupStatus)
    )

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            rule="size(self.metadata.name) <= 56 && self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
            message="metadata.name of a backup: at most 56 characters, lower-case letters, digits and '-'",
        ),
    )
