"""Geometry of a trend: one effect in every run, one below the other in time, from left to right."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from audit.report import scales
from audit.report.charts import axis_of, effect_ticks, near, shortened
from audit.report.facts import Row
from audit.report.numbers import Number

WIDTH = 680.0
LEFT, RIGHT = 66.0, 668.0
TOP, BASE = 30.0, 188.0
INSET = 16.0
LABEL_LENGTH = 26
LABEL_WIDTH = 5.2
"""Of a character of a label."""
ASIDE = LABEL_WIDTH * math.cos(math.radians(32))
"""How far each of them reaches to the left, as labels are turned."""
LABEL_APART = 20.0
FULL_SIZE = 16.0
"""Distance of two runs from which on marks have their full size."""
SMALLEST = 0.3


@dataclass(frozen=True, kw_only=True, slots=True)
class Stop:
    """One run of a trend."""

    row: Row
    label: str
    """The version."""
    whole: bool
    """Whether the run has all its answers."""
    apart: str
    """Why the run cannot be compared with the one before it; empty where it can."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Spot:
    """The estimate of one run."""

    x: float
    y: float
    shape: str
    whole: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Band:
    """The limit, as long as it is the same."""

    x: float
    width: float
    top: float
    height: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Trend:
    """A line with intervals, broken where runs cannot be compared."""

    width: float
    height: float
    left: float
    right: float
    top: float
    base: float
    ticks: tuple[tuple[float, Number], ...]
    zero: float | None
    bands: tuple[Band, ...]
    intervals: str
    line: str
    """Between versions of one model."""
    leap: str
    """Between two models."""
    spots: tuple[Spot, ...]
    breaks: tuple[float, ...]
    labels: tuple[tuple[float, str], ...]
    scale: float
    unit: str


def trend(stops: Sequence[Stop]) -> Trend:
    """The figure of one effect over its runs, oldest first."""
    rows = [stop.row for stop in stops]
    values = [0.0, *(float(row[name]) for row in rows for name in ("estimate", "low", "high"))]
    axis = axis_of([*values, *near(rows, values)])
    xs = _xs(len(stops))

    def at(value: float) -> float:
        return round(BASE - axis.share(value) * (BASE - TOP), 1)

    known = [scales.known(row, "estimate") for row in rows]
    ys = [at(float(row["estimate"])) if yes else BASE for row, yes in zip(rows, known, strict=True)]
    line, leap = _lines(stops, xs, ys, known)
    labels = _labels(xs, [stop.label for stop in stops])
    deepest = max(len(label) for _, label in labels) * LABEL_WIDTH
    gap = xs[1] - xs[0] if len(xs) > 1 else FULL_SIZE
    return Trend(
        width=WIDTH, height=round(BASE + 22 + deepest * math.sin(math.radians(32))), left=LEFT, right=RIGHT, top=TOP,
        base=BASE, ticks=tuple((at(value), label) for value, label in effect_ticks(rows[0], axis, most=6)),
        zero=at(0.0), bands=tuple(_bands(rows, xs, at)),
        intervals=" ".join(
            f"M{x} {at(float(row['low']))} V{at(float(row['high']))}"
            for row, x in zip(rows, xs, strict=True) if scales.known(row, "low", "high")
        ),
        line=line, leap=leap,
        spots=tuple(
            Spot(x=x, y=y, shape=str(stop.row["verdict"]) if yes else "not_measured", whole=stop.whole)
            for stop, x, y, yes in zip(stops, xs, ys, known, strict=True)
        ),
        breaks=tuple(
            round((before + x) / 2, 1) for (before, x), stop in zip(pairwise(xs), stops[1:], strict=True) if stop.apart
        ),
        labels=labels, scale=round(max(SMALLEST, min(1.0, gap / FULL_SIZE)), 2), unit=scales.unit(rows[0]),
    )  # fmt: skip


def _xs(count: int) -> list[float]:
    """Where the runs stand: as far from each other as there is room, one alone in the middle."""
    if count == 1:
        return [round((LEFT + RIGHT) / 2, 1)]
    step = (RIGHT - LEFT - 2 * INSET) / (count - 1)
    return [round(LEFT + INSET + place * step, 2) for place in range(count)]


def _lines(
    stops: Sequence[Stop], xs: Sequence[float], ys: Sequence[float], known: Sequence[bool]
) -> tuple[str, str]:
    """From estimate to estimate: between versions of one model, and from one model to another.

    Nothing is drawn where a run cannot be compared with the one before it, or one of both has no estimate.
    """
    lines: tuple[list[str], list[str]] = ([], [])
    drawn = (-1, -1)  # which line was drawn last, and to which run
    for place in range(1, len(stops)):
        if stops[place].apart or not (known[place] and known[place - 1]):
            continue
        other = int(_model(stops[place]) != _model(stops[place - 1]))
        if drawn != (other, place - 1):
            lines[other].append(f"M{xs[place - 1]} {ys[place - 1]}")
        lines[other].append(f"L{xs[place]} {ys[place]}")
        drawn = (other, place)
    return " ".join(lines[0]), " ".join(lines[1])


def _model(stop: Stop) -> str:
    return stop.label.partition("@")[0]


def _bands(rows: Sequence[Row], xs: Sequence[float], at: object) -> Iterator[Band]:
    """The limit of each stretch of runs that have the same."""
    assert callable(at)
    edges = [LEFT, *(round((one + other) / 2, 1) for one, other in pairwise(xs)), RIGHT]
    ends = [tuple(float(row[name]) for name in scales.LIMITS) for row in rows]
    for limit, members in groupby(range(len(rows)), key=lambda place: ends[place]):
        own = list(members)
        if all(math.isfinite(end) for end in limit):
            top, bottom = at(limit[1]), at(limit[0])
            yield Band(
                x=edges[own[0]],
                width=round(edges[own[-1] + 1] - edges[own[0]], 1),
                top=top,
                height=round(bottom - top, 1),
            )


def _labels(xs: Sequence[float], labels: Sequence[str]) -> tuple[tuple[float, str], ...]:
    """The version where it is another one than before, as far as there is room; the newest in any case."""
    kept: list[tuple[float, str]] = []
    for place, (x, label) in enumerate(zip(xs, labels, strict=True)):
        if place and label == labels[place - 1]:
            continue
        if kept and x - kept[-1][0] < LABEL_APART and label != labels[-1]:
            continue
        while kept and x - kept[-1][0] < LABEL_APART:
            kept.pop()
        kept.append((x, label))
    return tuple((x, shortened(label, min(LABEL_LENGTH, int(x / ASIDE)))) for x, label in kept)
