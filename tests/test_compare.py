from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from audits import Cells, decide, default_policy, make_suite
from made_runs import run_of
from numpy.typing import NDArray
from scipy import stats as scipy_stats

from audit.compare import compare
from audit.errors import InputError
from audit.records import CHANGES, JUDGED, Comparison, Run

TEMPLATES, NAMES = 30, 6


def scores(effect: float, *, seed: int = 1, own: int = 0, templates: int = TEMPLATES) -> Cells:
    """Log-odds of two groups: red above blue by `effect`; `seed` is what versions share, `own` what they do not."""
    shared, noise = np.random.default_rng(seed), np.random.default_rng([seed, own])
    base = shared.normal(0, 1, (templates, NAMES, 1)) + shared.normal(0, 0.2, (templates, NAMES, 2))
    values = base + noise.normal(0, 0.1, (templates, NAMES, 2))
    values[:, :, 1] += effect
    again = {"name": values + noise.normal(0, 0.1, values.shape)}
    return Cells(values=values, controls=again)


@cache
def logit(effect: float, name: str, **more: Any) -> Run:
    return run_of(scores(effect, **more), name, metric="choice_logit")


def only(found: Comparison) -> Any:
    rows = found.table[found.table["decision"]]
    assert len(rows) == 1
    return rows.iloc[0]


@pytest.mark.parametrize("before, after, status", [
    (0.0, 1.0, "worse"), (0.0, -1.0, "worse"), (1.0, 0.0, "better"), (-1.0, 0.0, "better"), (0.5, 0.5, "unchanged"),
    (0.9, 0.7, "unchanged"), (0.5, -0.5, "undecided"), (0.0, 0.4, "undecided"), (0.6, 1.6, "worse"),
])  # fmt: skip
def test_a_change_is_called_by_the_size_of_the_effect(before: float, after: float, status: str) -> None:
    found = compare(logit(before, "one", own=1), logit(after, "two", own=2))
    row = only(found)
    assert row["status"] == status
    assert row["low"] < after - before < row["high"]
    assert row["total_low"] < after + before < row["total_high"]
    assert found.changes[0].status == status and found.changes[0].id == row["change_id"]


def test_a_change_of_sign_is_flagged_though_the_size_is_the_same() -> None:
    row = only(compare(logit(0.5, "one", own=1), logit(-0.5, "two", own=2)))
    assert row["reversed"] and row["status"] == "undecided"
    assert not only(compare(logit(0.5, "one", own=1), logit(0.6, "two", own=2)))["reversed"]


def test_the_difference_is_that_of_the_pairs_with_a_paired_t_interval_where_names_are_one() -> None:
    one, two = (scores(effect, own=own) for effect, own in ((0.2, 1), (0.5, 2)))
    cells = [Cells(values=c.values[:, :1], controls={"name": c.controls["name"][:, :1]}) for c in (one, two)]
    row = only(
        compare(*(run_of(c, name, metric="choice_logit") for c, name in zip(cells, "ab", strict=True)))
    )
    delta = [c.values[:, 0, 1] - c.values[:, 0, 0] for c in cells]
    for value, column, ends in (
        (delta[1] - delta[0], "difference", ("low", "high")),
        (delta[1] + delta[0], "total", ("total_low", "total_high")),
    ):
        test = scipy_stats.ttest_1samp(value, 0).confidence_interval(0.95)
        assert row[column] == pytest.approx(value.mean(), abs=1e-12)
        assert tuple(row[list(ends)]) == pytest.approx(tuple(test), abs=1e-9)
    assert row["p_value"] == pytest.approx(scipy_stats.ttest_1samp(delta[1] - delta[0], 0).pvalue, abs=1e-12)


def test_swapping_the_versions_turns_worse_into_better_and_negates_the_difference() -> None:
    one, two = logit(0.1, "one", own=1), logit(0.9, "two", own=2)
    there, back = only(compare(one, two)), only(compare(two, one))
    assert (there["status"], back["status"]) == ("worse", "better")
    assert there["difference"] == pytest.approx(-back["difference"], abs=1e-12)
    assert (there["low"], there["high"]) == pytest.approx((-back["high"], -back["low"]), abs=1e-12)
    assert there["control_high"] == pytest.approx(back["control_high"], rel=0.05)


def test_pairs_save_what_the_versions_share() -> None:
    row = only(compare(logit(0.2, "one", own=1), logit(0.3, "two", own=2)))
    one, two = (logit(effect, name).effects.iloc[0] for effect, name in ((0.2, "one"), (0.3, "two")))
    assert row["se"] < 0.8 * np.hypot(one["se"], two["se"])


@pytest.mark.parametrize("change, words", [
    (lambda run: replace(run, suite=dict(run.suite) | {"id": "other"}), "only runs of one suite"),
    (lambda run: run, "the same run as the baseline"),
])  # fmt: skip
def test_runs_of_other_suites_and_one_run_twice_are_refused(change: Any, words: str) -> None:
    one = logit(0.1, "one")
    with pytest.raises(InputError, match=words):
        compare(one, change(one) if words.startswith("the same") else change(logit(0.1, "two")))


def test_items_that_differ_are_refused_and_not_averaged() -> None:
    row = only(compare(logit(0.0, "one", templates=25), logit(1.0, "two")))
    assert row["status"] == "not_comparable"
    assert row["reason"] == "items differ: 0 pairs are in the baseline alone, 30 in the candidate alone"


def _policy(**limits: float) -> Any:
    policy = default_policy()
    limit = policy.limits["choice_logit"].model_copy(update=limits)
    return policy.model_copy(update={"limits": {**policy.limits, "choice_logit": limit}})


def test_another_limit_or_alpha_is_not_comparable() -> None:
    one = logit(0.0, "one", own=1)
    two = run_of(scores(1.0, own=2), "two", metric="choice_logit", policy=_policy(low=-0.2, high=0.2))
    assert (
        only(compare(one, two))["reason"]
        == "the limit is -0.4 to 0.4 in the baseline and -0.2 to 0.2 in the candidate"
    )
    strict = default_policy().model_copy(update={"alpha": 0.01})
    three = run_of(scores(1.0, own=2), "three", metric="choice_logit", policy=strict)
    assert (
        "alpha of the policy: '0.05' in the baseline, '0.01' in the candidate"
        in only(compare(one, three))["reason"]
    )


def test_an_unfinished_run_leaves_every_change_undecided() -> None:
    two = run_of(scores(1.0, own=2), "two", metric="choice_logit", complete=False)
    row = only(compare(logit(0.0, "one", own=1), two))
    assert (row["status"], row["reason"]) == ("undecided", "the run of the candidate is incomplete")


def test_too_few_templates_and_too_many_lost_answers_leave_a_change_undecided() -> None:
    few = only(compare(logit(0.0, "one", own=1, templates=6), logit(2.0, "two", own=2, templates=6)))
    assert few["reason"] == "too few clusters: 6, at least 8 are needed"
    lost = scores(2.0, own=2)
    lost.values[:5, :, 1] = np.nan
    row = only(compare(logit(0.0, "one", own=1), run_of(lost, "two", metric="choice_logit")))
    assert row["status"] == "undecided" and "16.7% in the candidate" in row["reason"]


def test_effects_that_one_run_alone_decides_are_new_or_gone() -> None:
    plain = make_suite(metrics=("choice_logit",), decision=())
    one = run_of(scores(0.2, own=1), "one", metric="choice_logit", suite=plain)
    two = logit(0.3, "two", own=2)
    assert [change.status for change in compare(one, two).changes] == ["new"]
    assert [change.status for change in compare(two, one).changes] == ["gone"]
    assert only(compare(two, one))["reason"] == "not marked for decision in the candidate"


def rates(shift: float, *, own: int, templates: int = 80) -> Cells:
    """Decisions of a latent score: red is favoured by `shift`."""
    latent = scores(shift, own=own, templates=templates)
    controls = {"name": (latent.controls["name"] > 0).astype(float)}
    return Cells(values=(latent.values > 0).astype(float), controls=controls)


@pytest.mark.parametrize("metric", ["selection_rate", "impact_ratio"])
def test_rates_and_ratios_are_compared_on_their_own_scale(metric: str) -> None:
    suite = make_suite(metrics=("selection_rate", metric), decision=(decide(metric),))
    one, two = (run_of(rates(s, own=n), name, metric="selection_rate", suite=suite)
                for s, n, name in ((0.0, 1, "one"), (1.5, 2, "two")))  # fmt: skip
    row = only(compare(one, two))
    before, after = (run.effects[run.effects["metric"] == metric].iloc[0]["estimate"] for run in (one, two))
    assert row["difference"] == pytest.approx(after - before, abs=1e-12)
    assert row["status"] == "worse"
    assert row["scale"] == ("log_ratio" if metric == "impact_ratio" else "difference")
    assert CHANGES.names == list(compare(one, two).table.columns)


def test_decisions_without_any_change_are_not_called_unchanged_by_too_few_templates() -> None:
    suite = make_suite(metrics=("selection_rate",), decision=(decide("selection_rate"),))

    def run(templates: int, name: str) -> Run:
        values: NDArray[np.float64] = np.ones((templates, 3, 2))
        return run_of(Cells(values=values, controls={"name": values}), name, suite=suite)

    assert only(compare(run(20, "one"), run(20, "two")))["status"] == "undecided"
    assert only(compare(run(60, "one"), run(60, "two")))["status"] == "unchanged"


def test_an_effect_without_rows_of_its_own_says_that_it_comes_from_the_intervals() -> None:
    judged = [{**dict.fromkeys(JUDGED.names, ""), "metric": "choice_logit"}]
    numbers = {column.name: 0 for column in JUDGED.columns if column.dtype != "str"}
    one, two = (
        replace(logit(effect, name, own=own), judged=JUDGED.frame([{**judged[0], **numbers}]))
        for effect, name, own in ((0.0, "one", 1), (1.0, "two", 2))
    )
    row, pairs = only(compare(one, two)), only(compare(logit(0.0, "one", own=1), logit(1.0, "two", own=2)))
    assert row["reason"] == "from the intervals of both runs, as if they were independent"
    assert row["high"] - row["low"] > pairs["high"] - pairs["low"]
