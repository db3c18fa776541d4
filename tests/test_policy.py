from __future__ import annotations

import math
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from audit.errors import InputError
from audit.policy import Policy, load_policy, shipped_policies

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
    assert all(len(text) > 20 for text in texts)
    assert not re.search(
        r"\b(unbiased|fair|compliant|passed|the law|four-fifths rule)\b", " ".join(texts), re.IGNORECASE
    )


def test_an_unknown_policy_lists_the_shipped_ones_and_a_path_is_read_as_a_file() -> None:
    with pytest.raises(
        InputError, match=r"unknown policy 'defult'; did you mean 'default'\? \(shipped: default"
    ):
        load_policy("defult")
    assert load_policy(str(DATA / "small" / "policy.yaml")).id == "house"
    with pytest.raises(InputError, match=r"none\.yaml: there is no such policy file"):
        load_policy("none.yaml")
