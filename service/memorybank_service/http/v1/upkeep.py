"""What an administrator asks of the whole store: maintenance, and embedding everything anew."""

from fastapi import APIRouter, Depends
from starlette.responses import Response

from memorybank_service.http.asked import Bank
from memorybank_service.http.auth import require
from memorybank_service.http.json_answers import single
from memorybank_service.http.openapi import problems
from memorybank_service.http.v1.jobs import JobAnswer, job_json

router = APIRouter(tags=["data"], dependencies=[Depends(require("admin"))])


@router.post(
    "/maintenance",
    operation_id="maintain",
    status_code=202,
    response_model=JobAnswer,
    responses=problems(507),
)
async def maintain(bank: Bank) -> Response:
    """Checks the store, gives back what is free, removes what has had its time; it also runs by itself.

    The job's result tells the `outcome` in a sentence. Reading and writing go on meanwhile.
    """
    return single(job_json(await bank.maintenance.begin()), 202)


@router.post(
    "/reembed",
    operation_id="reembed",
    status_code=202,
    response_model=JobAnswer,
    responses=problems(507),
)
async def reembed(bank: Bank) -> Response:
    """Embeds every memory anew with the configured model, while the service goes on, and then changes over to it.

    Asked for twice it runs once. Cancelled, or broken off by a restart, it goes on where it was.
    """
    return single(job_json(await bank.reembedding.begin()), 202)
