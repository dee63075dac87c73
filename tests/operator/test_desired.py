"""From a tenant to its manifests."""

from typing import Any

import pytest

from memorybank_operator.desired import access, children, network, secrets, storage, workload
from memorybank_operator.desired.context import choose_image
from memorybank_operator.kinds import HTTP_ROUTE, INGRESS, NETWORK_POLICY, POD_MONITOR, Kind
from memorybank_operator.settings import Settings

from .tenants import context, tenant

Manifest = dict[str, Any]


def pod(**spec: Any) -> Manifest:
    found: Manifest = workload.deployment(tenant(**spec), context())["spec"]["template"]["spec"]
    return found


def variables(**spec: Any) -> Manifest:
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in pod(**spec)["containers"][0]["env"]}


def test_the_pod_passes_the_restricted_standard() -> None:
    made = pod()
    container = made["containers"][0]["securityContext"]
    assert made["securityContext"]["runAsNonRoot"] is True
    assert made["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["allowPrivilegeEscalation"] is False
    assert container["readOnlyRootFilesystem"] is True
    assert container["capabilities"] == {"drop": ["ALL"]}
    assert made["automountServiceAccountToken"] is False


def test_there_is_never_more_than_one_writer_of_the_store() -> None:
    spec = workload.deployment(tenant(), context())["spec"]
    assert (spec["replicas"], spec["strategy"]["type"]) == (1, "Recreate")


def test_the_spec_reaches_the_service_by_its_environment() -> None:
    found = variables(
        forgetting={"intervalHours": 6, "thresholdPercent": 25, "timeScaleHours": 24, "purgeAfterDays": 30},
        maintenance={"intervalHours": 12},
        llm={"provider": "openai", "model": "small", "apiBase": "https://llm.example.com/v1"},
        embedding={"provider": "local"},
    )
    assert found == {
        "TENANT_ID": "customer1",
        "ACCESS_FILE": "/etc/memorybank/access/access.json",
        "CHROMA_DB_PATH": "/data",
        "PORT": "8000",
        "METRICS_PORT": "9090",
        "FORGETTING_INTERVAL_HOURS": "6",
        "FORGETTING_THRESHOLD": "0.25",
        "FORGETTING_TIME_SCALE_HOURS": "24",
        "FORGETTING_PURGE_AFTER_DAYS": "30",
        "MAINTENANCE_INTERVAL_HOURS": "12",
        "LLM_PROVIDER": "openai",
        "LLM_MODEL": "small",
        "LLM_API_BASE": "https://llm.example.com/v1",
        "EMBEDDING_PROVIDER": "local",
    }


@pytest.mark.parametrize(
    ("provider", "variable"),
    [
        ("claude", "ANTHROPIC_API_KEY"),
        ("openai", "OPENAI_API_KEY"),
        ("google", "GOOGLE_API_KEY"),
        ("groq", "GROQ_API_KEY"),
    ],
)
def test_a_provider_key_comes_by_reference_alone(provider: str, variable: str) -> None:
    reference = {"name": "llm", "key": "key"}
    found = variables(llm={"provider": provider, "apiKeySecretRef": reference})
    assert found[variable] == {"secretKeyRef": reference}


def test_the_older_choice_of_image_outlives_an_operator_upgrade() -> None:
    upgraded = Settings(image="registry.example/memorybank:v2")
    chosen_before = {"defaultImage": "registry.example/memorybank:v1"}
    assert choose_image(tenant(), upgraded) == "registry.example/memorybank:v2"
    assert choose_image(tenant(status=chosen_before), upgraded) == "registry.example/memorybank:v1"
    assert choose_image(tenant(status=chosen_before, image="mine:v3"), upgraded) == "mine:v3"


@pytest.mark.parametrize(
    ("spec", "request_", "capacity", "asked"),
    [
        ("10Gi", None, None, "10Gi"),  # new
        ("20Gi", "10Gi", "10Gi", "20Gi"),  # grows
        ("5Gi", "20Gi", "20Gi", "20Gi"),  # adopted
        ("30Gi", "20Ti", "20Gi", "30Gi"),  # mistyped, taken back
        ("10Gi", "20Ti", "10Gi", "10241Mi"),  # taken back to what there is: the API server takes no less than this
        ("10Gi", "10241Mi", "10Gi", "10241Mi"),
        ("20Gi", "10Gi", None, "10Gi"),  # not bound yet: cannot be changed
        ("200Mi", "200Mi", "300Mi", "200Mi"),  # rounded up by the driver
    ],
)
def test_the_claim_asks_for_the_spec_and_never_for_less_than_there_is(
    spec: str, request_: str | None, capacity: str | None, asked: str
) -> None:
    seen = context(volume_request=request_, volume_capacity=capacity)
    assert storage.claim_size(tenant(storage={"size": spec}), seen) == asked


@pytest.mark.parametrize(("policy", "owned"), [("Retain", False), ("Delete", True)])
def test_the_policy_decides_who_owns_volume_and_keys(policy: str, owned: bool) -> None:
    one = tenant(deletionPolicy=policy)
    made = [storage.volume_claim(one, context()), secrets.key_secret(one, secrets.DEFAULT_KEY, "mb_x")]
    assert [bool(manifest["metadata"].get("ownerReferences")) for manifest in made] == [owned, owned]


GATEWAY = {"type": "Gateway", "gateway": {"parentRefs": [{"name": "gw", "namespace": "infra", "sectionName": "https"}]}}


@pytest.mark.parametrize(
    ("spec", "seen", "kinds", "endpoint"),
    [
        ({}, {}, set(), "http://customer1.customers.svc"),
        ({"hostname": "a.example"}, {}, {INGRESS}, "http://a.example"),
        ({"hostname": "a.example"}, {"hostname_free": False}, set(), "http://customer1.customers.svc"),
        ({"hostname": "a.example", "access": {"type": "None"}}, {}, set(), "http://customer1.customers.svc"),
        ({"hostname": "a.example", "access": GATEWAY}, {}, {HTTP_ROUTE}, "https://a.example"),
        ({"hostname": "a.example", "access": GATEWAY}, {"served": frozenset()}, set(), "https://a.example"),
        (
            {"hostname": "a.example", "access": {"ingress": {"tls": {"secretName": "tls"}}}},
            {},
            {INGRESS},
            "https://a.example",
        ),
    ],
)
def test_a_tenant_is_reached_in_one_way(spec: Manifest, seen: Manifest, kinds: set[Kind], endpoint: str) -> None:
    one, there = tenant(**spec), context(**seen)
    made = {kind for kind, found in children(one, there).items() if found is not None}
    assert made & {INGRESS, HTTP_ROUTE} == kinds
    assert access.endpoint(one, there) == endpoint


def test_an_issuer_makes_the_certificate() -> None:
    tls = {"issuerRef": {"kind": "ClusterIssuer", "name": "letsencrypt"}}
    made = access.ingress(tenant(hostname="a.example", access={"ingress": {"tls": tls}}), context())
    assert made is not None
    assert made["metadata"]["annotations"] == {"cert-manager.io/cluster-issuer": "letsencrypt"}
    assert made["spec"]["tls"] == [{"hosts": ["a.example"], "secretName": "customer1-tls"}]


def ports(rules: list[Manifest]) -> list[object]:
    return [port["port"] for rule in rules for port in rule["ports"]]


def test_a_tenant_reaches_names_alone_until_a_provider_is_set() -> None:
    without = network.network_policy(tenant(), context())
    with_provider = network.network_policy(tenant(llm={}), context())
    assert without is not None
    assert with_provider is not None
    assert ports(without["spec"]["egress"]) == [53, 53]
    outside = with_provider["spec"]["egress"][1]
    assert ports([outside]) == [443]
    assert outside["to"][0]["ipBlock"] == {"cidr": "0.0.0.0/0", "except": list(Settings().cluster_cidrs)}


def test_the_firewall_and_the_monitor_can_be_switched_off() -> None:
    made = children(tenant(networkPolicy={"enabled": False}, monitoring={"enabled": False}), context())
    assert made[NETWORK_POLICY] is None
    assert made[POD_MONITOR] is None


def test_generated_keys_are_long_and_never_the_same() -> None:
    keys = {secrets.new_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(key.startswith("mb_") and len(key) == 46 for key in keys)
