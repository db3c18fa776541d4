"""Numbers as the report prints them: the only place that knows percent, rounding and signs.

A number on a page is a `Number`: its text, the id of the record that it comes from, and the field of that
record. Rounding never moves a number across a limit: 0.7996 beside a limit of 0.80 gets more decimals.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from audit.rounding import rounded

MINUS = "\N{MINUS SIGN}"
NO_VALUE = "\N{EN DASH}"
PER = 1000
"""Natural frequencies are out of this many."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Number:
    """A printed number and where it comes from."""

    text: str
    record: str
    field: str = ""


def _typeset(text: str, *, signed: bool = False) -> str:
    """A hyphen becomes a minus sign, a zero has no sign, `signed` puts a plus before what is above zero."""
    if not float(text):
        return text.lstrip("-")
    if text.startswith("-"):
        return MINUS + text[1:]
    return f"+{text}" if signed else text


def _number(text: str, source: tuple[str, str]) -> Number:
    return Number(text=text, record=source[0], field=source[1])


def count(value: float, record: str, field: str = "") -> Number:
    """A whole number with separators of thousands."""
    text = f"{int(value):,}" if math.isfinite(value) else NO_VALUE
    return Number(text=text, record=record, field=field)


def percent(value: float, source: tuple[str, str], *, beside: Sequence[float] = ()) -> Number:
    """A rate from 0 to 1 as percent with one decimal; `source` is (record, field)."""
    if not math.isfinite(value):
        return _number(NO_VALUE, source)
    marks = [100 * mark for mark in beside]
    return _number(_typeset(rounded(100 * value, 1, beside=marks)) + "%", source)


def points(
    value: float, source: tuple[str, str], *, beside: Sequence[float] = (), signed: bool = True
) -> Number:
    """A difference of rates in percentage points with one decimal (the unit is said in words beside it)."""
    if not math.isfinite(value):
        return _number(NO_VALUE, source)
    marks = [100 * mark for mark in beside]
    return _number(_typeset(rounded(100 * value, 1, beside=marks), signed=signed), source)


def plain(
    value: float, source: tuple[str, str], *, beside: Sequence[float] = (), signed: bool = False
) -> Number:
    """A number on its own scale with two decimals."""
    if not math.isfinite(value):
        return _number(NO_VALUE, source)
    return _number(_typeset(rounded(value, 2, beside=beside), signed=signed), source)


def whole(value: float, source: tuple[str, str]) -> Number:
    """A difference of counts, with its sign."""
    return _number(_typeset(f"{value:.0f}", signed=True) if math.isfinite(value) else NO_VALUE, source)


def ratio(value: float, source: tuple[str, str], *, beside: Sequence[float] = ()) -> Number:
    """A ratio with three decimals."""
    if not math.isfinite(value):
        return _number(NO_VALUE, source)
    return _number(_typeset(rounded(value, 3, beside=beside)), source)


def probability(value: float, source: tuple[str, str], *, beside: Sequence[float] = ()) -> Number:
    """A p-value: three decimals, `<0.001` below that."""
    if not math.isfinite(value):
        return _number(NO_VALUE, source)
    if value < 0.001:
        return _number("<0.001", source)
    return _number(rounded(value, 3, beside=beside), source)


def frequency(share: float, source: tuple[str, str]) -> Number:
    """A share from 0 to 1 as a whole number out of `PER`."""
    if not math.isfinite(share):
        return _number(NO_VALUE, source)
    whole = round(PER * share)
    if share > 0 and whole == 0:
        return _number("fewer than 1", source)
    return _number(f"{whole:,}", source)


def per() -> Number:
    """What natural frequencies are out of."""
    return Number(text=f"{PER:,}", record="constant", field="per")


def level(value: float, source: tuple[str, str]) -> Number:
    """A confidence level as percent, with as many decimals as it has (99.44%, not 99.4%)."""
    if not math.isfinite(value):
        return _number(NO_VALUE, source)
    return _number(f"{100 * value:.2f}".rstrip("0").rstrip(".") + "%", source)


def moment(text: object, record: str, field: str = "") -> Number:
    """An ISO 8601 time as a date with minutes in UTC; what is no time is printed as it is."""
    try:
        time = datetime.fromisoformat(str(text))
    except ValueError:
        return Number(text=str(text or "not recorded"), record=record, field=field)
    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    printed = aware.astimezone(UTC)
    return Number(text=f"{printed.day} {printed:%B %Y, %H:%M} UTC", record=record, field=field)


def day(text: object, record: str, field: str = "") -> Number:
    """The date alone of an ISO 8601 time."""
    full = moment(text, record, field)
    return Number(text=full.text.partition(",")[0], record=record, field=field)


def short(digest: object, record: str, field: str = "") -> Number:
    """The first twelve characters of a digest."""
    return Number(text=str(digest or "not recorded").removeprefix("sha256:")[:12], record=record, field=field)


def exact(value: object, record: str, field: str = "") -> Number:
    """Something that is printed as it stands: a version, a seed, a digest."""
    return Number(text=str(value), record=record, field=field)
