"""What is wrong with a tenant stands in its status with the next step, and goes when the cause does."""

import asyncio
import datetime
from typing import Any

import pytest

from memorybank_operator.answers import Refused
from memorybank_operator.cluster import Cluster
from memorybank_operator.handlers import Operator
from memorybank_operator.kinds import CERTIFICATE, EVENT, POD, SECRET, SERVICE, TENANT, VOLUME_CLAIM, Kind
from memorybank_operator.objects import Object
from memorybank_operator.seen import TenantKey

from .conftest import Start, install_crd
from .kube import SECONDS, Kube, Manifest, condition_of
from .test_quiet import ready, requests, since

QUOTA = Kind("", "v1", "ResourceQuota", "resourcequotas")
CERTIFICATES = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": f"{CERTIFICATE.plural}.{CERTIFICATE.group}"},
    "spec": {
        "group": CERTIFICATE.group,
        "scope": "Namespaced",
        "names": {"kind": CERTIFICATE.kind, "plural": CERTIFICATE.plural, "singular": "certificate"},
        "versions": [
            {
                "name": CERTIFICATE.version,
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}


def message(tenant: Manifest, kind: str) -> str:
    found = condition_of(tenant, kind)
    assert found is not None
    return str(found["message"])


async def limit(kube: Kube, namespace: str, name: str, **hard: str) -> None:
    """A quota that is in force."""
    await kube.create(QUOTA, namespace, name, spec={"hard": hard})
    await kube.until(QUOTA, namespace, name, lambda found: found and found.get("status", {}).get("hard"))


async def test_a_quota_that_has_no_room_for_the_volume_is_named_and_the_tenant_heals_with_it(
    kube: Kube, namespace: str, start: Start
) -> None:
    await limit(kube, namespace, "disk", **{"requests.storage": "1Gi"})
    async with start():
        await kube.tenant(namespace)
        tenant = await kube.condition(namespace, "Stalled", "True", reason="QuotaExceeded")
        said = message(tenant, "Ready")
        assert "ResourceQuota disk has no room for the PersistentVolumeClaim (requested: requests.storage=10Gi" in said
        assert "ask for less (spec.storage.size)" in said
        await kube.merge(QUOTA, namespace, "disk", {"spec": {"hard": {"requests.storage": "100Gi"}}})
        await kube.condition(namespace, "Stalled", "False")
        await kube.until(VOLUME_CLAIM, namespace, "customer1", lambda found: found)


async def test_a_limit_range_that_refuses_the_pod_is_told(kube: Kube, namespace: str, start: Start) -> None:
    limits = {"limits": [{"type": "Container", "max": {"memory": "64Mi"}}]}
    await kube.create(Kind("", "v1", "LimitRange", "limitranges"), namespace, "small", spec=limits)
    async with start():
        await kube.tenant(namespace, resources={"limits": {"memory": "1Gi"}, "requests": {"memory": "32Mi"}})
        tenant = await kube.condition(namespace, "Available", "False", reason="LimitRangeViolated")
    assert "maximum memory usage per Container is 64Mi, but limit is 1Gi" in message(tenant, "Available")


async def test_a_cluster_without_a_default_storage_class_is_told_how_to_get_one(
    kube: Kube, namespace: str, start: Start
) -> None:
    async with start():
        await kube.tenant(namespace)
        tenant = await kube.condition(namespace, "StorageReady", "False", reason="StorageClassMissing")
        await kube.until(VOLUME_CLAIM, namespace, "customer1", lambda found: found)
        assert "storageclass.kubernetes.io/is-default-class=true" in message(tenant, "StorageReady")
        await kube.volume(namespace)
        await kube.condition(namespace, "StorageReady", "True")


async def test_a_storage_class_that_is_not_there_is_learned_from_the_claim_s_events(
    kube: Kube, namespace: str, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memorybank_operator.looking.PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr("memorybank_operator.looking.EVENTS_SECONDS", 0.2)  # the first look may come before the event
    async with start():
        await kube.tenant(namespace, storage={"storageClassName": "fast"})
        tenant = await kube.condition(namespace, "StorageReady", "False", reason="StorageClassMissing")
    assert "There is no storage class fast" in message(tenant, "StorageReady")


async def test_of_many_that_wait_only_some_have_their_events_read(
    kube: Kube, namespace: str, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memorybank_operator.looking.PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr("memorybank_operator.looking.EVENTS_SECONDS", 0.2)
    monkeypatch.setattr("memorybank_operator.looking.EVENTS_AT_ONCE", 2)
    monkeypatch.setattr("memorybank_operator.looking.EVENTS_TURN_SECONDS", 3600.0)
    read, tenants = requests(("list",)), [f"customer{number}" for number in range(4)]
    async with start() as operator:
        for name in tenants:
            await kube.observed(await kube.tenant(namespace, name, storage={"storageClassName": "fast"}))
            await kube.until(VOLUME_CLAIM, namespace, name, lambda found: found)
        for _ in range(3):
            operator.resync()
            await operator.queue.settled()
            await asyncio.sleep(0.3)  # so that each is due again
    assert since(read, ("list",)).get("list events") == 2


async def waiting(kube: Kube, namespace: str) -> Manifest:
    """The tenant's pod, on a node and without a container yet."""
    await kube.until(VOLUME_CLAIM, namespace, "customer1", lambda found: found)
    await kube.volume(namespace)
    pod = await kube.pod(namespace)
    await kube.bind(pod, "node-7")
    return pod


async def noticed(kube: Kube, operator: Operator, namespace: str, pod: str) -> None:
    """Return when the operator has seen the pod as it is now, and acted on it."""
    version = int((await kube.get(POD, namespace, pod))["metadata"]["resourceVersion"])
    async with asyncio.timeout(SECONDS):
        while True:
            pods = operator.seen.all_of(POD, TenantKey(namespace, "customer1"))
            if any(int(found["metadata"]["resourceVersion"]) >= version for found in pods):
                break
            await asyncio.sleep(0.02)
    await operator.queue.settled()


def about(pod: Manifest, reason: str, text: str) -> dict[str, Any]:
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    names = {key: pod["metadata"][key] for key in ("name", "namespace", "uid")}
    times = {"firstTimestamp": now, "lastTimestamp": now}
    return {"involvedObject": {"kind": "Pod", **names}, "reason": reason, "message": text, "type": "Warning", **times}


async def test_a_volume_that_does_not_detach_is_told_with_the_taint_that_frees_it_and_read_once(
    kube: Kube, namespace: str, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memorybank_operator.looking.PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr("memorybank_operator.looking.EVENTS_SECONDS", 0.2)  # the first look may come before the event
    tenant = await kube.tenant(namespace)
    async with start():
        pod = await waiting(kube, namespace)
    event = about(pod, "FailedAttachVolume", 'Multi-Attach error for volume "v" Volume is already attached to node-1')
    await kube.create(EVENT, namespace, "attach", **event)
    async with start() as operator:
        tenant = await kube.condition(namespace, "Available", "False", reason="VolumeNotAttached")
        assert "node.kubernetes.io/out-of-service=nodeshutdown:NoExecute" in message(tenant, "Available")
        await operator.queue.settled()
        before, read = requests(), requests(("list",)).get("list events")
        operator.resync()
        await operator.queue.settled()
        assert since(before) == {}
        assert requests(("list",)).get("list events") == read
        await kube.ready_pod(namespace)
        await kube.condition(namespace, "Available", "True")


async def test_a_pod_that_flaps_between_two_words_for_one_trouble_costs_one_write(
    kube: Kube, namespace: str, start: Start
) -> None:
    async with start() as operator:
        await kube.tenant(namespace)
        pod = await waiting(kube, namespace)
        name = pod["metadata"]["name"]
        await kube.condition(namespace, "Available", "False", reason="PodStarting")
        await operator.queue.settled()
        before = requests()
        for reason, text in [
            ("ErrImagePull", 'failed to pull image "i:1": not found'),
            ("ImagePullBackOff", 'Back-off pulling image "i:1"'),
        ] * 3:
            container = {"name": "memorybank", "image": "i:1", "imageID": "", "ready": False, "restartCount": 0}
            container["state"] = {"waiting": {"reason": reason, "message": text}}
            await kube.merge(POD, namespace, name, {"status": {"containerStatuses": [container]}}, "status")
            await noticed(kube, operator, namespace, name)
        assert since(before)["apply memorybanktenants"] == 1


async def test_a_tls_secret_that_is_missing_is_told_and_its_coming_is_noticed(
    kube: Kube, namespace: str, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memorybank_operator.looking.CERTIFICATE_SECONDS", 0.2)
    tls = {"ingress": {"tls": {"secretName": "wild"}}}
    async with start():
        await kube.tenant(namespace, hostname=f"{namespace}.example.com", access=tls)
        tenant = await kube.condition(namespace, "AccessReady", "False", reason="TlsSecretMissing")
        assert f"kubectl create secret tls wild -n {namespace}" in message(tenant, "AccessReady")
        await kube.create(SECRET, namespace, "wild", stringData={"tls.crt": "c", "tls.key": "k"})
        await kube.condition(namespace, "AccessReady", "True")


async def test_a_certificate_is_as_ready_as_cert_manager_says(
    kube: Kube, namespace: str, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memorybank_operator.looking.CERTIFICATE_SECONDS", 0.2)
    monkeypatch.setattr("memorybank_operator.handlers.DISCOVERY_SECONDS", 0.2)
    tls = {"ingress": {"tls": {"issuerRef": {"name": "letsencrypt"}}}}
    async with start() as operator:
        await kube.tenant(namespace, hostname=f"{namespace}.example.com", access=tls)
        tenant = await kube.condition(namespace, "AccessReady", "False", reason="CertificateNotReady")
        assert "the cluster has none" in message(tenant, "AccessReady")
        await install_crd(kube, CERTIFICATES)
        told = {
            "type": "Ready",
            "status": "False",
            "reason": "DoesNotExist",
            "message": "Issuing certificate as Secret",
        }
        await kube.create(CERTIFICATE, namespace, "customer1-tls")
        await kube.merge(CERTIFICATE, namespace, "customer1-tls", {"status": {"conditions": [told]}}, "status")
        said = "The certificate customer1-tls is not ready (Issuing certificate as Secret): check the ClusterIssuer"
        await kube.until(TENANT, namespace, "customer1", lambda one: said in str(condition_of(one, "AccessReady")))
        ready_now = {"status": {"conditions": [{**told, "status": "True"}]}}
        await kube.merge(CERTIFICATE, namespace, "customer1-tls", ready_now, "status")
        await kube.condition(namespace, "AccessReady", "True")
        await operator.queue.settled()
        read = requests(("get",)).get("get certificates")
        await kube.delete(SERVICE, namespace, "customer1")
        await kube.until(SERVICE, namespace, "customer1", lambda found: found)
        await operator.queue.settled()
        assert requests(("get",)).get("get certificates") == read


async def test_the_owner_of_a_host_name_is_named_within_its_namespace_only(
    kube: Kube, namespace: str, start: Start
) -> None:
    hostname = f"{namespace}.example.com"
    async with start():
        made = [await kube.tenant(namespace, name, hostname=hostname) for name in ("customer1", "customer2")]
        # Of two that are made in one second, the uid decides.
        made.sort(key=lambda one: (one["metadata"]["creationTimestamp"], one["metadata"]["uid"]))
        older, younger = (one["metadata"]["name"] for one in made)
        tenant = await kube.condition(namespace, "AccessReady", "False", younger, "HostnameTaken")
    assert f"belongs to the older tenant {older} of this namespace" in message(tenant, "AccessReady")


async def events(kube: Kube, namespace: str) -> list[tuple[str, int]]:
    found = await kube.list(EVENT, namespace)
    own = [one for one in found if one["involvedObject"]["kind"] == TENANT.kind]
    # The tests' cluster has no node: that the pod waits for one is told rightly, and none of what is counted.
    return sorted((one["reason"], one["count"]) for one in own if one["reason"] != "Unschedulable")


async def test_a_tenant_s_beginning_is_two_events_and_a_restart_none(kube: Kube, namespace: str, start: Start) -> None:
    async with start() as operator:
        await kube.tenant(namespace, storage={"storageClassName": "manual"})
        await kube.until(VOLUME_CLAIM, namespace, "customer1", lambda found: found)
        await kube.volume(namespace, storage_class="manual")
        await kube.ready_pod(namespace)
        await kube.condition(namespace, "Ready", "True")
        await operator.queue.settled()
        assert await events(kube, namespace) == [("Created", 1), ("Ready", 1)]
    async with start() as operator:
        operator.resync()
        await operator.queue.settled()
        assert await events(kube, namespace) == [("Created", 1), ("Ready", 1)]


async def another(kube: Kube, namespace: str, uid: str) -> None:
    """Return when there is a Service that is not the one with this uid."""
    await kube.until(SERVICE, namespace, "customer1", lambda found: found and found["metadata"]["uid"] != uid)


async def test_what_somebody_deletes_or_edits_is_repaired_and_told_as_one_event_each(
    kube: Kube, namespace: str, start: Start
) -> None:
    async with start() as operator:
        await ready(kube, operator, namespace)
        for _ in range(2):
            before = await kube.get(SERVICE, namespace, "customer1")
            await kube.delete(SERVICE, namespace, "customer1")
            await another(kube, namespace, before["metadata"]["uid"])
            await operator.queue.settled()
        edit = {"op": "replace", "path": "/spec/ports/0/port", "value": 81}
        await kube.edit(SERVICE, namespace, "customer1", edit)
        await kube.until(
            SERVICE, namespace, "customer1", lambda found: found and found["spec"]["ports"][0]["port"] == 80
        )
        await operator.queue.settled()
        await kube.observed(await kube.change(namespace, image="registry.example/memorybank:v2"))
        await operator.queue.settled()
        told = [one for one in await events(kube, namespace) if one[0] in ("Repaired", "ImageChanged")]
    assert told == [("ImageChanged", 1), ("Repaired", 1), ("Repaired", 2)]


async def test_an_event_that_is_refused_fails_nothing(
    kube: Kube, namespace: str, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = Cluster.create

    async def refuse_events(self: Cluster, kind: Kind, manifest: Manifest) -> Object:
        if kind is EVENT:
            raise Refused(403, "Forbidden", "no events here")
        return await create(self, kind, manifest)

    monkeypatch.setattr(Cluster, "create", refuse_events)
    async with start() as operator:
        await ready(kube, operator, namespace)
    assert await events(kube, namespace) == []


async def test_a_node_that_falls_silent_is_told_and_forgotten_when_it_answers(
    kube: Kube, namespace: str, start: Start
) -> None:
    async with start() as operator:
        await ready(kube, operator, namespace)
        name = (await kube.pod(namespace))["metadata"]["name"]
        silent = [{"type": "Ready", "status": "False"}, {"type": "ContainersReady", "status": "True"}]
        await kube.merge(POD, namespace, name, {"status": {"conditions": silent}}, "status")
        tenant = await kube.condition(namespace, "Available", "False", reason="NodeLost")
        assert "out-of-service" in message(tenant, "Ready")
        await kube.ready_pod(namespace)
        await kube.condition(namespace, "Ready", "True")
    assert ("NodeLost", 1) in await events(kube, namespace)
