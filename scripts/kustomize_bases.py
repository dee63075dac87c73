"""Writes the Kustomize bases below config/ from what the chart renders with its own values, so that both never drift.

Argument: the path of helm. config/samples and the rules and dashboards in config/monitoring are sources: they stay.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).resolve().parents[1]
CONFIG: Final = ROOT / "config"
NAMESPACE: Final = "memorybank-system"
HEADER: Final = "# Made from helm/memorybank by `make generate`: change it there.\n"

Manifest = dict[str, Any]

RBAC: Final = ("ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")
MONITORING: Final = ("PodMonitor", "PrometheusRule")
RESTRICTED: Final = {"pod-security.kubernetes.io/enforce": "restricted"}


class Texts(yaml.SafeDumper):
    """Without anchors, and with a text of several lines as a block."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


Texts.add_representer(str, _text)


def render(helm: str) -> list[Manifest]:
    """The chart without hooks, without dashboards (Kustomize makes those of their files), and without Helm's marks."""
    command = [helm, "template", "memorybank", str(ROOT / "helm" / "memorybank"), f"--namespace={NAMESPACE}"]
    options = ["--no-hooks", "--skip-tests", "--set=monitoring.enabled=true", "--api-versions=monitoring.coreos.com/v1"]
    done = subprocess.run([*command, *options], text=True, capture_output=True, check=True)
    found = [each for each in yaml.safe_load_all(done.stdout) if each and each["kind"] != "ConfigMap"]
    for each in found:
        _unmark(each)
    return found


def _unmark(part: Any) -> None:
    if isinstance(part, list):
        for inner in part:
            _unmark(inner)
    if isinstance(part, dict):
        labels = part.get("labels")
        if isinstance(labels, dict) and labels.pop("helm.sh/chart", None):
            labels["app.kubernetes.io/managed-by"] = "kustomize"
        for inner in part.values():
            _unmark(inner)


def write(path: str, manifests: Iterable[Mapping[str, Any]]) -> None:
    """A generated file below config/."""
    file = CONFIG / path
    file.parent.mkdir(parents=True, exist_ok=True)
    texts = [yaml.dump(each, Dumper=Texts, sort_keys=False, width=120) for each in manifests]
    file.write_text(HEADER + "---\n".join(texts))


def kustomization(*resources: str, **more: Any) -> list[Manifest]:
    return [
        {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": list(resources),
            **more,
        }
    ]


def dashboards() -> dict[str, Any]:
    """The ConfigMaps that Grafana's sidecar finds, of the files in config/monitoring/dashboards."""
    files = sorted((CONFIG / "monitoring" / "dashboards").glob("*.json"))
    return {
        "generatorOptions": {"disableNameSuffixHash": True, "labels": {"grafana_dashboard": "1"}},
        "configMapGenerator": [
            {
                "name": f"memorybank-dashboard-{file.stem}",
                "namespace": NAMESPACE,
                "files": [f"memorybank-{file.name}=dashboards/{file.name}"],
            }
            for file in files
        ],
    }


def main() -> None:
    manifests = render(sys.argv[1])
    crds = sorted((ROOT / "crds").glob("*.yaml"))
    for old in (CONFIG / "crd").glob("*.yaml"):
        old.unlink()
    write("crd/kustomization.yaml", kustomization(*(file.name for file in crds)))
    for file in crds:
        (CONFIG / "crd" / file.name).write_text(file.read_text())
    write("rbac/kustomization.yaml", kustomization("rbac.yaml"))
    write("rbac/rbac.yaml", [each for each in manifests if each["kind"] in RBAC])
    write("manager/kustomization.yaml", kustomization("manager.yaml"))
    write("manager/manager.yaml", [each for each in manifests if each["kind"] not in RBAC + MONITORING])
    write("monitoring/kustomization.yaml", kustomization("monitoring.yaml", **dashboards()))
    write("monitoring/monitoring.yaml", [each for each in manifests if each["kind"] in MONITORING])
    write("default/kustomization.yaml", kustomization("namespace.yaml", "../crd", "../rbac", "../manager"))
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": RESTRICTED}}
    write("default/namespace.yaml", [namespace])


if __name__ == "__main__":
    main()
