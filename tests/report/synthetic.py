"""A plausible finished run, made of seeded random numbers: what report tests render. No model is involved."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from made_answers import Tables, add_cell
from made_documents import AXES, FINISHED_AT, manifest_of, plan_of, policy, suite_of
from made_explanations import explained
from made_extras import annexed_policy, classical, interactions, judged, looks, subgroups
from made_quality import carried, quality
from made_rows import Rows, effect_row, finding_of, group_row

from audit.records import (
    ATTRIBUTIONS,
    DELTAS,
    EFFECTS,
    GROUPS,
    PAIRS,
    PROMPTS,
    QUALITY,
    RESPONSES,
    SCORES,
    Exclusion,
    Finding,
    Run,
    content_id,
)


def make_run(*, templates: int = 10, seed: int = 7, axes: Mapping[str, Mapping[str, Any]] = AXES) -> Run:
    """A paired run with two axes, controls, strata, explanations and nine decision effects."""
    rng = np.random.default_rng(seed)
    tables = Tables(prompts=[], pairs=[], scores=[], deltas=[])
    for axis, data in axes.items():
        groups = sorted(data["groups"])
        for template in range(templates):
            for person in range(3):
                add_cell(tables, rng, (axis, groups), (template, person))
    effects, findings = _effects(tables.deltas, axes, rng)
    attributions = explained(tables, rng)
    prompts = PROMPTS.frame(tables.prompts)
    return Run(
        folder="reports/hiring-screening-v1-0f3c9a1b",
        plan=plan_of(len(findings), axes),
        manifest=manifest_of(len(tables.prompts), len(tables.pairs)),
        suite=suite_of(list(axes)),
        policy=policy() | annexed_policy(),
        axes=axes,
        prompts=prompts,
        pairs=PAIRS.frame(tables.pairs),
        responses=RESPONSES.frame(_responses(prompts)),
        scores=SCORES.frame(tables.scores),
        deltas=DELTAS.frame(tables.deltas),
        effects=EFFECTS.frame(effects),
        groups=GROUPS.frame(_groups(tables.scores, prompts, axes)),
        attributions=ATTRIBUTIONS.frame(attributions),
        findings=tuple(findings),
        subgroups=subgroups(),
        classical=classical(effects),
        judged=judged(),
        quality=QUALITY.frame(quality(attributions)),
        carriers=carried(list(axes), np.random.default_rng(seed)),
        looks=looks(),
        excluded=(
            Exclusion(
                what="gender*ethnicity: non-binary names", reason="the axis has no such names", count=4
            ),
        ),
    )


def _effects(deltas: Rows, axes: Mapping[str, Any], rng: np.random.Generator) -> tuple[Rows, list[Finding]]:
    frame = pd.DataFrame(deltas)
    effects: Rows = []
    for axis, data in axes.items():
        for a, b in combinations(sorted(data["groups"]), 2):
            cell = frame[
                (frame["arm"] == "swap")
                & (frame["axis"] == axis)
                & (frame["group_a"] == a)
                & (frame["group_b"] == b)
            ]
            effects.append(_effect(cell[cell["metric"] == "selection_rate"], limit=0.1, decision=True))
            effects.append(_effect(cell[cell["metric"] == "choice_logit"], limit=0.4, decision=False))
            effects.append(_ratio(effects[-2]))
            for occupation, part in cell[cell["metric"] == "choice_logit"].groupby("stratum"):
                effects.append({**_effect(part, limit=0.4, decision=False), "stratum": occupation})
            for metric in ("attribution_share_shap", "attribution_shift_shap"):
                middle = float(rng.normal(0.1, 0.05))
                effects.append(
                    effect_row(
                        metric=metric,
                        axis=axis,
                        group_a=a,
                        group_b=b,
                        estimate=middle,
                        low=middle - 0.1,
                        high=middle + 0.1,
                        level=0.95,
                    )
                )
    for one, two in combinations(("men*Asian", "men*Black", "women*Asian", "women*Black"), 2):
        middle = float(rng.normal(-0.1, 0.1))
        effects.append(
            effect_row(
                axis="gender*ethnicity",
                group_a=one,
                group_b=two,
                estimate=middle,
                low=middle - 0.12,
                high=middle + 0.12,
                limit_low=-0.1,
                limit_high=0.1,
            )
        )
    effects = [
        {
            **row,
            "effect_id": content_id(
                "hiring", *(row[key] for key in ("metric", "axis", "stratum", "group_a", "group_b"))
            ),
        }
        for row in effects
    ]
    effects += interactions()
    decided = [row for row in effects if row["decision"]]
    findings = [finding_of(row, frame) for row in decided]
    return effects, findings


def _effect(cell: pd.DataFrame, *, limit: float, decision: bool) -> dict[str, Any]:
    values = cell["delta"].to_numpy()
    first = cell.iloc[0]
    estimate = float(values.mean())
    se = max(float(values.std(ddof=1)) / math.sqrt(len(values)), 0.015)
    half = (2.9 if decision else 2.0) * se
    lower = -limit if first["metric"] == "choice_logit" else -1e-9
    row = effect_row(
        metric=first["metric"],
        axis=first["axis"],
        group_a=first["group_a"],
        group_b=first["group_b"],
        decision=decision,
        template_count=int(cell["template"].nunique()),
        pair_count=len(cell),
        cluster_count=int(cell["cluster"].nunique()),
        estimate=estimate,
        se=se,
        low=estimate - half,
        high=estimate + half,
        level=1 - 0.05 / 9 if decision else 0.95,
        p_value=math.exp(-abs(estimate) / se),
        p_adjusted=min(1.0, 9 * math.exp(-abs(estimate) / se)),
        limit_low=-limit,
        limit_high=limit,
        limit_origin="policy default",
        control_low=-0.4 * limit,
        control_high=0.4 * limit,
        detectable_zero=3.8 * se,
        detectable_beyond=limit + 3.8 * se,
        mean_a=float(cell["value_a"].mean()),
        mean_b=float(cell["value_b"].mean()),
        lower_share=float((values < lower).mean()),
        higher_share=float((values > -lower).mean()),
    )
    if decision:
        row["verdict"] = (
            "beyond"
            if row["high"] < -limit or row["low"] > limit
            else "within"
            if -limit < row["low"] and row["high"] < limit
            else "undecided"
        )
        row["reason"] = {
            "beyond": "the whole interval lies outside the limit",
            "within": "the whole interval lies inside the limit",
        }.get(row["verdict"], "the interval reaches across the limit")
    return row


def _ratio(row: Mapping[str, Any]) -> dict[str, Any]:
    middle = math.log(row["mean_b"] / row["mean_a"])
    return {
        **row,
        "metric": "impact_ratio",
        "scale": "log_ratio",
        "decision": False,
        "verdict": "",
        "reason": "",
        "estimate": middle,
        "low": middle - 0.15,
        "high": middle + 0.15,
        "limit_low": math.log(0.8),
        "limit_high": math.log(1.25),
        "level": 0.95,
        "control_low": math.nan,
        "control_high": math.nan,
        "lower_share": math.nan,
        "higher_share": math.nan,
    }


def _groups(scores: Rows, prompts: pd.DataFrame, axes: Mapping[str, Any]) -> Rows:
    values = pd.DataFrame(scores).merge(
        prompts[prompts["arm"] == "swap"], on="prompt_id", suffixes=("", "_prompt")
    )
    found: Rows = []
    for (metric, axis, group), cell in values.groupby(["metric", "axis", "group"]):
        found.append(
            group_row(metric=metric, axis=axis, group=group, n=len(cell), value=float(cell["value"].mean()))
        )
    for group, value in (
        ("men*Asian", 0.71),
        ("men*Black", 0.66),
        ("women*Asian", 0.44),
        ("women*Black", 0.35),
    ):
        found.append(
            group_row(metric="selection_rate", axis="gender*ethnicity", group=group, n=90, value=value)
        )
    for row in found:
        peers = [
            each["value"] for each in found if each["metric"] == row["metric"] and each["axis"] == row["axis"]
        ]
        if row["metric"] == "selection_rate":
            share = row["value"] / max(peers)
            row.update(
                impact_ratio=share,
                impact_ratio_low=0.85 * share,
                impact_ratio_high=min(1.0, 1.12 * share),
                expected_lowest_ratio=0.912,
            )
    return found


def _responses(prompts: pd.DataFrame) -> Rows:
    return [
        {
            "prompt_id": prompt_id,
            "repeat": 0,
            "text": "",
            "scores": '{"invite":-0.4,"reject":-1.1}',
            "error": "",
            "answered_at": FINISHED_AT,
        }
        for prompt_id in dict.fromkeys(prompts["prompt_id"])
    ]
