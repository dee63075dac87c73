"""A key is rotated on request: once, with an overlap, whatever becomes of the operator in between."""

import base64
import datetime
import hashlib
import json
from typing import Any

import msgspec
import pytest

from memorybank_operator import keys
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.cluster import Cluster
from memorybank_operator.kinds import DEPLOYMENT, EVENT, POD, SECRET, TENANT, Kind
from memorybank_operator.kubeconfig import Connection
from memorybank_operator.reconcile import Reconciler
from memorybank_operator.seen import TenantKey
from memorybank_operator.settings import Settings

from .conftest import Start
from .kube import Kube, Manifest, condition_of
from .test_quiet import requests, since

ROTATE = "memorybank.dev/rotate-key"
NOW = datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC)
TOMORROW = "2026-11-26T12:00:00Z"
HOUR = datetime.timedelta(hours=1)


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


async def key_of(kube: Kube, namespace: str, name: str = "customer1-api-key") -> str:
    return base64.b64decode((await kube.get(SECRET, namespace, name))["data"]["api-key"]).decode()


async def entries(kube: Kube, namespace: str) -> list[Manifest]:
    secret = await kube.get(SECRET, namespace, "customer1-access")
    found: list[Manifest] = json.loads(base64.b64decode(secret["data"]["access.json"]))["keys"]
    return found


async def annotate(kube: Kube, namespace: str, value: str | None) -> Manifest:
    return await kube.merge(TENANT, namespace, "customer1", {"metadata": {"annotations": {ROTATE: value}}})


async def events(kube: Kube, namespace: str, reason: str) -> list[str]:
    return [event["message"] for event in await kube.list(EVENT, namespace) if event["reason"] == reason]


# --- the steps of a rotation, on the real API server without watches


class Killed(Exception):  # noqa: N818 (what happened, no error of the operator)
    """Stands for a process that is no more."""


class Mortal(Cluster):
    """A cluster whose client dies with a certain request: before it reaches the API server, or after it was done."""

    def __init__(self, connection: Connection, *, survives: int, answered: bool) -> None:
        super().__init__(connection)
        self._left, self._answered = survives, answered

    async def _call(self, verb: str, kind: Kind, path: str, **parts: Any) -> bytes:
        last = self._left == 0
        self._left -= 1
        if last and not self._answered:
            raise Killed
        try:
            return await super()._call(verb, kind, path, **parts)
        finally:
            if last:
                raise Killed


async def typed(kube: Kube, namespace: str) -> Tenant:
    return msgspec.convert(await kube.get(TENANT, namespace, "customer1"), Tenant)


async def observed(kube: Kube, namespace: str) -> None:
    """The tenant is no longer new: somebody has written its status."""
    await kube.merge(TENANT, namespace, "customer1", {"status": {"observedGeneration": 1}}, "status")


@pytest.mark.parametrize("answered", [False, True], ids=["before the request", "after the answer"])
async def test_an_operator_killed_at_any_request_rotates_once_and_keeps_the_overlap(
    kube: Kube, namespace: str, connection: Connection, answered: bool
) -> None:
    both = [{"name": name, "scopes": ["read"]} for name in ("default", "other")]
    await kube.tenant(namespace, apiKeys=both)
    async with Cluster(connection) as cluster:
        await keys.ensure(cluster, await typed(kube, namespace), NOW)
        await observed(kube, namespace)
        died = 0
        while True:
            before, other = await key_of(kube, namespace), await key_of(kube, namespace, "customer1-api-key-other")
            await annotate(kube, namespace, f"default/{died}")
            tenant = await typed(kube, namespace)
            async with Mortal(connection, survives=died, answered=answered) as mortal:
                try:
                    await keys.ensure(mortal, tenant, NOW)
                except Killed:
                    survived = False
                else:
                    survived = True
            told = await keys.ensure(cluster, tenant, NOW + HOUR)
            after = await key_of(kube, namespace)
            assert after != before
            assert await key_of(kube, namespace, "customer1-api-key-other") == other
            found = {entry["name"]: entry for entry in await entries(kube, namespace)}
            assert found["default"]["sha256"] == digest(after)
            assert found["other"]["sha256"] == digest(other)
            old = found[f"default.old-{digest(before)[:8]}"]
            assert old["expiresAt"] in (TOMORROW, "2026-11-26T13:00:00Z")
            assert old["scopes"] == ["read"]
            assert told.rotation is not None
            assert told.rotation.request == f"default/{died}"
            counted = requests()
            await keys.ensure(cluster, tenant, NOW + HOUR)
            assert since(counted) == {}
            assert await key_of(kube, namespace) == after
            if survived:
                break
            died += 1
    assert died >= 8  # three looks, the record, the deletion, a look, the new Secret, its digest


async def rotated(kube: Kube, cluster: Cluster, namespace: str, **spec: Any) -> tuple[str, str]:
    """The keys before and after a rotation."""
    await kube.tenant(namespace, **spec)
    await keys.ensure(cluster, await typed(kube, namespace), NOW)
    await observed(kube, namespace)
    before = await key_of(kube, namespace)
    await annotate(kube, namespace, "default")
    await keys.ensure(cluster, await typed(kube, namespace), NOW)
    return before, await key_of(kube, namespace)


async def test_the_old_key_is_dropped_when_its_time_is_over_and_nothing_is_written_before(
    kube: Kube, namespace: str, connection: Connection
) -> None:
    async with Cluster(connection) as cluster:
        _, after = await rotated(kube, cluster, namespace)
        tenant, counted = await typed(kube, namespace), requests()
        early = await keys.ensure(cluster, tenant, NOW + 23 * HOUR)
        assert since(counted) == {}
        assert early.due == TOMORROW
        late = await keys.ensure(cluster, tenant, NOW + 24 * HOUR)
        assert since(counted) == {"patch secrets": 1}
        assert late.due is None
        assert [entry["sha256"] for entry in await entries(kube, namespace)] == [digest(after)]
        assert await key_of(kube, namespace) == after


async def test_a_secret_deleted_by_hand_ends_all_older_keys_at_once(
    kube: Kube, namespace: str, connection: Connection
) -> None:
    async with Cluster(connection) as cluster:
        await rotated(kube, cluster, namespace)
        assert len(await entries(kube, namespace)) == 2
        await kube.delete(SECRET, namespace, "customer1-api-key")
        told = await keys.ensure(cluster, await typed(kube, namespace), NOW + HOUR)
    assert [entry["sha256"] for entry in await entries(kube, namespace)] == [digest(await key_of(kube, namespace))]
    assert ["no longer opens" in news.message for news in told.news] == [True]


async def test_a_lost_access_file_makes_no_second_rotation(kube: Kube, namespace: str, connection: Connection) -> None:
    async with Cluster(connection) as cluster:
        _, after = await rotated(kube, cluster, namespace)
        status = {"status": {"keyRotation": {"request": "default", "key": "default"}}}
        await kube.merge(TENANT, namespace, "customer1", status, "status")
        await kube.delete(SECRET, namespace, "customer1-access")
        await keys.ensure(cluster, await typed(kube, namespace), NOW + HOUR)
    assert await key_of(kube, namespace) == after
    assert [entry["sha256"] for entry in await entries(kube, namespace)] == [digest(after)]


async def test_of_many_rotations_in_one_day_the_newest_overlaps_are_kept(
    kube: Kube, namespace: str, connection: Connection
) -> None:
    async with Cluster(connection) as cluster:
        first, _ = await rotated(kube, cluster, namespace)
        for number in range(8):
            await annotate(kube, namespace, f"default/{number}")
            moment = NOW + HOUR + number * datetime.timedelta(minutes=1)
            await keys.ensure(cluster, await typed(kube, namespace), moment)
    digests = [entry["sha256"] for entry in await entries(kube, namespace)]
    assert len(digests) == 9
    assert digest(first) not in digests
    assert digests[-1] == digest(await key_of(kube, namespace))


async def test_an_old_key_ends_with_its_name(kube: Kube, namespace: str, connection: Connection) -> None:
    expiring = [{"name": "default", "scopes": ["read"], "expiresAt": "2026-11-25T18:00:00+01:00"}]
    async with Cluster(connection) as cluster:
        await rotated(kube, cluster, namespace, apiKeys=expiring)
        old, new = await entries(kube, namespace)
        assert old["expiresAt"] == new["expiresAt"] == "2026-11-25T17:00:00Z"
        await kube.change(namespace, apiKeys=[{"name": "another", "scopes": ["read"]}])
        await keys.ensure(cluster, await typed(kube, namespace), NOW)
    assert [entry["name"] for entry in await entries(kube, namespace)] == ["another"]


async def test_by_the_spec_a_second_key_overlaps_with_the_first_for_as_long_as_both_stand_there(
    kube: Kube, namespace: str, connection: Connection
) -> None:
    def given(name: str) -> Manifest:
        return {"name": name, "scopes": ["read"], "secretKeyRef": {"name": name, "key": "key"}}

    for name in ("a", "b"):
        await kube.create(SECRET, namespace, name, stringData={"key": f"mb_{name}"})
    await kube.tenant(namespace, apiKeys=[given("a")])
    async with Cluster(connection) as cluster:
        for names in (["a"], ["a", "b"], ["b"]):
            await kube.change(namespace, apiKeys=[given(name) for name in names])
            await keys.ensure(cluster, await typed(kube, namespace), NOW)
            assert [entry["sha256"] for entry in await entries(kube, namespace)] == [
                digest(f"mb_{name}") for name in names
            ]
        await kube.merge(SECRET, namespace, "b", {"stringData": {"key": "mb_another"}})
        told = await keys.ensure(cluster, await typed(kube, namespace), NOW)
    assert [entry["sha256"] for entry in await entries(kube, namespace)] == [digest("mb_another")]
    assert "holds another key: the old one no longer opens" in told.news[0].message


# --- the whole operator


async def running(kube: Kube, namespace: str, **spec: Any) -> str:
    """A tenant with a pod; the pod's name."""
    await kube.observed(await kube.tenant(namespace, **spec))
    await kube.until(DEPLOYMENT, namespace, "customer1", lambda found: found)
    name: str = (await kube.pod(namespace))["metadata"]["name"]
    return name


async def rotation(kube: Kube, namespace: str, request: str | None) -> Manifest:
    """What the status tells, as soon as it tells of this request."""
    tenant = await kube.until(
        TENANT,
        namespace,
        "customer1",
        lambda found: found and found.get("status", {}).get("keyRotation", {}).get("request") == request,
    )
    told: Manifest = tenant["status"]["keyRotation"]
    return told


async def test_an_annotation_rotates_once_and_reaches_the_running_pod(kube: Kube, namespace: str, start: Start) -> None:
    async with start() as operator:
        pod = await running(kube, namespace)
        before = await key_of(kube, namespace)
        deployment = await kube.get(DEPLOYMENT, namespace, "customer1")
        await annotate(kube, namespace, "default")
        told = await rotation(kube, namespace, "default")
        after = await key_of(kube, namespace)
        assert after != before
        assert [entry["sha256"] for entry in await entries(kube, namespace)] == [digest(before), digest(after)]
        assert told["key"] == "default"
        overlap = datetime.datetime.fromisoformat(told["oldKeyUntil"])
        assert overlap - datetime.datetime.fromisoformat(told["rotatedAt"]) == 24 * HOUR
        await kube.until(
            POD, namespace, pod, lambda found: found and "memorybank.dev/access" in found["metadata"]["annotations"]
        )
        messages = await events(kube, namespace, "KeyRotated")
        assert len(messages) == 1
        assert f"the old one opens until {told['oldKeyUntil']}" in messages[0]
        assert before not in messages[0]

        await operator.queue.settled()
        counted = requests()
        operator.resync()
        await operator.queue.settled()
        assert since(counted) == {}
        again = await kube.get(DEPLOYMENT, namespace, "customer1")
        assert again["metadata"]["generation"] == deployment["metadata"]["generation"]

        # Time alone is a reason to look again, and to drop what has ended.
        key = TenantKey(namespace, "customer1")
        seconds = await operator.reconciler.reconcile(key)
        assert seconds is not None
        assert 23 * 3600 < seconds <= 24 * 3600 + 1
    counted = requests()
    async with start() as operator:
        await operator.queue.settled()
        assert since(counted) == {}
        assert await key_of(kube, namespace) == after


async def test_what_has_ended_is_dropped_by_a_reconciler_that_knew_the_keys_before(
    kube: Kube, namespace: str, start: Start, connection: Connection
) -> None:
    async with start() as operator:
        await running(kube, namespace)
        await annotate(kube, namespace, "default")
        await rotation(kube, namespace, "default")
        await operator.queue.settled()
    moment = datetime.datetime.now(datetime.UTC)
    async with Cluster(connection) as cluster:
        settings = Settings(watch_namespaces=(namespace,))
        reconciler = Reconciler(cluster, operator.seen, settings, clock=lambda: moment)
        await reconciler.reconcile(TenantKey(namespace, "customer1"))
        assert len(await entries(kube, namespace)) == 2
        moment += 25 * HOUR
        assert await reconciler.reconcile(TenantKey(namespace, "customer1")) is None
    assert len(await entries(kube, namespace)) == 1
    assert "oldKeyUntil" not in (await rotation(kube, namespace, "default"))


async def test_an_annotation_of_another_value_or_set_anew_asks_again(kube: Kube, namespace: str, start: Start) -> None:
    async with start():
        await running(kube, namespace)
        seen = [await key_of(kube, namespace)]
        for value in ("default", "default/2", None, "default/2"):
            await annotate(kube, namespace, value)
            await rotation(kube, namespace, value)
            seen.append(await key_of(kube, namespace))
    assert seen[3] == seen[2]
    assert len(set(seen)) == 4


async def test_a_tenant_made_with_the_annotation_keeps_its_first_key_and_an_adopted_one(
    kube: Kube, namespace: str, start: Start
) -> None:
    annotated = {"annotations": {ROTATE: "default"}}
    async with start():
        await kube.observed(await kube.create(TENANT, namespace, "customer1", metadata=annotated, spec={}))
        first = await key_of(kube, namespace)
        assert await rotation(kube, namespace, "default") == {"request": "default"}
        assert len(await entries(kube, namespace)) == 1
        await kube.delete(TENANT, namespace, "customer1")
        await kube.until_gone(SECRET, namespace, "customer1-access")
        await kube.observed(await kube.create(TENANT, namespace, "customer1", metadata=annotated, spec={}))
        assert await key_of(kube, namespace) == first
        assert len(await entries(kube, namespace)) == 1


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [("nobody", "No API key is named 'nobody': the tenant has app."), ("app", "is given in Secret theirs")],
)
async def test_a_request_that_cannot_be_met_is_said_once(
    kube: Kube, namespace: str, start: Start, request_: str, sentence: str
) -> None:
    await kube.create(SECRET, namespace, "theirs", stringData={"key": "mb_theirs"})
    given = {"name": "app", "scopes": ["read"], "secretKeyRef": {"name": "theirs", "key": "key"}}
    async with start() as operator:
        await running(kube, namespace, apiKeys=[given])
        await annotate(kube, namespace, request_)
        await rotation(kube, namespace, request_)
        operator.resync()
        await operator.queue.settled()
    messages = await events(kube, namespace, "KeyNotRotated")
    assert [sentence in message for message in messages] == [True]


async def test_an_expired_key_is_named_in_the_condition_and_no_problem(
    kube: Kube, namespace: str, start: Start
) -> None:
    past = [{"name": f"old-{n}", "scopes": ["read"], "expiresAt": "2026-01-01T00:00:00Z"} for n in range(5)]
    async with start():
        await kube.observed(await kube.tenant(namespace, apiKeys=[{"name": "app", "scopes": ["read"]}, *past]))
        tenant = await kube.condition(namespace, "SecretsReady", "True")
    told = condition_of(tenant, "SecretsReady")
    assert told is not None
    assert "Expired API keys: 'old-0' (2026-01-01T00:00:00Z)" in told["message"]
    assert "and 2 more; give them a later expiresAt" in told["message"]
