"""A quantity of Kubernetes in bytes."""

from __future__ import annotations

import re

_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15, "E": 10**18}
_UNITS |= {f"{prefix}i": 1024**power for power, prefix in enumerate("KMGTPE", 1)}
_FORM = re.compile(r"(\d+(?:\.\d+)?)(?:([KMGTPE]i|[kMGTPE]?)|[eE](\d+))")


def bytes_of(text: str) -> int:
    """Raises ValueError for what is none."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no quantity")
    number, unit, power = found.groups()
    return int(float(number) * (10 ** int(power) if power else _UNITS[unit]))
