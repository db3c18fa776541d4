"""Checks of the made run's explanations, what two slots do together, what its random sample adds up to."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parent.parent))

from made_rows import Rows
from planted_credits import Played, drawn, tables

from audit.carriers import carriers
from audit.records import content_id

CRITERIA = {
    "additivity": (2e-9, 1e-4),
    "agreement": (0.93, 0.8),
    "comprehensiveness": (0.31, 0.22),
    "sufficiency": (0.12, float("nan")),
    "stability": (1.0, 0.9),
    "sampling": (0.0, 0.05),
}


def quality(attributions: Rows) -> Rows:
    """A row a criterion; the explanations that missed a bar missed the one of agreement."""
    first = {row["attribution_id"]: row for row in reversed(attributions)}
    found = [_check(row, name, *CRITERIA[name]) for row in first.values() for name in CRITERIA]
    whole = {
        "attribution_id": "*",
        "pair_id": "",
        "side": "",
        "game": "removal",
        "method": "shap",
        "reliable": True,
    }
    return [*found, _check(whole, "randomisation", 0.16, 0.5)]


def _check(row: Any, criterion: str, value: float, bar: float) -> dict[str, Any]:
    missed = criterion == "agreement" and not row["reliable"]
    short = row["game"] == "swap" and criterion == "agreement"
    return {
        **{name: row[name] for name in ("attribution_id", "pair_id", "side", "game", "method")},
        "criterion": criterion,
        "value": float("nan") if short else 0.41 if missed else value,
        "bar": float("nan") if short else bar,
        "applies": not short and bar == bar,
        "met": not missed,
        "note": "fewer than three players" if short else row["reason"] if missed else "",
    }


def interactions(swap: Rows) -> Rows:
    """Of every swap game with two players: a tenth of each credit is what both do together."""
    found: Rows = []
    by_pair: dict[str, Rows] = {}
    for row in swap:
        by_pair.setdefault(row["pair_id"], []).append(row)
    for rows in by_pair.values():
        if len(rows) == 2:
            name = {
                "method": "shap_interactions",
                "attribution_id": content_id(rows[0]["pair_id"], "together"),
            }
            found += [{**row, **name, "partner": row["player"], "value": 0.9 * row["value"]} for row in rows]
            both = 0.1 * sum(row["value"] for row in rows)
            found.append({**rows[0], **name, "partner": rows[1]["player"], "value": both})
    return found


def carried(axes: Sequence[str], rng: np.random.Generator) -> pd.DataFrame:
    """The table CARRIERS of planted credits on each axis, with a lost pair."""
    groups = {"gender": ("men", "women"), "ethnicity": ("Asian", "Black")}
    played: list[Played] = []
    for axis in axes:
        sides = groups.get(axis, ("a", "b"))
        played += [_on(each, sides, lost=number == 0) for number, each in enumerate(drawn(rng, axis))]
    return carriers(*tables(played), alpha=0.05)


def _on(each: Played, groups: tuple[str, str], *, lost: bool) -> Played:
    from dataclasses import replace

    return replace(each, groups=groups, stratum="nurse", total=99.0 if lost else None)
