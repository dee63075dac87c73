"""Whose memories there are."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from memorybank_service.http.asked import Bank
from memorybank_service.http.auth import require
from memorybank_service.http.fields import Limit, Name
from memorybank_service.http.json_answers import listing
from memorybank_service.http.openapi import problems

router = APIRouter(prefix="/users", tags=["users"], dependencies=[Depends(require("read"))])


class UserAnswer(BaseModel):
    user_id: str
    memories: int = Field(description="In whichever state.")


class UsersAnswer(BaseModel):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"results": [{"user_id": "ada", "memories": 7}], "next_cursor": None}]}
    )

    results: list[UserAnswer]
    next_cursor: str | None


class UsersQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    limit: Limit = 100
    cursor: Name | None = Field(None, description="`next_cursor` of the page before.")


@router.get("", operation_id="list_users", response_model=UsersAnswer, responses=problems(422))
async def list_users(query: Annotated[UsersQuery, Query()], bank: Bank) -> Response:
    """In the order of their ids; memories that have no user are nobody's here."""
    page = await bank.recall.users(query.limit, query.cursor)
    return await listing(
        page.users,
        lambda user: {"user_id": user[0], "memories": user[1]},
        next_cursor=page.next_cursor,
    )
