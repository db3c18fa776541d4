"""Names in a seeded order in which those drawn first are about as long, and as frequent, in every group."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev

from audit.axis import Name
from audit.records import content_id

ORDERS = 512
REACH = 0.5
"""Standard deviations of log frequency by which a draw is asked to differ from its list, at most."""
"""Orders of one list that are looked at; the best balanced one counts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """Mean length in letters and mean log10 of the frequency of names; None where a frequency is not known."""

    length: float
    frequency: float | None


def shape(names: Sequence[Name]) -> Shape:
    """Mean length and frequency of some names."""
    counts = [name.count for name in names]
    logs = [math.log10(count) for count in counts if count]
    return Shape(
        length=fmean(len(name.name) for name in names),
        frequency=fmean(logs) if logs and len(logs) == len(counts) else None,
    )


def target(groups: Sequence[Sequence[Name]]) -> Shape:
    """What all groups' draws should come close to: the mean over the groups."""
    shapes = [shape(names) for names in groups if names]
    known = [one.frequency for one in shapes if one.frequency is not None]
    return Shape(
        length=fmean(one.length for one in shapes),
        frequency=fmean(known) if len(known) == len(shapes) else None,
    )


def ordered(names: Sequence[Name], *key: object, drawn: int, towards: Shape) -> list[str]:
    """The names in an order that hangs on their list, the key and the target; the first `drawn` come closest to it."""
    entries = sorted(names, key=lambda name: name.name)
    orders = []
    for turn in range(ORDERS if drawn < len(entries) else 1):
        order = list(entries)
        random.Random(content_id(*key, *([turn] if turn else []))).shuffle(order)
        orders.append(order)
    spread = _spread(entries)
    towards = _within_reach(entries, towards, spread[1])
    best = min(orders, key=lambda order: _distance(shape(order[:drawn]), towards, spread))
    return [name.name for name in best]


def _within_reach(names: Sequence[Name], towards: Shape, spread: float) -> Shape:
    """The target, with a frequency that a draw from these names can come close to; else length would pay for it."""
    own = shape(names).frequency
    if own is None or towards.frequency is None:
        return towards
    nearest = min(max(towards.frequency, own - REACH * spread), own + REACH * spread)
    return Shape(length=towards.length, frequency=nearest)


def _spread(names: Sequence[Name]) -> tuple[float, float]:
    """Standard deviation of length and of log frequency, at least a tenth."""
    logs = [math.log10(name.count) for name in names if name.count]
    lengths = [len(name.name) for name in names]
    return max(pstdev(lengths), 0.1), max(pstdev(logs) if logs else 0.0, 0.1)


def _distance(found: Shape, towards: Shape, spread: tuple[float, float]) -> float:
    distance = ((found.length - towards.length) / spread[0]) ** 2
    if found.frequency is not None and towards.frequency is not None:
        distance += ((found.frequency - towards.frequency) / spread[1]) ** 2
    return distance
