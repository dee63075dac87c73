"""Small types that several parts of the specification use, and the form of a rule for the API server."""

from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta


class Rule(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A CEL rule that the API server checks (`x-kubernetes-validations`)."""

    rule: str
    message: str
    message_expression: str | None = None
    field_path: str | None = None
    reason: str | None = None


class Part(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A part of the resource: camelCase on the wire; `rules` hold between its fields."""

    rules: ClassVar[tuple[Rule, ...]] = ()


def ruled(*rules: Rule, **more: Any) -> dict[str, Any]:
    """Extra schema for one field's `Meta`: its rules, and anything else of OpenAPI."""
    return {"x-kubernetes-validations": [msgspec.to_builtins(rule) for rule in rules], **more}


QuantityText = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=32,
        extra_json_schema=ruled(
            Rule(
                rule="isQuantity(self) && quantity(self).isGreaterThan(quantity('0'))",
                message="is no quantity above zero: write a number and a unit such as 20Gi or 500Mi",
                message_expression=(
                    "'\"' + self + '\" is no quantity above zero: write a number and a unit"
                    " such as 20Gi or 500Mi (1 Gi = 1024 Mi)'"
                ),
            )
        ),
    ),
]

ResourceQuantity = Annotated[
    int | str,
    Meta(
        extra_json_schema=ruled(
            Rule(
                rule="type(self) == int ? self >= 0 : isQuantity(string(self))",
                message="is no quantity: write a number and a unit such as 500m, 1, 512Mi or 1Gi",
            ),
            maxLength=32,
        ),
    ),
]

LabelKey = Annotated[str, Meta(max_length=317)]
LabelValue = Annotated[str, Meta(max_length=63)]
ObjectName = Annotated[str, Meta(min_length=1, max_length=253)]


class LocalReference(Part, frozen=True):
    name: Annotated[ObjectName, Meta(description="Name of an object in the tenant's namespace.")]


class SecretKeyRef(Part, frozen=True):
    name: Annotated[ObjectName, Meta(description="Name of a Secret in the tenant's namespace.")]
    key: Annotated[ObjectName, Meta(description="Key in that Secret.")]


class LabelRequirement(Part, frozen=True):
    key: Annotated[LabelKey, Meta(description="Label key.")]
    operator: Annotated[
        str,
        Meta(
            description="How the values relate.", extra_json_schema={"enum": ["In", "NotIn", "Exists", "DoesNotExist"]}
        ),
    ]
    values: Annotated[list[LabelValue], Meta(max_length=64, description="Values, for In and NotIn.")] | None = None


class LabelSelector(Part, frozen=True):
    match_labels: Annotated[dict[str, LabelValue], Meta(description="Labels that must all be there.")] | None = None
    match_expressions: (
        Annotated[list[LabelRequirement], Meta(max_length=64, description="Requirements that must all hold.")] | None
    ) = None


class IpBlock(Part, frozen=True):
    cidr: Annotated[str, Meta(max_length=43, description="Range of addresses such as 10.0.0.0/8.")]
    except_: (
        Annotated[list[Annotated[str, Meta(max_length=43)]], Meta(max_length=64, description="Ranges left out.")] | None
    ) = msgspec.field(name="except", default=None)


class NetworkPeer(Part, frozen=True):
    """As in a NetworkPolicy: pods by labels, in the same namespace or in those that namespaceSelector names."""

    pod_selector: Annotated[LabelSelector, Meta(description="Pods.")] | None = None
    namespace_selector: Annotated[LabelSelector, Meta(description="Namespaces.")] | None = None
    ip_block: Annotated[IpBlock, Meta(description="Addresses outside the cluster.")] | None = None

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            rule="has(self.ipBlock) != (has(self.podSelector) || has(self.namespaceSelector))",
            message="name either an ipBlock, or pods by podSelector and namespaceSelector",
        ),
    )


class NetworkPort(Part, frozen=True):
    port: Annotated[int, Meta(ge=1, le=65535, description="Port number.")]
    protocol: (
        Annotated[str, Meta(description="Protocol.", extra_json_schema={"enum": ["TCP", "UDP", "SCTP"]})] | None
    ) = None


class EgressRule(Part, frozen=True):
    to: Annotated[list[NetworkPeer], Meta(min_length=1, max_length=64, description="Where to.")]
    ports: Annotated[list[NetworkPort], Meta(max_length=64, description="On which ports; all if not given.")] | None = (
        None
    )
