"""Which models there are: what clients of OpenAI's API ask before anything else."""

from typing import Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from memorybank_service.http.asked import tenant_of
from memorybank_service.http.auth import known
from memorybank_service.http.completions.errors import OpenAiRoute
from memorybank_service.http.fields import shown_as

router = APIRouter(route_class=OpenAiRoute, tags=["OpenAI"], dependencies=[Depends(known)])
_EXAMPLE = {"id": "claude/claude-haiku-4-5", "object": "model", "created": 0, "owned_by": "claude"}


class Model(BaseModel):
    model_config = shown_as(**_EXAMPLE)

    id: str = Field(description="As `provider/model`.")
    object: Literal["model"] = "model"
    created: int = Field(description="Not known: 0.")
    owned_by: str = Field(description="The provider.")


class ModelsAnswer(BaseModel):
    model_config = shown_as(object="list", data=[_EXAMPLE])

    object: Literal["list"] = "list"
    data: list[Model]


@router.get("/v1/models", operation_id="list_models")
async def list_models(request: Request) -> ModelsAnswer:
    """The configured model, in OpenAI's form; none where none is configured."""
    endpoint = tenant_of(request).configured_model
    models = [] if endpoint is None else [Model(id=endpoint.name, created=0, owned_by=endpoint.provider)]
    return ModelsAnswer(data=models)
