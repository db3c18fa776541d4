"""Audits made of numbers: tables as the pipeline hands them on, from arrays of scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit.axis import Axis
from audit.effects import effects
from audit.findings import findings
from audit.policy import Policy, load_policy
from audit.records import PAIRS, PROMPTS, RESPONSES, SCORES, Finding, Question, content_id
from audit.score import deltas
from audit.suite import Suite

QUESTION = Question(kind="choose", options=("yes", "no"), favourable="yes")
FREE = Question(kind="generate")


@cache
def default_policy() -> Policy:
    return load_policy("default")


def make_axis(groups: Sequence[str], *, name: str = "colour", cue: str = "names") -> Axis:
    words = {
        group: {"title": group, "wording": f"inputs with {group}", "terms": {"hue": group}}
        for group in groups
    }
    return Axis.model_validate({
        "axis": 1, "id": name, "title": name, "attribute": name, "language": "en", "cue": cue,
        "source": "made up for a test", "date": "2026-11-20", "groups": words,
    })  # fmt: skip


def make_suite(**changes: Any) -> Suite:
    plain = {
        "suite": 1, "id": "test", "title": "Test", "language": "en", "domain": "test", "harm": "none",
        "cannot_show": "anything", "axes": ("colour",), "metrics": ("selection_rate",),
        "templates": ({"id": "t", "text": "$hue"},),
        "question": {"kind": "choose", "ask": "?", "options": ("yes", "no"), "favourable": "yes"},
    }  # fmt: skip
    return Suite.model_validate(plain | changes)


def decide(metric: str, axis: str = "colour", **more: object) -> dict[str, object]:
    return {"metric": metric, "axis": axis, **more}


@dataclass(frozen=True)
class Cells:
    """values[template, name, group] are scores; controls[arm] are those of the same cells with another name or edit."""

    values: NDArray[np.float64]
    groups: Sequence[str] = ("blue", "red")
    controls: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    strata: Sequence[str] = ("",)
    clusters: Sequence[str] | None = None
    axis: str = "colour"

    def tables(self, metric: str) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        """Prompts, pairs, and scores of one metric."""
        prompts, pairs, scores = [], [], []
        templates, names, _ = self.values.shape
        for t in range(templates):
            for n in range(names):
                stratum = self.strata[(t + n) % len(self.strata)]
                place = {
                    "axis": self.axis, "template": f"t{t:03d}", "name": f"{n:02d}", "stratum": stratum,
                    "cluster": self.clusters[t] if self.clusters else f"t{t:03d}",
                }  # fmt: skip
                ids = {g: content_id(t, n, g, self.axis) for g in self.groups}
                for k, group in enumerate(self.groups):
                    prompts.append(_prompt(place, ids[group], "swap", group))
                    scores.append(_score(ids[group], "swap", metric, self.values[t, n, k]))
                    for arm, values in self.controls.items():
                        other = content_id(t, n, group, arm, self.axis)
                        prompts.append(_prompt(place, other, arm, group, base=ids[group]))
                        pairs.append(_pair(place, arm, (group, group), (ids[group], other)))
                        scores.append(_score(other, "swap", metric, values[t, n, k]))
                for a, b in combinations(sorted(self.groups), 2):
                    pairs.append(_pair(place, "swap", (a, b), (ids[a], ids[b])))
        return PROMPTS.frame(prompts), PAIRS.frame(pairs), SCORES.frame(scores)


@dataclass(frozen=True)
class Result:
    """What effects and findings say."""

    effects: pd.DataFrame
    groups: pd.DataFrame
    findings: tuple[Finding, ...]
    deltas: pd.DataFrame

    def row(self, **where: object) -> pd.Series[Any]:
        """The only effect with these values."""
        return only(self.effects, **where)

    def group(self, **where: object) -> pd.Series[Any]:
        """The only group row with these values."""
        return only(self.groups, **where)


def only(table: pd.DataFrame, **where: object) -> pd.Series[Any]:
    mask = np.ones(len(table), dtype=bool)
    for name, value in where.items():
        mask &= (table[name] == value).to_numpy(bool)
    assert mask.sum() == 1, f"{mask.sum()} rows with {where}"
    return table[mask].iloc[0]


def run_cells(
    cells: Cells, *, metric: str = "selection_rate", suite: Suite | None = None, policy: Policy | None = None,
    cue: str = "names", question: Question = QUESTION, complete: bool = True,
) -> Result:  # fmt: skip
    """Deltas, effects and findings of one score; by default its pooled effects are marked for decision."""
    suite = suite or make_suite(metrics=(metric,), decision=(decide(metric),))
    prompts, pairs, scores = cells.tables(metric if metric != "impact_ratio" else "selection_rate")
    return run_tables(
        prompts, pairs, scores, suite=suite, policy=policy, axis=make_axis(cells.groups, cue=cue, name=cells.axis),
        question=question, complete=complete,
    )  # fmt: skip


def run_tables(
    prompts: pd.DataFrame, pairs: pd.DataFrame, scores: pd.DataFrame, *, suite: Suite, axis: Axis,
    policy: Policy | None = None, question: Question = QUESTION, complete: bool = True,
    responses: pd.DataFrame | None = None,
) -> Result:  # fmt: skip
    policy = policy or default_policy()
    answers = RESPONSES.frame() if responses is None else responses
    differences = deltas(pairs, scores, answers, question=question, metrics=suite.metrics)
    table, groups = effects(
        prompts, scores, differences, suite=suite, axes={axis.id: axis}, policy=policy, question=question
    )
    judged, found = findings(
        table, differences, policy=policy, complete=complete, generalise=suite.generalise
    )
    return Result(effects=judged, groups=groups, findings=found, deltas=differences)


def rankings(
    winners: Sequence[str], orders: Sequence[Sequence[str]], strata: Sequence[str] | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Prompts and scores of `rank_first`: in answer i the candidates stand in orders[i], and winners[i] is first."""
    prompts, scores = [], []
    for i, (winner, order) in enumerate(zip(winners, orders, strict=True)):
        place = {
            "axis": "colour",
            "template": "job",
            "cluster": "job",
            "name": "",
            "stratum": strata[i] if strata else "",
        }
        for position, group in enumerate(order, start=1):
            row = _prompt(place, f"p{i:05d}", "swap", group)
            prompts.append(row | {"item": f"person {group}", "position": position})
            value = float(group == winner) if winner else np.nan
            scores.append(_score(f"p{i:05d}", "swap", "rank_first", value) | {"item": f"person {group}"})
    return PROMPTS.frame(prompts), SCORES.frame(scores)


def _prompt(
    place: Mapping[str, object], prompt_id: str, arm: str, group: str, base: str = ""
) -> dict[str, object]:
    return {
        "prompt_id": prompt_id, "item": "", "arm": arm, "group": group, "position": 0, "base_id": base, "repeats": 1,
        "messages": "[]", "spans": "[]", **place,
    }  # fmt: skip


def _pair(
    place: Mapping[str, object], arm: str, groups: tuple[str, str], ids: tuple[str, str]
) -> dict[str, object]:
    name = content_id(place["axis"], arm, *ids)
    return {
        "pair_id": name,
        "arm": arm,
        "group_a": groups[0],
        "group_b": groups[1],
        "a": ids[0],
        "b": ids[1],
        **place,
    }


def _score(prompt_id: str, arm: str, metric: str, value: float) -> dict[str, object]:
    reason = "" if np.isfinite(value) else "unparsed"
    return {
        "prompt_id": prompt_id,
        "item": "",
        "arm": arm,
        "metric": metric,
        "value": value,
        "reason": reason,
    }
