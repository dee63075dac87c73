"""How much of a request's head a connection takes, how long it waits for its client, and how many there may be.

All of this comes before any key is known. The parser keeps what it has of a header until the header ends, and copies it
with every piece that arrives: without a bound one client fills the memory and stops the loop. And a client that says
nothing more would keep its connection for ever.
"""

import logging
from asyncio import BaseTransport, Transport
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, cast

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from memorybank_service.http.problems import Problem, problem_response

log = logging.getLogger(__name__)
PROBES = (b"/livez", b"/readyz", b"/health")
HEAD_TOO_LARGE = Problem(431, "head-too-large", "The request line and its headers are larger than 32 KiB.")
TOO_MANY_AT_ONCE = Problem(400, "malformed-request", "There are too many requests at once on this connection.")
HEAD_TOO_SLOW = Problem(408, "too-slow", "The request line and its headers took too long to arrive.")
BODY_TOO_SLOW = Problem(408, "too-slow", "Nothing more of the body arrived for too long.")
BUSY = Problem(503, "busy", "There are too many connections; try again in a moment.", headers={"Retry-After": "1"})


@dataclass(frozen=True)
class Limits:
    head_bytes: int = 32 << 10
    """Of a request line with its headers; also of what follows a chunked body."""
    head_seconds: float = 10.0
    """From a head's first byte to its last."""
    body_seconds: float = 30.0
    """From one byte of a body to the next: an upload that is slow but moves goes on."""
    rest_seconds: float = 5.0
    """For what is left of a body once its request is answered: some clients read the answer only after they sent it."""
    unread_seconds: float = 120.0
    """In which a client takes nothing of its answer."""
    idle_seconds: float = 75.0
    """Between two requests; longer than a proxy's, so that it is the proxy who closes."""
    connections: int = 512
    """Above it, those that have waited longest for a request are closed."""
    busy: int = 768
    """Connections from which on only probes are answered."""
    most: int = 1024
    """Beyond it, a new connection is closed at once."""
    patience_seconds: float = 1.0
    """In which a connection is not closed for another."""
    pipelined: int = 16
    """Requests on one connection that wait for their turn."""

    def of(self, waiting_for: str) -> float:
        """Seconds."""
        return {"head": self.head_seconds, "nothing": self.idle_seconds}.get(waiting_for, self.rest_seconds)


class _StoppedError(Exception):
    """Raised within the parser, which then goes no further."""


class Connection(HttpToolsProtocol):
    """What it waits for, since when, and what it has received that was no body."""

    limits = Limits()

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._reading: Literal["nothing", "head", "body", "rest", "refused"] = "head"
        self.since = self._moved = self.loop.time()
        self._received = self._unsent = 0
        self._is_moving = False
        self._wrong: Problem | None = None

    @property
    def waits(self) -> bool:
        """For its client, with no request under way."""
        is_answered = self.cycle is None or self.cycle.response_complete
        return self._reading == "refused" or (is_answered and self._reading != "body")

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(cast(Transport, transport))
        if len(self.connections) > self.limits.most:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._reading == "refused":
            return
        if self._reading == "nothing":
            self._reading, self.since = "head", self.loop.time()
        elif self._reading == "body":
            self.since = self.loop.time()
        self._received += len(data)
        self._is_moving = False
        super().data_received(data)
        if self._is_moving:
            self._received = 0
        elif self._received > self.limits.head_bytes:
            self._refuse(HEAD_TOO_LARGE)

    def on_headers_complete(self) -> None:
        if self._received > self.limits.head_bytes and self._head_bytes() > self.limits.head_bytes:
            self._stop(HEAD_TOO_LARGE)
        if len(self.pipeline) >= self.limits.pipelined:
            self._stop(TOO_MANY_AT_ONCE)
        self._is_moving, self._reading, self.since = True, "body", self.loop.time()
        if len(self.connections) < self.limits.busy or self.url.startswith(PROBES):
            super().on_headers_complete()
            return
        app, self.app = self.app, _busy
        try:
            super().on_headers_complete()
        finally:
            self.app = app

    def on_body(self, body: bytes) -> None:
        self._is_moving = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._is_moving, self._reading, self.since = True, "nothing", self.loop.time()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        if self.cycle.response_complete and self._reading in ("nothing", "body"):
            self._reading = "rest" if self._reading == "body" else "nothing"
            self.since = self.loop.time()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        self._refuse(self._wrong or Problem(400, "malformed-request", msg))

    def shutdown(self) -> None:
        if self._reading == "refused":
            self.transport.close()
        super().shutdown()

    def look(self, now: float) -> None:
        """Ends it where its client has been silent for too long."""
        limits, unsent = self.limits, self.transport.get_write_buffer_size()
        if not unsent or unsent != self._unsent:
            self._unsent, self._moved = unsent, now
        elif now - self._moved > limits.unread_seconds:
            self.transport.abort()
        if self.transport.is_closing():
            return
        waited = now - self.since
        if self._reading == "body":
            if self.flow.read_paused or self.cycle.waiting_for_100_continue:
                self.since = now  # it is for us to go on
            elif waited > limits.body_seconds:
                self._refuse(BODY_TOO_SLOW)
        elif self.waits and waited > limits.of(self._reading):
            if self._reading == "head" and self._received:
                self._refuse(HEAD_TOO_SLOW)
            else:
                self.transport.close()

    def _head_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _stop(self, wrong: Problem) -> NoReturn:
        self._wrong = wrong
        raise _StoppedError

    def _refuse(self, problem: Problem) -> None:
        """Says so where no other answer is under way; what still comes is passed over, a reset would take it away."""
        if self._reading == "refused" or self.transport.is_closing():
            return
        cycle = self.cycle
        is_answered = cycle is None or cycle.response_complete
        is_unanswered = not is_answered and self._reading == "body" and not (cycle.response_started or self.pipeline)
        if not is_answered:
            cycle.disconnected = True  # whoever waits for the rest of the body learns that there is none
            cycle.message_event.set()
        if not (is_answered or is_unanswered):
            self.transport.close()
            return
        response = problem_response("", problem)
        head = b"".join(b"%b: %b\r\n" % header for header in response.raw_headers)
        answer = (STATUS_LINE[problem.status_code], head, b"connection: close\r\n\r\n", bytes(response.body))
        self.transport.write(b"".join(answer))
        self.transport.write_eof()
        self._reading, self.since = "refused", self.loop.time()


def let_go(connections: Collection[Connection], limits: Limits, now: float) -> None:
    """Ends what has been silent for too long; and where there are too many, those that have waited longest."""
    for connection in connections:
        connection.look(now)
    too_many = len(connections) - limits.connections
    if too_many <= 0:
        return
    waiting = [one for one in connections if one.waits and now - one.since > limits.patience_seconds]
    for connection in sorted(waiting, key=lambda one: one.since)[:too_many]:
        connection.transport.abort()


async def _busy(scope: Scope, receive: Receive, send: Send) -> None:
    response = problem_response("", BUSY)
    response.headers["Connection"] = "close"
    await response(scope, receive, send)
