"""`memorybank-operator`: run until SIGTERM; or, with an argument, one of the chart's small tasks."""

import asyncio
import gc
import logging
import signal
import sys
from collections.abc import Coroutine, Sequence
from typing import Any

import uvloop
from prometheus_client import start_http_server

from memorybank_operator import logs, settings, tracing
from memorybank_operator.background import failed, started
from memorybank_operator.cluster import Cluster
from memorybank_operator.handlers import Operator
from memorybank_operator.installations import Installations, announcement
from memorybank_operator.kubeconfig import Connection, NoConnection, connect
from memorybank_operator.lead import Leadership
from memorybank_operator.probes import HealthServer
from memorybank_operator.settings import Settings, SettingsError

logger = logging.getLogger("memorybank_operator")

GARBAGE_THRESHOLD = 10_000
"""Objects made before the youngest are looked through for cycles: Python's 700 is reached every few events."""


async def run(chosen: Settings, connection: Connection) -> int:
    """Be a replica of the operator until SIGTERM or SIGINT; answers the exit status."""
    stop = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    if chosen.traces:
        tracing.start(chosen.identity)
    async with Cluster(connection) as cluster:
        announced = announcement(chosen.watch_namespaces)
        leadership = Leadership(cluster, chosen.operator_namespace, chosen.identity, announced)
        leading: Operator | None = None

        def live() -> str | None:
            return None if leadership.alive else f"no renewal of the Lease was told for {leadership.canary_age:.0f} s"

        def ready() -> str | None:
            if leadership.away:
                return "the API server does not answer"
            return None if leading is None or leading.synced.is_set() else "the first look at the cluster is not done"

        health = HealthServer(chosen.health_port, {"/livez": live, "/readyz": ready})
        health.start()
        watching = started(leadership.watch(), stop)
        try:
            while True:
                installations = Installations(
                    cluster, chosen.operator_namespace, announced, is_new=lambda: leadership.created
                )
                operator = Operator(cluster, chosen, installations)
                if not await _first(leadership.acquire(), stop):
                    return 1 if failed(watching) else 0
                leading = operator
                sound = await _lead(leadership, operator, stop)
                leading = None
                if stop.is_set() or not sound:
                    return 0 if sound and not failed(watching) else 1
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            health.stop()
            await tracing.stop()


async def _lead(leadership: Leadership, operator: Operator, stop: asyncio.Event) -> bool:
    """Work until told to stop, or until the Lease is lost; whether no part has failed."""
    over = asyncio.Event()
    tasks = [
        started(leadership.keep(), over),
        started(_set_after(leadership.lost, over), over),
        started(_set_after(stop, over), over),
    ]
    try:
        await operator.run(over)
        return not any(failed(task) for task in tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if not leadership.lost.is_set():
            await leadership.release()


async def _first(work: Coroutine[Any, Any, None], stop: asyncio.Event) -> bool:
    """Whether the work was done before the stop."""
    working, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
    done = working.done()
    for task in (working, stopping):
        task.cancel()
    if done:
        working.result()
    return done


async def _set_after(first: asyncio.Event, then: asyncio.Event) -> None:
    await first.wait()
    then.set()


async def task(connection: Connection, name: str, arguments: Sequence[str]) -> int:
    """One of the tasks that the chart runs in the operator's image; answers the exit status."""
    from memorybank_operator import check_installation, install_crds

    match name:
        case "install-crds" if not arguments:
            return await install_crds.run(connection)
        case "check-installation":
            return await check_installation.run(connection, arguments)
        case _:
            sys.stderr.write(
                f"memorybank-operator: {name!r} is unknown: it takes nothing (the operator), install-crds,"
                " or check-installation\n"
            )
            return 2


def main() -> None:
    """The console script."""
    if len(sys.argv) > 1:
        try:
            sys.exit(asyncio.run(task(connect(), sys.argv[1], sys.argv[2:])))
        except NoConnection as error:
            sys.stderr.write(f"memorybank-operator: {error}\n")
            sys.exit(2)
    try:
        chosen = settings.from_environment()
        connection = connect()
    except (SettingsError, NoConnection) as error:
        sys.stderr.write(f"memorybank-operator: {error}\n")
        sys.exit(2)
    logs.configure(chosen.log_level, chosen.log_format)
    start_http_server(chosen.metrics_port)
    # What is imported stays; what a watch's line is read into is mostly gone before a collector could find it.
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD, 20, 20)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.exit(runner.run(run(chosen, connection)))


if __name__ == "__main__":
    main()
