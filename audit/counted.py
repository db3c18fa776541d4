"""Tables by metric, and which of their answers a metric is about.

A rate of right answers leaves out those whose right answer nobody knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from audit.records import NOT_COUNTED

if TYPE_CHECKING:
    import pandas as pd

CATEGORIES = (
    "axis",
    "arm",
    "template",
    "cluster",
    "name",
    "stratum",
    "group",
    "group_a",
    "group_b",
    "reason",
)
ROWS = ("prompt_id", "item", *CATEGORIES, "value", "answers", "lost", "value_a", "value_b", "delta")
"""Columns of SCORES and DELTAS that numbers are made from."""


def by_metric(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The rows of each metric, with the columns that numbers are made from; not copied where they stand together."""
    columns = [name for name in ROWS if name in table.columns]
    metrics = table["metric"].astype("category")
    codes = metrics.cat.codes.to_numpy()
    small = compact(table[columns])
    return {str(name): small.iloc[_where(codes == n)] for n, name in enumerate(metrics.cat.categories)}


def _where(mine: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> slice | np.ndarray[Any, np.dtype[np.intp]]:
    """Places of these rows; as a slice, which is a view, where they follow each other."""
    rows = np.flatnonzero(mine)
    if len(rows) and rows[-1] - rows[0] == len(rows) - 1:
        return slice(int(rows[0]), int(rows[-1]) + 1)
    return rows


def compact(table: pd.DataFrame) -> pd.DataFrame:
    """The table with words that repeat as categories, which are cheap to select and to compare."""
    words = [name for name in CATEGORIES if name in table.columns and table[name].dtype != "category"]
    return table.astype(dict.fromkeys(words, "category"))


def counted(tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The rows of each metric (column `reason`) without those that it is not about, which are no failures either."""
    return {name: _kept(table) for name, table in tables.items()}


def uncounted(tables: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """Why each metric leaves out what it leaves out: the most frequent reason; metrics that count all are not there."""
    left_out = {name: table.loc[_uncounted(table), "reason"].astype("str") for name, table in tables.items()}
    found = {name: reasons.value_counts().sort_index() for name, reasons in left_out.items() if len(reasons)}
    return {name: str(counts.idxmax()).removeprefix(f"{NOT_COUNTED}: ") for name, counts in found.items()}


def nothing_counted(scores: Iterable[str], why: Mapping[str, str]) -> str:
    """What to say where none of an effect's answers is counted (`why` of `uncounted`); empty where all are."""
    told = sorted({why[name] for name in scores if name in why})
    return f"no answers to count ({' and '.join(told)})" if told else ""


def _kept(table: pd.DataFrame) -> pd.DataFrame:
    left_out = _uncounted(table)
    return table[~left_out] if left_out.any() else table


def _uncounted(table: pd.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    reasons = table["reason"].unique()
    beginning = [reason for reason in reasons if str(reason).startswith(NOT_COUNTED)]
    return table["reason"].isin(beginning).to_numpy(bool)
