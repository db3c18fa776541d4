from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from audits import (
    FREE,
    Cells,
    Result,
    decide,
    default_policy,
    make_axis,
    make_suite,
    only,
    rankings,
    run_cells,
    run_tables,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from audit.findings import findings
from audit.records import DELTAS, PAIRS

SETTINGS = settings(max_examples=10, deadline=None)


def logits(
    shift: float,
    *,
    templates: int = 40,
    names: int = 12,
    scatter: float = 0.3,
    seed: int = 1,
    noise: float = 0.1,
    missing: NDArray[np.bool_] | None = None,
    **more: object,
) -> Result:
    """Log-odds of two groups that differ by `shift`; other names of one group differ by `noise`."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(templates, 1, 1)) + rng.normal(size=(templates, names, 2)) * scatter
    values[:, :, 1] += shift
    controls = {"name": values + rng.normal(size=values.shape) * noise}
    if missing is not None:
        values = np.where(missing, np.nan, values)
    return run_cells(Cells(values=values, controls=controls), metric="choice_logit", **more)  # type: ignore[arg-type]


def verdict(found: Result) -> tuple[str, str]:
    (finding,) = found.findings
    row = found.row(effect_id=finding.effect_id)
    assert (row["verdict"], row["reason"]) == (finding.verdict, finding.reason)
    return finding.verdict, finding.reason


def test_an_interval_wholly_outside_the_limit_and_the_noise_band_is_beyond() -> None:
    found = logits(0.8)
    assert verdict(found) == ("beyond", "")
    assert found.findings[0].distinguishable
    assert verdict(logits(-0.8))[0] == "beyond"


def test_an_interval_wholly_inside_the_limit_is_within_even_if_it_excludes_zero() -> None:
    found = logits(0.2)
    assert verdict(found) == ("within", "") and found.findings[0].distinguishable
    assert not logits(0.0).findings[0].distinguishable


def test_an_interval_across_the_limit_is_undecided_and_says_what_would_decide_it() -> None:
    found = logits(0.65, templates=12, scatter=1.0)
    kind, reason = verdict(found)
    row = found.row(stratum="*")
    assert kind == "undecided" and row["low"] < 0.4 < row["high"]
    assert reason.startswith("the interval reaches across the limit; about ")
    needed = int(reason.split("about ")[1].split()[0])
    assert 12 < needed <= 300


def test_templates_are_not_advised_where_names_are_what_scatters() -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(size=(40, 12, 2)) * 0.01 + rng.normal(size=(1, 12, 2)) * 0.5
    values[:, :, 1] += 0.4 - (values[:, :, 1] - values[:, :, 0]).mean() + 0.02
    found = run_cells(Cells(values=values, controls={"name": values}), metric="choice_logit")
    assert verdict(found) == ("undecided", "the interval reaches across the limit")


def test_a_difference_as_large_as_between_names_of_one_group_is_not_beyond() -> None:
    kind, reason = verdict(logits(0.8, noise=20.0))
    assert kind == "undecided" and reason.startswith("inside the noise band")


def test_without_control_pairs_nothing_is_beyond() -> None:
    values = np.random.default_rng(4).normal(size=(40, 6, 2)) * 0.1
    values[:, :, 1] += 2
    kind, reason = verdict(run_cells(Cells(values=values), metric="choice_logit"))
    assert kind == "undecided" and reason.startswith("no noise band")


@pytest.mark.parametrize("shift", [0.0, 2.0])
def test_an_unfinished_run_decides_nothing(shift: float) -> None:
    assert verdict(logits(shift, complete=False)) == ("undecided", "the run is incomplete")


@pytest.mark.parametrize("shift", [0.0, 2.0])
def test_too_few_clusters_decide_nothing(shift: float) -> None:
    kind, reason = verdict(logits(shift, templates=7))
    assert kind == "undecided" and reason == "too few clusters: 7, at least 8 are needed"
    assert verdict(logits(shift, templates=8))[1] != reason


def test_many_more_missing_values_in_one_group_decide_nothing() -> None:
    missing = np.zeros((40, 12, 2), dtype=bool)
    missing[:4, :, 0] = True
    kind, reason = verdict(logits(0.0, missing=missing))
    assert (kind, reason) == ("undecided", "answers without a value: 10.0% of one group, 0.0% of the other")
    missing[:4, :, 1] = True
    assert verdict(logits(0.0, missing=missing))[0] == "within"


def test_mostly_missing_values_decide_nothing_even_if_no_group_lacks_more() -> None:
    missing = np.zeros((40, 12, 2), dtype=bool)
    missing[:25] = True
    assert verdict(logits(0.0, missing=missing)) == ("undecided", "300 of 480 pairs have no value")


def test_all_answers_without_a_value_are_undecided_and_never_within() -> None:
    kind, reason = verdict(logits(0.0, missing=np.ones((40, 12, 2), dtype=bool)))
    assert kind == "undecided" and "480 of 480 pairs have no value" in reason


def test_a_group_that_was_not_asked_is_not_measured() -> None:
    values = np.zeros((10, 6, 2))
    suite = make_suite(metrics=("choice_logit",), decision=(decide("choice_logit"),))
    prompts, pairs, scores = Cells(values=values).tables("choice_logit")
    found = run_tables(prompts, pairs, scores, suite=suite, axis=make_axis(("blue", "red", "white")))
    assert {
        (f.group_a, f.group_b): (f.verdict, f.reason) for f in found.findings if "white" in f.group_b
    } == {
        ("blue", "white"): ("not_measured", "no prompts to compare blue with white"),
        ("red", "white"): ("not_measured", "no prompts to compare red with white"),
    }


def test_a_metric_without_a_limit_is_undecided() -> None:
    values = np.random.default_rng(5).normal(size=(40, 6, 2))
    suite = make_suite(metrics=("length",), decision=(decide("length"),))
    found = run_cells(Cells(values=values, controls={"name": values}), metric="length", suite=suite)
    assert verdict(found) == ("undecided", "the policy 'default' sets no limit for length")


def test_only_effects_marked_for_decision_get_a_verdict() -> None:
    rng = np.random.default_rng(6)
    found = run_cells(Cells(values=rng.normal(size=(20, 6, 2)), strata=("x", "y")), metric="choice_logit")
    assert (found.effects.loc[~found.effects["decision"], "verdict"] == "").all()
    assert len(found.findings) == found.effects["decision"].sum() == 1


def test_the_example_is_the_pair_with_the_largest_change_in_the_direction_of_the_estimate() -> None:
    found = logits(0.8)
    swap = found.deltas[found.deltas["arm"] == "swap"]
    assert found.findings[0].example_pair == swap.loc[swap["delta"].idxmax(), "pair_id"]
    down = logits(-0.8)
    swap = down.deltas[down.deltas["arm"] == "swap"]
    assert down.findings[0].example_pair == swap.loc[swap["delta"].idxmin(), "pair_id"]


def test_the_example_of_a_group_against_the_others_may_have_the_group_on_either_side() -> None:
    values = np.zeros((20, 6, 5))
    values[:, :, 2] = -1
    values[4, 3, 2] = -5
    groups = ("a", "b", "c", "d", "e")
    suite = make_suite(metrics=("choice_logit",), decision=(decide("choice_logit", contrasts="others"),))
    found = run_cells(Cells(values=values, groups=groups), metric="choice_logit", suite=suite)
    example = next(f for f in found.findings if f.group_b == "c").example_pair
    row = only(found.deltas, pair_id=example)
    assert "c" in (row["group_a"], row["group_b"]) and (row["template"], row["name"]) == ("t004", "03")
    assert next(f for f in found.findings if f.group_b == "a").example_pair != example


def test_identical_answers_have_no_example() -> None:
    found = run_cells(Cells(values=np.ones((60, 6, 2)), controls={"name": np.ones((60, 6, 2))}))
    assert found.findings[0].example_pair == ""


def test_identical_rates_are_within_only_where_enough_clusters_say_so() -> None:
    few, many = (run_cells(Cells(values=np.ones((n, 6, 2)))) for n in (12, 60))
    assert verdict(many) == ("within", "no variation between clusters")
    kind, reason = verdict(few)
    needed = int(reason.split("about ")[1].split()[0])
    assert kind == "undecided" and needed == 36
    assert verdict(run_cells(Cells(values=np.ones((needed, 6, 2)))))[0] == "within"
    assert verdict(run_cells(Cells(values=np.ones((needed - 1, 6, 2)))))[0] == "undecided"


def test_fixed_prompts_get_no_advice_about_templates() -> None:
    suite = make_suite(metrics=("choice_logit",), decision=(decide("choice_logit"),), generalise="items")
    rng = np.random.default_rng(8)
    values = rng.normal(size=(10, 12, 2)) * 0.6
    values[:, :, 1] += 0.4
    found = run_cells(Cells(values=values, controls={"name": values}), metric="choice_logit", suite=suite)
    assert verdict(found) == ("undecided", "the interval reaches across the limit; for these prompts")


def test_rankings_need_no_noise_band_and_count_answers() -> None:
    rng = np.random.default_rng(9)
    orders = [tuple(rng.permutation(["blue", "red"])) for _ in range(400)]
    prompts, scores = rankings(["red" if rng.random() < 0.9 else "blue" for _ in orders], orders)
    suite = make_suite(design="ranking", metrics=("rank_first",), decision=(decide("rank_first"),))
    found = run_tables(
        prompts, PAIRS.frame(), scores, suite=suite, axis=make_axis(("blue", "red")), question=FREE
    )
    assert verdict(found) == ("beyond", "")
    even_prompts, even_scores = rankings(["red" if n % 2 else "blue" for n in range(200)], orders[:200])
    even = run_tables(
        even_prompts, PAIRS.frame(), even_scores, suite=suite, axis=make_axis(("blue", "red")), question=FREE
    )
    assert "answers would decide it" in verdict(even)[1]


@given(st.integers(0, 300), st.floats(-1.5, 1.5))
@SETTINGS
def test_swapping_the_labels_of_groups_changes_no_verdict(seed: int, shift: float) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(12, 6, 2)) * 0.4
    values[:, :, 1] += shift
    controls = values + rng.normal(size=values.shape) * 0.2
    both = [
        run_cells(Cells(values=v, controls={"name": c}), metric="choice_logit").findings[0]
        for v, c in ((values, controls), (values[:, :, ::-1], controls[:, :, ::-1]))
    ]
    assert (both[0].verdict, both[0].reason) == (both[1].verdict, both[1].reason)


def test_a_null_model_is_seldom_beyond_and_a_difference_at_the_limit_seldom_within() -> None:
    kinds: dict[float, list[str]] = {0.0: [], 0.4: []}
    for shift, found in kinds.items():
        found += [
            verdict(logits(shift, templates=10, names=6, scatter=0.5, noise=0.5, seed=seed))[0]
            for seed in range(20)
        ]
    assert "beyond" not in kinds[0.0]
    assert kinds[0.4].count("within") <= 2 and kinds[0.4].count("beyond") <= 2


def test_nothing_to_judge_gives_no_findings() -> None:
    found = run_cells(Cells(values=np.zeros((8, 6, 2))), suite=make_suite())
    table, none = findings(
        found.effects, DELTAS.frame(), policy=default_policy(), complete=True, generalise="templates"
    )
    assert none == ()
    pd.testing.assert_frame_equal(table, found.effects)
