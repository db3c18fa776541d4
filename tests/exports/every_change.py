"""A comparison made by hand, with every status of a change, a closed gate, a waiver, and every table."""

from __future__ import annotations

import math
from typing import Any

from audit.records import (
    CHANGES,
    CREDITS,
    FLIP_COUNTS,
    FLIPS,
    MOVERS,
    UTILITY,
    Change,
    Compared,
    Comparison,
    Exclusion,
    GateOutcome,
    GateReason,
    Waiver,
)

PLAIN: dict[str, Any] = {
    "metric": "selection_rate", "axis": "gender", "stratum": "*", "design": "paired", "group_a": "men",
    "group_b": "women", "contrast": "pair", "decision": True, "reversed": False, "scale": "difference", "reason": "",
    "baseline": -0.05, "baseline_low": -0.08, "baseline_high": -0.02, "baseline_verdict": "within",
    "candidate": -0.05, "candidate_low": -0.08, "candidate_high": -0.02, "candidate_verdict": "within",
    "difference": 0.0, "se": 0.01, "df": 39.0, "low": -0.03, "high": 0.03, "level": 0.99, "total": -0.1,
    "total_low": -0.15, "total_high": -0.05, "p_value": 0.9, "p_adjusted": 1.0, "limit_low": -0.1, "limit_high": 0.1,
    "control_low": -0.02, "control_high": 0.02, "detectable": 0.14, "pair_count": 480, "missing_count": 2,
    "cluster_count": 40, "name_count": 12,
}  # fmt: skip
LOST = dict.fromkeys(("difference", "se", "df", "low", "high", "total", "total_low", "total_high"), math.nan)
BEFORE = dict.fromkeys(("baseline", "baseline_low", "baseline_high"), math.nan) | {"baseline_verdict": ""}
NOW = dict.fromkeys(("candidate", "candidate_low", "candidate_high"), math.nan) | {"candidate_verdict": ""}
ROWS: tuple[dict[str, Any], ...] = (
    {"status": "worse", "candidate": -0.3, "candidate_low": -0.35, "candidate_high": -0.25, "difference": -0.25,
     "candidate_verdict": "beyond", "low": -0.3, "high": -0.2, "total": -0.35, "total_low": -0.4, "total_high": -0.3},
    {"status": "better", "group_a": "men", "group_b": "non-binary", "baseline": -0.3, "baseline_low": -0.34,
     "baseline_high": -0.26, "baseline_verdict": "beyond", "difference": 0.25, "low": 0.2, "high": 0.3},
    {"status": "unchanged", "group_a": "non-binary"},
    {"status": "undecided", "axis": "ethnicity", "group_a": "Asian", "group_b": "Black", "low": -0.2, "high": 0.10004,
     "reason": "the interval reaches across the limit"},
    {"status": "worse", "axis": "ethnicity", "group_a": "Asian", "group_b": "White", "candidate": 0.2, "reversed": True,
     "candidate_low": 0.15, "candidate_high": 0.25, "candidate_verdict": "beyond", "difference": 0.25},
    {"status": "new", "axis": "ethnicity", "group_a": "Black", "group_b": "White", **LOST, **BEFORE},
    {"status": "gone", "metric": "impact_ratio", "scale": "log_ratio", "baseline": math.log(0.7996),
     "baseline_low": math.log(0.7), "baseline_high": math.log(0.9), "limit_low": math.log(0.8),
     "limit_high": math.log(1.25), **LOST, **NOW},
    {"status": "not_comparable", "metric": "rating", **LOST, "reason": "the question is another one"},
)  # fmt: skip
EXPLORED = {"status": "", "decision": False, "metric": "choice_logit"}
STATUSES = tuple(str(row["status"]) for row in ROWS)


def side(version: str, number: int, **more: Any) -> Compared:
    plain: dict[str, Any] = {
        "source": f"reports/hiring-screening-{version}", "suite": "hiring", "suite_digest": "ab" * 32,
        "model": f"reference:screening-{version}", "model_id": f"{number}" * 16, "policy": "default",
        "policy_digest": "cd" * 32, "plan": f"{number}" * 64, "root": f"{number + 3}" * 64,
        "finished_at": f"2026-11-2{number}T09:00:00Z", "complete": True, "audit_version": "0.1.0",
    }  # fmt: skip
    return Compared(**{**plain, **more})


def every_change(text: str = "") -> Comparison:
    """The comparison; `text` is added to everything that a person or a model wrote."""
    rows = [
        {**PLAIN, **row, "change_id": f"c{place}", "effect_id": f"e{place}",
         "reason": f"{row.get('reason', '')}{text}", "stratum": f"s{text}" if text else "*"}
        for place, row in enumerate((*ROWS, EXPLORED))
    ]  # fmt: skip
    keys = [name for name in Change.__dataclass_fields__ if name != "id"]
    changes = tuple(Change(id=row["change_id"], **{key: row[key] for key in keys}) for row in rows[:-1])
    gate = GateOutcome(
        state="closed", policy="default", rules={"worse": True, "beyond": True, "waiver": True},
        reasons=(
            GateReason(rule="worse", text=f"it became worse{text}", effect_id="e0"),
            GateReason(rule="worse", text="it became worse", effect_id="e4", waived_by="Ada Example"),
            GateReason(rule="waiver", text="the waiver of Max Example has expired on 2026-01-31"),
        ),
    )  # fmt: skip
    return Comparison(
        baseline=side("v1", 1), candidate=side("v2", 2), paired=True, alpha=0.05, count=5, changes=changes,
        table=CHANGES.frame(rows), flips=FLIPS.frame([_flip(text)]), flip_counts=FLIP_COUNTS.frame(_flip_counts()),
        movers=MOVERS.frame([_mover(text)]), credits=CREDITS.frame([_credit(text)]), utility=UTILITY.frame(_utility()),
        refused=(Exclusion(what="rating", reason=f"the question is another one{text}", count=1),),
        notes=(f"the candidate is older than the baseline{text}",),
        waivers=(
            Waiver(finding="e4", owner="Ada Example", reason=f"retraining is planned{text}", expires="2026-12-31",
                   effect_ids=("e4",)),
            Waiver(finding="e9", owner="Max Example", reason="", expires="2026-01-31", problem="expired"),
        ),
        gate=gate,
    )  # fmt: skip


def _flip(text: str) -> dict[str, Any]:
    return {
        "metric": "selection_rate", "axis": "gender", "group": "women", "template": "t1", "name": "01", "stratum": "",
        "prompt_id": "p1", "baseline": f"invite{text}", "candidate": f"reject{text}", "baseline_value": 1.0,
        "candidate_value": 0.0,
    }  # fmt: skip


def _flip_counts() -> list[dict[str, Any]]:
    plain = {
        "metric": "selection_rate",
        "axis": "gender",
        "n": 480,
        "p_value": 0.01,
        "note": "ignores clustering",
    }
    return [
        {**plain, "group": "*", "gained": 3, "lost": 120}, {**plain, "group": "women", "gained": 1, "lost": 110},
    ]  # fmt: skip


def _mover(text: str) -> dict[str, Any]:
    answers = {
        f"{version}_{which}": f"answer{text}" for version in ("baseline", "candidate") for which in "ab"
    }
    return {
        "effect_id": "e0", "metric": "selection_rate", "axis": "gender", "pair_id": "pair1", "group_a": "men",
        "group_b": "women", "template": "t1", "name": "01", "stratum": "", "a": "p0", "b": "p1", "baseline": 0.0,
        "candidate": -1.0, "change": -1.0, **answers,
    }  # fmt: skip


def _credit(text: str) -> dict[str, Any]:
    return {
        "metric": "choice_logit", "axis": "gender", "group_a": "men", "group_b": "women", "game": "swap",
        "method": "shap", "slot": "occupation", "text": f"engineer{text}", "pairs": 12, "baseline": -0.1,
        "candidate": -0.9, "baseline_share": 0.2, "candidate_share": 0.7, "unreliable": 1,
    }  # fmt: skip


def _utility() -> list[dict[str, Any]]:
    plain = {
        "axis": "*",
        "group": "*",
        "n": 960,
        "missing": 0,
        "cluster_count": 40,
        "se": 0.01,
        "df": 39.0,
        "level": 0.95,
        "low": -0.04,
        "high": 0.0,
    }
    plain |= {"baseline": 0.8, "candidate": 0.78, "difference": -0.02}
    return [{**plain, "metric": name} for name in ("accuracy", "refusal")]
