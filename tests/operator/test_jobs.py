"""The pods that work on backups, as they are rendered."""

import json
from typing import Any

import msgspec
import pytest

from memorybank_operator.api.backup import Destination, RetentionRule
from memorybank_operator.api.shared import SecretKeyRef
from memorybank_operator.desired import jobs

from .tenants import tenant

S3 = {
    "bucket": "backups",
    "prefix": "of/us",
    "endpoint": "https://s3.example.com",
    "region": "eu-central-1",
    "credentialsSecretRef": {"name": "s3"},
}
OWNER = {"uid": "1"}


def taken(destination: dict[str, Any], seal: SecretKeyRef | None = None, **spec: Any) -> dict[str, Any]:
    job = jobs.take(
        tenant(**spec),
        "i:1",
        "one-1",
        OWNER,
        msgspec.convert(destination, Destination),
        seal,
        admin_key=SecretKeyRef(name="customer1-api-key", key="api-key"),
        key="uid",
        retention=RetentionRule(count=7, days=30),
        is_last=False,
    )
    pod: dict[str, Any] = job["spec"]["template"]["spec"]
    return pod


def variables(pod: dict[str, Any]) -> dict[str, Any]:
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in pod["containers"][0]["env"]}


def test_a_bucket_is_told_with_all_that_is_known_of_it_and_its_keys_by_reference() -> None:
    told = variables(taken({"s3": S3}))
    plain = {name: value for name, value in S3.items() if name != "credentialsSecretRef"}
    assert json.loads(told["BACKUP_DESTINATION"]) == {"s3": plain}
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        assert told[name] == {"secretKeyRef": {"name": "s3", "key": name}}
    assert json.loads(told["BACKUP_RETENTION"]) == {"count": 7, "days": 30}


def test_a_key_for_encryption_is_mounted() -> None:
    pod = taken({"pvc": {"claimName": "backups"}}, SecretKeyRef(name="age", key="identity"))
    assert variables(pod)["ENCRYPTION_KEY_FILE"] == "/etc/memorybank/encryption/key"
    [volume] = [one for one in pod["volumes"] if one["name"] == "encryption"]
    assert volume["secret"]["secretName"] == "age"
    assert volume["secret"]["items"] == [{"key": "identity", "path": "key"}]


def test_it_goes_where_the_tenant_goes() -> None:
    scheduling = {"nodeSelector": {"disk": "ssd"}, "tolerations": [{"operator": "Exists"}]}
    pod = taken({"s3": S3}, scheduling=scheduling, imagePullSecrets=[{"name": "pull"}], imagePullPolicy="Always")
    assert pod["nodeSelector"] == {"disk": "ssd"}
    assert pod["tolerations"] == [{"operator": "Exists"}]
    assert pod["imagePullSecrets"] == [{"name": "pull"}]
    assert pod["containers"][0]["imagePullPolicy"] == "Always"


@pytest.mark.parametrize("destination", [{"s3": S3}, {"pvc": {"claimName": "backups"}}])
def test_nothing_of_it_may_be_more_than_it_needs(destination: dict[str, Any]) -> None:
    pod = taken(destination)
    container = pod["containers"][0]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "mb_" not in json.dumps(pod)


@pytest.mark.parametrize(("under", "noted"), [("customers/older", "older-erasures"), ("elsewhere/older", None)])
def test_a_restore_knows_erasures_that_came_after_the_backup_where_they_were_noted(
    under: str, noted: str | None
) -> None:
    destination = msgspec.convert({"pvc": {"claimName": "backups"}}, Destination)
    job = jobs.restore(tenant(), "i:1", "r-1", OWNER, destination, None, under=under, backup_id="b")
    pod = job["spec"]["template"]["spec"]
    maps = {one["name"]: one["configMap"] for one in pod["volumes"] if "configMap" in one}
    assert maps == ({"erasures": {"name": noted, "optional": True}} if noted else {})
    assert variables(pod).get("ERASURES_FILE") == (f"/etc/memorybank/erasures/{'erasures.ndjson'}" if noted else None)
