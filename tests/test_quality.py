"""Bars of explanations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from audit.protocols import Credits
from audit.quality import checks, explained_nothing, spearman
from audit.quality import misses as missed


def credits(*values: float, error: float = 0.0, total: float | None = None) -> Credits:
    row = np.array(values)
    whole = float(row.sum()) if total is None else total
    return Credits(values=row, errors=np.full(len(row), error), base_value=0.0, total=whole)


def misses(name: str, found: dict[str, Credits], *, adds_up: bool) -> list[str]:
    return list(missed(checks(name, found, adds_up=adds_up)))


def test_good_credits_miss_nothing() -> None:
    found = {"shap": credits(1.0, -2.0, 0.5), "lime": credits(0.9, -1.8, 0.4, total=5.0, error=0.1)}
    assert misses("shap", found, adds_up=True) == misses("lime", found, adds_up=False) == []


@pytest.mark.parametrize(("gap", "missed"), [(0.9e-4, 0), (1.1e-4, 1)])
def test_credits_that_do_not_add_up_are_told(gap: float, missed: int) -> None:
    small, large = credits(0.25, 0.25, total=0.5 + gap), credits(5.0, 5.0, total=10.0 + 10 * gap)
    assert len(misses("shap", {"shap": small}, adds_up=True)) == missed
    assert len(misses("shap", {"shap": large}, adds_up=True)) == missed
    assert not misses("lime", {"lime": small}, adds_up=False)


def test_methods_that_order_the_words_differently_are_told_on_both_sides() -> None:
    found = {"shap": credits(1.0, 2.0, 3.0, 4.0), "lime": credits(4.0, 2.0, 3.0, 1.0)}
    assert misses("shap", found, adds_up=False) == [
        "shap and lime order the words differently (Spearman -0.80)"
    ]
    assert misses("lime", found, adds_up=False) == [
        "lime and shap order the words differently (Spearman -0.80)"
    ]


def test_a_large_sampling_error_is_told() -> None:
    (told,) = misses("shap", {"shap": credits(1.0, -0.5, error=0.3)}, adds_up=True)
    assert told == "the sampling error (0.3) is large beside the largest credit (1)"
    assert not misses("shap", {"shap": credits(1e-7, 0.0, error=1e-6)}, adds_up=True)


def test_zero_credits_explain_nothing_and_are_no_disagreement() -> None:
    found = {"shap": credits(0.0, 0.0, 0.0), "lime": credits(1e-9, -1e-9, 0.0)}
    assert all(explained_nothing(one) for one in found.values())
    assert not explained_nothing(credits(0.0, 1e-3))
    assert misses("shap", found, adds_up=True) == []


@given(st.lists(st.tuples(st.floats(-5, 5), st.floats(-5, 5)), min_size=3, max_size=12))
def test_the_rank_correlation_is_that_of_scipy(pairs: list[tuple[float, float]]) -> None:
    one, other = (np.round(np.array(row), 4) for row in zip(*pairs, strict=True))
    found = spearman(one, other)
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        assert math.isnan(found)
    else:
        assert found == pytest.approx(spearmanr(one, other).statistic, abs=1e-9)


def test_two_players_have_no_rank_correlation() -> None:
    assert math.isnan(spearman(np.array([1.0, 2.0]), np.array([2.0, 1.0])))
