"""`python -m bench [FIGURE ...]`: the named figures or all: of the service, of the operator, on the demo's cluster."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import ModuleType

from kubernetes import config, dynamic

from bench import (
    adding,
    footprint,
    importing,
    load,
    operator_scale,
    repair,
    retrieval,
    search_speed,
    survival,
    tenant_ready,
)
from e2e.cluster.errors import ClusterError
from e2e.cluster.progress import Progress
from e2e.kubectl import KubectlError
from e2e.stack import bring_up

OF_THE_SERVICE = {
    "retrieval": retrieval,
    "search_speed": search_speed,
    "adding": adding,
    "importing": importing,
    "footprint": footprint,
    "load": load,
    "survival": survival,
}
OF_THE_OPERATOR = {"operator_scale": operator_scale}
ON_THE_CLUSTER = {"tenant_ready": tenant_ready, "repair": repair}


def main() -> int:
    wanted = sys.argv[1:] or _all()
    if unknown := set(wanted) - set(_all()):
        sys.stderr.write(f"make bench: no figure {', '.join(sorted(unknown))}; there are {', '.join(_all())}\n")
        return 2
    for name, alone in (OF_THE_SERVICE | OF_THE_OPERATOR).items():
        if name in wanted:
            print(alone.run(), end="\n\n", flush=True)
    return _on_the_cluster([figure for name, figure in ON_THE_CLUSTER.items() if name in wanted])


def _all() -> list[str]:
    return [*OF_THE_SERVICE, *OF_THE_OPERATOR, *ON_THE_CLUSTER]


def _on_the_cluster(figures: Sequence[ModuleType]) -> int:
    if not figures:
        return 0
    try:
        stack = bring_up(Progress())
        client = dynamic.DynamicClient(config.new_client_from_config(str(stack.access.kubeconfig)))
        for figure in figures:
            print(figure.run(stack.kubectl, client), end="\n\n", flush=True)
    except (ClusterError, KubectlError, TimeoutError) as error:
        sys.stderr.write(f"make bench: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
