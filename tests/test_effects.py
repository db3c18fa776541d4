from __future__ import annotations

import csv
import gzip
import json
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from audits import (
    FREE,
    QUESTION,
    Cells,
    Result,
    decide,
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

from audit import stats
from audit.effects import effects
from audit.policy import load_policy
from audit.records import DELTAS, EFFECTS, GROUPS, PAIRS, PROMPTS, RESPONSES, SCORES, Question
from audit.score import score
from audit.unseen import unseen_share

RATING = Question(kind="rate", low=1, high=10)
SETTINGS = settings(max_examples=6, deadline=None)
NUMBERS = ["estimate", "se", "df", "low", "high", "p_value", "p_adjusted", "mean_a", "mean_b", "control_high"]


def normal(
    seed: int, templates: int = 20, names: int = 6, groups: int = 2, *, shift: float = 0.0
) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    value = rng.normal(size=(templates, 1, 1)) + rng.normal(size=(templates, names, groups)) * 0.3
    value[:, :, -1] += shift
    return value


def binary(seed: int, *, shift: float = 0.0) -> NDArray[np.float64]:
    return (normal(seed, shift=shift) > -0.3).astype(float)


def with_control(
    values: NDArray[np.float64], seed: int = 99, scatter: float = 0.1
) -> dict[str, NDArray[np.float64]]:
    return {"name": values + np.random.default_rng(seed).normal(size=values.shape) * scatter}


def logits(values: NDArray[np.float64], **more: object) -> Result:
    return run_cells(Cells(values=values, **more), metric="choice_logit")  # type: ignore[arg-type]


# ------------------------------------------------------------- paired effects


def test_an_effect_is_the_mean_delta_with_its_simultaneous_interval() -> None:
    values = normal(1, shift=0.5)
    found = logits(values).row(stratum="*")
    change = values[:, :, 1] - values[:, :, 0]
    cluster, name = np.indices(change.shape).reshape(2, -1)
    one = stats.Sample(
        effect=np.zeros(120, dtype=np.intp),
        value=change.reshape(-1),
        side=None,
        cluster=cluster,
        name=name,
        count=1,
    )
    alone = stats.difference(one)
    low, high = stats.interval(alone, 0.95)
    assert found["estimate"] == pytest.approx(change.mean(), rel=1e-12)
    assert (found["se"], found["low"], found["high"]) == (
        pytest.approx(alone.se[0]),
        pytest.approx(low[0]),
        pytest.approx(high[0]),
    )
    assert (found["level"], found["p_adjusted"]) == (0.95, pytest.approx(found["p_value"]))
    assert found[
        ["template_count", "name_count", "cluster_count", "pair_count", "failed_count"]
    ].tolist() == [20, 6, 20, 120, 0]
    assert found["standardised"] == pytest.approx(change.mean() / change.std(ddof=1))
    assert (found["mean_a"], found["mean_b"]) == (
        pytest.approx(values[..., 0].mean()),
        pytest.approx(values[..., 1].mean()),
    )


def test_decisions_share_alpha_and_all_others_are_one_family_of_exploration() -> None:
    cells = Cells(values=normal(2, groups=3), groups=("blue", "green", "red"), strata=("x", "y"))
    found = logits(cells.values, groups=cells.groups, strata=cells.strata).effects
    decided, explored = found[found["decision"]], found[~found["decision"]]
    assert len(decided) == 3 and (decided["level"] == 1 - 0.05 / 3).all()
    np.testing.assert_allclose(decided["p_adjusted"], np.minimum(1, 3 * decided["p_value"]))
    np.testing.assert_allclose(
        explored["p_adjusted"], stats.benjamini_hochberg(explored["p_value"].to_numpy())
    )
    selected = (explored["p_adjusted"] <= 0.05).sum()
    assert (explored["level"] == 1 - 0.05 * max(selected, 1) / len(explored)).all()


def test_strata_marked_for_decision_take_the_place_of_the_pooled_effect() -> None:
    suite = make_suite(metrics=("choice_logit",), decision=(decide("choice_logit", strata=True),))
    found = run_cells(Cells(values=normal(3), strata=("x", "y")), metric="choice_logit", suite=suite).effects
    assert found.loc[found["decision"], "stratum"].tolist() == ["x", "y"]
    assert (found.loc[found["decision"], "level"] == 0.975).all()


def test_a_stratum_is_measured_on_its_own_pairs_alone() -> None:
    values = normal(4)
    found = logits(values, strata=("x", "y"))
    change = values[:, :, 1] - values[:, :, 0]
    template, name = np.indices(change.shape)
    assert found.row(stratum="y")["estimate"] == pytest.approx(change[(template + name) % 2 == 1].mean())


def test_effects_against_the_others_are_asked_for_or_come_with_many_groups() -> None:
    groups = ("a", "b", "c", "d", "e")
    values = normal(5, groups=5)
    found = logits(values, groups=groups).row(group_a="*", group_b="c")
    others = np.delete(values, 2, axis=2).mean()
    assert found["estimate"] == pytest.approx(values[:, :, 2].mean() - others)
    suite = make_suite(metrics=("choice_logit",), decision=(decide("choice_logit", contrasts="others"),))
    two = run_cells(Cells(values=values[:, :, :2]), metric="choice_logit", suite=suite).effects
    assert two.loc[two["decision"], ["group_a", "group_b"]].to_numpy().tolist() == [
        ["*", "blue"],
        ["*", "red"],
    ]


@given(st.integers(0, 500))
@SETTINGS
def test_swapping_the_labels_of_groups_negates_every_effect(seed: int) -> None:
    values = normal(seed, shift=0.4)
    controls = with_control(values)
    before = logits(values, controls=controls).row(stratum="*")
    swapped = {arm: table[:, :, ::-1] for arm, table in controls.items()}
    after = logits(values[:, :, ::-1], controls=swapped).row(stratum="*")
    for name in ("estimate", "standardised"):
        assert after[name] == pytest.approx(-before[name])
    assert (after["low"], after["high"]) == (pytest.approx(-before["high"]), pytest.approx(-before["low"]))
    assert (after["lower_share"], after["control_low"]) == (
        before["higher_share"],
        pytest.approx(-before["control_high"]),
    )
    assert (after["p_value"], after["se"]) == (pytest.approx(before["p_value"]), pytest.approx(before["se"]))


@given(st.integers(0, 500))
@SETTINGS
def test_the_order_of_rows_changes_nothing(seed: int) -> None:
    values = normal(1, groups=3)
    cells = Cells(
        values=values, groups=("blue", "green", "red"), controls=with_control(values), strata=("x", "y")
    )
    tables = cells.tables("choice_logit")
    suite = make_suite(metrics=("choice_logit",), decision=(decide("choice_logit"),))
    shuffled = [table.sample(frac=1, random_state=seed).reset_index(drop=True) for table in tables]
    before, after = (
        run_tables(*given_tables, suite=suite, axis=make_axis(cells.groups))
        for given_tables in (tables, shuffled)
    )
    pd.testing.assert_frame_equal(after.effects, before.effects, rtol=1e-9)
    pd.testing.assert_frame_equal(after.groups, before.groups, rtol=1e-9)


@given(st.floats(-50, 50))
@SETTINGS
def test_a_shift_of_all_groups_changes_no_effect(shift: float) -> None:
    values = normal(7)
    before, after = logits(values).effects, logits(values + shift).effects
    names = ["estimate", "se", "low", "high"]
    np.testing.assert_allclose(after[names], before[names], atol=1e-9)


@pytest.mark.filterwarnings("error")
def test_identical_answers_have_effects_of_zero_and_are_never_beyond() -> None:
    values = np.repeat(binary(1)[:, :, :1], 2, axis=2)
    suite = make_suite(
        metrics=("selection_rate", "impact_ratio"),
        decision=(decide("selection_rate"), decide("impact_ratio")),
    )
    found = run_cells(Cells(values=values, controls={"name": values}), suite=suite)
    assert (found.effects["estimate"] == 0).all() and (found.effects["p_value"] == 1).all()
    assert not (found.effects["verdict"] == "beyond").any()
    assert (found.effects["control_high"] == 0).all()


def test_prompts_that_are_near_copies_share_a_cluster_and_add_no_evidence() -> None:
    values = normal(8, templates=10)
    doubled = np.concatenate([values, values])
    clusters = [f"t{n:03d}" for n in range(10)] * 2
    before, after = logits(values).row(stratum="*"), logits(doubled, clusters=clusters).row(stratum="*")
    assert (after["se"], after["df"]) == (pytest.approx(before["se"]), pytest.approx(before["df"]))
    assert (after["template_count"], after["cluster_count"]) == (20, 10)


def test_with_few_names_the_effect_holds_for_these_names_and_with_items_for_these_prompts() -> None:
    few = logits(normal(9, names=4)).row(stratum="*")
    assert few["reason"] == "for these names"
    items = make_suite(metrics=("choice_logit",), decision=(decide("choice_logit"),), generalise="items")
    fixed = run_cells(Cells(values=normal(9, names=9)), metric="choice_logit", suite=items).row(stratum="*")
    assert (fixed["cluster_count"], fixed["df"]) == (9, 8)
    assert "for these prompts" in fixed["reason"]


def test_pairs_without_a_value_are_counted_and_left_out() -> None:
    values = normal(10)
    values[0, 0, 1] = values[3, 2, 0] = np.nan
    found = logits(values)
    row = found.row(stratum="*")
    assert (row["pair_count"], row["failed_count"]) == (118, 2)
    assert row["estimate"] == pytest.approx(np.nanmean(values[:, :, 1] - values[:, :, 0]))
    assert found.groups[["n", "failed"]].to_numpy().tolist() == [[119, 1], [119, 1]]


@given(st.integers(0, 500), st.floats(0, 1))
@SETTINGS
def test_values_and_missing_values_add_up(seed: int, share: float) -> None:
    values = normal(seed, groups=3)
    values[np.random.default_rng(seed).random(values.shape) < share] = np.nan
    found = logits(values, groups=("blue", "green", "red"), strata=("x", "y", "z"))
    pooled = found.effects["stratum"] == "*"
    totals = found.effects["pair_count"] + found.effects["failed_count"]
    assert (totals[pooled] == 120).all()
    by_pair = found.effects[~pooled].groupby(["group_a", "group_b"])[["pair_count", "failed_count"]].sum()
    assert (by_pair.sum(axis=1) == 120).all()
    assert (found.groups.groupby("stratum")[["n", "failed"]].sum().sum(axis=1)["*"]) == 360


def test_shares_of_lower_and_higher_pairs_use_the_limit_for_scores_that_are_not_decisions() -> None:
    change = np.array([[-0.5, -0.3, 0.0, 0.3, 0.5, 0.6]] * 10)
    values = np.stack([np.zeros_like(change), change], axis=2)
    row = logits(values).row(stratum="*")
    assert (row["lower_share"], row["higher_share"]) == (pytest.approx(1 / 6), pytest.approx(2 / 6))
    rates = run_cells(Cells(values=(values > 0.2).astype(float))).row(stratum="*")
    assert (rates["lower_share"], rates["higher_share"]) == (0.0, 0.5)


# ------------------------------------------------------------- rates, ratios, flips


def test_rates_without_variation_keep_the_least_half_width() -> None:
    values = np.zeros((20, 6, 2))
    row = run_cells(Cells(values=values)).row(stratum="*")
    half = unseen_share(0.95, 20)
    assert (row["low"], row["high"]) == (pytest.approx(-half), pytest.approx(half))
    assert "no variation" in row["reason"]
    values[:, :, 1] = 1.0
    always = run_cells(Cells(values=values)).row(stratum="*")
    assert (always["low"], always["high"]) == (pytest.approx(1 - half), 1.0)
    assert always["p_value"] == pytest.approx(2.0**-19)


def test_a_ratio_without_variation_keeps_the_least_half_width_of_its_rates() -> None:
    suite = make_suite(metrics=("impact_ratio",), decision=(decide("impact_ratio"),))
    values = np.ones((60, 6, 2))
    row = run_cells(Cells(values=values), metric="impact_ratio", suite=suite).row(stratum="*")
    half = float(unseen_share(0.95, 60))
    assert (row["estimate"], row["low"]) == (0.0, pytest.approx(np.log(1 - half)))
    assert row["verdict"] == "within"


def test_the_impact_ratio_of_an_effect_is_the_jackknifed_log_ratio_of_the_rates() -> None:
    values = binary(11, shift=0.4)
    suite = make_suite(metrics=("impact_ratio", "selection_rate"), decision=(decide("impact_ratio"),))
    row = run_cells(Cells(values=values), suite=suite).row(metric="impact_ratio", stratum="*")
    a, b = values[..., 0].mean(), values[..., 1].mean()
    assert (row["estimate"], row["scale"]) == (pytest.approx(np.log(b / a)), "log_ratio")
    assert (row["limit_low"], row["limit_high"]) == (pytest.approx(np.log(0.8)), pytest.approx(np.log(1.25)))


def test_a_rate_of_zero_has_no_ratio() -> None:
    values = binary(12)
    values[..., 0] = 0
    suite = make_suite(metrics=("impact_ratio", "selection_rate"), decision=(decide("impact_ratio"),))
    found = run_cells(Cells(values=values), suite=suite)
    row = found.row(metric="impact_ratio", stratum="*")
    assert np.isnan(row["estimate"]) and row["verdict"] == "undecided" and "zero" in row["reason"]
    blue = found.group(group="blue", stratum="*")
    assert (blue["impact_ratio"], blue["note"]) == (0.0, "a rate of zero: no interval of the ratio")


def flips(values: NDArray[np.float64], controls: NDArray[np.float64] | None) -> Result:
    """Flip rates from recorded answers, one repeat a prompt."""
    cells = Cells(values=values, controls={} if controls is None else {"name": controls})
    prompts, pairs, scores = cells.tables("selection_rate")
    said = np.where(scores["value"] == 1, "yes", "no")
    answers = scores[["prompt_id"]].assign(repeat=0, text=said, scores="", error="", answered_at="")
    suite = make_suite(metrics=("selection_rate", "flip_rate"), decision=(decide("flip_rate"),))
    table = score(prompts, RESPONSES.frame(answers), question=QUESTION, metrics=suite.metrics)
    return run_tables(
        prompts, pairs, table, suite=suite, axis=make_axis(cells.groups), responses=RESPONSES.frame(answers)
    )


def test_flips_are_the_excess_over_control_pairs_of_the_same_groups() -> None:
    values, controls = binary(13, shift=0.3), binary(14)
    row = flips(values, controls).row(metric="flip_rate", stratum="*")
    swap, same = (values[..., 0] != values[..., 1]).mean(), (values != controls).mean()
    assert (row["mean_a"], row["mean_b"]) == (pytest.approx(same), pytest.approx(swap))
    assert row["estimate"] == pytest.approx(swap - same)
    assert (row["lower_share"], row["higher_share"]) == (
        pytest.approx((values[..., 1] < values[..., 0]).mean()),
        pytest.approx((values[..., 1] > values[..., 0]).mean()),
    )


def test_flips_no_more_frequent_than_in_the_control_arm_are_not_beyond() -> None:
    rng = np.random.default_rng(15)
    values, controls = (rng.random((2, 40, 12, 2)) < 0.5).astype(float)
    row = flips(values, controls).row(metric="flip_rate", stratum="*")
    assert row["mean_b"] == pytest.approx(0.5, abs=0.08)
    assert row["low"] < 0 < row["high"] and row["verdict"] in ("within", "undecided")


def test_flips_without_control_pairs_have_no_excess() -> None:
    row = flips(binary(16), None).row(metric="flip_rate", stratum="*")
    assert np.isnan(row["estimate"]) and np.isfinite(row["mean_b"])
    assert row["verdict"] == "undecided" and "no control pairs of the arm 'name'" in row["reason"]


# ------------------------------------------------------------- noise band


def test_the_noise_band_rests_on_the_arm_that_goes_with_the_cue() -> None:
    values = normal(17)
    controls = with_control(values, scatter=0.2) | {"edit": values}
    cells = Cells(values=values, controls=controls)
    by_name = run_cells(cells, metric="choice_logit").row(stratum="*")
    stated = run_cells(cells, metric="choice_logit", cue="stated").row(stratum="*")
    assert (by_name["control_arm"], stated["control_arm"]) == ("name", "edit")
    assert by_name["control_high"] > 0.01 and stated["control_high"] == pytest.approx(0, abs=1e-12)


def test_the_noise_band_of_a_ratio_is_on_its_own_scale() -> None:
    values = binary(18)
    suite = make_suite(metrics=("impact_ratio", "selection_rate"), decision=(decide("impact_ratio"),))
    found = run_cells(Cells(values=values, controls={"name": binary(19)}), suite=suite)
    rate, log_ratio = (
        found.row(metric=name, stratum="*")["control_high"] for name in ("selection_rate", "impact_ratio")
    )
    assert log_ratio == pytest.approx(rate / values.mean(), rel=0.4)


# ------------------------------------------------------------- groups and outcomes


def test_texts_of_each_group_are_compared_by_their_means() -> None:
    rng = np.random.default_rng(20)
    rows, scores = [], []
    for n in range(60):
        group = ("blue", "red", "red")[n % 3]
        rows.append(
            {
                "prompt_id": f"p{n}",
                "item": "",
                "axis": "colour",
                "arm": "swap",
                "template": f"t{n}",
                "cluster": f"t{n}",
                "name": "",
                "group": group,
                "stratum": "",
                "position": 0,
                "base_id": "",
                "repeats": 1,
                "messages": "[]",
                "spans": "[]",
            }
        )
        scores.append(
            {
                "prompt_id": f"p{n}",
                "item": "",
                "arm": "swap",
                "metric": "rating",
                "value": rng.normal(5 + (group == "red")),
                "reason": "",
            }
        )
    suite = make_suite(design="groups", metrics=("rating", "flip_rate"), decision=(decide("rating"),))
    found = run_tables(
        PROMPTS.frame(rows),
        PAIRS.frame(),
        SCORES.frame(scores),
        suite=suite,
        axis=make_axis(("blue", "red")),
        question=RATING,
    )
    row = found.row(metric="rating")
    value = pd.DataFrame(scores)["value"].to_numpy()
    blue, red = value[np.arange(60) % 3 == 0], value[np.arange(60) % 3 > 0]
    assert row["estimate"] == pytest.approx(red.mean() - blue.mean())
    assert row["se"] == pytest.approx(np.sqrt(blue.var(ddof=1) / 20 + red.var(ddof=1) / 40))
    assert (row["design"], row["control_arm"], row["cluster_count"]) == ("groups", "", 60)
    assert "compares two versions of one text" in found.row(metric="flip_rate")["reason"]


def test_groups_have_their_mean_interval_and_ratio_to_the_best() -> None:
    values = binary(21, shift=0.5)
    found = run_cells(Cells(values=values, strata=("x", "y")))
    blue, red = found.group(group="blue", stratum="*"), found.group(group="red", stratum="*")
    assert (blue["n"], blue["value"]) == (120, pytest.approx(values[..., 0].mean()))
    assert red["impact_ratio"] == 1.0
    assert blue["impact_ratio"] == pytest.approx(values[..., 0].mean() / values[..., 1].mean())
    assert blue["impact_ratio_low"] < blue["impact_ratio"] < blue["impact_ratio_high"] <= 1
    assert 0.8 < blue["expected_lowest_ratio"] < 1
    assert list(found.groups.columns) == GROUPS.names
    assert logits(normal(21)).groups["impact_ratio"].isna().all()


def test_small_and_unknown_groups_are_counted_but_are_no_reference() -> None:
    rng = np.random.default_rng(22)
    winners = [("blue", "red", "unknown")[int(n)] for n in rng.integers(0, 3, 200)]
    prompts, scores = rankings(winners, [("blue", "red", "unknown")] * 200)
    small, small_scores = rankings(["green"], [("green",)])
    small["prompt_id"] = small_scores["prompt_id"] = "other"
    suite = make_suite(design="ranking", metrics=("rank_first",), decision=(decide("rank_first"),))
    found = run_tables(
        pd.concat([prompts, small], ignore_index=True),
        PAIRS.frame(),
        pd.concat([scores, small_scores], ignore_index=True),
        suite=suite,
        axis=make_axis(("blue", "green", "red")),
        question=FREE,
    )
    green, unknown = (found.group(axis="colour", group=group) for group in ("green", "unknown"))
    assert (green["n"], green["value"], green["note"]) == (1, 1.0, "under 2% of the sample: no ratio")
    assert (unknown["n"], unknown["note"]) == (200, "unknown group: counted, never compared")
    assert np.isnan(green["impact_ratio"]) and np.isnan(unknown["impact_ratio"])
    assert max(found.groups.loc[found.groups["axis"] == "colour", "impact_ratio"].dropna()) == 1.0
    assert "unknown" not in set(found.effects["group_a"]) | set(found.effects["group_b"])


# ------------------------------------------------------------- rankings


def even_rankings(seed: int, answers: int = 240, *, first: float = 0.0) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    orders = [list(permutations(("blue", "green", "red")))[n % 6] for n in range(answers)]
    winners = [order[0] if rng.random() < first else order[rng.integers(0, 3)] for order in orders]
    return rankings(winners, orders, strata=["cook" if n % 2 else "nurse" for n in range(answers)])


def ranked(prompts: pd.DataFrame, scores: pd.DataFrame, *metrics: str) -> Result:
    suite = make_suite(
        design="ranking", metrics=metrics or ("rank_first", "impact_ratio"), decision=(decide("rank_first"),)
    )
    return run_tables(
        prompts, PAIRS.frame(), scores, suite=suite, axis=make_axis(("blue", "green", "red")), question=FREE
    )


def test_in_rankings_one_answer_is_one_cluster() -> None:
    prompts, scores = even_rankings(23)
    found = ranked(prompts, scores)
    row = found.row(metric="rank_first", axis="colour", stratum="*", group_a="blue", group_b="red")
    wide = prompts.merge(scores, on=["prompt_id", "item"]).pivot(
        index="prompt_id", columns="group", values="value"
    )
    change = wide["red"] - wide["blue"]
    assert row["estimate"] == pytest.approx(change.mean())
    assert row["se"] == pytest.approx(change.std(ddof=1) / np.sqrt(240))
    assert (row["pair_count"], row["cluster_count"], row["name_count"], row["df"]) == (240, 240, 0, 239)
    ratio = found.row(metric="impact_ratio", axis="colour", stratum="*", group_a="blue", group_b="red")
    assert ratio["estimate"] == pytest.approx(np.log(wide["red"].mean() / wide["blue"].mean()))


def test_the_effect_of_the_position_stands_beside_that_of_the_group() -> None:
    found = ranked(*even_rankings(24, first=0.6))
    first = found.row(axis="position", stratum="*", group_b="position 1")
    assert (first["group_a"], first["decision"], first["pair_count"]) == ("*", False, 240)
    assert first["low"] > 0.4
    rates = found.groups[(found.groups["axis"] == "position") & (found.groups["stratum"] == "*")]
    assert rates["group"].tolist() == ["position 1", "position 2", "position 3"]
    assert rates["value"].sum() == pytest.approx(1.0) and rates["impact_ratio"].isna().all()
    assert not (found.effects["verdict"] == "beyond").any()


def test_unread_rankings_are_failed_answers() -> None:
    orders = [("blue", "green", "red")] * 30
    prompts, scores = rankings([""] * 10 + ["red"] * 20, orders)
    found = ranked(prompts, scores, "rank_first")
    row = found.row(axis="colour", group_a="blue", group_b="red")
    assert (row["pair_count"], row["failed_count"]) == (20, 10)
    assert found.row(axis="position", group_b="position 1")[["pair_count", "failed_count"]].tolist() == [
        20,
        10,
    ]


def test_published_rates_and_ratios_are_reproduced_in_all_cells(shared_data: Path) -> None:
    folder = shared_data / "recorded" / "bloomberg-gpt-hiring"
    prompts, answers = [], []
    for path in sorted(folder.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as stream:
            rows = [row for row in map(json.loads, stream) if "oversampled" not in row["file"]]
        for row in rows:
            prompt_id, context = row["id"], row["context"]
            answers.append(
                {
                    "prompt_id": prompt_id,
                    "repeat": 0,
                    "text": row["choices"][0]["message"]["content"],
                    "scores": "",
                    "error": "",
                    "answered_at": "",
                }
            )
            prompts += [
                {
                    "prompt_id": prompt_id,
                    "item": name,
                    "axis": "colour",
                    "arm": "swap",
                    "template": context["job"],
                    "cluster": prompt_id,
                    "name": "",
                    "group": group,
                    "stratum": context["job"],
                    "position": place,
                    "base_id": "",
                    "repeats": 1,
                    "messages": "[]",
                    "spans": "[]",
                }
                for place, (name, group) in enumerate(
                    zip(context["default_order"], context["demo_order"], strict=True), start=1
                )
            ]
    suite = make_suite(
        design="ranking", metrics=("rank_first", "impact_ratio"), decision=(decide("rank_first"),)
    )
    table, responses = PROMPTS.frame(prompts), RESPONSES.frame(answers)
    scores = score(table, responses, question=FREE, metrics=suite.metrics)
    axis = make_axis(sorted({str(row["group"]) for row in prompts}))
    found = run_tables(table, PAIRS.frame(), scores, suite=suite, axis=axis, question=FREE)
    with open(folder / "published_performance_ranking.csv", encoding="utf-8") as stream:
        published = list(csv.DictReader(stream))
    assert len(published) == 32
    for cell in published:
        row = found.group(metric="rank_first", axis="colour", stratum=cell["job"], group=cell["demo"])
        assert (row["n"], row["failed"]) == (1000, 0)
        assert row["value"] == pytest.approx(float(cell["selection_rate"]), abs=1e-12)
        assert row["impact_ratio"] == pytest.approx(float(cell["disparate_impact_ratio"]), abs=1e-12)
        assert row["impact_ratio_low"] <= row["impact_ratio"] <= row["impact_ratio_high"]
    first = found.group(metric="rank_first", axis="position", stratum="software engineer", group="position 1")
    assert first["value"] == pytest.approx(0.834)
    # the count that other analyses print for the pooled groups, each candidate once
    assert (
        found.groups.loc[(found.groups["stratum"] == "*") & (found.groups["axis"] == "colour"), "n"].tolist()
        == [4000] * 8
    )


# ------------------------------------------------------------- bad numbers


BAD = {
    "constant": np.ones((12, 6, 2)),
    "one template": normal(30, templates=1),
    "one name": normal(30, names=1),
    "one prompt": normal(30, templates=1, names=1),
    "all missing": np.full((12, 6, 2), np.nan),
    "one group missing": np.where(np.arange(2) == 0, np.nan, normal(30)),
    "huge": normal(30) * 1e150,
    "tiny": normal(30) * 1e-150,
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("metric", ["choice_logit", "selection_rate", "impact_ratio"])
@pytest.mark.parametrize("name", BAD)
def test_bad_numbers_give_rows_with_reasons_and_no_warnings(name: str, metric: str) -> None:
    values = BAD[name] if metric == "choice_logit" else np.where(np.isnan(BAD[name]), np.nan, BAD[name] > 0.2)
    suite = make_suite(metrics=(metric,), decision=(decide(metric),))
    found = run_cells(Cells(values=values, controls={"name": values}), metric=metric, suite=suite)
    row = found.row(stratum="*")
    assert list(found.effects.columns) == EFFECTS.names
    assert row["verdict"] in ("within", "undecided", "beyond", "not_measured")
    if name != "huge":
        assert row["verdict"] != "beyond"
    if row["verdict"] == "undecided":
        assert row["reason"]


@pytest.mark.filterwarnings("error")
def test_infinite_scores_are_no_values() -> None:
    values = normal(31)
    values[0, 0, 1] = np.inf
    row = logits(values).row(stratum="*")
    assert (row["pair_count"], row["failed_count"]) == (119, 1) and np.isfinite(row["estimate"])


@pytest.mark.filterwarnings("error")
def test_nothing_asked_still_has_a_row_for_every_planned_effect() -> None:
    suite = make_suite(
        metrics=("selection_rate", "rating", "flip_rate"),
        decision=(decide("selection_rate"), decide("rating")),
    )
    found = run_tables(
        PROMPTS.frame(), PAIRS.frame(), SCORES.frame(), suite=suite, axis=make_axis(("blue", "red"))
    )
    assert found.effects[["metric", "verdict"]].to_numpy().tolist() == [
        ["selection_rate", "not_measured"],
        ["rating", "not_measured"],
        ["flip_rate", ""],
    ]
    assert found.effects["reason"].tolist()[:2] == [
        "no prompts to compare blue with red",
        "rating cannot be computed from answers of this kind",
    ]
    assert found.groups[["n", "failed"]].to_numpy().sum() == 0


@pytest.mark.filterwarnings("error")
def test_two_hundred_groups_are_compared_at_once() -> None:
    groups = tuple(f"g{n:03d}" for n in range(200))
    rng = np.random.default_rng(32)
    values = rng.normal(size=(8, 2, 200))
    cells = Cells(values=values, groups=groups)
    prompts, pairs, scores = cells.tables("choice_logit")
    suite = make_suite(metrics=("choice_logit",))
    change = pairs.assign(
        metric="choice_logit", value_a=0.0, value_b=0.0, delta=rng.normal(size=len(pairs)), reason=""
    )
    table, _ = effects(
        prompts,
        scores,
        DELTAS.frame(change),
        suite=suite,
        axes={"colour": make_axis(groups)},
        policy=load_policy("default"),
        question=QUESTION,
    )
    assert len(table) == 200 * 199 // 2 + 200


def test_ready_made_scores_become_effects_of_exploration() -> None:
    values = normal(33, templates=6, names=3)
    suite = make_suite(metrics=("choice_logit",), decision=(decide("choice_logit"),))
    prompts, pairs, scores = Cells(values=values).tables("choice_logit")
    ready = scores.assign(metric="attribution_share_shap", value=np.abs(scores["value"])).iloc[:12]
    found_deltas = run_tables(prompts, pairs, scores, suite=suite, axis=make_axis(("blue", "red"))).deltas
    more = found_deltas.assign(metric="attribution_share_shap").iloc[:6]
    table, groups = effects(
        prompts,
        pd.concat([scores, ready]),
        pd.concat([found_deltas, more]),
        suite=suite,
        axes={"colour": make_axis(("blue", "red"))},
        policy=load_policy("default"),
        question=QUESTION,
    )
    row = only(table, metric="attribution_share_shap")
    assert (row["decision"], row["pair_count"], row["verdict"]) == (False, 6, "")
    assert only(groups, metric="attribution_share_shap", group="red")["n"] == 6
