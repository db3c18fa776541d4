"""The numbers of every change between two runs: row by row where rows can be met, else from the runs' intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from audit import stats
from audit.growth import Ends, Errors, apart, detectable_growth
from audit.matched import Block
from audit.measures import Measured, Terms
from audit.stats import Estimates, Floats, Ints
from audit.unseen import unseen_between, unseen_difference, unseen_ratio
from audit.versions import Moved, moved

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, slots=True)
class Numbers:
    """One entry a row of the table of both runs."""

    difference: Floats
    total: Floats
    se: Floats
    df: Floats
    ends: Ends
    p: Floats
    control: Floats
    detectable: Floats
    pairs: Ints
    missing: Ints
    clusters: Ints
    names: Ints


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """What holds for every effect: whether exactly these items are meant, the seed, and the power of a promise."""

    fixed: bool
    seed: int
    power: float


def numbers(found: Sequence[Block], both: pd.DataFrame, level: Floats, rules: Rules) -> Numbers:
    """The change of every row of `both` (columns of EFFECTS of both runs, those of the baseline with `_before`)."""
    every = _of_intervals(both, level, power=rules.power)
    for block in found:
        terms = Terms(
            contrasts=block.contrasts, levels=level[block.place], margin=(0.0, 0.0), fixed=rules.fixed,
            seed=rules.seed, by_answer=block.way.design == "ranking",
        )  # fmt: skip
        change = moved(block.rows, block.controls, terms, block.way)
        own = _of_block(block, change, both.iloc[block.place], level[block.place], rules.power)
        _put(every, block.place, own)
    return every


def _put(every: Numbers, place: Ints, own: Numbers) -> None:
    """Writes the numbers of some rows over those that are there."""
    for name in Numbers.__slots__:
        if name != "ends":
            getattr(every, name)[place] = getattr(own, name)
    for name in Ends.__slots__:
        getattr(every.ends, name)[place] = getattr(own.ends, name)


def _of_block(block: Block, change: Moved, rows: pd.DataFrame, level: Floats, power: float) -> Numbers:
    card, logs = block.kind.card, block.kind.summary is not None
    rate = card.unit == "rate" and not logs
    size = np.fmax(_size(rows, ""), _size(rows, "_before"))
    scale = np.ones(len(rows)) if logs or card.unit == "rate" else size
    difference, total = (_estimates(one, rows, apart=logs and block.way.design == "groups")
                         for one in (change.difference, change.total))  # fmt: skip
    separate = rate and block.way.design == "groups" and not block.contrasts.interaction
    ends = [
        stats.interval(one, level, unseen=_unseen(block, rows, one, level), signed=not separate)
        for one in (difference, total)
    ]
    (low, high), (total_low, total_high) = ends
    p = (
        stats.inverted_p(difference, lambda at: _unseen(block, rows, difference, at))
        if separate
        else stats.p_values(difference, scale, rate=rate)
    )
    still = stats.unvaried(difference, scale)
    floor = np.where(still, np.fmax(*_unseen(block, rows, difference, level)), 0.0)
    counts, lacks = change.difference.counts, block.lacks
    return Numbers(
        difference=difference.value, total=total.value, se=difference.se, df=difference.df,
        ends=_finite(Ends(low=low, high=high, total_low=total_low, total_high=total_high)), p=p,
        control=change.difference.control,
        detectable=_detectable(rows, difference, total, level, power=power) + floor,
        pairs=counts.pairs, missing=counts.failed + lacks.only_baseline + lacks.only_candidate,
        clusters=difference.units, names=np.where(rows["name_count"] > 0, difference.names, 0),
    )  # fmt: skip


def _estimates(one: Measured, rows: pd.DataFrame, *, apart: bool) -> Estimates:
    """The estimates; of ratios of groups with prompts of their own, no more degrees of freedom than either run has."""
    if not apart:
        return one.estimates
    least = np.fmin(rows["df"].to_numpy(float), rows["df_before"].to_numpy(float))
    return replace(one.estimates, df=np.fmin(one.estimates.df, least))


def _size(rows: pd.DataFrame, version: str) -> Floats:
    a, b = (rows[f"mean_{side}{version}"].to_numpy(float) for side in ("a", "b"))
    return np.asarray(np.fmax(np.abs(a), np.abs(b)), float)


def _unseen(block: Block, rows: pd.DataFrame, found: Estimates, level: Floats) -> tuple[Floats, Floats]:
    """How far down and up clusters that were not seen may move a change; 0 for scores that are no rates.

    A cluster that was not seen may go from no difference to a whole one. Of a ratio it moves one rate of one version.
    """
    if block.kind.card.unit != "rate":
        return np.zeros(len(rows)), np.zeros(len(rows))
    before, after = (
        tuple(rows[f"mean_{side}{version}"].to_numpy(float) for side in ("a", "b"))
        for version in ("_before", "")
    )
    if block.kind.summary is not None:
        sides = found.sides[..., :2]
        down, up = unseen_ratio(level, sides, *after)
        down_before, up_before = unseen_ratio(level, sides, *before)
        return np.fmax(down, up_before), np.fmax(up, down_before)
    reach = len(block.contrasts.signs) / 2 if block.contrasts.interaction else 1.0
    if block.way.design == "groups" and not block.contrasts.interaction:
        down, up = unseen_between(level, found, *before)
    else:
        down, up = unseen_difference(level, found)
    return reach * down, reach * up


def _detectable(
    rows: pd.DataFrame, difference: Estimates, total: Estimates, level: Floats, *, power: float
) -> Floats:
    """Growth in size that is called worse with this power, the baseline being as it is."""
    before, after = (rows[f"se{version}"].to_numpy(float) ** 2 for version in ("_before", ""))
    errors = Errors(
        difference=difference.se, total=total.se, df=difference.df, total_df=total.df,
        correlation=np.nan_to_num(stats.ratio(after - before, difference.se * total.se)),
    )  # fmt: skip
    size = np.abs(np.nan_to_num(rows["estimate_before"].to_numpy(float)))
    return detectable_growth(errors, size, _margin(rows), level, power=power)


def _margin(rows: pd.DataFrame) -> Floats:
    return np.asarray(
        np.fmin(np.abs(rows["limit_low"].to_numpy(float)), np.abs(rows["limit_high"].to_numpy(float))), float
    )


def _of_intervals(both: pd.DataFrame, level: Floats, *, power: float) -> Numbers:
    """The change of every effect from the intervals of both runs, as if they were independent."""
    sides = [
        tuple(both[f"{name}{version}"].to_numpy(float) for name in ("estimate", "low", "high"))
        for version in ("_before", "")
    ]
    difference, total, ends = apart(*sides)  # type: ignore[arg-type]
    errors = [both[f"se{version}"].to_numpy(float) for version in ("_before", "")]
    df = np.fmin(both["df_before"].to_numpy(float), both["df"].to_numpy(float))
    se = np.hypot(*errors)
    found = _plain(difference, se, df, both)
    control = np.hypot(*(both[f"control_high{version}"].to_numpy(float) for version in ("_before", "")))
    return Numbers(
        difference=difference, total=total, se=se, df=df, ends=_finite(ends),
        p=stats.p_values(found, np.ones(len(both))), control=control,
        detectable=_detectable(both, found, found, level, power=power),
        pairs=_least(both, "pair_count"), missing=_most(both, "failed_count"),
        clusters=_least(both, "cluster_count"), names=_least(both, "name_count"),
    )  # fmt: skip


def _plain(value: Floats, se: Floats, df: Floats, both: pd.DataFrame) -> Estimates:
    units = _least(both, "cluster_count")
    return Estimates(
        value=value, se=se, df=df, units=units, sides=units[:, None], clusters=units,
        names=_least(both, "name_count"), kept=np.zeros(len(both)), effective=np.zeros(len(both)),
    )  # fmt: skip


def _least(both: pd.DataFrame, name: str) -> Ints:
    found = np.minimum(both[name].to_numpy(np.intp), both[f"{name}_before"].to_numpy(np.intp))
    return np.asarray(found, np.intp)


def _most(both: pd.DataFrame, name: str) -> Ints:
    found = np.maximum(both[name].to_numpy(np.intp), both[f"{name}_before"].to_numpy(np.intp))
    return np.asarray(found, np.intp)


def _finite(ends: Ends) -> Ends:
    """The intervals, NaN where an end is not bounded."""
    bounded = bounded_of(ends)
    columns = {name: np.where(bounded, getattr(ends, name), np.nan) for name in Ends.__slots__}
    return Ends(**columns)


def bounded_of(ends: Ends) -> NDArray[np.bool_]:
    """Where both intervals have two ends."""
    found = np.logical_and.reduce([np.isfinite(getattr(ends, name)) for name in Ends.__slots__])
    return np.asarray(found, bool)
