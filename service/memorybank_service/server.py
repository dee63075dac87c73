"""Serves the application and the metrics in one event loop, from the start to an orderly end."""

import asyncio
import contextlib
import errno
import gc
import logging
import signal
import socket
from collections.abc import Collection, Iterator
from typing import cast

import uvicorn
from starlette.types import ASGIApp

from memorybank_service.http.access import KeyRing
from memorybank_service.http.app import create_app
from memorybank_service.http.connections import Connection, let_go
from memorybank_service.http.measuring import MetricsApp
from memorybank_service.metrics import Metrics
from memorybank_service.settings import Settings, SettingsError
from memorybank_service.store import StoreError
from memorybank_service.tenant import Tenant
from memorybank_service.tracing import Tracing

log = logging.getLogger(__name__)
FINISH_SECONDS = 3  # for requests under way when the end is asked for
_LOOKS = 10  # ticks of uvicorn's, of a tenth of a second
_GARBAGE_AT = 10_000  # containers made and not freed; the default of 700 is a request or two


class Server(uvicorn.Server):
    """Leaves the signals alone: two servers share one process, and what ends them both is decided in `serve`.

    Looks at its connections every second, and more often where there are too many: no timer for each request.
    """

    async def on_tick(self, counter: int) -> bool:
        connections = cast(Collection[Connection], self.server_state.connections)
        if counter % _LOOKS == 0 or len(connections) > Connection.limits.connections:
            let_go(connections, Connection.limits, asyncio.get_running_loop().time())
        return await super().on_tick(counter)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(host: str, port: int, variable: str) -> socket.socket:
    """Raises SettingsError naming HOST or `variable`, whichever cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is given because asyncio asks for it: else it leaves Nagle's algorithm on, and an answer whose body
    # follows its head waits 40 ms for the client's acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        problem = f"{host}:{port} cannot be listened on: {error.strerror}"
        if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
            raise SettingsError("HOST", problem, "an address of this machine") from None
        raise SettingsError(variable, problem, "a free port of this machine") from None
    return listener


async def serve(
    settings: Settings, tenant: Tenant, keys: KeyRing, metrics: Metrics, tracing: Tracing | None = None
) -> int:
    """Until a signal asks for the end; the exit status. Raises SettingsError if a port or a directory is refused."""
    sockets = [
        listen(settings.host, settings.port, "PORT"),
        listen(settings.host, settings.metrics_port, "METRICS_PORT"),
    ]
    tenant.make_directory()
    servers = [_server(create_app(tenant, keys, metrics, tracing)), _server(MetricsApp(tenant, metrics))]
    _collect_garbage_seldom()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    serving = [asyncio.create_task(server.serve([listener])) for server, listener in zip(servers, sockets, strict=True)]
    port, metrics_port = (listener.getsockname()[1] for listener in sockets)
    log.info("listening", extra={"host": settings.host, "port": port, "metrics_port": metrics_port})
    background = [asyncio.create_task(_live(tenant)), asyncio.create_task(keys.follow())]
    asked = asyncio.create_task(ended.wait())
    done, _ = await asyncio.wait([asked, *background, *serving], return_when=asyncio.FIRST_COMPLETED)
    status = 0 if asked in done else 1

    log.info("stopping")
    tenant.stop_waiting()
    for server in servers:
        server.should_exit = True
    await asyncio.gather(*serving)
    for task in [asked, *background]:
        task.cancel()
    results = await asyncio.gather(*background, return_exceptions=True)
    results += await asyncio.gather(tenant.close(), return_exceptions=True)
    for error in results:
        if isinstance(error, StoreError):
            log.error(str(error))
            status = 1
        elif isinstance(error, Exception):
            raise error
    if tracing is not None:
        await tracing.close()
    log.info("stopped")
    return status


def _collect_garbage_seldom() -> None:
    """Python's full collection stops everything for as long as it takes to look at every object: 100 to 200 ms under
    load. What there is after the start stays, and needs no look; what comes later is looked at in larger portions."""
    gc.freeze()
    gc.set_threshold(_GARBAGE_AT, 10, 10)


async def _live(tenant: Tenant) -> None:
    """Opens the memories and does what comes round, until it is cancelled. Raises StoreError."""
    if await tenant.open():
        gc.freeze()
        await tenant.scheduler.run_for_ever()


def _server(app: ASGIApp) -> Server:
    return Server(
        uvicorn.Config(
            app,
            loop="asyncio",
            http=Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=int(Connection.limits.idle_seconds),
            timeout_graceful_shutdown=FINISH_SECONDS,
        )
    )
