"""Numbers in, numbers out: clustered means and ratios with their errors, intervals, levels, p-values.

Everything works on many effects at once: a `Sample` holds the rows of all of them, and row i belongs to
effect `effect[i]`. Nothing here knows suites, models or tables.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Between = Callable[..., Floats]
"""Two means (a, b), or one for each side → one number on its natural scale, elementwise."""

MIN_NAMES = 5
"""With fewer names the names are fixed: the interval is one-way over clusters."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """Rows of `count` effects: value, cluster and name; `side` is 1 for b, 0 for a, None for paired deltas.

    With more than two `sides` the last one is b.
    """

    effect: Ints
    value: Floats
    side: Ints | None
    cluster: Ints
    name: Ints
    count: int
    sides: int = 2

    @property
    def group(self) -> Ints:
        """Effect and side as one number."""
        return self.effect * self.sides + (self.sides - 1 if self.side is None else self.side)

    @property
    def cell(self) -> Ints:
        """Cluster and name as one number."""
        both = self.cluster * (int(self.name.max(initial=0)) + 1) + self.name
        return np.asarray(np.unique(both, return_inverse=True)[1].reshape(-1), np.intp)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ways:
    """Variances of a statistic when rows are gathered by cluster, by name, by both; and how many there are."""

    cluster: Floats
    name: Floats
    cell: Floats
    cluster_df: Floats
    name_df: Floats
    clusters: Ints
    names: Ints
    side_clusters: Ints
    side_names: Ints
    """How many each side has, along a last axis; paired deltas have one side."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimates:
    """One entry an effect, NaN where nothing can be said; `units` are what the interval rests on."""

    value: Floats
    se: Floats
    df: Floats
    units: Ints
    sides: Ints
    """Units of each side, along a last axis; paired deltas have one side."""
    clusters: Ints
    names: Ints
    kept: Floats
    """Share of the variance that belongs to the names, so that more clusters would not shrink it."""
    effective: Floats
    """How many units the scatter rests on, (Σ d²)² / Σ d⁴ of their deviations d; 0 where nothing varies."""

    @property
    def least(self) -> Ints:
        """Units of the side that has fewest."""
        return np.asarray(self.sides.min(axis=-1), np.intp)


def minus(a: Floats, b: Floats) -> Floats:
    """b - a: the comparison of two means on their own scale."""
    return b - a


def ratio(numerator: Floats, denominator: ArrayLike) -> Floats:
    """Elementwise quotient, NaN where the denominator is not positive."""
    below = np.asarray(denominator, float)
    usable = below > 0
    return np.where(usable, numerator / np.where(usable, below, 1.0), np.nan)


# ---------------------------------------------------------------- estimates


def means(sample: Sample) -> tuple[Floats, ...]:
    """Mean of side 0, mean of side 1 … of every effect; NaN for an empty side."""
    group, length = sample.group, sample.sides * sample.count
    found = ratio(_sum(group, sample.value, length), _count(group, length))
    return tuple(found.reshape(sample.count, sample.sides).T)


def difference(sample: Sample, *, signs: ArrayLike = (-1.0, 1.0), fixed: bool = False) -> Estimates:
    """Mean of paired deltas, or mean of side 1 minus mean of side 0, with the cluster-robust error.

    `signs`: what each side's mean is multiplied by before they are added up. `fixed`: exactly these clusters are meant,
    so that only the names are a sample.
    """
    found, factors = np.stack(means(sample), axis=1), np.asarray(signs, float)
    group = sample.group
    sign = 1.0 if sample.side is None else factors[sample.side]
    centre = found.reshape(-1)[group]
    influence = (sample.value - centre) * sign / _count(group, sample.sides * sample.count)[group]
    ways = _ways(sample, lambda unit: _clustered(influence, sample, unit))
    value = found[:, -1] if sample.side is None else (found * factors).sum(axis=1)
    effective = _effective(influence, sample, sample.name if fixed else sample.cluster)
    return replace(combine(value, ways, fixed=fixed), effective=effective)


def jackknife(sample: Sample, between: Between, *, fixed: bool = False) -> Estimates:
    """`between` (mean of side 0, mean of side 1 …), its error by leaving out clusters, names, and both."""
    ways = _ways(sample, lambda unit: _deleted(sample, unit, between))
    return combine(between(*means(sample)), ways, fixed=fixed)


def combine(value: Floats, ways: Ways, *, fixed: bool = False) -> Estimates:
    """Two-way error; one-way over clusters where names are too few, over names where clusters are `fixed`."""
    both, both_df = two_way(ways)
    many = ways.names >= MIN_NAMES
    units = np.where(many & fixed, ways.names, ways.clusters)
    sides = np.where((many & fixed)[..., None], ways.side_names, ways.side_clusters)
    variance = np.where(many, ways.name if fixed else both, ways.cluster)
    df = np.where(many, ways.name_df if fixed else both_df, ways.cluster_df)
    enough = (units >= 2) & (fixed | (ways.clusters >= 2)) & np.isfinite(variance) & np.isfinite(value)
    kept = (
        np.zeros_like(value)
        if fixed
        else np.where(many, ratio(np.maximum(ways.name - ways.cell, 0), both), 0)
    )
    return Estimates(
        value=value,
        se=np.where(enough, np.sqrt(np.maximum(variance, 0)), np.nan),
        df=np.where(enough, df, np.nan),
        units=units,
        sides=sides,
        clusters=ways.clusters,
        names=ways.names,
        kept=np.clip(np.nan_to_num(kept), 0, 1),
        effective=np.zeros_like(value),
    )


def two_way(ways: Ways) -> tuple[Floats, Floats]:
    """Variance max(V_t + V_n - V_tn, V_t, V_n) and its degrees of freedom, at least min(G_t, G_n) - 1.

    The latter are Satterthwaite's, W²/(W_t²/(G_t - 1) + W_n²/(G_n - 1)), with W_i = V_i·((G_i - 1)/(G_i - 3))²: a way
    with few units errs where its own variance came out small, which V_i alone would reward with more of them.
    """
    cluster, name = _cautious(ways.cluster, ways.clusters), _cautious(ways.name, ways.names)
    total = np.maximum(cluster + name - ways.cell, np.maximum(cluster, name))
    weight = ratio(ratio(cluster, total) ** 2, ways.cluster_df) + ratio(ratio(name, total) ** 2, ways.name_df)
    least = np.minimum(ways.cluster_df, ways.name_df)
    variance = np.maximum(ways.cluster + ways.name - ways.cell, np.maximum(ways.cluster, ways.name))
    return variance, np.fmax(ratio(np.ones_like(weight), weight), least)


def _cautious(variance: Floats, units: Ints) -> Floats:
    """V·((G - 1)/(G - 3))²."""
    known = np.asarray(units, float)
    return np.asarray(variance * ratio(known - 1, np.maximum(known - 3, 1)) ** 2, float)


def spread(sample: Sample) -> Floats:
    """Standard deviation of the rows of each effect (paired deltas)."""
    squares = _sum(sample.effect, (sample.value - means(sample)[-1][sample.effect]) ** 2, sample.count)
    return np.sqrt(ratio(squares, _count(sample.effect, sample.count) - 1))


def _ways(sample: Sample, spread_of: Callable[[Ints], tuple[Floats, Floats]]) -> Ways:
    """Variances and degrees of freedom by cluster and by name, and how many there are in all and on each side."""
    (cluster, cluster_df), (name, name_df) = spread_of(sample.cluster), spread_of(sample.name)
    clusters, names = (_by_side(sample, unit) for unit in (sample.cluster, sample.name))
    return Ways(
        cluster=cluster, cluster_df=cluster_df, name=name, name_df=name_df, cell=spread_of(sample.cell)[0],
        clusters=distinct(sample.effect, sample.cluster, sample.count), side_clusters=clusters,
        names=distinct(sample.effect, sample.name, sample.count), side_names=names,
    )  # fmt: skip


def _by_side(sample: Sample, unit: Ints) -> Ints:
    """Different units of each effect and side, shape (count, sides); paired deltas have one side."""
    if sample.side is None:
        return distinct(sample.effect, unit, sample.count)[:, None]
    return distinct(sample.group, unit, sample.sides * sample.count).reshape(sample.count, sample.sides)


def _welch(parts: Floats, units: Ints, whole: Ints) -> Floats:
    """Degrees of freedom of a sum of variances, one for each column; never more than one less than `whole` units."""
    total = parts.sum(axis=1)
    weight = np.nansum(ratio(ratio(parts, total[:, None]) ** 2, units - 1), axis=1)
    return np.asarray(np.fmin(ratio(np.ones_like(weight), weight), whole - 1.0), float)


def _clustered(influence: Floats, sample: Sample, unit: Ints) -> tuple[Floats, Floats]:
    """Sum over units of squared influence, each side scaled by its own G / (G - 1); and its degrees of freedom."""
    group, units = sample.group, _by_side(sample, unit)
    each = ratio(units.astype(float), units - 1)
    scale = np.sqrt(each[sample.effect, 0 if sample.side is None else sample.side])
    key, effect_of = _keys(sample.effect, unit, sample.count)
    variance = _sum(effect_of, _sum(key, influence * scale, len(effect_of)) ** 2, sample.count)
    whole = distinct(sample.effect, unit, sample.count)
    if sample.side is None:
        return variance, np.asarray(whole - 1.0, float)
    key, group_of = _keys(group, unit, sample.sides * sample.count)
    parts = _sum(group_of, _sum(key, influence * scale, len(group_of)) ** 2, sample.sides * sample.count)
    return variance, _welch(parts.reshape(units.shape), units, whole)


def _effective(influence: Floats, sample: Sample, unit: Ints) -> Floats:
    """How many units the scatter rests on: k where k of many deviate alike, a third of them where all are normal."""
    key, effect_of = _keys(sample.effect, unit, sample.count)
    squares = _sum(key, influence, len(effect_of)) ** 2
    total = _sum(effect_of, squares, sample.count)
    varied = total > 1e-24
    share = ratio(squares, np.where(varied, total, 0.0)[effect_of])
    return np.where(
        varied, ratio(np.ones_like(total), _sum(effect_of, np.nan_to_num(share) ** 2, sample.count)), 0.0
    )


def _deleted(sample: Sample, unit: Ints, between: Between) -> tuple[Floats, Floats]:
    """Jackknife variance (G - 1)/G · Σ (θ_(i) - mean)², leaving out one unit at a time; and its degrees of freedom.

    Sides without a common unit are left out from in turn, and their variances added.
    """
    key, effect_of = _keys(sample.effect, unit, sample.count)
    held = _split(key, sample, len(effect_of), values=False)
    here = held.sum(axis=1) > 0
    home = effect_of[here]
    taken = _split(key, sample, len(effect_of), values=True)[here]
    sums = _split(sample.effect, sample, sample.count, values=True)[home] - taken
    sizes = _split(sample.effect, sample, sample.count, values=False)[home] - held[here]
    theta = between(*ratio(sums, sizes).T)
    whole = _count(home, sample.count)
    apart = (_by_side(sample, unit).sum(axis=1) == whole) & (sample.side is not None)
    part = home * sample.sides + np.where(apart[home], held[here].argmax(axis=1), 0)
    units = _count(part, sample.sides * sample.count)
    centre = ratio(_sum(part, theta, len(units)), units)
    parts = ratio((units - 1) * _sum(part, (theta - centre[part]) ** 2, len(units)), units)
    shape = (sample.count, sample.sides)
    parts, units = np.where(units > 0, parts, 0.0).reshape(shape), units.reshape(shape)
    return parts.sum(axis=1), _welch(parts, units.astype(np.intp), whole.astype(np.intp))


def _split(key: Ints, sample: Sample, count: int, *, values: bool) -> Floats:
    """Sums (or numbers) of rows by key and side, shape (count, sides)."""
    slot = key * sample.sides + (sample.sides - 1 if sample.side is None else sample.side)
    length = sample.sides * count
    found = _sum(slot, sample.value, length) if values else _count(slot, length)
    return found.reshape(count, sample.sides)


def _keys(effect: Ints, unit: Ints, count: int) -> tuple[Ints, Ints]:
    """A number for each (effect, unit), and the effect of each number."""
    width = int(unit.max(initial=0)) + 1
    if count * width <= max(4 * len(effect), 1_000_000):
        return effect * width + unit, np.repeat(np.arange(count), width)
    found, key = np.unique(effect * width + unit, return_inverse=True)
    return key.reshape(-1), found // width


def distinct(effect: Ints, unit: Ints, count: int) -> Ints:
    """How many different units each effect has."""
    key, effect_of = _keys(effect, unit, count)
    return np.bincount(effect_of[_count(key, len(effect_of)) > 0], minlength=count)


def _sum(index: Ints, values: Floats, count: int) -> Floats:
    return np.bincount(index, weights=values, minlength=count).astype(float)


def _count(index: Ints, count: int) -> Floats:
    return np.bincount(index, minlength=count).astype(float)


# ----------------------------------------------------- intervals, levels, p-values


def t_quantile(probability: float, df: float) -> float:
    """Quantile of Student's t."""
    return float(t_quantiles(probability, df))


def t_quantiles(probability: ArrayLike, df: ArrayLike) -> Floats:
    """Quantiles of Student's t, elementwise; NaN in, NaN out."""
    from scipy.special import stdtrit

    return np.asarray(stdtrit(np.asarray(df, float), np.asarray(probability, float)), float)


def interval(
    estimates: Estimates,
    level: ArrayLike,
    *,
    unseen: tuple[ArrayLike, ArrayLike] = (0.0, 0.0),
    signed: bool = True,
) -> tuple[Floats, Floats]:
    """Two-sided t interval; `unseen` is how far down and up what no unit has shown may move it.

    Both reaches are independent, so they are added in squares. Where the t interval alone excludes zero, its end
    towards zero stays; not so if not `signed`, nor where no unit differs from another.
    """
    half = t_quantiles(1 - (1 - np.asarray(level, float)) / 2, estimates.df) * estimates.se
    low, high = estimates.value - half, estimates.value + half
    told = signed & (estimates.se > 1e-12)
    down, up = (np.hypot(half, np.asarray(reach, float)) for reach in unseen)
    return (
        np.where(told & (low > 0), low, estimates.value - down),
        np.where(told & (high < 0), high, estimates.value + up),
    )


def unvaried(estimates: Estimates, scale: ArrayLike) -> NDArray[np.bool_]:
    """Where every unit says the same, up to rounding on numbers of size `scale`."""
    return np.asarray(estimates.se <= 1e-12 * np.asarray(scale, float), bool)


def p_values(estimates: Estimates, scale: ArrayLike, *, rate: bool = False) -> Floats:
    """Two-sided p for "no difference"; without variation that of the sign test (rates: and of the floor)."""
    from scipy.special import stdtr

    still = unvaried(estimates, scale)
    size = np.abs(estimates.value)
    p = 2 * np.asarray(stdtr(estimates.df, -ratio(size, np.where(still, np.nan, estimates.se))), float)
    exact = 2.0 ** (1 - np.minimum(estimates.units, 1000).astype(float))
    if rate:
        exact = np.maximum(exact, 2 * (1 - np.minimum(size, 1)) ** estimates.units)
    return np.where(still, np.where(size > 1e-12 * np.asarray(scale, float), np.minimum(exact, 1), 1.0), p)


def inverted_p(estimates: Estimates, unseen: Callable[[Floats], tuple[Floats, Floats]]) -> Floats:
    """Largest 1 - level at which an interval with `unseen` (of the levels), both ends alike, still holds zero."""
    low, high = np.full(len(estimates.value), -34.0), np.zeros(len(estimates.value))
    for _ in range(40):
        middle = (low + high) / 2
        ends = interval(estimates, 1 - np.exp(middle), unseen=unseen(1 - np.exp(middle)), signed=False)
        holds = (ends[0] <= 0) & (ends[1] >= 0)
        low, high = np.where(holds, middle, low), np.where(holds, high, middle)
    return np.where(np.isfinite(estimates.se), np.where(high > -1e-9, 1.0, np.exp(low)), np.nan)


def benjamini_hochberg(p: Floats) -> Floats:
    """Adjusted p-values; NaN stays NaN and is no member of the family."""
    known = np.flatnonzero(np.isfinite(p))
    adjusted = np.full(len(p), np.nan)
    order = known[np.argsort(p[known], kind="stable")]
    steps = p[order] * len(order) / np.arange(1, len(order) + 1)
    adjusted[order] = np.minimum(np.minimum.accumulate(steps[::-1])[::-1], 1)
    return adjusted


def fcr_level(adjusted: Floats, alpha: float) -> float:
    """Level that keeps the false coverage rate of what BH selects at `alpha`: 1 - alpha·max(R, 1)/M."""
    known, selected = int(np.isfinite(adjusted).sum()), int((adjusted <= alpha).sum())
    return 1 - alpha * max(selected, 1) / max(known, 1)


def noncentral(level: ArrayLike, df: ArrayLike, *, power: float) -> Floats:
    """Difference in standard errors that a t test at this level tells from zero with this power.

    t(1 - 1/4df) + z·√(1 + t²/2df), the normal approximation of the noncentral t (Johnson and Welch 1940).
    """
    from scipy.special import ndtri

    degrees = np.asarray(df, float)
    needed = t_quantiles(1 - (1 - np.asarray(level, float)) / 2, degrees)
    return np.asarray(
        needed * (1 - 0.25 / degrees) + ndtri(power) * np.sqrt(1 + needed**2 / (2 * degrees)), float
    )


def detectable(
    estimates: Estimates, level: ArrayLike, *, power: float, floor: ArrayLike = 0.0, unseen: ArrayLike = 0.0
) -> Floats:
    """Difference that is told from zero with that power, the standard error being as here; never below `floor`.

    `unseen` is what widens the interval towards zero, where anything does.
    """
    needed = t_quantiles(1 - (1 - np.asarray(level, float)) / 2, estimates.df)
    error = np.hypot(estimates.se, ratio(np.asarray(unseen, float), needed))
    return np.maximum(noncentral(level, estimates.df, power=power) * error, floor)
