"""Length of the prompts as the model reads them: how often the two sides of a pair differ, and by how many tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from audit.records import UNKNOWN_TOKENS

if TYPE_CHECKING:
    import pandas as pd


def token_differences(pairs: pd.DataFrame, responses: pd.DataFrame) -> list[Mapping[str, object]]:
    """One entry for each two groups that are compared: pairs, how many are equally long, mean and largest b - a.

    Empty where the back end does not say how long a prompt is to it.
    """
    known = responses[responses["tokens"] != UNKNOWN_TOKENS].drop_duplicates("prompt_id")
    length = known.set_index("prompt_id")["tokens"]
    swap = pairs[pairs["arm"] == "swap"]
    difference = swap["b"].map(length).to_numpy(float) - swap["a"].map(length).to_numpy(float)
    rows = swap.assign(difference=difference)[np.isfinite(difference)]
    found: list[Mapping[str, object]] = []
    for (axis, a, b), some in rows.groupby(["axis", "group_a", "group_b"], sort=True):
        values = some["difference"].to_numpy(float)
        found.append(
            {
                "axis": str(axis), "group_a": str(a), "group_b": str(b), "pairs": len(values),
                "equal": int((values == 0).sum()), "mean": float(values.mean()),
                "largest": float(values[np.abs(values).argmax()]),
            }
        )  # fmt: skip
    return found
