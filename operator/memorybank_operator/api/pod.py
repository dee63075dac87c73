"""The parts of a tenant's specification that shape its pod: what it gets, where it runs, what it is marked with."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from memorybank_operator.api.shared import LabelSelector, LabelValue, ObjectName, Part, ResourceQuantity


class Resources(Part, frozen=True):
    requests: Annotated[dict[str, ResourceQuantity], Meta(max_length=16, description="What is reserved.")] = (
        msgspec.field(default_factory=lambda: {"cpu": "50m", "memory": "256Mi"})
    )
    limits: Annotated[dict[str, ResourceQuantity], Meta(max_length=16, description="What is never exceeded.")] = (
        msgspec.field(default_factory=lambda: {"memory": "1Gi"})
    )


class Toleration(Part, frozen=True):
    key: Annotated[str, Meta(max_length=317, description="Key of the taint.")] | None = None
    operator: Annotated[Literal["Exists", "Equal"], Meta(description="How the value relates.")] | None = None
    value: Annotated[LabelValue, Meta(description="Value of the taint.")] | None = None
    effect: Annotated[Literal["NoSchedule", "PreferNoSchedule", "NoExecute"], Meta(description="Effect.")] | None = None
    toleration_seconds: Annotated[int, Meta(description="For NoExecute: how long.")] | None = None


class TopologySpreadConstraint(Part, frozen=True):
    max_skew: Annotated[int, Meta(ge=1, description="Greatest difference of counts.")]
    topology_key: Annotated[str, Meta(min_length=1, max_length=317, description="Label of the nodes.")]
    when_unsatisfiable: Annotated[Literal["DoNotSchedule", "ScheduleAnyway"], Meta(description="If it cannot be met.")]
    label_selector: (
        Annotated[LabelSelector, Meta(description="Pods that are counted; all tenants' pods if not given.")] | None
    ) = None


class Scheduling(Part, frozen=True):
    node_selector: Annotated[dict[str, LabelValue], Meta(description="Labels a node must have.")] | None = None
    tolerations: Annotated[list[Toleration], Meta(max_length=64, description="Taints that are tolerated.")] | None = (
        None
    )
    affinity: (
        Annotated[
            dict[str, Any],
            Meta(description="Affinity as in a pod.", extra_json_schema={"x-kubernetes-preserve-unknown-fields": True}),
        ]
        | None
    ) = None
    topology_spread_constraints: (
        Annotated[list[TopologySpreadConstraint], Meta(max_length=16, description="How tenants are spread.")] | None
    ) = None
    priority_class_name: Annotated[ObjectName, Meta(description="Priority class of the pod.")] | None = None


class PodMetadata(Part, frozen=True):
    labels: (
        Annotated[dict[str, LabelValue], Meta(description="Labels of the pod besides the operator's own.")] | None
    ) = None
    annotations: Annotated[dict[str, str], Meta(description="Annotations of the pod.")] | None = None
