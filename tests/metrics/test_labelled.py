from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import small_suites
from answering import scores, texts
from audits import Result, decide, default_policy, make_axis, make_suite, run_tables
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.errors import InputError
from audit.metrics.labelled import ACCURACY, FALSE_POSITIVE_RATE, TRUE_POSITIVE_RATE
from audit.pipeline import run
from audit.protocols import Answers
from audit.records import PAIRS, PROMPTS, RESPONSES, Question, content_id
from audit.runs import read_run
from audit.score import score

CHOICE = Question(kind="choose", options=("yes", "no"), favourable="yes")
THREE = Question(kind="choose", options=("old", "young", "unknown"), favourable="old")
RATING = Question(kind="rate", low=1, high=10)
METRICS = (
    "accuracy", "true_positive_rate", "false_positive_rate", "demographic_parity_difference",
    "equal_opportunity_difference", "equalized_odds_difference",
)  # fmt: skip
GROUPS = ("blue", "red")


def labelled(answers: Answers, *expected: str) -> Answers:
    from dataclasses import replace

    return replace(answers, expected=list(expected))


# ---------------------------------------------------------------- single answers


def test_an_answer_is_right_if_it_is_the_expected_option() -> None:
    answers = labelled(texts("yes", "No.", "yes", "perhaps"), "yes", "no", "no", "yes")
    found = ACCURACY.score(answers, CHOICE)
    assert found.values[:3].tolist() == [1, 1, 0]
    assert found.reasons == ["", "", "", "unparsed"]


def test_of_three_options_any_can_be_the_expected_one() -> None:
    rows = [{"old": -1.0, "young": -0.5, "unknown": -3.0}] * 3
    found = ACCURACY.score(labelled(scores(*rows), "old", "young", "Unknown "), THREE)
    assert found.values.tolist() == [0, 1, 0]


def test_a_rating_is_right_if_it_is_less_than_half_a_point_away() -> None:
    answers = labelled(texts("7", "7.4", "7.5", "none"), "7", "7", "7", "7")
    found = ACCURACY.score(answers, RATING)
    assert found.values[:3].tolist() == [1, 1, 0]
    assert found.reasons[3] == "unparsed"


def test_rates_count_only_answers_whose_expected_answer_they_are_about() -> None:
    answers = labelled(texts("yes", "no", "yes", "no", "yes"), "yes", "yes", "no", "no", "")
    right, wrong = TRUE_POSITIVE_RATE.score(answers, CHOICE), FALSE_POSITIVE_RATE.score(answers, CHOICE)
    assert right.values[:2].tolist() == [1, 0]
    assert wrong.values[2:4].tolist() == [1, 0]
    assert right.reasons[2:] == ["not_counted: the expected answer is not the favourable one"] * 2 + [
        "not_counted: no expected answer is known"
    ]
    assert wrong.reasons[:2] == ["not_counted: the expected answer is the favourable one"] * 2
    assert np.isnan(right.values[2:]).all()


def test_an_expected_answer_that_the_question_does_not_allow_is_not_counted() -> None:
    answers = labelled(texts("yes"), "perhaps")
    reason = "not_counted: the expected answer is none that the question allows"
    for metric in (ACCURACY, TRUE_POSITIVE_RATE, FALSE_POSITIVE_RATE):
        assert metric.score(answers, CHOICE).reasons == [reason]
    assert ACCURACY.score(labelled(texts("7"), "many"), RATING).reasons == [reason]


def test_without_any_expected_answer_nothing_is_counted() -> None:
    for metric in (ACCURACY, TRUE_POSITIVE_RATE, FALSE_POSITIVE_RATE):
        assert (
            metric.score(texts("yes", "no"), CHOICE).reasons
            == ["not_counted: no expected answer is known"] * 2
        )


def test_a_failed_answer_fails_only_the_metrics_that_count_it() -> None:
    tables = made([[1, 1]], [["yes", "no"]], errors={0, 1})
    reasons = score(tables[0], tables[2], question=CHOICE, metrics=["true_positive_rate", "accuracy"])
    found = {(row.metric, row.prompt_id): row.reason for row in reasons.itertuples()}
    first, second = tables[0]["prompt_id"]
    assert found["true_positive_rate", first].startswith("failed: ")
    assert found["true_positive_rate", second].startswith("not_counted: ")
    assert found["accuracy", second].startswith("failed: ")


def test_without_fairlearn_the_metrics_say_how_to_install_it() -> None:
    script = (
        "import sys; sys.modules['fairlearn'] = None\n"
        "import numpy as np; from audit.protocols import Answers; from audit.records import Question\n"
        "from audit.metrics.labelled import ACCURACY; from audit.errors import MissingExtra\n"
        "answers = Answers(prompt_ids=['p'], items=[''], texts=['yes'], errors=[''], labels=(),\n"
        "                  log_probs=np.zeros((1, 0)), expected=['yes'])\n"
        "try: ACCURACY.score(answers, Question(kind='choose', options=('yes', 'no'), favourable='yes'))\n"
        "except MissingExtra as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "the metric 'accuracy' needs an extra: pip install \"audit[labels]\""


# ---------------------------------------------------------------- differences


def made(
    given: Sequence[Sequence[int]], expected: Sequence[Sequence[str]], *, paired: bool = False,
    errors: Sequence[int] | set[int] = (), strata: Sequence[str] = ("",), controls: bool = False,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:  # fmt: skip
    """Prompts, pairs and responses: given[template][group] is 1 for yes; each template is a cluster with one name."""
    prompts, pairs, responses = [], [], []
    for t, (answers, labels) in enumerate(zip(given, expected, strict=True)):
        place = {"axis": "colour", "template": f"t{t:04d}", "cluster": f"t{t:04d}", "name": "",
                 "stratum": strata[t % len(strata)]}  # fmt: skip
        ids = []
        for group, answer, label in zip(GROUPS, answers, labels, strict=True):
            own = []
            for arm in ("swap", "edit") if controls else ("swap",):
                prompt = content_id(t, group, arm)
                own.append(prompt)
                prompts.append({
                    **place, "prompt_id": prompt, "item": "", "arm": arm, "group": group, "position": 0,
                    "base_id": "" if arm == "swap" else own[0], "repeats": 1, "messages": "[]", "spans": "[]",
                    "expected": label,
                })  # fmt: skip
                responses.append({
                    "prompt_id": prompt, "repeat": 0, "text": "yes" if answer else "no", "scores": "",
                    "error": "timeout" if t * 2 + len(ids) in errors else "", "answered_at": "",
                })  # fmt: skip
            ids.append(own[0])
            if controls:
                pairs.append({**place, "pair_id": content_id(*own), "arm": "edit", "group_a": group,
                              "group_b": group, "a": own[0], "b": own[1]})  # fmt: skip
        if paired:
            pairs.append({**place, "pair_id": content_id(*ids), "arm": "swap", "group_a": GROUPS[0],
                          "group_b": GROUPS[1], "a": ids[0], "b": ids[1]})  # fmt: skip
    return PROMPTS.frame(prompts), PAIRS.frame(pairs), RESPONSES.frame(responses)


def measured(
    tables: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame], *, design: str, decided: Sequence[str] = METRICS
) -> Result:
    suite = make_suite(
        metrics=METRICS, design=design, decision=tuple(decide(metric) for metric in decided),
        templates=({"id": "t", "text": "$hue", "group": "blue"} if design == "groups" else
                   {"id": "t", "text": "$hue"},),
    )  # fmt: skip
    prompts, pairs, responses = tables
    found = score(prompts, responses, question=CHOICE, metrics=METRICS)
    return run_tables(
        prompts, pairs, found, suite=suite, axis=make_axis(GROUPS, cue="stated"), question=CHOICE,
        responses=responses, policy=default_policy(),
    )  # fmt: skip


def frame_of(tables: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]) -> dict[str, np.ndarray[Any, Any]]:
    """Labels, predictions and groups as fairlearn wants them."""
    both = tables[0].merge(tables[2], on="prompt_id")
    both = both[(both["arm"] == "swap") & (both["error"] == "")]
    return {
        "y_true": (both["expected"] == "yes").to_numpy(int), "y_pred": (both["text"] == "yes").to_numpy(int),
        "sensitive_features": both["group"].to_numpy(str),
    }  # fmt: skip


def random_audit(seed: int, count: int, *, paired: bool) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    random = np.random.default_rng(seed)
    given = random.integers(0, 2, (count, 2))
    labels = random.choice(["yes", "no"], (count, 2))
    if paired:
        labels[:, 1] = labels[:, 0]
    labels[:2] = [["yes", "yes"], ["no", "no"]]
    return made(given.tolist(), labels.tolist(), paired=paired, controls=paired)


@pytest.mark.parametrize("design", ["groups", "paired"])
@given(seed=st.integers(0, 10_000), count=st.integers(12, 60))
@settings(max_examples=15, deadline=None)
def test_every_value_is_that_of_fairlearn(design: str, seed: int, count: int) -> None:
    from fairlearn import metrics
    from sklearn.metrics import accuracy_score

    tables = random_audit(seed, count, paired=design == "paired")
    result, data = measured(tables, design=design), frame_of(tables)
    functions = {
        "accuracy": accuracy_score, "true_positive_rate": metrics.true_positive_rate,
        "false_positive_rate": metrics.false_positive_rate,
    }  # fmt: skip
    frame = metrics.MetricFrame(metrics=functions, **data)
    for metric in functions:
        for group in GROUPS:
            assert result.group(metric=metric, group=group)["value"] == pytest.approx(
                frame.by_group.loc[group, metric], abs=1e-12
            )
        difference = frame.by_group.loc["red", metric] - frame.by_group.loc["blue", metric]
        assert result.row(metric=metric)["estimate"] == pytest.approx(difference, abs=1e-12)
    for name in ("demographic_parity", "equal_opportunity", "equalized_odds"):
        value = getattr(metrics, f"{name}_difference")(**data)
        assert abs(result.row(metric=f"{name}_difference")["estimate"]) == pytest.approx(value, abs=1e-12)


def test_differences_have_the_intervals_of_the_scores_they_are_made_of() -> None:
    result = measured(random_audit(3, 60, paired=True), design="paired", decided=("accuracy",))
    columns = ["estimate", "low", "high", "se", "p_value", "control_high", "pair_count", "failed_count"]
    suite = make_suite(metrics=("selection_rate",), decision=())
    prompts, pairs, responses = random_audit(3, 60, paired=True)
    found = score(prompts, responses, question=CHOICE, metrics=["selection_rate"])
    plain = run_tables(prompts, pairs, found, suite=suite, axis=make_axis(GROUPS, cue="stated"))
    mine = result.row(metric="equal_opportunity_difference")[columns]
    assert mine.tolist() == pytest.approx(result.row(metric="true_positive_rate")[columns].tolist())
    parity = result.row(metric="demographic_parity_difference")
    assert parity["estimate"] == plain.row(metric="selection_rate")["estimate"]
    assert parity["se"] == pytest.approx(plain.row(metric="selection_rate")["se"])


def test_swapping_groups_negates_differences_and_leaves_the_largest_as_it_is() -> None:
    random = np.random.default_rng(5)
    given, labels = random.integers(0, 2, (40, 2)), random.choice(["yes", "no"], (40, 2))
    one = measured(made(given.tolist(), labels.tolist()), design="groups")
    other = measured(made(given[:, ::-1].tolist(), labels[:, ::-1].tolist()), design="groups")
    for metric in METRICS:
        sign = 1 if metric.startswith("equalized") else -1
        here, there = one.row(metric=metric), other.row(metric=metric)
        assert here["estimate"] == pytest.approx(sign * there["estimate"], abs=1e-12)
        assert here["low"] == pytest.approx(there["low"] if sign == 1 else -there["high"], abs=1e-12)


def test_answers_that_a_metric_is_not_about_are_no_failures() -> None:
    labels = [["yes", "yes"]] * 20 + [["no", "no"]] * 20 + [["", ""]] * 40
    tables = made([[1, 1]] * 80, labels, paired=True, controls=True, errors={0})
    result = measured(tables, design="paired")
    counts = {
        metric: result.row(metric=metric)[["pair_count", "failed_count"]].tolist() for metric in METRICS
    }
    assert counts["true_positive_rate"] == [19, 1]
    assert counts["false_positive_rate"] == [20, 0]
    assert counts["accuracy"] == [39, 1]
    assert counts["equalized_odds_difference"] == [39, 1]
    assert counts["demographic_parity_difference"] == [79, 1]
    group = result.group(metric="true_positive_rate", group="blue")
    assert (group["n"], group["failed"]) == (19, 1)


@pytest.mark.parametrize("design", ["groups", "paired"])
@pytest.mark.parametrize("labels, nothing", [
    ("yes", {"false_positive_rate": "is the favourable one", "equalized_odds_difference": ""}),
    ("no", {"true_positive_rate": "is not the favourable one", "equal_opportunity_difference": "",
            "equalized_odds_difference": ""}),
    ("", dict.fromkeys((m for m in METRICS if not m.startswith("demo")), "no expected answer is known")),
])  # fmt: skip
def test_where_nothing_counts_a_difference_is_not_measured_with_the_reason(
    design: str, labels: str, nothing: dict[str, str]
) -> None:
    random = np.random.default_rng(1)
    tables = made(random.integers(0, 2, (20, 2)).tolist(), [[labels, labels]] * 20, paired=design == "paired",
                  controls=design == "paired")  # fmt: skip
    result = measured(tables, design=design)
    verdicts = {finding.metric: finding for finding in result.findings}
    for metric, why in nothing.items():
        assert verdicts[metric].verdict == "not_measured"
        assert "no answers to count" in verdicts[metric].reason
        assert why in verdicts[metric].reason
    assert all(verdicts[metric].verdict != "not_measured" for metric in METRICS if metric not in nothing)


def test_a_group_without_labels_is_not_measured_with_the_reason() -> None:
    tables = made([[1, 0]] * 20, [["yes", ""], ["no", ""]] * 10)
    result = measured(tables, design="groups")
    verdicts = {finding.metric: finding.verdict for finding in result.findings}
    assert verdicts["demographic_parity_difference"] != "not_measured"
    for metric in ("accuracy", "true_positive_rate", "equalized_odds_difference"):
        assert verdicts[metric] in ("undecided", "not_measured")
        assert not np.isfinite(result.row(metric=metric)["estimate"])


def test_a_stratum_without_positives_has_no_rate_and_leaves_the_others_theirs() -> None:
    labels = [["yes", "yes"], ["no", "no"]] * 20
    random = np.random.default_rng(2)
    tables = made(random.integers(0, 2, (40, 2)).tolist(), labels, paired=True, controls=True,
                  strata=("nurse", "smith"))  # fmt: skip
    result = measured(tables, design="paired", decided=("accuracy",))
    empty = result.effects[
        (result.effects["metric"] == "true_positive_rate") & (result.effects["stratum"] == "smith")
    ]
    full = result.effects[
        (result.effects["metric"] == "true_positive_rate") & (result.effects["stratum"] == "nurse")
    ]
    assert np.isnan(empty["estimate"]).all() and "no answers to count" in empty["reason"].iloc[0]
    assert np.isfinite(full["estimate"]).all()


# ---------------------------------------------------------------- real answers

LAYOUT = """\
suite: 1
id: labelled
title: Answers with labels
language: en
domain: reading
harm: Wrong answers to questions about one group.
cannot_show: Anything about other questions.
design: groups
question: {kind: choose, ask: "?", options: [old, nonOld, unknown], favourable: old}
recorded:
  answer: answer
  expected: expected
  template: item
  group: polarity
  axis:
    id: polarity
    title: Question
    cue: stated
    groups:
      neg: {title: negative, wording: negative questions}
      nonneg: {title: non-negative, wording: non-negative questions}
metrics: [accuracy, true_positive_rate, false_positive_rate, equalized_odds_difference]
decision:
  - {metric: equalized_odds_difference, axis: polarity}
"""


def test_recorded_benchmark_answers_have_their_published_accuracy_and_fairlearns_differences(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fairlearn.metrics import equalized_odds_difference

    rows = [json.loads(line) for line in (shared_data / "benchmarks/bbq/predictions/preds_Age.jsonl").open()]
    rows = [row for row in rows if row["context_condition"] == "disambig"]
    plain = [{
        "item": f"q{row['question_index']}-{row['example_id']}", "polarity": row["question_polarity"],
        "expected": row["answer_info"][f"ans{row['label']}"][1], "answer": bbq_answer(row),
    } for row in rows]  # fmt: skip
    (tmp_path / "answers.jsonl").write_text("\n".join(map(json.dumps, plain)))
    (tmp_path / "labelled.yaml").write_text(LAYOUT)
    monkeypatch.setenv("AUDIT_CACHE", str(tmp_path / "cache"))
    done = read_run(run(
        str(tmp_path / "labelled.yaml"), model=f"recorded:{tmp_path / 'answers.jsonl'}", output=tmp_path / "runs",
    ))  # fmt: skip
    right = done.scores[done.scores["metric"] == "accuracy"]
    assert round(100 * right["value"].mean(), 1) == 89.6
    value = equalized_odds_difference(
        [row["expected"] == "old" for row in plain], [row["answer"] == "old" for row in plain],
        sensitive_features=[row["polarity"] for row in plain],
    )  # fmt: skip
    mine = done.effects[done.effects["metric"] == "equalized_odds_difference"].iloc[0]
    assert mine["estimate"] == pytest.approx(value, abs=1e-12)
    assert mine["failed_count"] == 0
    assert done.findings[0].verdict in ("within", "undecided", "beyond")


def bbq_answer(row: dict[str, Any]) -> str:
    """Which of the three answers a prediction gives, by the benchmark's own rule."""
    given = row["unifiedqa-t5-11b_pred_arc"].lower().replace("}", "").removesuffix(".")
    for place in range(3):
        if given == row[f"ans{place}"].lower().removesuffix("."):
            return str(row["answer_info"][f"ans{place}"][1])
    for place in range(3):
        words = " ".join(str(row["answer_info"][f"ans{place}"][0]).lower().split()[:2])
        if words in given:
            return str(row["answer_info"][f"ans{place}"][1])
    return "unmatched"


# ---------------------------------------------------------------- templates that expect an answer


def test_templates_that_expect_an_answer_are_audited_from_suite_to_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIT_CACHE", str(tmp_path / "cache"))
    names = ", ".join(METRICS)
    labels = {"letter": "invite", "referral": "invite", "note": "reject"}
    text = small_suites.TEXT.replace("[selection_rate, choice_logit]", f"[{names}]").replace(
        "{metric: choice_logit, axis: gender}",
        "{metric: equalized_odds_difference, axis: gender}\n  - {metric: accuracy, axis: gender}",
    )
    for name, label in labels.items():
        text = text.replace(f"{{id: {name}, ", f"{{id: {name}, expected: {label}, ")
    path = small_suites.write_suite(tmp_path, text)
    done = read_run(run(str(path), model="reference:screening-v1", output=tmp_path / "runs"))
    asked = done.prompts.drop_duplicates(["template"]).set_index("template")["expected"]
    assert asked.to_dict() == labels
    decisions = done.scores[done.scores["metric"] == "true_positive_rate"].merge(
        done.prompts[done.prompts["arm"] == "swap"], on="prompt_id"
    )
    swap = decisions[decisions["arm_x"] == "swap"]
    assert swap.loc[swap["template"] != "note", "value"].notna().all()
    assert swap.loc[swap["template"] == "note", "reason"].str.startswith("not_counted").all()
    odds = done.effects[done.effects["metric"] == "equalized_odds_difference"]
    parts = [
        done.effects[done.effects["metric"] == metric].set_index(["stratum", "group_a", "group_b"])["estimate"].abs()
        for metric in ("true_positive_rate", "false_positive_rate")
    ]  # fmt: skip
    expected = np.maximum(*parts)
    for row in odds.itertuples():
        assert row.estimate == pytest.approx(expected[row.stratum, row.group_a, row.group_b], abs=1e-12)
        assert np.isnan(row.low) and "a single cluster gives no interval" in row.reason
    assert {finding.verdict for finding in done.findings} == {"undecided"}
    assert "Larger difference of right and of wrong favourable decisions" in Path(
        done.folder, "report.html"
    ).read_text(encoding="utf-8")


def test_a_label_that_the_classifier_has_not_is_told(tmp_path: Path) -> None:
    text = small_suites.TEXT.replace("{id: letter, ", "{id: letter, expected: hire, ")
    path = small_suites.write_suite(tmp_path, text)
    with pytest.raises(
        InputError, match="template 'letter' of suite 'small' expects 'hire'; screening-v1 has the"
    ):
        run(str(path), model="reference:screening-v1", output=tmp_path / "runs")
