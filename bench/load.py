"""Forty clients at once for a minute: whether all succeed, how long they wait, and what holds up the event loop."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from time import perf_counter
from typing import Any

import httpx

from bench.corpus import sentences
from bench.footprint import TENANT, fill, local_embedder
from bench.results import keep, percentiles
from tests.service.running import KEY, environment
from tests.service.waiting import until, until_so

CLIENTS, SECONDS, MEMORIES = 40, 60.0, 10_000
_SEARCHES = 0.7  # of all requests


def run() -> str:
    with tempfile.TemporaryDirectory(prefix="memorybank-bench-") as name:
        folder = Path(name)
        fill(folder / "data" / TENANT, MEMORIES, local_embedder())
        watch = folder / "watch.json"
        with (folder / "service.log").open("wb") as log:
            service = subprocess.Popen(
                [sys.executable, "-m", "bench.watched_service"],
                env={**environment(folder), "LOOP_WATCH_FILE": str(watch), "PYTHONPATH": os.getcwd()},
                stderr=log,
            )
        try:
            until(lambda: "listening" in (folder / "service.log").read_text())
            port = next(
                line["port"]
                for line in map(json.loads, (folder / "service.log").read_text().splitlines())
                if line["message"] == "listening"
            )
            statuses, taken = asyncio.run(_drive(f"http://127.0.0.1:{port}"))
        finally:
            service.terminate()
            service.wait(30)
        stalls = json.loads(watch.read_text())
    sound = sum(count for status, count in statuses.items() if 200 <= status < 300)
    figures: dict[str, Any] = {
        "clients": CLIENTS,
        "seconds": SECONDS,
        "requests": statuses.total(),
        "success_percent": round(100 * sound / statuses.total(), 3),
        "statuses": {str(status): count for status, count in sorted(statuses.items())},
        "milliseconds": {name: percentiles(values) for name, values in taken.items()},
        "loop_blocked_ms": {
            "longest_callback": round(1e3 * stalls["callbacks"][0][0], 1),
            "its_processor_time": round(1e3 * stalls["callbacks"][0][1], 1),
            "callbacks_over_50_ms": sum(wall > 0.05 for wall, _ in stalls["callbacks"]),
        },
        "sign_of_life_ms": {
            "signs": stalls["signs"],
            "max": round(1e3 * stalls["longest"][0], 1),
            "over_50_ms": sum(delay > 0.05 for delay in stalls["longest"]),
        },
    }
    keep("load", figures)
    search = figures["milliseconds"]["search"]
    return (
        f"{CLIENTS} clients for {SECONDS:.0f} s: {figures['requests']} requests, {figures['success_percent']} % "
        f"succeeded, search p50 {search['p50']} ms, p95 {search['p95']} ms; "
        f"the event loop was blocked for {figures['loop_blocked_ms']['longest_callback']} ms at most, and took "
        f"{figures['sign_of_life_ms']['max']} ms at most to come to what was queued"
    )


async def _drive(url: str) -> tuple[Counter[int], dict[str, list[float]]]:
    statuses: Counter[int] = Counter()
    taken: dict[str, list[float]] = {"search": [], "add": []}
    texts = list(sentences(2_000, seed=11))
    limits = httpx.Limits(max_connections=CLIENTS, max_keepalive_connections=CLIENTS)
    headers = {"Authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, limits=limits, timeout=30) as client:
        await until_so(lambda: _is_ready(client))
        end = perf_counter() + SECONDS

        async def one(number: int) -> None:
            choose = random.Random(number)  # noqa: S311 - a load that is the same each time
            while perf_counter() < end:
                user, text = f"user-{choose.randrange(10)}", choose.choice(texts)
                kind = "search" if choose.random() < _SEARCHES else "add"
                started = perf_counter()
                if kind == "search":
                    answer = await client.post("/v1/search", json={"query": text[:60], "user_id": user})
                else:
                    answer = await client.post("/v1/memories", json={"content": text, "user_id": user})
                taken[kind].append(1e3 * (perf_counter() - started))
                statuses[answer.status_code] += 1

        await asyncio.gather(*(one(number) for number in range(CLIENTS)))
    return statuses, taken


async def _is_ready(client: httpx.AsyncClient) -> bool:
    return (await client.get("/readyz")).status_code == 200
