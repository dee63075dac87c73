"""Bytes as a person reads them."""

from __future__ import annotations

UNITS = ("", "Ki", "Mi", "Gi", "Ti")


def shown_bytes(count: int | None) -> str:
    if count is None:
        return ""
    value, unit = float(count), 0
    while value >= 1024 and unit < len(UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.3g}{UNITS[unit]}" if value < 1000 else f"{value:.0f}{UNITS[unit]}"
