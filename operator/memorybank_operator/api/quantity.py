"""Kubernetes quantities, compared by value: the API server rewrites `1000m` as `1` and `1024Mi` as `1Gi`."""

import re
from decimal import Decimal

_SUFFIXES = {
    "": Decimal(1),
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "T": Decimal(10**12),
    "P": Decimal(10**15),
    "E": Decimal(10**18),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
    "Pi": Decimal(2**50),
    "Ei": Decimal(2**60),
}
_QUANTITY = re.compile(r"([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([A-Za-z]*)")


def parse_quantity(text: str | int) -> Decimal:
    """The value of a quantity in its base unit (bytes, cores). ValueError if it is none."""
    match = _QUANTITY.fullmatch(str(text))
    if match is None or match[2] not in _SUFFIXES:
        raise ValueError(f"{text!r} is no quantity: write a number and a unit such as 20Gi or 500m")
    try:
        return Decimal(match[1]) * _SUFFIXES[match[2]]
    except ArithmeticError as error:
        raise ValueError(f"{text!r} is no quantity: {match[1]!r} is no number") from error


def same_quantity(one: str | int, other: str | int) -> bool:
    """Whether both denote the same amount; texts that are no quantities are compared as texts."""
    try:
        return parse_quantity(one) == parse_quantity(other)
    except ValueError:
        return str(one) == str(other)


def larger_quantity(one: str, other: str) -> str:
    """The larger of two quantities, as it was written; the first if they are equal."""
    return other if parse_quantity(other) > parse_quantity(one) else one


def smaller_quantity(one: str, other: str) -> str:
    """The smaller of two quantities, as it was written; the first if they are equal."""
    return other if parse_quantity(other) < parse_quantity(one) else one
