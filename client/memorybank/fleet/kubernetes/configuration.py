"""Which cluster and which namespace, as kubectl has it. Only this and `forwarding` know the `kubernetes` library.

It is an extra of this package, and imported when a command needs the cluster: it takes a second.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memorybank.fleet.errors import SilentError

IN_CLUSTER = "KUBERNETES_SERVICE_HOST"
NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


@dataclass(frozen=True)
class Where:
    """What the user said of the cluster; None: as the kubeconfig says."""

    kubeconfig: str | None = None
    context: str | None = None
    namespace: str | None = None


@dataclass(frozen=True)
class Connection:
    client: Any
    """The library's ApiClient: it knows certificates, tokens and the plug-ins that fetch them."""
    server: str
    namespace: str


def connection(where: Where) -> Connection:
    """Raises SilentError where no cluster is named, or it cannot be spoken to."""
    try:
        from kubernetes import client, config
        from kubernetes.config.config_exception import ConfigException
        from yaml import YAMLError
    except ImportError:
        raise SilentError(
            "tenants in a cluster need the Kubernetes library: pip install 'memorybank[kubernetes]'"
        ) from None
    configuration = client.Configuration()
    files = where.kubeconfig or os.environ.get("KUBECONFIG") or str(Path("~/.kube/config").expanduser())
    there = any(Path(file).exists() for file in files.split(os.pathsep))
    try:
        if not there and IN_CLUSTER in os.environ and where.kubeconfig is None and where.context is None:
            config.load_incluster_config(configuration)
            usual: str | None = NAMESPACE_FILE.read_text().strip()
        elif not there:
            raise SilentError(f"no kubeconfig at {files}: name one with --kubeconfig or in $KUBECONFIG")
        else:
            config.load_kube_config(files, where.context, configuration, persist_config=False)
            usual = _namespace(config.list_kube_config_contexts(files), where.context)
    except (ConfigException, YAMLError, TypeError, AttributeError, KeyError) as error:
        # The library takes a file that is something else altogether for one of its own.
        raise SilentError(f"the kubeconfig {files} cannot be used: {error}") from None
    configuration.retries = False
    return Connection(client.ApiClient(configuration), configuration.host, where.namespace or usual or "default")


def _namespace(told: tuple[Any, Any], context: str | None) -> str | None:
    contexts, active = told
    chosen = active if context is None else next(one for one in contexts if one["name"] == context)
    namespace: str | None = (chosen.get("context") or {}).get("namespace")
    return namespace
