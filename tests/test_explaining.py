"""Explanations of whole jobs with small real models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import tiny_models
from small_suites import TEXT, write_suite

from audit.asking import Asker
from audit.errors import InputError
from audit.explaining import Explanations, explained_pairs
from audit.job import Job, prepare
from audit.pipeline import compute, plan
from audit.records import PROMPTS
from audit.score import score

LABELS = {"id2label": {0: "reject", 1: "invite"}, "label2id": {"reject": 0, "invite": 1}}
MODELS: dict[str, Callable[[Path], Path]] = {
    "BERT classifier": lambda folder: tiny_models.classifier(folder, **LABELS),
    "causal GPT-2": tiny_models.causal,
    "encoder-decoder T5": tiny_models.encoder_decoder,
}


def job_of(folder: Path, model: Callable[[Path], Path], text: str = TEXT) -> Job:
    suite = write_suite(folder, text)
    return prepare(str(suite), model=f"hf:{model(folder / 'model')}")


def pairs_of(job: Job, *templates: str) -> list[str]:
    """The first pair of each template."""
    swap = job.expansion.pairs[job.expansion.pairs["arm"] == "swap"]
    return [str(swap.loc[swap["template"] == name, "pair_id"].iloc[0]) for name in templates]


def asked_by_hand(job: Job, prompt_ids: pd.Series) -> dict[str, float]:
    """Scores of prompts that are asked for by themselves."""
    prompts = job.expansion.prompts
    mine = PROMPTS.frame(prompts[prompts["prompt_id"].isin(prompt_ids) & (prompts["arm"] == "swap")])
    found = Asker(job=job)(mine, None)
    scores = score(mine, found.responses, question=job.question, metrics=["choice_logit"])
    return dict(zip(scores["prompt_id"], scores["value"], strict=True))


@pytest.mark.parametrize("kind", MODELS)
def test_credits_add_up_on_every_kind_of_model(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIT_CACHE", str(tmp_path / "cache"))
    job = job_of(tmp_path, MODELS[kind])
    found = explained_pairs(job, pairs_of(job, "referral"))
    rows = found.attributions[found.attributions["method"].str.startswith("shap")]
    assert set(rows["game"]) == {"swap", "removal", "gap"}
    each = rows.groupby("attribution_id")
    assert (each["value"].sum() - each["total"].first()).abs().max() <= 1e-5
    (pair,) = job.expansion.pairs[job.expansion.pairs["pair_id"].isin(rows["pair_id"])].to_dict("records")
    by_hand = asked_by_hand(job, pd.Series([pair["a"], pair["b"]]))
    delta = by_hand[str(pair["b"])] - by_hand[str(pair["a"])]
    swap = rows[rows["game"] == "swap"]
    assert swap["total"].to_numpy() == pytest.approx(delta, abs=1e-5)
    gap = rows[rows["game"] == "gap"]
    assert (gap["base_value"] + gap["total"]).to_numpy() == pytest.approx(delta, abs=1e-5)
    assert set(rows["sample"]) == {"requested"}
    assert found.scores is not None and not len(found.scores)


def test_exact_games_have_more_players_and_another_seed_changes_no_exact_credit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIT_CACHE", str(tmp_path / "cache"))
    longer = TEXT.replace(
        "for seven years.", "for seven years, speaks three languages, sings and knows the trade."
    )
    job = job_of(tmp_path, MODELS["BERT classifier"], longer)
    pairs = pairs_of(job, "letter")
    usual, other = (explained_pairs(job, pairs, seed=seed) for seed in (1, 2))
    pd.testing.assert_frame_equal(usual.attributions, other.attributions)
    assert other.asked == 0
    exact = explained_pairs(job, pairs, exact=True, methods=("shap", "shap_partition"))
    assert set(exact.attributions["method"]) == {"shap", "shap_partition", "shap_interactions"}
    removal = [one.attributions[one.attributions["game"] == "removal"] for one in (usual, exact)]
    assert removal[0]["player"].max() == 7
    assert 7 < removal[1]["player"].max() < 12
    assert (exact.attributions["error"] == 0).all()


def test_an_id_that_is_no_pair_is_refused(tmp_path: Path) -> None:
    job = job_of(tmp_path, MODELS["BERT classifier"])
    with pytest.raises(InputError, match="'nobody' is no pair of suite 'small'"):
        explained_pairs(job, ["nobody"])
    control = job.expansion.pairs.loc[job.expansion.pairs["arm"] == "name", "pair_id"].iloc[0]
    with pytest.raises(InputError, match="compares a group with itself"):
        explained_pairs(job, [str(control)])
    wrong = TEXT.replace("explain: {largest: 0, random: 0}", "explain: {pairs: [nobody]}")
    with pytest.raises(InputError, match="'nobody' is no pair"):
        job_of(tmp_path, MODELS["BERT classifier"], wrong)


def test_pairs_in_which_the_decision_changed_are_explained_and_counted_in_the_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIT_CACHE", str(tmp_path / "cache"))
    text = TEXT.replace("{largest: 0, random: 0}", "{largest: 0, flips: 2, random: 0}")
    text = text.replace("[selection_rate, choice_logit]", "[choice_logit]")
    job = prepare(str(write_suite(tmp_path, text)), model="reference:screening-v1")
    tables = compute(job).tables
    rows, deltas = tables["attributions"], tables["deltas"]
    assert set(rows["sample"]) == {"flip"} and not rows["in_random"].any()
    mine = deltas[deltas["pair_id"].isin(rows["pair_id"]) & (deltas["metric"] == "choice_logit")]
    assert len(mine) == 2
    assert ((mine["value_a"] > 0) != (mine["value_b"] > 0)).all()
    asked = set(tables["responses"]["prompt_id"]) - set(tables["prompts"]["prompt_id"])
    planned = plan(str(tmp_path / "small.yaml"), model=job.backend)
    assert len(asked) > 100 and planned.explanation_answers == pytest.approx(len(asked), rel=0.5)
    assert planned.explanation_pairs == ("2 in which the decision changes",)


# ------------------------------------------------------------------- bad input


def reasons_of(found: Explanations, job: Job, template: str) -> set[str]:
    pairs = job.expansion.pairs
    mine = set(pairs.loc[pairs["template"] == template, "pair_id"])
    rows = found.attributions[found.attributions["pair_id"].isin(mine)]
    assert len(rows)
    assert not rows.loc[rows["value"].isna(), "reliable"].any()
    return set(rows.loc[rows["value"].isna(), "reason"])


def test_a_prompt_longer_than_the_model_has_a_reason_and_the_others_are_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIT_CACHE", str(tmp_path / "cache"))
    long = "$name works as $a_occupation. " + "Notes on the job were many. " * 40
    text = TEXT.replace(
        "controls:", f'  - {{id: long, text: "{long}"}}\n  - {{id: lone, text: "$name"}}\ncontrols:'
    )
    job = job_of(
        tmp_path, lambda folder: tiny_models.classifier(folder, max_position_embeddings=96, **LABELS), text
    )
    found = explained_pairs(job, pairs_of(job, "note", "long", "lone"))
    assert not reasons_of(found, job, "note")
    for reason in reasons_of(found, job, "long"):
        assert "of its prompts have no score (" in reason
    assert reasons_of(found, job, "long")
    assert reasons_of(found, job, "lone") == {"there are no words around those of the group"}


@pytest.mark.parametrize(("bias", "explained"), [(0.5, True), (float("nan"), False)])
def test_a_model_that_says_the_same_of_everything_and_one_that_says_nothing(
    bias: float, explained: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIT_CACHE", str(tmp_path / "cache"))

    def constant(folder: Path) -> Path:
        import torch
        from transformers import BertForSequenceClassification

        made = tiny_models.classifier(folder, **LABELS)
        model = BertForSequenceClassification.from_pretrained(made)
        with torch.no_grad():
            model.classifier.weight.zero_()
            model.classifier.bias.copy_(torch.tensor([0.0, bias]))
        model.save_pretrained(made)
        return made

    job = job_of(tmp_path, constant)
    found = explained_pairs(job, pairs_of(job, "note"))
    rows = found.attributions
    if not explained:
        assert rows["value"].isna().all()
        assert rows["reason"].str.contains("of its prompts have no score").all()
        assert not rows["reliable"].any()
        return
    assert (rows["value"].abs() < 1e-6).all()
    open_ones = found.quality[~found.quality["applies"]].set_index("criterion")["note"]
    assert set(open_ones.loc[["agreement"]]) == {"credits that are all the same have no order"}
    assert "every order does the same" in set(open_ones.loc[["comprehensiveness"]])


def test_exact_on_the_command_line_is_exact_in_the_suite(tmp_path: Path) -> None:
    model = f"hf:{tiny_models.classifier(tmp_path / 'model', **LABELS)}"
    suite = str(write_suite(tmp_path))
    (tmp_path / "told").mkdir()
    told = str(write_suite(tmp_path / "told", TEXT.replace("random: 0}", "random: 0, exact: true}")))
    assert prepare(suite, model=model, exact=True).suite.explain == prepare(told, model=model).suite.explain
    assert not prepare(suite, model=model).suite.explain.exact
