"""Which pairs are explained: the largest differences, changed decisions, a seeded random sample, and those asked for.

A cell is one template with one person and one stratum; all its groups are compared. Only the random sample of cells
may stand for the suite: the largest differences were picked because they are large, changed decisions because they
changed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from audit.quality import NOTHING
from audit.records import content_id

if TYPE_CHECKING:
    import pandas as pd

CELL = ["axis", "template", "name", "stratum"]
"""Columns that tell cells apart, in prompts and pairs alike."""
DECISION = "selection_rate"
DECIDING = ("classify", "choose")
"""Kinds of question whose answers are decisions."""
CHANGED = 0.5
"""How much the rate of the favourable decision has to move for a decision to have changed; one answer moves it by 1."""


def chosen_pairs(
    pairs: pd.DataFrame, deltas: pd.DataFrame, *, axes: Sequence[str], quotas: tuple[int, int, int], seed: int,
    changed: Collection[str] = (), requested: Sequence[str] = (),
) -> pd.DataFrame:  # fmt: skip
    """Rows of `pairs` with the columns `sample` (largest, flip, random, requested: the first it is) and `in_random`.

    On each axis (none named: every axis that is no intersection): as many pairs as the first quota with the largest
    `deltas` (one row a pair), each from another template, both signs where both occur; of the others in `changed` as
    many random ones as the second; and all pairs of as many random cells as the third; distinct templates first. No
    prompt is in the random sample of two axes. Pairs whose ids are `requested` are added, on whatever axis they are.
    """
    import pandas as pd

    order = [*CELL, "pair_id"]
    swap = pairs.loc[
        pairs.loc[pairs["arm"] == "swap", order].sort_values(order).drop_duplicates("pair_id").index
    ]
    known = deltas.loc[deltas["delta"].notna(), ["pair_id", "delta"]].drop_duplicates("pair_id")
    picked: list[pd.DataFrame] = []
    taken: set[str] = set()
    for axis in axes or sorted(name for name in swap["axis"].unique() if "*" not in name):
        rows = swap[swap["axis"] == axis]
        top = _largest(rows[["pair_id", "template"]].merge(known, on="pair_id"), quotas[0])
        turned = rows[rows["pair_id"].isin(changed) & ~rows["pair_id"].isin(top)]
        flips = _shuffled(turned, quotas[1], seed=int(content_id("flips", seed, axis), 16))["pair_id"]
        cells = _random(rows, taken, count=quotas[2], seed=int(content_id("explain", seed, axis), 16))
        taken |= {*cells["a"], *cells["b"]}
        named = {"random": list(cells["pair_id"]), "flip": list(flips), "largest": top}
        sample = {pair_id: name for name, ids in named.items() for pair_id in ids}
        own = rows[rows["pair_id"].isin(sample)]
        in_random = own["pair_id"].isin(cells["pair_id"])
        picked.append(own.assign(sample=own["pair_id"].map(sample), in_random=in_random))
    known_ids = {pair_id for frame in picked for pair_id in frame["pair_id"]}
    asked = swap[swap["pair_id"].isin(set(requested) - known_ids)]
    picked.append(asked.assign(sample="requested", in_random=False))
    if not sum(map(len, picked)):
        return swap.assign(sample="", in_random=False).head(0)
    return pd.concat(picked).sort_values([*CELL, "group_a", "group_b", "pair_id"]).reset_index(drop=True)


def _largest(rows: pd.DataFrame, count: int) -> list[str]:
    """Ids of pairs: greatest |delta| of each template, and the greatest of the other sign in place of the last."""
    import numpy as np
    import pandas as pd

    side = np.sign(rows["delta"]).where(rows["delta"].abs() > NOTHING, 0)
    size = rows.assign(size=rows["delta"].abs(), side=side)
    each = size.groupby("template", observed=True)["size"].transform("max")
    best = _ordered(size[size["size"] == each]).drop_duplicates("template").head(count)
    signs = set(best["side"].tolist()) - {0.0}
    if count > 1 and len(signs) == 1:
        kept = best.head(count - 1)
        other = size[(size["side"] == -signs.pop()) & ~size["template"].isin(kept["template"])]
        other = _ordered(other[other["size"] == other["size"].max()]).head(1)
        best = best if other.empty else pd.concat([kept, other])
    return [str(pair_id) for pair_id in best["pair_id"]]


def _ordered(rows: pd.DataFrame) -> pd.DataFrame:
    """The largest first."""
    return rows.sort_values(["size", "template", "pair_id"], ascending=[False, True, True])


def _random(rows: pd.DataFrame, taken: set[str], *, count: int, seed: int) -> pd.DataFrame:
    """All pairs of `count` cells, drawn at random."""
    cells = rows[CELL].drop_duplicates().sort_values(CELL)
    if taken:
        clash = rows.loc[rows["a"].isin(taken) | rows["b"].isin(taken), CELL].drop_duplicates()
        marked = cells.merge(clash, on=CELL, how="left", indicator=True)
        cells = marked.loc[marked["_merge"] == "left_only", CELL]
    return rows.merge(_shuffled(cells, count, seed=seed), on=CELL)


def _shuffled(rows: pd.DataFrame, count: int, *, seed: int) -> pd.DataFrame:
    """So many rows in random order, every template once before any comes twice."""
    import numpy as np

    shuffled = rows.iloc[np.random.default_rng(seed).permutation(len(rows))]
    turn = shuffled.groupby("template").cumcount()
    return shuffled.iloc[np.argsort(turn.to_numpy(), kind="stable")[:count]]


def changed_in(deltas: pd.DataFrame) -> frozenset[str]:
    """Ids of the pairs in which the decision changed, where there are decisions."""
    moved = (deltas["metric"] == DECISION) & (deltas["delta"].abs() >= CHANGED)
    return frozenset(deltas.loc[moved, "pair_id"].astype(str))
