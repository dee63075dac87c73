"""Which tenants count in a wave: those that this installation serves."""

import datetime
from typing import Any

import pytest

from memorybank_operator.api.names import TENANT_LABEL
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.kinds import DEPLOYMENT, TENANT
from memorybank_operator.objects import object_from
from memorybank_operator.rolling import Rolling
from memorybank_operator.seen import Manifest, Seen, TenantKey
from memorybank_operator.settings import Settings

from .tenants import tenant

OLD, NEW = "registry.example/memorybank:v1", "registry.example/memorybank:v2"
NOW = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)


def metadata(namespace: str, version: int, **more: Any) -> Manifest:
    made = {"creationTimestamp": "2026-01-01T00:00:00Z", "uid": f"{namespace}-{version}", "generation": 1}
    return {"name": "customer1", "namespace": namespace, "resourceVersion": str(version), **made, **more}


def see(seen: Seen, namespace: str, applied: str) -> None:
    """A tenant that wants the new image, has the old one for its last good one, and whose pod was given this one."""
    status = {"image": OLD, "defaultImage": OLD, "rollout": {"goodImage": OLD, "since": "2026-01-02T03:04:00Z"}}
    spec = {"image": NEW, "storage": {"size": "10Gi"}}
    seen.put(TENANT, object_from({"metadata": metadata(namespace, 1), "spec": spec, "status": status}))
    pod = {"containers": [{"name": "memorybank", "image": applied}]}
    made = metadata(namespace, 2, labels={TENANT_LABEL: "customer1"})
    ready = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": int(applied == OLD)}
    deployment = {"metadata": made, "spec": {"replicas": 1, "template": {"spec": pod}}, "status": ready}
    seen.put(DEPLOYMENT, object_from(deployment))


@pytest.mark.parametrize(("serves_both", "image"), [(False, NEW), (True, OLD)])
def test_a_tenant_that_another_installation_rolls_takes_no_place_in_ours(serves_both: bool, image: str) -> None:
    seen = Seen()
    see(seen, "theirs", NEW)
    see(seen, "ours", OLD)
    rolling = Rolling(seen, Settings(max_concurrent_rollouts=1), lambda: NOW)
    rolling.serves = lambda namespace: serves_both or namespace == "ours"
    rolling.refresh()
    mine: Tenant = tenant(image=NEW, status={"image": OLD, "rollout": {"goodImage": OLD}})
    assert rolling.plan(TenantKey("ours", "customer1"), mine).image == image
