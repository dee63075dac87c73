from __future__ import annotations

import io
import threading

import pytest

from e2e.cluster import progress
from e2e.cluster.progress import Progress, spoken


def test_a_short_step_is_not_shown_but_its_length_is_known() -> None:
    out = io.StringIO()
    shown = Progress(out)
    with shown.step("Blinking"):
        pass
    assert out.getvalue() == ""
    assert shown.seconds["Blinking"] < 1


class Lines(io.StringIO):
    """A stream that says when something was written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = threading.Event()

    def write(self, text: str) -> int:
        length = super().write(text)
        self.written.set()
        return length


def test_a_long_step_is_shown_while_it_runs_and_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0.01)
    out = Lines()
    with Progress(out).step("Building Rome"):
        assert out.written.wait(5)
        assert out.getvalue() == "  Building Rome ...\n"
    assert out.getvalue().splitlines()[-1].startswith("  Building Rome: took ")


def test_a_step_that_fails_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0.0)
    out = Lines()
    with pytest.raises(ZeroDivisionError), Progress(out).step("Dividing"):
        _ = 1 / 0
    assert "Dividing: failed after" in out.getvalue()


@pytest.mark.parametrize(("seconds", "text"), [(4.24, "4.2 s"), (59.9, "59.9 s"), (72.0, "1 min 12 s")])
def test_a_length_is_said_as_people_say_it(seconds: float, text: str) -> None:
    assert spoken(seconds) == text
