"""Explanations of two versions: which slots and words carry the difference now, and which did before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from audit.records import CREDITS, Run
from audit.stats import Floats, ratio

if TYPE_CHECKING:
    import pandas as pd

KEYS = ["metric", "axis", "group_a", "group_b", "game", "method", "slot", "text"]
SAME = ["pair_id", "side", "game", "method", "metric", "slot", "text_a", "text_b", "spans"]
"""What one word of one explained pair is, in both runs."""


def credit_changes(baseline: Run, candidate: Run) -> pd.DataFrame:
    """Table CREDITS, from the pairs that both runs drew at random and explained; largest shares first."""
    tables = [_explained(run) for run in (baseline, candidate)]
    if tables[0].empty or tables[1].empty:
        return CREDITS.frame()
    both = tables[1].merge(tables[0], on=SAME, suffixes=("", "_before"))
    groups = candidate.pairs[["pair_id", "axis", "group_a", "group_b"]].astype("str")
    both = both.merge(groups, on="pair_id")
    both = both.assign(text=_text(both), unsure=~(both["reliable"] & both["reliable_before"]))
    total = both.groupby(["axis", "group_a", "group_b", "game", "method", "metric"])[["size", "size_before"]]
    shares = total.transform("sum")
    both = both.assign(
        share=ratio(both["size"].to_numpy(float), shares["size"].to_numpy(float)),
        share_before=ratio(both["size_before"].to_numpy(float), shares["size_before"].to_numpy(float)),
    )
    made = both.groupby(KEYS, sort=True).agg(
        pairs=("pair_id", "nunique"), baseline=("value_before", "mean"), candidate=("value", "mean"),
        baseline_share=("share_before", "sum"), candidate_share=("share", "sum"), unreliable=("unsure", "sum"),
    )  # fmt: skip
    found = CREDITS.frame(made.reset_index())
    size: Floats = np.fmax(found["candidate_share"].to_numpy(float), found["baseline_share"].to_numpy(float))
    return CREDITS.frame(found.iloc[np.lexsort((np.arange(len(found)), -size))])


def _explained(run: Run) -> pd.DataFrame:
    """Credits of the differences of pairs that were drawn at random."""
    rows = run.attributions
    mine = rows[(rows["side"] == "pair") & (rows["sample"] == "random")]
    return mine.assign(size=mine["value"].abs())[[*SAME, "value", "size", "reliable"]]


def _text(rows: pd.DataFrame) -> list[str]:
    """The word itself where it is the same on both sides; of a slot that differs between the groups its name alone."""
    sides = zip(rows["slot"], rows["text_a"], rows["text_b"], strict=True)
    return ["" if slot or a != b else str(a) for slot, a, b in sides]
