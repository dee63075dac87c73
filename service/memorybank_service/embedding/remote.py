"""An embedding that a provider makes: asked for in batches, checked before it is believed, remembered by content."""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from memorybank_service.embedding import EmbeddingError, TextRefusedError, Vector
from memorybank_service.llm.calls import EmbedCall, Embedded, Failure
from memorybank_service.llm.endpoint import Endpoint
from memorybank_service.llm.errors import ProviderError, RequestRefusedError, UnknownModelError
from memorybank_service.llm.process import ProviderProcess, new_ticket
from memorybank_service.llm.sentences import error_of
from memorybank_service.llm.tokens import estimate_tokens

DIMENSIONS = {
    "text-embedding-3-small": 1536,
    "text-embedding-3-large": 3072,
    "text-embedding-ada-002": 1536,
    "gemini-embedding-001": 3072,
}
LARGEST_DIMENSION = 16_384
BATCH_TEXTS = 96
"""Gemini takes 100 in one request and Cohere 96; others more."""
BATCH_TOKENS = 100_000
TEXT_TOKENS = 7_000
"""A longer text is cut there: OpenAI's models take 8,191 tokens, and the estimate is one."""
ANSWER_BYTES = 9 << 20
"""96 vectors of 3,072 numbers, each written out with all its digits, are 7 MB."""
SECONDS = 30.0
"""For each request, the start of the process included."""
PROBE_SECONDS = 5.0
REMEMBERED_BYTES = 8 << 20
_PROBE = "Is anyone there?"


class RemoteEmbedder:
    """May be used from several threads."""

    at_once = False
    missing = None

    def __init__(
        self, endpoint: Endpoint, process: ProviderProcess, *, dimension: int = 0, seconds: float = SECONDS
    ) -> None:
        """`dimension`: that of the data, where there are any; a vector of another one is refused."""
        self.name = endpoint.name
        self._endpoint, self._process, self._seconds = endpoint, process, seconds
        self._dimension = dimension or DIMENSIONS.get(endpoint.model, 0)
        self._remembered = _Remembered(REMEMBERED_BYTES)

    @property
    def dimension(self) -> int:
        """0: not known before the first answer."""
        return self._dimension

    @property
    def running(self) -> bool:
        return self._process.warm

    def known(self, text: str) -> Vector | None:
        wanted = cut(text)
        return self._remembered.of([wanted]).get(wanted)

    def probe(self) -> float:
        """Not answered from memory. The first call of a new process is not what the later ones are like."""
        seconds = min(PROBE_SECONDS, self._seconds)
        if not self._process.warm:
            try:
                self._process.prepare()
            except ProviderError as error:
                raise EmbeddingError(str(error)) from None
            self._ask([_PROBE], self._seconds)
        answer = self._ask([_PROBE], seconds)
        self._checked(answer)
        return answer.seconds

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        """The same text is asked for once. Raises EmbeddingError; what came before the error is remembered."""
        wanted = [cut(text) for text in texts]
        made = self._remembered.of(wanted)
        for batch in batches(text for text in dict.fromkeys(wanted) if text not in made):
            vectors = self._checked(self._ask(batch, self._seconds))
            made |= zip(batch, vectors, strict=True)
            self._remembered.keep(batch, vectors)
        return [made[text] for text in wanted]

    def forget(self) -> None:
        self._remembered.clear()

    def _ask(self, batch: Sequence[str], seconds: float) -> Embedded:
        """Raises EmbeddingError."""
        call = EmbedCall(self._endpoint, tuple(batch), time.monotonic() + seconds, ANSWER_BYTES)
        try:
            answer: Embedded | Failure = self._process.ask_blocking("embed", new_ticket(), call, deadline=call.deadline)
            if isinstance(answer, Failure):
                raise error_of(answer, self.name)
        except RequestRefusedError as error:
            if isinstance(error, UnknownModelError):
                raise EmbeddingError(str(error), retryable=False) from None
            raise TextRefusedError(str(error)) from None
        except ProviderError as error:
            raise EmbeddingError(str(error), retryable=error.retryable, retry_after=error.retry_after) from None
        return answer

    def _checked(self, answer: Embedded) -> list[Vector]:
        """Raises EmbeddingError where they are not vectors of the one length, or none that can be compared."""
        lengths = {len(encoded) // 8 for encoded in answer.vectors}
        if len(lengths) != 1 or not 0 < (length := lengths.pop()) <= LARGEST_DIMENSION:
            raise EmbeddingError(f"{self.name} gave vectors of no usable length")
        if self._dimension and length != self._dimension:
            raise EmbeddingError(f"{self.name} gave vectors of length {length} instead of {self._dimension}")
        made = np.stack([np.frombuffer(encoded, np.float64) for encoded in answer.vectors])
        with np.errstate(over="ignore", invalid="ignore"):
            norms = np.linalg.norm(made, axis=1)
        if not (np.isfinite(norms).all() and (norms > 0).all()):
            raise EmbeddingError(f"{self.name} gave numbers that are no vector")
        self._dimension = length
        return list((made / norms[:, np.newaxis]).astype(np.float32))


class UnconfiguredEmbedder:
    """Stands for one that lacks something, such as its key: what is stored waits, and searches go by words."""

    at_once = False
    running = False

    def __init__(self, name: str, dimension: int, missing: str) -> None:
        self.name, self.dimension = name, dimension
        self.missing: str | None = missing

    def known(self, text: str) -> Vector | None:
        return None

    def probe(self) -> float:
        """Raises EmbeddingError, always."""
        raise self._error()

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Raises EmbeddingError, always."""
        raise self._error()

    def forget(self) -> None:
        """It knows nothing."""

    def _error(self) -> EmbeddingError:
        return EmbeddingError(self.missing or "", retryable=False)


def cut(text: str) -> str:
    """What of a text is embedded: never nothing, which providers refuse, and no more than models take."""
    if not text.strip():
        return "."
    text = text.encode("utf-8", "replace").decode()
    while (tokens := estimate_tokens(text)) > TEXT_TOKENS:
        text = text[: min(len(text) - 1, len(text) * TEXT_TOKENS // tokens)]
    return text


def batches(texts: Iterable[str]) -> Iterator[list[str]]:
    """In their order, each of a size that one request takes."""
    batch: list[str] = []
    tokens = 0
    for text in texts:
        more = estimate_tokens(text)
        if batch and (len(batch) == BATCH_TEXTS or tokens + more > BATCH_TOKENS):
            yield batch
            batch, tokens = [], 0
        batch.append(text)
        tokens += more
    if batch:
        yield batch


class _Remembered:
    """The vectors of the texts that were asked for last, by digest: a text itself is kept nowhere."""

    def __init__(self, limit: int) -> None:
        self._limit, self._size = limit, 0
        self._vectors: OrderedDict[bytes, Vector] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, texts: Iterable[str]) -> dict[str, Vector]:
        found: dict[str, Vector] = {}
        with self._lock:
            for text in texts:
                digest = _digest(text)
                if (vector := self._vectors.get(digest)) is not None:
                    self._vectors.move_to_end(digest)
                    found[text] = vector
        return found

    def clear(self) -> None:
        with self._lock:
            self._vectors.clear()
            self._size = 0

    def keep(self, texts: Sequence[str], vectors: Sequence[Vector]) -> None:
        with self._lock:
            for text, vector in zip(texts, vectors, strict=True):
                digest = _digest(text)
                if digest not in self._vectors:
                    self._size += vector.nbytes
                self._vectors[digest] = vector
            while self._size > self._limit:
                self._size -= self._vectors.popitem(last=False)[1].nbytes


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
