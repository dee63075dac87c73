import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from memorybank_service.children import ChildEndedError, ChildTimeoutError, HandlerError, messages
from memorybank_service.children.child import Child
from tests.service.waiting import until

ROOT = Path(__file__).parents[3]
PROGRAM = "tests.service.children.patient"
SOON = 20.0
Start = Callable[..., Child]


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[Child] = []

    def start_one(module: str = PROGRAM, threads: int = 1, idle_seconds: float | None = None) -> Child:
        environment = {"PYTHONPATH": str(ROOT), "SAID": "yes"}
        started.append(Child(module, [str(threads)], environment, idle_seconds=idle_seconds))
        return started[-1]

    yield start_one
    for child in started:
        child.close()


def gone(pid: int) -> bool:
    """Whether there is no such process; one that nobody has reaped yet runs no more."""
    try:
        return ") Z " in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_a_call_starts_the_program_and_gets_its_answer(start: Start) -> None:
    child = start()
    assert not child.running
    vectors = np.arange(768, dtype=np.float32).reshape(2, 384)
    answer = child.call("echo", vectors, "a", None, timeout=SOON)
    assert (answer[0] == vectors).all()
    assert answer[1:] == ("a", None)
    assert child.running


def test_a_handler_that_raises_is_told_to_its_caller_and_the_child_lives_on(start: Start) -> None:
    child = start()
    with pytest.raises(HandlerError, match="LookupError: no such thing") as raised:
        child.call("fail", "no such thing", timeout=SOON)
    assert (raised.value.kind, raised.value.message) == ("LookupError", "no such thing")
    pid = child.pid
    with pytest.raises(HandlerError, match="KeyError"):
        child.call("unheard of", timeout=SOON)
    with pytest.raises(HandlerError, match="pickle"):
        child.call("unspeakable", timeout=SOON)
    assert child.call("echo", timeout=SOON) == ()
    assert child.pid == pid


@pytest.mark.parametrize(("method", "ending"), [("crash", "SIGSEGV"), ("exit_with", "exit status 3")])
def test_a_child_that_ends_in_a_call_fails_it_and_the_next_call_starts_another(
    start: Start, method: str, ending: str
) -> None:
    child = start()
    with pytest.raises(ChildEndedError, match=ending):
        child.call(method, *[3] * (method == "exit_with"), timeout=SOON)
    assert not child.running
    assert child.call("echo", 1, timeout=SOON) == (1,)


def test_a_child_killed_from_outside_fails_every_call_it_had(start: Start) -> None:
    child = start(threads=4)
    with ThreadPoolExecutor() as pool:
        waiting = [pool.submit(child.call, "stall", 60, timeout=60) for _ in range(3)]
        until(lambda: bool(child.call("stalled", timeout=SOON) == 3))
        pid = child.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        for call in waiting:
            with pytest.raises(ChildEndedError, match="SIGKILL"):
                call.result()


def test_a_child_that_does_not_answer_in_time_is_killed(start: Start) -> None:
    child = start()
    child.call("echo", timeout=SOON)
    pid = child.pid
    assert pid is not None
    with pytest.raises(ChildTimeoutError, match=r"within 0\.2 s"):
        child.call("stall", 60, timeout=0.2)
    assert not child.running
    assert child.call("echo", timeout=SOON) == ()
    assert gone(pid)


def test_a_child_that_was_only_asked_lives_on_when_it_takes_too_long(start: Start) -> None:
    child = start(threads=2)
    child.call("echo", timeout=SOON)
    pid = child.pid
    with pytest.raises(ChildTimeoutError, match=r"within 0\.1 s"):
        child.ask("stall", 0.3, timeout=0.1)
    assert child.ask("echo", 1, timeout=SOON) == (1,)
    until(lambda: bool(child.call("stalled", timeout=SOON) == 1))
    assert child.pid == pid


def test_a_child_that_was_told_only_a_part_of_what_it_was_asked_does_not_live_on(start: Start) -> None:
    child = start()
    child.call("echo", timeout=SOON)
    pid = child.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(ChildTimeoutError):
        child.ask("echo", bytes(1 << 20), timeout=0.1)
    assert child.call("echo", 1, timeout=SOON) == (1,)
    assert child.pid != pid


def test_a_child_that_does_not_even_read_is_no_obstacle_to_the_timeout(start: Start) -> None:
    child = start()
    child.call("echo", timeout=SOON)
    pid = child.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    with ThreadPoolExecutor() as pool:
        stuck = pool.submit(child.call, "echo", bytes(1 << 20), timeout=SOON)
        with pytest.raises(ChildTimeoutError):
            child.call("echo", bytes(1 << 20), timeout=0.3)
        assert isinstance(stuck.exception(), ChildTimeoutError)
    assert child.call("echo", timeout=SOON) == ()


@pytest.mark.parametrize(
    "garbage",
    [
        b"HTTP/1.1 200 OK\r\n",
        b"\x00\x00\x00\x05hello",
        b"\x7f\xff\xff\xff" + bytes(100),
        b"\x00\x00\x00\x02N.",
        b"\xff\xff\xff\xff" + b"\xff" * 8,
    ],
)
def test_a_child_that_writes_garbage_is_killed(start: Start, garbage: bytes) -> None:
    child = start()
    with pytest.raises(ChildEndedError, match="protocol"):
        child.call("scrawl", garbage, timeout=SOON)
    assert child.call("echo", timeout=SOON) == ()


def test_what_libraries_print_is_no_garbage(start: Start, capfd: pytest.CaptureFixture[str]) -> None:
    child = start()
    child.call("babble", timeout=SOON)
    assert child.call("echo", 2, timeout=SOON) == (2,)
    assert capfd.readouterr() == ("", "")


def test_a_message_has_a_largest_size_both_ways(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    child = start()
    child.call("echo", timeout=SOON)
    with pytest.raises(HandlerError, match="MessageTooLongError"):
        child.call("bulk", messages.LARGEST_MESSAGE, timeout=SOON)
    monkeypatch.setattr(messages, "LARGEST_MESSAGE", 1000)
    with pytest.raises(messages.MessageTooLongError, match="1000 are allowed"):
        child.call("echo", bytes(1000), timeout=SOON)


def test_calls_are_served_at_the_same_time_where_the_program_wants_that(start: Start) -> None:
    child = start(threads=4)
    child.call("echo", timeout=SOON)
    with ThreadPoolExecutor() as pool:
        slow = [pool.submit(child.call, "stall", 60, timeout=60) for _ in range(3)]
        numbers = [pool.submit(child.call, "echo", n, timeout=SOON) for n in range(200)]
        assert [number.result() for number in numbers] == [(n,) for n in range(200)]
        assert not any(call.done() for call in slow)
        child.end()
        assert all(isinstance(call.exception(), ChildEndedError) for call in slow)


def test_a_child_has_nothing_of_the_service_s_secrets(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("API_KEY", "OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY", "DATABASE_URL"):
        monkeypatch.setenv(name, "a-secret")
    child = start()
    variables = child.call("environment", timeout=SOON)
    assert "a-secret" not in variables.values()
    assert variables["SAID"] == "yes"


def test_a_child_that_nobody_calls_ends_and_comes_back(start: Start) -> None:
    child = start(idle_seconds=0.05)
    child.call("stall", 0.2, timeout=SOON)  # longer than that: a call under way is use
    assert child.call("stalled", timeout=SOON) == 1
    until(lambda: not child.running)
    for number in range(25):  # among them such as meet it just leaving
        assert child.call("echo", number, timeout=SOON) == (number,)
        threading.Event().wait(0.004 * number)


def test_a_program_that_cannot_start_says_how_it_ended(start: Start, capfd: pytest.CaptureFixture[str]) -> None:
    child = start("tests.service.children.no_such_program")
    with pytest.raises(ChildEndedError, match="exit status 1"):
        child.call("echo", timeout=SOON)
    assert "No module named" in capfd.readouterr().err


def test_a_closed_child_is_not_started_again(start: Start) -> None:
    child = start()
    child.call("echo", timeout=SOON)
    pid = child.pid
    assert pid is not None
    child.end()
    assert gone(pid)
    child.call("echo", timeout=SOON)
    child.close()
    with pytest.raises(ChildEndedError, match="closed"):
        child.call("echo", timeout=SOON)


PARENT = f"""
import sys
from memorybank_service.children.child import Child
child = Child({PROGRAM!r}, ["1"])
child.call("echo", timeout=20)
print(child.pid, flush=True)
child.call("stall", 600, timeout=600)
"""


def test_a_child_ends_when_its_parent_is_killed() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert not gone(pid)
        parent.kill()
        until(lambda: gone(pid), seconds=SOON)
