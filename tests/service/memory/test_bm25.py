import math

import numpy as np
import pytest

from memorybank_service.memory.bm25 import SessionWords, TurnWords
from memorybank_service.memory.neighbours import Neighbourhood
from memorybank_service.store import Postings
from tests.service.rosters import roster_of


def posting(*pairs: tuple[int, int]) -> Postings:
    return Postings(
        np.array([place for place, _ in pairs], np.int32), np.array([count for _, count in pairs], np.uint8)
    )


def turn_words(postings: dict[str, Postings], words: list[int], absent: list[int] | None = None) -> TurnWords:
    present = np.ones(len(words), np.bool_)
    present[absent or []] = False
    return TurnWords(postings, Neighbourhood(roster_of(len(words), words=words), present))


def test_the_scores_are_the_formula_s_divided_by_the_best() -> None:
    scores = turn_words({"tea": posting((1, 2), (2, 1))}, [10, 20, 30]).scores

    def gain(count: int, length: int) -> float:
        return math.log(1 + 1.5 / 2.5) * count * 2.2 / (count + 1.2 * (0.25 + 0.75 * length / 20))

    assert scores == pytest.approx([0, 1, gain(1, 30) / gain(2, 20)])


def test_a_rare_word_counts_more_than_a_common_one() -> None:
    rare, common = posting((0, 1)), posting((1, 1), (2, 1), (3, 1))
    scores = turn_words({"rare": rare, "common": common}, [10] * 4).scores
    assert scores[0] > scores[1] > 0


def test_what_is_not_present_neither_counts_nor_is_counted() -> None:
    postings = {"rare": posting((0, 1)), "common": posting((1, 1), (2, 1), (3, 1))}
    scores = turn_words(postings, [10] * 4, absent=[2, 3]).scores
    assert scores.tolist() == [1, 1, 0, 0]


def test_the_share_is_of_the_terms_that_were_asked_for() -> None:
    words = turn_words({"a": posting((0, 5)), "b": posting((0, 1), (1, 1))}, [10] * 3)
    assert words.shares(np.arange(3)).tolist() == [1, 0.5, 0]


def test_nothing_asked_scores_nothing() -> None:
    words = turn_words({}, [10, 20])
    assert words.scores.tolist() == [0, 0]
    assert words.shares(np.arange(2)).tolist() == [0, 0]


def test_a_session_s_words_count_for_all_of_its_turns() -> None:
    roster = roster_of(4, session=[0, 0, 1, -1])
    postings = {"tea": posting((0, 1), (3, 1)), "boat": posting((2, 1))}
    everyone = np.ones(4, np.bool_)
    scores = SessionWords(postings, roster, everyone).at(np.arange(4))
    assert scores[0] == scores[1] > 0
    assert scores[3] == 0
    without = everyone & (np.arange(4) != 0)
    assert SessionWords(postings, roster, without).at(np.arange(4)).tolist() == [0, 0, 1, 0]
