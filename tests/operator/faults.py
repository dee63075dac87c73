"""What can go wrong between the operator and the API server, one class a fault; `proxy.py` plays them.

A fault says when it strikes: before the API server has heard of the request, or after it has done what was asked.
"""

import asyncio
import json
from typing import Final, NamedTuple

import msgspec

HTML: Final = b"<html><head><title>502 Bad Gateway</title></head><body><center>load-balancer/1.0</center></body></html>"
"""What a load balancer says when it has nobody to ask."""


class Call(NamedTuple):
    """A request of the operator."""

    method: str
    path: str
    """Below the server's address, without the query."""
    watch: bool

    @property
    def write(self) -> bool:
        return self.method != "GET"

    def __str__(self) -> str:
        return f"{'WATCH' if self.watch else self.method} {self.path}"


class Fault(msgspec.Struct, frozen=True):
    """Base of all."""


class Answer(Fault, frozen=True):
    """An answer with a Status of Kubernetes; nothing was done."""

    status: int
    reason: str = ""
    retry_after: int | None = None

    def body(self) -> bytes:
        status = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": f"injected {self.status}",
            "reason": self.reason,
            "code": self.status,
        }
        return json.dumps(status).encode()


class Page(Fault, frozen=True):
    """The HTML page of a load balancer, under a status of its choice; nothing was done."""

    status: int


class Dropped(Fault, frozen=True):
    """The connection ends without an answer: before or after the API server did what was asked."""

    executed: bool


class Garbled(Fault, frozen=True):
    """It was done, and what comes back is the first half of the answer, under the length of the half."""


class Slow(Fault, frozen=True):
    """It is done, and answered so many seconds later."""

    seconds: float


class Held(Fault, frozen=True):
    """It is done once `release` is set; `reached` tells that it waits."""

    reached: asyncio.Event
    release: asyncio.Event


class Hung(Fault, frozen=True):
    """Nothing is done and nothing is answered, as long as the operator waits."""


class Silent(Fault, frozen=True):
    """A watch that opens and tells nothing."""


class Cut(Fault, frozen=True):
    """A watch that ends in the middle of a line, after so many events."""

    after: int = 0


class Told(Fault, frozen=True):
    """A watch whose first line is this one, and the last."""

    line: bytes


CONFLICT: Final = Answer(409, "Conflict")
TOO_MANY: Final = Answer(429, "TooManyRequests", retry_after=1)
BROKEN: Final = Answer(500, "InternalError")
UNAVAILABLE: Final = Answer(503, "ServiceUnavailable")
NOT_SENT: Final = Dropped(executed=False)
ANSWER_LOST: Final = Dropped(executed=True)

_EXPIRED: Final = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}
GONE: Final = Told(json.dumps({"type": "ERROR", "object": _EXPIRED}).encode() + b"\n")
WATCH_BROKEN: Final = Told(json.dumps({"type": "ERROR", "object": {**_EXPIRED, "code": 500}}).encode() + b"\n")
WATCH_GARBLED: Final = Told(b'{"type": "MODIFIED", "obj\n')


class Killed(Fault, frozen=True):
    """`strike` is called before or after the request is done, which is then never answered."""

    executed: bool
    struck: asyncio.Event
