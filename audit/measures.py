"""Rows of one metric → its numbers for every contrast: means, estimates with errors, shares, the control arm's band."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from audit import stats
from audit.bands import Controls, noise_band
from audit.contrasts import Contrasts, Entries, Members
from audit.protocols import Summary
from audit.records import ALL
from audit.stats import Between, Estimates, Floats, Ints, Sample

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

AT_ONCE = 200_000
"""Members of contrasts that numbers are made of at once; a pair is a member of several contrasts."""
T = TypeVar("T")


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
    entries = terms.contrasts.entries_of_pairs(rows)
    parts = [
        _signed(rows, codes, entries.members(start, stop), part, summary=summary)
        for start, stop, part in _parts(entries, terms)
    ]
    between = stats.minus if summary is None else summary.between
    return replace(joined(parts), control=band(controls, control_codes, terms, between))


def _signed(
    rows: pd.DataFrame, codes: Codes, every: Members, terms: Terms, *, summary: Summary | None
) -> Measured:
    """The same for some contrasts, without the noise band."""
    members = known_of(every, rows["delta"].to_numpy(float))
    at, count = codes.at(members.row), len(terms.contrasts)
    a, b = _both_sides(rows, members)
    paired = sample_of(members.contrast, b - a, None, at, count)
    two_sided = _stack(
        sample_of(members.contrast, a, 0, at, count), sample_of(members.contrast, b, 1, at, count)
    )
    if summary is None:
        estimates = stats.difference(paired, fixed=terms.fixed)
    else:
        estimates = stats.jackknife(two_sided, summary.between, fixed=terms.fixed)
    mean_a, mean_b = stats.means(two_sided)
    spread = stats.spread(paired)
    nothing = np.full(count, np.nan)
    return Measured(
        estimates=estimates, mean_a=mean_a, mean_b=mean_b,
        standardised=nothing if summary else standardised(estimates.value, spread, mean_a, mean_b),
        shares=shares_of(paired, terms), counts=counts_of(every, members, codes, terms), control=nothing,
    )  # fmt: skip


def unsigned(rows: pd.DataFrame, controls: pd.DataFrame, terms: Terms) -> Measured:
    """Pairs of a PairMetric: mean over pairs of different groups minus mean over control pairs of the same groups."""
    codes, control_codes = codes_of(rows, controls)
    entries, floors = terms.contrasts.entries_of_pairs(rows), terms.contrasts.entries_of_controls(controls)
    delta, same = rows["delta"].to_numpy(float), controls["delta"].to_numpy(float)
    found = []
    for start, stop, part in _parts(entries, terms):
        every, count = entries.members(start, stop), stop - start
        members, floor = known_of(every, delta), known_of(floors.members(start, stop), same)
        at = codes.at(members.row)
        swap = sample_of(members.contrast, delta[members.row], 1, at, count)
        own = sample_of(floor.contrast, same[floor.row], 0, control_codes.at(floor.row), count)
        sample = _stack(own, swap)
        mean_a, mean_b = stats.means(sample)
        a, b = _both_sides(rows, members)
        nothing = np.full(count, np.nan)
        found.append(Measured(
            estimates=stats.difference(sample, fixed=terms.fixed), mean_a=mean_a, mean_b=mean_b,
            standardised=nothing, control=nothing,
            shares=shares_of(sample_of(members.contrast, b - a, None, at, count), part),
            counts=counts_of(every, members, codes, part),
        ))  # fmt: skip
    return joined(found)


def unpaired(rows: pd.DataFrame, terms: Terms, *, summary: Summary | None = None) -> Measured:
    """Single scores (columns axis, stratum, group, cluster, name, template, value): differences of group means."""
    codes, _ = codes_of(rows, rows.iloc[:0])
    value = rows["value"].to_numpy(float)
    entries = terms.contrasts.entries_of_groups(rows)
    found = []
    for start, stop, part in _parts(entries, terms):
        every, count = entries.members(start, stop), stop - start
        members = known_of(every, value)
        at = codes.at(members.row)
        sample = sample_of(members.contrast, value[members.row], members.side, at, count)
        mean_a, mean_b = stats.means(sample)
        if summary is None:
            estimates = stats.difference(sample, fixed=terms.fixed)
        else:
            estimates = stats.jackknife(sample, summary.between, fixed=terms.fixed)
        nothing = np.full(count, np.nan)
        found.append(Measured(
            estimates=estimates, mean_a=mean_a, mean_b=mean_b, standardised=nothing,
            shares=(nothing, nothing), counts=counts_of(every, members, codes, part), control=nothing,
        ))  # fmt: skip
    return joined(found)


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


def _parts(entries: Entries, terms: Terms) -> Iterator[tuple[int, int, Terms]]:
    """The contrasts in parts of about `AT_ONCE` members, so that memory hangs on rows, not on contrasts times rows."""
    sizes = entries.sizes(len(terms.contrasts))
    start, held = 0, 0
    for stop, size in enumerate([*sizes.tolist(), 0], start=1):
        held += size
        if stop > len(sizes) or (held > AT_ONCE and stop < len(sizes)):
            end = min(stop, len(sizes))
            part = replace(terms, contrasts=terms.contrasts.part(start, end), levels=terms.levels[start:end])
            yield start, end, part
            start, held = end, 0


def joined(parts: Sequence[T]) -> T:
    """The numbers of several parts of the contrasts, as those of all of them."""
    return cast("T", _joined(parts))


def _joined(parts: Sequence[Any]) -> Any:
    first = parts[0]
    if len(parts) == 1 or first is None:
        return first
    if isinstance(first, np.ndarray):
        return np.concatenate(parts)
    if isinstance(first, tuple):
        return tuple(_joined(each) for each in zip(*parts, strict=True))
    return replace(
        first, **{f.name: _joined([getattr(part, f.name) for part in parts]) for f in fields(first)}
    )


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
    places = _places(controls, terms.contrasts, ~np.isnan(a) & ~np.isnan(b))
    for (axis, stratum), numbers in terms.contrasts.blocks.items():
        groups = terms.contrasts.groups[axis]
        rows = places.get((axis, stratum), np.zeros(0, dtype=np.intp))
        column = np.searchsorted(groups, controls["group_a"].iloc[rows].to_numpy(object).astype(str))
        if not len(rows):
            continue
        band[numbers] = 0.0
        for unit in (codes.cluster, codes.name):
            drawn = Controls(
                value_a=a[rows], value_b=b[rows], column=column, unit=unit[rows], columns=len(groups)
            )
            compared = terms.contrasts.columns(numbers)
            half = noise_band(drawn, compared, terms.levels[numbers], between=between, seed=terms.seed)
            band[numbers] = np.maximum(band[numbers], half)
    return band


def _places(
    controls: pd.DataFrame, contrasts: Contrasts, known: NDArray[np.bool_]
) -> dict[tuple[str, str], Ints]:
    """Rows of control pairs with values of compared groups, by axis and stratum, and for all strata together."""
    found: dict[tuple[str, str], Ints] = {}
    for axis, groups in contrasts.groups.items():
        rows = np.flatnonzero((controls["axis"] == axis) & controls["group_a"].isin(groups) & known)
        found[axis, ALL] = rows
        strata = controls["stratum"].iloc[rows].astype("category")
        codes = strata.cat.codes.to_numpy()
        order = np.argsort(codes, kind="stable")
        ends = np.searchsorted(codes[order], np.arange(len(strata.cat.categories) + 1))
        for number, stratum in enumerate(strata.cat.categories):
            found[axis, str(stratum)] = rows[order[ends[number] : ends[number + 1]]]
    return found
