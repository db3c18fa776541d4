"""What chance alone would show: the noise band of control pairs, and the comparison with the best of many groups."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from audit.stats import (
    MIN_NAMES,
    Between,
    Floats,
    Ints,
    Sample,
    Ways,
    combine,
    interval,
    means,
    ratio,
    t_quantiles,
)
from audit.unseen import unseen_ratio

DRAWS = 2_000
OTHERS = -1
"""Column OTHERS - g of a contrast stands for the mean of all columns but g."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Controls:
    """Same-group pairs: the values of both sides, and the column (group) and unit (template, name) of each pair."""

    value_a: Floats
    value_b: Floats
    column: Ints
    unit: Ints
    columns: int


@dataclass(frozen=True, kw_only=True, slots=True)
class BestComparison:
    """Ratio of each mean to the highest, its interval, and the lowest ratio to expect if all were equal."""

    ratio: Floats
    low: Floats
    high: Floats
    expected_lowest: float


# --------------------------------------------------------------- noise band


def noise_band(controls: Controls, contrasts: Ints, levels: Floats, *, between: Between, seed: int) -> Floats:
    """Half-width of the central range, at each contrast's level, of `between` over control pairs.

    `contrasts` has shape (effects, 2) and holds columns. In each of 2,000 seeded draws every unit lends the control
    pairs of one of the two columns, in one of the two directions, at random: as many pairs as the effect has.
    At least the t range of these draws, with as many degrees of freedom as there are units (five or more).
    Further pairs of columns, shape (effects, 2·k), are drawn independently and added: a difference of differences.
    """
    picked, left = _draw(controls, seed)
    band = np.full(len(contrasts), np.nan)
    for start in range(0, len(contrasts), 500):
        part = slice(start, start + 500)
        columns = [np.where(c < 0, controls.columns + OTHERS - c, c) for c in contrasts[part].T]
        total = np.zeros((DRAWS, len(columns[0])))
        for shift, (first, second) in enumerate(zip(columns[::2], columns[1::2], strict=True)):
            a, b, size = (
                np.concatenate([x[:, first] + y[:, second], y[:, first] + x[:, second]])
                for x, y in zip(picked, left, strict=True)
            )
            total += np.roll(
                between(ratio(a, size), ratio(b, size)), shift, axis=0
            )  # each from a draw of its own
        distance = np.sort(np.abs(total), axis=0)
        rank = np.clip(np.ceil(levels[part] * len(distance)).astype(int) - 1, 0, len(distance) - 1)
        drawn = distance[rank, np.arange(distance.shape[1])]
        band[part] = np.maximum(
            drawn, _by_spread(distance, levels[part], units=len(np.unique(controls.unit)))
        )
    return band


def _by_spread(distance: Floats, levels: Floats, *, units: int) -> Floats:
    """The t range of the draws' spread, as signs of few units cannot reach far into the tails; 0 for under five."""
    if units < MIN_NAMES:
        return np.zeros(len(levels))
    spread = np.sqrt((np.where(np.isfinite(distance), distance, 0.0) ** 2).mean(axis=0))
    return np.asarray(t_quantiles(1 - (1 - levels) / 2, units) * spread, float)


def _draw(controls: Controls, seed: int) -> tuple[list[Floats], list[Floats]]:
    """Sums of a, of b and numbers of pairs in each draw, from the units picked and from those left, by column."""
    rng = np.random.default_rng(seed)
    units = int(controls.unit.max(initial=0)) + 1
    a, b, size = _by_unit(controls, units)
    sums = np.zeros((2, 3, DRAWS // 2, controls.columns))
    for start in range(0, units, 1_000):
        part = slice(start, start + 1_000)
        pick, turn = rng.integers(0, 2, (2, DRAWS // 2, len(size[part]))).astype(float)
        for half, chosen in zip(sums, (pick, 1 - pick), strict=True):
            half[0] += (chosen * (1 - turn)) @ a[part] + (chosen * turn) @ b[part]
            half[1] += (chosen * (1 - turn)) @ b[part] + (chosen * turn) @ a[part]
            half[2] += chosen @ size[part]
    picked, left = ([_with_others(table) for table in half] for half in sums)
    return picked, left


def _by_unit(controls: Controls, units: int) -> tuple[Floats, Floats, Floats]:
    """Sums of a, of b, and numbers of pairs, shape (units, columns)."""
    flat = controls.unit * controls.columns + controls.column
    length, shape = units * controls.columns, (units, controls.columns)
    a = np.bincount(flat, weights=controls.value_a, minlength=length).reshape(shape)
    b = np.bincount(flat, weights=controls.value_b, minlength=length).reshape(shape)
    return a.astype(float), b.astype(float), np.bincount(flat, minlength=length).reshape(shape).astype(float)


def _with_others(table: Floats) -> Floats:
    """The columns, then for each the mean of the others."""
    others = (table.sum(axis=1, keepdims=True) - table) / max(table.shape[1] - 1, 1)
    return np.concatenate([table, others], axis=1)


# ------------------------------------------------------ comparison with the best


def compare_with_best(sample: Sample, *, alpha: float, seed: int, fixed: bool = False) -> BestComparison:
    """Each mean against the best of them (Hsu), from simultaneous pairwise log-ratios.

    Rows carry their group as `effect`. A mean of zero has the ratio zero and no interval.
    """
    found = means(sample)[1]
    best = np.full(sample.count, np.max(found[np.isfinite(found)], initial=0))
    ways = _log_covariances(sample)
    logs = np.log(np.where(found > 0, found, np.nan))
    pairwise = combine(logs[:, None] - logs[None, :], _of_differences(ways), fixed=fixed)
    level = 1 - alpha / max(sample.count * (sample.count - 1) // 2, 1)
    unseen = unseen_ratio(level, pairwise.sides, found[None, :], found[:, None])
    low, high = interval(pairwise, level, unseen=unseen, signed=False)
    return BestComparison(
        ratio=ratio(found, best),
        low=np.minimum(np.exp(_least(low)), 1.0),
        high=np.minimum(np.exp(_least(high)), 1.0),
        expected_lowest=_expected_lowest(_covariance(ways, fixed=fixed), seed),
    )


def _log_covariances(sample: Sample) -> Ways:
    """Covariances of the log means, shape (count, count), by the unit that is left out; without df."""
    square = (sample.count, sample.count)
    return Ways(
        cluster=_log_covariance(sample, sample.cluster),
        name=_log_covariance(sample, sample.name),
        cell=_log_covariance(sample, sample.cell),
        **_units(sample),
        cluster_df=np.zeros(square),
        name_df=np.zeros(square),
    )


def _units(sample: Sample) -> dict[str, Ints]:
    """Numbers of clusters and names of every two groups together, and of each of them."""
    found: dict[str, Ints] = {}
    for word, unit in (("clusters", sample.cluster), ("names", sample.name)):
        held = np.zeros((sample.count, int(unit.max(initial=0)) + 1), dtype=np.intp)
        held[sample.effect, unit] = 1
        own = held.sum(axis=1)
        found[word] = own[:, None] + own[None, :] - held @ held.T
        found[f"side_{word}"] = np.stack(np.broadcast_arrays(own[None, :], own[:, None]), axis=-1)
    return found


def _log_covariance(sample: Sample, unit: Ints) -> Floats:
    """Jackknife covariance of the logarithms of the means; NaN for a mean that is zero without some unit."""
    shape = (int(unit.max(initial=0)) + 1, sample.count)
    flat = unit * sample.count + sample.effect
    sums = np.bincount(flat, weights=sample.value, minlength=shape[0] * shape[1]).reshape(shape)
    sizes = np.bincount(flat, minlength=shape[0] * shape[1]).reshape(shape).astype(float)
    left = ratio(sums.sum(axis=0) - sums, sizes.sum(axis=0) - sizes)
    held = sizes > 0
    logs = np.where(held, np.log(np.where(left > 1e-12, left, np.nan)), 0.0)
    units = held.sum(axis=0)
    deviation = np.where(held, logs - ratio(logs.sum(axis=0), units), 0.0) * np.sqrt(
        ratio(units - 1.0, units)
    )
    return np.asarray(deviation.T @ deviation, float)


def _of_differences(ways: Ways) -> Ways:
    """Variances of x_g - x_h for all g, h from covariances of x."""

    def spread(covariance: Floats) -> Floats:
        own = np.diag(covariance)
        return np.asarray(own[:, None] + own[None, :] - 2 * covariance, float)

    def freedom(covariance: Floats, units: Ints) -> Floats:
        own, each = np.diag(covariance), np.diag(units) - 1
        weight = ratio(own**2, each)
        welch = ratio((own[:, None] + own[None, :]) ** 2, weight[:, None] + weight[None, :])
        return np.asarray(np.fmin(welch, units - 1.0), float)

    return replace(
        ways, cluster=spread(ways.cluster), name=spread(ways.name), cell=spread(ways.cell),
        cluster_df=freedom(ways.cluster, ways.clusters), name_df=freedom(ways.name, ways.names),
    )  # fmt: skip


def _covariance(ways: Ways, *, fixed: bool) -> Floats:
    """The covariance that goes with the error that `combine` gives."""
    if ways.names.min(initial=0) < MIN_NAMES:
        return ways.cluster
    return ways.name if fixed else ways.cluster + ways.name - ways.cell


def _least(ends: Floats) -> Floats:
    """Smallest end of each row over the other groups; NaN where no comparison has one."""
    other = np.isfinite(ends) & ~np.eye(len(ends), dtype=bool)
    found = np.where(other, ends, np.inf).min(axis=1, initial=np.inf)
    return np.where(np.isfinite(found), found, np.nan)


def _expected_lowest(covariance: Floats, seed: int) -> float:
    """Median of the lowest ratio to the best when all log means have one expectation and this covariance."""
    usable = np.isfinite(np.diag(covariance))
    covariance = covariance[np.ix_(usable, usable)]
    if len(covariance) < 2:
        return float("nan")
    sizes, directions = np.linalg.eigh(covariance)
    noise = np.random.default_rng(seed).standard_normal((DRAWS, len(sizes)))
    logs = (noise * np.sqrt(np.maximum(sizes, 0))) @ directions.T
    return float(np.exp(np.median(logs.min(axis=1) - logs.max(axis=1))))
