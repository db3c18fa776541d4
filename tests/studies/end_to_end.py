"""Whole audits of simulated answers: responses → scores → deltas → effects → findings."""

from __future__ import annotations

import json

import numpy as np
from audits import QUESTION, Cells, Result, decide, default_policy, make_axis, make_suite, run_tables
from numpy.typing import NDArray

from audit.records import RESPONSES
from audit.score import score

GROUPS = ("blue", "green", "red")
METRICS = ("choice_logit", "selection_rate")
SHIFT = 1.4
"""Log-odds by which a planted audit favours the last group."""


def whole_audit(seed: int, *, planted: bool, templates: int = 60, names: int = 12) -> Result:
    """One audit: three groups, two decision metrics, names and templates that scatter within a group."""
    rng = np.random.default_rng(seed)
    shape = (templates, names, len(GROUPS))
    base = rng.normal(size=(templates, 1, 1)) + rng.normal(size=(templates, 1, len(GROUPS))) * 0.3
    by_name = rng.normal(size=(1, names, len(GROUPS))) * 0.3
    values = base + by_name + rng.normal(size=shape) * 0.3
    controls = base + np.roll(by_name, -1, axis=1) + rng.normal(size=shape) * 0.3
    if planted:
        values[..., 2] += SHIFT
        controls[..., 2] += SHIFT
    return _of(values, controls)


def _of(values: NDArray[np.float64], controls: NDArray[np.float64]) -> Result:
    prompts, pairs, latent = Cells(values=values, groups=GROUPS, controls={"name": controls}).tables(
        "choice_logit"
    )
    answers = [
        json.dumps({"no": float(-np.logaddexp(0, x)), "yes": float(-np.logaddexp(0, -x))})
        for x in latent["value"]
    ]
    responses = RESPONSES.frame(
        latent[["prompt_id"]].assign(repeat=0, text="", scores=answers, error="", answered_at="")
    )
    suite = make_suite(metrics=METRICS, decision=tuple(decide(metric) for metric in METRICS))
    scores = score(prompts, responses, question=QUESTION, metrics=METRICS)
    return run_tables(
        prompts,
        pairs,
        scores,
        suite=suite,
        policy=default_policy(),
        axis=make_axis(GROUPS),
        responses=responses,
    )


def verdicts(found: Result) -> dict[tuple[str, str, str], str]:
    """Verdict by metric and groups."""
    return {(one.metric, one.group_a, one.group_b): one.verdict for one in found.findings}
