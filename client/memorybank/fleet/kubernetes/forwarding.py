"""A port on this machine that leads through the API server to a pod's port, as `kubectl port-forward` has it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

from memorybank.fleet.errors import SilentError
from memorybank.fleet.kubernetes.configuration import Connection
from memorybank.fleet.kubernetes.kinds import POD

_PIECE = 1 << 16


@contextmanager
def forwarded(connection: Connection, namespace: str, pod: str, port: int) -> Iterator[int]:
    """Each connection to the port that is yielded becomes one to the pod's."""
    listener = socket.create_server(("127.0.0.1", 0))
    _Door(connection, namespace, pod, port).open().close()  # so that a refusal is told here, as a sentence
    thread = threading.Thread(target=_serve, args=(listener, _Door(connection, namespace, pod, port)), daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


class _Door:
    """Opens connections to one port of one pod."""

    def __init__(self, connection: Connection, namespace: str, pod: str, port: int) -> None:
        self._connection, self._namespace, self._pod, self._port = connection, namespace, pod, port

    def open(self) -> Any:
        """A socket. Raises SilentError."""
        # What CoreV1Api would call; importing that, with a class for each kind there is, takes over a second.
        from kubernetes.client.exceptions import ApiException
        from kubernetes.stream.ws_client import portforward_call

        client = self._connection.client
        path = f"{POD.path(self._namespace, self._pod)}/portforward"
        headers: dict[str, str] = {}
        client.update_params_for_auth(headers, [], ["BearerToken"], path, "GET", None)
        try:
            stream = portforward_call(
                client.configuration,
                "GET",
                self._connection.server + path,
                headers=headers,
                query_params=[("ports", str(self._port))],
            )
        except ApiException as error:
            raise SilentError(f"there is no way through the API server to pod {self._pod}: {error.reason}") from None
        return stream.socket(self._port)


def _serve(listener: socket.socket, door: _Door) -> None:
    while True:
        try:
            near, _ = listener.accept()
        except OSError:  # closed: that is the end
            return
        threading.Thread(target=_join, args=(near, door), daemon=True).start()


def _join(near: socket.socket, door: _Door) -> None:
    """Both ways, until either side closes."""
    with near:
        try:
            far = door.open()
        except SilentError:
            return  # who connected sees a connection that is closed
        with closing(far):
            back = threading.Thread(target=_pump, args=(far, near), daemon=True)
            back.start()
            _pump(near, far)
            with suppress(OSError):
                far.shutdown(socket.SHUT_RDWR)
            back.join()


def _pump(source: Any, sink: Any) -> None:
    with suppress(OSError):
        while piece := source.recv(_PIECE):
            sink.sendall(piece)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)
