"""`python -m bench`: every figure, on the cluster that `make demo` brings up."""

from __future__ import annotations

import sys

from kubernetes import config, dynamic

from bench import repair, tenant_ready
from e2e.cluster.errors import ClusterError
from e2e.cluster.progress import Progress
from e2e.kubectl import KubectlError
from e2e.stack import bring_up


def main() -> int:
    try:
        stack = bring_up(Progress())
        client = dynamic.DynamicClient(config.new_client_from_config(str(stack.access.kubeconfig)))
        for figure in (tenant_ready, repair):
            print(figure.run(stack.kubectl, client), end="\n\n", flush=True)
    except (ClusterError, KubectlError, TimeoutError) as error:
        sys.stderr.write(f"make bench: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
