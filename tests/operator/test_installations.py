"""Two installations that watch the same namespace: the younger stands back, and takes over when the elder is gone."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from e2e.cluster.controlplane import ControlPlane
from memorybank_operator.cluster import Cluster
from memorybank_operator.installations import ABSENT_SECONDS, STANDS_BACK_ANNOTATION, Installations, announcement
from memorybank_operator.kinds import DEPLOYMENT, EVENT, LEASE, Kind
from memorybank_operator.kubeconfig import Connection, from_kubeconfig

from . import audit
from .accounts import Account
from .conftest import OperatorProcess
from .installing import NAME, lease, younger_lease
from .kube import Kube, Manifest

ROLE = Kind("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles")


class Time:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def cluster(connection: Connection) -> AsyncIterator[Cluster]:
    async with Cluster(connection) as cluster:
        yield cluster


async def renew(kube: Kube, namespace: str, holder: str = "operator-0") -> None:
    spec = {"holderIdentity": holder, "renewTime": "2026-11-01T08:00:03.000000Z"}
    await kube.merge(LEASE, namespace, NAME, {"spec": spec})


async def events(kube: Kube, namespace: str) -> list[str]:
    return [event["reason"] for event in await kube.list(EVENT, namespace)]


@pytest.fixture
async def three(kube: Kube) -> AsyncIterator[tuple[str, str, str]]:
    """Namespaces: of an elder, of a younger one, and of tenants. No Lease stays, which others would mind."""
    homes = (await kube.namespace(), await kube.namespace())
    yield (*homes, await kube.namespace())
    for home in homes:
        await kube.delete(LEASE, home, NAME)


async def test_the_younger_leaves_alone_what_the_elder_watches_and_nothing_else(
    kube: Kube, cluster: Cluster, three: tuple[str, str, str]
) -> None:
    elder, younger, shared = three
    await lease(kube, elder, shared, f"{elder}-only")
    await younger_lease(kube, younger, elder, shared, f"{younger}-only")
    seen_by_elder, seen_by_younger = Installations(cluster, elder), Installations(cluster, younger)
    assert (await seen_by_elder.look(), await seen_by_younger.look()) == (False, True)
    assert seen_by_elder.serves(shared)
    assert not seen_by_younger.serves(shared)
    assert seen_by_younger.serves(f"{younger}-only")
    (event,) = await kube.list(EVENT, younger)
    assert (event["reason"], event["type"], event["involvedObject"]["name"]) == ("StandsBack", "Warning", NAME)
    assert elder in event["message"]
    assert "watchNamespaces" in event["message"]


async def test_what_stays_is_told_once(kube: Kube, cluster: Cluster, three: tuple[str, str, str]) -> None:
    elder, younger, shared = three
    await lease(kube, elder, shared)
    await younger_lease(kube, younger, elder, shared)
    installations = Installations(cluster, younger)
    assert [await installations.look() for _ in range(3)] == [True, False, False]
    assert await events(kube, younger) == ["StandsBack"]


async def test_installations_of_different_namespaces_do_not_mind_each_other(
    kube: Kube, cluster: Cluster, three: tuple[str, str, str]
) -> None:
    elder, younger, _ = three
    await lease(kube, elder, f"{elder}-only")
    await lease(kube, younger, f"{younger}-only")
    installations = Installations(cluster, younger)
    assert not await installations.look()
    assert installations.serves(f"{younger}-only")


async def test_an_elder_that_tells_nothing_any_more_is_gone(
    kube: Kube, cluster: Cluster, three: tuple[str, str, str]
) -> None:
    elder, younger, shared = three
    await lease(kube, elder, shared)
    await younger_lease(kube, younger, elder, shared)
    clock = Time()
    installations = Installations(cluster, younger, clock=clock)
    await installations.look()
    clock.now += ABSENT_SECONDS - 1
    await renew(kube, elder)
    assert not await installations.look()
    clock.now += ABSENT_SECONDS - 1
    assert not await installations.look()
    assert not installations.serves(shared)
    clock.now += 1
    assert await installations.look()
    assert installations.serves(shared)
    assert sorted(await events(kube, younger)) == ["StandsBack", "TakesOver"]


async def test_an_elder_that_has_left_before_is_not_waited_for(
    kube: Kube, cluster: Cluster, three: tuple[str, str, str]
) -> None:
    elder, younger, shared = three
    await lease(kube, elder, shared, holder="")
    await younger_lease(kube, younger, elder, shared)
    installations = Installations(cluster, younger)
    assert not await installations.look()
    assert installations.serves(shared)
    await renew(kube, elder)
    assert await installations.look()
    assert not installations.serves(shared)


async def test_of_two_made_in_one_second_only_one_is_the_elder(
    kube: Kube, cluster: Cluster, three: tuple[str, str, str]
) -> None:
    first, second, shared = three
    await lease(kube, first, shared)
    await lease(kube, second, shared)
    serving = []
    for namespace in (first, second):
        installations = Installations(cluster, namespace)
        await installations.look()
        serving.append(installations.serves(shared))
    assert sorted(serving) == [False, True]


async def test_an_elder_that_takes_over_from_itself_waits_only_for_who_has_not_said_that_it_stands_back(
    kube: Kube, cluster: Cluster, three: tuple[str, str, str]
) -> None:
    elder, younger, shared = three
    uid = (await lease(kube, elder, shared))["metadata"]["uid"]
    await younger_lease(kube, younger, elder, shared)
    said = announcement((shared,))
    await Installations(cluster, younger, said).look()
    assert said["annotations"][STANDS_BACK_ANNOTATION] == uid
    returning = asyncio.create_task(Installations(cluster, elder, clock=Time()).settle())
    await asyncio.wait([returning], timeout=0.5)
    assert not returning.done()
    await kube.merge(LEASE, younger, NAME, {"metadata": said})
    async with asyncio.timeout(20):
        await returning


async def test_who_may_not_list_leases_says_so_once_and_goes_on(
    audited: ControlPlane, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    account = Account("memorybank-blind")
    for role in account.roles:
        role["rules"] = []
    caplog.set_level(logging.WARNING)
    async with Cluster(from_kubeconfig(await account.kubeconfig(audited, tmp_path))) as cluster:
        installations = Installations(cluster, account.namespace)
        assert [await installations.look() for _ in range(2)] == [False, False]
    assert installations.serves("customers")
    assert len([record for record in caplog.records if "cannot be noticed" in record.message]) == 1


def process(kubeconfig: Path, account: Account, namespace: str, image: str) -> OperatorProcess:
    return OperatorProcess(
        kubeconfig, OPERATOR_NAMESPACE=account.namespace, WATCH_NAMESPACES=namespace, MEMORYBANK_IMAGE=image
    )


async def image_of(kube: Kube, namespace: str, name: str) -> str:
    await kube.tenant(namespace, name)
    made: Manifest = await kube.until(DEPLOYMENT, namespace, name, lambda found: found, seconds=40)
    return str(made["spec"]["template"]["spec"]["containers"][0]["image"])


async def test_the_younger_writes_nothing_until_the_elder_is_killed_and_stands_back_when_it_returns(
    audited: ControlPlane, tmp_path: Path
) -> None:
    async with Kube(from_kubeconfig(audited.kubeconfig)) as kube:
        namespace = await kube.namespace()
        accounts = [Account(name, f"--set=watchNamespaces={{{namespace}}}") for name in ("mb-elder", "mb-younger")]
        files = [await account.kubeconfig(audited, tmp_path) for account in accounts]
        elder, younger = (
            process(file, account, namespace, f"registry.example/{account.namespace}:v1")
            for file, account in zip(files, accounts, strict=True)
        )
        elder.start()
        younger.start()
        try:
            assert await image_of(kube, namespace, "one") == "registry.example/mb-elder:v1"
            assert await events(kube, "mb-younger") == ["StandsBack"]
            assert written(audited, accounts[1], namespace) == []
            elder.kill()
            younger.wait_for("TakesOver")
            assert await image_of(kube, namespace, "two") == "registry.example/mb-younger:v1"
            elder.start()
            younger.wait_for("StandsBack")
            so_far = written(audited, accounts[1], namespace)
            assert await image_of(kube, namespace, "three") == "registry.example/mb-elder:v1"
            assert written(audited, accounts[1], namespace) == so_far
        finally:
            younger.stop()
            elder.stop()


def written(plane: ControlPlane, account: Account, namespace: str) -> list[audit.Request]:
    return [
        request
        for request in audit.requests(plane.audit_log, account.user)
        if request.namespace == namespace and request.verb not in ("get", "list", "watch")
    ]


async def test_of_two_that_start_at_the_same_moment_exactly_one_stands_back(
    audited: ControlPlane, tmp_path: Path
) -> None:
    async with Kube(from_kubeconfig(audited.kubeconfig)) as kube:
        namespace = await kube.namespace()
        accounts = [Account(name, f"--set=watchNamespaces={{{namespace}}}") for name in ("mb-left", "mb-right")]
        both = [
            process(await account.kubeconfig(audited, tmp_path), account, namespace, "registry.example/memorybank:v1")
            for account in accounts
        ]
        for one in both:
            one.launch()
        try:
            for one in both:
                one.wait_for("everything was seen once")
            assert sorted([await events(kube, account.namespace) for account in accounts]) == [[], ["StandsBack"]]
        finally:
            for one in both:
                one.stop()
