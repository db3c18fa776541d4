"""Scoring rate: above the sample's median or not."""

from __future__ import annotations

import numpy as np
import pytest
from audits import Cells, Result, decide, make_axis, make_suite, run_tables
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from audit import stats
from audit.kinds import kind_of
from audit.metrics.scoring import SCORING_RATE
from audit.policy import load_policy
from audit.records import PROMPTS, RESPONSES, SCORES, Question
from audit.relative import with_bases, with_relative
from audit.score import score
from audit.stats import Sample

RATE = Question(kind="rate", low=1, high=10)
CHOOSE = Question(kind="choose", options=("yes", "no"), favourable="yes")
numbers = st.lists(st.integers(min_value=1, max_value=5).map(float), min_size=1, max_size=30)


def everything(values: list[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    array = np.array(values, dtype=float)
    return SCORING_RATE.relative(array, np.ones(len(array), dtype=bool))


@given(values=numbers)
def test_it_is_the_plain_definition(values: list[float]) -> None:
    middle = sorted(values)[len(values) // 2]
    if len(values) % 2 == 0:
        middle = (middle + sorted(values)[len(values) // 2 - 1]) / 2
    assert everything(values).tolist() == [float(value > middle) for value in values]


@given(values=numbers)
def test_at_most_half_are_above_the_median_and_a_shift_or_a_stretch_changes_nothing(
    values: list[float],
) -> None:
    found = everything(values)
    assert found.mean() <= 0.5
    assert np.array_equal(found, everything(3 * np.array(values) + 2))


def test_a_score_at_the_median_is_not_above_it() -> None:
    assert everything([7, 7, 7, 7, 9]).tolist() == [0, 0, 0, 0, 1]
    assert everything([5, 5, 5]).tolist() == [0, 0, 0]


def test_scores_outside_the_sample_are_measured_by_it_and_what_has_no_value_has_none() -> None:
    values = np.array([1.0, 2.0, 3.0, 100.0, 200.0, np.nan])
    sample = np.array([True, True, True, False, False, True])
    found = SCORING_RATE.relative(values, sample)
    assert found[:5].tolist() == [0, 0, 1, 1, 1] and np.isnan(found[5])
    assert np.isnan(SCORING_RATE.relative(np.full(3, np.nan), np.ones(3, dtype=bool))).all()
    assert np.isnan(SCORING_RATE.relative(np.ones(3), np.zeros(3, dtype=bool))).all()


def test_it_rests_on_the_rating_or_on_the_log_odds() -> None:
    assert with_bases(["scoring_rate"], RATE) == ["scoring_rate", "rating"]
    assert with_bases(["scoring_rate", "length"], CHOOSE) == ["scoring_rate", "length", "choice_logit"]
    assert with_bases(["scoring_rate"], Question(kind="generate")) == ["scoring_rate"]
    assert not kind_of("scoring_rate").fits(Question(kind="generate"))


def answered(texts: dict[str, list[str]]) -> object:
    """SCORES of rating answers: prompt id → one text a repeat; ids that begin with `c` are controls."""
    place = {
        "item": "", "axis": "colour", "template": "t", "cluster": "t", "name": "", "group": "blue", "stratum": "",
        "position": 0, "base_id": "", "messages": "[]", "spans": "[]",
    }  # fmt: skip
    prompts = PROMPTS.frame(
        {**place, "prompt_id": key, "arm": "name" if key.startswith("c") else "swap", "repeats": len(given)}
        for key, given in texts.items()
    )
    responses = RESPONSES.frame(
        {"prompt_id": key, "repeat": number, "text": text, "scores": "", "error": "", "answered_at": "now"}
        for key, given in texts.items()
        for number, text in enumerate(given)
    )
    return score(prompts, responses, question=RATE, metrics=["scoring_rate"])


def test_repeats_are_averaged_before_the_median_and_controls_do_not_move_it() -> None:
    texts = {"p1": ["2", "4"], "p2": ["5", "5"], "p3": ["6", "10"], "c1": ["9", "9"], "p4": ["none", "none"]}
    table = answered(texts)
    rows = table[table["metric"] == "scoring_rate"].set_index("prompt_id")  # type: ignore[index]
    assert rows.loc[["p1", "p2", "p3", "c1"], "value"].tolist() == [0, 0, 1, 1]
    assert np.isnan(rows.loc["p4", "value"]) and rows.loc["p4", "reason"] == "unparsed"
    assert set(table["metric"]) == {"rating", "scoring_rate"}  # type: ignore[index]


def audited(ratings: NDArray[np.float64], *, policy: str = "four-fifths") -> Result:
    """An audit of ratings[template, name, group] whose impact ratio is marked for decision."""
    suite = make_suite(
        metrics=("rating", "scoring_rate", "impact_ratio"),
        question={"kind": "rate", "ask": "?", "low": 1, "high": 10},
        decision=(decide("impact_ratio"), decide("scoring_rate")),
    )
    cells = Cells(ratings, controls={"name": ratings})
    prompts, pairs, scores = cells.tables("rating")
    scores = with_relative(SCORES.frame(scores), prompts, question=RATE, metrics=suite.metrics)
    return run_tables(
        prompts, pairs, scores, suite=suite, axis=make_axis(("blue", "red")), question=RATE,
        policy=load_policy(policy),
    )  # fmt: skip


def test_the_impact_ratio_of_ratings_is_that_of_the_scoring_rates() -> None:
    rng = np.random.default_rng(4)
    ratings = np.clip(rng.normal(6, 1.5, (40, 12, 1)) + rng.normal(0, 1, (40, 12, 2)), 1, 10)
    ratings[:, :, 1] -= 1.5
    found = audited(ratings)
    above = (ratings > np.median(ratings)).mean(axis=(0, 1))
    row = found.row(metric="impact_ratio", group_b="red")
    assert np.exp(row["estimate"]) == pytest.approx(above[1] / above[0])
    assert row["verdict"] == "beyond"
    group = found.group(metric="scoring_rate", group="red", stratum="*")
    assert group["value"] == pytest.approx(above[1])
    assert group["impact_ratio"] == pytest.approx(above[1] / above[0])
    assert found.row(metric="scoring_rate", group_b="red")["verdict"] == "undecided"
    why = "the policy 'four-fifths' sets no limit for scoring_rate"
    assert any(each.reason.startswith(why) for each in found.findings)
    example = next(each for each in found.findings if each.metric == "impact_ratio").example_pair
    assert example in set(found.deltas["pair_id"])


def test_the_policy_of_local_law_144_gives_rates_and_no_verdict() -> None:
    found = audited(np.random.default_rng(1).uniform(1, 10, (20, 4, 2)), policy="nyc-ll144")
    assert {each.verdict for each in found.findings} == {"undecided"}
    assert all("sets no limit" in each.reason for each in found.findings)
    assert found.groups.loc[found.groups["metric"] == "scoring_rate", "impact_ratio"].notna().all()


def test_constant_ratings_have_no_ratio_and_no_warning() -> None:
    found = audited(np.full((20, 4, 2), 7.0))
    row = found.row(metric="impact_ratio", group_b="red")
    assert row["verdict"] == "undecided" and "a rate is zero" in row["reason"]
    assert found.row(metric="scoring_rate", group_b="red")["estimate"] == 0.0


@pytest.mark.parametrize(("shift", "spread"), [(0.0, 1.0), (0.5, 1.0), (1.0, 1.0), (0.5, 3.0)])
def test_intervals_that_take_the_median_as_known_cover_the_true_difference(
    shift: float, spread: float
) -> None:
    rng = np.random.default_rng(7)
    many = rng.normal(0, 1, (2, 1_000_000))
    truth_a, truth_b = 1.5 * many[0], shift + np.sqrt(1.25 + spread**2) * many[1]
    middle = np.median(np.concatenate([truth_a, truth_b]))
    truth = (truth_b > middle).mean() - (truth_a > middle).mean()
    covered = [covers(rng, shift, spread, float(truth)) for _ in range(300)]
    assert np.mean(covered) >= 0.93


def covers(rng: np.random.Generator, shift: float, spread: float, truth: float) -> bool:
    """Whether the interval of one audit of 40 templates and 12 names holds the true difference of scoring rates."""
    base = rng.normal(0, 1, (40, 1)) + rng.normal(0, 0.5, (1, 12))
    a, b = base + rng.normal(0, 1, (40, 12)), shift + base + spread * rng.normal(0, 1, (40, 12))
    above = everything(np.concatenate([a.ravel(), b.ravel()]))
    sample = Sample(
        effect=np.zeros(480, dtype=np.intp), value=above[480:] - above[:480], side=None,
        cluster=np.repeat(np.arange(40), 12).astype(np.intp), name=np.tile(np.arange(12), 40).astype(np.intp), count=1,
    )  # fmt: skip
    low, high = stats.interval(stats.difference(sample), 0.95)
    return bool(low[0] <= truth <= high[0])
