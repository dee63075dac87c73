"""The same asked of every tenant's memory, a few at once; one that does not answer keeps no other from it."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from memorybank.cli.progress import Progress
from memorybank.errors import MemoryBankError
from memorybank.wire import plain

if TYPE_CHECKING:
    from memorybank import MemoryBankClient
    from memorybank.fleet.target import Target

AT_ONCE = 8


def each_memory(
    target: Target, options: Namespace, progress: Progress, ask: Callable[[MemoryBankClient], Any]
) -> list[dict[str, Any]]:
    """Of each tenant its answer with its `tenant_id` first, or an `error`."""
    told = target.tenants(everywhere=options.everywhere)
    done = 0

    def one(tenant: dict[str, Any]) -> dict[str, Any]:
        nonlocal done
        name, namespace = tenant["tenant_id"], tenant["namespace"]
        answer: dict[str, Any] = {"tenant_id": name, "namespace": namespace}
        try:
            with target.within(namespace).memory(name, say=lambda _: None) as client:
                answer |= plain(ask(client))
        except MemoryBankError as error:
            answer["error"] = str(error)
        done += 1
        progress.say(f"{done} of {len(told)} tenants have answered")
        return answer

    progress.say(f"asking {len(told)} tenants")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, told))
