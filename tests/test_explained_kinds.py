"""Explanations of every kind of model: what is explained, and credits that add up to what was measured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import tiny_models

from audit import pipeline
from audit.job import prepare

SUITE = """
suite: 1
id: kinds
title: A few applications
language: en
domain: employment
harm: Applications of equal content are answered differently because of the name.
cannot_show: What happens after the first screening.
axes: [gender]
groups: {{gender: [men, women]}}
question: {question}
templates:
  - {{id: letter, text: "{text}"}}
controls: {{arms: [again]}}
metrics: {metrics}
sampling: {{names_per_group: 2, repeats: {repeats}, seed: 7}}
explain: {explain}
"""
TEXT = "$name applies as a nurse. $They $have seven years of experience."
CHOICE = (
    '{kind: choose, ask: "Should they be invited? Answer:", options: [" Yes", " No"], favourable: " Yes"}'
)
SCORED = "{largest: 1, random: 0, methods: [shap]}"


def suite(
    folder: Path, question: str, metrics: str, *, text: str = TEXT, repeats: int = 1, explain: str = SCORED
) -> str:
    path = folder / "kinds.yaml"
    path.write_text(
        SUITE.format(question=question, metrics=metrics, text=text, repeats=repeats, explain=explain),
        encoding="utf-8",
    )
    return str(path)


Make = Callable[[Path], Path]
KINDS: dict[str, tuple[Make, str, str, str]] = {
    "bert, two labels": (
        tiny_models.classifier, "{kind: classify, favourable: LABEL_1}", "[selection_rate]", "choice_logit",
    ),
    "distilbert, three labels": (
        lambda folder: tiny_models.classifier(folder, "DistilBertForSequenceClassification", num_labels=3),
        "{kind: classify, favourable: LABEL_2}", "[choice_logit]", "choice_logit",
    ),
    "bert, one output": (
        lambda folder: tiny_models.classifier(folder, num_labels=1),
        '{kind: rate, ask: "Rate from 1 to 5.", low: 1, high: 5}', "[rating]", "rating",
    ),
    "gpt2, options": (tiny_models.causal, CHOICE, "[selection_rate]", "choice_logit"),
    "llama, options": (
        lambda folder: tiny_models.causal(folder, "LlamaForCausalLM"), CHOICE, "[flip_rate]", "choice_logit",
    ),
    "gpt2, rating": (
        tiny_models.causal, '{kind: rate, ask: "Rate from 1 to 5:", low: 1, high: 5}', "[rating]", "rating",
    ),
    "gpt2, likelihood": (tiny_models.causal, "{kind: likelihood}", "[log_likelihood]", "log_likelihood"),
    "gpt2, its own answers": (
        tiny_models.causal, '{kind: generate, ask: "Why?", max_tokens: 6}', "[length]", "continuation",
    ),
    "bert, a gap": (tiny_models.masked, CHOICE.replace("Answer:", "[MASK]"), "[choice_logit]", "choice_logit"),
    "bert, likelihood": (
        tiny_models.masked, "{kind: likelihood}", "[pseudo_log_likelihood_per_token]",
        "pseudo_log_likelihood_per_token",
    ),
    "t5, options": (tiny_models.encoder_decoder, CHOICE, "[selection_rate]", "choice_logit"),
    "t5, its own answers": (
        tiny_models.encoder_decoder, '{kind: generate, ask: "Why?", max_tokens: 6}', "[length]", "continuation",
    ),
}  # fmt: skip


def computed(folder: Path, kind: str) -> tuple[pipeline.Results, str]:
    make, question, metrics, metric = KINDS[kind]
    model = make(folder / "model")
    job = prepare(suite(folder, question, metrics), model=f"hf:{model}")
    return pipeline.compute(job), metric


@pytest.mark.parametrize("kind", KINDS)
def test_credits_add_up_to_what_was_measured(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIT_CACHE", str(tmp_path / "cache"))
    results, metric = computed(tmp_path, kind)
    rows = results.tables["attributions"]
    assert set(rows["metric"]) == {metric}, results.excluded
    swap = rows[(rows["game"] == "swap") & (rows["method"] == "shap")]
    assert len(swap) and swap["value"].notna().all() and (swap["error"] == 0).all()
    assert swap["value"].sum() == pytest.approx(swap["total"].iloc[0], abs=1e-5)
    deltas = results.tables["deltas"].set_index(["pair_id", "metric"])["delta"]
    measured = deltas.get((swap["pair_id"].iloc[0], metric))
    if metric != "continuation" and measured is not None:
        assert swap["value"].sum() == pytest.approx(measured, abs=1e-5)
    for _, one in rows[rows["game"] != "swap"].groupby("attribution_id"):
        assert one["value"].sum() == pytest.approx(one["total"].iloc[0], abs=1e-5)
    without_removal = "likelihood" in metric
    assert ("removal" in set(rows["game"])) != without_removal
    assert bool(results.excluded) == without_removal
