"""The operator has the rights that it needs and no others: a service account with the chart's roles, and no more.

What the API server has recorded of a tenant's whole life is compared with what the roles grant.
"""

from pathlib import Path

import pytest

from e2e.cluster.controlplane import ControlPlane
from memorybank_operator.api.names import BACKUP_SELECTOR, CHILD_SELECTOR
from memorybank_operator.kinds import BACKUP, SECRET, WATCHED
from memorybank_operator.kubeconfig import from_kubeconfig
from memorybank_operator.permissions import CHART_COPY, chart_template

from . import audit
from .accounts import Account
from .conftest import OperatorProcess
from .installing import an_older_installation
from .kube import Kube
from .walk import walk

WHERE = "operator/memorybank_operator/permissions.py"


async def lived(plane: ControlPlane, account: Account, folder: Path, namespaces: list[str]) -> list[audit.Request]:
    """What the operator asks for while tenants live and die in these namespaces.

    The first belongs to an older installation at the beginning, for which the operator stands back.
    """
    environment = {"OPERATOR_NAMESPACE": account.namespace, "TRAEFIK_MIDDLEWARES": "memorybank-system-memorybank"}
    if any(role["kind"] == "Role" and role["metadata"]["namespace"] in namespaces for role in account.roles):
        environment["WATCH_NAMESPACES"] = ",".join(namespaces)
    async with Kube(from_kubeconfig(plane.kubeconfig)) as kube:
        await an_older_installation(kube, account.namespace, watches=namespaces[0])
    process = OperatorProcess(await account.kubeconfig(plane, folder), **environment)
    process.start()
    try:
        async with Kube(from_kubeconfig(plane.kubeconfig)) as kube:
            for namespace in namespaces[1:]:
                await walk(kube, namespace)
            process.wait_for("TakesOver")
            await walk(kube, namespaces[0])
    finally:
        status = process.stop()
    assert status == 0, process.lines[-20:]
    return audit.requests(plane.audit_log, account.user)


def told(rights: set[audit.Right]) -> str:
    return "".join(f"\n  {right}" for right in sorted(rights, key=lambda right: (right.resource, right.verb)))


def assert_no_right_is_missing_or_idle(account: Account, asked: list[audit.Request]) -> None:
    refused = audit.refused(asked)
    assert not refused, (
        f"the operator was refused what it asked for: grant it in {WHERE}, and `make generate`:{told(refused)}"
    )
    idle = audit.granted(account.roles) - audit.used(asked)
    assert not idle, (
        f"granted, and not used in a tenant's life: take it out of {WHERE} and `make generate`,"
        f" or add the step that needs it to tests/operator/walk.py:{told(idle)}"
    )


async def test_cluster_wide_no_right_is_missing_and_none_idle(audited: ControlPlane, tmp_path: Path) -> None:
    account = Account("memorybank-system")
    async with Kube(from_kubeconfig(audited.kubeconfig)) as kube:
        namespaces = [await kube.namespace() for _ in range(2)]
    asked = await lived(audited, account, tmp_path, namespaces)
    assert_no_right_is_missing_or_idle(account, asked)
    assert_watches_are_narrow(asked)


async def test_in_named_namespaces_no_right_is_missing_and_none_idle(audited: ControlPlane, tmp_path: Path) -> None:
    async with Kube(from_kubeconfig(audited.kubeconfig)) as kube:
        namespaces = [await kube.namespace() for _ in range(2)]
    account = Account("memorybank-few", f"--set=watchNamespaces={{{','.join(namespaces)}}}")
    asked = await lived(audited, account, tmp_path, namespaces)
    assert_no_right_is_missing_or_idle(account, asked)
    assert_watches_are_narrow(asked)
    watched = {request.namespace for request in asked if request.resource == audit.resource("apps", "deployments")}
    assert watched == set(namespaces)


async def test_without_any_right_in_the_cluster_named_namespaces_are_served_all_the_same(
    audited: ControlPlane, tmp_path: Path
) -> None:
    async with Kube(from_kubeconfig(audited.kubeconfig)) as kube:
        namespace = await kube.namespace()
        account = Account("memorybank-confined", f"--set=watchNamespaces={{{namespace}}}")
        for role in account.roles:
            if role["kind"] == "ClusterRole":
                role["rules"] = []
        file = await account.kubeconfig(audited, tmp_path)
        process = OperatorProcess(file, OPERATOR_NAMESPACE=account.namespace, WATCH_NAMESPACES=namespace)
        process.start()
        try:
            await kube.observed(await kube.tenant(namespace))
        finally:
            status = process.stop()
    assert status == 0, process.lines[-20:]


def assert_watches_are_narrow(asked: list[audit.Request]) -> None:
    """Only our own objects are listed and watched, and Secrets never."""
    children = {audit.resource(kind.group, kind.plural) for kind in WATCHED if kind is not BACKUP}
    for request in asked:
        if request.verb not in ("list", "watch"):
            continue
        assert request.resource != audit.resource(SECRET.group, SECRET.plural), request
        if request.resource in children:
            selector = request.parameters.get("labelSelector", "")
            assert selector.startswith((CHILD_SELECTOR, BACKUP_SELECTOR)), request


def test_the_chart_has_the_table_of_the_code() -> None:
    assert (Path(__file__).parents[2] / CHART_COPY).read_text() == chart_template(), "run `make generate`"


@pytest.mark.parametrize(("missing", "spare"), [({"events"}, set()), (set(), {"configmaps"})], ids=["missing", "spare"])
def test_a_wrong_table_is_told_in_words(missing: set[str], spare: set[str]) -> None:
    account = Account("memorybank-system")
    asked = [
        audit.Request(right.verb, right.resource, "customers", "", {}, 403 if right.resource in missing else 200, "")
        for right in audit.granted(account.roles)
    ]
    for resource in spare:
        role = {
            "kind": "ClusterRole",
            "metadata": {},
            "rules": [{"apiGroups": [""], "resources": [resource], "verbs": ["get"]}],
        }
        account.roles.append(role)
    with pytest.raises(AssertionError, match="create events" if missing else "get configmaps"):
        assert_no_right_is_missing_or_idle(account, asked)
