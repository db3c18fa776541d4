from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from audits import Cells, default_policy, make_suite, rankings
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from audit import stats, subgroups
from audit.kinds import kind_of
from audit.records import PROMPTS, SCORES, SUBGROUPS
from audit.suite import Suite

Floats = NDArray[np.float64]
SIX = tuple(f"g{number}" for number in range(6))
SETTINGS = settings(max_examples=5, deadline=None)


@cache
def skeleton(
    templates: int, names: int, groups: int, strata: tuple[str, ...]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Prompts, and scores in the order of values[template, name, group]."""
    zeros = np.zeros((templates, names, groups))
    prompts, _, scores = Cells(values=zeros, groups=SIX[:groups], strata=strata).tables("choice_logit")
    return prompts, scores


def tables(values: Floats, metric: str, strata: tuple[str, ...]) -> tuple[pd.DataFrame, pd.DataFrame]:
    prompts, scores = skeleton(*values.shape, strata)
    return prompts, scores.assign(metric=metric, value=values.reshape(-1))


def worst(
    values: Floats, *, metric: str = "choice_logit", strata: tuple[str, ...] = ("x", "y")
) -> pd.Series[Any]:
    prompts, scores = tables(values, metric, strata)
    suite = make_suite(metrics=(metric,))
    found = subgroups.subgroups(prompts, scores, suite=suite, policy=default_policy())
    assert list(found.columns) == SUBGROUPS.names and len(found) == 1
    return found.iloc[0]


def normal(
    seed: int, *, templates: int = 40, names: int = 12, groups: int = 6, own: float = 0.2, shift: float = 0.0
) -> Floats:
    """`own`: scatter of what single names, and single templates, do to single groups; the first is shifted."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(templates, 1, 1)) + 0.3 * rng.normal(size=(templates, names, groups))
    values += own * rng.normal(size=(1, names, groups)) + own * rng.normal(size=(templates, 1, groups))
    values[..., 0] += shift
    return values


def test_a_group_that_is_worse_off_is_found_in_one_half_and_confirmed_in_the_other() -> None:
    values = normal(1, shift=-0.6)
    row = worst(values)
    assert (row["axis"], row["group"], row["confirmed"], row["reason"]) == ("colour", "g0", True, "")
    assert row["high"] < 0 and row["search_estimate"] < 0
    assert (row["search_clusters"], row["clusters"], row["level"]) == (20, 20, 0.95)
    assert row["searched"] == 6 * 3


def test_only_the_stratum_in_which_a_group_is_worse_off_is_named() -> None:
    values = normal(2, own=0.05)
    template, name = np.indices(values.shape[:2])
    values[(template + name) % 2 == 1, 3] -= 0.5
    row = worst(values)
    assert (row["group"], row["stratum"], row["confirmed"]) == ("g3", "y", True)


def test_the_numbers_are_those_of_the_half_that_was_not_searched() -> None:
    values = normal(3, shift=-0.6)
    row = worst(values, strata=("",))
    change = values[..., 0] - values[..., 1:].mean(axis=2)
    prompts, _ = skeleton(40, 12, 6, ("",))
    ground = subgroups._ground(prompts, make_suite())
    assert ground.search_name is not None
    mine = change[~ground.search_cluster][:, ~ground.search_name]
    cluster, name = np.indices(mine.shape).reshape(2, -1)
    alone = stats.difference(
        stats.Sample(
            effect=np.zeros(mine.size, dtype=np.intp), value=mine.reshape(-1), side=None, cluster=cluster,
            name=name, count=1,
        )
    )  # fmt: skip
    low, high = stats.interval(alone, 0.95)
    assert (row["n"], row["estimate"]) == (120, pytest.approx(mine.mean()))
    assert (row["se"], row["low"], row["high"]) == (
        pytest.approx(alone.se[0]), pytest.approx(low[0]), pytest.approx(high[0]),
    )  # fmt: skip


def test_scores_with_a_direction_are_searched_in_the_unfavourable_one() -> None:
    better = normal(4, shift=0.8)
    assert worst(better)["group"] != "g0"
    asked = worst(better, metric="length")
    assert (asked["group"], asked["confirmed"]) == ("g0", True) and asked["low"] > 0
    refused = worst((better > 0.5).astype(float), metric="refusal")
    assert (refused["group"], refused["confirmed"]) == ("g0", True) and refused["low"] > 0


@given(st.integers(0, 500))
@SETTINGS
def test_the_order_of_rows_changes_nothing(seed: int) -> None:
    prompts, scores = tables(normal(5), "choice_logit", ("x", "y"))
    suite, policy = make_suite(metrics=("choice_logit",)), default_policy()
    before = subgroups.subgroups(prompts, scores, suite=suite, policy=policy)
    shuffled = (table.sample(frac=1, random_state=seed) for table in (prompts, scores))
    after = subgroups.subgroups(*shuffled, suite=suite, policy=policy)
    pd.testing.assert_frame_equal(after, before, rtol=1e-9)


def test_metrics_share_alpha() -> None:
    values = normal(6)
    prompts, scores = tables(values, "choice_logit", ("",))
    both = pd.concat([scores, scores.assign(metric="length")])
    suite = make_suite(metrics=("choice_logit", "length", "rating", "flip_rate", "impact_ratio"))
    found = subgroups.subgroups(prompts, both, suite=suite, policy=default_policy())
    assert found["metric"].tolist() == ["choice_logit", "length", "rating"]
    assert found["level"].tolist() == [0.975] * 3
    assert found["reason"].iloc[2] == "no answer has a value"
    assert (found["p_adjusted"].iloc[:2] == np.minimum(1, 2 * found["p_value"].iloc[:2])).all()


def test_too_few_clusters_are_told_and_give_no_number() -> None:
    row = worst(normal(7, templates=15, shift=-3))
    assert row["reason"] == "too few clusters to search one half and confirm in the other: 15 of at least 16"
    assert (
        not row["confirmed"]
        and np.isnan(row[["search_estimate", "estimate", "low", "p_value"]].tolist()).all()
    )


def test_subgroups_of_few_clusters_are_not_searched() -> None:
    values = normal(8, templates=16, names=1)
    row = worst(values, strata=("x", "y"))
    assert row["searched"] == 6 and row["stratum"] == "*"


def test_few_names_are_not_cut_into_halves_and_the_finding_is_for_these_names() -> None:
    row = worst(normal(9, names=3, shift=-1.5))
    assert (row["n"], row["confirmed"], row["reason"]) == (60, True, "for these names")


def test_in_rankings_one_answer_is_one_cluster() -> None:
    rng = np.random.default_rng(10)
    orders = [("blue", "green", "red")] * 400
    winners = [("blue", "green", "red")[n] for n in rng.choice(3, 400, p=[0.2, 0.4, 0.4])]
    prompts, scores = rankings(winners, orders)
    suite = make_suite(design="ranking", metrics=("rank_first",))
    row = subgroups.subgroups(prompts, scores, suite=suite, policy=default_policy()).iloc[0]
    assert (row["group"], row["confirmed"], row["clusters"], row["n"]) == ("blue", True, 200, 200)
    assert row["search_estimate"] == pytest.approx(-0.2, abs=0.1) and row["estimate"] == pytest.approx(
        -0.2, abs=0.1
    )


def own_texts(values: Floats) -> tuple[pd.DataFrame, pd.DataFrame, Suite]:
    """A text of its own for every template and group."""
    prompts, scores = tables(values, "choice_logit", ("",))
    prompts = prompts.assign(
        **{
            key: prompts["template"].astype("str") + prompts["group"].astype("str")
            for key in ("cluster", "template")
        }
    )
    return prompts, scores, make_suite(design="groups", metrics=("choice_logit",))


def test_texts_of_each_group_are_compared_with_those_of_all_others() -> None:
    values = normal(11, names=1, groups=3, shift=-2, own=0.0) * 0.5
    prompts, scores, suite = own_texts(values)
    row = subgroups.subgroups(prompts, scores, suite=suite, policy=default_policy()).iloc[0]
    ground = subgroups._ground(prompts, suite)
    table = prompts.assign(value=scores["value"]).merge(
        pd.DataFrame({"cluster": sorted(prompts["cluster"]), "searched": ground.search_cluster}), on="cluster"
    )
    other = table[~table["searched"]]
    mean = other.groupby(other["group"] == "g0")["value"].mean()
    assert (row["group"], row["n"]) == ("g0", int((other["group"] == "g0").sum()))
    assert row["estimate"] == pytest.approx(mean[True] - mean[False])


# ------------------------------------------------------------- honest, by simulation


@pytest.mark.parametrize(
    ("metric", "own"), [("choice_logit", 0.3), ("selection_rate", 0.3), ("choice_logit", 0.0)]
)
def test_without_any_effect_few_are_confirmed_while_the_searched_half_itself_misleads(
    metric: str, own: float
) -> None:
    """No group differs, but single names and templates do; the worst of 18 subgroups always looks bad."""
    confirmed, misled, audits = 0, 0, 200
    suite, policy = make_suite(metrics=(metric,)), default_policy()
    ground = subgroups._ground(skeleton(24, 12, 6, ("x", "y"))[0], suite)
    for seed in range(1000, 1000 + audits):
        values = normal(seed, templates=24, own=own)
        values = (values > 0).astype(float) if metric == "selection_rate" else values
        _, scores = tables(values, metric, ("x", "y"))
        one = subgroups._search(kind_of(metric), scores, ground, suite=suite, policy=policy)
        assert one.search is not None and one.count == 18
        row = subgroups._row(one, ground, policy=policy, metrics=1)
        confirmed += bool(row["confirmed"])
        misled += bool(stats.interval(one.search, 0.95)[1][one.found] < 0)
    assert confirmed <= 0.05 * audits
    assert misled > max(3 * confirmed, 0.1 * audits)  # one side of 95 %: 0.025 is what it claims


def test_differences_of_a_readable_size_are_mostly_confirmed() -> None:
    rows = [worst(normal(seed, shift=-0.6, own=0.2)) for seed in range(20)]
    assert sum(row["confirmed"] and row["group"] == "g0" for row in rows) >= 16


# ------------------------------------------------------------- bad numbers


BAD: dict[str, Floats] = {
    "constant": np.ones((24, 6, 6)),
    "all missing": np.full((24, 6, 6), np.nan),
    "infinite": np.full((24, 6, 6), np.inf),
    "one group": normal(1, templates=24, groups=1),
    "one name": normal(1, templates=24, names=1),
    "one group missing": np.where(np.arange(6) == 0, np.nan, normal(1, templates=24)),
    "huge": normal(1, templates=24) * 1e150,
    "tiny": normal(1, templates=24) * 1e-150,
    "separated": np.broadcast_to(np.arange(6) > 0, (24, 6, 6)).astype(float),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("metric", ["choice_logit", "selection_rate", "length"])
@pytest.mark.parametrize("name", BAD)
def test_bad_numbers_give_a_row_and_no_warnings(name: str, metric: str) -> None:
    values = BAD[name]
    if metric == "selection_rate":
        values = np.where(np.isfinite(values), (np.nan_to_num(values) > 0.2).astype(float), values)
    row = worst(values)
    if not row["confirmed"]:
        assert row["reason"]
    else:
        assert name in ("one name", "separated", "huge", "tiny", "one group missing")


@pytest.mark.filterwarnings("error")
def test_nothing_asked_is_no_error() -> None:
    suite = make_suite(metrics=("choice_logit",))
    found = subgroups.subgroups(PROMPTS.frame(), SCORES.frame(), suite=suite, policy=default_policy())
    assert found["reason"].tolist() == ["no answer has a value"] and not found["confirmed"].any()
