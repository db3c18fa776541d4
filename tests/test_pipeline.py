"""The whole way: a suite and a model in, a run folder with verdicts and a report out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_suites import TEXT, write_suite
from tiny_models import causal, classifier

from audit import pipeline
from audit.errors import InputError
from audit.evidence import verify
from audit.runs import read_run

LABELS = {
    "id2label": {0: "reject", 1: "invite"},
    "label2id": {"reject": 0, "invite": 1},
    "initializer_range": 0.5,
}
PUBLISHED = "recorded/bloomberg-gpt-hiring"


def test_a_classifier_is_audited_from_suite_to_report(tmp_path: Path) -> None:
    model = classifier(tmp_path / "model", "DistilBertForSequenceClassification", **LABELS)
    folder = pipeline.run(str(write_suite(tmp_path)), model=f"hf:{model}", output=tmp_path / "runs", pdf=True)
    run = read_run(folder)
    assert verify(folder) == []
    assert {finding.verdict for finding in run.findings} == {"undecided"}
    assert all("too few clusters" in finding.reason for finding in run.findings)
    assert (folder / "report.pdf").read_bytes()[:5] == b"%PDF-"
    assert run.manifest["counts"]["failed"] == 0  # type: ignore[index]
    assert run.plan["question"]["kind"] == "classify"  # type: ignore[index]


def test_the_swap_game_adds_up_to_the_measured_delta(tmp_path: Path) -> None:
    model = classifier(tmp_path / "model", **LABELS)
    suite = write_suite(tmp_path, TEXT.replace("random: 0", "random: 3").replace("largest: 0", "largest: 2"))
    run = read_run(pipeline.run(str(suite), model=f"hf:{model}", output=tmp_path / "runs"))
    deltas = run.deltas[run.deltas["metric"] == "choice_logit"].set_index("pair_id")["delta"]
    swap = run.attributions[(run.attributions["game"] == "swap") & (run.attributions["method"] == "shap")]
    sums = swap.groupby("pair_id")["value"].sum()
    assert len(sums)
    np.testing.assert_allclose(sums, deltas.loc[sums.index], atol=1e-5)
    shares = run.effects[run.effects["metric"].str.startswith("attribution_")]
    assert set(shares["metric"]) == {
        "attribution_share_lime", "attribution_share_shap", "attribution_shift_lime", "attribution_shift_shap",
    }  # fmt: skip


@pytest.mark.parametrize("architecture", ["GPT2LMHeadModel", "LlamaForCausalLM"])
def test_a_causal_model_is_asked_the_other_form_of_the_question(tmp_path: Path, architecture: str) -> None:
    model = causal(tmp_path / "model", architecture)
    run = read_run(pipeline.run(str(write_suite(tmp_path)), model=f"hf:{model}", output=tmp_path / "runs"))
    assert run.plan["question"]["kind"] == "choose"  # type: ignore[index]
    texts = [json.loads(messages)[-1][1] for messages in run.prompts["messages"]]
    assert all(text.endswith("Answer:") for text in texts)
    assert set(json.loads(run.responses["scores"].iloc[0])) == {" Yes", " No"}
    assert run.effects.loc[run.effects["metric"] == "choice_logit", "estimate"].notna().all()


def test_ratings_and_free_texts_are_measured_too(tmp_path: Path) -> None:
    model = causal(tmp_path / "model")
    start, end = TEXT.split("question:")[0], TEXT[TEXT.index("fillers:") :]
    end = end.split("decision:")[0].replace("[selection_rate, choice_logit]", "{metrics}")
    for question, metrics in (
        ('{kind: rate, ask: "From 1 to 5:", low: 1, high: 5}', "[rating]"),
        ('{kind: generate, ask: "Why?", max_tokens: 4}', "[length, refusal]"),
    ):
        text = f"{start}question: {question}\n{end.replace('{metrics}', metrics)}"
        folder = tmp_path / metrics.strip("[]").split(",")[0]
        folder.mkdir()
        run = read_run(
            pipeline.run(str(write_suite(folder, text)), model=f"hf:{model}", output=folder / "runs")
        )
        first = run.scores[run.scores["metric"] == metrics.strip("[]").split(",")[0]]
        assert first["value"].notna().any()


def test_the_same_plan_gives_the_same_folder_and_another_limit_another(tmp_path: Path) -> None:
    model = classifier(tmp_path / "model", **LABELS)
    suite = str(write_suite(tmp_path))
    first = pipeline.run(suite, model=f"hf:{model}", output=tmp_path / "runs")
    tables = {path.name: path.read_bytes() for path in first.iterdir()}
    assert pipeline.run(suite, model=f"hf:{model}", output=tmp_path / "runs") == first
    assert {path.name: path.read_bytes() for path in first.iterdir()} == tables
    again = pipeline.run(suite, model=f"hf:{model}", output=tmp_path / "runs", again=True)
    assert again != first
    for name in ("effects.parquet", "attributions.parquet", "findings.json", "scores.parquet"):
        assert (again / name).read_bytes() == tables[name]


def test_answers_reused_by_a_later_plan_are_said_to_be_older_than_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = classifier(tmp_path / "model", **LABELS)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1790000000")
    first = pipeline.run(str(write_suite(tmp_path)), model=f"hf:{model}", output=tmp_path / "runs")
    assert read_run(first).manifest["answers_older_than_plan"] is False
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1990000000")
    other = write_suite(tmp_path, TEXT.replace("A handful", "The same handful"))
    later = pipeline.run(str(other), model=f"hf:{model}", output=tmp_path / "runs")
    assert read_run(later).manifest["answers_older_than_plan"] is True
    assert "criteria" in (later / "report.html").read_text(encoding="utf-8")


def test_a_classifier_without_the_favourable_label_is_told_its_labels(tmp_path: Path) -> None:
    model = classifier(tmp_path / "model")
    with pytest.raises(InputError, match=r"has the labels .*favourable label is 'invite'"):
        pipeline.run(str(write_suite(tmp_path)), model=f"hf:{model}", output=tmp_path / "runs")


def test_a_recorded_suite_needs_recorded_answers(tmp_path: Path) -> None:
    model = classifier(tmp_path / "model", **LABELS)
    with pytest.raises(InputError, match="reads answers that exist"):
        pipeline.run("recorded/hiring-ranking", model=f"hf:{model}", output=tmp_path / "runs")


def test_published_rates_and_ratios_of_recorded_rankings_come_out_in_all_cells(
    tmp_path: Path, shared_data: Path
) -> None:
    answers = shared_data / PUBLISHED
    folder = pipeline.run("recorded/hiring-ranking", model=f"recorded:{answers}/*.jsonl.gz", output=tmp_path)
    run = read_run(folder)
    groups = run.groups[(run.groups["metric"] == "rank_first") & (run.groups["axis"] == "demographic")]
    published = pd.read_csv(answers / "published_performance_ranking.csv")
    both = published.merge(groups, left_on=["job", "demo"], right_on=["stratum", "group"])
    assert len(both) == 32 and (both["n"] == 1000).all()
    np.testing.assert_allclose(both["value"], both["selection_rate"], atol=1e-12)
    np.testing.assert_allclose(both["impact_ratio"], both["disparate_impact_ratio"], atol=1e-12)
    assert (both["impact_ratio_low"] <= both["impact_ratio"]).all() and both["impact_ratio_high"].le(1).all()
    first = run.groups[(run.groups["group"] == "position 1") & (run.groups["stratum"] == "software engineer")]
    assert first["value"].round(3).tolist() == [0.834]
    dropped = [e.count for e in run.excluded if "explanations" not in e.what]
    assert sum(dropped) == 36 + 35 + 44 + 35
    assert run.manifest["answers_older_than_plan"] is True
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert "position 1" in html.lower()
    assert verify(folder) == []


def test_a_run_without_a_pdf_is_whole_and_gets_one_later_which_then_stays_beside_its_page(
    tmp_path: Path,
) -> None:
    model = classifier(tmp_path / "model", **LABELS)
    suite = str(write_suite(tmp_path))

    def made(*, pdf: bool) -> Path:
        return pipeline.run(suite, model=f"hf:{model}", output=tmp_path / "runs", pdf=pdf)

    folder = made(pdf=False)
    assert not (folder / "report.pdf").exists() and verify(folder) == []
    pipeline.rebuild(folder)
    printed = (folder / "report.pdf").read_bytes()
    assert printed.startswith(b"%PDF-") and verify(folder) == []
    assert made(pdf=False) == folder
    assert (folder / "report.pdf").read_bytes() == printed and verify(folder) == []
