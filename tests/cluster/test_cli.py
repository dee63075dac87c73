"""The command line of the cluster, as far as it needs none."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from e2e.cluster.__main__ import kubectl, parse
from e2e.cluster.paths import ROOT


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "e2e.cluster", *words]
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, text=True, capture_output=True, check=False
    )


@pytest.mark.parametrize("words", [["-n", "traefik", "get", "pods"], ["--help"], ["get", "pods", "-A"], []])
def test_all_that_follows_kubectl_is_kubectls(words: list[str]) -> None:
    options = parse(["kubectl", *words])
    assert (options.run, options.arguments) == (kubectl, words)


def test_help_shows_examples() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert "python -m e2e.cluster kubectl get pods -A" in done.stdout


@pytest.mark.parametrize("verb", [["kubectl", "get", "pods"], ["shell"], ["load", "image.tar"]])
def test_without_a_cluster_the_sentence_says_how_to_start_one(verb: list[str]) -> None:
    done = run(*verb, CLUSTER="local", MEMORYBANK_CLUSTER="test-none")
    assert (done.returncode, done.stderr) == (1, "No cluster runs: `python -m e2e.cluster up` starts one.\n")


def test_status_without_a_cluster_is_a_failure_that_says_so() -> None:
    done = run("status", CLUSTER="local", MEMORYBANK_CLUSTER="test-none")
    assert done.returncode == 1
    assert done.stdout.startswith("BAD  cluster")


def test_down_without_a_cluster_is_no_error() -> None:
    done = run("down", CLUSTER="local", MEMORYBANK_CLUSTER="test-none")
    assert (done.returncode, done.stderr) == (0, "")


def test_an_unknown_component_is_refused_with_what_there_is() -> None:
    done = run("build", "minikube")
    assert done.returncode == 1
    assert done.stderr.startswith("There is no component 'minikube'; there are kubernetes, ")
