"""The tenant's memory from the lock on its directory to its orderly close."""

import asyncio
import logging
import time
from threading import Event

from memorybank_service.clock import Clock, system_clock
from memorybank_service.embedding import Embedder
from memorybank_service.embedding.choice import open_embedder
from memorybank_service.embedding.model_files import ModelFiles
from memorybank_service.llm import LanguageModel
from memorybank_service.llm.budget import BudgetedModel, TokenBudget
from memorybank_service.llm.endpoint import Endpoint, language_model
from memorybank_service.llm.litellm_model import LitellmModel
from memorybank_service.llm.process import ProviderProcess
from memorybank_service.llm.relay import Relay
from memorybank_service.memory.bank import MemoryBank
from memorybank_service.metrics import Metrics
from memorybank_service.scheduler import Scheduler
from memorybank_service.settings import Settings, SettingsError
from memorybank_service.store import Space, StoreError
from memorybank_service.store.directory import DirectoryLock, make_directory
from memorybank_service.store.filesystem import refuse_network_filesystem
from memorybank_service.store.spaces import peek
from memorybank_service.store.sqlite_store import SqliteStore
from memorybank_service.tracing import Tracing

log = logging.getLogger(__name__)


class NotReadyError(Exception):
    """The memories are not open yet, or no longer."""


class Tenant:
    """Opened while the server already answers probes: waiting for another process to let go may take a while."""

    def __init__(
        self,
        settings: Settings,
        model: ModelFiles,
        metrics: Metrics,
        clock: Clock = system_clock,
        tracing: Tracing | None = None,
    ) -> None:
        self.settings = settings
        self._model, self._metrics, self._clock, self._tracing = model, metrics, clock, tracing
        self.providers = ProviderProcess()
        self._budget: TokenBudget | None = None
        self._lock = DirectoryLock(settings.data_directory)
        self._stop = Event()
        self._opening: asyncio.Task[bool] | None = None
        self._opened: MemoryBank | None = None  # to be closed, though it may not be ready
        self._bank: MemoryBank | None = None
        self._scheduler: Scheduler | None = None

    @property
    def ready(self) -> bool:
        return self._bank is not None

    @property
    def bank(self) -> MemoryBank:
        if self._bank is None:
            raise NotReadyError
        return self._bank

    @property
    def scheduler(self) -> Scheduler:
        if self._scheduler is None:
            raise NotReadyError
        return self._scheduler

    @property
    def configured_model(self) -> Endpoint | None:
        """The language model; None where none is configured."""
        return language_model(self.settings).endpoint

    @property
    def relay(self) -> Relay:
        """The configured language model, for conversations in OpenAI's form. Raises NotConfiguredError."""
        if self._budget is None:
            raise NotReadyError
        return Relay(language_model(self.settings).require(), self.providers, self._budget)

    @property
    def tokens_left(self) -> int | None:
        """Of the day's budget of the language model; None: there is none, or it is not known yet."""
        return None if self._budget is None else self._budget.left

    def language_model(self, name: str | None = None) -> LanguageModel:
        """The configured one, or another of its provider; it keeps to the day's budget. Raises NotConfiguredError."""
        if self._budget is None:
            raise NotReadyError
        endpoint = language_model(self.settings).require()
        if name is not None:
            endpoint = endpoint.with_model(name)
        return BudgetedModel(LitellmModel(endpoint, self.providers), self._budget)

    def make_directory(self) -> None:
        """Before anything is served. Raises SettingsError where the one that is named cannot be used."""
        directory = self.settings.data_directory
        try:
            make_directory(directory)
            refuse_network_filesystem(directory)
        except StoreError as error:
            variable, _, problem = str(error).partition(": ")
            raise SettingsError(variable, problem, "a directory on a disk of this machine, to write to") from None

    async def open(self) -> bool:
        """Waits for the directory and opens it; False if it was stopped before. Raises StoreError.

        Cancelling it does not tear the opening off half-way, with threads and files that nobody would close: `close`
        waits for it.
        """
        self._opening = asyncio.create_task(self._open())
        return await asyncio.shield(self._opening)

    async def _open(self) -> bool:
        if not await asyncio.to_thread(self._lock.acquire, self._stop):
            return False
        started = time.perf_counter()
        embedder, store = await asyncio.to_thread(self._open_blocking)
        self._budget = await asyncio.to_thread(self._open_budget, store)
        asked = language_model(self.settings)
        model = self.language_model() if asked.configured else None
        bank = self._opened = MemoryBank(
            store, embedder, self.settings.forgetting, self._clock, self._stage, model, asked.missing
        )
        await bank.open()
        self._scheduler = Scheduler(bank, self.settings, self._metrics.job_ended)
        await self._scheduler.load()
        self._bank = bank
        log.info(
            "ready", extra={"tenant": self.settings.tenant_id, "open_seconds": round(time.perf_counter() - started, 3)}
        )
        return True

    def stop_waiting(self) -> None:
        self._stop.set()

    async def close(self) -> None:
        """Writes out what is under way and lets go of the directory."""
        self._stop.set()
        if self._opening is not None:
            await asyncio.gather(self._opening, return_exceptions=True)  # `open` has raised it
        self._bank = None
        await asyncio.to_thread(self.providers.close)  # first: nothing waits for an answer any more
        try:
            if self._opened is not None:
                await self._opened.close()
        finally:
            self._lock.release()

    def _stage(self, name: str, seconds: float) -> None:
        self._metrics.search_stage(name, seconds)
        if self._tracing is not None:
            self._tracing.stage(name, seconds)

    def _open_budget(self, store: SqliteStore) -> TokenBudget:
        def count(tokens: int) -> None:
            store.count_tokens(tokens, self._clock())
            self._metrics.llm_tokens.inc(tokens)

        used = store.tokens_used(self._clock())
        ended = self._metrics.llm_call_ended
        return TokenBudget(self.settings.llm_daily_tokens, self._clock, used=used, persist=count, ended=ended)

    def _open_blocking(self) -> tuple[Embedder, SqliteStore]:
        directory = self.settings.data_directory
        refuse_network_filesystem(directory)
        data = peek(directory / "memory.db") or Space("", 0)
        embedder = open_embedder(self.settings, data.name or None, data.dimension, self._model, self.providers)
        return embedder, SqliteStore(directory, embedder.name, embedder.dimension)
