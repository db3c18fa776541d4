"""Geometry of the figures: numbers in, coordinates out. The templates draw them as inline SVG.

Meaning is carried by shapes, positions and labels; colour only repeats it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from audit.report import numbers, scales
from audit.report.facts import Row, card
from audit.report.numbers import Number
from audit.report.scales import Sentence

WIDTH = 680.0
LEFT, RIGHT = 252.0, 518.0
FAR = 3.0
ROW = 21.0
TOP, BOTTOM = 30.0, 40.0
LABEL_LENGTH = 42
RATIO_TICKS = (0.1, 0.25, 0.5, 0.8, 1.0, 1.25, 2.0, 4.0, 10.0)
FOUR_FIFTHS = 0.8
"""The screening line of the US Uniform Guidelines on Employee Selection Procedures (1978), 29 CFR 1607.4(D)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tick:
    """A tick of the axis."""

    x: float
    label: Number


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """One row: a label, an interval with its estimate, a band under it, and the numbers in words."""

    y: float
    label: str
    shape: str
    low: float
    x: float
    high: float
    band: tuple[float, float] | None
    words: Sentence


@dataclass(frozen=True, kw_only=True, slots=True)
class Plot:
    """A forest or dot plot."""

    width: float
    height: float
    left: float
    right: float
    base: float
    ticks: tuple[Tick, ...]
    limit: tuple[float, float] | None
    line: float | None
    marks: tuple[Mark, ...]
    unit: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Axis:
    """Maps [low, high] to the plot's width."""

    low: float
    high: float

    def at(self, value: float) -> float:
        """The x of a value, kept inside the plot."""
        return round(LEFT + self.share(value) * (RIGHT - LEFT), 1)

    def share(self, value: float) -> float:
        """Where a value lies between the ends, 0 to 1."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))


def shortened(label: str, length: int = LABEL_LENGTH) -> str:
    """A label that fits beside the plot; the table twin has it in full."""
    return label if len(label) <= length else label[: length - 1].rstrip() + "…"


def forest(rows: Sequence[Row], labels: Sequence[str]) -> Plot:
    """Effects of one metric with their intervals, the limit and the noise band of each."""
    fields = ("low", "high", "estimate", "control_low", "control_high")
    values = [0.0, *(float(row[field]) for row in rows for field in fields)]
    axis = axis_of([*values, *near(rows, values)])
    marks = [
        _effect_mark(row, label, axis, place)
        for place, (row, label) in enumerate(zip(rows, labels, strict=True))
    ]
    limits = {
        (float(row["limit_low"]), float(row["limit_high"]))
        for row in rows
        if scales.known(row, *scales.LIMITS)
    }
    band = next(iter(limits)) if len(limits) == 1 else None
    return Plot(
        width=WIDTH,
        height=TOP + ROW * len(rows) + BOTTOM,
        left=LEFT,
        right=RIGHT,
        base=TOP + ROW * len(rows),
        ticks=tuple(_effect_ticks(rows[0], axis)),
        limit=(axis.at(band[0]), axis.at(band[1])) if band else None,
        line=axis.at(0.0),
        marks=tuple(marks),
        unit=scales.unit(rows[0]),
    )


def near(rows: Sequence[Row], values: Sequence[float]) -> list[float]:
    """The ends of the limits that are not so far out that everything else would be a dot."""
    ends = [float(row[field]) for row in rows for field in scales.LIMITS]
    sizes = [abs(value) for value in values if math.isfinite(value)]
    found = [end for end in ends if math.isfinite(end)]
    farthest = FAR * max([*sizes, min((abs(each) for each in found), default=0.0)])
    return [end for end in found if abs(end) <= farthest]


def _effect_mark(row: Row, label: str, axis: Axis, place: int) -> Mark:
    noise = scales.known(row, "control_low", "control_high")
    known = scales.known(row, "low", "high", "estimate")
    middle = axis.at(float(row["estimate"])) if scales.known(row, "estimate") else axis.at(0.0)
    words = (
        (scales.effect(row, "estimate"), "  (", *scales.span(row), ")")
        if known
        else (scales.effect(row, "estimate"),)
    )
    return Mark(
        y=_row_y(place),
        label=shortened(label),
        shape=_shape(row, known),
        low=axis.at(float(row["low"])) if known else middle,
        x=middle,
        high=axis.at(float(row["high"])) if known else middle,
        band=(axis.at(float(row["control_low"])), axis.at(float(row["control_high"]))) if noise else None,
        words=words,
    )


def _shape(row: Row, known: bool) -> str:
    verdict = str(row["verdict"])
    if not known:
        return "none" if verdict in ("not_measured", "") else verdict
    return verdict or "exploration"


def _row_y(place: int) -> float:
    return TOP + ROW * place + ROW / 2


def axis_of(values: Sequence[float]) -> Axis:
    """An axis on which all these values have room."""
    finite = [value for value in values if math.isfinite(value)] or [0.0]
    low, high = min(finite), max(finite)
    room = 0.06 * (high - low) or 0.5
    return Axis(low=low - room, high=high + room)


def _effect_ticks(row: Row, axis: Axis) -> list[Tick]:
    return [Tick(x=axis.at(value), label=label) for value, label in effect_ticks(row, axis)]


def effect_ticks(row: Row, axis: Axis, most: int = 7) -> list[tuple[float, Number]]:
    """Round values of an effect's scale, at most `most`, with their labels."""
    if scales.is_ratio(row):
        shown = [tick for tick in RATIO_TICKS if axis.low <= math.log(tick) <= axis.high] or [1.0]
        return [(math.log(tick), _tick(f"{tick:g}")) for tick in shown]
    per_cent = scales.is_rate(card(str(row["metric"])))
    return [(value, _tick(_signed(value, per_cent))) for value in steps(axis.low, axis.high, most)]


def _signed(value: float, per_cent: bool) -> str:
    shown = round(100 * value if per_cent else value, 6)
    return f"{shown:+g}".replace("-", numbers.MINUS) if shown else "0"


def _tick(text: str) -> Number:
    return Number(text=text, record="scale")


def steps(low: float, high: float, most: int = 7) -> list[float]:
    """Round numbers between low and high, at most `most` of them."""
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * size for size in (1, 2, 2.5, 5, 10) if power * size >= rough)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [round(index * step, 10) for index in range(first, last + 1)]


def dots(rows: Sequence[Row], labels: Sequence[str], records: Sequence[str]) -> Plot:
    """Group means with intervals; for rates a line at four fifths of the highest."""
    metric = str(rows[0]["metric"])
    rate = scales.is_rate(card(metric))
    best = max((float(row["value"]) for row in rows if scales.known(row, "value")), default=math.nan)
    screen = (
        FOUR_FIFTHS * best
        if rate and math.isfinite(best) and any(scales.known(row, "impact_ratio") for row in rows)
        else None
    )
    values = [float(row[field]) for row in rows for field in ("low", "value", "high")]
    axis = axis_of([*values, *([0.0] if rate else []), *([screen] if screen is not None else [])])
    marks = [
        _dot(row, label, record, (axis, place))
        for place, (row, label, record) in enumerate(zip(rows, labels, records, strict=True))
    ]
    ticks = [
        Tick(
            x=axis.at(value),
            label=_tick(
                f"{round(100 * value if rate else value, 6):g}".replace("-", numbers.MINUS)
                + ("%" if rate else "")
            ),
        )
        for value in steps(axis.low, axis.high)
    ]
    return Plot(
        width=WIDTH,
        height=TOP + ROW * len(rows) + BOTTOM,
        left=LEFT,
        right=RIGHT,
        base=TOP + ROW * len(rows),
        ticks=tuple(ticks),
        limit=None,
        line=axis.at(screen) if screen is not None else None,
        marks=tuple(marks),
        unit="rate" if rate else scales.change_unit(metric),
    )


def _dot(row: Row, label: str, record: str, where: tuple[Axis, int]) -> Mark:
    axis, place = where
    known = scales.known(row, "value")
    middle = axis.at(float(row["value"])) if known else axis.low
    around = known and scales.known(row, "low", "high")
    value = scales.score(str(row["metric"]), float(row["value"]), (record, "value"))
    return Mark(
        y=_row_y(place),
        label=shortened(label),
        shape="within" if known else "none",
        low=axis.at(float(row["low"])) if around else middle,
        x=middle,
        high=axis.at(float(row["high"])) if around else middle,
        band=None,
        words=(value,),
    )
