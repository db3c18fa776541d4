from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from audits import FREE, Cells, decide, make_axis, make_suite, only, rankings, run_tables
from numpy.typing import NDArray

from audit import classical as module
from audit.classical import classical
from audit.records import CLASSICAL, DELTAS, EFFECTS, PAIRS, PROMPTS, SCORES
from audit.suite import Suite

Floats = NDArray[np.float64]


def paired(values: Floats, metric: str, *, suite: Suite | None = None, **more: Any) -> pd.DataFrame:
    """The table of an audit with values[template, name, group]."""
    groups = more.get("groups", ("blue", "red"))
    tables = Cells(values=values, **more).tables(metric)
    suite = suite or make_suite(metrics=(metric,), decision=(decide(metric),))
    found = run_tables(*tables, suite=suite, axis=make_axis(groups))
    table = classical(found.effects, found.deltas, tables[0], tables[2], suite=suite)
    assert list(table.columns) == CLASSICAL.names
    assert set(table["effect_id"]) <= set(found.effects["effect_id"])
    return table


def own_texts(first: Floats, second: Floats, metric: str = "selection_rate") -> pd.DataFrame:
    """The table of an audit with other texts for each group."""
    rows, scores = [], []
    for n, (group, value) in enumerate([("blue", v) for v in first] + [("red", v) for v in second]):
        rows.append({
            "prompt_id": f"p{n}", "item": "", "axis": "colour", "arm": "swap", "template": f"t{n}", "name": "",
            "cluster": f"t{n}", "group": group, "stratum": "", "position": 0, "base_id": "", "repeats": 1,
            "messages": "[]", "spans": "[]",
        })  # fmt: skip
        scores.append({
            "prompt_id": f"p{n}", "item": "", "arm": "swap", "metric": metric, "value": value, "reason": "",
        })  # fmt: skip
    suite = make_suite(design="groups", metrics=(metric,), decision=(decide(metric),))
    prompts, table = PROMPTS.frame(rows), SCORES.frame(scores)
    found = run_tables(prompts, PAIRS.frame(), table, suite=suite, axis=make_axis(("blue", "red")))
    return classical(found.effects, found.deltas, prompts, table, suite=suite)


def binary(seed: int, shape: tuple[int, ...] = (30, 4, 2), *, shift: float = 0.0) -> Floats:
    value = np.random.default_rng(seed).normal(size=shape)
    value[..., -1] += shift
    return (value > 0).astype(float)


# ------------------------------------------------------------- texts of each group


def test_two_shares_are_tested_as_statsmodels_and_scipy_do() -> None:
    from scipy.stats import fisher_exact
    from statsmodels.stats.proportion import proportions_ztest

    first, second = binary(1, (80,)), binary(2, (60,), shift=0.0)
    second[:45] = 1
    found = own_texts(first, second)
    yes, size = np.array([second.sum(), first.sum()]), np.array([60, 80])
    statistic, p = proportions_ztest(yes, size)
    z, exact = (only(found, test=name) for name in ("two_proportion_z", "fisher_exact"))
    assert (z["statistic"], z["p_value"]) == (pytest.approx(statistic, rel=1e-9), pytest.approx(p, rel=1e-9))
    assert exact["p_value"] == pytest.approx(
        fisher_exact([[yes[0], 60 - yes[0]], [yes[1], 80 - yes[1]]])[1], rel=1e-9
    )
    assert z["estimate"] == exact["estimate"] == pytest.approx(second.mean() - first.mean())
    assert (z["n"], z["group_a"], z["group_b"]) == (140, "blue", "red")
    assert z["note"] == exact["note"] == "ignores clustering"


def test_scores_that_are_no_rates_have_no_test_of_shares() -> None:
    assert own_texts(binary(1, (20,)), binary(2, (20,)), metric="length").empty


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (np.zeros(20), np.zeros(20), "all answers are the same: no statistic"),
        (np.full(20, 0.5), np.ones(20), "averaged over repeats"),
        (np.full(20, np.nan), np.ones(20), "a group has no answers with a value"),
        (np.zeros(0), np.ones(20), "a group has no answers with a value"),
    ],
)
def test_shares_that_cannot_be_tested_have_a_note(first: Floats, second: Floats, told: str) -> None:
    z = only(own_texts(first, second), test="two_proportion_z")
    assert told in z["note"] and np.isnan(z["p_value"])


@pytest.mark.filterwarnings("error")
def test_perfectly_separated_shares_are_tested() -> None:
    found = own_texts(np.zeros(20), np.ones(20))
    assert (found["p_value"] < 1e-8).all() and (found["estimate"] == 1).all()


# ------------------------------------------------------------- paired texts


def test_pairs_of_rates_are_tested_by_mcnemar_with_the_first_name_of_each_template() -> None:
    from statsmodels.stats.contingency_tables import mcnemar

    values = binary(3, shift=0.4)
    found = only(paired(values, "selection_rate"), test="mcnemar_exact")
    a, b = values[:, 0].T
    table = [[int(((a == x) & (b == y)).sum()) for y in (0, 1)] for x in (0, 1)]
    assert found["p_value"] == pytest.approx(mcnemar(table, exact=True).pvalue, rel=1e-9)
    assert (found["n"], found["estimate"]) == (30, pytest.approx((b - a).mean()))
    assert found["note"].startswith("ignores clustering: one pair a template, that of its first name")


def test_the_first_name_with_a_value_is_taken_whatever_the_order_of_rows() -> None:
    values = binary(4)
    values[5, 0, 0] = np.nan
    tables = Cells(values=values, groups=("blue", "red")).tables("selection_rate")
    suite = make_suite(metrics=("selection_rate",), decision=(decide("selection_rate"),))
    found = run_tables(*tables, suite=suite, axis=make_axis(("blue", "red")))
    shuffled = found.deltas.sample(frac=1, random_state=1)
    rows = [
        classical(found.effects, table, *tables[::2], suite=suite).iloc[0]
        for table in (found.deltas, shuffled)
    ]
    first = values[:, 0].copy()
    first[5] = values[5, 1]
    assert rows[0]["estimate"] == pytest.approx((first[:, 1] - first[:, 0]).mean()) and rows[0]["n"] == 30
    pd.testing.assert_series_equal(rows[0], rows[1])


def test_averaged_answers_and_identical_answers_have_a_note_or_a_p_of_one() -> None:
    assert "averaged over repeats" in paired(np.full((12, 3, 2), 0.5), "selection_rate").iloc[0]["note"]
    assert paired(np.ones((12, 3, 2)), "selection_rate").iloc[0]["p_value"] == 1


def test_log_odds_have_a_mixed_model_for_each_two_groups_over_all_strata() -> None:
    rng = np.random.default_rng(5)
    values = (
        rng.normal(size=(30, 1, 1)) + 0.3 * rng.normal(size=(30, 4, 3)) + 0.2 * rng.normal(size=(30, 1, 3))
    )
    values[..., 2] += 0.5
    found = paired(values, "choice_logit", groups=("blue", "green", "red"), strata=("x", "y"))
    assert found["test"].tolist() == ["mixed_model"] * 3 and set(found["stratum"]) == {"*"}
    row = only(found, group_a="blue", group_b="red")
    change = (values[..., 2] - values[..., 0]).mean(axis=1)
    assert row["estimate"] == pytest.approx(change.mean()) and row["n"] == 120
    assert row["se"] == pytest.approx(change.std(ddof=1) / np.sqrt(30), rel=0.01)
    assert "names ignored" in row["note"]


def test_models_stop_where_the_templates_of_a_run_are_used_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_TEMPLATES", 25)
    values = np.random.default_rng(6).normal(size=(12, 3, 4))
    found = paired(values, "choice_logit", groups=("a", "b", "c", "d"))
    assert found["estimate"].notna().tolist() == [True, True, False]
    assert found["note"].iloc[2] == "not fitted: models of a run together have at most 25 templates"


def test_more_comparisons_than_are_tested_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_TESTS", 2)
    suite = make_suite(metrics=("selection_rate",))
    found = paired(binary(7, (10, 3, 4)), "selection_rate", groups=("a", "b", "c", "d"), suite=suite)
    assert len(found) == 2 and found["note"].str.endswith("; the first 2 of 6 comparisons").all()


# ------------------------------------------------------------- what has none, and bad numbers


def test_rankings_have_no_such_tests() -> None:
    prompts, scores = rankings(["red"] * 20, [("blue", "red")] * 20)
    suite = make_suite(design="ranking", metrics=("rank_first",), decision=(decide("rank_first"),))
    found = run_tables(
        prompts, PAIRS.frame(), scores, suite=suite, axis=make_axis(("blue", "red")), question=FREE
    )
    assert classical(found.effects, found.deltas, prompts, scores, suite=suite).empty


BAD: dict[str, Floats] = {
    "constant": np.ones((12, 4, 2)),
    "all missing": np.full((12, 4, 2), np.nan),
    "infinite": np.full((12, 4, 2), np.inf),
    "one template": binary(8, (1, 4, 2)),
    "one name": binary(8, (12, 1, 2)),
    "one prompt": binary(8, (1, 1, 2)),
    "separated": np.broadcast_to([0.0, 1.0], (12, 4, 2)),
    "huge": binary(8, (12, 4, 2)) * 1e150,
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("metric", ["selection_rate", "choice_logit"])
@pytest.mark.parametrize("name", BAD)
def test_bad_numbers_give_a_row_with_a_note_and_no_warnings(name: str, metric: str) -> None:
    (row,) = paired(BAD[name], metric).to_dict("records")
    assert row["note"]
    if metric == "choice_logit":
        assert np.isnan(row["p_value"])


@pytest.mark.filterwarnings("error")
def test_nothing_asked_has_no_tests() -> None:
    suite = make_suite(metrics=("selection_rate", "choice_logit"))
    empty = (EFFECTS.frame(), DELTAS.frame(), PROMPTS.frame(), SCORES.frame())
    assert classical(*empty, suite=suite).empty
