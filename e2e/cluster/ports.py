"""The two ports of 127.0.0.1 by which the host reaches the local cluster."""

from __future__ import annotations

import os
import socket

from e2e.cluster.errors import ClusterError

HTTP_PORT = "MEMORYBANK_HTTP_PORT"


def http_port() -> int:
    """80 unless MEMORYBANK_HTTP_PORT says otherwise."""
    text = os.environ.get(HTTP_PORT) or "80"
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise ClusterError(f"{HTTP_PORT}={text!r} is no port: use a number from 1 to 65535.")
    return int(text)


def listen(port: int) -> socket.socket:
    """A listening socket on loopback; port 0 takes any that is free."""
    try:
        return socket.create_server(("127.0.0.1", port), backlog=256)
    except PermissionError as error:
        raise ClusterError(f"Port {port} of 127.0.0.1 needs root: set {HTTP_PORT}=8080, say.") from error
    except OSError as error:
        raise ClusterError(
            f"Port {port} of 127.0.0.1 is taken: end what listens there, or set {HTTP_PORT} to another port."
        ) from error
