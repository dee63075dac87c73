"""Users: whose memories there are, and what is known of each as a whole."""

from __future__ import annotations

from memorybank.call import Call, segment
from memorybank.decode import as_, page_of
from memorybank.records import Profile, Summaries, Timeline, User
from memorybank.shapes import Pages


def users(*, page_size: int = 100) -> Pages[User]:
    """Everyone who has memories, in the order of their ids, with how many there are."""
    return Pages(lambda cursor: Call("GET", "/v1/users", page_of(User), query={"limit": page_size, "cursor": cursor}))


def profile(user_id: str) -> Call[Profile]:
    """The portrait of a user, how to answer them, and what happened so far: texts by the tenant's language model.

    Each has the ids of the memories it was made of, and is None until it is made. `degraded` tells what keeps it from
    being made. `NotFoundError` where the user has no memories; so the other two.
    """
    return Call("GET", f"/v1/users/{segment(user_id)}/profile", as_(Profile))


def summaries(user_id: str) -> Call[Summaries]:
    """The days that were summed up, the latest first, and the summary of all of them (`overall`)."""
    return Call("GET", f"/v1/users/{segment(user_id)}/summaries", as_(Summaries))


def timeline(user_id: str) -> Call[Timeline]:
    """Every day on which something was said, the latest first, with how much and what it came to."""
    return Call("GET", f"/v1/users/{segment(user_id)}/timeline", as_(Timeline))
