"""Rows of one metric → its numbers for every contrast: means, estimates with errors, shares, the control arm's band."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from audit import stats
from audit.bands import Controls, noise_band
from audit.contrasts import Contrasts, Members
from audit.protocols import Summary
from audit.records import ALL
from audit.stats import Between, Estimates, Floats, Ints, Sample

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """What holds for all rows of one metric."""

    contrasts: Contrasts
    levels: Floats
    """Level of each contrast's noise band."""
    margin: tuple[float, float]
    """Smaller differences than these are not counted as lower or higher."""
    fixed: bool
    seed: int
    by_answer: bool = False
    """Several pairs of one answer are counted as one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """Templates with a value, pairs (or answers) with and without one."""

    templates: Ints
    pairs: Ints
    failed: Ints


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """One entry a contrast. `shares`: of pairs with b lower, with b higher; `control`: half-width of the noise band."""

    estimates: Estimates
    mean_a: Floats
    mean_b: Floats
    standardised: Floats
    shares: tuple[Floats, Floats]
    counts: Counts
    control: Floats
    rates: tuple[Floats, Floats] | None = None
    """Interactions of ratios: the least rate that counts against, and for the effect; else the means are these."""
    members: tuple[Measured, ...] = ()
    """Where the effect is the largest of several differences: each of them, with its sign."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Codes:
    """Cluster, name and template of rows as numbers."""

    cluster: Ints
    name: Ints
    template: Ints

    def at(self, row: Ints) -> Codes:
        """Those of some rows."""
        return Codes(cluster=self.cluster[row], name=self.name[row], template=self.template[row])


# ------------------------------------------------------------- three kinds of rows


def signed(
    rows: pd.DataFrame, controls: pd.DataFrame, terms: Terms, *, summary: Summary | None = None
) -> Measured:
    """Pairs (columns of DELTAS) of a score: differences of means, or the `summary` of both groups' means."""
    codes, control_codes = codes_of(rows, controls)
    every = terms.contrasts.of_pairs(rows)
    members = known_of(every, rows["delta"].to_numpy(float))
    at, count = codes.at(members.row), len(terms.contrasts)
    a, b = _both_sides(rows, members)
    paired = sample_of(members.contrast, b - a, None, at, count)
    two_sided = _stack(
        sample_of(members.contrast, a, 0, at, count), sample_of(members.contrast, b, 1, at, count)
    )
    between = stats.minus if summary is None else summary.between
    if summary is None:
        estimates = stats.difference(paired, fixed=terms.fixed)
    else:
        estimates = stats.jackknife(two_sided, between, fixed=terms.fixed)
    mean_a, mean_b = stats.means(two_sided)
    spread = stats.spread(paired)
    return Measured(
        estimates=estimates, mean_a=mean_a, mean_b=mean_b,
        standardised=np.full(count, np.nan) if summary else standardised(estimates.value, spread, mean_a, mean_b),
        shares=shares_of(paired, terms), counts=counts_of(every, members, codes, terms),
        control=band(controls, control_codes, terms, between),
    )  # fmt: skip


def unsigned(rows: pd.DataFrame, controls: pd.DataFrame, terms: Terms) -> Measured:
    """Pairs of a PairMetric: mean over pairs of different groups minus mean over control pairs of the same groups."""
    codes, control_codes = codes_of(rows, controls)
    count = len(terms.contrasts)
    every = terms.contrasts.of_pairs(rows)
    members = known_of(every, rows["delta"].to_numpy(float))
    floor = known_of(terms.contrasts.of_controls(controls), controls["delta"].to_numpy(float))
    at = codes.at(members.row)
    swap = sample_of(members.contrast, rows["delta"].to_numpy(float)[members.row], 1, at, count)
    same = controls["delta"].to_numpy(float)[floor.row]
    sample = _stack(sample_of(floor.contrast, same, 0, control_codes.at(floor.row), count), swap)
    mean_a, mean_b = stats.means(sample)
    a, b = _both_sides(rows, members)
    nothing = np.full(count, np.nan)
    return Measured(
        estimates=stats.difference(sample, fixed=terms.fixed), mean_a=mean_a, mean_b=mean_b, standardised=nothing,
        shares=shares_of(sample_of(members.contrast, b - a, None, at, count), terms),
        counts=counts_of(every, members, codes, terms), control=nothing,
    )  # fmt: skip


def unpaired(rows: pd.DataFrame, terms: Terms, *, summary: Summary | None = None) -> Measured:
    """Single scores (columns axis, stratum, group, cluster, name, template, value): differences of group means."""
    codes, _ = codes_of(rows, rows.iloc[:0])
    value = rows["value"].to_numpy(float)
    every = terms.contrasts.of_groups(rows)
    members = known_of(every, value)
    at, count = codes.at(members.row), len(terms.contrasts)
    sample = sample_of(members.contrast, value[members.row], members.side, at, count)
    mean_a, mean_b = stats.means(sample)
    if summary is None:
        estimates = stats.difference(sample, fixed=terms.fixed)
    else:
        estimates = stats.jackknife(sample, summary.between, fixed=terms.fixed)
    nothing = np.full(count, np.nan)
    return Measured(
        estimates=estimates, mean_a=mean_a, mean_b=mean_b, standardised=nothing,
        shares=(nothing, nothing), counts=counts_of(every, members, codes, terms), control=nothing,
    )  # fmt: skip


def within_answers(rows: pd.DataFrame) -> pd.DataFrame:
    """Scores of candidates (columns prompt_id, axis, stratum, group, template, value) as pairs of groups of one answer.

    One answer is one cluster; a group with several candidates in it has their mean.
    """
    keys = ["axis", "prompt_id", "stratum", "template"]
    plain = rows[[*keys, "group"]].astype("str").assign(value=rows["value"])
    mean = plain.groupby([*keys, "group"], sort=True)["value"].mean().reset_index()
    pairs = mean.merge(mean, on=keys, suffixes=("_a", "_b"))
    pairs = pairs[pairs["group_a"] < pairs["group_b"]].reset_index(drop=True)
    return pairs.assign(cluster=pairs["prompt_id"], name="", delta=pairs["value_b"] - pairs["value_a"])


# ------------------------------------------------------------- parts


def codes_of(rows: pd.DataFrame, controls: pd.DataFrame) -> tuple[Codes, Codes]:
    """Numbers for clusters, names and templates, in alphabetical order, the same for both tables."""
    import pandas as pd

    columns = {
        name: pd.factorize(pd.concat([rows[name], controls[name]]), sort=True)[0].astype(np.intp)
        for name in ("cluster", "name", "template")
    }
    together = Codes(**columns)
    return together.at(np.arange(len(rows))), together.at(np.arange(len(rows), len(rows) + len(controls)))


def known_of(members: Members, value: Floats) -> Members:
    """The members whose row has a value."""
    known = ~np.isnan(value[members.row])
    return Members(row=members.row[known], contrast=members.contrast[known], side=members.side[known])


def _both_sides(rows: pd.DataFrame, members: Members) -> tuple[Floats, Floats]:
    """Values of the contrast's a and b of each member."""
    a, b = (rows[name].to_numpy(float)[members.row] for name in ("value_a", "value_b"))
    straight = members.side == 1
    return np.where(straight, a, b), np.where(straight, b, a)


def sample_of(effect: Ints, value: Floats, side: int | Ints | None, at: Codes, count: int) -> Sample:
    """Rows of `count` effects, of one side or of several."""
    sides = None if side is None else np.broadcast_to(np.asarray(side, dtype=np.intp), effect.shape)
    return Sample(effect=effect, value=value, side=sides, cluster=at.cluster, name=at.name, count=count)


def _stack(first: Sample, second: Sample) -> Sample:
    """The rows of two-sided samples of the same effects together."""
    sides = [sample.side for sample in (first, second) if sample.side is not None]
    return Sample(
        effect=np.concatenate([first.effect, second.effect]),
        value=np.concatenate([first.value, second.value]),
        side=np.concatenate(sides),
        cluster=np.concatenate([first.cluster, second.cluster]),
        name=np.concatenate([first.name, second.name]),
        count=first.count,
    )


def standardised(value: Floats, spread: Floats, mean_a: Floats, mean_b: Floats) -> Floats:
    """value / spread, NaN where the rows do not vary beyond rounding."""
    size = np.fmax(np.abs(mean_a), np.abs(mean_b))
    return stats.ratio(value, np.where(spread > 1e-12 * size, spread, 0.0))


def shares_of(paired: Sample, terms: Terms) -> tuple[Floats, Floats]:
    """Shares of pairs in which b scored lower, and higher, by more than the margin; NaN where no side has a score."""
    total = np.bincount(paired.effect[~np.isnan(paired.value)], minlength=paired.count)
    beyond = (paired.value < terms.margin[0], paired.value > terms.margin[1])
    counts = [
        np.bincount(paired.effect, weights=side, minlength=paired.count).astype(float) for side in beyond
    ]
    return stats.ratio(counts[0], total), stats.ratio(counts[1], total)


def counts_of(all_members: Members, members: Members, codes: Codes, terms: Terms) -> Counts:
    """Counts of all members and of those with a value."""
    count = len(terms.contrasts)
    every, valued = (np.bincount(m.contrast, minlength=count) for m in (all_members, members))
    if terms.by_answer:
        every, valued = (
            stats.distinct(m.contrast, codes.cluster[m.row], count) for m in (all_members, members)
        )
    templates = stats.distinct(members.contrast, codes.template[members.row], count)
    return Counts(templates=templates, pairs=valued, failed=every - valued)


def band(controls: pd.DataFrame, codes: Codes, terms: Terms, between: Between) -> Floats:
    """Half-width of the noise band of every contrast: signs drawn by cluster and by name, the wider of both."""
    band = np.full(len(terms.contrasts), np.nan)
    a, b = controls["value_a"].to_numpy(float), controls["value_b"].to_numpy(float)
    for (axis, stratum), numbers in terms.contrasts.blocks.items():
        groups = terms.contrasts.groups[axis]
        mine = (controls["axis"] == axis) & controls["group_a"].isin(groups) & ~np.isnan(a) & ~np.isnan(b)
        rows = np.flatnonzero(mine & ((controls["stratum"] == stratum) | (stratum == ALL)))
        column = np.searchsorted(groups, controls["group_a"].to_numpy(object)[rows].astype(str))
        if not len(rows):
            continue
        band[numbers] = 0.0
        for unit in (codes.cluster, codes.name):
            drawn = Controls(
                value_a=a[rows], value_b=b[rows], column=column, unit=unit[rows], columns=len(groups)
            )
            places = terms.contrasts.columns(numbers)
            half = noise_band(drawn, places, terms.levels[numbers], between=between, seed=terms.seed)
            band[numbers] = np.maximum(band[numbers], half)
    return band
