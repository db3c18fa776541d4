"""Recorded résumé scores of four real models: reference contrasts, their noise floor, and two traps."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import validity
from audits import decide, make_axis, make_suite, run_tables
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from studies import recorded_scores as study

from audit import pipeline, stats
from audit.errors import InputError
from audit.expand import pairs_of
from audit.floors import Edits, edit_floor
from audit.job import prepare
from audit.layout import Part, RecordedLayout
from audit.lint import lint
from audit.parts import asked, question_of
from audit.policy import load_policy
from audit.records import PROMPTS, REFERENCE, RESPONSES, SCORES, Question
from audit.references import NO_REFERENCE, reference_pairs, reference_scores
from audit.score import deltas, score
from audit.suite import load_axes, load_suite

SUITE = "recorded/resume-scores"
MODELS = study.MODELS
PLACEBOS = list(study.CONTROLS)
REFERENCES = list(study.REFERENCES)
YES = {"path": "recommend_interview", "options": ["yes", "maybe", "no"], "favourable": "yes"}


def published(data: Path, model: str) -> pd.DataFrame:
    """The answers as they were published, read without any of our code."""
    with gzip.open(study.file_of(data, model), "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    value = {"yes": 1.0, "maybe": 0.0, "no": 0.0}
    return pd.DataFrame(
        [
            {"cue": row["variant"], "job": row["jd"], "rating": row["response"].get("score"),
             "selection_rate": value.get(row["response"].get("recommend_interview"))}
            for row in rows
        ]
    )  # fmt: skip


# ------------------------------------------------------------- the four models


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("metric", study.METRICS)
def test_every_effect_is_that_of_a_t_test_over_jobs_against_the_mean_of_the_reference(
    model: str, metric: str, shared_data: Path
) -> None:
    table = published(shared_data, model).pivot_table(index="job", columns="cue", values=metric)
    found = study.effects(shared_data, model, metric)
    assert len(found) == 37 and set(found["contrast"]) == {"reference"}
    for cue in table:
        others = [name for name in REFERENCES if name != cue]
        change = table[cue] - table[others].mean(axis=1)
        row = found.loc[cue]
        assert row["estimate"] == pytest.approx(change.mean(), abs=1e-9)
        assert row["se"] == pytest.approx(change.std(ddof=1) / math.sqrt(17), abs=1e-9)
        assert (row["df"], row["cluster_count"], row["name_count"]) == (16, 17, 0)


@pytest.mark.parametrize("model", MODELS)
def test_no_control_edit_is_beyond_and_the_baseline_gets_no_verdict(model: str, shared_data: Path) -> None:
    for metric in study.METRICS:
        found = study.effects(shared_data, model, metric)
        assert found["decision"].sum() == 36 and found["level"][found["decision"]].eq(1 - 0.05 / 72).all()
        assert not found.loc["baseline", "decision"] and found.loc["baseline", "verdict"] == ""
        assert set(found.loc[PLACEBOS, "verdict"]) <= {"within", "undecided"}
        assert np.isfinite(found["control_high"]).all() and set(found["control_arm"]) == {"edit"}


@pytest.mark.parametrize("model", MODELS)
def test_no_cue_is_beyond_and_none_is_told_from_zero(model: str, shared_data: Path) -> None:
    for metric in study.METRICS:
        found = study.effects(shared_data, model, metric)
        decided = found[found["decision"]]
        assert "beyond" not in set(decided["verdict"])
        assert ((decided["low"] <= 0) & (decided["high"] >= 0)).all()


def test_limits_are_those_of_the_default_policy(shared_data: Path) -> None:
    for metric, limit in (("rating", 0.45), ("selection_rate", 0.10)):
        found = study.effects(shared_data, "gemini-2.5-pro", metric)
        assert np.allclose(found["limit_high"], limit) and np.allclose(found["limit_low"], -limit)


@pytest.mark.parametrize(("model", "lost"), [*((model, 0) for model in MODELS[:3]), ("mistral-large", 22)])
def test_unusable_answers_are_counted_by_cue_and_never_dropped(
    model: str, lost: int, shared_data: Path
) -> None:
    groups = study.tables(shared_data, model)["groups"]
    plain = published(shared_data, model).groupby("cue")["rating"]
    for metric in study.METRICS:
        mine = groups[groups["metric"] == metric].set_index("group")
        assert mine["failed"].sum() == lost and (mine["n"] + mine["failed"]).eq(85).all()
        assert (mine["n"] == plain.count()[mine.index]).all()
    unread = groups[groups["metric"] == "unparsed"]
    assert (unread["value"] * 85).sum() == pytest.approx(lost)
    assert len(study.tables(shared_data, model)["responses"]) == 3145


def test_the_single_baseline_of_one_model_lies_a_fifth_of_a_point_above_the_control_edits(
    shared_data: Path,
) -> None:
    found = study.effects(shared_data, "gemini-2.5-pro", "rating")
    assert found.loc["baseline", "estimate"] == pytest.approx(0.20, abs=0.005)


def test_both_apparent_hits_of_that_model_vanish_against_the_mean_of_the_reference(shared_data: Path) -> None:
    hits = [hit for hit in study.baseline_hits(shared_data) if hit.model == "gemini-2.5-pro"]
    assert {hit.cue for hit in hits} == {"companyLocations_india", "firstName_mohammed-al-said"}
    for hit in study.baseline_hits(shared_data):
        assert hit.p < 0.05 / 36 < hit.p_against_mean


def test_the_run_takes_seconds_and_the_report_can_be_made(shared_data: Path, tmp_path: Path) -> None:
    folder = pipeline.run(
        SUITE, model=f"recorded:{study.file_of(shared_data, 'mistral-large')}", output=tmp_path
    )
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["answers_older_than_plan"] and manifest["counts"]["responses"] == 3145
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    assert plan["decision_count"] == 72
    assert (folder / "report.html").is_file()


def test_repeats_without_a_value_count_although_their_prompt_has_one() -> None:
    prompts, _ = small({(f"job {n}", cue): 0.0 for n in range(20) for cue in ("a", "b")})
    prompts["repeats"] = 5
    rows = [
        {"prompt_id": prompt, "repeat": repeat, "text": "7" if repeat < (1 if prompt.endswith("b") else 5) else "?",
         "scores": "", "error": "", "answered_at": ""}
        for prompt in prompts["prompt_id"] for repeat in range(5)
    ]  # fmt: skip
    asked_for = {"question": Question(kind="rate", low=1, high=10), "metrics": ["rating"]}
    answers = RESPONSES.frame(rows)
    scores = score(prompts, answers, **asked_for)
    counts = scores.groupby(scores["prompt_id"].str[-1])[["answers", "lost"]].sum()
    assert counts.to_numpy().tolist() == [[100, 0], [20, 80]]
    found = deltas(pairs_of(prompts), scores, answers, **asked_for)
    assert found["delta"].eq(0).all() and found["lost_a"].eq(0).all() and found["lost_b"].eq(0.8).all()
    result = run_tables(
        prompts, pairs_of(prompts), scores,
        suite=make_suite(metrics=["rating"], axes=["cue"], decision=[decide("rating", axis="cue")]),
        axis=make_axis(("a", "b"), name="cue"), question=asked_for["question"], responses=answers,
    )  # fmt: skip
    assert result.groups.set_index("group")[["n", "failed"]].to_numpy().tolist() == [[100, 0], [20, 80]]
    (finding,) = result.findings
    assert finding.verdict == "undecided"
    assert finding.reason.startswith("answers without a value: 0.0% of one group, 80.0% of the other")


# ------------------------------------------------------------- the two traps, quick


def test_repeats_counted_as_observations_raise_false_alarms_and_jobs_do_not(shared_data: Path) -> None:
    alarms = {
        name: np.mean([one.shuffled for model in MODELS for metric in study.METRICS
                       for one in study.sizes(shared_data, model, metric) if one.test == name])
        for name in ("answers, paired", "clusters")
    }  # fmt: skip
    assert alarms["clusters"] <= 0.06
    assert alarms["answers, paired"] > alarms["clusters"]


def test_an_unpaired_test_is_several_times_too_wide(shared_data: Path) -> None:
    for model in MODELS:
        found = {one.test: one for one in study.sizes(shared_data, model, "rating")}
        assert found["answers, unpaired"].width > 2
        assert found["answers, unpaired"].shuffled < 0.005


def test_the_lowest_of_equal_groups_ratios_is_under_four_fifths_and_our_interval_is_not(
    shared_data: Path,
) -> None:
    yes = study.cells(shared_data, "gemini-2.5-pro", "selection_rate")[REFERENCES].to_numpy(float).T
    found = study.lowest(yes, shuffles=100)
    assert found.naive < 0.80 and found.naive_alarms > 0.5
    assert found.high >= 0.80 and found.our_alarms <= 0.05


# ------------------------------------------------------------- the noise floor of single edits


def test_averaging_over_the_edits_makes_the_floor_too_narrow_and_ours_keeps_its_level() -> None:
    for edit, noise in ((0.0, 0.4), (0.3, 0.05)):
        found = study.floor_errors(edit=edit, noise=noise, level=0.95, audits=400)
        assert found["averaged"] > 0.3
        assert found["ours"] <= 0.07
    assert found["drawn by job"] > 0.3 and found["largest edit"] > 0.07


def edits(change: np.ndarray) -> Edits:
    count, jobs = change.shape
    return Edits(
        value_a=np.zeros(change.size), value_b=change.ravel(), edit=np.repeat(np.arange(count), jobs),
        cluster=np.tile(np.arange(jobs), count),
    )  # fmt: skip


def test_the_floor_of_edits_with_effects_of_their_own_is_the_t_range_of_their_spread() -> None:
    own = np.array([-0.3, -0.1, 0.1, 0.3])
    change = np.repeat(own[:, None], 17, axis=1)
    wanted = scipy_stats.t.ppf(1 - 0.001 / 2, 3) * np.sqrt(np.mean(own**2))
    assert edit_floor(edits(change), 0.999, between=stats.minus, seed=1) == pytest.approx(wanted)


def test_the_floor_of_noise_alone_is_at_least_that_of_edits_drawn_by_job() -> None:
    change = np.random.default_rng(3).normal(0, 1, (200, 17))
    floor = edit_floor(edits(change), 0.95, between=stats.minus, seed=1)
    assert floor == pytest.approx(1.96 / math.sqrt(17), rel=0.12)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), factor=st.floats(0.01, 100))
def test_the_floor_scales_with_the_scores_and_has_no_sign(seed: int, factor: float) -> None:
    change = np.random.default_rng(seed).normal(0, 1, (5, 9))
    one = edit_floor(edits(change), 0.95, between=stats.minus, seed=2)
    assert edit_floor(edits(factor * change), 0.95, between=stats.minus, seed=2) == pytest.approx(
        factor * one
    )
    assert edit_floor(edits(-change), 0.95, between=stats.minus, seed=2) == pytest.approx(one, rel=0.2)


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_edits_give_no_floor(count: int) -> None:
    assert math.isnan(edit_floor(edits(np.ones((count, 9))), 0.95, between=stats.minus, seed=1))


# ------------------------------------------------------------- reference contrasts


def small(values: Mapping[tuple[str, str], float]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Prompts and scores from (job, cue) → value."""
    prompts = [
        {"prompt_id": f"{job}-{cue}", "item": "", "axis": "cue", "arm": "swap", "template": job, "cluster": job,
         "name": "", "group": cue, "stratum": "", "position": 0, "base_id": "", "repeats": 1, "messages": "[]",
         "spans": "[]"}
        for job, cue in values
    ]  # fmt: skip
    scores = [
        {"prompt_id": f"{job}-{cue}", "item": "", "arm": "swap", "metric": "rating", "value": value,
         "reason": "" if np.isfinite(value) else "unparsed"}
        for (job, cue), value in values.items()
    ]  # fmt: skip
    return PROMPTS.frame(prompts), SCORES.frame(scores)


def sides(values: Mapping[tuple[str, str], float], reference: list[str]) -> dict[tuple[str, str], float]:
    prompts, scores = small(values)
    pairs = reference_pairs(prompts, reference)
    made = reference_scores(prompts, scores, reference).set_index("prompt_id")["value"]
    assert set(pairs["group_a"]) == {REFERENCE}
    return {(row.template, row.group_b): made[row.a] for row in pairs.itertuples()}


def test_a_reference_input_is_compared_with_the_others_and_any_other_with_all() -> None:
    found = sides({("x", "a"): 1.0, ("x", "b"): 3.0, ("x", "c"): 8.0, ("x", "cue"): 100.0}, ["a", "b", "c"])
    assert found == {("x", "a"): 5.5, ("x", "b"): 4.5, ("x", "c"): 2.0, ("x", "cue"): 4.0}


def test_a_reference_input_without_a_value_is_left_out_of_the_mean() -> None:
    found = sides({("x", "a"): 1.0, ("x", "b"): np.nan, ("x", "c"): 8.0, ("x", "cue"): 2.0}, ["a", "b", "c"])
    assert found == {("x", "a"): 8.0, ("x", "b"): 4.5, ("x", "c"): 1.0, ("x", "cue"): 4.5}


def test_a_place_without_reference_inputs_says_so() -> None:
    prompts, scores = small({("x", "cue"): 2.0, ("y", "a"): 1.0})
    made = reference_scores(prompts, scores, ["a"])
    assert made["value"].isna().all() and set(made["reason"]) == {NO_REFERENCE}


# ------------------------------------------------------------- parts of JSON answers


def layout(**parts: object) -> RecordedLayout:
    return RecordedLayout.model_validate({"answer": "a", "group": "g", "parts": parts})


def texts(part: Part | str | dict[str, Any], *answers: str) -> list[str]:
    rows = [
        {"prompt_id": f"p{n}", "repeat": 0, "text": text, "scores": "", "error": "", "answered_at": ""}
        for n, text in enumerate(answers)
    ]
    (lot,) = asked(
        RESPONSES.frame(rows), question=Question(kind="rate", low=1, high=10), metrics=["rating"],
        layout=layout(rating=part),
    )  # fmt: skip
    return lot.responses["text"].tolist()


def test_a_part_is_read_from_every_answer_that_is_a_json_object() -> None:
    answers = (
        '{"score": 7, "why": "9 years"}',
        '{"other": 1}',
        "{}",
        '{"score": {"n": 3}}',
        "I cannot help.",
        "[8]",
    )
    assert texts("score", *answers) == ["7", "", "", '{"n": 3}', "I cannot help.", "[8]"]
    assert texts("score.n", answers[3]) == ["3"]


def test_each_metric_reads_its_own_part_and_a_comparison_that_of_its_score() -> None:
    own = layout(rating="score", selection_rate=YES)
    question = Question(kind="rate", low=1, high=10)
    lots = asked(
        RESPONSES.frame(),
        question=question,
        metrics=["rating", "selection_rate", "impact_ratio", "length"],
        layout=own,
    )
    assert [lot.metrics for lot in lots] == [("rating",), ("selection_rate", "impact_ratio"), ("length",)]
    assert [lot.question.kind for lot in lots] == ["rate", "choose", "rate"]
    assert question_of("impact_ratio", question=question, layout=own).favourable == "yes"
    assert question_of("rating", question=question, layout=None) == question


MISTAKES = [
    ("    rating: score\n", "    ratng: score\n", r"\d+:5: this key is 'ratng'; .*did you mean 'rating'"),
    ("    rating: score\n", "    rating: [score]\n", r"\d+:13: .*allowed: a path, or a mapping"),
    ("    rating: score\n", "    rating: 'a['\n", r"\d+:13: 'a\[' is no JMESPath"),
    ('favourable: "yes"}', 'favourable: "yep"}', r"'favourable' is 'yep'; the options are: yes, maybe, no"),
    (', favourable: "yes"}', "}", "'options' need 'favourable'"),
    ('options: ["yes", maybe, "no"], ', "", "'favourable' is one of the 'options', which are missing"),
    ('["yes", maybe, "no"]', '["yes"]', "a decision needs at least two options; here is 1"),
    ("    - baseline\n", "    - baselin\n", "this group is 'baselin'; the axis has: .*did you mean 'baseline'"),
    ("  controls:\n    - placebo_car-red\n", "  controls:\n    - school_mit\n",
     "this group is 'school_mit'; the reference has: "),
    ("contrasts: reference}", "contrasts: pairs}", "these groups are compared with the reference only"),
]  # fmt: skip


@pytest.mark.parametrize(("find", "write", "told"), MISTAKES)
def test_a_mistake_in_parts_or_reference_is_told_with_its_place(
    find: str, write: str, told: str, tmp_path: Path
) -> None:
    text = load_suite(SUITE).path.read_text(encoding="utf-8")
    assert find in text
    path = tmp_path / "suite.yaml"
    path.write_text(text.replace(find, write, 1), encoding="utf-8")
    with pytest.raises(InputError, match=rf"suite\.yaml:.*{told}"):
        load_suite(path)


def test_a_reference_that_is_not_there_cannot_be_compared_with(tmp_path: Path) -> None:
    text = load_suite(SUITE).path.read_text(encoding="utf-8")
    before, _, rest = text.partition("  reference:\n")
    path = tmp_path / "suite.yaml"
    path.write_text(before + "  axis:\n" + rest.partition("  axis:\n")[2], encoding="utf-8")
    with pytest.raises(InputError, match="no block 'recorded' names a 'reference'"):
        load_suite(path)


def test_a_reference_with_too_few_control_edits_is_warned_of(tmp_path: Path) -> None:
    text = load_suite(SUITE).path.read_text(encoding="utf-8")
    head, _, rest = text.partition("  controls:\n")
    path = tmp_path / "suite.yaml"
    text = f"{head}  controls: [placebo_car-red]\n  axis:\n{rest.partition('  axis:' + chr(10))[2]}"
    path.write_text(text, encoding="utf-8")
    suite = load_suite(path)
    assert any(
        "the reference has 1 'controls'" in line
        for line in lint(suite, load_axes(suite), load_policy("default"))
    )
    suite = load_suite(SUITE)
    (warning,) = lint(suite, load_axes(suite), load_policy("default"))
    assert warning.startswith("72 effects are marked for decision")


def test_the_shipped_suite_names_every_cue_of_the_records(shared_data: Path) -> None:
    job = prepare(SUITE, model=f"recorded:{study.file_of(shared_data, 'mistral-large')}")
    assert not job.expansion.excluded
    assert set(job.expansion.prompts["group"]) == set(job.axes["cue"].groups)
    assert job.expansion.prompts["repeats"].eq(5).all() and len(job.expansion.pairs) == 37 * 17


# ------------------------------------------------------------- the document


def test_key_numbers_of_the_document_are_those_of_the_data(shared_data: Path) -> None:
    page = validity.PAGE.read_text(encoding="utf-8")
    parts = {"overview": study.overview(shared_data), "single baseline": study.hits(shared_data),
             **{model: study.cues(shared_data, model) for model in MODELS}}  # fmt: skip
    for name, lines in parts.items():
        assert "\n".join(lines) in page, name


@pytest.mark.slow
def test_the_tables_of_the_recorded_scores_are_made_again(shared_data: Path) -> None:
    for name, text in study.made(shared_data).items():
        validity.put(name, text)
        print(f"\n{name}\n\n{text}")
