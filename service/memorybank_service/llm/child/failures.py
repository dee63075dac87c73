"""From what happened on the wire to what went wrong.

litellm's exceptions differ by provider, and call nearly anything an internal server error; the HTTP status does not.
"""

from memorybank_service.llm.calls import Failure, FailureKind
from memorybank_service.llm.child.wire import Exchange

_KINDS: dict[int, FailureKind] = {
    401: "key_rejected",
    403: "key_rejected",
    404: "unknown_model",
    408: "unavailable",
    409: "unavailable",
    425: "unavailable",
    429: "rate_limited",
}


def failure_of(exchange: Exchange, *, timed_out: bool, prompt: str) -> Failure:
    """`prompt`: what was sent. A code that stands in it may be an echo, and is left out."""
    code = exchange.code if exchange.code is not None and exchange.code not in prompt else None
    return Failure(_kind(exchange, timed_out), exchange.status, code, exchange.retry_after)


def _kind(exchange: Exchange, timed_out: bool) -> FailureKind:
    status = exchange.status
    if status is not None and status >= 400:
        return _KINDS.get(status, "refused" if status < 500 else "unavailable")
    if exchange.oversized:
        return "oversized"
    if exchange.misdirected:
        return "unknown_model"
    if timed_out or exchange.timed_out:
        return "timeout"
    if exchange.broken:
        return "unavailable"
    # Nothing was sent: litellm does not know the provider or lacks something. Or an answer came that it cannot read.
    return "unknown_model" if status is None else "bad_answer"
