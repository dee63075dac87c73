import math

import numpy as np

from memorybank_service.memory.bm25 import bm25, share_found
from memorybank_service.store import Postings


def posting(*pairs: tuple[int, int]) -> Postings:
    return Postings(np.array([place for place, _ in pairs]), np.array([count for _, count in pairs]))


def test_the_score_is_the_formula_s() -> None:
    scores = bm25({"tea": posting((1, 2))}, np.array([10, 20, 30], np.int32))
    expected = math.log(1 + 2.5 / 1.5) * 2 * 2.2 / (2 + 1.2 * (0.25 + 0.75 * 20 / 20))
    assert scores.tolist() == [0, expected, 0]


def test_a_rare_word_counts_more_than_a_common_one() -> None:
    words = np.full(4, 10, np.int32)
    rare, common = posting((0, 1)), posting((1, 1), (2, 1), (3, 1))
    scores = bm25({"rare": rare, "common": common}, words)
    assert scores[0] > scores[1] > 0


def test_the_share_is_of_the_terms_that_were_asked_for() -> None:
    shares = share_found({"a": posting((0, 5)), "b": posting((0, 1), (1, 1))}, 3)
    assert shares.tolist() == [1, 0.5, 0]
