"""Users: whose memories there are."""

from __future__ import annotations

from memorybank.call import Call
from memorybank.decode import page_of
from memorybank.records import User
from memorybank.shapes import Pages


def users(*, page_size: int = 100) -> Pages[User]:
    """Everyone who has memories, in the order of their ids, with how many there are."""
    return Pages(lambda cursor: Call("GET", "/v1/users", page_of(User), query={"limit": page_size, "cursor": cursor}))
