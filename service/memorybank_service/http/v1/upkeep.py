"""What an administrator asks of the whole store: maintenance, and embedding everything anew."""

from fastapi import APIRouter, Depends
from starlette.responses import Response

from memorybank_service.http.asked import Bank
from memorybank_service.http.auth import require
from memorybank_service.http.idempotency import OnceOnly
from memorybank_service.http.openapi import problems
from memorybank_service.http.v1.jobs import JobAnswer, told_job

router = APIRouter(tags=["data"], dependencies=[Depends(require("admin"))])


@router.post(
    "/maintenance",
    operation_id="maintain",
    status_code=202,
    response_model=JobAnswer,
    responses=problems(409, 413, 422, 507),
)
async def maintain(bank: Bank, once: OnceOnly) -> Response:
    """Checks the store, gives back what is free, removes what has had its time; it also runs by itself.

    The job's result tells the `outcome` in a sentence. Reading and writing go on meanwhile.
    """
    return await once(bank, bank.maintenance.begin, told_job, status=202)


@router.post(
    "/reembed",
    operation_id="reembed",
    status_code=202,
    response_model=JobAnswer,
    responses=problems(409, 413, 422, 507),
)
async def reembed(bank: Bank, once: OnceOnly) -> Response:
    """Embeds every memory anew with the configured model, while the service goes on, and then changes over to it.

    Asked for twice it runs once. Cancelled, or broken off by a restart, it goes on where it was. Where a setting of
    that model is missing, such as its key, 409 names it.
    """
    return await once(bank, bank.reembedding.begin, told_job, status=202)
