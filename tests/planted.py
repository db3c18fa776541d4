"""Audits drawn from the answers of a model with a known effect: score, deltas, effects, findings, as in a run.

A population is every answer of a model to generated templates x all names, asked once; its means are the truth.
A draw is an audit of 40 of the templates and 12 of the names, with the control pairs that an audit of its kind has.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit.axis import Axis, load_axis
from audit.effects import effects
from audit.findings import findings
from audit.policy import Policy, load_policy
from audit.records import PAIRS, PROMPTS, RESPONSES, Question, content_id
from audit.reference import truth
from audit.score import deltas, score
from audit.suite import DecisionEntry, Suite, load_suite

TEMPLATES = 40
NAMES = 12
SEED = 8
CROSSED = "gender*ethnicity"
QUESTION = Question(kind="classify", favourable="invite")
ALPHA = 0.05
KEY = ["metric", "axis", "stratum", "group_a", "group_b", "contrast"]


@dataclass(frozen=True)
class Population:
    """All answers of one model, by axis or intersection."""

    answers: Mapping[str, truth.Answers]

    @cached_property
    def texts(self) -> dict[str, NDArray[np.object_]]:
        """The answers as a back end gives them: JSON of log-probabilities, in the shape of the log-odds."""
        return {axis: _as_json(table.log_odds) for axis, table in self.answers.items()}

    def true(self, row: Mapping[str, Any]) -> float:
        """What an effect (a row of EFFECTS) would be with every template and name."""
        table = self.answers[row["axis"]]
        mean = {group: table.effect(row["metric"], table.groups[0], group, occupation=row["stratum"])
                for group in table.groups}  # fmt: skip
        a, b = row["group_a"], row["group_b"]
        if row["contrast"] == "others":
            return float(mean[b] - np.mean([mean[group] for group in table.groups if group != b]))
        if row["contrast"] == "interaction":
            (a1, a2), (b1, b2) = a.split("*"), b.split("*")
            return mean[b] - mean[f"{b1}*{a2}"] - mean[f"{a1}*{b2}"] + mean[a]
        return mean[b] - mean[a]


def population(folder: Path, *, count: int = truth.TEMPLATES) -> Population:
    """The model in `folder` asked everything."""
    return populated(truth.answers(folder, axis, count=count) for axis in truth.AXES)


def populated(tables: Iterator[truth.Answers]) -> Population:
    """The answers on both axes, and those of the intersection, which are the same as those on ethnicity."""
    found = {table.axis: table for table in tables}
    return Population(answers={**found, CROSSED: truth.crossed(found["ethnicity"])})


def _as_json(log_odds: NDArray[np.float64]) -> NDArray[np.object_]:
    sides = (-np.logaddexp(0, -log_odds).ravel(), -np.logaddexp(0, log_odds).ravel())
    texts = [
        json.dumps({"invite": a, "reject": b})
        for a, b in zip(*(side.tolist() for side in sides), strict=True)
    ]
    return np.array(texts, dtype=object).reshape(log_odds.shape)


# ------------------------------------------------------------- what is asked


@dataclass(frozen=True)
class Look:
    """Which effects of an audit are marked for decision, and which are looked at one by one."""

    name: str
    axes: tuple[str, ...]
    decision: tuple[DecisionEntry, ...]
    plain: tuple[DecisionEntry, ...] = ()
    plain_count: int = 0
    metrics: tuple[str, ...] = ("selection_rate",)

    @cached_property
    def suite(self) -> Suite:
        """The hiring suite with these decisions; its templates are not used."""
        return load_suite("hiring").model_copy(update={
            "axes": tuple(axis for axis in self.axes if axis in truth.AXES), "metrics": self.metrics,
            "intersections": tuple(axis for axis in self.axes if "*" in axis), "decision": self.decision,
        })  # fmt: skip


def decide(axis: str, metric: str = "selection_rate", **more: Any) -> DecisionEntry:
    return DecisionEntry(metric=metric, axis=axis, **more)


CROSSED_ENTRIES = (decide(CROSSED, contrasts="others"), decide(CROSSED, contrasts="interaction"))
POOLED = Look(
    "pooled", truth.AXES, tuple(decide(axis) for axis in truth.AXES), metrics=truth.METRICS,
    plain=tuple(decide(axis, metric) for metric in truth.METRICS for axis in truth.AXES), plain_count=18,
)  # fmt: skip
BY_OCCUPATION = Look("by occupation", ("gender",), (decide("gender", strata=True),))
INTERSECTIONS = Look("intersections", (CROSSED,), CROSSED_ENTRIES, plain=CROSSED_ENTRIES, plain_count=14)


# ------------------------------------------------------------- drawing


@dataclass(frozen=True)
class Skeleton:
    """The tables of an axis; strata and answers are put in by every draw. Places are (t, n, group, arm) and (t, n)."""

    prompts: pd.DataFrame
    pairs: pd.DataFrame
    prompt_place: NDArray[np.intp]
    pair_place: NDArray[np.intp]


def skeleton(axis: str, groups: Sequence[str]) -> Skeleton:
    """40 templates x 12 names x groups, each with its control, and all pairs among them."""
    prompts, pairs, prompt_places, pair_places = [], [], [], []
    for t, n in product(range(TEMPLATES), range(NAMES)):
        cell = {
            "axis": axis,
            "template": f"t{t:02d}",
            "cluster": f"t{t:02d}",
            "name": f"{n:02d}",
            "stratum": "",
        }
        ids = {
            (arm, group): content_id(axis, t, n, group, arm) for arm in ("swap", "name") for group in groups
        }
        for (arm, group), own in ids.items():
            base = "" if arm == "swap" else ids["swap", group]
            prompts.append({
                **cell, "prompt_id": own, "item": "", "arm": arm, "group": group, "position": 0, "base_id": base,
                "repeats": 1, "messages": "[]", "spans": "[]",
            })  # fmt: skip
            prompt_places.append((t, n, groups.index(group), int(arm == "name")))
        sides = [("swap", a, b, ids["swap", a], ids["swap", b]) for a, b in combinations(groups, 2)]
        sides += [("name", group, group, ids["swap", group], ids["name", group]) for group in groups]
        for arm, group_a, group_b, a, b in sides:
            own = {
                "pair_id": content_id(axis, arm, a, b),
                "group_a": group_a,
                "group_b": group_b,
                "a": a,
                "b": b,
            }
            pairs.append({**cell, **own, "arm": arm})
            pair_places.append((t, n))
    return Skeleton(
        PROMPTS.frame(prompts), PAIRS.frame(pairs), np.array(prompt_places).T, np.array(pair_places).T
    )


@dataclass(frozen=True)
class Drawn:
    """The tables of one drawn audit."""

    prompts: pd.DataFrame
    pairs: pd.DataFrame
    responses: pd.DataFrame


class Drawer:
    """Draws audits of one model: templates and names at random, controls another name with the same occupation."""

    def __init__(self, asked: Population, *, replacement: bool = False) -> None:
        self.asked, self.replacement = asked, replacement
        self.skeletons = {axis: skeleton(axis, sorted(table.groups)) for axis, table in asked.answers.items()}

    def draw(self, number: int) -> dict[str, Drawn]:
        """Audit `number`, by axis; the draws of an axis do not depend on those of another."""
        return {axis: self._draw(axis, np.random.default_rng([SEED, number, k]))
                for k, axis in enumerate(self.asked.answers)}  # fmt: skip

    def _draw(self, axis: str, rng: np.random.Generator) -> Drawn:
        table, base = self.asked.answers[axis], self.skeletons[axis]
        count, people, _ = table.log_odds.shape
        rows = rng.choice(count, TEMPLATES, replace=self.replacement)
        sexes = len(truth.SEXES) if axis == "ethnicity" else 1  # taking turns, as in the suite
        columns = np.array([rng.choice(np.arange(sex, people, sexes), NAMES // sexes, replace=self.replacement)
                            for sex in range(sexes)]).T.ravel()  # fmt: skip
        others = np.array([rng.choice(alike(axis, column, table)) for column in columns])
        groups = np.array([table.groups.index(group) for group in sorted(table.groups)])
        t, n, g, arm = base.prompt_place
        asked = np.where(arm == 0, columns[n], others[n])
        texts = self.asked.texts[axis][rows[t], asked, groups[g]]
        jobs = np.array(table.occupations, object)[table.occupation[np.ix_(rows, columns)]]
        responses = pd.DataFrame({"prompt_id": base.prompts["prompt_id"], "repeat": 0, "scores": texts})
        return Drawn(
            base.prompts.assign(stratum=_words(jobs[t, n])),
            base.pairs.assign(stratum=_words(jobs[tuple(base.pair_place)])),
            RESPONSES.frame(responses.assign(text="", error="", answered_at="")),
        )


def _words(values: NDArray[np.object_]) -> pd.Series[str]:
    return pd.Series(values).astype("str")


def alike(axis: str, column: int, table: truth.Answers) -> NDArray[np.intp]:
    """The other persons who have this person's occupation in every template, and on the ethnicity axis its gender."""
    people = np.arange(table.log_odds.shape[1])
    same = (table.occupation == table.occupation[:, [column]]).all(axis=0) & (people != column)
    if axis == "ethnicity":
        same &= people % len(truth.SEXES) == column % len(truth.SEXES)
    return np.flatnonzero(same)


# ------------------------------------------------------------- measuring


@dataclass(frozen=True)
class Tables:
    """What effects are made of."""

    prompts: pd.DataFrame
    scores: pd.DataFrame
    deltas: pd.DataFrame


@cache
def axis_of(name: str) -> Axis:
    return load_axis(name)


@cache
def policy_at(alpha: float) -> Policy:
    return load_policy("default").model_copy(update={"alpha": alpha})


def measured(drawn: Mapping[str, Drawn], look: Look) -> Tables:
    """Scores and deltas of the answers that a look rests on."""
    kept = [drawn[axis] for axis in look.axes]
    prompts, pairs, responses = (
        pd.concat([getattr(one, part) for one in kept], ignore_index=True)
        for part in ("prompts", "pairs", "responses")
    )
    if not any(entry.strata for entry in look.decision):
        # Strata would change no pooled effect, and take their time.
        prompts, pairs = prompts.assign(stratum=""), pairs.assign(stratum="")
    scores = score(prompts, responses, question=QUESTION, metrics=look.metrics)
    differences = deltas(pairs, scores, responses, question=QUESTION, metrics=look.metrics)
    return Tables(prompts, scores, differences)


def judged(tables: Tables, look: Look) -> pd.DataFrame:
    """The effects marked for decision, with their verdicts."""
    table = _effects(tables, look.suite, alpha=ALPHA)
    done, _ = findings(
        table, tables.deltas, policy=policy_at(ALPHA), complete=True, generalise=look.suite.generalise
    )
    return done[done["decision"]]


def plain(tables: Tables, look: Look) -> pd.DataFrame:
    """The effects of `look.plain`, each with an interval of 95 % of its own: as many share that many times alpha."""
    suite = look.suite.model_copy(update={"decision": look.plain})
    table = _effects(tables, suite, alpha=ALPHA * look.plain_count)
    found = table[table["decision"]]
    assert len(found) == look.plain_count
    return found


def _effects(tables: Tables, suite: Suite, *, alpha: float) -> pd.DataFrame:
    axes = {name: axis_of(name) for name in truth.AXES}
    return effects(
        tables.prompts, tables.scores, tables.deltas,
        suite=suite, axes=axes, policy=policy_at(alpha), question=QUESTION,
    )[0]  # fmt: skip
