"""Single rows of a run's tables, filled with plain values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from audit.records import Finding, content_id

Rows = list[dict[str, Any]]

EFFECT: dict[str, Any] = {
    "effect_id": "",
    "metric": "selection_rate",
    "axis": "gender",
    "stratum": "*",
    "design": "paired",
    "group_a": "men",
    "group_b": "women",
    "decision": False,
    "template_count": 10,
    "name_count": 3,
    "cluster_count": 10,
    "pair_count": 30,
    "failed_count": 0,
    "estimate": 0.0,
    "scale": "difference",
    "se": 0.01,
    "df": 9.0,
    "low": -0.02,
    "high": 0.02,
    "level": 0.95,
    "p_value": 0.5,
    "p_adjusted": 1.0,
    "standardised": 0.0,
    "limit_low": math.nan,
    "limit_high": math.nan,
    "limit_origin": "",
    "control_arm": "name",
    "control_low": math.nan,
    "control_high": math.nan,
    "detectable_zero": 0.03,
    "detectable_beyond": 0.13,
    "mean_a": 0.7,
    "mean_b": 0.6,
    "lower_share": math.nan,
    "higher_share": math.nan,
    "verdict": "",
    "reason": "",
}


def effect_row(**values: Any) -> dict[str, Any]:
    """A row of the effects table, with its content id."""
    row = {**EFFECT, **values}
    key = [row[name] for name in ("metric", "axis", "stratum", "group_a", "group_b")]
    return {**row, "effect_id": content_id("hiring", *key)}


def group_row(**values: Any) -> dict[str, Any]:
    """A row of the groups table."""
    middle = values.get("value", 0.5)
    return {
        "metric": "selection_rate",
        "axis": "gender",
        "stratum": "*",
        "group": "women",
        "n": 30,
        "failed": 0,
        "value": middle,
        "low": middle - 0.08,
        "high": middle + 0.08,
        "impact_ratio": math.nan,
        "impact_ratio_low": math.nan,
        "impact_ratio_high": math.nan,
        "expected_lowest_ratio": math.nan,
        "note": "",
        **values,
    }


def attribution_row(pair_id: str, side: str, game: str, method: str, **values: Any) -> dict[str, Any]:
    return {
        "attribution_id": content_id(pair_id, side, game, method),
        "pair_id": pair_id,
        "side": side,
        "prompt_id": "",
        "game": game,
        "method": method,
        "sample": "largest",
        "metric": "choice_logit",
        "player": 0,
        "slot": "",
        "text_a": "",
        "text_b": "",
        "spans": "[]",
        "value": 0.0,
        "error": 0.0,
        "base_value": 0.0,
        "total": 0.0,
        "operator": "counterpart",
        "rows": 4,
        "partner": -1,
        "reliable": True,
        "reason": "",
        **values,
    }


def finding_of(row: Mapping[str, Any], deltas: pd.DataFrame) -> Finding:
    mine = deltas[
        (deltas["metric"] == row["metric"])
        & (deltas["arm"] == "swap")
        & (deltas["group_a"] == row["group_a"])
        & (deltas["group_b"] == row["group_b"])
    ]
    sign = -1 if row["estimate"] < 0 else 1
    example = str(mine.loc[(sign * mine["delta"]).idxmax(), "pair_id"]) if len(mine) else ""
    return Finding(
        id=content_id("finding", row["effect_id"]),
        effect_id=row["effect_id"],
        metric=row["metric"],
        axis=row["axis"],
        stratum=row["stratum"],
        group_a=row["group_a"],
        group_b=row["group_b"],
        verdict=row["verdict"],
        reason=row["reason"],
        distinguishable=row["low"] > 0 or row["high"] < 0,
        example_pair=example,
    )
