"""Geometry of the two small figures: a bar of natural frequencies, and the waterfall of a swap game."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from audit.report.numbers import Number

BAR = 320.0
WIDTH = 330.0
LEFT, RIGHT = 108.0, 250.0
ROW = 21.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Frequency:
    """A bar of a thousand pairs: worse, no change, better."""

    worse: float
    same: float
    better: float
    hatch: tuple[float, ...]


def frequency(lower: float, higher: float) -> Frequency:
    """Widths of the three parts, and the x of the hatching lines of the last one."""
    worse, better = round(BAR * lower, 1), round(BAR * higher, 1)
    start = BAR - better
    lines = tuple(round(start + offset, 1) for offset in range(3, max(0, math.floor(better) - 5), 5))
    return Frequency(worse=worse, same=round(BAR - worse - better, 1), better=better, hatch=lines)


@dataclass(frozen=True, kw_only=True, slots=True)
class Credit:
    """What one slot moves the score by."""

    label: str
    value: float
    number: Number


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One step of a waterfall: from where to where, and its label and number."""

    y: float
    label: str
    start: float
    end: float
    number: Number
    total: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Waterfall:
    """Credits that add up from the score of a to the score of b."""

    width: float
    height: float
    label: float
    value: float
    steps: tuple[Step, ...]


def waterfall(
    ends: tuple[float, float], credits: Sequence[Credit], shown: tuple[Number, Number]
) -> Waterfall:
    """Steps from `ends[0]` over the credits to `ends[1]`."""
    levels = [ends[0]]
    for credit in credits:
        levels.append(levels[-1] + credit.value)
    low, high = min(*levels, ends[1]), max(*levels, ends[1])
    steps = [_step(0, "score of a", (ends[0], ends[0]), shown[0])]
    steps += [
        _step(place + 1, each.label, (levels[place], levels[place + 1]), each.number)
        for place, each in enumerate(credits)
    ]
    steps.append(_step(len(credits) + 1, "score of b", (ends[1], ends[1]), shown[1]))
    return Waterfall(
        width=WIDTH,
        height=ROW * len(steps),
        label=LEFT - 10,
        value=RIGHT + 12,
        steps=tuple(_scaled(step, low, high) for step in steps),
    )


def _step(place: int, label: str, span: tuple[float, float], number: Number) -> Step:
    total = span[0] == span[1] and number.field != "value"
    short = label if len(label) <= 14 else label[:13] + "…"
    return Step(y=ROW * place + ROW / 2, label=short, start=span[0], end=span[1], number=number, total=total)


def _scaled(step: Step, low: float, high: float) -> Step:
    width = (high - low) or 1.0
    start, end = (round(LEFT + (value - low) / width * (RIGHT - LEFT), 1) for value in (step.start, step.end))
    return Step(y=step.y, label=step.label, start=start, end=end, number=step.number, total=step.total)
