"""A server on loopback that answers by a script, well or badly; or stands before the real service and loses answers."""

from __future__ import annotations

import http.client
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import urlsplit

Turn = Callable[["_Handler"], None]
"""What it does with one request."""


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


def answer(status: int, body: str = "{}", **headers: str) -> Turn:
    """`retry_after="3"` is a header `Retry-After: 3`."""

    def turn(handler: _Handler) -> None:
        handler.send_response_only(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body.encode())))
        handler.end_headers()
        handler.wfile.write(body.encode())

    return turn


def problem(status: int, kind: str, detail: str = "No.", **headers: str) -> Turn:
    body = f'{{"type": "urn:memorybank:problem:{kind}", "detail": "{detail}", "errors": []}}'
    return answer(status, body, Content_Type="application/problem+json", **headers)


def hang_up(handler: _Handler) -> None:
    """Closes the connection without a word."""
    handler.close_connection = True


def break_off(handler: _Handler) -> None:
    """Announces more than it sends."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"memory_id": "')
    handler.close_connection = True


def stay_silent(handler: _Handler) -> None:
    """Answers nothing until the test is over."""
    cast("Unreliable", handler.server).over.wait()
    handler.close_connection = True


def hand_on(handler: _Handler) -> None:
    """Does what the real service does."""
    status, headers, body = handler.ask_the_service()
    handler.send_response(status)
    for name, value in headers:
        if name.lower() not in {"transfer-encoding", "content-length", "connection"}:
            handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def lose_the_answer(handler: _Handler) -> None:
    """The service does it, and nobody hears of it."""
    handler.ask_the_service()
    handler.close_connection = True


class Unreliable(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, script: list[Turn], service_url: str | None, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.script, self.service_url = deque(script), service_url
        self.requests: list[Request] = []
        self.connections = 0
        self.over = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections += 1
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no error of this server's."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do(self) -> None:
        server = cast("Unreliable", self.server)
        self.body = self._read_body()
        server.requests.append(Request(self.command, self.path, dict(self.headers), self.body))
        (server.script.popleft() if server.script else answer(500))(self)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do  # noqa: N815 - the names that http.server calls

    def ask_the_service(self) -> tuple[int, list[tuple[str, str]], bytes]:
        where = urlsplit(cast("str", cast("Unreliable", self.server).service_url))
        connection = http.client.HTTPConnection(where.hostname or "", where.port)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() != "transfer-encoding"}
            connection.request(self.command, self.path, self.body or None, headers)
            response = connection.getresponse()
            return response.status, response.getheaders(), response.read()
        finally:
            connection.close()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the requests are kept."""

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body


@contextmanager
def unreliable(*script: Turn, service_url: str | None = None, port: int = 0) -> Iterator[Unreliable]:
    """One turn a request; when they are used up, it answers 500."""
    server = Unreliable(list(script), service_url, port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Time:
    """A clock that goes on only while somebody sleeps."""

    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def __call__(self) -> float:
        return self.now
