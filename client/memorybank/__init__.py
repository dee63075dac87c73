"""Client of the MemoryBank service: one tenant's memories over HTTP, synchronous and asynchronous.

>>> from memorybank import MemoryBankClient
>>> with MemoryBankClient("http://127.0.0.1:8000", api_key=...) as bank:
...     bank.add("Ada likes trains", user_id="ada")
...     bank.retrieve_memories("what does Ada like?", metadata={"user_id": "ada"})
"""

from memorybank.address import __version__
from memorybank.async_client import AsyncMemoryBankClient
from memorybank.client import MemoryBankClient
from memorybank.endpoints.memories import KEEP
from memorybank.errors import (
    ApiError,
    AuthenticationError,
    ConflictError,
    ConnectionFailedError,
    InvalidRequestError,
    JobFailedError,
    JobUnfinishedError,
    MemoryBankError,
    NoAnswerInTimeError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    StorageFullError,
    UnavailableError,
    UnexpectedAnswerError,
)
from memorybank.records import (
    AddedId,
    AddedMemories,
    AddedMemory,
    Event,
    ForgettingRun,
    FoundMemory,
    Job,
    Memory,
    Outlook,
    Page,
    User,
)

__all__ = [
    "MemoryBankClient",
    "AsyncMemoryBankClient",
    "Memory",
    "AddedMemory",
    "AddedMemories",
    "AddedId",
    "FoundMemory",
    "Event",
    "ForgettingRun",
    "Outlook",
    "User",
    "Job",
    "Page",
    "KEEP",
    "MemoryBankError",
    "ConnectionFailedError",
    "NoAnswerInTimeError",
    "ApiError",
    "InvalidRequestError",
    "AuthenticationError",
    "PermissionDeniedError",
    "NotFoundError",
    "ConflictError",
    "RateLimitedError",
    "UnavailableError",
    "StorageFullError",
    "UnexpectedAnswerError",
    "JobFailedError",
    "JobUnfinishedError",
    "__version__",
]
