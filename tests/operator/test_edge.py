"""What Traefik is told to do with a tenant's requests; other ingress controllers are told nothing."""

from typing import Any

import pytest

from memorybank_operator.desired import children
from memorybank_operator.desired.edge import ANNOTATION
from memorybank_operator.kinds import HTTP_ROUTE, INGRESS, MIDDLEWARE, POD_MONITOR
from memorybank_operator.settings import Settings

from .tenants import context, tenant

HOST = "customer1.example.com"
ON = {
    "settings": Settings(traefik_middlewares="memorybank-system-memorybank"),
    "served": frozenset([HTTP_ROUTE, MIDDLEWARE, POD_MONITOR]),
}
HEADERS, HTTPS, OWN = (
    f"{name}@kubernetescrd"
    for name in ("memorybank-system-memorybank-headers", "memorybank-system-memorybank-https", "customers-customer1")
)


def made(ingress: dict[str, Any], *, on: dict[str, Any] | None = None, **spec: Any) -> tuple[Any, str | None]:
    """The Middleware, and what the Ingress says of them."""
    found = children(tenant(hostname=HOST, access={"ingress": ingress}, **spec), context(**(on or ON)))
    routed = found[INGRESS] or {"metadata": {}}
    return found[MIDDLEWARE], (routed["metadata"].get("annotations") or {}).get(ANNOTATION)


def test_a_tenant_of_traefiks_class_has_its_rate_and_the_headers_of_all() -> None:
    middleware, named = made({"className": "traefik"}, rateLimit={"requestsPerSecond": 5, "burst": 9})
    rate = {"average": 5, "period": "1s", "burst": 9, "sourceCriterion": {"requestHost": True}}
    assert middleware["spec"] == {"rateLimit": rate}
    assert named == f"{HEADERS},{OWN}"


def test_with_tls_it_is_sent_to_https_first() -> None:
    assert made({"className": "traefik-internal", "tls": {"secretName": "wildcard"}})[1] == f"{HTTPS},{HEADERS},{OWN}"


def test_the_edge_admits_what_all_keys_together_may_ask() -> None:
    keys = [{"name": name, "scopes": ["read"]} for name in ("a", "b", "c")]
    middleware, _ = made({"className": "traefik"}, apiKeys=keys)
    assert (middleware["spec"]["rateLimit"]["average"], middleware["spec"]["rateLimit"]["burst"]) == (150, 300)


def test_without_a_limit_there_are_the_headers_alone() -> None:
    assert made({"className": "traefik"}, rateLimit={"requestsPerSecond": 0}) == (None, HEADERS)


@pytest.mark.parametrize(
    ("ingress", "theirs"),
    [
        ({"className": "nginx", "annotations": {"nginx.ingress.kubernetes.io/proxy-body-size": "9m"}}, None),
        ({}, None),
        ({"className": "traefik", "annotations": {ANNOTATION: "x@file"}}, "x@file"),
    ],
)
def test_others_and_who_names_their_own_are_told_nothing(ingress: dict[str, Any], theirs: str | None) -> None:
    assert made(ingress) == (None, theirs)


@pytest.mark.parametrize(
    "missing", [{"settings": Settings()}, {"served": frozenset([HTTP_ROUTE])}, {"hostname_free": False}]
)
def test_it_is_not_named_where_it_cannot_be(missing: dict[str, Any]) -> None:
    assert made({"className": "traefik"}, on={**ON, **missing}) == (None, None)


@pytest.mark.parametrize(("section", "says"), [("websecure", True), ("web", False)])
def test_a_route_of_a_gateway_with_tls_keeps_browsers_to_it(section: str, says: bool) -> None:
    _, filters = routed({"name": "public", "sectionName": section})
    told = [one["name"] for each in filters for one in each["responseHeaderModifier"]["set"]]
    assert told == (["Strict-Transport-Security"] if says else [])


def routed(*parents: dict[str, Any], **spec: Any) -> tuple[Any, list[dict[str, Any]]]:
    """The Middleware, and the filters of the route of Gateways."""
    gateway = {"type": "Gateway", "gateway": {"parentRefs": list(parents)}}
    found = children(tenant(hostname=HOST, access=gateway, **spec), context(**ON))
    route = found[HTTP_ROUTE]
    assert route is not None
    [rule] = route["spec"]["rules"]
    return found[MIDDLEWARE], rule.get("filters", [])


@pytest.mark.parametrize("parent", [{"name": "traefik"}, {"name": "public", "namespace": "traefik-system"}])
def test_a_route_of_traefiks_gateway_has_the_tenants_rate(parent: dict[str, Any]) -> None:
    middleware, filters = routed(parent, rateLimit={"requestsPerSecond": 5, "burst": 9})
    own = {"group": "traefik.io", "kind": "Middleware", "name": "customer1"}
    assert filters == [{"type": "ExtensionRef", "extensionRef": own}]
    assert middleware["spec"]["rateLimit"]["average"] == 5


@pytest.mark.parametrize(
    ("parents", "spec"),
    [
        ([{"name": "public"}], {}),
        ([{"name": "traefik"}, {"name": "envoy"}], {}),
        ([{"name": "traefik"}], {"rateLimit": {"requestsPerSecond": 0}}),
    ],
)
def test_a_route_that_others_serve_or_without_a_limit_has_none(
    parents: list[dict[str, Any]], spec: dict[str, Any]
) -> None:
    assert routed(*parents, **spec) == (None, [])
