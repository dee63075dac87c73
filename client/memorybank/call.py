"""What the client wants of the service, as values: neither client's way of sending stands in here.

An endpoint is a function that returns a `Call`; work of several requests is a generator that asks for calls with
`yield from` and for time with `Pause`. The two clients differ in one thing only: how they do one such step.

    Steps[T]   a generator of steps, which returns a T
    Call[T]    one request, tried again where that is safe (attempts.py turns it into exchanges and pauses)
    Exchange   one request on the wire, once; its reply is an `Answer`
    Pause      time to wait; its reply is the clock's time after it, in seconds
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import quote, urlencode

from memorybank.wire import in_query

if TYPE_CHECKING:
    from memorybank.upload import Upload

T = TypeVar("T")


@dataclass(frozen=True)
class Pause:
    seconds: float


@dataclass(frozen=True)
class Exchange:
    """One request as it goes out: `target` is the path with its query, percent-encoded."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes | Upload | None
    patience: float
    """Seconds to wait for the answer at least, whatever the client's own timeout."""
    streamed: bool
    """A successful answer's body is left on the wire, to be read piece by piece."""


@dataclass(frozen=True)
class Answer:
    status: int
    reason: str
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes
    url: str
    stream: Any = None
    """The network's own response, still open, where the exchange was streamed and succeeded."""


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request, and how its answer is read. `yield from call` in a generator of steps is the answer."""

    method: str
    path: str
    read: Callable[[Any], T]
    """Makes the result of the answer's JSON; of the open `Answer` where the call is streamed."""
    query: Mapping[str, object] = field(default_factory=dict)
    """Parameters that are None are left out."""
    body: Any = None
    """What becomes JSON; None: no body."""
    upload: Upload | None = None
    """Takes the place of `body`."""
    writes: bool = False
    """It carries an idempotency key, so that trying again never does it twice."""
    idempotency_key: str | None = None
    """None: one is made."""
    patience: float = 0.0
    streamed: bool = False
    asks_model: bool = False
    """A language model is asked, which costs: it is not asked again where it may have begun."""
    gone_is_done: bool = False
    """It deletes: "not found" after an attempt whose answer was lost means that this one did it."""

    def __iter__(self) -> Generator[Step, Any, T]:
        answer: T = yield self
        return answer

    @property
    def target(self) -> str:
        given = {name: in_query(value) for name, value in self.query.items() if value is not None}
        query = urlencode(given, doseq=True)
        return f"{self.path}?{query}" if query else self.path


Step = Call[Any] | Exchange | Pause
Steps = Generator[Step, Any, T]
Asked = Call[T] | Steps[T]
"""What a method of the clients is made of."""


def itself(answer: Answer) -> Answer:
    """How a streamed answer is read: later."""
    return answer


def segment(text: str) -> str:
    """An id as one segment of a path. Dots alone would mean a folder, and an empty one another route."""
    if not text:
        raise ValueError("an id must not be empty")
    return quote(text, safe="") if text.strip(".") else "%2E" * len(text)


def given(body: Mapping[str, object]) -> dict[str, object]:
    """Without what was left out."""
    return {name: value for name, value in body.items() if value is not None}


def now() -> Steps[float]:
    """The clock's time, in seconds from some moment."""
    moment: float = yield Pause(0.0)
    return moment
