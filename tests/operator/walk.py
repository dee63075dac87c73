"""A tenant's whole life, in steps that together make the operator use every right that it has.

Whoever gives the operator a new right adds the step here that needs it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from memorybank_operator.api.names import RECONCILE_ANNOTATION, ROTATE_ANNOTATION
from memorybank_operator.kinds import (
    BACKUP,
    CHILDREN,
    DEPLOYMENT,
    EVENT,
    HTTP_ROUTE,
    INGRESS,
    MIDDLEWARE,
    NETWORK_POLICY,
    POD,
    POD_MONITOR,
    SECRET,
    SERVICE,
    SERVICE_ACCOUNT,
    TENANT,
    VOLUME_CLAIM,
    Kind,
)

from .backups import TAKEN, end, in_phase
from .kube import SECONDS, Kube, Manifest, condition_of

Step = Callable[[Kube, str], Awaitable[None]]

ANYTHING: Final = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
PARTS: Final[dict[Kind, dict[str, Any]]] = {
    VOLUME_CLAIM: {
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    },
    SERVICE: {"spec": {"ports": [{"port": 80}]}},
    DEPLOYMENT: {
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"app": "theirs"}},
            "template": {
                "metadata": {"labels": {"app": "theirs"}},
                "spec": {"containers": [{"name": "service", "image": "theirs"}]},
            },
        }
    },
    INGRESS: {"spec": {"defaultBackend": {"service": {"name": "theirs", "port": {"number": 80}}}}},
    NETWORK_POLICY: {"spec": {"podSelector": {"matchLabels": {"app": "theirs"}}}},
}
"""What an object of somebody else needs, to be accepted."""


def crd(kind: Kind) -> Manifest:
    """A stand-in for an optional kind's own definition, of which only its being there matters."""
    version = {
        "name": kind.version,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": ANYTHING},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{kind.plural}.{kind.group}",
            "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"},
        },
        "spec": {
            "group": kind.group,
            "scope": "Namespaced",
            "names": {"kind": kind.kind, "plural": kind.plural, "singular": kind.kind.lower()},
            "versions": [version],
        },
    }


def hostname(namespace: str, name: str) -> str:
    return f"{name}.{namespace}.example.com"


async def create(kube: Kube, namespace: str) -> None:
    by_traefik = {"ingress": {"className": "traefik"}}
    await kube.observed(await kube.tenant(namespace, hostname=hostname(namespace, "customer1"), access=by_traefik))
    await kube.play_node(namespace)
    await kube.condition(namespace, "Ready", "True")


async def change_what_the_running_pod_takes_up(kube: Kube, namespace: str) -> None:
    pod = await kube.pod(namespace)
    before = pod["metadata"].get("annotations")
    await kube.change(namespace, rateLimit={"burst": 7})
    name = pod["metadata"]["name"]
    await kube.until(POD, namespace, name, lambda found: found and found["metadata"].get("annotations") != before)


async def rotate(kube: Kube, namespace: str) -> None:
    """By deleting the key; a new one is made, and an event says so."""
    secret = await kube.get(SECRET, namespace, "customer1-api-key")
    await kube.delete(SECRET, namespace, "customer1-api-key")
    await kube.merge(TENANT, namespace, "customer1", {"metadata": {"annotations": {RECONCILE_ANNOTATION: "now"}}})
    uid = secret["metadata"]["uid"]
    await kube.until(SECRET, namespace, "customer1-api-key", lambda found: found and found["metadata"]["uid"] != uid)


async def rotate_on_request(kube: Kube, namespace: str) -> None:
    secret = await kube.get(SECRET, namespace, "customer1-api-key")
    await kube.merge(TENANT, namespace, "customer1", {"metadata": {"annotations": {ROTATE_ANNOTATION: "default"}}})
    uid = secret["metadata"]["uid"]
    await kube.until(SECRET, namespace, "customer1-api-key", lambda found: found and found["metadata"]["uid"] != uid)


async def repair(kube: Kube, namespace: str) -> None:
    """Twice, which is one event with a count."""
    for times in (1, 2):
        await _remade(kube, namespace)
        await _told(kube, namespace, "Repaired", times)


async def _told(kube: Kube, namespace: str, reason: str, times: int) -> None:
    async with asyncio.timeout(SECONDS):
        while True:
            events = await kube.list(EVENT, namespace)
            if times in [event["count"] for event in events if event["reason"] == reason]:
                return
            await asyncio.sleep(0.05)


async def _remade(kube: Kube, namespace: str) -> None:
    uid = (await kube.get(SERVICE, namespace, "customer1"))["metadata"]["uid"]
    await kube.delete(SERVICE, namespace, "customer1")
    await kube.until(SERVICE, namespace, "customer1", lambda found: found and found["metadata"]["uid"] != uid)


async def take_back_edits(kube: Kube, namespace: str) -> None:
    """What is edited for the first time was created, and never applied."""
    for kind in (SERVICE_ACCOUNT, NETWORK_POLICY, SERVICE, POD_MONITOR):
        await _edited(kube, namespace, kind)


async def _edited(kube: Kube, namespace: str, kind: Kind) -> None:
    label = "app.kubernetes.io/name"
    await kube.until(kind, namespace, "customer1", lambda found: found)
    await kube.merge(kind, namespace, "customer1", {"metadata": {"labels": {label: "another"}}})
    await kube.until(
        kind, namespace, "customer1", lambda found: found and found["metadata"]["labels"][label] == "memorybank"
    )


async def wait_in_silence(kube: Kube, namespace: str) -> None:
    """A pod that has not been ready for long and does not say why: only its events may tell."""
    pod = await kube.pod(namespace)
    unready = {"type": "Ready", "status": "False", "lastTransitionTime": "2020-01-01T00:00:00Z"}
    await kube.bind(pod)  # else the scheduler would soon say that there is no node
    await kube.merge(POD, namespace, pod["metadata"]["name"], {"status": {"conditions": [unready]}}, "status")
    await kube.condition(namespace, "Available", "False")
    await kube.end(pod)
    await kube.ready_pod(namespace)
    await kube.condition(namespace, "Available", "True")


async def ask_for_a_certificate(kube: Kube, namespace: str) -> None:
    tls = {"issuerRef": {"name": "letsencrypt"}}
    await kube.change(namespace, access={"ingress": {"tls": tls}})
    await kube.condition(namespace, "AccessReady", "False", reason="CertificateNotReady")
    await kube.change(namespace, access={"ingress": {"tls": None}})
    await kube.condition(namespace, "AccessReady", "True")


async def back_up_on_demand_and_by_schedule(kube: Kube, namespace: str) -> None:
    """The second one leaves no room for the first; its schedule has been waiting for it since long ago."""
    plan: dict[str, Any] = {"destination": {"pvc": {"claimName": "backups"}}, "retention": {"count": 1}}
    await kube.observed(await kube.change(namespace, backup=plan))
    await kube.create(BACKUP, namespace, "first", spec={"tenantRef": {"name": "customer1"}})
    await end(kube, namespace, "first-1", TAKEN)
    await in_phase(kube, namespace, "first", "Completed")
    since = {"schedule": "0 3 1 1 *", "since": "2020-01-01T00:00:00Z"}
    await kube.merge(TENANT, namespace, "customer1", {"status": {"backups": {"plan": since}}}, "status")
    await kube.change(namespace, backup={"schedule": since["schedule"]})
    async with asyncio.timeout(SECONDS):
        while not (made := [one for one in await names(kube, BACKUP, namespace) if one != "first"]):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await end(kube, namespace, f"{made[0]}-1", {**TAKEN, "id": "20270116T080000Z-00000000", "removed": [TAKEN["id"]]})
    await kube.until_gone(BACKUP, namespace, "first")
    await kube.change(namespace, backup=None)


async def names(kube: Kube, kind: Kind, namespace: str) -> list[str]:
    return [one["metadata"]["name"] for one in await kube.list(kind, namespace)]


async def hibernate_and_wake(kube: Kube, namespace: str) -> None:
    await kube.change(namespace, hibernate=True)
    await kube.until(DEPLOYMENT, namespace, "customer1", lambda found: found and found["spec"]["replicas"] == 0)
    await kube.change(namespace, hibernate=False)
    await kube.until(DEPLOYMENT, namespace, "customer1", lambda found: found and found["spec"]["replicas"] == 1)


async def move_from_ingress_to_gateway_and_inside(kube: Kube, namespace: str) -> None:
    await kube.until(INGRESS, namespace, "customer1", lambda found: found)
    gateway = {"parentRefs": [{"name": "gateway", "namespace": "infra"}]}
    await kube.change(namespace, access={"type": "Gateway", "gateway": gateway, "ingress": None})
    await kube.until(MIDDLEWARE, namespace, "customer1", lambda found: found is None)
    await kube.until(INGRESS, namespace, "customer1", lambda found: found is None)
    await _edited(kube, namespace, HTTP_ROUTE)
    await kube.change(namespace, access={"type": "None", "gateway": None})
    await kube.until(HTTP_ROUTE, namespace, "customer1", lambda found: found is None)


async def switch_off_what_can_be(kube: Kube, namespace: str) -> None:
    await kube.until(POD_MONITOR, namespace, "customer1", lambda found: found)
    await kube.change(namespace, monitoring={"enabled": False}, networkPolicy={"enabled": False})
    for kind in (POD_MONITOR, NETWORK_POLICY):
        await kube.until(kind, namespace, "customer1", lambda found: found is None)


async def delete_under_retain_and_come_back(kube: Kube, namespace: str) -> None:
    await kube.delete(TENANT, namespace, "customer1")
    await kube.until_gone(DEPLOYMENT, namespace, "customer1")
    await kube.observed(await kube.tenant(namespace))


async def delete_under_snapshot_and_come_back(kube: Kube, namespace: str) -> None:
    plan = {"destination": {"pvc": {"claimName": "backups"}}}
    tenant = await kube.change(namespace, backup=plan, deletionPolicy="Snapshot")
    await kube.until(TENANT, namespace, "customer1", lambda found: found and "finalizers" in found["metadata"])
    await kube.delete(TENANT, namespace, "customer1")
    await end(kube, namespace, f"customer1-final-{tenant['metadata']['uid'][:8]}-1", {**TAKEN, "what": "final"})
    await kube.until_gone(TENANT, namespace, "customer1")
    await kube.until_gone(VOLUME_CLAIM, namespace, "customer1")
    await kube.observed(await kube.tenant(namespace))


async def delete_under_delete(kube: Kube, namespace: str) -> None:
    """The policy changes at the last moment, so that what stands must be given its owner."""
    await kube.observed(await kube.change(namespace, deletionPolicy="Delete"))
    await kube.delete(TENANT, namespace, "customer1")
    await kube.until_gone(SECRET, namespace, "customer1-api-key")
    await kube.until_gone(DEPLOYMENT, namespace, "customer1")


async def meet_namesakes(kube: Kube, namespace: str) -> None:
    """Objects of somebody else under a tenant's name: the operator looks at each before it leaves it alone."""
    for kind in CHILDREN:
        labels = {"labels": {"app.kubernetes.io/name": "theirs"}}
        await kube.create(kind, namespace, "theirs", metadata=labels, **PARTS.get(kind, {}))
    routed: dict[str, Any] = {
        "hostname": hostname(namespace, "theirs"),
        "access": {"ingress": {"className": "traefik"}},
    }
    await kube.tenant(namespace, "theirs", **routed)
    await _taken(kube, namespace, [kind for kind in CHILDREN if kind is not HTTP_ROUTE])
    gateway = {"parentRefs": [{"name": "gateway"}]}
    await kube.change(namespace, "theirs", access={"type": "Gateway", "gateway": gateway, "ingress": None})
    await _taken(kube, namespace, [kind for kind in CHILDREN if kind not in (INGRESS, MIDDLEWARE)])


async def _taken(kube: Kube, namespace: str, kinds: list[Kind]) -> None:
    def told(tenant: Manifest | None) -> bool:
        message = (condition_of(tenant, "Stalled") or {}).get("message", "")
        return all(f"{kind.kind} theirs is there already" in message for kind in kinds)

    await kube.until(TENANT, namespace, "theirs", told)


STEPS: Final[tuple[Step, ...]] = (
    create,
    change_what_the_running_pod_takes_up,
    rotate,
    rotate_on_request,
    repair,
    take_back_edits,
    wait_in_silence,
    ask_for_a_certificate,
    back_up_on_demand_and_by_schedule,
    hibernate_and_wake,
    move_from_ingress_to_gateway_and_inside,
    switch_off_what_can_be,
    delete_under_retain_and_come_back,
    delete_under_snapshot_and_come_back,
    delete_under_delete,
    meet_namesakes,
)


async def walk(kube: Kube, namespace: str) -> None:
    """Through all steps."""
    for step in STEPS:
        try:
            await step(kube, namespace)
        except (TimeoutError, AssertionError) as error:
            error.add_note(f"in the step {step.__name__}")
            raise
