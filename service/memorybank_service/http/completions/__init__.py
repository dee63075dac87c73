"""`POST /v1/chat/completions`, `GET /v1/models` as OpenAI has them: a chat client gets a memory by another base URL.

What is known of the user is recalled into the conversation before the model is asked, and what was newly said is
stored: the user's words before the answer comes, the answer once it is whole.
"""

from fastapi import APIRouter

from memorybank_service.http.completions import models, route

router = APIRouter()
router.include_router(route.router)
router.include_router(models.router)

__all__ = ["router"]
