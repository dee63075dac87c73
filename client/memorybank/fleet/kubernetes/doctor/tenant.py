"""What is known of a tenant in the cluster: its conditions, its Secrets, its classes, its disk."""

from __future__ import annotations

from collections.abc import Iterator

from memorybank.fleet.errors import RefusedError
from memorybank.fleet.finding import Finding, ok, problem, warning
from memorybank.fleet.kubernetes.cluster import Cluster
from memorybank.fleet.kubernetes.doctor.installation import waiting
from memorybank.fleet.kubernetes.kinds import (
    INGRESS_CLASS,
    POD,
    SECRET,
    STORAGE_CLASS,
    VOLUME_CLAIM,
    Manifest,
    key_secret,
    of_tenant,
)
from memorybank.fleet.kubernetes.logs import newest_pod
from memorybank.fleet.kubernetes.view import generated_keys, observed
from memorybank.fleet.quantity import bytes_of

FULL_PERCENT, FILLING_PERCENT = 90, 80
WANTED = {"Ready": "True", "Available": "True", "Stalled": "False", "StorageReady": "True", "AccessReady": "True",
          "SecretsReady": "True", "BackupReady": "True"}  # fmt: skip


def conditions(cluster: Cluster, tenant: Manifest) -> Iterator[Finding]:
    """What the operator says; each thing once, though several conditions tell of it."""
    name, namespace, spec = tenant["metadata"]["name"], tenant["metadata"]["namespace"], tenant["spec"]
    if not observed(tenant, tenant["metadata"]["generation"]):
        yield problem(
            "conditions",
            "the operator has not acted on the newest spec",
            "it must run, and watch this namespace (the chart's watchNamespaces)",
        )
    told = (tenant.get("status") or {}).get("conditions") or []
    if spec.get("paused"):
        yield warning("conditions", "the operator leaves it alone: spec.paused", f"memorybank resume {name}")
        return
    said: set[str] = set()
    for one in told:
        kind = one["type"]
        if WANTED.get(kind, one["status"]) == one["status"] or one["message"] in said:
            continue
        if kind == "Available" and spec.get("hibernate"):
            continue
        said.add(one["message"])
        describe = f"`kubectl -n {namespace} describe memorybanktenant {name}` shows what happened"
        yield problem(f"condition {kind}", f"{one['reason']}: {one['message']}", describe)
    if not said and told:
        yield ok("conditions", "as the spec wants it" if not spec.get("hibernate") else "it sleeps as asked")


def pod(cluster: Cluster, tenant: Manifest) -> Iterator[Finding]:
    if tenant["spec"].get("hibernate"):
        return
    name = tenant["metadata"]["name"]
    found = newest_pod(cluster.all(POD, labels=of_tenant(name)))
    if found is None:
        yield problem("pod", "there is none", f"`kubectl -n {cluster.namespace} describe deployment {name}` says why")
        return
    why = waiting(found)
    if why is not None:
        remedy = "make the image reachable, or name spec.imagePullSecrets" if "pulled" in why else _logs(name)
        yield problem("pod", why, remedy)
        return
    counts = [one.get("restartCount", 0) for one in (found.get("status") or {}).get("containerStatuses") or []]
    if sum(counts):
        yield warning("pod", f"its container was started again {sum(counts)} times", _logs(name))
    else:
        yield ok("pod", f"{found['metadata']['name']} on node {found['spec'].get('nodeName', '(none yet)')}")


def secrets(cluster: Cluster, tenant: Manifest) -> Iterator[Finding]:
    """That those it needs are there; no value is read."""
    name, spec = tenant["metadata"]["name"], tenant["spec"]
    wanted = {key_secret(name, key): f"key {key}" for key in generated_keys(tenant)}
    for key in spec.get("apiKeys") or []:
        if key.get("secretKeyRef"):
            wanted[key["secretKeyRef"]["name"]] = f"key {key['name']}"
    for part in ("llm", "embedding"):
        reference = (spec.get(part) or {}).get("apiKeySecretRef")
        if reference:
            wanted[reference["name"]] = f"the provider's key (spec.{part})"
    missing = [secret for secret in wanted if not cluster.exists(SECRET, secret)]
    for secret in missing:
        remedy = "the operator makes it: see to the operator" if secret.startswith(key_secret(name)) else "create it"
        yield problem("Secrets", f"{secret}, which holds {wanted[secret]}, is not there", remedy)
    if not missing:
        yield ok("Secrets", f"{', '.join(wanted)} are there" if len(wanted) > 1 else f"{next(iter(wanted))} is there")


def storage(cluster: Cluster, tenant: Manifest) -> Iterator[Finding]:
    name = tenant["metadata"]["name"]
    claim = cluster.find(VOLUME_CLAIM, name)
    if claim is None:
        yield problem("volume", "there is no claim for it", "the operator makes it: see to the operator")
        return
    chosen = claim["spec"].get("storageClassName")
    if chosen:
        found = _class(cluster, chosen)
        if found == "missing":
            yield problem("volume", f"the storage class {chosen} does not exist", "create it, or make the tenant anew")
        elif found == "fixed":
            yield warning("volume", f"the storage class {chosen} cannot make it larger", "back up before it is full")
    phase = (claim.get("status") or {}).get("phase", "Pending")
    if phase != "Bound":
        describe = f"`kubectl -n {cluster.namespace} describe pvc {name}` says why"
        yield problem("volume", f"its claim is {phase}, not Bound", describe)
        return
    yield _room(tenant)


def ingress_class(cluster: Cluster, tenant: Manifest) -> Iterator[Finding]:
    access = tenant["spec"].get("access") or {}
    if access.get("type", "Ingress") != "Ingress" or not tenant["spec"].get("hostname"):
        return
    wanted = (access.get("ingress") or {}).get("className")
    if wanted is None:
        usual = [
            one["metadata"]["name"]
            for one in cluster.all(INGRESS_CLASS)
            if (one["metadata"].get("annotations") or {}).get("ingressclass.kubernetes.io/is-default-class") == "true"
        ]
        if usual:
            yield ok("ingress class", f"the default, {usual[0]}")
        else:
            remedy = "name one in spec.access.ingress.className, or make one the default"
            yield warning("ingress class", "none is named, and the cluster has no default", remedy)
    elif cluster.find(INGRESS_CLASS, wanted) is None:
        remedy = "install its controller, or name another in spec.access.ingress.className"
        yield problem("ingress class", f"{wanted} does not exist", remedy)
    else:
        yield ok("ingress class", f"{wanted} exists")


def _class(cluster: Cluster, name: str) -> str:
    try:
        found = cluster.find(STORAGE_CLASS, name)
    except RefusedError:  # who may look at tenants only may not look at what belongs to the whole cluster
        return "unknown"
    if found is None:
        return "missing"
    return "growing" if found.get("allowVolumeExpansion") else "fixed"


def _room(tenant: Manifest) -> Finding:
    told = (tenant.get("status") or {}).get("storage") or {}
    capacity, used = told.get("capacity"), told.get("usedBytes")
    if not capacity or used is None:
        return ok("volume", f"{capacity or 'bound'}; how much of it is used is not known yet")
    percent = 100 * used / bytes_of(capacity)
    message = f"{percent:.0f} % of {capacity} is used"
    remedy = "raise spec.storage.size, or let spec.storage.autoGrow do it"
    if percent >= FULL_PERCENT:
        return problem("volume", message, remedy)
    return warning("volume", message, remedy) if percent >= FILLING_PERCENT else ok("volume", message)


def _logs(name: str) -> str:
    return f"memorybank logs {name} --previous"
