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
    from memorybank.fleet.kubernetes.tenants import KubernetesTenants

    Opening = MemoryBankClient | KubernetesTenants | tuple[MemoryBankClient, KubernetesTenants | None] | None
else:
    Opening = object


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
def the_fleet(options: Namespace, progress: Progress) -> Iterator[KubernetesTenants]:
    progress.say("waiting for the cluster")
    yield tenants(options)


@contextmanager
def one_memory(options: Namespace, progress: Progress) -> Iterator[tuple[MemoryBankClient, KubernetesTenants | None]]:
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


def tenants(options: Namespace) -> KubernetesTenants:
    """The library behind it is imported, and the cluster asked, at the first request."""
    from memorybank.fleet.kubernetes.cluster import Cluster
    from memorybank.fleet.kubernetes.configuration import Where
    from memorybank.fleet.kubernetes.tenants import KubernetesTenants

    return KubernetesTenants(Cluster(Where(options.kubeconfig, options.context, options.namespace)))


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
