"""What changes by itself is left out of what is repeated from others."""

import pytest

from memorybank_operator.steady import LONGEST, last_line, steady


@pytest.mark.parametrize(
    ("one", "later"),
    [
        ("back-off 10s restarting failed container=a pod=b", "back-off 5m0s restarting failed container=a pod=b"),
        ("Back-off pulling image (x3 over 2m)", "Back-off pulling image (x41 over 1h)"),
        (
            "rpc error: volume not found, RequestID: 8c1-a, timed out",
            "rpc error: volume not found, RequestID: 99f-b, timed out",
        ),
        (
            "2026-01-02T03:04:05.123Z ERROR the port is taken",
            "2026-01-02 04:00:00,5 ERROR the port is taken",
        ),
        (
            "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint {a: b}. preemption: 0/3",
            "0/40 nodes are available: 12 node(s) had untolerated taint {a: b}, 28 Insufficient cpu. preemption: none",
        ),
        ("panic at 0xc000a1b2: nil", "panic at 0xc0ffee00: nil"),
    ],
)
def test_the_same_trouble_reads_the_same_later(one: str, later: str) -> None:
    assert steady(one) == steady(later) != ""


def test_what_does_not_change_by_itself_stays() -> None:
    message = 'storageclass.storage.k8s.io "fast" not found'
    assert steady(message) == message


def test_the_scheduler_s_reasons_stay() -> None:
    message = "0/2 nodes are available: 1 Insufficient memory, 1 node(s) were unschedulable."
    assert steady(message) == "Insufficient memory, node(s) were unschedulable"


def test_a_message_is_one_line_and_not_long() -> None:
    assert steady("first\nsecond") == "first"
    assert len(steady("word " * 1000)) <= LONGEST


@pytest.mark.parametrize(
    ("log", "line"),
    [
        ("starting\nPORT is no number\n", "PORT is no number"),
        ('{"time": "2026-01-02T03:04:05Z", "message": "the store is newer"}', "the store is newer"),
        ('{"n": 1}', '{"n": 1}'),
        ("[1, 2]", "[1, 2]"),
        ("", ""),
    ],
)
def test_a_container_s_last_line_is_a_sentence(log: str, line: str) -> None:
    assert last_line(log) == line
