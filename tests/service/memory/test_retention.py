import math

from hypothesis import given
from hypothesis import strategies as st

from memorybank_service.memory.pauses import Pauses
from memorybank_service.memory.retention import retention, standing
from memorybank_service.store import Roster
from tests.service.rosters import roster_of as ordinary

SECONDS = st.floats(0, 3e8)
STRENGTHS = st.integers(1, 1_000)
SCALES = st.floats(1, 1_000)
NOW = 1.8e9


def roster_of(anchor: float, recalls: int = 0, pinned: bool = False, expires_at: float = math.inf) -> Roster:
    return ordinary(1, anchor=anchor, recalls=recalls, pinned=pinned, expires_at=expires_at)


@given(SECONDS, STRENGTHS, SCALES)
def test_retention_is_e_to_the_minus_t_over_s(elapsed: float, strength: int, scale: float) -> None:
    expected = math.exp(-(elapsed / 3600 / scale) / strength)
    assert abs(float(retention(elapsed, strength, scale)) - expected) < 1e-9


@given(SECONDS, SECONDS, STRENGTHS)
def test_retention_never_grows_with_time(one: float, other: float, strength: int) -> None:
    earlier, later = sorted([one, other])
    assert retention(later, strength, 168) <= retention(earlier, strength, 168)


@given(SECONDS, STRENGTHS, STRENGTHS)
def test_retention_never_falls_with_strength(elapsed: float, one: int, other: int) -> None:
    weaker, stronger = sorted([one, other])
    assert retention(elapsed, stronger, 168) >= retention(elapsed, weaker, 168)


@given(st.floats(-1e8, 0))
def test_time_before_the_anchor_counts_as_none(elapsed: float) -> None:
    assert retention(elapsed, 1, 168) == 1


def test_a_memory_fades_below_the_threshold_and_not_before() -> None:
    fading = 168 * 3600 * math.log(10)  # R = 0.1 after scale · ln 10
    before = standing(roster_of(NOW - fading + 1), NOW, Pauses([]), 168, 0.1)
    after = standing(roster_of(NOW - fading - 1), NOW, Pauses([]), 168, 0.1)
    assert (before.active[0], before.faded[0]) == (True, False)
    assert (after.active[0], after.faded[0]) == (False, True)


def test_a_recalled_memory_fades_later() -> None:
    elapsed = 168 * 3600 * 3
    assert standing(roster_of(NOW - elapsed), NOW, Pauses([]), 168, 0.1).faded[0]
    assert not standing(roster_of(NOW - elapsed, recalls=1), NOW, Pauses([]), 168, 0.1).faded[0]


def test_a_pinned_memory_never_fades_but_expires() -> None:
    pinned = roster_of(NOW - 1e9, pinned=True)
    assert standing(pinned, NOW, Pauses([]), 168, 0.1).active[0]
    expired = standing(roster_of(NOW - 1e9, pinned=True, expires_at=NOW), NOW, Pauses([]), 168, 0.1)
    assert (expired.expired[0], expired.active[0], expired.faded[0]) == (True, False, False)


def test_time_in_which_the_service_did_not_run_is_not_forgetting() -> None:
    month = 30 * 86400.0
    state = standing(roster_of(NOW - month), NOW, Pauses([(NOW - month, NOW)]), 168, 0.1)
    assert state.retention[0] == 1
