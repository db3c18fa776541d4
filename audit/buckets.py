"""Length buckets: which prompts share a forward pass."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

PASS_TOKENS = 64
"""What one more pass costs, in tokens (DistilBERT on 2 cores: passes of 300 tokens reach 87 % of the full rate)."""


def batches(lengths: Sequence[int], *, budget: int, pad: bool = True) -> list[list[int]]:
    """Indices of `lengths` in batches of at most `budget` padded tokens (one row may be longer), longest first.

    Neighbouring lengths share a batch where the padding costs less than another pass. The answer depends on
    `lengths` alone, so a run that is resumed has the batches that it had before.
    """
    order = sorted(range(len(lengths)), key=lambda index: (-lengths[index], index))
    runs: list[list[int]] = []
    for index in order:
        if runs and lengths[runs[-1][0]] == lengths[index]:
            runs[-1].append(index)
        else:
            runs.append([index])
    found: list[list[int]] = []
    for first, last in _segments(runs, lengths, budget) if pad else ((i, i + 1) for i in range(len(runs))):
        rows = [index for run in runs[first:last] for index in run]
        passes = _passes(len(rows), lengths[rows[0]], budget)
        size = -(-len(rows) // passes)
        found += [rows[start : start + size] for start in range(0, len(rows), size)]
    return found


def _passes(rows: int, length: int, budget: int) -> int:
    return -(-rows // max(1, budget // max(1, length)))


def _segments(runs: Sequence[Sequence[int]], lengths: Sequence[int], budget: int) -> list[tuple[int, int]]:
    """The cheapest cut of equal-length runs (longest first) into segments that are padded to their first length."""
    count = len(runs)
    cost = [0.0] * (count + 1)
    cut = [count] * (count + 1)
    for first in reversed(range(count)):
        length = lengths[runs[first][0]]
        rows, waste, best = 0, 0, float("inf")
        for last in range(first, count):
            rows += len(runs[last])
            waste += len(runs[last]) * (length - lengths[runs[last][0]])
            total = rows * length + PASS_TOKENS * _passes(rows, length, budget) + cost[last + 1]
            if total < best:
                best, cut[first] = total, last + 1
            if waste > PASS_TOKENS * (last - first + 1):
                break
        cost[first] = best
    bounds = [0]
    while bounds[-1] < count:
        bounds.append(cut[bounds[-1]])
    return list(pairwise(bounds))
