"""`effects.csv` and `groups.csv`: every effect and every group of a run, in full precision."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from audit.records import Run

if TYPE_CHECKING:
    import pandas as pd

EFFECT_COLUMNS = (
    "run", "suite", "metric", "axis", "stratum", "design", "group_a", "group_b",
    "template_count", "name_count", "cluster_count", "pair_count", "failed_count",
    "estimate", "scale", "low", "high", "level", "p_value", "p_adjusted",
    "limit_low", "limit_high", "control_low", "control_high", "verdict", "reason",
)  # fmt: skip
GROUP_COLUMNS = (
    "run", "suite", "metric", "axis", "stratum", "group", "n", "failed",
    "value", "impact_ratio", "impact_ratio_low", "impact_ratio_high",
)  # fmt: skip
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a text must not begin with, or a spreadsheet would calculate it."""


def export(run: Run, folder: Path) -> list[Path]:
    """The two files, written into `folder` (made if missing): UTF-8, a header row, an empty cell for no value."""
    folder.mkdir(parents=True, exist_ok=True)
    same = {"run": PurePath(run.folder).name, "suite": str(run.suite.get("id") or "")}
    effects, groups = folder / "effects.csv", folder / "groups.csv"
    _write(effects, EFFECT_COLUMNS, run.effects, same)
    _write(groups, GROUP_COLUMNS, run.groups, same)
    return [effects, groups]


def _write(path: Path, columns: Sequence[str], table: pd.DataFrame, same: Mapping[str, str]) -> None:
    cells = [[same[column]] * len(table) if column in same else table[column].tolist() for column in columns]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)  # CRLF, as RFC 4180 says; with it both characters are quoted inside texts
        writer.writerow(columns)
        writer.writerows([cell(value) for value in row] for row in zip(*cells, strict=True))


def cell(value: object) -> str:
    """A cell: numbers so that reading them gives the same number, nothing for NaN, an apostrophe before a formula."""
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else "" if math.isnan(value) else str(value)
    if isinstance(value, int):
        return str(value)
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA) else text
