"""The best of those that can win are the best of all."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from memorybank_service.memory.scoring import Parts, best
from memorybank_service.store import Positions

COUNT = 24
SHARES = st.lists(st.floats(0, 1, width=32), min_size=COUNT, max_size=COUNT).map(lambda drawn: np.array(drawn, "f4"))
FLAGS = st.lists(st.booleans(), min_size=COUNT, max_size=COUNT).map(np.array)


def parts_of(words: np.ndarray, session: np.ndarray, retention: np.ndarray, dated: np.ndarray | None) -> Parts:
    return Parts(
        words=words,
        cues={"speaker": None, "date": dated, "time": None},
        session=lambda places: session[places],
        retention=lambda places: retention[places],
        dense_weight=1,
    )


@given(st.builds(parts_of, SHARES, SHARES, SHARES, st.none() | SHARES), SHARES, FLAGS, st.integers(1, COUNT + 5))
def test_whoever_is_among_the_best_is_a_contender(
    parts: Parts, dense: np.ndarray, found: np.ndarray, count: int
) -> None:
    parts.hear(dense.copy(), np.float32(-0.5) * dense)

    def chosen(places: Positions) -> list[int]:
        return [int(place) for place in places[best(parts.sums(places), count)]]

    contenders = parts.contenders(found, count)
    assert found[contenders].all()
    assert chosen(contenders) == chosen(np.flatnonzero(found))


def test_few_are_contenders_where_few_can_win() -> None:
    words = np.linspace(0, 1, COUNT, dtype=np.float32)
    parts = parts_of(words, words, words, None)
    assert parts.contenders(np.ones(COUNT, np.bool_), 1).tolist() == list(range(17, COUNT))


def test_a_cue_that_the_query_does_not_give_is_a_part_of_nothing() -> None:
    ones = np.ones(2, np.float32)
    parts = parts_of(ones, ones, ones, None).at(np.arange(2))
    assert {name for name, part in parts.items() if part.any()} == {"words", "words_session", "retention"}
    assert parts["speaker"].tolist() == parts["date"].tolist() == parts["time"].tolist() == [0, 0]
