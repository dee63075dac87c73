"""The forgetting: running it, and seeing beforehand what fades when."""

from __future__ import annotations

from memorybank.call import Call
from memorybank.decode import as_, page_of
from memorybank.memory import Outlook
from memorybank.records import ForgettingRun
from memorybank.shapes import Pages


def forgetting_run(*, dry_run: bool = False) -> Call[ForgettingRun]:
    """Records what has faded by now, and purges where the tenant is set to; `dry_run` only says what it would do.

    Once or a thousand times comes to the same. Needs the scope *admin*.
    """
    body = {"dry_run": dry_run}
    return Call("POST", "/v1/forgetting/run", as_(ForgettingRun), body=body, writes=True)


def forgetting_preview(
    *,
    user_id: str | None = None,
    agent_id: str | None = None,
    run_id: str | None = None,
    page_size: int = 100,
) -> Pages[Outlook]:
    """When each memory fades and why, if nobody recalls it; what fades first first, what never fades last.

    Of a user (None: what is nobody's in particular; "*": everyone's, which needs the scope *admin*).
    """
    query = {"user_id": user_id, "agent_id": agent_id, "run_id": run_id, "limit": page_size}
    return Pages(
        lambda cursor: Call("GET", "/v1/forgetting/preview", page_of(Outlook), query={**query, "cursor": cursor})
    )
