import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from memorybank_service.memory.neighbours import Neighbourhood
from memorybank_service.store import Roster
from memorybank_service.store.marks import ASKS
from tests.service.rosters import roster_of

COUNT = 6
EVERYONE = np.ones(COUNT, np.bool_)


def conversation(**given: object) -> Roster:
    """Six turns of one run, one after the other."""
    return roster_of(COUNT, previous=range(-1, COUNT - 1), session=0, **given)  # type: ignore[arg-type]


def heard(roster: Roster, place: int, present: np.ndarray = EVERYONE) -> list[float]:
    """How often a term that stands once in this turn is heard with each."""
    into = np.zeros(COUNT, np.float32)
    around = Neighbourhood(roster, present)
    around.strongest(np.array([place], np.int32), np.array([1], np.uint8), into)
    return into.tolist()


def test_a_word_is_heard_with_the_two_turns_before_and_after_it() -> None:
    assert heard(conversation(), 2) == [0.25, 0.25, 1, 0.5, 0.25, 0]


def test_a_question_is_heard_with_its_answer_as_loud_as_the_answer() -> None:
    assert heard(conversation(marks=[0, 0, ASKS, 0, 0, 0]), 2) == [0.25, 0.25, 1, 1, 0.25, 0]


def test_turns_of_no_run_are_heard_alone() -> None:
    assert heard(roster_of(COUNT), 2) == [0, 0, 1, 0, 0, 0]


def test_of_two_turns_with_a_word_the_louder_is_heard() -> None:
    into = np.zeros(COUNT, np.float32)
    Neighbourhood(conversation(), EVERYONE).strongest(np.array([2, 3], np.int32), np.array([1, 3], np.uint8), into)
    assert into.tolist() == [0.25, 0.75, 1, 3, 1.5, 0.75]


def test_the_words_around_a_turn_are_counted_with_it() -> None:
    around = Neighbourhood(conversation(words=[1, 10, 100, 1000, 10_000, 100_000]), EVERYONE)
    assert around.words.tolist() == [111, 1_111, 11_111, 111_110, 111_100, 111_000]


def test_turns_that_mean_the_same_sum_up_to_about_their_own_cosine() -> None:
    around = Neighbourhood(conversation(), EVERYONE)
    own, theirs = around.along(np.full(COUNT, 0.5, np.float32), around.embedded)
    assert ((own + theirs > 0.5) & (own + theirs < 0.7)).all()
    assert (own > theirs / 1.5).all()


@given(st.lists(st.floats(-1, 1, width=32), min_size=COUNT, max_size=COUNT), st.integers(0, COUNT - 1))
def test_who_is_not_present_is_not_heard_whatever_it_says(cosines: list[float], absent: int) -> None:
    present = EVERYONE.copy()
    present[absent] = False
    around = Neighbourhood(conversation(), present)
    said, silent = np.array(cosines, np.float32), np.array(cosines, np.float32)
    silent[absent] = 0
    for of_all, without in zip(around.along(said, around.embedded), around.along(silent, around.embedded), strict=True):
        assert of_all.tolist() == without.tolist()
    assert around.words[present].max() <= 5 * 10


def test_the_turns_around_one_are_named_in_the_order_they_were_said() -> None:
    present = np.array([1, 1, 0, 1, 1, 1], np.bool_)
    around = Neighbourhood(conversation(), present)
    assert around.walk(3, -1, 2) == [0, 1]
    assert around.walk(3, 1, 1) == [4]
    assert around.walk(5, 1, 3) == []
    assert Neighbourhood(roster_of(COUNT), EVERYONE).walk(3, 1, 3) == []
