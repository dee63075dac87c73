"""kubectl, as the demo and the end-to-end tests call it: what a user would type, with the answer as text or data."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Manifest = Mapping[str, Any]


class KubectlError(Exception):
    """kubectl refused; the message is what it printed."""


@dataclass(frozen=True)
class Kubectl:
    """kubectl for one cluster, by the program's path and the cluster's kubeconfig."""

    program: Path
    kubeconfig: Path

    def __call__(self, *arguments: str, stdin: str | None = None) -> str:
        done = subprocess.run(
            [str(self.program), f"--kubeconfig={self.kubeconfig}", *arguments],
            input=stdin,
            text=True,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise KubectlError(done.stderr.strip() or done.stdout.strip())
        return done.stdout

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--output=json"))

    def apply(self, *manifests: Manifest) -> str:
        return self("apply", "--filename=-", stdin=as_list(manifests))

    def wait(self, what: str, condition: str, namespace: str, seconds: int = 60) -> None:
        self("wait", f"--namespace={namespace}", what, f"--for={condition}", f"--timeout={seconds}s")

    def exists(self, what: str, namespace: str) -> bool:
        return bool(self("get", f"--namespace={namespace}", what, "--ignore-not-found", "--output=name"))


def as_list(manifests: Sequence[Manifest]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)})
