from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pytest
from audits import Cells, only
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.errors import InputError
from audit.records import DELTAS, PAIRS, PROMPTS, RESPONSES, SCORES, Question
from audit.score import deltas, score

YES_NO = Question(kind="choose", options=("Yes", "No"), favourable="Yes")
FREE = Question(kind="generate")
RATE = Question(kind="rate", low=1, high=10)


def prompt(
    prompt_id: str, *, arm: str = "swap", item: str = "", repeats: int = 1, group: str = "g"
) -> dict[str, object]:
    return {
        "prompt_id": prompt_id,
        "item": item,
        "axis": "colour",
        "arm": arm,
        "template": "t",
        "cluster": "t",
        "name": "00",
        "group": group,
        "stratum": "",
        "position": 0,
        "base_id": "",
        "repeats": repeats,
        "messages": "[]",
        "spans": "[]",
    }


def answer(
    prompt_id: str,
    text: str = "",
    *,
    repeat: int = 0,
    scores: Mapping[str, float] | None = None,
    error: str = "",
) -> dict[str, object]:
    written = json.dumps(scores) if scores else ""
    return {
        "prompt_id": prompt_id,
        "repeat": repeat,
        "text": text,
        "scores": written,
        "error": error,
        "answered_at": "",
    }


def pair(a: str, b: str, *, arm: str = "swap", groups: tuple[str, str] = ("x", "y")) -> dict[str, object]:
    return {
        "pair_id": f"{a}-{b}-{arm}",
        "axis": "colour",
        "arm": arm,
        "template": "t",
        "cluster": "t",
        "name": "00",
        "stratum": "",
        "group_a": groups[0],
        "group_b": groups[1],
        "a": a,
        "b": b,
    }


def scored(
    prompts: Sequence[object], answers: Sequence[object], metrics: Sequence[str], question: Question = YES_NO
) -> pd.DataFrame:
    return score(PROMPTS.frame(prompts), RESPONSES.frame(answers), question=question, metrics=metrics)  # type: ignore[arg-type]


def compared(
    pairs: Sequence[object], prompts: Sequence[object], answers: Sequence[object], metrics: Sequence[str]
) -> pd.DataFrame:
    table = scored(prompts, answers, metrics)
    return deltas(PAIRS.frame(pairs), table, RESPONSES.frame(answers), question=YES_NO, metrics=metrics)  # type: ignore[arg-type]


def test_a_score_is_the_mean_over_the_repeats_that_have_a_value() -> None:
    answers = [answer("p", text, repeat=n) for n, text in enumerate(["Yes", "No", "who knows", "Yes"])]
    row = only(scored([prompt("p", repeats=4)], answers, ["selection_rate"]), prompt_id="p")
    assert (row["value"], row["reason"]) == (pytest.approx(2 / 3), "")


def test_a_prompt_without_any_value_says_why() -> None:
    prompts = [prompt(name) for name in ("failed", "refused", "unread", "unasked", "tied")]
    answers = [
        answer("failed", error="timeout"),
        answer("refused", "I'm sorry, but I can't do that."),
        answer("unread", "maybe"),
        answer("tied", scores={"Yes": -0.7, "No": -0.7}),
    ]
    found = scored(prompts, answers, ["selection_rate"])
    assert dict(zip(found["prompt_id"], found["reason"], strict=True)) == {
        "failed": "failed: timeout",
        "refused": "refused",
        "unread": "unparsed",
        "unasked": "no answer",
        "tied": "tie",
    }
    assert found["value"].isna().all()


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["Yes", "No", "perhaps", ""])), max_size=12)
)
@settings(max_examples=40, deadline=None)
def test_every_prompt_has_one_row_with_a_value_or_a_reason(given_answers: list[tuple[str, str]]) -> None:
    answers = [answer(name, text, repeat=n) for n, (name, text) in enumerate(given_answers)]
    found = scored([prompt(name) for name in "abc"], answers, ["selection_rate", "length"])
    assert len(found) == 6
    assert (found["value"].isna() == (found["reason"] != "")).all()


def test_the_order_of_answers_changes_nothing() -> None:
    answers = [answer("p", text, repeat=n) for n, text in enumerate(["maybe", "", "Yes", "No"])]
    prompts = [prompt("p", repeats=4), prompt("q")]
    forward, backward = (scored(prompts, rows, ["selection_rate"]) for rows in (answers, answers[::-1]))
    pd.testing.assert_frame_equal(forward, backward)


def test_repeats_from_n_on_are_those_of_the_arm_again() -> None:
    prompts = [prompt("p", repeats=2), prompt("p", arm="again", repeats=2)]
    answers = [answer("p", text, repeat=n) for n, text in enumerate(["Yes", "Yes", "No", "Yes"])]
    found = scored(prompts, answers, ["selection_rate"])
    assert only(found, arm="swap")["value"] == 1.0
    assert only(found, arm="again")["value"] == 0.5


def test_a_prompt_in_two_roles_is_scored_once() -> None:
    found = scored([prompt("p"), prompt("p", arm="name")], [answer("p", "Yes")], ["selection_rate"])
    assert len(found) == 1


def test_each_candidate_of_a_ranking_has_a_score() -> None:
    prompts = [prompt("p", item=name, repeats=2) for name in ("Ann", "Bo")]
    answers = [answer("p", "1. Bo 2. Ann"), answer("p", "Ann first", repeat=1)]
    found = scored(prompts, answers, ["rank_first"], FREE)
    assert dict(zip(found["item"], found["value"], strict=True)) == {"Ann": 0.5, "Bo": 0.5}


def test_a_metric_that_does_not_fit_the_question_is_not_supported() -> None:
    found = scored([prompt("p")], [answer("p", "Yes")], ["rating", "choice_logit"])
    assert found["reason"].tolist() == ["not_supported", "not_supported"]


def test_metrics_that_compare_have_what_they_compare_scored() -> None:
    found = scored([prompt("p")], [answer("p", "Yes")], ["impact_ratio", "flip_rate"])
    assert found["metric"].tolist() == ["selection_rate"]


def test_mere_cards_are_not_computed_and_unknown_names_are_refused() -> None:
    assert scored([prompt("p")], [answer("p", "Yes")], ["attribution_share_shap"]).empty
    with pytest.raises(InputError, match="did you mean 'selection_rate'"):
        scored([prompt("p")], [answer("p", "Yes")], ["selection_rat"])


def test_log_probabilities_are_read_from_their_documents() -> None:
    answers = [answer("p", scores={"Yes": float(np.log(0.8)), "No": float(np.log(0.2))}), answer("q", "Yes")]
    found = scored([prompt("p"), prompt("q")], answers, ["choice_logit"])
    assert only(found, prompt_id="p")["value"] == pytest.approx(np.log(4))
    assert only(found, prompt_id="q")["reason"] == "not_supported"


def test_a_delta_is_b_minus_a_with_the_reason_of_each_side() -> None:
    prompts = [prompt(name) for name in "abc"]
    answers = [answer("a", "No"), answer("b", "Yes"), answer("c", "perhaps")]
    found = compared([pair("a", "b"), pair("a", "c"), pair("c", "c")], prompts, answers, ["selection_rate"])
    assert only(found, pair_id="a-b-swap")[["value_a", "value_b", "delta", "reason"]].tolist() == [
        0.0,
        1.0,
        1.0,
        "",
    ]
    assert found["reason"].tolist() == ["", "b: unparsed", "a: unparsed; b: unparsed"]
    assert list(found.columns) == DELTAS.names


@given(st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_exchanging_the_sides_negates_deltas_and_keeps_flips(seed: int) -> None:
    rng = np.random.default_rng(seed)
    prompts = [prompt(name, repeats=3) for name in "ab"]
    answers = [answer(name, rng.choice(["Yes", "No", "hm"]), repeat=n) for name in "ab" for n in range(3)]
    metrics = ["selection_rate", "flip_rate"]
    forward, backward = (
        compared([pair(*ids)], prompts, answers, metrics) for ids in (("a", "b"), ("b", "a"))
    )
    np.testing.assert_allclose(backward["delta"] * [-1, 1], forward["delta"])


def test_flips_compare_all_repeats_and_the_control_asks_the_same_prompt_again() -> None:
    prompts = [prompt("a", repeats=2), prompt("b", repeats=2), prompt("a", arm="again", repeats=2)]
    answers = [answer("a", text, repeat=n) for n, text in enumerate(["Yes", "Yes", "No", "Yes"])]
    answers += [answer("b", "No", repeat=n) for n in range(2)]
    found = compared(
        [pair("a", "b"), pair("a", "a", arm="again", groups=("x", "x"))], prompts, answers, ["flip_rate"]
    )
    assert only(found, arm="swap")["delta"] == 1.0
    again = only(found, arm="again")
    assert again[["value_a", "value_b", "delta"]].tolist() == [1.0, 0.5, 0.5]


def test_where_every_prompt_is_asked_again_half_of_the_repeats_are_the_first() -> None:
    prompts = [prompt("a"), prompt("a", arm="again")]
    answers = [answer("a", "Yes"), answer("a", "No", repeat=1)]
    found = compared([pair("a", "a", arm="again", groups=("x", "x"))], prompts, answers, ["flip_rate"])
    assert found["delta"].tolist() == [1.0]


def test_flips_of_questions_without_decisions_are_not_supported() -> None:
    found = deltas(
        PAIRS.frame([pair("a", "b")]), SCORES.frame(), RESPONSES.frame(), question=RATE, metrics=["flip_rate"]
    )
    assert found["reason"].tolist() == ["a: not_supported; b: not_supported"]


def test_identical_answers_have_deltas_and_flips_of_zero() -> None:
    answers = [answer(name, "Yes") for name in "ab"]
    found = compared(
        [pair("a", "b")], [prompt(name) for name in "ab"], answers, ["selection_rate", "flip_rate"]
    )
    assert found["delta"].tolist() == [0.0, 0.0]


def test_ready_made_scores_give_deltas_only_where_both_prompts_have_one() -> None:
    rows = [
        {
            "prompt_id": name,
            "item": "",
            "arm": "swap",
            "metric": "attribution_share_shap",
            "value": value,
            "reason": "",
        }
        for name, value in (("a", 0.2), ("b", 0.5))
    ]
    found = deltas(
        PAIRS.frame([pair("a", "b"), pair("a", "c")]),
        SCORES.frame(rows),
        RESPONSES.frame(),
        question=YES_NO,
        metrics=["attribution_share_shap"],
    )
    assert found["delta"].tolist() == [pytest.approx(0.3)]


@pytest.mark.filterwarnings("error")
def test_nothing_in_gives_tables_without_rows() -> None:
    empty = scored([], [], ["selection_rate"])
    assert empty.empty and list(empty.columns) == SCORES.names
    nothing = deltas(
        PAIRS.frame(), empty, RESPONSES.frame(), question=YES_NO, metrics=["selection_rate", "flip_rate"]
    )
    assert nothing.empty and list(nothing.columns) == DELTAS.names


def test_deltas_follow_the_pairs_of_a_whole_audit() -> None:
    values = np.random.default_rng(0).normal(size=(4, 3, 2))
    _, pairs, scores = Cells(values=values).tables("rating")
    found = deltas(pairs, scores, RESPONSES.frame(), question=RATE, metrics=["rating"])
    np.testing.assert_allclose(found["delta"], (values[:, :, 1] - values[:, :, 0]).reshape(-1))
