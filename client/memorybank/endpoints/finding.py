"""Finding memories by a query, and making a text of them for a prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Literal

from memorybank.call import Call, given
from memorybank.decode import as_
from memorybank.memory import Context, SearchResults


def search(
    query: str,
    *,
    user_id: str | None = None,
    agent_id: str | None = None,
    run_id: str | None = None,
    filters: Mapping[str, Any] | None = None,
    top_k: int | None = None,
    threshold: float | None = None,
    reference_date: date | None = None,
    include: Sequence[Literal["faded", "expired", "superseded"]] | None = None,
    neighbors: int | None = None,
    reinforce: bool | None = None,
    explain: bool | None = None,
) -> Call[SearchResults]:
    """The memories of a user (None: of nobody in particular; "*": everyone's) that answer the query, best first.

    At most `top_k` of them (10). `filters` only narrow: `{"topic": "tea", "created_at": {"gte": ...}, "OR": [...]}`,
    by eq, ne, in, nin, gt, gte, lt, lte, contains, icontains and exists. `threshold` is the least `similarity`.
    `reference_date`, a datetime or a date, is when "yesterday" in the query is counted from (now). `include` adds
    memories in these states, `neighbors` that many turns before and after each, `explain` the parts of its score.

    The first five that answer the query are recalled by that, and thereby kept longer, unless `reinforce` is False.
    """
    body = {
        "query": query,
        "user_id": user_id,
        "agent_id": agent_id,
        "run_id": run_id,
        "filters": filters,
        "top_k": top_k,
        "threshold": threshold,
        "reference_date": reference_date,
        "include": include,
        "neighbors": neighbors,
        "reinforce": reinforce,
        "explain": explain,
    }
    return Call("POST", "/v1/search", as_(SearchResults), body=given(body))


def context(
    query: str,
    *,
    max_tokens: int | None = None,
    user_id: str | None = None,
    agent_id: str | None = None,
    run_id: str | None = None,
    filters: Mapping[str, Any] | None = None,
    top_k: int | None = None,
    threshold: float | None = None,
    reference_date: date | None = None,
    reinforce: bool | None = None,
) -> Call[Context]:
    """What is remembered for the query as a text for a prompt, of about `max_tokens` (1,000) at most.

    It is made of dated lines, in the order in which they were said, from the `top_k` (30) best memories; the rest is
    as in `search`. Where the prompt is later added as a conversation, these lines are not taken in again.
    """
    body = {
        "query": query,
        "max_tokens": max_tokens,
        "user_id": user_id,
        "agent_id": agent_id,
        "run_id": run_id,
        "filters": filters,
        "top_k": top_k,
        "threshold": threshold,
        "reference_date": reference_date,
        "reinforce": reinforce,
    }
    return Call("POST", "/v1/context", as_(Context), body=given(body))
