"""From a failure to the error that says it in a sentence."""

from memorybank_service.llm.calls import Failure, FailureKind
from memorybank_service.llm.errors import (
    BadAnswerError,
    KeyRejectedError,
    OversizedAnswerError,
    ProviderError,
    ProviderTimeoutError,
    ProviderUnavailableError,
    RateLimitedError,
    RequestRefusedError,
    UnknownModelError,
)

_ERRORS: dict[FailureKind, tuple[type[ProviderError], str]] = {
    "unavailable": (ProviderUnavailableError, "cannot be reached or has a fault of its own"),
    "timeout": (ProviderTimeoutError, "did not answer in time"),
    "rate_limited": (RateLimitedError, "takes no more requests for now"),
    "key_rejected": (KeyRejectedError, "does not accept the API key"),
    "refused": (RequestRefusedError, "refused the request"),
    "unknown_model": (UnknownModelError, "is no model of that provider, or not at the address that is set"),
    "bad_answer": (BadAnswerError, "gave an answer that cannot be read"),
    "oversized": (OversizedAnswerError, "gave an answer that is far too long"),
    "cancelled": (ProviderUnavailableError, "was asked, but the call was broken off"),
}


def error_of(failure: Failure, model: str) -> ProviderError:
    """`model` as `provider/model`."""
    kind, what = _ERRORS[failure.kind]
    details = []
    if failure.status is not None and failure.status >= 400:
        details.append(f"HTTP {failure.status}")
    if failure.code is not None:
        details.append(failure.code)
    about = f" ({', '.join(details)})" if details else ""
    again = f"; it asks to wait {failure.retry_after:g} s" if failure.retry_after is not None else ""
    return kind(f"{model} {what}{about}{again}", retry_after=failure.retry_after)
