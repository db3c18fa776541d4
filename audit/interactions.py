"""Whether an intersection is more than its parts: differences of differences between combined groups.

For two groups of each part, g and e, and a score s: θ = s(g2*e2) - s(g1*e2) - s(g2*e1) + s(g1*e1). Intersections of
more parts have the difference of highest order: what is left when all combinations of fewer parts are taken off. A
ratio of rates is compared on the logarithmic scale, where "adding up" means multiplying.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from audit import stats
from audit.contrasts import Contrasts
from audit.measures import (
    Codes,
    Counts,
    Measured,
    Terms,
    band,
    codes_of,
    counts_of,
    known_of,
    shares_of,
    standardised,
)
from audit.protocols import Summary
from audit.records import ALL
from audit.stats import Between, Floats, Ints, Sample

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, slots=True)
class Cells:
    """One axis by cell (a template with one person in one stratum) and group, shape (cells, groups).

    `values` is NaN where any answer of the cell's group has no value, `asked` tells which were asked; `row` is one row
    of each cell, and `stratum` its stratum.
    """

    values: Floats
    asked: NDArray[np.bool_]
    row: Ints
    stratum: NDArray[np.object_]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Entries:
    """One entry for each interaction and cell whose corners were all asked; `values` has shape (entries, corners)."""

    effect: Ints
    row: Ints
    values: Floats


def cells_of(rows: pd.DataFrame, groups: Sequence[str]) -> Cells:
    """Scores of one axis (columns stratum, template, cluster, name, group, value), cell by cell."""
    import pandas as pd

    column = pd.Index(groups).get_indexer(pd.Index(rows["group"].astype("str")))
    keys = ["stratum", "template", "cluster", "name"]
    cell = np.asarray(rows.groupby(keys, sort=True, observed=True).ngroup(), np.intp)
    first = np.unique(cell, return_index=True)[1]
    here = column >= 0
    flat = cell[here] * len(groups) + column[here]
    shape = (len(first), len(groups))
    size = np.bincount(flat, minlength=shape[0] * shape[1]).reshape(shape).astype(float)
    total = np.bincount(flat, weights=rows["value"].to_numpy(float)[here], minlength=shape[0] * shape[1])
    values = stats.ratio(total.reshape(shape).astype(float), size)
    return Cells(
        values=values,
        asked=size > 0,
        row=first,
        stratum=rows["stratum"].to_numpy(object)[first].astype(object),
    )


def paired(
    rows: pd.DataFrame, controls: pd.DataFrame, terms: Terms, *, summary: Summary | None = None
) -> Measured:
    """Interactions cell by cell: four scores of one template and person (eight for three parts) give one number.

    `rows` are single scores (columns axis, stratum, group, cluster, name, template, value), `controls` pairs of one
    group (columns of DELTAS). mean_b is the mean of group_b; mean_a what the others add up to (ratios: multiply).
    """
    contrasts, count = terms.contrasts, len(terms.contrasts)
    codes, control_codes = codes_of(rows, controls)
    every = _entries(rows, contrasts)
    theta = (every.values * contrasts.signs).sum(axis=1)
    known = ~np.isnan(theta)
    at, effect = codes.at(every.row[known]), every.effect[known]
    one = Sample(effect=effect, value=theta[known], side=None, cluster=at.cluster, name=at.name, count=count)
    sides = len(contrasts.signs)
    corner = Sample(
        effect=np.repeat(effect, sides), value=every.values[known].reshape(-1),
        side=np.tile(np.arange(sides), len(effect)), cluster=np.repeat(at.cluster, sides),
        name=np.repeat(at.name, sides), count=count, sides=sides,
    )  # fmt: skip
    between = stats.minus if summary is None else summary.between
    if summary is None:
        estimates = stats.difference(one, fixed=terms.fixed)
    else:
        estimates = stats.jackknife(corner, _of_corners(between, contrasts.signs), fixed=terms.fixed)
    mean_a, mean_b = _means(corner, contrasts.signs, logs=summary is not None)
    spread = stats.spread(one)
    return Measured(
        estimates=estimates, mean_a=mean_a, mean_b=mean_b,
        standardised=np.full(count, np.nan) if summary else standardised(estimates.value, spread, mean_a, mean_b),
        rates=_rates(corner, contrasts.signs) if summary else None,
        shares=shares_of(one, terms), counts=_counts(every, known, codes, count),
        control=band(controls, control_codes, terms, between),
    )  # fmt: skip


def unpaired(rows: pd.DataFrame, terms: Terms, *, summary: Summary | None = None) -> Measured:
    """Interactions of texts that differ between the groups: the same of the means of the combined groups."""
    contrasts, count = terms.contrasts, len(terms.contrasts)
    codes, _ = codes_of(rows, rows.iloc[:0])
    value = rows["value"].to_numpy(float)
    every = contrasts.of_groups(rows)
    members = known_of(every, value)
    at = codes.at(members.row)
    sample = Sample(
        effect=members.contrast, value=value[members.row], side=members.side, cluster=at.cluster, name=at.name,
        count=count, sides=len(contrasts.signs),
    )  # fmt: skip
    if summary is None:
        estimates = stats.difference(sample, signs=contrasts.signs, fixed=terms.fixed)
    else:
        between = _of_corners(summary.between, contrasts.signs)
        estimates = stats.jackknife(sample, between, fixed=terms.fixed)
    mean_a, mean_b = _means(sample, contrasts.signs, logs=summary is not None)
    nothing = np.full(count, np.nan)
    return Measured(
        estimates=estimates, mean_a=mean_a, mean_b=mean_b, standardised=nothing, shares=(nothing, nothing),
        rates=_rates(sample, contrasts.signs) if summary else None,
        counts=counts_of(every, members, codes, terms), control=nothing,
    )  # fmt: skip


def told(side: int, higher_is: str, *, logs: bool) -> str:
    """Whether a combination is worse than its parts, by the side of zero (0: unknown) on which its interval lies."""
    together = "multiply to" if logs else "add up to"
    if side == 0:
        return f"whether the combination is more or less than its parts {together} cannot be told"
    amount = "more" if side > 0 else "less"
    if higher_is == "neither":
        return f"{amount} than its parts {together}"
    worse = (side < 0) == (higher_is == "favourable")
    return f"{'worse' if worse else 'better'} than its parts: {amount} than they {together}"


def _entries(rows: pd.DataFrame, contrasts: Contrasts) -> _Entries:
    """Every interaction in every cell of its axis and stratum."""
    parts: list[_Entries] = []
    axis_of = rows["axis"].to_numpy(object)
    cells: dict[str, tuple[Ints, Cells]] = {}
    for (axis, stratum), numbers in contrasts.blocks.items():
        if axis not in cells:
            mine = np.flatnonzero(axis_of == axis)
            cells[axis] = (mine, cells_of(rows.iloc[mine], contrasts.groups[axis]))
        mine, found = cells[axis]
        here = np.flatnonzero((found.stratum == stratum) | (stratum == ALL))
        places = contrasts.columns(numbers)
        asked = np.logical_and.reduce([found.asked[np.ix_(here, place)] for place in places.T])
        cell, number = np.nonzero(asked)
        parts.append(_Entries(
            effect=numbers[number], row=mine[found.row[here[cell]]],
            values=found.values[here[cell][:, None], places[number]],
        ))  # fmt: skip
    if not parts:
        none = np.zeros(0, dtype=np.intp)
        return _Entries(effect=none, row=none, values=np.zeros((0, len(contrasts.signs))))
    return _Entries(
        effect=np.concatenate([part.effect for part in parts]),
        row=np.concatenate([part.row for part in parts]),
        values=np.concatenate([part.values for part in parts]),
    )


def _of_corners(between: Between, signs: Floats) -> Between:
    """The comparison of two means, applied to neighbouring corners, with the results added up under their signs."""

    def compared(*means: Floats) -> Floats:
        pairs = zip(means[::2], means[1::2], signs[1::2], strict=True)
        return np.asarray(sum(sign * between(a, b) for a, b, sign in pairs), float)

    return compared


def _means(corner: Sample, signs: Floats, *, logs: bool) -> tuple[Floats, Floats]:
    """What the other corners lead one to expect of the last one, and its own mean."""
    means = stats.means(corner)
    if not logs:
        others = [-sign * mean for sign, mean in zip(signs[:-1], means[:-1], strict=True)]
        return np.asarray(sum(others), float), means[-1]
    above = [np.where(mean > 0, mean, np.nan) for mean in means[:-1]]
    powers = [mean**-sign for sign, mean in zip(signs[:-1], above, strict=True)]
    return np.multiply.reduce(powers), means[-1]


def _rates(corner: Sample, signs: Floats) -> tuple[Floats, Floats]:
    """The least mean of the corners that are taken off, and of those that are added."""
    means = np.stack(stats.means(corner))
    return means[signs < 0].min(axis=0), means[signs > 0].min(axis=0)


def _counts(every: _Entries, known: NDArray[np.bool_], codes: Codes, count: int) -> Counts:
    pairs = np.bincount(every.effect[known], minlength=count)
    asked = np.bincount(every.effect, minlength=count)
    templates = stats.distinct(every.effect[known], codes.template[every.row[known]], count)
    return Counts(templates=templates, pairs=pairs, failed=asked - pairs)
