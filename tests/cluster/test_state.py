from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from e2e.cluster import state
from e2e.cluster.state import State


@pytest.fixture
def sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", "60"])


def test_a_state_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = State(1, 2, 3, 4)
    written.write(tmp_path)
    assert state.read(tmp_path) == written


def test_no_state_is_no_cluster(tmp_path: Path) -> None:
    assert state.read(tmp_path) is None


def test_marking_it_ready_is_written_down(tmp_path: Path) -> None:
    State(1, 2, 3, 4).mark_ready(tmp_path)
    assert state.read(tmp_path) == State(1, 2, 3, 4, ready=True)


def test_a_process_is_killed_by_its_pid_and_birth(sleeper: subprocess.Popen[bytes]) -> None:
    State(sleeper.pid, state.birth(sleeper.pid) or 0, 0, 0).kill()
    assert sleeper.wait(5) == -9


def test_another_process_that_got_the_same_pid_later_is_left_alone(sleeper: subprocess.Popen[bytes]) -> None:
    with sleeper:
        recycled = State(sleeper.pid, (state.birth(sleeper.pid) or 0) - 1, 0, 0)
        recycled.kill()
        assert not recycled.alive()
        assert sleeper.poll() is None
        sleeper.kill()


def test_a_process_that_ended_has_no_birth(sleeper: subprocess.Popen[bytes]) -> None:
    sleeper.kill()
    sleeper.wait()
    assert state.birth(sleeper.pid) is None


def test_this_process_is_found_by_its_program() -> None:
    assert os.getpid() in [pid for name in state.processes_of(os.getpid()) for pid in state.pids_of(os.getpid(), name)]
