"""The noise floor of single edits: how far one edit that cannot matter moves the same statistic.

Where every group is one edit of one text, its effect is that of a single edit. The mean over several control edits
scatters less than any of them, so they are never averaged.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from audit.bands import DRAWS
from audit.measures import Terms
from audit.protocols import Summary
from audit.records import ALL
from audit.stats import Between, Floats, Ints, minus, ratio, t_quantile

if TYPE_CHECKING:
    import pandas as pd

LEAST_EDITS = 2
"""From fewer control edits no spread can be told."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Edits:
    """Pairs of the reference with a control edit: values of both sides, number of the edit and of the cluster."""

    value_a: Floats
    value_b: Floats
    edit: Ints
    cluster: Ints

    def without(self, edit: int) -> Edits:
        """All pairs but those of one edit."""
        kept = self.edit != edit
        columns = {name: getattr(self, name)[kept] for name in ("value_a", "value_b", "edit", "cluster")}
        return replace(self, **columns)


def edit_floors(
    rows: pd.DataFrame, terms: Terms, *, controls: Collection[str], summary: Summary | None = None
) -> Floats:
    """Half-width of the noise floor of every contrast, NaN where there is none.

    `rows` are pairs with the reference (columns of DELTAS), those with a group of `controls` among them. The floor of a
    control edit rests on the others.
    """
    between = minus if summary is None else summary.between
    found = np.full(len(terms.contrasts), np.nan)
    names = sorted(controls)
    known = rows[rows["group_b"].isin(names) & rows["delta"].notna()]
    for (axis, stratum), numbers in terms.contrasts.blocks.items():
        mine = known[(known["axis"] == axis) & ((known["stratum"] == stratum) | (stratum == ALL))]
        edits = _edits(mine, names)
        floors: dict[tuple[float, str], float] = {}
        for number in numbers:
            own = terms.contrasts.group_b[number]
            key = float(terms.levels[number]), own if own in names else ""
            if key not in floors:
                used = edits.without(names.index(own)) if key[1] else edits
                floors[key] = edit_floor(used, key[0], between=between, seed=terms.seed)
            found[number] = floors[key]
    return found


def _edits(rows: pd.DataFrame, names: list[str]) -> Edits:
    import pandas as pd

    return Edits(
        value_a=rows["value_a"].to_numpy(float),
        value_b=rows["value_b"].to_numpy(float),
        edit=np.searchsorted(names, rows["group_b"].to_numpy(object).astype(str)),
        cluster=pd.factorize(rows["cluster"].astype("str"), sort=True)[0].astype(np.intp),
    )


def edit_floor(edits: Edits, level: float, *, between: Between, seed: int) -> float:
    """Half-width of the central range, at `level`, of `between` for one edit that cannot matter; NaN for under two.

    The wider of two: edits kept whole (the t range about no difference of their spread, with one degree of freedom
    less than there are edits), and edits and directions drawn anew for every cluster (seeded).
    """
    numbers = np.unique(edits.edit)
    if len(numbers) < LEAST_EDITS:
        return float("nan")
    whole = np.array([_of_one(edits, number, between) for number in numbers])
    whole = whole[np.isfinite(whole)]
    if len(whole) < LEAST_EDITS:
        return float("nan")
    spread = float(np.sqrt(np.mean(whole**2)))
    by_edit = t_quantile(1 - (1 - level) / 2, len(whole) - 1) * spread
    return float(np.maximum(by_edit, _drawn(edits, level, between=between, seed=seed)))


def _of_one(edits: Edits, number: int, between: Between) -> float:
    """The statistic of one edit in all clusters."""
    mine = edits.edit == number
    a, b = edits.value_a[mine].mean(keepdims=True), edits.value_b[mine].mean(keepdims=True)
    return float(between(a, b)[0])


def _drawn(edits: Edits, level: float, *, between: Between, seed: int) -> float:
    """Half-width over draws in which every cluster lends the pairs of one of its edits, in one direction."""
    rng = np.random.default_rng(seed)
    sums = np.zeros((3, DRAWS))
    for cluster in np.unique(edits.cluster):
        mine = edits.cluster == cluster
        held, number = np.unique(edits.edit[mine], return_inverse=True)
        a, b = (np.bincount(number, weights=side[mine]) for side in (edits.value_a, edits.value_b))
        pick, turn = rng.integers(0, len(held), DRAWS), rng.integers(0, 2, DRAWS)
        sums[0] += np.where(turn == 1, b[pick], a[pick])
        sums[1] += np.where(turn == 1, a[pick], b[pick])
        sums[2] += np.bincount(number)[pick]
    distance = np.sort(np.abs(between(ratio(sums[0], sums[2]), ratio(sums[1], sums[2]))))
    return float(distance[min(int(np.ceil(level * DRAWS)), DRAWS) - 1])
