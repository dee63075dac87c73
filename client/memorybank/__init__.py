"""Client of the MemoryBank service: one tenant's memories over HTTP, synchronous and asynchronous.

>>> from memorybank import MemoryBankClient
>>> with MemoryBankClient("http://127.0.0.1:8000", api_key=...) as bank:
...     bank.add("Ada likes trains", user_id="ada")
...     bank.retrieve_memories("what does Ada like?", metadata={"user_id": "ada"})
"""

from memorybank.address import __version__
from memorybank.async_client import AsyncMemoryBankClient
from memorybank.client import MemoryBankClient
from memorybank.endpoints.adding import Message, NewMemory
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
from memorybank.memory import (
    AddedId,
    AddedIds,
    AddedMemories,
    AddedMemory,
    ChatAnswer,
    Context,
    Event,
    FoundMemory,
    Memory,
    Outlook,
    SearchResult,
    SearchResults,
)
from memorybank.record import Page
from memorybank.records import (
    Backup,
    Day,
    Erasure,
    ErasureReceipt,
    ForgettingRun,
    Job,
    Made,
    Profile,
    Summaries,
    Timeline,
    User,
)

__all__ = [
    "MemoryBankClient",
    "AsyncMemoryBankClient",
    "Memory",
    "AddedMemory",
    "AddedMemories",
    "AddedId",
    "AddedIds",
    "SearchResult",
    "SearchResults",
    "Context",
    "FoundMemory",
    "ChatAnswer",
    "Event",
    "ForgettingRun",
    "Outlook",
    "User",
    "Profile",
    "Summaries",
    "Timeline",
    "Day",
    "Made",
    "Job",
    "Backup",
    "Erasure",
    "ErasureReceipt",
    "Page",
    "NewMemory",
    "Message",
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
