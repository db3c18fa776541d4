"""What surrounds the effects of the made run: interactions, subgroups, classical tests, a judge's errors, looks."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
from made_rows import Rows, effect_row

from audit.policy import load_policy
from audit.records import CLASSICAL, JUDGED, SUBGROUPS, content_id


def interactions() -> Rows:
    """Three interactions: lower than the parts, higher, and one that cannot be told."""
    ends = {"women*Black": (-0.12, -0.03), "women*Asian": (0.02, 0.14), "men*Black": (-0.05, 0.06)}
    rows = [
        effect_row(
            axis="gender*ethnicity", contrast="interaction", group_a="men*Hispanic", group_b=group,
            estimate=(low + high) / 2, low=low, high=high, mean_a=0.6, mean_b=0.6 + (low + high) / 2,
        )
        for group, (low, high) in ends.items()
    ]  # fmt: skip
    return [
        {**row, "effect_id": content_id("hiring", "interaction", row["group_a"], row["group_b"])}
        for row in rows
    ]


def subgroups() -> pd.DataFrame:
    """One subgroup that is confirmed, one that is not, one metric without a search."""
    plain: dict[str, Any] = {
        "axis": "gender", "stratum": "nurse", "group": "men", "searched": 24, "search_clusters": 5, "clusters": 5,
        "n": 15, "se": 0.02, "df": 4.0, "level": 0.975, "reason": "",
    }  # fmt: skip
    nothing = dict.fromkeys(("estimate", "low", "high", "p_value", "p_adjusted", "search_estimate"), math.nan)
    return SUBGROUPS.frame([
        {**plain, "metric": "selection_rate", "search_estimate": -0.31, "estimate": -0.22, "low": -0.3, "high": -0.14,
         "p_value": 0.001, "p_adjusted": 0.002, "confirmed": True},
        {**plain, "metric": "choice_logit", "stratum": "*", "search_estimate": -0.9, "estimate": 0.1, "low": -0.4,
         "high": 0.6, "p_value": 0.6, "p_adjusted": 1.0, "confirmed": False},
        {**plain, **nothing, "metric": "impact_ratio", "confirmed": False, "reason": "fewer than 8 clusters"},
    ])  # fmt: skip


def classical(effects: Rows) -> pd.DataFrame:
    """Exact McNemar and a mixed model for the first decided effects."""
    found: Rows = []
    for row in [row for row in effects if row["decision"]][:4]:
        place = {key: row[key] for key in ("effect_id", "metric", "axis", "stratum", "group_a", "group_b")}
        found += [
            {**place, "test": "mcnemar_exact", "n": 10, "estimate": 0.2, "se": math.nan, "statistic": math.nan,
             "p_value": 0.11, "note": "one pair a template"},
            {**place, "test": "mixed_model", "n": 60, "estimate": -0.41, "se": 0.2, "statistic": -2.05,
             "p_value": 0.04, "note": ""},
        ]  # fmt: skip
    return CLASSICAL.frame(found)


def judged() -> pd.DataFrame:
    """A judge that is right 18 times of 20."""
    return JUDGED.frame([
        {"metric": "choice_logit", "axis": "gender", "group": group, "favourable": 20, "found": 18, "sensitivity": 0.9,
         "sensitivity_low": 0.68, "sensitivity_high": 0.98, "unfavourable": 20, "cleared": 19, "specificity": 0.95,
         "specificity_low": 0.75, "specificity_high": 0.99, "failed": 1, "level": 0.95,
         "note": "corrected by the errors of all groups together" if group == "*" else ""}
        for group in ("men", "women", "*")
    ])  # fmt: skip


def looks() -> tuple[dict[str, object], ...]:
    return (
        {"at": "2026-11-20T09:01:00+00:00", "effects": 50, "answers": 700},
        {"at": "2026-11-20T09:01:12+00:00", "effects": 60, "answers": 800},
    )


def annexed_policy() -> dict[str, Any]:
    """Clauses and annex of a shipped policy, as a plan holds them."""
    whole = load_policy("nyc-ll144").model_dump(mode="json")
    return {key: whole[key] for key in ("clauses", "annex")}
