"""What counts as a difference, and what is known of objects whose news arrive out of order."""

from typing import Any

import pytest

from memorybank_operator.compare import differs, leftovers
from memorybank_operator.kinds import SERVICE
from memorybank_operator.kinds import TENANT as TENANT_KIND
from memorybank_operator.objects import Object, object_from
from memorybank_operator.seen import Seen, TenantKey


@pytest.mark.parametrize(
    ("desired", "actual"),
    [
        ({"a": 1}, {"a": 1, "default": 2}),
        ({"env": [{"name": "A", "value": "1"}]}, {"env": [{"name": "B"}, {"name": "A", "value": "1"}]}),
        ({"limits": {"cpu": "1000m"}}, {"limits": {"cpu": "1", "gpu": 1}}),
        ({"rules": [{"host": "a"}]}, {"rules": [{"host": "a", "default": True}]}),
        ({"rollingUpdate": None}, {}),
        ({"emptyDir": {}}, {"emptyDir": {}}),
        (
            {"containers": [{"name": "a", "ports": [{"containerPort": 1, "protocol": "TCP"}]}]},
            {"containers": [{"name": "a", "ports": [{"containerPort": n, "protocol": "TCP"} for n in (2, 1)]}]},
        ),
    ],
)
def test_what_others_add_is_no_difference(desired: dict[str, Any], actual: dict[str, Any]) -> None:
    assert differs(desired, actual) is None


@pytest.mark.parametrize(
    ("desired", "actual", "path"),
    [
        ({"a": {"b": 1}}, {"a": {"b": 2}}, ".a.b"),
        ({"a": 1}, {}, ".a"),
        ({"env": [{"name": "A", "value": "1"}]}, {"env": [{"name": "A", "value": "2"}]}, ".env[A].value"),
        ({"env": [{"name": "A", "value": "1"}]}, {"env": []}, ".env[A]"),
        ({"limits": {"memory": "1Gi"}}, {"limits": {"memory": "1G"}}, ".limits.memory"),
        ({"selector": {"a": "b"}}, {"selector": {"a": "b", "c": "d"}}, ".selector"),
        ({"ingress": []}, {"ingress": [{}]}, ".ingress"),
        ({"rollingUpdate": None}, {"rollingUpdate": {"maxSurge": 1}}, ".rollingUpdate"),
    ],
)
def test_a_difference_is_named_by_its_path(desired: dict[str, Any], actual: dict[str, Any], path: str) -> None:
    assert differs(desired, actual) == path


def test_what_must_not_be_there_is_taken_out_with_its_neighbours_set() -> None:
    desired = {"spec": {"strategy": {"type": "Recreate", "rollingUpdate": None}, "replicas": 1}}
    actual = {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}}
    assert leftovers(desired, actual) == {"spec": {"strategy": {"type": "Recreate", "rollingUpdate": None}}}
    assert leftovers(desired, {"spec": {"strategy": {"type": "Recreate"}}}) is None


TENANT = TenantKey("customers", "customer1")


def service(version: int, tenant: str = "customer1") -> Object:
    labels = {"memorybank.dev/tenant": tenant}
    metadata = {"name": "customer1", "namespace": "customers", "resourceVersion": str(version), "labels": labels}
    return object_from({"metadata": metadata})


def test_late_news_never_replaces_newer_knowledge() -> None:
    seen = Seen()
    assert seen.put(SERVICE, service(10)) == {TENANT}
    assert seen.put(SERVICE, service(9)) == set()
    assert seen.remove(SERVICE, service(8)) == set()
    assert seen.child(SERVICE, TENANT) is not None
    assert seen.remove(SERVICE, service(11)) == {TENANT}
    assert seen.put(SERVICE, service(10)) == set()
    assert seen.child(SERVICE, TENANT) is None
    assert seen.put(SERVICE, service(12)) == {TENANT}


def test_a_list_shows_what_a_watch_has_missed() -> None:
    seen = Seen()
    seen.put(SERVICE, service(10))
    assert seen.prune(SERVICE, None, set(), version=20) == {TENANT}
    assert seen.all_of(SERVICE, TENANT) == []
    seen.put(SERVICE, service(30))
    assert seen.prune(SERVICE, None, set(), version=25) == set()
    assert seen.child(SERVICE, TENANT) is not None


def test_whoever_has_changed_is_told_once() -> None:
    seen = Seen()
    seen.put(SERVICE, service(10))
    assert (seen.take_changed(), seen.take_changed()) == ({TENANT}, set())
    assert seen.put(SERVICE, service(9)) == set()
    assert seen.take_changed() == set()
    tenant = {"metadata": {"namespace": TENANT.namespace, "name": TENANT.name, "resourceVersion": "11"}, "spec": {}}
    seen.put(TENANT_KIND, object_from(tenant))
    assert seen.take_changed() == {TENANT}
    seen.remove(SERVICE, service(12))
    assert seen.take_changed() == {TENANT}
    seen.remove(TENANT_KIND, object_from(tenant))
    assert seen.take_changed() == {TENANT}


def test_a_child_that_changes_its_label_concerns_both_tenants() -> None:
    seen = Seen()
    seen.put(SERVICE, service(10))
    assert seen.put(SERVICE, service(11, "another")) == {TENANT, TenantKey("customers", "another")}


def test_a_port_that_a_service_has_too_many_is_taken_out_by_a_patch() -> None:
    desired, actual = {"spec": {"ports": [{"port": 80}]}}, {"spec": {"ports": [{"port": 80}, {"port": 81}]}}
    assert differs(desired, actual) == ".spec.ports"
    assert leftovers(desired, actual) == desired
    assert leftovers(desired, desired) is None
