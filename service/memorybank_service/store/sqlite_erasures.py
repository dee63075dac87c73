"""The part of the store that erases persons, and remembers that it did."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path

from memorybank_service.store import ConflictError, Erasure, StoreFullError, erasure
from memorybank_service.store.erasure_log import ErasureLog
from memorybank_service.store.readers import Readers
from memorybank_service.store.told import telling
from memorybank_service.store.touched import Touched
from memorybank_service.store.writer import Transaction, Writer

_PIECE = 256  # memories erased at a time: other writes come in between
_SMALLER = 8  # times, where the volume has no room for as many


@telling
class SqliteErasures:
    def __init__(
        self,
        path: Path,
        readers: Readers,
        writer: Writer,
        erased: Callable[[], None],
        removed: Callable[[Touched], None],
        look_up: Callable[[], None],
    ) -> None:
        """`erased` and `removed` are called before an erasure, or a piece of it, is done: nothing in memory may be
        older than it. `look_up` raises BrokenOffError where the service ends.
        """
        self._readers, self._writer = readers, writer
        self._erased, self._removed, self._look_up = erased, removed, look_up
        self.count = 0
        self._log = ErasureLog(path.with_name("erasures.ndjson"))

    def erase(self, user_id: str, now: float, counted: Mapping[str, int]) -> Erasure:
        waiting = dict(counted)  # for the first piece, or the last

        def write_some(most: int, transaction: Transaction) -> bool:
            touched = Touched()
            more = erasure.erase_some(transaction.connection, user_id, most, waiting, touched)
            if more:
                transaction.after_commit += [partial(self._removed, touched), waiting.clear]
            return more

        def write(transaction: Transaction) -> Erasure:
            self.count += 1  # at once: what is written in the same commit must notice it too
            done = erasure.erase(transaction.connection, user_id, now, waiting)
            transaction.after_commit += [self._erased, lambda: self._log.append([done])]
            return done

        size, more = _PIECE, True
        while more:
            self._look_up()
            try:
                more = self._writer.submit(partial(write_some, size), "relieving").result()
            except StoreFullError:
                if size == 1:
                    raise
                size = max(1, size // _SMALLER)
        return self._writer.submit(write, "relieving").result()

    def unfinished(self) -> list[str]:
        return erasure.unfinished(self._readers.get())

    def recorded(self) -> list[Erasure]:
        return erasure.recorded(self._readers.get())

    def missing(self) -> list[Erasure]:
        self._note_down()
        known = {one.id for one in self.recorded()}
        return [one for one in self._log.read() if one.id not in known and erasure.is_whole(one)]

    def users_of(self, erasures: Sequence[Erasure]) -> list[str]:
        for one in erasures:
            if not erasure.is_whole(one):
                raise ConflictError(f"the receipt {one.id} is not what it was when it was given")
        return erasure.users_of(self._readers.get(), {one.user for one in erasures})

    def record(self, erasures: Sequence[Erasure]) -> Future[None]:
        def write(transaction: Transaction) -> None:
            for one in erasures:
                erasure.record(transaction.connection, one)
            transaction.after_commit.append(self._note_down)

        return self._writer.submit(write, "small")

    def _note_down(self) -> None:
        """What the database knows stands beside it too."""
        noted = {one.id for one in self._log.read()}
        if unnoted := [one for one in self.recorded() if one.id not in noted]:
            self._log.append(unnoted)
