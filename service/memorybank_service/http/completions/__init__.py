"""`POST /v1/chat/completions` as OpenAI has it: any chat client gets a memory by changing its base URL.

What is known of the user is recalled into the conversation before the model is asked, and what was newly said is
stored: the user's words before the answer comes, the answer once it is whole.
"""

from memorybank_service.http.completions.route import router

__all__ = ["router"]
