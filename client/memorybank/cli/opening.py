"""What a command works on, found from its options: a tenant's memory, what runs the tenants, or nothing at all."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from memorybank import address
from memorybank.cli.progress import Progress

if TYPE_CHECKING:
    from memorybank import MemoryBankClient
    from memorybank.fleet.target import Target

    Opening = MemoryBankClient | Target | tuple[MemoryBankClient, Target | None] | None
else:
    Opening = object

TARGET_VARIABLE = "MEMORYBANK_TARGET"
TARGETS = ("kubernetes", "compose")
"""What may run tenants; the first if nothing is said."""


@contextmanager
def a_memory(options: Namespace, progress: Progress) -> Iterator[MemoryBankClient]:
    """Of the tenant that `--tenant` names in the cluster, else of the one at `--url`."""
    if options.tenant is not None:
        with tenants(options).memory(options.tenant, say=progress.say) as client:
            progress.say(f"waiting for tenant {options.tenant}")
            yield client
        return
    from memorybank import MemoryBankClient

    url = options.url or os.environ.get(address.URL_VARIABLE) or address.DEFAULT_URL
    progress.say(f"waiting for {url}")
    with MemoryBankClient(url, given_key(options.api_key_file)) as client:
        yield client


@contextmanager
def the_fleet(options: Namespace, progress: Progress) -> Iterator[Target]:
    progress.say("waiting for what runs the tenants")
    yield tenants(options)


@contextmanager
def one_memory(options: Namespace, progress: Progress) -> Iterator[tuple[MemoryBankClient, Target | None]]:
    """A tenant's memory, and what runs it where it is of the cluster."""
    with a_memory(options, progress) as client:
        yield client, tenants(options) if options.tenant is not None else None


def one_or_all(options: Namespace, progress: Progress) -> AbstractContextManager[Opening]:
    """A memory where anything says which one; all tenants of the cluster where nothing does."""
    if options.tenant is not None or _names_an_address(options):
        return a_memory(options, progress)
    return the_fleet(options, progress)


@contextmanager
def nothing(options: Namespace, progress: Progress) -> Iterator[None]:
    yield None


def tenants(options: Namespace) -> Target:
    """The library behind it is imported, and what runs them asked, at the first request."""
    target = options.target or os.environ.get(TARGET_VARIABLE) or TARGETS[0]
    if target not in TARGETS:
        raise ValueError(f"${TARGET_VARIABLE} is {target!r}: it may be {' or '.join(TARGETS)}")
    of_a_cluster = {"--namespace": options.namespace, "--context": options.context, "--kubeconfig": options.kubeconfig}
    if target == "compose":
        return _compose(options.folder, [name for name, value in of_a_cluster.items() if value is not None])
    if options.folder is not None:
        raise ValueError("--folder is for --target compose")
    from memorybank.fleet.kubernetes.cluster import Cluster
    from memorybank.fleet.kubernetes.configuration import Where
    from memorybank.fleet.kubernetes.tenants import KubernetesTenants

    return KubernetesTenants(Cluster(Where(options.kubeconfig, options.context, options.namespace)))


def _compose(folder: Path | None, given: list[str]) -> Target:
    if given:
        raise ValueError(f"{', '.join(given)}: for a cluster, and not for --target compose")
    from memorybank.fleet.compose.engine import engine
    from memorybank.fleet.compose.folder import Folder, default_folder
    from memorybank.fleet.compose.running import Site
    from memorybank.fleet.compose.tenants import ComposeTenants

    return ComposeTenants(Site(engine(), Folder(folder.absolute() if folder else default_folder())))


def given_key(file: Path | None) -> str | None:
    """A key never stands in the arguments, which everyone on a machine can see."""
    if file is None:
        return None
    try:
        return (sys.stdin.read() if str(file) == "-" else file.read_text()).strip()
    except UnicodeError:
        raise ValueError("the key cannot be used: it is not UTF-8") from None


def _names_an_address(options: Namespace) -> bool:
    variables = (os.environ.get(name) for name in (address.URL_VARIABLE, address.KEY_VARIABLE))
    return any((options.url, options.api_key_file, *variables))
