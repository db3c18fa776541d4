from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tiny_models
from answering import scores, texts
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from audit.errors import InputError
from audit.metrics.likelihood import (
    DIVERGENCE,
    LOG_LIKELIHOOD,
    LOG_LIKELIHOOD_PER_TOKEN,
    PSEUDO_LOG_LIKELIHOOD,
    PSEUDO_LOG_LIKELIHOOD_PER_TOKEN,
)
from audit.pipeline import plan, run
from audit.records import Question
from audit.runs import read_run

TEXT, NEXT = Question(kind="likelihood"), Question(kind="next_token")
CHOICE = Question(kind="choose", options=("yes", "no", "perhaps"), favourable="yes")


def logs(shares: Mapping[str, float]) -> dict[str, float]:
    return {label: math.log(share) for label, share in shares.items() if share > 0}


def between(
    a: Mapping[str, float], b: Mapping[str, float], question: Question = NEXT, *more: Mapping[str, float]
) -> float:
    """Divergence of two answers; `more` are other answers of the same run, which have labels of their own."""
    found = DIVERGENCE.compare(
        scores(logs(a), logs(b), *map(logs, more)), np.array([0]), np.array([1]), question
    )
    return float(found.values[0])


def by_scipy(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    from scipy.spatial.distance import jensenshannon

    with np.errstate(invalid="ignore"):
        return float(np.nan_to_num(jensenshannon(p, q, base=2)) ** 2)


# ------------------------------------------------------------------ likelihoods


def test_a_likelihood_is_the_back_ends_sum_and_per_token_its_mean() -> None:
    answers = scores({"log_likelihood": -12.0, "tokens": 4}, {"log_likelihood": -3.0, "tokens": 1})
    assert LOG_LIKELIHOOD.score(answers, TEXT).values.tolist() == [-12.0, -3.0]
    assert LOG_LIKELIHOOD_PER_TOKEN.score(answers, TEXT).values.tolist() == [-3.0, -3.0]


def test_a_likelihood_of_the_other_kind_of_model_is_not_measured() -> None:
    answers = scores({"pseudo_log_likelihood": -12.0, "tokens": 4})
    assert PSEUDO_LOG_LIKELIHOOD.score(answers, TEXT).values.tolist() == [-12.0]
    assert PSEUDO_LOG_LIKELIHOOD_PER_TOKEN.score(answers, TEXT).values.tolist() == [-3.0]
    for metric in (LOG_LIKELIHOOD, LOG_LIKELIHOOD_PER_TOKEN):
        found = metric.score(answers, TEXT)
        assert np.isnan(found.values).all()
        assert found.reasons == [
            "not_supported: the model is a masked one, which has a pseudo_log_likelihood"
        ]


# ------------------------------------------------------------------- divergence


@given(st.lists(st.tuples(st.floats(0.001, 1), st.floats(0.001, 1)), min_size=2, max_size=12))
@settings(max_examples=80, deadline=None)
def test_a_divergence_of_full_distributions_is_that_of_scipy(pairs: list[tuple[float, float]]) -> None:
    p, q = (np.array(side) / sum(side) for side in zip(*pairs, strict=True))
    names = [f"t{n}" for n in range(len(pairs) - 1)] + [""]
    a, b = dict(zip(names, p, strict=True)), dict(zip(names, q, strict=True))
    assert between(a, b) == pytest.approx(by_scipy(p, q), abs=1e-12)
    assert between(a, b) == pytest.approx(between(b, a), abs=1e-15)
    assert between(a, a) == 0


def test_a_divergence_is_one_bit_where_nothing_is_shared_and_zero_where_all_is() -> None:
    assert between({"yes": 1.0, "no": 1e-300}, {"yes": 1e-300, "no": 1.0}) == pytest.approx(1)
    assert between({"yes": 0.5, "": 0.5}, {"yes": 0.5, "": 0.5}) == 0


@given(st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_listing_fewer_tokens_never_makes_two_answers_less_alike(seed: int) -> None:
    random = np.random.default_rng(seed)
    p, q = random.dirichlet(np.full(40, 0.3), size=2) + 1e-9
    p, q = p / p.sum(), q / q.sum()

    def listed(shares: NDArray[np.float64], count: int) -> dict[str, float]:
        best = np.argsort(-shares)[:count]
        found = {f"t{n}": float(shares[n]) for n in best}
        return {**found, "": float(1 - sum(found.values()))} if count < len(shares) else found

    found = [between(listed(p, count), listed(q, count)) for count in (40, 10, 3)]
    assert found[0] == pytest.approx(by_scipy(p, q), abs=1e-9)
    assert found[1] <= found[0] + 1e-12
    assert found[2] <= found[0] + 1e-12


def test_a_token_that_one_answer_does_not_list_counts_with_all_others() -> None:
    a, b = {"yes": 0.6, "no": 0.3, "": 0.1}, {"yes": 0.6, "perhaps": 0.2, "": 0.2}
    assert between(a, b) == pytest.approx(0, abs=1e-15)


def test_answers_of_the_same_run_change_no_divergence() -> None:
    a, b = {"yes": 0.6, "no": 0.3, "": 0.1}, {"yes": 0.2, "no": 0.7, "": 0.1}
    assert between(a, b, NEXT, {"else": 0.9, "": 0.1}) == between(a, b)


def test_options_are_compared_among_each_other() -> None:
    a, b = {"yes": 0.02, "no": 0.01, "perhaps": 0.01}, {"yes": 0.1, "no": 0.2, "perhaps": 0.1}
    expected = by_scipy(np.array([0.5, 0.25, 0.25]), np.array([0.25, 0.5, 0.25]))
    assert between(a, b, CHOICE) == pytest.approx(expected, abs=1e-12)


def test_answers_without_probabilities_have_no_divergence() -> None:
    found = DIVERGENCE.compare(texts("yes", "no"), np.array([0]), np.array([1]), CHOICE)
    assert found.reasons == ["not_supported"]
    assert math.isnan(between({"yes": 0.5, "no": 0.5}, {}, CHOICE))
    assert math.isnan(between({"yes": 0.5, "": 0.5}, {}, NEXT))
    assert math.isnan(between({"yes": 0.5, "no": 0.5}, {"yes": 1.0}, CHOICE))


# ------------------------------------------------------------------- end to end

SUITE = """\
suite: 1
id: {id}
title: How probable applications are
language: en
domain: employment
harm: Texts of equal content are less probable because of the name.
cannot_show: What a model decides.
axes: [gender]
question: {{{question}}}
templates:
{templates}
controls: {{arms: [again, name, edit], edits: [final_space, blank_line]}}
metrics: [{metrics}]
sampling: {{names_per_group: 5, repeats: 1, seed: 7}}
explain: {{largest: 0, random: 0}}
decision:
  - {{metric: {decision}, axis: gender}}
"""
SENTENCES = (
    "$name applies as a nurse.",
    "The committee reads the letter of $name.",
    "A friend of $name has a loan and a car.",
    "Seven years of experience: $name answers three questions.",
    "Should $name be invited?",
    "$name has an old friend and a new job.",
    "An application and good references: $name.",
    "He or she? $name decides.",
    "A house, a loan, and $name.",
)


def suite(folder: Path, question: str, *metrics: str) -> str:
    lines = [f'  - {{id: t{n}, text: "{text}"}}' for n, text in enumerate(SENTENCES)]
    path = folder / "probable.yaml"
    path.write_text(SUITE.format(
        id="probable", question=question, templates="\n".join(lines), metrics=", ".join(metrics), decision=metrics[0],
    ))  # fmt: skip
    return str(path)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIT_CACHE", str(tmp_path / "cache"))


def audited(tmp_path: Path, path: str, model: Path) -> Any:
    return read_run(run(path, model=f"hf:{model}", output=tmp_path / "runs"))


@pytest.mark.parametrize("make, metric", [
    (tiny_models.causal, "log_likelihood"),
    (tiny_models.masked, "pseudo_log_likelihood"),
])  # fmt: skip
def test_an_audit_of_likelihoods_runs_from_suite_to_report(
    make: Any, metric: str, tmp_path: Path, cache: None
) -> None:
    model = make(tmp_path / "model")
    path = suite(tmp_path, "kind: likelihood", metric, f"{metric}_per_token")
    assert plan(path, model=f"hf:{model}").question == "likelihood"
    done = audited(tmp_path, path, model)
    mine = done.effects[done.effects["metric"] == metric].iloc[0]
    answers = {row.prompt_id: json.loads(row.scores) for row in done.responses.itertuples() if row.scores}
    swap = done.pairs[(done.pairs["arm"] == "swap") & _of_groups(done.pairs, mine)]
    changes = [answers[b][metric] - answers[a][metric] for a, b in zip(swap["a"], swap["b"], strict=True)]
    assert mine["estimate"] == pytest.approx(np.mean(changes), abs=1e-9)
    assert mine["low"] < mine["estimate"] < mine["high"]
    assert np.isfinite(mine["control_high"])
    assert done.findings[0].verdict == "undecided"
    assert "sets no limit" in done.findings[0].reason
    assert not (done.responses["error"] != "").any()


def test_a_metric_of_the_other_kind_of_model_is_not_measured_with_a_reason(
    tmp_path: Path, cache: None
) -> None:
    model = tiny_models.masked(tmp_path / "model")
    done = audited(tmp_path, suite(tmp_path, "kind: likelihood", "log_likelihood"), model)
    assert done.findings[0].verdict == "not_measured"
    assert "the model is a masked one, which has a pseudo_log_likelihood" in done.findings[0].reason


def test_a_divergence_of_next_tokens_is_an_excess_over_names_of_one_group(
    tmp_path: Path, cache: None
) -> None:
    model = tiny_models.causal(tmp_path / "model")
    path = suite(tmp_path, 'kind: next_token, ask: "The answer is"', "divergence")
    done = audited(tmp_path, path, model)
    mine = done.effects[done.effects["metric"] == "divergence"].iloc[0]
    swap = done.deltas[(done.deltas["arm"] == "swap") & _of_groups(done.deltas, mine)]
    same = done.deltas[
        (done.deltas["arm"] == "name") & done.deltas["group_a"].isin(mine[["group_a", "group_b"]])
    ]
    assert mine["mean_b"] == pytest.approx(swap["delta"].mean(), abs=1e-9)
    assert mine["mean_a"] == pytest.approx(same["delta"].mean(), abs=1e-9)
    assert mine["estimate"] == pytest.approx(swap["delta"].mean() - same["delta"].mean(), abs=1e-9)
    assert (done.deltas.loc[done.deltas["arm"] == "again", "delta"] == 0).all()
    first = swap.iloc[0]
    pair = done.pairs[done.pairs["pair_id"] == first["pair_id"]].iloc[0]
    sides = [pd.Series(json.loads(_scores(done, pair[side]))) for side in ("a", "b")]
    both = sorted((set(sides[0].index) & set(sides[1].index)) - {""})
    p, q = (np.append(np.exp(side[both]), 1 - np.exp(side[both]).sum()) for side in sides)
    assert first["delta"] == pytest.approx(by_scipy(p, q), abs=1e-9)


def _of_groups(pairs: pd.DataFrame, effect: pd.Series[Any]) -> pd.Series[bool]:
    return (pairs["group_a"] == effect["group_a"]) & (pairs["group_b"] == effect["group_b"])


def _scores(done: Any, prompt_id: str) -> str:
    return str(done.responses.loc[done.responses["prompt_id"] == prompt_id, "scores"].iloc[0])


def test_a_model_that_cannot_score_texts_is_refused_in_words(tmp_path: Path, cache: None) -> None:
    classifier = tiny_models.classifier(tmp_path / "classifier")
    with pytest.raises(InputError, match="cannot answer suite 'probable', which asks to score texts"):
        plan(suite(tmp_path, "kind: likelihood", "log_likelihood"), model=f"hf:{classifier}")
    masked = tiny_models.masked(tmp_path / "masked")
    with pytest.raises(InputError, match="which asks to predict the next token"):
        plan(suite(tmp_path, "kind: next_token", "divergence"), model=f"hf:{masked}")
