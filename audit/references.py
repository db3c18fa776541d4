"""Recorded groups against the mean of reference inputs: pairs with a reference side, and the scores of that side.

Where only one recorded input is free of any cue, its own noise stands in every comparison with it. So the reference is
the mean of several inputs that differ by nothing that matters. A group that is part of the reference is compared with
the others of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from audit.records import PAIRS, REFERENCE, SCORES, content_id

if TYPE_CHECKING:
    import pandas as pd

PLACE = ["axis", "stratum", "template", "name"]
"""Columns within which inputs are compared."""
NO_REFERENCE = "no reference input has a value"


def reference_pairs(prompts: pd.DataFrame, reference: Sequence[str]) -> pd.DataFrame:
    """A pair (table PAIRS) for every prompt: `a` is the mean of its place's reference inputs, the prompt left out.

    The ids of `a` are no prompts: their scores come from `reference_scores`.
    """
    rows = prompts[prompts["arm"] == "swap"].sort_values([*PLACE, "group"])
    made = rows[[*PLACE, "cluster"]].assign(
        arm="swap", group_a=REFERENCE, group_b=rows["group"], b=rows["prompt_id"]
    )
    a = [_side(*key) for key in _keys(rows, reference)]
    sides = zip(rows["axis"], a, rows["prompt_id"], strict=True)
    ids = [content_id("pair", axis, "swap", *ends) for axis, *ends in sides]
    return PAIRS.frame(made.assign(a=a, pair_id=ids))


def reference_scores(prompts: pd.DataFrame, scores: pd.DataFrame, reference: Sequence[str]) -> pd.DataFrame:
    """Scores (table SCORES) of the reference sides: the mean over the place's reference inputs that have a value."""
    import pandas as pd

    columns = ["prompt_id", *PLACE, "group"]
    rows = prompts.loc[(prompts["arm"] == "swap") & (prompts["item"] == ""), columns]
    mine = scores[(scores["arm"] == "swap") & (scores["item"] == "")]
    table = mine[["prompt_id", "metric", "value"]].merge(rows, on="prompt_id")
    own = table["group"].isin(list(reference)) & table["value"].notna()
    known = table["value"].where(own, 0.0)
    by = [table[name] for name in ("metric", *PLACE)]
    total, number = known.groupby(by).transform("sum"), own.groupby(by).transform("sum")
    left, size = total - known, number - own
    made = pd.DataFrame({
        "prompt_id": [_side(*key) for key in _keys(table, reference)], "item": "", "arm": "swap",
        "metric": table["metric"], "value": np.where(size > 0, left / size.clip(lower=1), np.nan),
        "reason": np.where(size > 0, "", NO_REFERENCE),
    })  # fmt: skip
    return SCORES.frame(made.drop_duplicates(["prompt_id", "metric"]))


def _keys(rows: pd.DataFrame, reference: Sequence[str]) -> list[tuple[str, ...]]:
    """Place and left-out group of every row's reference side; nothing is left out for a group outside the reference."""
    group = rows["group"].astype("str")
    left_out = group.where(group.isin(list(reference)), "")
    return list(zip(*(rows[name] for name in PLACE), left_out, strict=True))


def _side(*key: str) -> str:
    """Id of a reference side."""
    return content_id("reference", *key)
