"""How long deltas, effects, intervals, noise bands and verdicts take, and how much memory; statsmodels beside it.

    python benchmarks/effects.py                       1,000,000 scores, 20 metrics, 7 groups
    python benchmarks/effects.py --scores 10000 --metrics 4

Half of the scores belong to control prompts (another name of the same group), so the noise bands' draws are included.
The peer is what people write by hand: one ordinary least squares fit an effect with a two-way cluster covariance.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from audits import decide, default_policy, make_axis, make_suite

from audit.effects import effects
from audit.findings import findings
from audit.metrics import METRICS
from audit.metrics.choice import ChoiceLogit
from audit.records import PAIRS, PROMPTS, RESPONSES, SCORES, Question, content_id
from audit.score import deltas

TEMPLATES = 50
QUESTION = Question(kind="choose", options=("yes", "no"), favourable="yes")
PEER_EFFECTS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scores", type=int, default=1_000_000)
    parser.add_argument("--metrics", type=int, default=20)
    parser.add_argument("--groups", type=int, default=7)
    given = parser.parse_args()
    groups = [f"group {number}" for number in range(given.groups)]
    metrics = ["selection_rate", *_copies(given.metrics - 1)]
    prompts, pairs = _asked(
        groups, names=max(given.scores // (given.metrics * 2 * given.groups * TEMPLATES), 2)
    )
    scores = _scores(prompts, metrics)
    print(
        f"{len(scores):,} scores, {len(metrics)} metrics, {len(groups)} groups, {len(pairs):,} pairs; "
        f"{_peak():.2f} GB in use"
    )
    suite = make_suite(metrics=tuple(metrics), decision=tuple(decide(metric) for metric in metrics))
    policy = default_policy()
    began = time.perf_counter()
    found = deltas(pairs, scores, RESPONSES.frame(), question=QUESTION, metrics=metrics)
    after_deltas = time.perf_counter()
    axes = {"colour": make_axis(groups)}
    table, _ = effects(prompts, scores, found, suite=suite, axes=axes, policy=policy, question=QUESTION)
    after_effects = time.perf_counter()
    judged, _ = findings(table, found, policy=policy, complete=True, generalise="templates")
    ended = time.perf_counter()
    print(f"deltas    {after_deltas - began:7.2f} s   {len(found):,}")
    print(f"effects   {after_effects - after_deltas:7.2f} s   {len(table):,}, noise bands included")
    print(f"verdicts  {ended - after_effects:7.2f} s   {int((judged['verdict'] != '').sum()):,}")
    print(f"together  {ended - began:7.2f} s, peak {_peak():.2f} GB")
    ours = (ended - began) / len(table)
    peer = _statsmodels(found, judged)
    print(f"statsmodels {peer:.3f} s an effect, ours {ours:.4f} s: ratio {peer / ours:.1f}")


def _copies(count: int) -> list[str]:
    """Metrics that are scores of single answers, under names of their own."""
    module = sys.modules["benchmark_metrics"] = ModuleType("benchmark_metrics")
    names = [f"score_{number:02d}" for number in range(count)]
    for name in names:
        setattr(module, name, type(name, (ChoiceLogit,), {"card": replace(ChoiceLogit.card, name=name)})())
        METRICS[name] = f"benchmark_metrics:{name}"
    return names


def _asked(groups: list[str], *, names: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Prompts of every template, name and group with a control prompt each, and the pairs among them."""
    cells = TEMPLATES * names
    template = np.repeat([f"t{t:03d}" for t in range(TEMPLATES)], names)
    name = np.tile([f"n{n:05d}" for n in range(names)], TEMPLATES)
    own = np.array([content_id(cell, group) for cell in range(cells) for group in groups]).reshape(cells, -1)
    other = np.array([content_id(cell, group, "other") for cell in range(cells) for group in groups]).reshape(
        cells, -1
    )
    place = {"axis": "colour", "template": template, "cluster": template, "name": name, "stratum": ""}
    fixed = {"item": "", "position": 0, "repeats": 1, "messages": "[]", "spans": "[]"}
    prompts = [
        pd.DataFrame({"prompt_id": ids[:, k], "arm": arm, "group": group, "base_id": base, **fixed, **place})
        for k, group in enumerate(groups)
        for arm, ids, base in (("swap", own, ""), ("name", other, own[:, k]))
    ]
    sides = [("swap", a, b, own[:, a], own[:, b]) for a, b in combinations(range(len(groups)), 2)]
    sides += [("name", k, k, own[:, k], other[:, k]) for k in range(len(groups))]
    pairs = [
        pd.DataFrame({
            "pair_id": np.char.add(a, b), "arm": arm, "group_a": groups[g], "group_b": groups[h], "a": a, "b": b,
            **place,
        })
        for arm, g, h, a, b in sides
    ]  # fmt: skip
    return PROMPTS.frame(pd.concat(prompts)), PAIRS.frame(pd.concat(pairs))


def _scores(prompts: pd.DataFrame, metrics: list[str]) -> pd.DataFrame:
    """Decisions for the first metric, normal scores for the others."""
    rng = np.random.default_rng(7)
    tables = []
    for metric in metrics:
        drawn = rng.normal(size=len(prompts))
        value = (drawn > 0).astype(float) if metric == "selection_rate" else drawn
        row = {
            "prompt_id": prompts["prompt_id"],
            "item": "",
            "arm": "swap",
            "metric": metric,
            "value": value,
            "reason": "",
        }
        tables.append(SCORES.frame(pd.DataFrame(row)))
    return pd.concat(tables, ignore_index=True)


def _statsmodels(found: pd.DataFrame, judged: pd.DataFrame) -> float:
    """Seconds an effect of the hand-written way; checks that its standard error is ours."""
    from statsmodels.regression.linear_model import OLS

    began = time.perf_counter()
    for row in judged.head(PEER_EFFECTS).itertuples():
        mine = found[
            (found["metric"] == row.metric) & (found["arm"] == "swap")
            & (found["group_a"] == row.group_a) & (found["group_b"] == row.group_b)
        ]  # fmt: skip
        units = np.stack([pd.factorize(mine[key])[0] for key in ("cluster", "name")], axis=1)
        fit = OLS(mine["delta"].to_numpy(), np.ones(len(mine))).fit(
            cov_type="cluster", cov_kwds={"groups": units, "df_correction": False, "use_correction": False}
        )
        assert np.isclose(fit.params[0], row.estimate)
    return (time.perf_counter() - began) / PEER_EFFECTS


def _peak() -> float:
    """Largest memory of this process so far, in GB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


if __name__ == "__main__":
    main()
