"""A Kubernetes for MemoryBank's demo and tests.

  python -m e2e.cluster up                    bring it up; again: nothing happens
  python -m e2e.cluster kubectl get pods -A   kubectl of the cluster
  python -m e2e.cluster load image.tar        make an image usable by pods
  python -m e2e.cluster status                its parts and their health
  python -m e2e.cluster shell                 a shell on its node
  python -m e2e.cluster down                  remove all of it
  python -m e2e.cluster build helm            build one of the programs, and print its path
  python -m e2e.cluster up --no-node          only the control plane, until Ctrl-C

CLUSTER=local makes a node of its own on this machine, CLUSTER=kind one in Docker, CLUSTER=current uses your
kubeconfig's context; by default kind where Docker answers, else local. MEMORYBANK_HTTP_PORT is the port of 127.0.0.1
for HTTP (80), and MEMORYBANK_CLUSTER the name of the cluster where there shall be more than one.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from e2e.cluster.access import Access, Cluster
from e2e.cluster.build import program
from e2e.cluster.choice import chosen
from e2e.cluster.components import COMPONENTS
from e2e.cluster.controlplane import ControlPlane
from e2e.cluster.errors import ClusterError
from e2e.cluster.progress import Progress


def parse(words: list[str]) -> argparse.Namespace:
    """All that follows `kubectl` is kubectl's, also what looks like an option of ours."""
    if words[:1] == ["kubectl"]:
        return argparse.Namespace(run=kubectl, arguments=words[1:])
    return parser().parse_args(words)


def main() -> int:
    options = parse(sys.argv[1:])
    try:
        return int(options.run(options, Progress()))
    except ClusterError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="python -m e2e.cluster", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = top.add_subparsers(required=True, metavar="COMMAND")
    verb = verbs.add_parser("up", help="bring the cluster up")
    verb.add_argument("--no-node", action="store_true", help="only a control plane on loopback, until Ctrl-C")
    verb.add_argument("--nodes", type=int, default=0, metavar="N", help="with --no-node: N simulated nodes")
    verb.set_defaults(run=up)
    verbs.add_parser("down", help="remove the cluster").set_defaults(run=down)
    verbs.add_parser("status", help="the parts of the cluster and their health").set_defaults(run=status)
    verbs.add_parser("kubectl", help="kubectl of the cluster, with all that follows")
    verbs.add_parser("shell", help="a shell on the node").set_defaults(run=shell)
    verb = verbs.add_parser("load", help="load images into the cluster")
    verb.add_argument("archives", nargs="+", type=Path, metavar="ARCHIVE")
    verb.set_defaults(run=load)
    verb = verbs.add_parser("build", help="build programs, and print their paths")
    verb.add_argument("components", nargs="*", metavar="COMPONENT", help=f"of {', '.join(COMPONENTS)}; none: all")
    verb.set_defaults(run=build)
    return top


def up(options: argparse.Namespace, progress: Progress) -> int:
    if options.no_node:
        with (
            tempfile.TemporaryDirectory(prefix="memorybank-plane-") as scratch,
            ControlPlane(Path(scratch) / "plane", nodes=options.nodes, progress=progress) as plane,
        ):
            sys.stdout.write(f"export KUBECONFIG={plane.kubeconfig}\n")
            sys.stdout.flush()
            threading.Event().wait()
    access = chosen().up(progress)
    sys.stdout.write(f"export KUBECONFIG={access.kubeconfig}\n# HTTP reaches Traefik at {access.ingress}\n")
    return 0


def down(_options: argparse.Namespace, progress: Progress) -> int:
    chosen().down(progress)
    return 0


def status(_options: argparse.Namespace, _progress: Progress) -> int:
    parts = chosen().status()
    for part in parts:
        sys.stdout.write(f"{'ok ' if part.healthy else 'BAD'}  {part.name:24} {part.detail}".rstrip() + "\n")
    return 0 if all(part.healthy for part in parts) else 1


def kubectl(options: argparse.Namespace, _progress: Progress) -> int:
    access = chosen().access()
    return subprocess.run([access.kubectl, *options.arguments], env=environment(access), check=False).returncode


def shell(_options: argparse.Namespace, _progress: Progress) -> int:
    cluster: Cluster = chosen()
    return subprocess.run(cluster.shell(), env=environment(cluster.access()), check=False).returncode


def load(options: argparse.Namespace, progress: Progress) -> int:
    cluster = chosen()
    for archive in options.archives:
        sys.stdout.write(f"{cluster.load_image(archive, progress)}\n")
    return 0


def build(options: argparse.Namespace, progress: Progress) -> int:
    for name in options.components or COMPONENTS:
        if name not in COMPONENTS:
            raise ClusterError(f"There is no component {name!r}; there are {', '.join(COMPONENTS)}.")
        sys.stdout.write(f"{program(COMPONENTS[name], progress)}\n")
    return 0


def environment(access: Access) -> dict[str, str]:
    """With the cluster's kubectl and kubeconfig."""
    path = f"{access.kubectl.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return {**os.environ, "KUBECONFIG": str(access.kubeconfig), "PATH": path}


if __name__ == "__main__":
    sys.exit(main())
