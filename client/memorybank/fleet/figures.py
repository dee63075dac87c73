"""What a page of a tenant's metrics says; pure."""

from __future__ import annotations

import re

SAMPLE = re.compile(r"^(memorybank_\w+)(?:\{([^}]*)\})? ([-+.\deE]+)$", re.MULTILINE)
FAILED = re.compile(r'status="5')


def figures(text: str) -> dict[str, int | None]:
    """Those that `top` shows, of a page of metrics; None for what is not in it."""
    found: dict[str, int | None] = dict.fromkeys(("memories", "faded", "disk_used_bytes", "requests", "failed"))
    for name, labels, value in SAMPLE.findall(text):
        number = int(float(value))
        if name == "memorybank_memories" and 'state="active"' in labels:
            found["memories"] = number
        elif name == "memorybank_memories" and 'state="faded"' in labels:
            found["faded"] = number
        elif name == "memorybank_volume_used_bytes":
            found["disk_used_bytes"] = number
        elif name == "memorybank_http_requests_total":
            found["requests"] = (found["requests"] or 0) + number
            found["failed"] = (found["failed"] or 0) + (number if FAILED.search(labels) else 0)
    return found
