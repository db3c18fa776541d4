"""Scores that need the whole table, such as whether a score lies above the median of all: made from the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from audit.kinds import kind_of
from audit.records import SCORES, Question

if TYPE_CHECKING:
    import pandas as pd


def with_bases(metrics: Sequence[str], question: Question) -> list[str]:
    """The metrics, and the scores that the relative ones among them are made from."""
    found = [kind.relative for kind in map(kind_of, metrics) if kind.relative is not None]
    bases = [relative.rests_on(question) for relative in found if question.kind in relative.kinds]
    return list(dict.fromkeys([*metrics, *bases]))


def with_relative(
    scores: pd.DataFrame, prompts: pd.DataFrame, *, question: Question, metrics: Sequence[str]
) -> pd.DataFrame:
    """The table SCORES with the relative metrics among `metrics` added.

    The sample is every swap-arm prompt (and candidate), once each; control arms are measured by the same sample.
    """
    tables = [scores]
    for kind in map(kind_of, dict.fromkeys(metrics)):
        if kind.relative is None or question.kind not in kind.relative.kinds:
            continue
        base = scores[scores["metric"] == kind.relative.rests_on(question)]
        value = kind.relative.relative(base["value"].to_numpy(float), _sample(base, prompts))
        tables.append(SCORES.frame(base.assign(metric=kind.name, value=value)))
    return SCORES.stack(tables) if len(tables) > 1 else scores


def _sample(scores: pd.DataFrame, prompts: pd.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which scores are those of swap-arm prompts."""
    import pandas as pd

    swap = prompts.loc[prompts["arm"] == "swap", ["prompt_id", "item"]]
    first = scores["arm"] == "swap"
    asked = pd.MultiIndex.from_frame(scores[["prompt_id", "item"]]).isin(pd.MultiIndex.from_frame(swap))
    return np.asarray(first & asked, bool)
