"""Tables and progress, as the command writes them."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st

from memorybank.cli.progress import Progress
from memorybank.cli.table import Column, pairs, table
from tests.service.waiting import until


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_told_on_a_terminal_and_wiped_away_at_the_end() -> None:
    terminal = Terminal()
    with Progress("waiting", terminal, patience=0) as progress:
        until(lambda: "waiting (0 s)" in terminal.getvalue())
        progress.say("reading")
        until(lambda: "reading" in terminal.getvalue())

    assert terminal.getvalue().endswith("\r\x1b[K")


def test_what_is_quick_is_not_told() -> None:
    terminal = Terminal()
    with Progress("waiting", terminal):
        pass

    assert terminal.getvalue() == ""


def test_nothing_is_told_where_nobody_looks() -> None:
    stream = io.StringIO()
    with Progress("waiting", stream, patience=0):
        pass

    assert stream.getvalue() == ""


@given(st.lists(st.tuples(st.text(), st.text())), st.integers(1, 100))
def test_a_table_has_a_line_a_row_and_nothing_that_moves_the_cursor(rows: list[tuple[str, str]], width: int) -> None:
    columns = [Column("A", lambda row: row[0]), Column("B", lambda row: row[1], stretches=True)]

    lines = table(columns, rows, width).split("\n")

    assert len(lines) == len(rows) + 2
    assert all(line.isprintable() for line in lines)


def test_a_value_a_line_stands_under_one_another() -> None:
    assert pairs({"a": 1, "long": None, "c": 0.123456}) == "a      1\nlong\nc      0.123\n"
