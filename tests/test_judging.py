from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from audit import judging, stats
from audit.judging import Judgement, Tally
from audit.records import JUDGED, Correction

GROUPS = ("men", "women")


def tally(found: int, favourable: int, cleared: int, unfavourable: int, group: str = "*") -> Tally:
    return Tally(group=group, favourable=favourable, found=found, unfavourable=unfavourable, cleared=cleared)


def rows(estimate: float, half: float, **more: object) -> pd.DataFrame:
    """One row with those columns of EFFECTS that a correction reads."""
    plain = {
        "metric": "judge", "axis": "gender", "estimate": estimate, "low": estimate - half, "high": estimate + half,
        "level": 0.95, "df": 39.0, "se": half / stats.t_quantile(0.975, 39), "control_low": -0.02, "control_high": 0.02,
        "detectable_zero": 1.4 * half, "detectable_beyond": 1.4 * half + 0.1, "decision": True, "verdict": "",
        "reason": "", "p_value": 0.04, "p_adjusted": 0.04, "standardised": 0.1, "mean_a": 0.4, "mean_b": 0.5,
        "lower_share": 0.1, "higher_share": 0.2, "group_b": "women", "contrast": "pair",
    }  # fmt: skip
    return pd.DataFrame([plain | more])


def by(divisor: float, error: float, **more: Any) -> Correction:
    return Correction(metric="judge", axis="gender", divisor=divisor, divisor_se=error, note="n", **more)


# ---------------------------------------------------------------- shares


@settings(deadline=None)
@given(st.integers(1, 400), st.data(), st.floats(0.5, 0.999))
def test_the_interval_of_a_share_is_the_score_interval_of_statsmodels(
    number: int, data: st.DataObject, level: float
) -> None:
    hits = data.draw(st.integers(0, number))
    expected = proportion_confint(hits, number, alpha=1 - level, method="wilson")
    assert judging.wilson(hits, number, level=level) == pytest.approx(expected, abs=1e-9)


@settings(deadline=None)
@given(st.integers(2, 300), st.integers(2, 300), st.data())
def test_the_interval_of_a_difference_is_that_of_statsmodels(
    first: int, second: int, data: st.DataObject
) -> None:
    a, b = data.draw(st.integers(0, first)), data.draw(st.integers(0, second))
    expected = confint_proportions_2indep(b, second, a, first, method="newcomb", compare="diff", alpha=0.05)
    assert judging.newcombe((a, first), (b, second), level=0.95) == pytest.approx(expected, abs=1e-9)


def test_nothing_counted_leaves_every_share_possible() -> None:
    assert judging.wilson(0, 0, level=0.95) == (0.0, 1.0)


def test_judgements_are_counted_by_group_and_together() -> None:
    items = [
        Judgement(axis="gender", group="men", favourable=True, judged=True),
        Judgement(axis="gender", group="men", favourable=True, judged=None),
        Judgement(axis="gender", group="women", favourable=False, judged=True),
        Judgement(axis="age", group="old", favourable=False, judged=True),
    ]
    men, women, every = judging.tallies(items, GROUPS, axis="gender")
    assert (men.favourable, men.found, men.failed) == (1, 1, 1)
    assert (women.unfavourable, women.cleared) == (1, 0)
    assert (every.favourable, every.unfavourable, every.failed) == (1, 1, 1)
    assert every.group == "*"


# ---------------------------------------------------------------- what follows


def corrected_by(*groups: Tally, margin: float = 0.1) -> Correction:
    sums = [
        sum(getattr(one, name) for one in groups)
        for name in ("found", "favourable", "cleared", "unfavourable")
    ]
    return judging.correction("judge", "gender", [*groups, tally(*sums)], alpha=0.05, margin=margin)


def test_equal_errors_of_all_groups_are_corrected() -> None:
    found = corrected_by(tally(450, 500, 475, 500, "men"), tally(452, 500, 473, 500, "women"))
    assert found.divisor == pytest.approx(0.902 + 0.948 - 1)
    assert found.divisor_se == pytest.approx((0.902 * 0.098 / 1000 + 0.948 * 0.052 / 1000) ** 0.5, rel=0.02)
    assert not found.undecided
    assert not found.refused
    assert "sensitivity 0.902 (1000 items)" in found.note


def test_errors_that_are_not_shown_to_be_alike_leave_the_effect_uncorrected_and_undecided() -> None:
    found = corrected_by(tally(450, 500, 475, 500, "men"), tally(350, 500, 473, 500, "women"))
    assert (found.divisor, found.refused) == (1.0, "")
    assert "not shown to be alike" in found.undecided


def test_few_labelled_items_never_show_that_errors_are_alike() -> None:
    found = corrected_by(tally(9, 10, 9, 10, "men"), tally(9, 10, 9, 10, "women"))
    assert "not shown to be alike" in found.undecided


def test_a_judge_that_cannot_tell_is_refused() -> None:
    found = corrected_by(tally(300, 500, 290, 500, "men"), tally(300, 500, 290, 500, "women"))
    assert "their sum less 1 is 0.180, under 0.2" in found.refused


def test_a_group_without_items_of_both_labels_leaves_the_error_unknown() -> None:
    found = corrected_by(tally(450, 500, 475, 500, "men"), tally(450, 500, 0, 0, "women"))
    assert found.undecided == "the judge's error is not known: no labelled items of both labels for women"


def test_the_table_of_errors_has_a_row_for_each_group_and_one_for_all() -> None:
    counted = [tally(45, 50, 40, 50, "men"), tally(0, 0, 30, 30, "women"), tally(45, 50, 70, 80)]
    what = judging.correction("judge", "gender", counted, alpha=0.05, margin=0.1)
    table = JUDGED.frame(judging.judged_rows("judge", "gender", counted, what, alpha=0.05))
    assert table["group"].tolist() == ["men", "women", "*"]
    assert table.loc[0, "sensitivity"] == pytest.approx(0.9)
    assert np.isnan(table.loc[1, "sensitivity"])
    assert table["note"].tolist() == ["", "", what.undecided]


# ---------------------------------------------------------------- effects


def test_an_effect_is_divided_and_a_divisor_without_error_only_scales_its_interval() -> None:
    found = judging.corrected(rows(0.1, 0.05), [by(0.8, 0.0)]).iloc[0]
    assert (found["estimate"], found["low"], found["high"]) == pytest.approx((0.125, 0.0625, 0.1875))
    assert (found["control_low"], found["control_high"]) == pytest.approx((-0.025, 0.025))
    assert found["detectable_beyond"] - found["detectable_zero"] == pytest.approx(0.1)
    assert found["reason"] == "n"


@settings(deadline=None)
@given(st.floats(-0.5, 0.5), st.floats(0.001, 0.3), st.floats(0.3, 1.0), st.floats(0.0, 0.08))
def test_the_interval_holds_exactly_the_values_that_fieller_does_not_exclude(
    effect: float, half: float, divisor: float, error: float
) -> None:
    found = judging.corrected(rows(effect, half), [by(divisor, error)]).iloc[0]
    t = stats.t_quantile(0.975, 39)
    for end in (found["low"], found["high"]):
        if np.isfinite(end) and abs(end) < 1:
            distance = abs(effect - end * divisor) / np.hypot(half / t, end * error)
            assert distance == pytest.approx(t, rel=1e-6)
    if np.isfinite(found["low"]):
        assert found["low"] <= found["estimate"] <= found["high"]
        assert found["high"] - found["low"] >= min(2 * half, 1 - abs(found["estimate"])) - 1e-9


@settings(deadline=None)
@given(st.floats(-0.4, 0.4), st.floats(0.01, 0.2), st.floats(0.4, 1.0), st.floats(0.0, 0.08))
def test_swapping_the_groups_negates_the_corrected_effect(
    effect: float, half: float, divisor: float, error: float
) -> None:
    one = judging.corrected(rows(effect, half), [by(divisor, error)]).iloc[0]
    other = judging.corrected(rows(-effect, half), [by(divisor, error)]).iloc[0]
    assert (one["estimate"], one["low"], one["high"]) == pytest.approx(
        (-other["estimate"], -other["high"], -other["low"]), nan_ok=True
    )


def test_differences_of_rates_stay_within_one_and_those_of_two_differences_within_two() -> None:
    for contrast, group, reach in (("pair", "women", 1.0), ("interaction", "women*old", 2.0)):
        found = judging.corrected(rows(0.9, 0.2, contrast=contrast, group_b=group), [by(0.3, 0.01)]).iloc[0]
        assert (found["estimate"], found["high"]) == (reach, reach)


def test_a_divisor_that_may_be_zero_leaves_no_interval() -> None:
    found = judging.corrected(rows(0.1, 0.05), [by(0.25, 0.15)]).iloc[0]
    assert np.isnan(found["low"])
    assert np.isnan(found["high"])
    assert found["reason"] == "too few labelled items for an interval; n"


def test_a_refused_metric_has_no_numbers_and_is_not_measured() -> None:
    found = judging.corrected(rows(0.1, 0.05, reason="x"), [by(1.0, 0.0, refused="cannot tell")]).iloc[0]
    assert (found["verdict"], found["reason"]) == ("not_measured", "cannot tell")
    assert np.isnan(found["estimate"])


def test_an_unknown_error_keeps_the_numbers_and_allows_no_verdict() -> None:
    what = judging.unknown_error("judge", why="nobody labelled anything")
    found = judging.corrected(rows(0.0, 0.01, reason="x"), [what]).iloc[0]
    assert found["verdict"] == "undecided"
    assert found["reason"] == "the judge's error is not known: nobody labelled anything; x"
    assert found["estimate"] == 0.0


def test_other_metrics_other_axes_and_explorations_are_left_alone() -> None:
    table = pd.concat(
        [rows(0.1, 0.05, metric="length"), rows(0.1, 0.05, axis="age"), rows(0.1, 0.05, decision=False)]
    )
    found = judging.corrected(table.reset_index(drop=True), [by(1.0, 0.0, undecided="why")])
    assert found["verdict"].tolist() == ["", "", ""]
    assert found["reason"].tolist() == ["", "", "why; n"]


@pytest.mark.parametrize(("sensitivity", "specificity", "items"), [(0.9, 0.85, 60), (0.7, 0.7, 60)])
def test_the_corrected_interval_covers_the_true_difference(
    sensitivity: float, specificity: float, items: int
) -> None:
    rng, truth, templates, audits = np.random.default_rng(3), 0.2, 40, 700
    covered: list[bool] = []
    for _ in range(audits):
        level = rng.normal(0.5, 0.08, templates)
        share = [np.clip(level + sign * truth / 2, 0, 1) for sign in (-1, 1)]
        judged = [
            rng.binomial(12, true * sensitivity + (1 - true) * (1 - specificity)) / 12 for true in share
        ]
        change = judged[1] - judged[0]
        half = stats.t_quantile(0.975, templates - 1) * change.std(ddof=1) / templates**0.5
        pooled = tally(rng.binomial(items, sensitivity), items, rng.binomial(items, specificity), items)
        divisor, error = judging.divisor_of(pooled)
        if divisor >= judging.LEAST_DIVISOR:
            row = judging.corrected(rows(change.mean(), half), [by(divisor, error)]).iloc[0]
            covered.append(not (row["low"] > truth or row["high"] < truth))
    assert np.mean(covered) >= 0.93


def test_errors_that_may_differ_between_groups_widen_the_interval_by_what_they_could_make() -> None:
    plain = judging.corrected(rows(0.0, 0.02), [by(0.8, 0.01)]).iloc[0]
    wider = judging.corrected(rows(0.0, 0.02), [by(0.8, 0.01, allowance=0.08)]).iloc[0]
    assert wider["low"] == pytest.approx(plain["low"] - 0.1) and wider["high"] == pytest.approx(
        plain["high"] + 0.1
    )
    assert wider["detectable_zero"] == pytest.approx(plain["detectable_zero"] + 0.1)
    assert wider["estimate"] == plain["estimate"] and wider["se"] == plain["se"]


def test_the_room_is_the_largest_difference_of_errors_that_the_items_leave_possible() -> None:
    groups = [tally(950, 1000, 940, 1000, "men"), tally(940, 1000, 950, 1000, "women")]
    pooled = tally(1890, 2000, 1890, 2000)
    made = judging.correction("judge", "gender", [*groups, pooled], alpha=0.05, margin=0.1)
    assert made.allowance == judging.widest_gap(groups, alpha=0.05) and 0.01 < made.allowance < 0.05
    assert judging.correction("judge", "gender", [groups[0], pooled], alpha=0.05, margin=0.1).allowance == 0
