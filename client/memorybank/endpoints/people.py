"""Users: whose memories there are, and what is known of each as a whole."""

from __future__ import annotations

from datetime import date

from memorybank.call import Call, segment
from memorybank.decode import as_, page_of
from memorybank.records import Job, Profile, Summaries, Timeline, User
from memorybank.shapes import Pages

_DAYS = 1000


def users(*, page_size: int = 100) -> Pages[User]:
    """Everyone who has memories, in the order of their ids, with how many there are."""
    return Pages(lambda cursor: Call("GET", "/v1/users", page_of(User), query={"limit": page_size, "cursor": cursor}))


def profile(user_id: str) -> Call[Profile]:
    """The portrait of a user, how to answer them, and what happened so far: texts by the tenant's language model.

    Each has the ids of the memories it was made of, and is None until it is made. `degraded` tells what keeps it from
    being made. `NotFoundError` where the user has no memories; so the other two.
    """
    return Call("GET", f"/v1/users/{segment(user_id)}/profile", as_(Profile))


def refresh_profile(user_id: str) -> Call[Job]:
    """Sums up what was said until now, today's words too, and draws the portrait anew: the job that ends it."""
    return Call("POST", f"/v1/users/{segment(user_id)}/profile", as_(Job), writes=True)


def summaries(user_id: str, *, limit: int = _DAYS, cursor: str | None = None) -> Call[Summaries]:
    """The days that were summed up, the latest first, and the summary of all of them (`overall`).

    `cursor`: the `next_cursor` of the answer before, where there were more days than `limit`.
    """
    return Call(
        "GET", f"/v1/users/{segment(user_id)}/summaries", as_(Summaries), query={"limit": limit, "cursor": cursor}
    )


def timeline(
    user_id: str,
    *,
    first: date | None = None,
    last: date | None = None,
    limit: int = _DAYS,
    cursor: str | None = None,
) -> Call[Timeline]:
    """Every day on which something was said, the latest first, with what it came to and what was learnt on it.

    `first` and `last`: from and to which day, in UTC; `cursor`: as of `summaries`.
    """
    query = {
        "from": None if first is None else first.isoformat(),
        "to": None if last is None else last.isoformat(),
        "limit": limit,
        "cursor": cursor,
    }
    return Call("GET", f"/v1/users/{segment(user_id)}/timeline", as_(Timeline), query=query)
