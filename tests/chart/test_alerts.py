"""Each alert fires on what it is for and on nothing else: Prometheus' own unit tests of rules."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from e2e.cluster.build import program
from e2e.cluster.components import COMPONENTS
from e2e.cluster.progress import Progress
from tests.chart.test_monitoring import MONITORING, rules

TESTS = MONITORING / "rules_test.yaml"


@pytest.fixture(scope="module")
def promtool() -> str:
    return str(program(COMPONENTS["promtool"], Progress()))


def test_the_rules_are_such_as_prometheus_takes(promtool: str) -> None:
    done = subprocess.run(
        [promtool, "check", "rules", "--lint=all", "--lint-fatal", str(MONITORING / "rules.yaml")],
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_configuration_for_one_without_its_operator_is_such_as_prometheus_takes(promtool: str) -> None:
    command = [promtool, "check", "config", "--syntax-only", str(MONITORING / "prometheus.yml")]
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_fires_and_stays_silent_as_its_unit_tests_say(promtool: str) -> None:
    done = subprocess.run([promtool, "test", "rules", str(TESTS)], text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_alert_is_without_a_test_that_fires_and_a_series_or_a_time_that_does_not() -> None:
    fires = set[str]()
    for test in yaml.safe_load(TESTS.read_text())["tests"]:
        for case in test["alert_rule_test"]:
            if case["exp_alerts"]:
                fires.add(case["alertname"])
                silent = [one for one in test["alert_rule_test"] if not one["exp_alerts"]]
                assert silent or len(test["input_series"]) > len(case["exp_alerts"]), case["alertname"]
    assert fires == {rule["alert"] for rule in rules()}


def test_a_rule_that_is_altered_fails_its_test(promtool: str, tmp_path: Path) -> None:
    text = (MONITORING / "rules.yaml").read_text()
    altered = text.replace("> 0.1\n", "> 0.5\n")
    assert altered != text
    (tmp_path / "rules.yaml").write_text(altered)
    (tmp_path / TESTS.name).write_text(TESTS.read_text())
    done = subprocess.run(
        [promtool, "test", "rules", str(tmp_path / TESTS.name)], text=True, capture_output=True, check=False
    )
    assert done.returncode != 0
    assert "MemoryBankTenantErrors" in done.stdout + done.stderr
