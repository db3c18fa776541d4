from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from audits import QUESTION, Cells, Result, decide, default_policy, make_axis, make_suite, only
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from audit import interactions, stats
from audit.contrasts import Contrasts, corners, interactions_of, signs_of
from audit.effects import effects
from audit.findings import findings
from audit.measures import Terms
from audit.planning import decision_count
from audit.records import PAIRS, PROMPTS, RESPONSES, SCORES, content_id
from audit.score import deltas
from audit.suite import Suite
from audit.unseen import unseen_share

FOUR = ("blue*big", "blue*small", "red*big", "red*small")
EIGHT = tuple("*".join(parts) for parts in product(("blue", "red"), ("big", "small"), ("new", "old")))
SETTINGS = settings(max_examples=5, deadline=None)
Floats = NDArray[np.float64]


def normal(
    seed: int, *, templates: int = 20, names: int = 6, groups: int = 4, own: float = 0.3, plus: float = 0.0
) -> Floats:
    """Scores with additive effects of the parts; `plus` is added to the last combination alone."""
    rng = np.random.default_rng(seed)
    main = np.array([bin(number).count("1") * 0.3 for number in range(groups)])
    values = rng.normal(size=(templates, 1, 1)) + main + own * rng.normal(size=(templates, names, groups))
    values[:, :, -1] += plus
    return values


def theta(values: Floats) -> Floats:
    """The interaction of four combinations in alphabetical order, cell by cell."""
    return np.asarray(values[..., 3] - values[..., 2] - values[..., 1] + values[..., 0])


def suite_of(*metrics: str, axis: str = "colour*size", decided: str = "", **more: Any) -> Suite:
    decision = [decide(name, axis=axis, contrasts="interaction", **more) for name in filter(None, [decided])]
    return make_suite(
        axes=tuple(axis.split("*")), intersections=(axis,), metrics=metrics, decision=tuple(decision)
    )


def audit_of(
    tables: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame], suite: Suite, cue: str = "names"
) -> Result:
    prompts, pairs, scores = tables
    groups = prompts.loc[prompts["axis"] == suite.intersections[0], "group"].unique()
    parts = zip(*(group.split("*") for group in groups), strict=True)
    axes = {
        name: make_axis(sorted(set(values)), name=name, cue=cue)
        for name, values in zip(suite.axes, parts, strict=True)
    }
    policy = default_policy()
    changes = deltas(pairs, scores, RESPONSES.frame(), question=QUESTION, metrics=suite.metrics)
    table, outcomes = effects(
        prompts, scores, changes, suite=suite, axes=axes, policy=policy, question=QUESTION
    )
    judged, found = findings(table, changes, policy=policy, complete=True, generalise=suite.generalise)
    return Result(effects=judged, groups=outcomes, findings=found, deltas=changes)


def logits(
    values: Floats, *, groups: Sequence[str] = FOUR, controls: Mapping[str, Floats] | None = None, **more: Any
) -> Result:
    axis = "colour*size" if groups[0].count("*") == 1 else "colour*size*age"
    cells = Cells(values=values, groups=groups, axis=axis, controls=controls or {}, **more)
    return audit_of(cells.tables("choice_logit"), suite_of("choice_logit", axis=axis, decided="choice_logit"))


def rates(values: Floats, *metrics: str, decided: str = "", **more: Any) -> Result:
    cells = Cells(values=values, groups=FOUR, axis="colour*size", **more)
    return audit_of(cells.tables("selection_rate"), suite_of(*metrics, decided=decided))


def other_names(values: Floats, seed: int, own: float) -> dict[str, Floats]:
    return {"name": values + np.random.default_rng(seed).normal(size=values.shape) * own}


# ------------------------------------------------------------- which there are


def test_corners_go_from_the_first_to_the_second_and_the_first_part_changes_first() -> None:
    assert corners("g1*e1", "g2*e2") == ("g1*e1", "g2*e1", "g1*e2", "g2*e2")
    assert signs_of(corners("g1*e1", "g2*e2")).tolist() == [1, -1, -1, 1]
    assert signs_of(range(8)).tolist() == [-1, 1, 1, -1, 1, -1, -1, 1]  # type: ignore[arg-type]


def test_only_groups_whose_every_combination_was_asked_have_an_interaction() -> None:
    assert interactions_of([*FOUR, "white*big"]) == [("blue*big", "red*small")]
    assert interactions_of(FOUR[:3]) == [] and interactions_of(["blue", "red"]) == []
    three = [f"{colour}*{size}" for colour in ("a", "b", "c") for size in ("x", "y")]
    assert interactions_of(three) == [("a*x", "b*y"), ("a*x", "c*y"), ("b*x", "c*y")]


def test_interactions_marked_for_decision_are_counted_among_all_decisions() -> None:
    cells = Cells(values=normal(1), groups=FOUR, axis="colour*size", strata=("x", "y"))
    tables = cells.tables("choice_logit")
    suite = suite_of("choice_logit", decided="choice_logit", strata=True)
    found = audit_of(tables, suite).effects
    decided = found[found["decision"]]
    assert decided[["contrast", "stratum"]].to_numpy().tolist() == [
        ["interaction", "x"],
        ["interaction", "y"],
    ]
    assert (decided["level"] == 0.975).all() and decision_count(suite, tables[0]) == 2
    other = suite_of("choice_logit")
    explored = audit_of(tables, other).effects
    assert not explored["decision"].any() and (explored["contrast"] == "interaction").sum() == 3


def test_a_decision_on_pairs_leaves_interactions_to_exploration() -> None:
    suite = make_suite(
        axes=("colour", "size"), intersections=("colour*size",), metrics=("choice_logit",),
        decision=(decide("choice_logit", axis="colour*size"),),
    )  # fmt: skip
    found = audit_of(Cells(values=normal(1), groups=FOUR, axis="colour*size").tables("choice_logit"), suite)
    assert found.effects.loc[found.effects["decision"], "contrast"].tolist() == ["pair"] * 6
    assert {finding.contrast for finding in found.findings} == {"pair"}


# ------------------------------------------------------------- numbers


@given(st.integers(0, 500))
@SETTINGS
def test_an_interaction_is_the_mean_difference_of_differences_with_its_two_way_error(seed: int) -> None:
    values = normal(seed, plus=-0.5)
    row = logits(values).row(contrast="interaction")
    change = theta(values)
    cluster, name = np.indices(change.shape).reshape(2, -1)
    alone = stats.difference(
        stats.Sample(
            effect=np.zeros(change.size, dtype=np.intp), value=change.reshape(-1), side=None,
            cluster=cluster, name=name, count=1,
        )
    )  # fmt: skip
    assert row["estimate"] == pytest.approx(change.mean(), rel=1e-10)
    assert (row["se"], row["df"]) == (pytest.approx(alone.se[0]), pytest.approx(alone.df[0]))
    assert row["standardised"] == pytest.approx(change.mean() / change.std(ddof=1))
    expected = (values[..., 1] + values[..., 2] - values[..., 0]).mean()
    assert (row["mean_a"], row["mean_b"]) == (pytest.approx(expected), pytest.approx(values[..., 3].mean()))
    assert row[["group_a", "group_b", "pair_count", "cluster_count"]].tolist() == [
        "blue*big",
        "red*small",
        120,
        20,
    ]


def test_effects_of_the_parts_alone_are_no_interaction() -> None:
    row = logits(normal(3, own=0.0)).row(contrast="interaction")
    assert row["estimate"] == pytest.approx(0, abs=1e-12) and row["p_value"] == 1
    assert "cannot be told" in row["reason"] and row["verdict"] == "within"


def test_an_interaction_has_an_id_of_its_own_beside_the_pair_of_the_same_groups() -> None:
    found = logits(normal(4)).effects
    same = found[(found["group_a"] == "blue*big") & (found["group_b"] == "red*small")]
    assert same["contrast"].tolist() == ["pair", "interaction"] and same["effect_id"].nunique() == 2
    assert found["effect_id"].is_unique


@given(st.integers(0, 500))
@SETTINGS
def test_renaming_the_groups_of_one_part_negates_an_interaction_and_of_both_leaves_it(seed: int) -> None:
    values = normal(seed, plus=0.4)
    controls = other_names(values, seed, 0.2)
    before = logits(values, controls=controls).row(contrast="interaction")
    once, twice = [1, 0, 3, 2], [3, 2, 1, 0]
    turned = {arm: table[..., once] for arm, table in controls.items()}
    after = logits(values[..., once], controls=turned).row(contrast="interaction")
    assert after["estimate"] == pytest.approx(-before["estimate"])
    assert (after["low"], after["high"]) == (pytest.approx(-before["high"]), pytest.approx(-before["low"]))
    both = logits(values[..., twice]).row(contrast="interaction")
    assert both["estimate"] == pytest.approx(before["estimate"])


@given(st.integers(0, 500))
@SETTINGS
def test_the_order_of_rows_changes_no_interaction(seed: int) -> None:
    values = normal(seed)
    values[0, 0, 1] = np.nan
    cells = Cells(
        values=values,
        groups=FOUR,
        axis="colour*size",
        controls=other_names(values, 1, 0.1),
        strata=("x", "y"),
    )
    tables = cells.tables("choice_logit")
    shuffled = tuple(table.sample(frac=1, random_state=seed).reset_index(drop=True) for table in tables)
    suite = suite_of("choice_logit", decided="choice_logit")
    before, after = (audit_of(each, suite) for each in (tables, shuffled))  # type: ignore[arg-type]
    pd.testing.assert_frame_equal(after.effects, before.effects, rtol=1e-9)


def test_a_stratum_is_measured_on_its_own_cells_alone() -> None:
    values = normal(5)
    template, name = np.indices(values.shape[:2])
    row = logits(values, strata=("x", "y")).row(contrast="interaction", stratum="y")
    assert row["estimate"] == pytest.approx(theta(values)[(template + name) % 2 == 1].mean())


def test_a_cell_without_a_value_in_one_combination_is_failed_and_left_out() -> None:
    values = normal(6)
    values[0, 0, 1] = values[0, 1, 3] = values[2, 2, 0] = np.nan
    row = logits(values).row(contrast="interaction")
    assert row[["pair_count", "failed_count"]].tolist() == [117, 3]
    assert row["estimate"] == pytest.approx(np.nanmean(theta(values)))


def test_words_that_are_crossed_within_a_cell_are_averaged_before_they_are_compared() -> None:
    first, second = normal(7), normal(8)
    tables = [
        Cells(values=values, groups=FOUR, axis="colour*size").tables("choice_logit")
        for values in (first, second)
    ]
    again = [
        table.assign(
            **{name: "second " + table[name] for name in ("prompt_id", "a", "b", "pair_id") if name in table}
        )
        for table in tables[1]
    ]
    both = tuple(pd.concat(pair, ignore_index=True) for pair in zip(tables[0], again, strict=True))
    row = only(audit_of(both, suite_of("choice_logit")).effects, contrast="interaction")  # type: ignore[arg-type]
    assert row["estimate"] == pytest.approx((theta(first).mean() + theta(second).mean()) / 2)
    assert row["pair_count"] == 120


def test_three_parts_have_the_difference_of_highest_order() -> None:
    values = normal(9, groups=8, plus=0.7)
    found = logits(values, groups=EIGHT)
    row = found.row(contrast="interaction")
    place = {group: number for number, group in enumerate(EIGHT)}
    signs = [(-1) ** sum(part in group for part in ("blue", "big", "new")) for group in EIGHT]
    change = sum(sign * values[..., place[group]] for sign, group in zip(signs, EIGHT, strict=True))
    assert row["estimate"] == pytest.approx(np.mean(change))
    assert (row["group_a"], row["group_b"]) == ("blue*big*new", "red*small*old")
    assert row["mean_b"] - row["mean_a"] == pytest.approx(row["estimate"])


def test_the_interaction_of_ratios_is_on_the_logarithmic_scale_by_the_jackknife() -> None:
    values = (normal(10, templates=40, plus=-0.6, own=1.0) > -0.3).astype(float)
    row = rates(values, "impact_ratio", "selection_rate").row(metric="impact_ratio", contrast="interaction")
    blue_big, blue_small, red_big, red_small = values.mean(axis=(0, 1))
    expected = np.log(red_small * blue_big / (red_big * blue_small))
    assert (row["estimate"], row["scale"]) == (pytest.approx(expected), "log_ratio")
    assert row["mean_a"] == pytest.approx(red_big * blue_small / blue_big)
    left = [np.delete(values, out, axis=0).mean(axis=(0, 1)) for out in range(40)]
    alone = np.array([np.log(r[3] * r[0] / (r[2] * r[1])) for r in left])
    by_template = np.sqrt(39 / 40 * ((alone - alone.mean()) ** 2).sum())
    by_name = np.array([np.log(r[3] * r[0] / (r[2] * r[1])) for r in (
        np.delete(values, out, axis=1).mean(axis=(0, 1)) for out in range(6))])  # fmt: skip
    assert row["se"] >= max(by_template, np.sqrt(5 / 6 * ((by_name - by_name.mean()) ** 2).sum())) * (
        1 - 1e-9
    )


def test_texts_of_each_combination_are_compared_by_their_means() -> None:
    rng = np.random.default_rng(11)
    rows, scores = [], []
    for n in range(80):
        rows.append({
            "prompt_id": f"p{n}", "item": "", "axis": "colour*size", "arm": "swap", "template": f"t{n}",
            "cluster": f"t{n}", "name": "", "group": FOUR[n % 4], "stratum": "", "position": 0, "base_id": "",
            "repeats": 1, "messages": "[]", "spans": "[]",
        })  # fmt: skip
        scores.append({
            "prompt_id": f"p{n}", "item": "", "arm": "swap", "metric": "choice_logit",
            "value": rng.normal(n % 4 == 3), "reason": "",
        })  # fmt: skip
    value = np.array([row["value"] for row in scores]).reshape(20, 4)
    suite = make_suite(
        design="groups", axes=("colour", "size"), intersections=("colour*size",), metrics=("choice_logit",),
        decision=(decide("choice_logit", axis="colour*size", contrasts="interaction"),),
    )  # fmt: skip
    row = only(
        audit_of((PROMPTS.frame(rows), PAIRS.frame(), SCORES.frame(scores)), suite).effects,
        contrast="interaction",
    )
    assert row["estimate"] == pytest.approx(theta(value).mean())
    assert row["se"] == pytest.approx(np.sqrt(sum(column.var(ddof=1) / 20 for column in value.T)))
    assert (row["pair_count"], row["cluster_count"], row["control_arm"]) == (80, 80, "")


# ------------------------------------------------------------- words and verdicts


def test_the_reason_says_whether_the_combination_is_worse_than_its_parts() -> None:
    controls = {"name": normal(12)}
    worse, better = (
        logits(normal(12, templates=40, plus=plus), controls={}).row(contrast="interaction")
        for plus in (-1, 1)
    )
    assert worse["reason"].endswith("worse than its parts: less than they add up to")
    assert better["reason"].endswith("better than its parts: more than they add up to")
    assert controls and worse["verdict"] == "undecided" and "no noise band" in worse["reason"]


def test_an_interaction_outside_the_limit_and_the_noise_band_is_beyond() -> None:
    values = normal(13, templates=40, names=12, plus=-1)
    found = logits(values, controls=other_names(values, 1, 0.3))
    row = found.row(contrast="interaction")
    (finding,) = found.findings
    assert (row["verdict"], finding.contrast, finding.example_pair) == ("beyond", "interaction", "")
    assert row["control_high"] < 0.2 and row["control_arm"] == "name"


def test_answers_that_one_combination_lacks_leave_an_interaction_undecided() -> None:
    values = normal(14, templates=40, names=12)
    lacking = values.copy()
    lacking[:20, ::2, 3] = np.nan
    reason = logits(lacking, controls=other_names(values, 1, 0.3)).findings[0].reason
    assert reason.startswith("answers without a value: 0.0% of one group, 25.0% of the other")
    lacking[:, :7] = np.nan
    assert "of 480 sets of prompts have no value" in logits(lacking).findings[0].reason


def test_a_metric_that_compares_two_answers_has_no_interactions() -> None:
    values = (normal(15) > 0).astype(float)
    cells = Cells(values=values, groups=FOUR, axis="colour*size")
    suite = suite_of("selection_rate", "flip_rate", decided="flip_rate")
    found = audit_of(cells.tables("selection_rate"), suite)
    (finding,) = found.findings
    assert (finding.verdict, finding.reason) == ("not_measured", "flip_rate has no interactions")
    assert "interaction" not in set(
        audit_of(cells.tables("selection_rate"), suite_of("flip_rate")).effects["contrast"]
    )


@pytest.mark.filterwarnings("error")
def test_rates_that_never_vary_keep_twice_the_least_half_width() -> None:
    values = np.zeros((60, 6, 4))
    row = rates(values, "selection_rate", decided="selection_rate").row(contrast="interaction")
    half = 2 * float(unseen_share(0.95, 60))
    assert (row["low"], row["high"]) == (pytest.approx(-half), pytest.approx(half))
    values[..., 1] = values[..., 2] = 1
    far = rates(values, "selection_rate", decided="selection_rate").row(contrast="interaction")
    assert (far["estimate"], far["low"]) == (-2.0, -2.0) and far["p_value"] < 1e-9


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("zero", range(4))
def test_a_rate_of_zero_in_any_combination_has_no_interaction_of_ratios(zero: int) -> None:
    values = (normal(16) > -0.5).astype(float)
    values[..., zero] = 0
    row = rates(values, "impact_ratio", "selection_rate", decided="impact_ratio").row(
        metric="impact_ratio", contrast="interaction"
    )
    assert np.isnan(row["estimate"]) and row["verdict"] == "undecided"
    assert "a rate is zero, so there is no ratio" in row["reason"]


# ------------------------------------------------------------- the noise band, by simulation


def null_audits(count: int, *, templates: int = 24, names: int = 12) -> list[tuple[float, float, float]]:
    """Estimate, half-width at 95 % and half-width of the noise band of audits in which only names have effects.

    Every name of every combination, and every name of the control arm, has an effect of its own.
    """
    shape = (templates, names, 4)
    template, name, group = (part.reshape(-1).astype(str) for part in np.indices(shape))
    place = pd.DataFrame({
        "axis": "colour*size", "stratum": "", "cluster": template, "template": template, "name": name,
        "group": np.array(FOUR)[group.astype(int)],
    })  # fmt: skip
    contrasts = Contrasts(
        axis=("colour*size",), stratum=("*",), group_a=(FOUR[0],), group_b=(FOUR[3],),
        groups={"colour*size": FOUR}, interaction=True,
    )  # fmt: skip
    terms = Terms(contrasts=contrasts, levels=np.array([0.95]), margin=(0.0, 0.0), fixed=False, seed=1)
    found = []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        base = rng.normal(size=(templates, 1, 1))
        asked, again = (
            (base + 0.5 * rng.normal(size=(1, names, 4)) + 0.2 * rng.normal(size=shape)).reshape(-1)
            for _ in range(2)
        )
        controls = place.assign(group_a=place["group"], group_b=place["group"], value_a=asked, value_b=again)
        one = interactions.paired(place.assign(value=asked), controls, terms)
        half = stats.interval(one.estimates, 0.95)[1] - one.estimates.value
        found.append((float(one.estimates.value[0]), float(half[0]), float(one.control[0])))
    return found


def test_without_any_effect_interactions_lie_outside_the_noise_band_at_most_at_the_nominal_rate() -> None:
    estimate, half, band = np.array(null_audits(300)).T
    slack = 2 * np.sqrt(0.05 * 0.95 / 300)
    assert np.mean(np.abs(estimate) > band) <= 0.05 + slack
    assert np.mean(np.abs(estimate) > half) <= 0.05 + slack
    assert np.median(band) < 3 * 1.96 * np.std(estimate) / 2  # and the band is no wider than it has to be


def test_the_same_audit_has_the_same_id_in_every_process() -> None:
    row = logits(normal(17)).row(contrast="interaction")
    assert row["effect_id"] == content_id(
        "effect", "test", "choice_logit", "colour*size", "*", "blue*big", "red*small", "interaction"
    )


# ------------------------------------------------------------- bad numbers


BAD: dict[str, Floats] = {
    "constant": np.full((12, 6, 4), 0.1),
    "all missing": np.full((12, 6, 4), np.nan),
    "infinite": np.full((12, 6, 4), np.inf),
    "one combination missing": np.where(np.arange(4) == 2, np.nan, normal(18)),
    "one combination with one answer": np.where(
        (np.arange(4) == 2) & (np.arange(120).reshape(20, 6, 1) > 0), np.nan, normal(18)
    ),
    "one template": normal(18, templates=1),
    "one name": normal(18, names=1),
    "one prompt": normal(18, templates=1, names=1),
    "separated": np.broadcast_to([0.0, 1.0, 0.0, 1.0], (12, 6, 4)).copy(),
    "huge": normal(18) * 1e150,
    "tiny": normal(18) * 1e-150,
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("metric", ["choice_logit", "selection_rate", "impact_ratio"])
@pytest.mark.parametrize("name", BAD)
def test_bad_numbers_give_a_verdict_with_a_reason_and_no_warnings(name: str, metric: str) -> None:
    values, score = BAD[name], "selection_rate" if metric == "impact_ratio" else metric
    if metric != "choice_logit":
        values = np.where(np.isfinite(values), (np.nan_to_num(values) > 0.2).astype(float), values)
    cells = Cells(values=values, groups=FOUR, axis="colour*size", controls={"name": values})
    found = audit_of(cells.tables(score), suite_of(*dict.fromkeys((metric, score)), decided=metric))
    (finding,) = found.findings
    assert finding.verdict in ("beyond", "within", "undecided", "not_measured") and finding.reason
    if name not in ("huge", "one name"):
        assert finding.verdict in ("undecided", "within")
    if "missing" in name or "one " in name or name == "infinite":
        assert finding.verdict != "within"


@pytest.mark.filterwarnings("error")
def test_an_intersection_that_was_never_asked_is_not_measured() -> None:
    prompts, pairs, scores = Cells(values=normal(19), groups=FOUR, axis="colour*size").tables("choice_logit")
    nothing = (prompts.assign(axis="other"), pairs.iloc[:0], scores)
    suite = suite_of("choice_logit", decided="choice_logit")
    axes = {
        name: make_axis(values, name=name)
        for name, values in (("colour", ("blue", "red")), ("size", ("big", "small")))
    }
    changes = deltas(nothing[1], scores, RESPONSES.frame(), question=QUESTION, metrics=suite.metrics)
    table, _ = effects(
        *nothing[::2], changes, suite=suite, axes=axes, policy=default_policy(), question=QUESTION
    )
    row = only(table, contrast="interaction")
    assert (row["verdict"], row["reason"]) == (
        "not_measured",
        "no prompts to compare blue*big with red*small",
    )


@pytest.mark.filterwarnings("error")
def test_two_hundred_combined_groups_are_compared_at_once() -> None:
    """20 and 10 parts: 19,900 pairs and 8,550 interactions."""
    groups = tuple(sorted(f"g{first:02d}*e{second}" for first in range(20) for second in range(10)))
    values = np.random.default_rng(20).normal(size=(4, 2, 200))
    tables = Cells(values=values, groups=groups, axis="colour*size").tables("choice_logit")
    found = audit_of(tables, suite_of("choice_logit"))
    assert (found.effects["contrast"] == "interaction").sum() == 190 * 45
    assert not found.effects["effect_id"].duplicated().any()
