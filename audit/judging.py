"""A judge's errors: labelled items → sensitivity and specificity, whether groups share them, and what follows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from audit import stats
from audit.records import ALL, JUDGED, Correction

if TYPE_CHECKING:
    import pandas as pd

LEAST_DIVISOR = 0.2
"""Below this sensitivity + specificity - 1 a judge tells too little for anything to be made of its judgements."""
Bounds = tuple[float, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """One labelled item: whose text it is, what the label says, and what the judge said (None: nothing usable)."""

    axis: str
    group: str
    favourable: bool
    judged: bool | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """Judgements of labelled items, counted: of `favourable` items `found`, of `unfavourable` ones `cleared`."""

    group: str
    favourable: int = 0
    found: int = 0
    unfavourable: int = 0
    cleared: int = 0
    failed: int = 0

    @property
    def known(self) -> bool:
        """Whether both shares can be had."""
        return self.favourable > 0 and self.unfavourable > 0

    @property
    def shares(self) -> tuple[Bounds, Bounds]:
        """(hits, number) of sensitivity and of specificity."""
        return (self.found, self.favourable), (self.cleared, self.unfavourable)


def tallies(judgements: Iterable[Judgement], groups: Iterable[str], *, axis: str) -> list[Tally]:
    """The counts of every group of an axis, and at the end those of all groups together (`*`)."""
    mine = [each for each in judgements if each.axis == axis]
    found = [_tally(group, [each for each in mine if each.group == group]) for group in groups]
    return [*found, _tally(ALL, [each for each in mine if each.group in {tally.group for tally in found}])]


def _tally(group: str, items: Sequence[Judgement]) -> Tally:
    usable = [item for item in items if item.judged is not None]
    return Tally(
        group=group,
        favourable=sum(item.favourable for item in usable),
        found=sum(item.favourable and item.judged is True for item in usable),
        unfavourable=sum(not item.favourable for item in usable),
        cleared=sum(not item.favourable and item.judged is False for item in usable),
        failed=len(items) - len(usable),
    )


# ---------------------------------------------------------------- shares and their differences


def wilson(hits: float, number: float, *, level: float) -> Bounds:
    """Wilson's score interval of a share; 0 and 1 where nothing was counted."""
    from scipy.special import ndtri

    if number <= 0:
        return 0.0, 1.0
    z2 = float(ndtri(1 - (1 - level) / 2)) ** 2
    share = hits / number
    centre = (share + z2 / (2 * number)) / (1 + z2 / number)
    half = (z2 * (share * (1 - share) / number + z2 / (4 * number**2))) ** 0.5 / (1 + z2 / number)
    return max(0.0, centre - half), min(1.0, centre + half)


def newcombe(one: Bounds, other: Bounds, *, level: float) -> Bounds:
    """Interval of other - one for two shares (hits, number) of different items, from their score intervals."""
    first, second = one[0] / one[1], other[0] / other[1]
    (low1, high1), (low2, high2) = wilson(*one, level=level), wilson(*other, level=level)
    gap = second - first
    return (
        gap - float(np.hypot(second - low2, high1 - first)),
        gap + float(np.hypot(high2 - second, first - low1)),
    )


def widest_gap(groups: Sequence[Tally], *, alpha: float) -> float:
    """Largest difference of sensitivity or specificity between two groups that their items leave possible.

    The intervals are simultaneous over both shares and all pairs of groups, at 1 - alpha; 0 for a single group.
    """
    pairs = list(combinations(groups, 2))
    level = 1 - alpha / max(2 * len(pairs), 1)
    ends = [
        bound
        for a, b in pairs
        for one, other in zip(a.shares, b.shares, strict=True)
        for bound in newcombe(one, other, level=level)
    ]
    return max(map(abs, ends), default=0.0)


def divisor_of(pooled: Tally) -> Bounds:
    """Sensitivity + specificity - 1 and its standard error, which adds one item each way: 0 and 1 keep an error."""
    value, variance = -1.0, 0.0
    for hits, number in pooled.shares:
        value += hits / number
        smooth = (hits + 1) / (number + 2)
        variance += smooth * (1 - smooth) / number
    return value, variance**0.5


# ---------------------------------------------------------------- what follows


def correction(metric: str, axis: str, found: Sequence[Tally], *, alpha: float, margin: float) -> Correction:
    """What the counts of an axis (`tallies`) do to the effects of `metric` on it.

    Corrected only where every two groups' errors are equivalent: their simultaneous interval lies within `margin`.
    """
    *groups, pooled = found
    lacking = [tally.group for tally in groups if not tally.known]
    if lacking:
        missing = ", ".join(lacking)
        return unknown_error(metric, axis, why=f"no labelled items of both labels for {missing}")
    divisor, error = divisor_of(pooled)
    (hits, number), (cleared, others) = pooled.shares
    errors = f"sensitivity {hits / number:.3f} ({number} items), specificity {cleared / others:.3f} ({others} items)"
    if divisor < LEAST_DIVISOR:
        why = f"the judge cannot tell: {errors}; their sum less 1 is {divisor:.3f}, under {LEAST_DIVISOR}"
        return Correction(metric=metric, axis=axis, divisor=1.0, divisor_se=0.0, note="", refused=why)
    gap = widest_gap(groups, alpha=alpha)
    if gap > margin:
        why = (
            "not corrected: the judge's errors are not shown to be alike for all groups (they may differ by "
            f"{gap:.3f}, allowed {margin:g})"
        )
        return Correction(metric=metric, axis=axis, divisor=1.0, divisor_se=0.0, note=errors, undecided=why)
    note = (
        f"corrected for the judge's errors, divided by {divisor:.3f}: {errors}; errors may differ between groups by "
        f"up to {gap:.3f}, for which the interval leaves room"
    )
    return Correction(
        metric=metric, axis=axis, divisor=divisor, divisor_se=error, note=note,
        allowance=gap if len(groups) > 1 else 0.0,
    )  # fmt: skip


def unknown_error(metric: str, axis: str = ALL, *, why: str) -> Correction:
    """Effects of a judge whose error is not known: reported as they are, and never more than undecided."""
    return Correction(
        metric=metric, axis=axis, divisor=1.0, divisor_se=0.0, note="",
        undecided=f"the judge's error is not known: {why}",
    )  # fmt: skip


def judged_rows(
    metric: str, axis: str, found: Sequence[Tally], what: Correction, *, alpha: float
) -> list[dict[str, object]]:
    """Rows of the table JUDGED for one axis."""
    level = 1 - alpha
    rows: list[dict[str, object]] = []
    for tally in found:
        row: dict[str, object] = {
            "metric": metric, "axis": axis, "group": tally.group, "failed": tally.failed, "level": level,
            "note": (what.refused or what.undecided or what.note) if tally.group == ALL else "",
        }  # fmt: skip
        for (hits, number), names in zip(tally.shares, _SHARES, strict=True):
            low, high = wilson(hits, number, level=level) if number else (np.nan, np.nan)
            share = hits / number if number else np.nan
            row |= dict(zip(names, (number, hits, share, low, high), strict=True))
        rows.append(row)
    return rows


_SHARES = (
    ("favourable", "found", "sensitivity", "sensitivity_low", "sensitivity_high"),
    ("unfavourable", "cleared", "specificity", "specificity_low", "specificity_high"),
)


def judged_table(rows: Iterable[Mapping[str, object]] = ()) -> pd.DataFrame:
    """The table JUDGED."""
    return JUDGED.frame(rows)


# ---------------------------------------------------------------- effects


def corrected(rows: pd.DataFrame, corrections: Iterable[Correction]) -> pd.DataFrame:
    """Rows of EFFECTS (differences of one metric or several) with what the corrections of their metrics make of them.

    The interval is Fieller's for the ratio effect / divisor, both estimated: every value that the two errors together
    do not exclude. p-values stay, since the ratio is zero exactly where the effect is; means are as judged.
    """
    for one in corrections:
        mine = (rows["metric"] == one.metric) & ((rows["axis"] == one.axis) | (one.axis == ALL))
        if not mine.any():
            continue
        changed = rows.loc[mine].copy()
        if one.refused:
            changed = _refused(changed, one)
        elif one.undecided:
            changed = _held(changed, one)
        elif one.divisor != 1 or one.divisor_se:
            changed = _divided(changed, one)
        rows = rows.copy()
        rows.loc[mine] = changed
    return rows


def _refused(rows: pd.DataFrame, one: Correction) -> pd.DataFrame:
    """Nothing is said: no numbers, and `not_measured` where a verdict was asked for."""
    numbers = (
        "estimate", "se", "df", "low", "high", "p_value", "p_adjusted", "standardised", "detectable_zero",
        "detectable_beyond", "control_low", "control_high", "mean_a", "mean_b", "lower_share", "higher_share",
    )  # fmt: skip
    verdict = np.where(rows["decision"], "not_measured", "")
    return rows.assign(**dict.fromkeys(numbers, np.nan), verdict=verdict, reason=one.refused)


def _held(rows: pd.DataFrame, one: Correction) -> pd.DataFrame:
    """The numbers as judged, and no verdict but `undecided`."""
    open_ = rows["decision"].to_numpy(bool) & (rows["verdict"] != "not_measured").to_numpy(bool)
    verdict = np.where(open_, "undecided", rows["verdict"])
    return rows.assign(verdict=verdict, reason=_said(rows, [one.undecided] * len(rows), one.note))


def _divided(rows: pd.DataFrame, one: Correction) -> pd.DataFrame:
    effect, level = rows["estimate"].to_numpy(float), rows["level"].to_numpy(float)
    low, high = rows["low"].to_numpy(float), rows["high"].to_numpy(float)
    t = stats.t_quantiles(1 - (1 - level) / 2, rows["df"].to_numpy(float))
    spare = one.divisor**2 - (t * one.divisor_se) ** 2
    bounded = spare > 0
    spare = np.where(bounded, spare, np.nan)
    unsure = (effect * t * one.divisor_se) ** 2
    ends = {
        "low": (effect * one.divisor - np.sqrt(unsure + spare * (effect - low) ** 2)) / spare,
        "high": (effect * one.divisor + np.sqrt(unsure + spare * (high - effect) ** 2)) / spare,
    }
    corners = np.where(rows["contrast"] == "interaction", 2.0, 1.0)
    room = one.allowance * corners / one.divisor
    ends = {"low": ends["low"] - room, "high": ends["high"] + room}
    told = rows["detectable_zero"].to_numpy(float) / np.sqrt(spare) + room
    margin = rows["detectable_beyond"].to_numpy(float) - rows["detectable_zero"].to_numpy(float)
    signs = np.array([group.count("*") for group in rows["group_b"]])
    reach = np.where(rows["contrast"] == "interaction", 2.0**signs, 1.0)
    share = np.clip(effect / one.divisor, -reach, reach)
    open_ended = np.where(~bounded & ~np.isnan(low), "too few labelled items for an interval", "")
    return rows.assign(
        **{name: np.clip(end, -reach, reach) for name, end in ends.items()},
        estimate=share,
        se=np.hypot(rows["se"].to_numpy(float), share * one.divisor_se) / one.divisor,
        control_low=rows["control_low"] / one.divisor, control_high=rows["control_high"] / one.divisor,
        detectable_zero=told, detectable_beyond=told + margin,
        reason=_said(rows, open_ended, one.note),
    )  # fmt: skip


def _said(rows: pd.DataFrame, first: Iterable[str], *notes: str) -> list[str]:
    """The reasons with more to say: `first` holds one text a row."""
    return [
        "; ".join(part for part in (own, *notes, reason) if part)
        for own, reason in zip(first, rows["reason"], strict=True)
    ]
