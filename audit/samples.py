"""Which pairs are explained: the largest differences, changed decisions, a seeded random sample, and those asked for.

A cell is one template with one person and one stratum; all its groups are compared. Only the random sample of cells
may stand for the suite: the largest differences were picked because they are large, changed decisions because they
changed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

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
    changed: Iterable[str] = (), requested: Collection[str] = (),
) -> pd.DataFrame:  # fmt: skip
    """Rows of `pairs` with the columns `sample` (largest, flip, random, requested: the first it is) and `in_random`.

    On each axis (none named: every axis that is no intersection): as many pairs as the first quota with the largest
    `deltas` (one row a pair), each from another template, both signs where both occur; of the others in `changed` as
    many random ones as the second; and all pairs of as many random cells as the third; distinct templates first. No
    prompt is in the random sample of two axes. Pairs whose ids are `requested` are added, on whatever axis they are.
    """
    import numpy as np
    import pandas as pd

    rows = _numbered(pairs, deltas, changed)
    named: dict[int, str] = {}
    drawn: list[int] = []
    taken: set[str] = set()
    for axis in axes or sorted(name for name in rows["axis"].unique() if "*" not in name):
        own = rows[rows["axis"] == axis]
        top = _largest(own[own["delta"].notna()], quotas[0])
        turned = own[own["changed"] & ~own["row"].isin(top)]
        flips = _shuffled(turned, quotas[1], seed=int(content_id("flips", seed, axis), 16))["row"]
        clash = (pairs["a"].isin(taken) | pairs["b"].isin(taken)).to_numpy()[own["row"]]
        cells = _random(own, clash, count=quotas[2], seed=int(content_id("explain", seed, axis), 16))
        taken |= {*pairs["a"].iloc[cells], *pairs["b"].iloc[cells]}
        named |= dict.fromkeys(cells, "random") | dict.fromkeys(flips, "flip") | dict.fromkeys(top, "largest")
        drawn += cells
    if requested:
        asked = rows["row"][pairs["pair_id"].isin(requested).to_numpy()[rows["row"]]]
        named = dict.fromkeys(asked, "requested") | named
    chosen = pairs.iloc[list(named)].assign(
        sample=pd.array(list(named.values()), dtype="str"), in_random=np.isin(list(named), drawn)
    )
    return chosen.sort_values([*CELL, "group_a", "group_b", "pair_id"]).reset_index(drop=True)


def in_cells(pairs: pd.DataFrame, chosen: pd.DataFrame) -> Any:
    """For each row of `pairs`, whether it is of a cell of which some are `chosen`."""
    import numpy as np
    import pandas as pd

    place, wanted = np.zeros(len(pairs), "int64"), np.zeros(len(chosen), "int64")
    for name in CELL:
        words = pairs[name].astype("category").cat
        place = place * len(words.categories) + words.codes.to_numpy()
        own = pd.Categorical(chosen[name], categories=words.categories)
        wanted = wanted * len(words.categories) + own.codes
    return np.isin(place, wanted)


def _numbered(pairs: pd.DataFrame, deltas: pd.DataFrame, changed: Iterable[str]) -> pd.DataFrame:
    """The pairs of the swap arm, each once, in the order of cells and ids: in which `row` of `pairs` each stands.

    The words by which they are sorted are numbers here (`template`, `pair_id`, and `cell` for all of `CELL`): millions
    of strings that are sorted and joined as Python's objects would take a gigabyte.
    """
    import numpy as np
    import pandas as pd

    rows = np.flatnonzero(pairs["arm"] == "swap")
    ranks = {name: _ranks(pairs[name])[rows] for name in [*CELL, "pair_id"]}
    order = np.lexsort(list(reversed(ranks.values())))
    order = order[np.sort(np.unique(ranks["pair_id"][order], return_index=True)[1])]
    rows, ranks = rows[order], {name: numbers[order] for name, numbers in ranks.items()}
    begins = np.any([np.diff(ranks[name], prepend=-1) != 0 for name in CELL], axis=0)
    return pd.DataFrame({
        "axis": pairs["axis"].iloc[rows].array, "template": ranks["template"], "pair_id": ranks["pair_id"],
        "cell": np.cumsum(begins, dtype="int32"), "row": rows,
        "delta": _deltas(pairs["pair_id"], deltas)[rows],
        "changed": (_places(pairs["pair_id"], changed) >= 0)[rows],
    }, copy=False)  # fmt: skip


def _ranks(words: pd.Series[Any]) -> Any:
    """A number for each word, in their alphabetical order, from 1."""
    return words.rank(method="dense").to_numpy("int32")


def _deltas(pair_ids: pd.Series[str], deltas: pd.DataFrame) -> Any:
    """The delta of each pair, NaN where there is none."""
    import numpy as np

    known = deltas.loc[deltas["delta"].notna(), ["pair_id", "delta"]]
    return np.append(known["delta"].to_numpy(), np.nan)[_places(pair_ids, known["pair_id"])]


def _places(ids: pd.Series[str], among: Iterable[str]) -> Any:
    """Where each id first stands among others; -1 where it is not there."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    others = among if isinstance(among, pd.Series) else pd.Series(list(among), dtype="str")
    found = pc.index_in(pa.array(ids, pa.large_string()), value_set=pa.array(others, pa.large_string()))
    return np.asarray(found.fill_null(-1))


def _largest(rows: pd.DataFrame, count: int) -> list[int]:
    """Rows of pairs: greatest |delta| of each template, and the greatest of the other sign in place of the last."""
    import numpy as np
    import pandas as pd

    side = np.sign(rows["delta"]).where(rows["delta"].abs() > NOTHING, 0)
    size = rows.assign(size=rows["delta"].abs(), side=side)
    best = _ordered(size[size["size"] == size.groupby("template")["size"].transform("max")])
    best = best.drop_duplicates("template").head(count)
    signs = set(best["side"].tolist()) - {0.0}
    if count > 1 and len(signs) == 1:
        kept = best.head(count - 1)
        other = size[(size["side"] == -signs.pop()) & ~size["template"].isin(kept["template"])]
        other = _ordered(other[other["size"] == other["size"].max()]).head(1)
        best = best if other.empty else pd.concat([kept, other])
    return best["row"].tolist()


def _ordered(rows: pd.DataFrame) -> pd.DataFrame:
    """The largest first."""
    return rows.sort_values(["size", "template", "pair_id"], ascending=[False, True, True])


def _random(rows: pd.DataFrame, clash: Any, *, count: int, seed: int) -> list[int]:
    """Rows of all pairs of `count` cells, drawn at random from those without a pair that clashes."""
    cells = rows.drop_duplicates("cell")
    cells = cells[~cells["cell"].isin(rows["cell"][clash])]
    return rows["row"][rows["cell"].isin(_shuffled(cells, count, seed=seed)["cell"])].tolist()


def _shuffled(rows: pd.DataFrame, count: int, *, seed: int) -> pd.DataFrame:
    """So many rows in random order, every template once before any comes twice."""
    import numpy as np

    shuffled = rows.iloc[np.random.default_rng(seed).permutation(len(rows))]
    turn = shuffled.groupby("template").cumcount()
    return shuffled.iloc[np.argsort(turn.to_numpy(), kind="stable")[:count]]


def changed_in(deltas: pd.DataFrame) -> pd.Series[str]:
    """Ids of the pairs in which the decision changed, where there are decisions."""
    moved = (deltas["metric"] == DECISION) & (deltas["delta"].abs() >= CHANGED)
    return deltas.loc[moved, "pair_id"]
