"""MemoryBankTenant: what a user asks for. Every field's type, bounds, default and description stand here alone."""

from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

from memorybank_operator.api.access import Access, ApiKey, NetworkPolicy, RateLimit
from memorybank_operator.api.backup import BackupPlan, RestoreFrom
from memorybank_operator.api.metadata import ObjectMeta
from memorybank_operator.api.pod import PodMetadata, Resources, Scheduling
from memorybank_operator.api.shared import (
    LocalReference,
    ObjectName,
    Part,
    QuantityText,
    Rule,
    SecretKeyRef,
    ruled,
)
from memorybank_operator.api.status import TenantStatus

Hours = Annotated[int, Meta(ge=1, le=87600)]
ProviderName = Annotated[str, Meta(min_length=1, max_length=63, pattern="^[a-z0-9][a-z0-9_-]*$")]
ModelName = Annotated[str, Meta(min_length=1, max_length=253)]
Url = Annotated[
    str,
    Meta(
        max_length=2048,
        extra_json_schema=ruled(
            Rule(
                rule="self.matches('^https?://[^/ ]+(/[^ ]*)?$')",
                message="is no address: write it with its scheme, such as https://llm.example.com/v1",
            )
        ),
    ),
]


class Llm(Part, frozen=True):
    provider: Annotated[
        ProviderName, Meta(description="claude, openai, google, or any provider prefix that litellm knows.")
    ] = "claude"
    model: Annotated[ModelName, Meta(description="Model; the provider's default if not given.")] | None = None
    api_base: Annotated[Url, Meta(description="Address of an API compatible with the provider's.")] | None = None
    api_key_secret_ref: Annotated[SecretKeyRef, Meta(description="The Secret with the provider's key.")] | None = None


class Embedding(Part, frozen=True):
    provider: Annotated[
        ProviderName,
        Meta(description="local (in the pod, no network), openai, google, or a prefix that litellm knows."),
    ] = "local"
    model: Annotated[ModelName, Meta(description="Model; the provider's default if not given.")] | None = None
    api_base: Annotated[Url, Meta(description="Address of an API compatible with the provider's.")] | None = None
    api_key_secret_ref: Annotated[SecretKeyRef, Meta(description="The Secret with the provider's key.")] | None = None


class Forgetting(Part, frozen=True):
    interval_hours: Annotated[Hours, Meta(description="Hours between two runs of the forgetting.")] = 24
    threshold_percent: Annotated[
        int, Meta(ge=0, le=100, description="A memory fades when its retention falls below this, in percent.")
    ] = 10
    time_scale_hours: Annotated[
        Hours, Meta(description="Hours that one unit of strength stands for; 24 is the paper's day.")
    ] = 168
    purge_after_days: Annotated[
        int,
        Meta(ge=0, le=36500, description="Days after which a faded memory is removed for good; 0: never."),
    ] = 0


class Maintenance(Part, frozen=True):
    interval_hours: Annotated[Hours, Meta(description="Hours between two maintenance runs of the store.")] = 168


class AutoGrow(Part, frozen=True):
    max: Annotated[QuantityText, Meta(description="Never ask for more than this.")]
    at_percent: Annotated[
        int, Meta(ge=50, le=90, description="Grow when so much of the volume is used, in percent.")
    ] = 80
    step_percent: Annotated[
        int, Meta(ge=10, le=100, description="Grow by so much of what the volume has, in percent.")
    ] = 25


class Storage(Part, frozen=True):
    size: Annotated[
        QuantityText,
        Meta(description="Size of the volume. It grows; it may be lowered only while above what the volume has."),
    ] = "10Gi"
    storage_class_name: (
        Annotated[ObjectName, Meta(description="Storage class; the cluster's default if not given. At creation only.")]
        | None
    ) = None
    access_mode: Annotated[
        Literal["ReadWriteOncePod", "ReadWriteOnce"],
        Meta(description="ReadWriteOnce only where the driver knows no ReadWriteOncePod. At creation only."),
    ] = "ReadWriteOncePod"
    auto_grow: (
        Annotated[
            AutoGrow,
            Meta(
                description="Grow the volume by itself when it fills up; off unless given."
                " What it grew to stands in status.storage.grownTo."
            ),
        ]
        | None
    ) = None

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            rule="!has(self.autoGrow) || !isQuantity(self.size) || !isQuantity(self.autoGrow.max)"
            " || quantity(self.size).compareTo(quantity(self.autoGrow.max)) <= 0",
            message="autoGrow.max is below size: raise it, or remove autoGrow",
            field_path=".autoGrow",
        ),
        Rule(
            rule="has(self.storageClassName) == has(oldSelf.storageClassName) && (!has(self.storageClassName)"
            " || self.storageClassName == oldSelf.storageClassName)",
            message="storageClassName is chosen at creation and cannot be changed:"
            " back up, and restore into a new tenant",
            field_path=".storageClassName",
        ),
        Rule(
            rule="self.accessMode == oldSelf.accessMode",
            message="accessMode is chosen at creation and cannot be changed: back up, and restore into a new tenant",
            field_path=".accessMode",
        ),
    )


class Monitoring(Part, frozen=True):
    enabled: Annotated[
        bool, Meta(description="Make a PodMonitor, where the Prometheus operator's API is installed.")
    ] = True


class TenantSpec(Part, frozen=True):
    hostname: (
        Annotated[
            str,
            Meta(
                max_length=253,
                description="Full host name at which the tenant is reached from outside;"
                " without it, within the cluster only.",
                extra_json_schema=ruled(
                    Rule(
                        rule="self.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
                        "([.][a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$')",
                        message="is no host name: write it in lower case without scheme, port or path,"
                        " such as customer1.example.com",
                        message_expression=(
                            "'\"' + self + '\" is no host name: write it in lower case without scheme, port or path,"
                            " such as customer1.example.com'"
                        ),
                    )
                ),
            ),
        ]
        | None
    ) = None
    image: (
        Annotated[
            str,
            Meta(
                max_length=512,
                description=(
                    "Image of the memory service, by tag or digest. If not given, the operator's setting at the time"
                    " the tenant was made, which an operator upgrade does not change."
                ),
                extra_json_schema=ruled(
                    Rule(
                        rule="self.matches('^[a-zA-Z0-9][-a-zA-Z0-9._:/@]*$')",
                        message="is no image: write REGISTRY/REPOSITORY:TAG or REGISTRY/REPOSITORY@sha256:DIGEST",
                    )
                ),
            ),
        ]
        | None
    ) = None
    image_pull_policy: (
        Annotated[Literal["Always", "IfNotPresent", "Never"], Meta(description="When the image is pulled.")] | None
    ) = None
    image_pull_secrets: Annotated[
        list[LocalReference],
        Meta(
            max_length=16,
            description="Secrets to pull the image with.",
            extra_json_schema={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        ),
    ] = msgspec.field(default_factory=list)
    llm: (
        Annotated[Llm, Meta(description="Language model for chat, extraction and summaries; without it, none.")] | None
    ) = None
    embedding: (
        Annotated[Embedding, Meta(description="Embedding; if not given, what the data were embedded with.")] | None
    ) = None
    forgetting: Annotated[Forgetting, Meta(description="The forgetting curve.")] = msgspec.field(
        default_factory=Forgetting
    )
    maintenance: Annotated[Maintenance, Meta(description="Upkeep of the store.")] = msgspec.field(
        default_factory=Maintenance
    )
    storage: Annotated[Storage, Meta(description="The volume.")] = msgspec.field(default_factory=Storage)
    resources: Annotated[Resources, Meta(description="Resources of the pod.")] = msgspec.field(
        default_factory=Resources
    )
    api_keys: Annotated[
        list[ApiKey],
        Meta(
            max_length=32,
            description="Keys that open the tenant; if none is given, one named default with every scope is generated.",
            extra_json_schema={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        ),
    ] = msgspec.field(default_factory=list)
    rate_limit: Annotated[RateLimit, Meta(description="Limit of requests, per key.")] = msgspec.field(
        default_factory=RateLimit
    )
    access: Annotated[Access, Meta(description="How the tenant is reached from outside.")] = msgspec.field(
        default_factory=Access
    )
    network_policy: Annotated[NetworkPolicy, Meta(description="Who reaches the tenant and whom it reaches.")] = (
        msgspec.field(default_factory=NetworkPolicy)
    )
    monitoring: Annotated[Monitoring, Meta(description="Metrics.")] = msgspec.field(default_factory=Monitoring)
    scheduling: Annotated[Scheduling, Meta(description="Where the pod runs.")] = msgspec.field(
        default_factory=Scheduling
    )
    pod_metadata: Annotated[PodMetadata, Meta(description="Labels and annotations of the pod.")] = msgspec.field(
        default_factory=PodMetadata
    )
    backup: Annotated[BackupPlan, Meta(description="Backups outside the volume; none unless given.")] | None = None
    restore_from: (
        Annotated[RestoreFrom, Meta(description="A backup that the tenant begins with. At creation only.")] | None
    ) = None
    deletion_policy: Annotated[
        Literal["Retain", "Delete", "Snapshot"],
        Meta(
            description="What becomes of the volume and the keys when the tenant is deleted; Snapshot: they go, after"
            " a final backup."
        ),
    ] = "Retain"
    deletion_protection: Annotated[
        bool, Meta(description="The API server refuses to delete the tenant, where the chart's policy is installed.")
    ] = False
    paused: Annotated[bool, Meta(description="The operator leaves the tenant's objects alone.")] = False
    hibernate: Annotated[bool, Meta(description="No pod; volume, keys and routes stay.")] = False

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            rule="!has(self.llm) || !has(self.embedding) || self.llm.provider != self.embedding.provider"
            " || !has(self.llm.apiKeySecretRef) || !has(self.embedding.apiKeySecretRef)"
            " || (self.llm.apiKeySecretRef.name == self.embedding.apiKeySecretRef.name"
            " && self.llm.apiKeySecretRef.key == self.embedding.apiKeySecretRef.key)",
            message="llm and embedding of one provider share its key: name the same apiKeySecretRef in both, or in one",
        ),
        Rule(
            rule="self.deletionPolicy != 'Snapshot' || has(self.backup)",
            message="deletionPolicy Snapshot needs spec.backup, which says where the final backup goes",
            field_path=".deletionPolicy",
        ),
        Rule(
            rule="has(self.restoreFrom) == has(oldSelf.restoreFrom) && (!has(self.restoreFrom)"
            " || self.restoreFrom == oldSelf.restoreFrom)",
            message="restoreFrom is chosen at creation and cannot be changed: restore into a new tenant",
            field_path=".restoreFrom",
        ),
    )


class Tenant(Part, frozen=True):
    """One MemoryBankTenant."""

    metadata: ObjectMeta
    spec: Annotated[TenantSpec, Meta(description="What is wanted.")]
    status: Annotated[TenantStatus, Meta(description="What was observed; written by the operator alone.")] = (
        msgspec.field(default_factory=TenantStatus)
    )

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            rule="self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$') && size(self.metadata.name) <= 40",
            message="metadata.name is the tenant's id: at most 40 characters, lower-case letters, digits and '-',"
            " beginning with a letter and ending with a letter or digit",
        ),
        Rule(
            rule="self.spec.storage.size == oldSelf.spec.storage.size"
            " || !isQuantity(self.spec.storage.size) || !isQuantity(oldSelf.spec.storage.size)"
            " || (has(self.status) && has(self.status.storage) && has(self.status.storage.capacity)"
            " ? quantity(self.spec.storage.size).compareTo(quantity(self.status.storage.capacity)) >= 0"
            " : quantity(self.spec.storage.size).compareTo(quantity(oldSelf.spec.storage.size)) >= 0)",
            message="spec.storage.size cannot go below what the volume has: a volume never shrinks;"
            " to lower it, back up, and restore into a new tenant",
            message_expression="'spec.storage.size ' + self.spec.storage.size + ' is below what the volume has ('"
            " + (has(self.status) && has(self.status.storage) && has(self.status.storage.capacity)"
            " ? self.status.storage.capacity : oldSelf.spec.storage.size)"
            " + '): a volume never shrinks; to lower it, back up, and restore into a new tenant'",
        ),
    )
