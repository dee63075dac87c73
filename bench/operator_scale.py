"""What the operator takes for 50, 200 and 1,000 tenants, beside a naive kopf operator and two that are none.

On a real API server with etcd, the controllers, and nodes on paper. A machine is not as fast in one minute as in the
next: so all take turns, three times, and the figures are medians. `python -m bench.operator_scale 50 200` measures
these numbers of tenants once and keeps nothing.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.results import keep
from bench.scale import living
from bench.scale.creation import created
from bench.scale.hands import OF_A_TENANT
from bench.scale.subject import BARE, NAIVE, NOOP, OURS
from e2e.cluster.progress import Progress

SIZES = (50, 200, 1000)
PROGRAMS = (OURS, BARE, NAIVE, NOOP)
ROUNDS = 3
MOST_FOR_NOTHING = 200
"""Tenants for those that are no operators: what they take for each is the same for more of them."""

Figures = dict[str, Any]


def run() -> str:
    figures = measure(SIZES, rounds=ROUNDS)
    keep("operator_scale", figures)
    return shown(figures)


def measure(sizes: Sequence[int], rounds: int = 1) -> Figures:
    """All figures; the largest number of tenants also lives on for a while under our own operator, once."""
    progress = Progress()
    turns = [
        (turn, size, program)
        for turn in range(1, rounds + 1)
        for size in sizes
        for program in PROGRAMS
        if size <= MOST_FOR_NOTHING or program not in (BARE, NOOP)
    ]
    made: dict[int, dict[str, list[Figures]]] = {size: {} for size in sizes}
    lived: Figures = {"tenants": max(sizes)}
    for turn, size, program in turns:
        progress.say(f"{program.title} with {size} tenants, round {turn} of {rounds}")
        top = Path(tempfile.mkdtemp(prefix="memorybank-scale-"))
        try:
            with created(program, size, top / "run", progress) as run:
                made[size].setdefault(program.name, []).append(run.figures)
                if (turn, size, program) == (rounds, max(sizes), OURS):
                    with progress.step("A minute in which nothing happens"):
                        lived["idle"] = living.silence(run)
                    lived |= living.life(run, size, progress)
        finally:
            shutil.rmtree(top, ignore_errors=True)
    return {
        "children_of_a_tenant": OF_A_TENANT,
        "rounds": rounds,
        "tenants": {
            str(size): {name: _median(rows) for name, rows in programs.items()} for size, programs in made.items()
        },
        "beside_naive": {str(size): _beside(rows) for size, rows in made.items()},
        "living": lived,
    }


def _median(rows: Sequence[Figures]) -> Figures:
    """Of each figure; of the requests, those of the last round."""
    told = {name: statistics.median(row[name] for row in rows) for name in rows[0] if name != "requests"}
    return {**{name: round(value, 2) for name, value in told.items()}, "requests": rows[-1]["requests"]}


def _beside(rows: dict[str, list[Figures]]) -> Figures:
    """In each round: our share of the naive operator's processor time, and how many times as fast our children are."""
    both = list(zip(rows[OURS.name], rows[NAIVE.name], strict=True))
    cpu = [ours["cpu_ms_per_tenant"] / naive["cpu_ms_per_tenant"] for ours, naive in both]
    there = "seconds_until_children_are_there"
    faster = [naive[there] / ours[there] for ours, naive in both]
    return {
        name: {"median": round(statistics.median(each), 2), "each": [round(one, 2) for one in each]}
        for name, each in (("share_of_cpu", cpu), ("times_as_fast", faster))
    }


def shown(figures: Figures) -> str:
    """The figures as tables, in Markdown as docs/scaling.md has them."""
    columns = (
        ("CPU a tenant, ms", "cpu_ms_per_tenant"),
        ("CPU a child and status, ms", "cpu_ms_per_child_and_status"),
        ("writes a tenant", "writes_per_tenant"),
        ("of status", "status_writes_per_tenant"),
        ("reads", "reads_per_tenant"),
        ("memory at start, MB", "memory_mb_at_start"),
        ("with tenants, MB", "memory_mb"),
        ("all children after, s", "seconds_until_children_are_there"),
    )
    lines = ["| tenants | operator | " + " | ".join(title for title, _ in columns) + " |", "|---" * 10 + "|"]
    for size, programs in figures["tenants"].items():
        for name, row in programs.items():
            lines.append(f"| {size} | {name} | " + " | ".join(str(row[key]) for _, key in columns) + " |")
    lines += ["", "| tenants | share of the naive operator's CPU | children, times as fast |", "|---|---|---|"]
    for size, row in figures["beside_naive"].items():
        cells = (f"{one['median']} ({', '.join(map(str, one['each']))})" for one in row.values())
        lines.append(f"| {size} | {' | '.join(cells)} |")
    lived = figures["living"]
    lines += ["", f"With {lived['tenants']} tenants:", ""]
    lines += [f"- {name}: {row}" for name, row in lived.items() if name not in ("tenants", "repaired_ms")]
    lines += ["", "| repaired | p50, ms | p99, ms | largest, ms |", "|---|---|---|---|"]
    for name, row in lived.get("repaired_ms", {}).items():
        lines.append(f"| {name} | {row['p50']} | {row['p99']} | {row['max']} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(shown(measure([int(text) for text in sys.argv[1:]] or SIZES)))
