"""The parts of a tenant's specification that say who may reach it, and how."""

from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

from memorybank_operator.api.shared import EgressRule, NetworkPeer, ObjectName, Part, Rule, SecretKeyRef

Scope = Literal["read", "write", "admin"]


class ApiKey(Part, frozen=True):
    name: Annotated[
        str,
        Meta(min_length=1, max_length=40, pattern="^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", description="Name of the key."),
    ]
    scopes: Annotated[
        list[Scope],
        Meta(
            min_length=1,
            max_length=3,
            description="What it opens.",
            extra_json_schema={"x-kubernetes-list-type": "set"},
        ),
    ]
    secret_key_ref: (
        Annotated[SecretKeyRef, Meta(description="The Secret that holds the key; if not given, one is generated.")]
        | None
    ) = None
    expires_at: (
        Annotated[
            str, Meta(max_length=40, description="When it ceases to open.", extra_json_schema={"format": "date-time"})
        ]
        | None
    ) = None


class RateLimit(Part, frozen=True):
    requests_per_second: Annotated[
        int, Meta(ge=0, le=100000, description="Sustained requests a second; 0: no limit.")
    ] = 50
    burst: Annotated[int, Meta(ge=1, le=1000000, description="Requests that may come at once.")] = 100


class IssuerRef(Part, frozen=True):
    name: Annotated[ObjectName, Meta(description="Name of the issuer.")]
    kind: Annotated[Literal["Issuer", "ClusterIssuer"], Meta(description="Kind of the issuer.")] = "ClusterIssuer"


class IngressTls(Part, frozen=True):
    secret_name: (
        Annotated[
            ObjectName, Meta(description="TLS Secret; with issuerRef, the one to be made (NAME-tls if not given).")
        ]
        | None
    ) = None
    issuer_ref: Annotated[IssuerRef, Meta(description="The cert-manager issuer that makes the certificate.")] | None = (
        None
    )

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            rule="has(self.secretName) || has(self.issuerRef)",
            message="name the TLS Secret by secretName, or an issuer that makes it by issuerRef",
        ),
    )


class Ingress(Part, frozen=True):
    class_name: Annotated[ObjectName, Meta(description="Ingress class; the cluster's default if not given.")] | None = (
        None
    )
    annotations: Annotated[dict[str, str], Meta(description="Annotations of the Ingress.")] = msgspec.field(
        default_factory=dict
    )
    tls: Annotated[IngressTls, Meta(description="TLS; without it, plain HTTP.")] | None = None


class ParentRef(Part, frozen=True):
    name: Annotated[ObjectName, Meta(description="Name of the Gateway.")]
    namespace: Annotated[ObjectName, Meta(description="Its namespace; the tenant's if not given.")] | None = None
    section_name: Annotated[ObjectName, Meta(description="Its listener; all that match if not given.")] | None = None
    port: Annotated[int, Meta(ge=1, le=65535, description="Its port.")] | None = None


class Gateway(Part, frozen=True):
    parent_refs: Annotated[
        list[ParentRef], Meta(min_length=1, max_length=8, description="Gateways that the tenant's route joins.")
    ]


class Access(Part, frozen=True):
    type: Annotated[
        Literal["Ingress", "Gateway", "None"], Meta(description="By an Ingress, by a Gateway's route, or not at all.")
    ] = "Ingress"
    ingress: Annotated[Ingress, Meta(description="For type Ingress.")] | None = None
    gateway: Annotated[Gateway, Meta(description="For type Gateway.")] | None = None

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            rule="!has(self.ingress) || !has(self.gateway)",
            message="two ways of access are given: keep either access.ingress or access.gateway",
        ),
        Rule(
            rule="self.type == 'Ingress' || !has(self.ingress)",
            message="access.ingress is only for access.type Ingress: set that type, or remove access.ingress",
        ),
        Rule(
            rule="(self.type == 'Gateway') == has(self.gateway)",
            message="access.type Gateway and access.gateway go together: set that type and name the Gateway in"
            " access.gateway.parentRefs, or remove both",
        ),
    )


class NetworkPolicy(Part, frozen=True):
    enabled: Annotated[bool, Meta(description="Shut the tenant off from all but those who need it.")] = True
    ingress_from: Annotated[list[NetworkPeer], Meta(max_length=64, description="Who else may reach the tenant.")] = (
        msgspec.field(default_factory=list)
    )
    egress_to: Annotated[list[EgressRule], Meta(max_length=64, description="What else the tenant may reach.")] = (
        msgspec.field(default_factory=list)
    )
