"""Effects and scores as printed numbers, each on the scale of its metric and with its record."""

from __future__ import annotations

import math

from audit.records import Card
from audit.report import numbers
from audit.report.facts import Row, card
from audit.report.numbers import Number

Part = str | Number
Sentence = tuple[Part, ...]
"""Words and numbers in reading order; the template prints each number with its record."""

UNITS: dict[str, str] = {
    "rate": "percentage points",
    "share": "percentage points of all credit",
    "log_odds": "log-odds",
    "points": "points of the scale",
    "words": "words",
    "credit": "units of credit",
    "grades": "school grades",
    "nats": "nats (natural logarithms of a probability)",
    "bits": "bits",
}
LIMITS = ("limit_low", "limit_high")


def unit(row: Row) -> str:
    """The unit of an effect, in words."""
    return "ratio" if is_ratio(row) else UNITS[card(str(row["metric"])).unit]


def is_ratio(row: Row) -> bool:
    """Whether the effect is a ratio (its numbers are logarithms)."""
    return str(row["scale"]) == "log_ratio"


def is_rate(found: Card) -> bool:
    """Whether scores are printed as percent."""
    return found.unit in ("rate", "share")


def effect(row: Row, field: str, *, unsigned: bool = False) -> Number:
    """A field of an effect on its natural scale: percentage points, a ratio, or plain."""
    value, source = float(row[field]), (str(row["effect_id"]), field)
    compared = field not in LIMITS and not field.startswith("detectable")
    beside = [float(row[limit]) for limit in LIMITS if compared]
    beside += [0.0] if field in ("low", "high") else []
    value, beside = (abs(value), [abs(mark) for mark in beside]) if unsigned else (value, beside)
    if is_ratio(row):
        return numbers.ratio(math.exp(value), source, beside=[math.exp(mark) for mark in beside])
    signed = not unsigned and not field.startswith("detectable")
    if is_rate(card(str(row["metric"]))):
        return numbers.points(value, source, beside=beside, signed=signed)
    return numbers.plain(value, source, beside=beside, signed=signed)


def span(row: Row, low: str = "low", high: str = "high") -> Sentence:
    """`low to high`, or a dash where neither is known."""
    ends = effect(row, low), effect(row, high)
    if all(end.text == numbers.NO_VALUE for end in ends):
        return (ends[0],)
    return (ends[0], " to ", ends[1])


def known(row: Row, *fields: str) -> bool:
    """Whether all these fields have a value."""
    return all(math.isfinite(float(row[field])) for field in fields)


def score(metric: str, value: float, source: tuple[str, str]) -> Number:
    """A score or a mean of scores: percent for rates and shares, else plain."""
    if is_rate(card(metric)):
        return numbers.percent(value, source)
    return numbers.plain(value, source)


def score_change(metric: str, value: float, source: tuple[str, str]) -> Number:
    """A difference of two scores, with its sign."""
    if is_rate(card(metric)):
        return numbers.points(value, source)
    return numbers.plain(value, source, signed=True)


def change_unit(metric: str) -> str:
    """The unit of a difference of scores, in words."""
    return UNITS[card(metric).unit]


def credit(value: float, source: tuple[str, str]) -> Number:
    """Credit of a word or slot, with its sign."""
    return numbers.plain(value, source, signed=True)
