"""`memorybank-operator install-crds`: bring the cluster's custom resource definitions to those of this version.

Helm installs a chart's `crds/` once and never touches them again. So the chart runs this, in the new operator's image,
before it upgrades the operator. The definitions are made from the typed resources, as `crds/` is.
"""

import asyncio
import sys
from collections.abc import Mapping
from typing import Any, Final

from memorybank_operator.answers import Transient
from memorybank_operator.api.crd import definitions
from memorybank_operator.cluster import Cluster
from memorybank_operator.kinds import Kind
from memorybank_operator.kubeconfig import Connection

CUSTOM_RESOURCE_DEFINITION: Final = Kind(
    "apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions"
)
ESTABLISHED_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 0.2


async def install(cluster: Cluster) -> list[str]:
    """Apply each definition, and return their names once the API server serves them."""
    wanted = definitions()
    for crd in wanted:
        await cluster.apply(CUSTOM_RESOURCE_DEFINITION, crd)
    names = [str(crd["metadata"]["name"]) for crd in wanted]
    async with asyncio.timeout(ESTABLISHED_SECONDS):
        for name in names:
            await _until_established(cluster, name)
    return names


async def run(connection: Connection) -> int:
    """The command; answers the exit status."""
    async with Cluster(connection) as cluster:
        try:
            names = await install(cluster)
        except TimeoutError:
            sys.stderr.write(f"the definitions were applied, and are not served after {ESTABLISHED_SECONDS:.0f} s\n")
            return 1
        except Transient as error:
            sys.stderr.write(f"the definitions could not be applied: {error}\n")
            return 1
    sys.stdout.write("".join(f"{name} is of this version\n" for name in names))
    return 0


async def _until_established(cluster: Cluster, name: str) -> None:
    while True:
        if _established(await cluster.get(CUSTOM_RESOURCE_DEFINITION, None, name)):
            return
        await asyncio.sleep(LOOK_SECONDS)


def _established(crd: Mapping[str, Any]) -> bool:
    conditions = (crd.get("status") or {}).get("conditions") or []
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)
