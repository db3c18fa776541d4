"""Rounding that never moves a number across a limit."""

from __future__ import annotations

import math
from collections.abc import Sequence

MOST_PLACES = 9


def rounded(value: float, places: int, *, beside: Sequence[float] = ()) -> str:
    """`value` with `places` decimals, or as many more as keep it on its own side of every number in `beside`."""
    marks = [mark for mark in beside if math.isfinite(mark)]
    for more in range(places, MOST_PLACES + 1):
        text = f"{value:.{more}f}"
        if all(_side(float(text), mark) == _side(value, mark) for mark in marks):
            return text
    return f"{value:.{MOST_PLACES}f}"


def _side(value: float, mark: float) -> int:
    if math.isclose(value, mark, rel_tol=1e-9, abs_tol=1e-12):
        return 0
    return 1 if value > mark else -1
