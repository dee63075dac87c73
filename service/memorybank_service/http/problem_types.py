"""Every kind of error that the API answers with: its stable name, its status, and a sentence as an example."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

PREFIX = "urn:memorybank:problem:"


@dataclass(frozen=True)
class ProblemType:
    name: str
    status: int
    means: str
    detail: str
    """An example of one."""
    errors: Sequence[Mapping[str, Any]] = ()

    @property
    def urn(self) -> str:
        return PREFIX + self.name


PROBLEM_TYPES = (
    ProblemType("malformed-request", 400, "The body is not valid JSON.", "The body is not valid JSON."),
    ProblemType(
        "no-entity",
        400,
        "On mem0's paths: it is not said whose memories are meant.",
        "Filters must name whose memories are meant, by one of user_id, agent_id, app_id, run_id.",
    ),
    ProblemType(
        "invalid-filter",
        400,
        "On mem0's paths: the filters cannot be read.",
        "Filters.user_id takes eq, in, ne, not 'is'.",
    ),
    ProblemType(
        "immutable",
        400,
        "On mem0's paths: the memory was stored as immutable.",
        "The memory 'm1' was stored as immutable.",
    ),
    ProblemType(
        "unauthorized",
        401,
        "The key is missing, unknown or expired.",
        "A valid key is needed: send `Authorization: Bearer KEY`.",
    ),
    ProblemType("forbidden", 403, "The key lacks the scope.", "The key 'reader' does not have the scope 'write'."),
    ProblemType("not-found", 404, "There is no such thing.", "There is no memory 'm1'."),
    ProblemType("method-not-allowed", 405, "The path does not take this method.", "/v1/search does not take DELETE."),
    ProblemType(
        "too-slow",
        408,
        "The request did not arrive in time; its connection is closed.",
        "Nothing more of the body arrived for too long.",
    ),
    ProblemType(
        "conflict",
        409,
        "It contradicts what is there; nothing was changed.",
        "The id 'm1' belongs to another memory.",
    ),
    ProblemType(
        "request-under-way",
        409,
        "The first request with this Idempotency-Key is not done yet.",
        "A request with this Idempotency-Key is still under way; try again in a moment.",
    ),
    ProblemType(
        "body-too-large", 413, "The body is larger than the route takes.", "The body is larger than 262144 bytes."
    ),
    ProblemType(
        "not-json",
        415,
        "The body is not announced as JSON.",
        "The body must be JSON, announced by `Content-Type: application/json`.",
    ),
    ProblemType(
        "invalid-request",
        422,
        "A field is missing, unknown, of the wrong type or out of its bounds; `errors` names each.",
        "top_k: Input should be less than or equal to 100.",
        ({"field": "top_k", "message": "Input should be less than or equal to 100", "value": 500},),
    ),
    ProblemType(
        "idempotency-key-reused",
        422,
        "The Idempotency-Key was used for another request.",
        "This Idempotency-Key was used for another request; take a new one for each write.",
    ),
    ProblemType(
        "too-many-requests",
        429,
        "The key has used up its rate; `Retry-After` says when to come again.",
        "The key 'default' has used up its rate; try again in 1 s.",
    ),
    ProblemType(
        "model-limit",
        429,
        "The provider of the language model takes no more requests, or the day's tokens are used up.",
        "openai/gpt-5.4-mini takes no more requests for now (HTTP 429); it asks to wait 20 s.",
    ),
    ProblemType(
        "head-too-large",
        431,
        "The request line and its headers are too large; the connection is closed.",
        "The request line and its headers are larger than 32 KiB.",
    ),
    ProblemType("internal", 500, "A fault of the service.", "The service failed; its log says how."),
    ProblemType(
        "not-offered",
        501,
        "On mem0's paths: a tenant does not have it.",
        "There are no webhooks.",
    ),
    ProblemType(
        "not-ready",
        503,
        "The memories are being opened or closed; `Retry-After` says when to come again.",
        "The memories are not open yet; try again in a moment.",
    ),
    ProblemType(
        "busy",
        503,
        "There are too many connections; only the probes are answered.",
        "There are too many connections; try again in a moment.",
    ),
    ProblemType(
        "model-unavailable",
        503,
        "There is no language model, or its provider failed; words that were sent along are stored.",
        "LLM_PROVIDER is claude but ANTHROPIC_API_KEY is not set.",
    ),
    ProblemType("store-failed", 503, "The disk or the store failed.", "The store could not do this."),
    ProblemType(
        "volume-full",
        507,
        "The volume is full: reading and deleting go on.",
        "The volume is full: delete memories or give the tenant more storage.",
    ),
)


def types_of(status: int) -> list[ProblemType]:
    return [kind for kind in PROBLEM_TYPES if kind.status == status]
