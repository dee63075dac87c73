"""The operator's service account, with the rights that the chart gives it and no others."""

import subprocess
from pathlib import Path
from typing import Any

import yaml

from e2e.cluster.build import program
from e2e.cluster.components import COMPONENTS
from e2e.cluster.controlplane import ControlPlane
from e2e.cluster.progress import Progress
from memorybank_operator.kubeconfig import from_kubeconfig

from .kube import Answer, Kube

Manifest = dict[str, Any]

CHART = Path(__file__).parents[2] / "helm" / "memorybank"
RBAC = "rbac.authorization.k8s.io"


class Account:
    """A service account that is bound to what the chart renders for the operator."""

    def __init__(self, namespace: str, *options: str) -> None:
        """`options` are Helm's; the release is called memorybank."""
        self.namespace = namespace
        rendered = _render(namespace, options)
        (operator,) = [one for one in rendered if one["kind"] == "Deployment" and _is_operator(one)]
        self.name: str = operator["spec"]["template"]["spec"]["serviceAccountName"]
        self.bindings = [one for one in rendered if one["kind"].endswith("RoleBinding") and self._is_subject(one)]
        bound = {(one["roleRef"]["kind"], one["roleRef"]["name"], _namespace(one)) for one in self.bindings}
        self.roles = [one for one in rendered if (one["kind"], one["metadata"]["name"], _namespace(one)) in bound]

    @property
    def user(self) -> str:
        return f"{self.namespace}:{self.name}"

    async def kubeconfig(self, plane: ControlPlane, folder: Path) -> Path:
        """Create the account with its roles, and answer a kubeconfig that is its alone."""
        async with Kube(from_kubeconfig(plane.kubeconfig)) as kube:
            await _make(kube, "/api/v1/namespaces", {"metadata": {"name": self.namespace}})
            accounts = f"/api/v1/namespaces/{self.namespace}/serviceaccounts"
            await _make(kube, accounts, {"metadata": {"name": self.name}})
            for manifest in (*self.roles, *self.bindings):
                plural = manifest["kind"].lower() + "s"
                inside = f"/namespaces/{_namespace(manifest)}" if _namespace(manifest) else ""
                await _make(kube, f"/apis/{RBAC}/v1{inside}/{plural}", manifest)
            token = await kube.call("POST", f"{accounts}/{self.name}/token", {"spec": {"expirationSeconds": 3600}})
        config = yaml.safe_load(plane.kubeconfig.read_text())
        config["users"] = [{"name": config["users"][0]["name"], "user": {"token": token["status"]["token"]}}]
        file = folder / f"{self.namespace}.kubeconfig"
        file.write_text(yaml.safe_dump(config))
        return file

    def _is_subject(self, binding: Manifest) -> bool:
        return any(
            (subject["name"], subject["namespace"]) == (self.name, self.namespace) for subject in binding["subjects"]
        )


def _render(namespace: str, options: tuple[str, ...]) -> list[Manifest]:
    helm = program(COMPONENTS["helm"], Progress())
    done = subprocess.run(
        [helm, "template", "memorybank", CHART, f"--namespace={namespace}", *options],
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [manifest for manifest in yaml.safe_load_all(done.stdout) if manifest]


def _is_operator(manifest: Manifest) -> bool:
    return bool(manifest["metadata"]["labels"].get("app.kubernetes.io/component") == "operator")


def _namespace(manifest: Manifest) -> str:
    """Empty for what is the whole cluster's."""
    return str(manifest["metadata"].get("namespace", ""))


async def _make(kube: Kube, path: str, manifest: Manifest) -> None:
    """Create what may be there already."""
    try:
        await kube.call("POST", path, manifest)
    except Answer as answer:
        if answer.status != 409:
            raise
