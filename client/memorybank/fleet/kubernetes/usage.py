"""What a tenant uses and does just now, as its own metrics say; they stand on a port that no route leads to."""

from __future__ import annotations

import http.client
from concurrent.futures import ThreadPoolExecutor

from memorybank.fleet.errors import FleetError, SilentError
from memorybank.fleet.figures import figures
from memorybank.fleet.kubernetes.cluster import Cluster
from memorybank.fleet.kubernetes.kinds import METRICS_PORT
from memorybank.fleet.kubernetes.logs import pod_of
from memorybank.fleet.target import Answer

SECONDS, LARGEST, AT_ONCE = 5.0, 4 << 20, 8


def metrics_text(cluster: Cluster, name: str) -> str:
    """Raises SilentError where they cannot be read."""
    pod = pod_of(cluster, name)["metadata"]["name"]
    with cluster.port(pod, METRICS_PORT) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
        try:
            connection.request("GET", "/metrics")
            return connection.getresponse().read(LARGEST).decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            raise SilentError(f"the metrics of pod {pod} cannot be read: {error}") from None
        finally:
            connection.close()


def with_usage(cluster: Cluster, tenants: list[Answer]) -> list[Answer]:
    """Lines of `list`, each with its figures; where they cannot be had, with those of its status."""

    def one(line: Answer) -> Answer:
        if line["available"] != "True":
            return {**line, "requests": None, "failed": None}
        try:
            read = figures(metrics_text(cluster.within(line["namespace"]), line["tenant_id"]))
        except FleetError:
            read = {"requests": None, "failed": None}
        return line | {name: value for name, value in read.items() if value is not None or name not in line}

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, tenants))
