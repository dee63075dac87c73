"""Figures as people read them, and as JSON that stays in the repository."""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from bench.machine import description

FOLDER = Path(__file__).parent / "results"


def summary(seconds: Sequence[float]) -> dict[str, float | int]:
    """Least, median and largest of some times, in seconds."""
    return {
        "runs": len(seconds),
        "min": round(min(seconds), 3),
        "median": round(median(seconds), 3),
        "max": round(max(seconds), 3),
    }


def percentiles(milliseconds: Sequence[float]) -> dict[str, float | int]:
    """p50, p95, p99 and the largest of some times."""
    ordered = sorted(milliseconds)

    def at(share: float) -> float:
        return round(ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)], 2)

    return {"count": len(ordered), "p50": at(0.5), "p95": at(0.95), "p99": at(0.99), "max": round(ordered[-1], 2)}


def keep(name: str, figures: Mapping[str, Any]) -> None:
    FOLDER.mkdir(exist_ok=True)
    document = {
        "figure": name,
        "measured": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": description(),
        **figures,
    }
    (FOLDER / f"{name}.json").write_text(json.dumps(document, indent=2) + "\n")


def table(title: str, rows: Mapping[str, Mapping[str, float | int]]) -> str:
    width = max(len(name) for name in rows)
    lines = [title, f"  {'':{width}}  {'min':>8}  {'median':>8}  {'max':>8}   runs"]
    for name, row in rows.items():
        times = "  ".join(f"{row[column]:>7.3f}s" for column in ("min", "median", "max"))
        lines.append(f"  {name:{width}}  {times}   {row['runs']:>4}")
    return "\n".join(lines)
