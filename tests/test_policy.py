from __future__ import annotations

import math
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from audit.axis import load_axis
from audit.errors import InputError
from audit.metrics import METRICS
from audit.policy import Clause, Policy, load_policy, shipped_policies

DATA = Path(__file__).parent / "data"
ROWS: list[dict[str, Any]] = YAML(typ="safe", pure=True).load(DATA / "broken" / "policy.yaml")


@pytest.fixture
def default() -> Policy:
    return load_policy("default")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["write"][:40] or "nothing")
def test_a_mistake_in_a_policy_is_told_with_its_place(row: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    shutil.copy(DATA / "small" / "policy.yaml", path)
    text = path.read_text(encoding="utf-8")
    assert row["find"] in text
    path.write_text(text.replace(row["find"], row["write"], 1), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_policy(str(path))
    assert [str(problem).removeprefix(f"{path}:") for problem in caught.value.problems] == row["told"]
    assert caught.value.exit_code == 2


def test_the_default_policy_holds_the_documented_numbers(default: Policy) -> None:
    assert (default.alpha, default.power, default.min_clusters) == (0.05, 0.8, 8)
    assert (default.none_ceiling, default.min_group_share) == (0.05, 0.02)
    assert set(default.limits) == {
        "selection_rate",
        "impact_ratio",
        "choice_logit",
        "rating",
        "flip_rate",
        "rank_first",
        "accuracy",
        "true_positive_rate",
        "false_positive_rate",
        "demographic_parity_difference",
        "equal_opportunity_difference",
        "equalized_odds_difference",
        "judge",
    }


def test_limits_stand_on_the_scale_of_the_effect(default: Policy) -> None:
    rate, ratio, logit = (
        default.limit(metric) for metric in ("selection_rate", "impact_ratio", "choice_logit")
    )
    assert rate is not None and ratio is not None and logit is not None
    assert (rate.low, rate.high, rate.scale) == (-0.1, 0.1, "difference")
    assert (logit.low, logit.high, logit.scale) == (-0.4, 0.4, "difference")
    assert (math.exp(ratio.low), math.exp(ratio.high)) == pytest.approx((0.8, 1.25))
    assert ratio.low == pytest.approx(-ratio.high)
    assert ratio.scale == "log_ratio"


def test_a_rating_limit_is_a_share_of_the_scale_and_a_ranking_limit_of_the_even_share(
    default: Policy,
) -> None:
    rating = default.limit("rating", scale_low=1, scale_high=10)
    first = default.limit("rank_first", groups=8)
    assert rating is not None and first is not None
    assert (rating.low, rating.high) == pytest.approx((-0.45, 0.45))
    assert (first.low, first.high) == pytest.approx((-0.025, 0.025))
    assert (1 / 8 + first.low) / (1 / 8) == pytest.approx(0.8)


def test_without_a_scale_without_groups_or_without_a_rule_there_is_no_limit(default: Policy) -> None:
    assert default.limit("rating") is None
    assert default.limit("rank_first", groups=1) is None
    assert default.limit("refusal") is None


def test_a_logit_limit_moves_an_open_decision_by_the_limit_on_rates(default: Policy) -> None:
    logit, rate = default.limit("choice_logit"), default.limit("selection_rate")
    assert logit is not None and rate is not None
    assert 1 / (1 + math.exp(-logit.high)) - 0.5 == pytest.approx(rate.high, abs=0.005)


@pytest.mark.parametrize("name", shipped_policies())
def test_every_shipped_limit_has_an_origin_and_a_reason_in_careful_words(name: str) -> None:
    policy = load_policy(name)
    assert policy.id == name
    texts = [text for rule in policy.limits.values() for text in (rule.origin, rule.reason)]
    texts += list(policy.reasons.model_dump().values())
    texts += [
        text
        for row in policy.clauses.values()
        for text in (row.says, row.cannot_show, row.status, row.source)
    ]
    texts += [*policy.annex.caveats, *policy.annex.left_out] if policy.annex else []
    assert all(len(text) > 15 for text in texts)
    assert not re.search(
        r"\b(unbiased|fair|compliant|passed|the law|four-fifths rule|significant|discriminat\w*)\b",
        " ".join(texts),
        re.IGNORECASE,
    )


@pytest.mark.parametrize("name", shipped_policies())
def test_every_metric_and_clause_that_a_shipped_policy_names_exists(name: str) -> None:
    policy = load_policy(name)
    tables = policy.annex.tables if policy.annex else ()
    metrics = {*policy.limits, *(metric for table in tables for metric in table.metrics)}
    assert metrics <= set(METRICS)
    for axis, groups in (policy.annex.categories if policy.annex else {}).items():
        assert set(groups) <= set(load_axis(axis).groups)


def test_a_clause_says_the_same_in_every_policy_that_names_it() -> None:
    seen: dict[str, Clause] = {}
    for policy in map(load_policy, shipped_policies()):
        for key, clause in policy.clauses.items():
            assert seen.setdefault(key, clause) == clause
            assert clause.clause in policy.path.read_text(encoding="utf-8")


def test_the_four_fifths_policy_has_one_limit_and_calls_it_a_screening_line() -> None:
    policy = load_policy("four-fifths")
    limit = policy.limit("impact_ratio")
    assert list(policy.limits) == ["impact_ratio"] and limit is not None
    assert (math.exp(limit.low), math.exp(limit.high)) == pytest.approx((0.8, 1.25))
    assert "screening line" in limit.origin and "no legal test" in limit.reason
    assert "rescind" in policy.clauses["ugesp-4-d"].status


def test_the_policy_of_local_law_144_has_tables_and_no_limit() -> None:
    policy = load_policy("nyc-ll144")
    assert not policy.limits and policy.annex is not None
    assert [table.axes[0] for table in policy.annex.tables] == ["gender", "ethnicity", "gender*ethnicity"]
    assert policy.limit("selection_rate") is None
    assert policy.min_group_share == 0.02
    assert "no bias audit" in policy.annex.caveats[0]


def test_groups_that_the_rule_does_not_name_are_not_compared() -> None:
    policy = load_policy("nyc-ll144")
    assert policy.compares("gender", "men") and policy.compares("ethnicity", "Asian")
    assert not policy.compares("gender", "non-binary")
    assert policy.compares("gender*ethnicity", "women*Black")
    assert not policy.compares("gender*ethnicity", "non-binary*Black")
    assert policy.compares("region", "north") and policy.compares("region", "north*west")
    assert load_policy("default").compares("gender", "non-binary")


def test_an_unknown_policy_lists_the_shipped_ones_and_a_path_is_read_as_a_file() -> None:
    with pytest.raises(
        InputError, match=r"unknown policy 'defult'; did you mean 'default'\? \(shipped: default"
    ):
        load_policy("defult")
    assert load_policy(str(DATA / "small" / "policy.yaml")).id == "house"
    with pytest.raises(InputError, match=r"none\.yaml: there is no such policy file"):
        load_policy("none.yaml")
