"""Every field of the spec works at creation, at a change and when it is taken out, and rolls the pod or does not.

One row a field: values for it, and where they must show. A field that no row gives a value to fails the last test.
"""

import asyncio
import base64
import copy
import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from msgspec import inspect

from e2e.cluster.controlplane import ControlPlane
from memorybank_operator.api.names import DESIRED_ANNOTATION
from memorybank_operator.api.tenant import TenantSpec
from memorybank_operator.kinds import (
    DEPLOYMENT,
    HTTP_ROUTE,
    INGRESS,
    MIDDLEWARE,
    NETWORK_POLICY,
    POD_MONITOR,
    SECRET,
    SERVICE_ACCOUNT,
    TENANT,
    VOLUME_CLAIM,
    Kind,
)
from memorybank_operator.kubeconfig import Connection, from_kubeconfig

from .conftest import CRD, OperatorProcess, install_crd, remove_crd
from .kube import Kube, Manifest

Getter = Callable[[Manifest], Any]


class Row(NamedTuple):
    """A field: its values, where each must show, and whether a change of it replaces the pod."""

    path: str
    first: Any
    second: Any
    kind: Kind
    get: Getter
    shown: tuple[Any, Any]
    rolls: bool = False
    beside: dict[str, Any] = {}  # noqa: RUF012 (never changed)
    """What else the spec says, all the time."""
    fixed: bool = False
    """At creation only."""


def within(*names: str | int) -> Getter:
    """What lies at a path; None if nothing does."""

    def get(manifest: Any) -> Any:
        for name in names:
            if isinstance(name, int):
                manifest = manifest[name] if len(manifest or []) > name else None
            else:
                manifest = (manifest or {}).get(name)
        return manifest

    return get


def pod(*names: str | int) -> Getter:
    return within("spec", "template", "spec", *names)


def container(*names: str | int) -> Getter:
    return pod("containers", 0, *names)


def variable(name: str) -> Getter:
    """A variable's value, or the reference that it comes from."""

    def get(manifest: Manifest) -> Any:
        by_name = {one["name"]: one for one in container("env")(manifest)}
        one = by_name.get(name, {})
        return one.get("value", within("valueFrom", "secretKeyRef")(one))

    return get


def access_file(manifest: Manifest) -> Any:
    return json.loads(base64.b64decode(manifest["data"]["access.json"]))


def keys(manifest: Manifest) -> Any:
    return [(one["name"], one["scopes"], one["expiresAt"]) for one in access_file(manifest)["keys"]]


def limit(name: str) -> Getter:
    return lambda manifest: access_file(manifest)["rateLimit"][name]


def environment(path: str, name: str, first: Any, second: Any, **more: Any) -> Row:
    shown = tuple(str(value) for value in (first, second))
    return Row(path, first, second, DEPLOYMENT, variable(name), (shown[0], shown[1]), rolls=True, **more)


def same(path: str, first: Any, second: Any, kind: Kind, get: Getter, rolls: bool = False, **more: Any) -> Row:
    """A field that shows as it is."""
    return Row(path, first, second, kind, get, (first, second), rolls=rolls, **more)


HOST = {"hostname": "NAME.NAMESPACE.example.com"}
OPENAI = {"provider": "openai"}
PEERS: list[dict[str, Any]] = [
    {
        "podSelector": {
            "matchLabels": {"app": "a"},
            "matchExpressions": [{"key": "team", "operator": "In", "values": ["a"]}],
        },
        "namespaceSelector": {
            "matchLabels": {"env": "a"},
            "matchExpressions": [{"key": "env", "operator": "In", "values": ["a"]}],
        },
    },
    {"ipBlock": {"cidr": "192.0.2.0/24", "except": ["192.0.2.1/32"]}},
]
GATEWAY = {"name": "gateway", "namespace": "infra", "sectionName": "https", "port": 443}
SPREAD = {
    "maxSkew": 2,
    "topologyKey": "kubernetes.io/hostname",
    "whenUnsatisfiable": "ScheduleAnyway",
    "labelSelector": PEERS[0]["podSelector"],
}
AFFINITY = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "zone"}]}}
TOLERATION = {"key": "a", "operator": "Equal", "value": "b", "effect": "NoExecute", "tolerationSeconds": 60}
MORE_KEYS = [
    {"name": "app", "scopes": ["read"], "expiresAt": "2099-01-01T00:00:00Z"},
    {"name": "theirs", "scopes": ["write"], "secretKeyRef": {"name": "theirs", "key": "key"}},
]

TABLE = [
    same("image", "registry.example/memorybank:v2", "registry.example/memorybank:v3", DEPLOYMENT, container("image"),
         rolls=True),
    same("imagePullPolicy", "Always", "Never", DEPLOYMENT, container("imagePullPolicy"), rolls=True),
    same("imagePullSecrets", [{"name": "a"}, {"name": "b"}], [{"name": "b"}], DEPLOYMENT, pod("imagePullSecrets"),
         rolls=True),
    Row("llm", OPENAI, {"provider": "google"}, DEPLOYMENT, variable("LLM_PROVIDER"), ("openai", "google"), rolls=True),
    environment("llm.provider", "LLM_PROVIDER", "openai", "google", beside={"llm": {}}),
    environment("llm.model", "LLM_MODEL", "small", "large", beside={"llm": OPENAI}),
    environment("llm.apiBase", "LLM_API_BASE", "https://a.example/v1", "http://b.example", beside={"llm": OPENAI}),
    same("llm.apiKeySecretRef", {"name": "a", "key": "k"}, {"name": "b", "key": "k"}, DEPLOYMENT,
         variable("OPENAI_API_KEY"), rolls=True, beside={"llm": OPENAI}),
    Row("llm", {"provider": "groq"}, OPENAI, NETWORK_POLICY, lambda one: len(one["spec"]["egress"]), (2, 2), True),
    Row("embedding", OPENAI, {"provider": "google"}, DEPLOYMENT, variable("EMBEDDING_PROVIDER"), ("openai", "google"),
        rolls=True),
    environment("embedding.provider", "EMBEDDING_PROVIDER", "openai", "google", beside={"embedding": {}}),
    environment("embedding.model", "EMBEDDING_MODEL", "small", "large", beside={"embedding": OPENAI}),
    environment("embedding.apiBase", "EMBEDDING_API_BASE", "https://a.example", "http://b.example",
                beside={"embedding": OPENAI}),
    same("embedding.apiKeySecretRef", {"name": "a", "key": "k"}, {"name": "b", "key": "k"}, DEPLOYMENT,
         variable("OPENAI_API_KEY"), rolls=True, beside={"embedding": OPENAI}),
    environment("forgetting.intervalHours", "FORGETTING_INTERVAL_HOURS", 6, 12),
    Row("forgetting.thresholdPercent", 25, 5, DEPLOYMENT, variable("FORGETTING_THRESHOLD"), ("0.25", "0.05"), True),
    environment("forgetting.timeScaleHours", "FORGETTING_TIME_SCALE_HOURS", 24, 48),
    environment("forgetting.purgeAfterDays", "FORGETTING_PURGE_AFTER_DAYS", 30, 60),
    environment("maintenance.intervalHours", "MAINTENANCE_INTERVAL_HOURS", 12, 24),
    same("storage.size", "20Gi", None, VOLUME_CLAIM, within("spec", "resources", "requests", "storage"), fixed=True),
    same("storage.storageClassName", "fast", None, VOLUME_CLAIM, within("spec", "storageClassName"), fixed=True),
    Row("storage.accessMode", "ReadWriteOnce", None, VOLUME_CLAIM, within("spec", "accessModes"),
        (["ReadWriteOnce"], None), fixed=True),
    same("storage.autoGrow", {"max": "50Gi", "atPercent": 70, "stepPercent": 50},
         {"max": "60Gi", "atPercent": 75, "stepPercent": 10}, TENANT, within("spec", "storage", "autoGrow")),
    same("resources.requests", {"cpu": "100m", "ephemeral-storage": "1Gi"}, {"memory": "300Mi"}, DEPLOYMENT,
         container("resources", "requests"), rolls=True),
    same("resources.limits", {"cpu": "1", "memory": "2Gi"}, {"memory": "3Gi"}, DEPLOYMENT,
         container("resources", "limits"), rolls=True),
    Row("apiKeys", [{"name": "default", "scopes": ["read"]}], MORE_KEYS, SECRET, keys,
        ([("default", ["read"], None)], [("app", ["read"], "2099-01-01T00:00:00Z"), ("theirs", ["write"], None)])),
    same("rateLimit.requestsPerSecond", 7, 8, SECRET, limit("requestsPerSecond")),
    same("rateLimit.burst", 9, 10, SECRET, limit("burst")),
    Row("hostname", "a.NAMESPACE.example.com", "b.NAMESPACE.example.com", INGRESS, within("spec", "rules", 0, "host"),
        ("a.NAMESPACE.example.com", "b.NAMESPACE.example.com")),
    Row("access.type", "None", "Ingress", INGRESS, within("spec", "rules", 0, "host"),
        (None, "customer1.NAMESPACE.example.com"), beside=HOST),
    same("access.ingress.className", "traefik", "nginx", INGRESS, within("spec", "ingressClassName"), beside=HOST),
    same("access.ingress.annotations", {"example.com/a": "1", "example.com/b": "2"}, {"example.com/b": "3"}, INGRESS,
         within("metadata", "annotations"), beside=HOST),
    Row("access.ingress.tls", {"secretName": "a"}, {"secretName": "b"}, INGRESS, within("spec", "tls"),
        ([{"hosts": ["customer1.NAMESPACE.example.com"], "secretName": "a"}],
         [{"hosts": ["customer1.NAMESPACE.example.com"], "secretName": "b"}]), beside=HOST),
    Row("access.ingress.tls", {"issuerRef": {"kind": "Issuer", "name": "a"}},
        {"issuerRef": {"kind": "ClusterIssuer", "name": "b"}}, INGRESS, within("metadata", "annotations"),
        ({"cert-manager.io/issuer": "a"}, {"cert-manager.io/cluster-issuer": "b"}), beside=HOST),
    Row("access", {"type": "Gateway", "gateway": {"parentRefs": [{"name": "a"}]}},
        {"type": "Gateway", "gateway": {"parentRefs": [GATEWAY]}}, HTTP_ROUTE, within("spec", "parentRefs"),
        ([{"name": "a"}], [GATEWAY]), beside=HOST),
    Row("networkPolicy.enabled", False, True, NETWORK_POLICY, within("spec", "policyTypes"),
        (None, ["Ingress", "Egress"])),
    Row("networkPolicy.ingressFrom", PEERS, PEERS[1:], NETWORK_POLICY,
        lambda one: one["spec"]["ingress"][0]["from"][3:], (PEERS, PEERS[1:])),
    Row("networkPolicy.egressTo", [{"to": PEERS, "ports": [{"port": 1, "protocol": "UDP"}]}], [{"to": PEERS[1:]}],
        NETWORK_POLICY, lambda one: one["spec"]["egress"][1:],
        ([{"to": PEERS, "ports": [{"port": 1, "protocol": "UDP"}]}], [{"to": PEERS[1:]}])),
    Row("rateLimit.requestsPerSecond", 7, 9, MIDDLEWARE, within("spec", "rateLimit", "average"), (7, 9),
        beside={"hostname": "NAME.NAMESPACE.example.com", "access": {"ingress": {"className": "traefik"}}}),
    Row("rateLimit.burst", 70, 90, MIDDLEWARE, within("spec", "rateLimit", "burst"), (70, 90),
        beside={"hostname": "NAME.NAMESPACE.example.com", "access": {"ingress": {"className": "traefik"}}}),
    Row("monitoring.enabled", False, True, POD_MONITOR, within("spec", "podTargetLabels"),
        (None, ["memorybank.dev/tenant"])),
    same("scheduling.nodeSelector", {"a": "1", "b": "2"}, {"b": "3"}, DEPLOYMENT, pod("nodeSelector"), rolls=True),
    same("scheduling.tolerations", [TOLERATION, {"operator": "Exists"}], [{"operator": "Exists"}], DEPLOYMENT,
         pod("tolerations"), rolls=True),
    same("scheduling.affinity", AFFINITY, {"nodeAffinity": {}}, DEPLOYMENT, pod("affinity"), rolls=True),
    same("scheduling.topologySpreadConstraints", [SPREAD], [{**SPREAD, "maxSkew": 3}], DEPLOYMENT,
         pod("topologySpreadConstraints"), rolls=True),
    same("scheduling.priorityClassName", "system-cluster-critical", "system-node-critical", DEPLOYMENT,
         pod("priorityClassName"), rolls=True),
    Row("podMetadata.labels", {"team": "a", "cost": "b"}, {"cost": "c"}, DEPLOYMENT,
        lambda one: {name: value for name, value in one["spec"]["template"]["metadata"]["labels"].items()
                     if name in ("team", "cost")}, ({"team": "a", "cost": "b"}, {"cost": "c"}), rolls=True),
    same("podMetadata.annotations", {"example.com/a": "1", "example.com/b": "2"}, {"example.com/b": "3"}, DEPLOYMENT,
         within("spec", "template", "metadata", "annotations"), rolls=True),
    Row("deletionPolicy", "Delete", "Retain", VOLUME_CLAIM,
        lambda one: len(one["metadata"].get("ownerReferences", [])), (1, 0)),
    Row("hibernate", True, False, DEPLOYMENT, within("spec", "replicas"), (0, 1)),
    Row("paused", True, False, TENANT, lambda one: one.get("status", {}).get("phase") == "Paused", (True, False)),
    same("deletionProtection", True, False, TENANT, within("spec", "deletionProtection")),
]  # fmt: skip

COMPARED = (SERVICE_ACCOUNT, NETWORK_POLICY, VOLUME_CLAIM, DEPLOYMENT, MIDDLEWARE, INGRESS, HTTP_ROUTE, POD_MONITOR)


@pytest.fixture(scope="module", autouse=True)
def installed_where_everything_is_served(plane: ControlPlane) -> Iterator[None]:
    """The operator as a process, in a cluster that has the Gateway API and the Prometheus operator's."""
    connection = from_kubeconfig(plane.kubeconfig)
    asyncio.run(_serve(connection))
    process = OperatorProcess(plane.kubeconfig, TRAEFIK_MIDDLEWARES="memorybank-system-memorybank")
    process.start()
    yield
    assert process.stop() == 0
    asyncio.run(_withdraw(connection))
    faults = [line for line in process.lines if '"exception"' in line]
    assert not faults, faults


def _crd(kind: Kind) -> Manifest:
    """Of another project's kind, as far as the API server is concerned: its fields are not what is tested here."""
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {
        "metadata": {
            "name": f"{kind.plural}.{kind.group}",
            "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"},
        },
        "spec": {
            "group": kind.group,
            "scope": "Namespaced",
            "names": {"kind": kind.kind, "plural": kind.plural, "singular": kind.kind.lower()},
            "versions": [{"name": kind.version, "served": True, "storage": True, "schema": schema}],
        },
    }


async def _serve(connection: Connection) -> None:
    async with Kube(connection) as kube:
        there = {item["metadata"]["name"] for item in (await kube.call("GET", CRD.path(None)))["items"]}
        for crd in map(_crd, (HTTP_ROUTE, MIDDLEWARE, POD_MONITOR)):
            if crd["metadata"]["name"] not in there:
                await install_crd(kube, crd)


async def _withdraw(connection: Connection) -> None:
    async with Kube(connection) as kube:
        for kind in (HTTP_ROUTE, MIDDLEWARE, POD_MONITOR):
            await remove_crd(kube, kind)


def spec_of(row: Row, value: Any, name: str, namespace: str) -> Manifest:
    """The spec with a value at the row's path, beside what it says all the time."""
    spec = copy.deepcopy(row.beside)
    *above, last = row.path.split(".")
    part = spec
    for step in above:
        part = part.setdefault(step, {})
    part[last] = value
    made: Manifest = filled(spec, name, namespace)
    return made


def filled(value: Any, name: str, namespace: str) -> Any:
    text = json.dumps(value).replace("NAMESPACE", namespace).replace("NAME", name)
    return json.loads(text)


async def state(kube: Kube, namespace: str, name: str) -> str:
    """What the operator has made of a tenant, but for the names in it."""
    made = {}
    for kind in COMPARED:
        for item in await kube.list(kind, namespace):
            metadata = item["metadata"]
            if metadata["name"] == name:
                annotations = metadata.get("annotations", {})
                annotations.pop(DESIRED_ANNOTATION, None)
                annotations.pop("deployment.kubernetes.io/revision", None)
                owned = len(metadata.get("ownerReferences", []))
                made[kind.kind] = [annotations, metadata["labels"], owned, item.get("spec")]
    return json.dumps(made, sort_keys=True).replace(name, "NAME")


class Pod:
    """What of the tenant's Deployment decides whether its pod is replaced."""

    def __init__(self, deployment: Manifest) -> None:
        self.generation: int = deployment["metadata"]["generation"]
        self.template: Manifest = deployment["spec"]["template"]


@pytest.mark.parametrize("row", TABLE, ids=[f"{number}-{row.path}" for number, row in enumerate(TABLE)])
async def test_a_field_works_on_creation_change_and_removal(kube: Kube, namespace: str, row: Row) -> None:
    for name in ("a", "b", "theirs"):
        await kube.create(SECRET, namespace, name, stringData={"k": "x", "key": "mb_theirs"})
    await kube.observed(await kube.tenant(namespace, "customer2", **filled(row.beside, "customer2", namespace)))
    await kube.observed(await kube.tenant(namespace, **spec_of(row, row.first, "customer1", namespace)))
    child = "customer1-access" if row.kind is SECRET else "customer1"

    async def shows(value: Any) -> None:
        wanted = filled([value], "customer1", namespace)[0]

        def holds(found: Manifest | None) -> bool:
            # What is taken out altogether is gone with its object.
            told = None if found is None else without_ours(row.get(found))
            return bool(filled([told], "customer1", namespace)[0] == wanted)

        await kube.until(row.kind, namespace, child, holds)

    await shows(row.shown[0])
    unlike = await kube.call("GET", row.kind.path(namespace))
    others = [item for item in unlike["items"] if item["metadata"]["name"] == child.replace("customer1", "customer2")]
    assert [without_ours(row.get(item)) for item in others] != [row.shown[0]]
    if row.fixed:
        return
    for value in (row.second, None):
        before = None if row.path == "paused" else Pod(await kube.get(DEPLOYMENT, namespace, "customer1"))
        changed = await kube.change(namespace, **changes(row, value, namespace))
        if value is not None:
            await shows(row.shown[1])
        await kube.observed(changed)
        if before is not None:
            after = Pod(await kube.get(DEPLOYMENT, namespace, "customer1"))
            assert (after.template != before.template) == row.rolls
            scaled = row.path == "hibernate" and value is not None
            assert after.generation - before.generation == int(row.rolls or scaled)
    assert await state(kube, namespace, "customer1") == await state(kube, namespace, "customer2")
    if row.kind is SECRET:
        access = [await kube.get(SECRET, namespace, f"{name}-access") for name in ("customer1", "customer2")]
        assert keys(access[0]) == keys(access[1])
        assert access_file(access[0])["rateLimit"] == access_file(access[1])["rateLimit"]


def changes(row: Row, value: Any, namespace: str) -> Manifest:
    """A merge patch of the spec that puts exactly this value at the row's path; None takes it out."""
    spec = spec_of(row._replace(beside={}), value, "customer1", namespace)
    *above, last = row.path.split(".")
    part, old = spec, row.first
    for step in above:
        part = part[step]
    if isinstance(value, dict) and isinstance(old, dict):
        part[last] = {**dict.fromkeys(old), **part[last]}
    return spec


def without_ours(value: Any) -> Any:
    """Annotations without the one that the operator puts on every child."""
    if isinstance(value, dict) and DESIRED_ANNOTATION in value:
        return {name: text for name, text in value.items() if name != DESIRED_ANNOTATION}
    return value


# --- no field is forgotten


def fields(kind: inspect.Type, path: str = "") -> set[str]:
    """The paths of all fields of a type."""
    match kind:
        case inspect.Metadata():
            return fields(kind.type, path)
        case inspect.UnionType():
            return {found for one in kind.types for found in fields(one, path)}
        case inspect.ListType():
            return fields(kind.item_type, path)
        case inspect.StructType():
            below = [(field, f"{path}.{field.encode_name}") for field in kind.fields]
            return {found for field, name in below for found in ({name} | fields(field.type, name))}
        case _:
            return set()


def given(value: Any, path: str) -> set[str]:
    """The paths that a value gives something to."""
    if isinstance(value, dict):
        return {found for name, one in value.items() for found in ({f"{path}.{name}"} | given(one, f"{path}.{name}"))}
    if isinstance(value, list):
        return {found for one in value for found in given(one, path)}
    return set()


IN_JOBS = (".backup", ".restoreFrom")
"""They show in Jobs, for which something has to be done first: see test_backups and test_jobs."""


def test_the_table_has_a_row_for_every_field() -> None:
    covered = set()
    for row in TABLE:
        steps = row.path.split(".")
        covered |= {"." + ".".join(steps[: count + 1]) for count in range(len(steps))}
        for value in (row.first, row.second):
            covered |= given(value, f".{row.path}")
    left_out = fields(inspect.type_info(TenantSpec)) - covered
    assert {path for path in left_out if not path.startswith(IN_JOBS)} == set()
