"""The fleet on one screen."""

from __future__ import annotations

import signal
from typing import Any

from memorybank.cli.fleet.top import with_rates
from memorybank.fleet.figures import figures
from tests.client.fleet.conftest import Create, Fleet

METRICS = """\
# HELP memorybank_http_requests_total Requests.
memorybank_http_requests_total{method="POST",route="/v1/search",status="200"} 41.0
memorybank_http_requests_total{method="POST",route="/v1/search",status="503"} 1.0
memorybank_memories{state="active"} 9410.0
memorybank_memories{state="faded"} 312.0
memorybank_volume_used_bytes 1.048576e+06
"""


def test_a_tenants_figures_are_read_from_its_own_metrics(
    fleet: Fleet, customer: dict[str, Any], create: Create
) -> None:
    create("quiet")
    fleet.done("hibernate", "quiet")
    fleet.done("health", "--tenant", "customer1")

    told = {one["tenant_id"]: one for one in fleet.done("top", "--once", "-o", "json")}

    assert told["customer1"]["requests"] > 0
    assert told["customer1"]["disk_used_bytes"] > 0
    assert (told["quiet"]["phase"], told["quiet"]["requests"]) == ("Hibernated", None)


def test_screens_follow_one_another_until_it_is_interrupted(fleet: Fleet, customer: dict[str, Any]) -> None:
    command = fleet.start("top", "--interval", "0.2")
    assert command.stdout is not None
    lines: list[str] = []
    while sum("tenants, " in line for line in lines) < 3:
        lines.append(command.stdout.readline())
    command.send_signal(signal.SIGINT)

    _, err = command.communicate(timeout=20)
    assert (command.returncode, err) == (0, "")
    assert any("REQUESTS/S" in line for line in lines)


def test_figures_are_summed_over_routes_and_failures_counted() -> None:
    assert figures(METRICS) == {
        "memories": 9410,
        "faded": 312,
        "disk_used_bytes": 1048576,
        "requests": 42,
        "failed": 1,
    }
    assert set(figures("").values()) == {None}


def test_rates_are_of_the_time_between_two_screens_and_none_after_a_restart() -> None:
    def line(requests: int | None) -> dict[str, Any]:
        return {"namespace": "a", "tenant_id": "b", "requests": requests, "failed": 0}

    assert with_rates([line(30)], [line(10)], 10.0)[0]["rate"] == 2.0
    assert with_rates([line(3)], [line(10)], 10.0)[0]["rate"] is None
    assert with_rates([line(3)], [], 10.0)[0]["rate"] is None
    assert with_rates([line(None)], [line(1)], 10.0)[0]["rate"] is None
