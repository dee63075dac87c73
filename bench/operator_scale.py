"""What the operator takes for 50, 200 and 1,000 tenants, beside a naive kopf operator and two that are none.

On a real API server with etcd, the controllers, and nodes on paper. `python -m bench.operator_scale 50 200` measures
these numbers of tenants alone and keeps nothing.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.results import keep
from bench.scale import living
from bench.scale.creation import created
from bench.scale.hands import OF_A_TENANT
from bench.scale.subject import BARE, NAIVE, NOOP, OURS, Program
from e2e.cluster.progress import Progress

SIZES = (50, 200, 1000)
PROGRAMS = (OURS, BARE, NAIVE, NOOP)
MOST_FOR_NOTHING = 200
"""Tenants for those that are no operators: what they take for each is the same for more of them."""

Figures = dict[str, Any]


def run() -> str:
    figures = measure(SIZES)
    keep("operator_scale", figures)
    return shown(figures)


def measure(sizes: Sequence[int], programs: Sequence[Program] = PROGRAMS) -> Figures:
    """All figures; the largest number of tenants also lives on for a while under our own operator."""
    progress = Progress()
    made: dict[str, dict[str, Figures]] = {str(size): {} for size in sizes}
    lived: Figures = {}
    for size in sizes:
        for program in programs:
            if program in (BARE, NOOP) and size > MOST_FOR_NOTHING:
                continue
            progress.say(f"{program.title} with {size} tenants")
            top = Path(tempfile.mkdtemp(prefix="memorybank-scale-"))
            try:
                with created(program, size, top / "run", progress) as run:
                    made[str(size)][program.name] = run.figures
                    if program is OURS and size == max(sizes):
                        with progress.step("A minute in which nothing happens"):
                            lived["idle"] = living.silence(run)
                        lived |= living.life(run, size, progress)
            finally:
                shutil.rmtree(top, ignore_errors=True)
    return {"children_of_a_tenant": OF_A_TENANT, "tenants": made, "living": {"tenants": max(sizes), **lived}}


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
    lived = figures["living"]
    lines += ["", f"With {lived['tenants']} tenants:", ""]
    lines += [f"- {name}: {row}" for name, row in lived.items() if name not in ("tenants", "repaired_ms")]
    lines += ["", "| repaired | p50, ms | p99, ms | largest, ms |", "|---|---|---|---|"]
    for name, row in lived.get("repaired_ms", {}).items():
        lines.append(f"| {name} | {row['p50']} | {row['p99']} | {row['max']} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(shown(measure([int(text) for text in sys.argv[1:]] or SIZES)))
