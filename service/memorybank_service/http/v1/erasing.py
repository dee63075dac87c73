"""Erasing a person, and the receipts of it."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from memorybank_service.clock import rfc3339_exact
from memorybank_service.http.asked import Bank
from memorybank_service.http.auth import require
from memorybank_service.http.fields import EVERY_USER, Strict, shown_as
from memorybank_service.http.idempotency import OnceOnly
from memorybank_service.http.json_answers import encoded, listing
from memorybank_service.http.openapi import problems
from memorybank_service.http.paths import PathId
from memorybank_service.http.problems import Problem
from memorybank_service.http.times import Time
from memorybank_service.memory.erasing import ErasureReceipt
from memorybank_service.store import Along, Erasure

router = APIRouter(tags=["data"], dependencies=[Depends(require("admin"))])
_EXAMPLE: dict[str, Any] = {
    "id": "5f0e8f0c-3a3b-4c7e-9b0e-2f6f2a9d1c11",
    "user": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "erased_at": "2027-01-15T08:00:00.000000Z",
    "counts": {"memories": 312, "words": 4100, "vectors": 312, "events": 5},
    "sha256": "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752",
}


class ErasureAnswer(BaseModel):
    model_config = ConfigDict(title="Erasure", json_schema_extra={"examples": [_EXAMPLE]})

    id: str
    user: str = Field(description="A digest of the user's id under a key that never leaves the store.")
    erased_at: str
    counts: dict[str, int] = Field(description="What was erased, by kind.")
    sha256: str = Field(description="Of the four fields before it, as JSON with sorted keys and no blanks.")


class ErasedAnswer(ErasureAnswer):
    model_config = shown_as(**_EXAMPLE, backups=[], removed_backups=["20270115T080000Z-5f0e8f0c"], files_clean=True)

    backups: list[str] = Field(description="On this volume, made before: they are not covered.")
    removed_backups: list[str]
    files_clean: bool = Field(
        description="False: something long was in the way of overwriting what is left; maintenance does it."
    )


class ErasuresAnswer(BaseModel):
    results: list[ErasureAnswer]


class AgainAnswer(BaseModel):
    results: list[ErasedAnswer]


class GivenErasure(Strict):
    id: Annotated[str, Field(min_length=1, max_length=64)]
    user: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    erased_at: Time
    counts: dict[Annotated[str, Field(max_length=64)], int] = Field(max_length=64)
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

    def erasure(self) -> Erasure:
        return Erasure(self.id, self.user, self.erased_at, self.counts, self.sha256)


class AgainRequest(Strict):
    model_config = ConfigDict(json_schema_extra={"examples": [{"erasures": [_EXAMPLE]}]})

    erasures: list[GivenErasure] = Field(min_length=1, max_length=500)


@router.delete(
    "/users/{user_id}",
    operation_id="erase_user",
    response_model=ErasedAnswer,
    responses=problems(409, 413, 422, 503, 507),
)
async def erase_user(
    user_id: PathId,
    bank: Bank,
    once: OnceOnly,
    backups: Annotated[
        Literal["keep", "delete"], Query(description="What becomes of the backups on this volume: they hold the user.")
    ] = "keep",
) -> Response:
    """Erases everything of a user, and everything made of it, for good; the answer is the receipt.

    No byte of it stays in any file of the tenant but its backups. Erasing somebody who is not there is no error: the
    receipt has zeros.
    """
    if user_id == EVERY_USER:
        raise Problem(422, "invalid-request", "user_id: must be one user.", [{"field": "user_id", "message": "is all"}])

    async def erase(along: Along) -> ErasureReceipt:
        done = await bank.erasing.erase(user_id, with_backups=backups == "delete")
        return await bank.footing.replying(along, done)

    return await once(bank, erase, lambda done: encoded(_erased_json(done)))


@router.get("/erasures", operation_id="list_erasures", response_model=ErasuresAnswer)
async def list_erasures(bank: Bank) -> Response:
    """The receipts, the latest first. Keep them where a backup may outlive this volume."""
    return await listing(await bank.erasing.listed(), erasure_json)


@router.post(
    "/erasures",
    operation_id="erase_again",
    response_model=AgainAnswer,
    responses=problems(400, 409, 413, 415, 422, 503, 507),
)
async def erase_again(body: AgainRequest, bank: Bank, once: OnceOnly) -> Response:
    """After an older backup was restored on another volume: erases those whom these receipts are about once more.

    On the volume where they were erased this is done at the start.
    """

    async def erase(along: Along) -> list[ErasureReceipt]:
        done = await bank.erasing.again([given.erasure() for given in body.erasures])
        return await bank.footing.replying(along, done)

    return await once(bank, erase, lambda done: encoded({"results": [_erased_json(receipt) for receipt in done]}))


def erasure_json(erasure: Erasure) -> dict[str, Any]:
    return {
        "id": erasure.id,
        "user": erasure.user,
        "erased_at": rfc3339_exact(erasure.at),
        "counts": erasure.counts,
        "sha256": erasure.sha256,
    }


def _erased_json(receipt: ErasureReceipt) -> dict[str, Any]:
    return {
        **erasure_json(receipt.erasure),
        "backups": list(receipt.backups),
        "removed_backups": list(receipt.removed_backups),
        "files_clean": receipt.files_clean,
    }
