"""A model provider on loopback that does what a test tells it: it speaks OpenAI's API, well or badly.

    with running_provider() as provider:
        provider.answer(says("Vienna"))            # from now on
        provider.script(limits_rate(2), hangs())   # the next two requests, then what was said before
        ... ask provider.base_url ...
        assert provider.requests[0].prompt.endswith("Where does Ada live?")

A reply is a `Reply`, or a function of the request that gives one. Embeddings are made of the words of a text, so that
texts which share words lie near each other, and the same text gets the same vector every time.

Anthropic's and Google's own paths are answered as well, with the same texts in the shape that they have there.
"""

import hashlib
import json
import math
import re
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.service import provider_shapes as shapes

DIMENSIONS = {"text-embedding-3-small": 1536, "text-embedding-3-large": 3072}
SMALL_DIMENSION = 64
"""Of every other model."""


@dataclass(frozen=True)
class ProviderRequest:
    path: str
    headers: dict[str, str]
    """With names in lower case."""
    body: dict[str, Any]

    @property
    def model(self) -> str:
        return str(self.body.get("model", ""))

    @property
    def messages(self) -> list[dict[str, Any]]:
        return list(self.body.get("messages", []))

    @property
    def prompt(self) -> str:
        """All that was said to the model, system message first."""
        return "\n".join([str(self.body.get("system") or ""), *(str(m["content"]) for m in self.messages)]).strip()

    @property
    def texts(self) -> list[str]:
        """What is to be embedded."""
        given = self.body.get("input", [])
        return [given] if isinstance(given, str) else list(given)

    @property
    def streams(self) -> bool:
        return bool(self.body.get("stream"))

    @property
    def is_embedding(self) -> bool:
        return self.path.endswith("/embeddings")


@dataclass(frozen=True)
class Reply:
    """What goes back; `body` None: `text` in the shape that the request's API has."""

    text: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "application/json"})
    body: bytes | None = None
    hangs_after: int | None = None
    """Sends no more after so many chunks of the body (0: not even its head), until the provider closes."""
    drops: bool = False
    """Closes the connection in the middle of the body."""
    times: int = 1
    """Sends the body over and over."""
    pause: float = 0.0
    """Seconds before each chunk: a provider that never stops sending a little."""

    def slowly(self, pause: float) -> "Reply":
        """The same, with so many seconds before each chunk."""
        return replace(self, pause=pause)

    def __str__(self) -> str:
        """Short enough for the name of a test."""
        more = [name for name in ("hangs_after", "drops", "pause") if getattr(self, name) not in (None, False, 0.0)]
        begins = self.text if self.body is None else self.body[:24].decode("ascii", "replace")
        return " ".join([str(self.status), begins[:24], *more, *(["very long"] if self.times > 1 else [])])


Script = Reply | Callable[[ProviderRequest], Reply]


def says(text: str) -> Reply:
    return Reply(text=text)


def says_json(value: object) -> Reply:
    return Reply(text=json.dumps(value, ensure_ascii=False))


def refuses(status: int, message: str = "refused", **headers: str) -> Reply:
    body = json.dumps({"error": {"message": message, "type": "error", "code": None, "param": None}}).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status=status, headers={"content-type": "application/json", **named}, body=body)


def limits_rate(retry_after: float) -> Reply:
    return refuses(429, "slow down", retry_after=f"{retry_after:g}")


def hangs(after: int = 0) -> Reply:
    """Takes the request and sends nothing, or nothing after so many chunks."""
    return Reply(text="this never comes to an end", hangs_after=after)


def trickles(pause: float) -> Reply:
    """One byte now and then, so that no wait for the next byte is ever long."""
    return Reply(body=b" ", times=1_000_000, pause=pause)


def garbage(body: bytes = b"<html>Bad gateway \xff\xfe</html>", content_type: str = "application/json") -> Reply:
    return Reply(body=body, headers={"content-type": content_type})


def huge(megabytes: int) -> Reply:
    """Well formed in its beginning, and far too long."""
    return Reply(body=b'{"id": "' + b"x" * ((1 << 20) - 8), times=megabytes)


def drops() -> Reply:
    return Reply(text="this is broken off in the middle", drops=True)


def vector_of(text: str, dimension: int = SMALL_DIMENSION) -> list[float]:
    """Of length 1: each word adds to a few places that follow from it."""
    vector = [0.0] * dimension
    for word in re.findall(r"\w+", text.lower()) or [text]:
        digest = hashlib.sha256(word.encode()).digest()
        for place in range(0, 16, 4):
            index = int.from_bytes(digest[place : place + 4], "big") % dimension
            vector[index] += 1.0 if digest[16 + place] & 1 else -1.0
    length = math.sqrt(sum(value * value for value in vector)) or 1.0
    return [value / length for value in vector] if any(vector) else [1.0, *vector[1:]]


def embeds(request: ProviderRequest) -> Reply:
    dimension = int(request.body.get("dimensions") or DIMENSIONS.get(request.model, SMALL_DIMENSION))
    return embeds_as([vector_of(text, dimension) for text in request.texts])


def embeds_as(vectors: Sequence[object]) -> Reply:
    """These vectors, whatever they are, in the shape of an answer."""
    data = [{"object": "embedding", "index": i, "embedding": vector} for i, vector in enumerate(vectors)]
    answer = {"object": "list", "data": data, "model": "m", "usage": {"prompt_tokens": 7, "total_tokens": 7}}
    return Reply(body=json.dumps(answer).encode())


class Provider:
    """What a test holds in its hands; safe to use while requests are being answered."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.base_url = f"http://127.0.0.1:{port}/v1"
        self.root_url = f"http://127.0.0.1:{port}"
        """For the APIs that bring their own version in the path."""
        self.requests: list[ProviderRequest] = []
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._scripted: deque[Script] = deque()
        self._always: Script = says("ok")
        self._embeds: Script = embeds
        self.under_way = self.most_at_once = 0

    def answer(self, reply: Script) -> None:
        """To every chat from now on."""
        self._always = reply

    def embed(self, reply: Script) -> None:
        """For every embedding from now on."""
        self._embeds = reply

    def script(self, *replies: Script) -> None:
        """To the next requests, of whatever kind, one each."""
        self._scripted.extend(replies)

    @property
    def chats(self) -> list[ProviderRequest]:
        return [request for request in self.requests if not request.is_embedding]

    @property
    def embeddings(self) -> list[ProviderRequest]:
        return [request for request in self.requests if request.is_embedding]

    def reply_to(self, request: ProviderRequest) -> Reply:
        with self._lock:
            self.requests.append(request)
            chosen = self._scripted.popleft() if self._scripted else None
        script = chosen or (self._embeds if request.is_embedding else self._always)
        return script(request) if callable(script) else script

    @contextmanager
    def counted(self) -> Iterator[None]:
        with self._lock:
            self.under_way += 1
            self.most_at_once = max(self.most_at_once, self.under_way)
        try:
            yield
        finally:
            with self._lock:
                self.under_way -= 1


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.provider = Provider(self.server_port)
        self.connections: set[socket.socket] = set()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away in the middle is nothing to report."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        super().finish()

    def log_message(self, format: str, *arguments: object) -> None:
        """Says nothing."""

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = ProviderRequest(self.path, headers, json.loads(raw))
        with self.server.provider.counted():
            self._send(request, self.server.provider.reply_to(request))

    def _send(self, request: ProviderRequest, reply: Reply) -> None:
        if reply.hangs_after == 0:
            self._wait()
            return
        streams = reply.body is None and request.streams
        headers = {**reply.headers, "content-type": "text/event-stream"} if streams else reply.headers
        self.send_response(reply.status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for number, chunk in enumerate(_chunks(request, reply), start=1):
            if reply.pause and self.server.provider.closing.wait(reply.pause):
                self.close_connection = True
                return
            self.wfile.write(b"%x\r\n" % len(chunk) + chunk + b"\r\n")
            if reply.hangs_after == number:
                self._wait()
                return
            if reply.drops:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
        self.wfile.write(b"0\r\n\r\n")

    def _wait(self) -> None:
        self.close_connection = True
        self.server.provider.closing.wait()


def _chunks(request: ProviderRequest, reply: Reply) -> Iterator[bytes]:
    if reply.body is not None:
        for _ in range(reply.times):
            yield reply.body
    elif not request.streams:
        yield json.dumps(shapes.whole(request.path, request.model, reply.text)).encode()
    else:
        yield from shapes.events(request.path, request.model, reply.text)


@contextmanager
def running_provider() -> Iterator[Provider]:
    server = _Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server.provider
    finally:
        server.provider.closing.set()
        server.shutdown()
        for connection in list(server.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        server.server_close()
        thread.join(10)
