"""The service's side of the process that asks providers: who waits how long, and what a lost process means.

A caller waits for what it said and no longer. Its call may take a little more on the other side, because a process
that was just started needs seconds before it can ask anything: killing it for that would mean that it never starts.

Language models and embeddings have lanes of their own, so that a slow model never keeps a search from its vector.
"""

import asyncio
import logging
import os
import time
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, Literal

from memorybank_service.children import ChildError, ChildTimeoutError, HandlerError
from memorybank_service.children.child import Child
from memorybank_service.llm.errors import (
    BadAnswerError,
    ProviderError,
    ProviderTimeoutError,
    ProviderUnavailableError,
    RequestRefusedError,
)

log = logging.getLogger(__name__)
Lane = Literal["chat", "embedding", "control"]

IDLE_SECONDS = 60.0
SEARCHING_IDLE_SECONDS = 900.0
"""Where searches need it too: one that finds it ended has to do without its vector."""
START_SECONDS = 90.0
"""For importing litellm on a busy machine with half a processor."""
GRACE_SECONDS = 10.0
"""For a process that has answered before, beyond the deadline that it keeps itself; then it hangs and is killed."""

_ENVIRONMENT = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else it fetches a price list while it is imported
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",  # else it fetches a list of headers at the first call of Claude
    "LITELLM_LOCAL_BLOG_POSTS": "True",
    "LITELLM_MODE": "PRODUCTION",  # else it reads an .env file
    "LITELLM_TELEMETRY": "False",
    "LITELLM_LOG": "CRITICAL",
    "DEFAULT_MAX_RETRIES": "0",  # for embeddings it takes a 0 that it is given for nothing
    "DISABLE_AIOHTTP_TRANSPORT": "True",  # the bounds are on httpx
    "HF_HUB_OFFLINE": "1",
    "DO_NOT_TRACK": "1",
}
_NETWORK = (
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
    "http_proxy", "https_proxy", "all_proxy", "no_proxy",
    "SSL_CERT_FILE", "SSL_CERT_DIR",
)  # fmt: skip
"""How this machine reaches the world: handed on where it is set. Keys go over the pipe, with each call."""


class ProviderProcess:
    """May be used from any thread. Nothing runs before the first call."""

    def __init__(self, *, idle_seconds: float = IDLE_SECONDS) -> None:
        network = {name: os.environ[name] for name in _NETWORK if name in os.environ}
        self._child = Child("memorybank_service.llm.child", (), {**_ENVIRONMENT, **network}, idle_seconds=idle_seconds)
        self._answered: int | None = None
        self._lanes: dict[Lane, ThreadPoolExecutor] = {
            "chat": ThreadPoolExecutor(16, thread_name_prefix="chat"),
            "embedding": ThreadPoolExecutor(20, thread_name_prefix="remote-embedding"),
            "control": ThreadPoolExecutor(2, thread_name_prefix="provider-control"),
        }

    @property
    def pid(self) -> int | None:
        """Of the running process; None if none runs."""
        return self._child.pid

    @property
    def warm(self) -> bool:
        """Whether it runs and has answered: the next call does not wait for its start."""
        return self._answered is not None and self._child.pid == self._answered

    def stay_for_searches(self) -> None:
        """Keeps it running longer once it was called; to be said before it is."""
        self._child.idle_seconds = max(self._child.idle_seconds or 0.0, SEARCHING_IDLE_SECONDS)

    def prepare(self) -> None:
        """Starts it where it does not run, and waits until it can ask. Raises ProviderError."""
        self.ask_blocking("prepare", deadline=time.monotonic() + START_SECONDS)

    async def ask(self, method: str, *arguments: Any, deadline: float, ticket: str | None = None) -> Any:
        """On the lane of language models. Raises ProviderError; cancelling it breaks off the call of that ticket."""
        answer = self._submit("chat", method, arguments, deadline)
        try:
            async with asyncio.timeout_at(asyncio.get_running_loop().time() + _left(deadline)):
                return await asyncio.wrap_future(answer)
        except TimeoutError:
            raise _no_answer() from None
        except asyncio.CancelledError:
            if ticket is not None:
                self.cancel(ticket)
            raise

    def ask_blocking(self, method: str, *arguments: Any, deadline: float) -> Any:
        """On the lane of embeddings, from a thread that may wait. Raises ProviderError."""
        try:
            return self._submit("embedding", method, arguments, deadline).result(_left(deadline))
        except FutureTimeoutError:
            raise _no_answer() from None

    def cancel(self, ticket: str) -> None:
        """Breaks off a call, without waiting for it."""
        if self._child.pid is not None and self._child.pid == self._answered:
            self._submit("control", "cancel", (ticket,), time.monotonic() + GRACE_SECONDS)

    def close(self) -> None:
        """Ends the process; calls under way fail."""
        for lane in self._lanes.values():
            lane.shutdown(wait=False, cancel_futures=True)
        self._child.close()
        for lane in self._lanes.values():
            lane.shutdown()

    def _submit(self, lane: Lane, method: str, arguments: tuple[Any, ...], deadline: float) -> "Future[Any]":
        try:
            return self._lanes[lane].submit(self._call, method, arguments, deadline)
        except RuntimeError:  # shut down
            raise ProviderUnavailableError("the service is ending") from None

    def _call(self, method: str, arguments: tuple[Any, ...], deadline: float) -> Any:
        left = deadline - time.monotonic()
        if left <= 0:
            raise _no_answer()  # it waited for its turn all the time
        grace = GRACE_SECONDS if self.warm else START_SECONDS
        try:
            answer = self._child.call(method, *arguments, timeout=left + grace)
        except ChildError as error:
            raise _lost(error) from None
        except ValueError:  # a message beyond all bounds
            raise RequestRefusedError("the request is too long to be sent") from None
        self._answered = self._child.pid
        return answer


def new_ticket() -> str:
    return uuid.uuid4().hex


def _left(deadline: float) -> float:
    """With a moment for the answer that says that the time is over, which knows more than this side."""
    return max(0.0, deadline - time.monotonic()) + 0.25


def _no_answer() -> ProviderTimeoutError:
    return ProviderTimeoutError("the provider did not answer in time")


def _lost(error: ChildError) -> ProviderError:
    if isinstance(error, HandlerError):  # its message may hold anything
        log.error("asking a provider failed unexpectedly", extra={"error": error.kind})
        return BadAnswerError(f"the provider's answer could not be used ({error.kind})")
    log.warning("the process that asks providers was lost", extra={"error": str(error)})
    if isinstance(error, ChildTimeoutError):
        return ProviderTimeoutError("the process that asks providers did not answer and was ended")
    return ProviderUnavailableError("the process that asks providers has ended")
