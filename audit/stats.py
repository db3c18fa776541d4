"""Numbers in, numbers out: clustered means and ratios with their errors, intervals, levels, p-values.

Everything works on many effects at once: a `Sample` holds the rows of all of them, and row i belongs to
effect `effect[i]`. Nothing here knows suites, models or tables.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Between = Callable[[Floats, Floats], Floats]
"""Two means (a, b) → one number on its natural scale, elementwise."""

MIN_NAMES = 5
"""With fewer names the names are fixed: the interval is one-way over clusters."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """Rows of `count` effects: value, cluster and name; `side` is 1 for b, 0 for a, None for paired deltas."""

    effect: Ints
    value: Floats
    side: Ints | None
    cluster: Ints
    name: Ints
    count: int

    @property
    def group(self) -> Ints:
        """Effect and side as one number."""
        return self.effect * 2 + (1 if self.side is None else self.side)

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
    clusters: Ints
    names: Ints


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimates:
    """One entry an effect, NaN where nothing can be said; `units` are what the interval rests on."""

    value: Floats
    se: Floats
    df: Floats
    units: Ints
    clusters: Ints
    names: Ints
    kept: Floats
    """Share of the variance that belongs to the names, so that more clusters would not shrink it."""


def minus(a: Floats, b: Floats) -> Floats:
    """b - a: the comparison of two means on their own scale."""
    return b - a


def ratio(numerator: Floats, denominator: ArrayLike) -> Floats:
    """Elementwise quotient, NaN where the denominator is not positive."""
    below = np.asarray(denominator, float)
    usable = below > 0
    return np.where(usable, numerator / np.where(usable, below, 1.0), np.nan)


# ---------------------------------------------------------------- estimates


def means(sample: Sample) -> tuple[Floats, Floats]:
    """Mean of side 0 and mean of side 1 of every effect; NaN for an empty side."""
    group = sample.group
    found = ratio(_sum(group, sample.value, 2 * sample.count), _count(group, 2 * sample.count))
    return found[0::2], found[1::2]


def difference(sample: Sample, *, fixed: bool = False) -> Estimates:
    """Mean of paired deltas, or mean of side 1 minus mean of side 0, with the cluster-robust error.

    `fixed`: exactly these clusters are meant, so that only the names are a sample.
    """
    a, b = means(sample)
    group = sample.group
    centre = np.stack([a, b], axis=1).reshape(-1)[group]
    sign = 1.0 if sample.side is None else 2.0 * sample.side - 1
    influence = (sample.value - centre) * sign / _count(group, 2 * sample.count)[group]
    ways = Ways(
        cluster=_clustered(influence, sample, sample.cluster),
        name=_clustered(influence, sample, sample.name),
        cell=_clustered(influence, sample, sample.cell),
        clusters=distinct(sample.effect, sample.cluster, sample.count),
        names=distinct(sample.effect, sample.name, sample.count),
    )
    return combine(b if sample.side is None else b - a, ways, fixed=fixed)


def jackknife(sample: Sample, between: Between, *, fixed: bool = False) -> Estimates:
    """`between` (mean of side 0, mean of side 1), its error by leaving out clusters, names, and both."""
    ways = Ways(
        cluster=_deleted(sample, sample.cluster, between),
        name=_deleted(sample, sample.name, between),
        cell=_deleted(sample, sample.cell, between),
        clusters=distinct(sample.effect, sample.cluster, sample.count),
        names=distinct(sample.effect, sample.name, sample.count),
    )
    return combine(between(*means(sample)), ways, fixed=fixed)


def combine(value: Floats, ways: Ways, *, fixed: bool = False) -> Estimates:
    """Two-way error; one-way over clusters where names are too few, over names where clusters are `fixed`."""
    both, both_df = two_way(ways)
    many = ways.names >= MIN_NAMES
    units = np.where(many & fixed, ways.names, ways.clusters)
    variance = np.where(many, ways.name if fixed else both, ways.cluster)
    df = np.where(many, units - 1.0 if fixed else both_df, units - 1.0)
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
        clusters=ways.clusters,
        names=ways.names,
        kept=np.clip(np.nan_to_num(kept), 0, 1),
    )


def two_way(ways: Ways) -> tuple[Floats, Floats]:
    """Variance max(V_t + V_n - V_tn, V_t, V_n) and its degrees of freedom, at least min(G_t, G_n) - 1."""
    variance = np.maximum(ways.cluster + ways.name - ways.cell, np.maximum(ways.cluster, ways.name))
    least = np.minimum(ways.clusters, ways.names) - 1.0
    weight = ratio(ratio(ways.cluster, variance) ** 2, ways.clusters - 1) + ratio(
        ratio(ways.name, variance) ** 2, ways.names - 1
    )
    return variance, np.fmax(ratio(np.ones_like(weight), weight), least)


def spread(sample: Sample) -> Floats:
    """Standard deviation of the rows of each effect (paired deltas)."""
    squares = _sum(sample.effect, (sample.value - means(sample)[1][sample.effect]) ** 2, sample.count)
    return np.sqrt(ratio(squares, _count(sample.effect, sample.count) - 1))


def _clustered(influence: Floats, sample: Sample, unit: Ints) -> Floats:
    """Sum over units of squared influence, each side scaled by its own G / (G - 1)."""
    group = sample.group
    units = distinct(group, unit, 2 * sample.count)
    scale = np.sqrt(ratio(units.astype(float), units - 1))
    key, effect_of = _keys(sample.effect, unit, sample.count)
    totals = _sum(key, influence * scale[group], len(effect_of))
    return _sum(effect_of, totals**2, sample.count)


def _deleted(sample: Sample, unit: Ints, between: Between) -> Floats:
    """Jackknife variance (G - 1)/G · Σ (θ_(i) - mean)², leaving out one unit at a time."""
    key, effect_of = _keys(sample.effect, unit, sample.count)
    held = _split(key, sample, len(effect_of), values=False)
    here = held.sum(axis=1) > 0
    home = effect_of[here]
    taken = _split(key, sample, len(effect_of), values=True)[here]
    sums = _split(sample.effect, sample, sample.count, values=True)[home] - taken
    sizes = _split(sample.effect, sample, sample.count, values=False)[home] - held[here]
    left = ratio(sums, sizes)
    theta = between(left[:, 0], left[:, 1])
    units = _count(home, sample.count)
    centre = ratio(_sum(home, theta, sample.count), units)
    return ratio((units - 1) * _sum(home, (theta - centre[home]) ** 2, sample.count), units)


def _split(key: Ints, sample: Sample, count: int, *, values: bool) -> Floats:
    """Sums (or numbers) of rows by key and side, shape (count, 2)."""
    slot = key * 2 + (1 if sample.side is None else sample.side)
    found = _sum(slot, sample.value, 2 * count) if values else _count(slot, 2 * count)
    return found.reshape(count, 2)


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


def interval(estimates: Estimates, level: ArrayLike, *, floor: ArrayLike = 0.0) -> tuple[Floats, Floats]:
    """Two-sided t interval; `floor` is the least half-width."""
    half = t_quantiles(1 - (1 - np.asarray(level, float)) / 2, estimates.df) * estimates.se
    half = np.maximum(half, floor)
    return estimates.value - half, estimates.value + half


def unvaried(estimates: Estimates, scale: ArrayLike) -> NDArray[np.bool_]:
    """Where every unit says the same, up to rounding on numbers of size `scale`."""
    return np.asarray(estimates.se <= 1e-12 * np.asarray(scale, float), bool)


def no_variation_half_width(level: ArrayLike, units: ArrayLike) -> Floats:
    """1 - ((1 - level)/2)^(1/G): the share that G clusters, all saying the same, may have missed."""
    return np.asarray(1 - ((1 - np.asarray(level, float)) / 2) ** (1 / np.maximum(units, 1)), float)


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


def detectable(estimates: Estimates, level: ArrayLike, *, power: float, floor: ArrayLike = 0.0) -> Floats:
    """(t_alpha + t_power)·SE: the difference told from zero with that power; never below `floor`."""
    alpha = t_quantiles(1 - (1 - np.asarray(level, float)) / 2, estimates.df)
    return np.maximum((alpha + t_quantiles(power, estimates.df)) * estimates.se, floor)


def clusters_to_decide(*, half: float, distance: float, units: int, kept: float = 0.0) -> int | None:
    """How many clusters bring a half-width of `half` (with `units`) to `distance`; None where they cannot.

    `kept` is the share of the variance that does not shrink with more clusters.
    """
    if distance <= 0 or half <= 0:
        return None
    room = (distance / half) ** 2 - kept
    return int(np.ceil(round(units * (1 - kept) / room, 6))) if room > 0 else None


def clusters_without_variation(*, level: float, distance: float) -> int | None:
    """How many clusters that all say the same bring the least half-width of a rate to `distance`."""
    return int(np.ceil(round(np.log((1 - level) / 2) / np.log1p(-distance), 6))) if 0 < distance < 1 else None
