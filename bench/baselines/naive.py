"""The operator as kopf's tutorial leads one to write it, well: handlers of creation, change and resumption.

Each makes the children one by one with the official client: read it, create it if it is missing, patch it if not;
kopf writes the status. The children are ours, in number and content; it watches none of them, as most do not.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from typing import Any, NamedTuple

import kopf
import msgspec
from kubernetes import client, config

from bench.baselines.common import connect, run
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.desired import Context, children, secrets
from memorybank_operator.desired.access import endpoint
from memorybank_operator.kinds import (
    DEPLOYMENT,
    INGRESS,
    NETWORK_POLICY,
    SECRET,
    SERVICE,
    SERVICE_ACCOUNT,
    TENANT,
    VOLUME_CLAIM,
    Kind,
)
from memorybank_operator.settings import Settings

Manifest = dict[str, Any]


class Calls(NamedTuple):
    """The client's three calls for one kind."""

    read: Callable[..., Any]
    create: Callable[..., Any]
    patch: Callable[..., Any]


class Naive:
    """Its handlers, with the client that they share."""

    def __init__(self) -> None:
        config.load_kube_config(os.environ["KUBECONFIG"])
        core, apps, networking = client.CoreV1Api(), client.AppsV1Api(), client.NetworkingV1Api()
        self._settings = Settings(image=os.environ["MEMORYBANK_IMAGE"])
        # kopf runs the handlers in threads, and msgspec learns a type when it first reads one: not in two at once.
        msgspec.convert({"metadata": {"name": "a", "namespace": "b", "uid": "c"}, "spec": {}}, Tenant)
        self._calls: dict[Kind, Calls] = {
            kind: Calls(*(getattr(api, f"{verb}_namespaced_{name}") for verb in ("read", "create", "patch")))
            for kind, api, name in (
                (SECRET, core, "secret"),
                (SERVICE_ACCOUNT, core, "service_account"),
                (VOLUME_CLAIM, core, "persistent_volume_claim"),
                (SERVICE, core, "service"),
                (DEPLOYMENT, apps, "deployment"),
                (NETWORK_POLICY, networking, "network_policy"),
                (INGRESS, networking, "ingress"),
            )
        }

    def handle(self, body: kopf.Body, patch: kopf.Patch, **_: Any) -> None:
        """Of a tenant's creation, change and of the operator's start: make what there should be."""
        tenant = msgspec.convert({key: body[key] for key in ("metadata", "spec")}, Tenant)
        context = Context(settings=self._settings, image=tenant.spec.image or self._settings.image)
        key = self._ensure_key(tenant)
        digests = {secrets.DEFAULT_KEY.name: secrets.digest(key)}
        self._ensure(SECRET, secrets.access_manifest(tenant, secrets.access_file(tenant, digests)))
        for kind, manifest in children(tenant, context).items():
            if manifest is not None:
                self._ensure(kind, manifest)
        patch.status["observedGeneration"] = tenant.metadata.generation
        patch.status["endpoint"] = endpoint(tenant, context)
        patch.status["phase"] = "Provisioning"

    def _ensure_key(self, tenant: Tenant) -> str:
        manifest = secrets.key_secret(tenant, secrets.DEFAULT_KEY, secrets.new_key())
        found = self._read(SECRET, manifest)
        if found is None:
            found = self._calls[SECRET].create(tenant.metadata.namespace, manifest)
        return base64.b64decode(found.data[secrets.KEY_FIELD]).decode()

    def _ensure(self, kind: Kind, manifest: Manifest) -> None:
        metadata = manifest["metadata"]
        if self._read(kind, manifest) is None:
            self._calls[kind].create(metadata["namespace"], manifest)
        else:
            self._calls[kind].patch(metadata["name"], metadata["namespace"], manifest)

    def _read(self, kind: Kind, manifest: Manifest) -> Any:
        metadata = manifest["metadata"]
        try:
            return self._calls[kind].read(metadata["name"], metadata["namespace"])
        except client.ApiException as error:
            if error.status == 404:
                return None
            raise


def main() -> None:
    registry, settings = kopf.OperatorRegistry(), kopf.OperatorSettings()
    settings.posting.enabled = False
    connect(registry)
    naive = Naive()
    for on in (kopf.on.create, kopf.on.update, kopf.on.resume):
        on(TENANT.group, TENANT.version, TENANT.plural, registry=registry, id="children")(naive.handle)
    run(registry, settings)


if __name__ == "__main__":
    main()
