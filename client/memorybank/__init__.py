"""Client of the MemoryBank service: one tenant's memories over HTTP.

>>> from memorybank import MemoryBankClient
>>> with MemoryBankClient("http://127.0.0.1:8000", api_key=...) as bank:
...     bank.store_memory("Ada likes trains", {"user_id": "ada"})
...     bank.retrieve_memories("what does Ada like?", metadata={"user_id": "ada"})
"""

from memorybank.client import MemoryBankClient
from memorybank.errors import (
    ApiError,
    AuthenticationError,
    ConnectionFailedError,
    InvalidRequestError,
    MemoryBankError,
    NotFoundError,
    RateLimitedError,
)
from memorybank.types import FoundMemory

__all__ = [
    "MemoryBankClient",
    "FoundMemory",
    "MemoryBankError",
    "ConnectionFailedError",
    "ApiError",
    "InvalidRequestError",
    "AuthenticationError",
    "NotFoundError",
    "RateLimitedError",
]
