"""Bars of explanations."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau, spearmanr

from audit.games import all_coalitions
from audit.linear import shapley_weights
from audit.orders import MANY_ORDERS, Worths, codes_of, random_orders, worths
from audit.protocols import Credits
from audit.quality import Check, Judged, checks, explained_nothing, kendall, spearman
from audit.quality import misses as missed


def credits(*values: float, error: float = 0.0, total: float | None = None) -> Credits:
    row = np.array(values)
    whole = float(row.sum()) if total is None else total
    return Credits(values=row, errors=np.full(len(row), error), base_value=0.0, total=whole)


def misses(name: str, found: dict[str, Credits], *, adds_up: bool) -> list[str]:
    kinds = {method: method == "shap" for method in found}
    return list(missed(checks(name, Judged(found=found, adds_up=kinds | {name: adds_up}))))


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
    assert misses("shap", found, adds_up=True) == [
        "shap and lime order the words differently (Spearman -0.80)"
    ]
    assert misses("lime", found, adds_up=False) == [
        "lime and shap order the words differently (Spearman -0.80)"
    ]


def test_a_large_sampling_error_is_told() -> None:
    (told,) = misses("shap", {"shap": credits(1.0, -0.5, error=0.3)}, adds_up=True)
    assert told == "the sampling error (0.3) is large beside the largest credit (1)"
    assert not misses("shap", {"shap": credits(1e-7, 0.0, error=1e-6)}, adds_up=True)


def game_of(players: int, seed: int, *, odds: bool = False) -> tuple[Worths, np.ndarray, np.ndarray]:
    """A random game with main effects: its table, its Shapley values, and its worths in the order of coalitions."""
    masks = all_coalitions(players)
    rng = np.random.default_rng(seed)
    values = masks @ rng.normal(size=players) + 0.1 * rng.normal(size=len(masks))
    weights = shapley_weights(masks)
    return worths(masks, values), weights.values @ values[codes_of(weights.masks)], values


def judged(row: np.ndarray, known: Worths, values: np.ndarray, **more: object) -> dict[str, Check]:
    players = len(row)
    whole = Credits(values=row, errors=row * 0, base_value=0.0, total=float(values[-1] - values[0]))
    one = replace(whole, **more)  # type: ignore[arg-type]
    orders = random_orders(players, count=MANY_ORDERS, seed=0)
    game = Judged(found={"shap": one}, adds_up={"shap": True}, known=known, orders=orders)
    return {check.criterion: check for check in checks("shap", game)}


def test_the_words_on_which_methods_differ_most_are_named() -> None:
    found = {"shap": credits(4.0, 3.0, 2.0, 1.0, 0.0), "lime": credits(0.0, 3.0, 4.0, 1.0, 2.0)}
    game = Judged(found=found, adds_up={"shap": True, "lime": False}, labels=("Ann", "b", "c", "d", "e"))
    check = {one.criterion: one for one in checks("lime", game)}["agreement"]
    assert not check.met
    assert check.note.startswith("lime and shap order the words differently (Spearman -0.20), most of all ")
    assert check.note.endswith('"Ann": number 5 of 5 for lime, number 1 for shap')


@pytest.mark.parametrize("players", [4, 5, 8])
def test_shapley_values_are_more_comprehensive_than_random_orders_and_turned_ones_less(players: int) -> None:
    known, values, worth = game_of(players, 3)
    good, bad = judged(values, known, worth), judged(-values, known, worth, total=float(worth[-1] - worth[0]))
    assert good["comprehensiveness"].applies and good["comprehensiveness"].met
    assert not bad["comprehensiveness"].met
    assert bad["comprehensiveness"].note.startswith(
        "random orders of leaving words out change the score more"
    )
    assert good["sufficiency"].value < bad["sufficiency"].value
    assert good["leave_one_out"].value == pytest.approx(1.0, abs=0.5)


def one_that_counts(players: int, tail: float) -> tuple[Worths, np.ndarray]:
    """A game in which one player does all there is, but for pairs of others that do a little together."""
    masks = all_coalitions(players)
    rng = np.random.default_rng(8)
    pairs = np.triu(tail * rng.normal(size=(players, players)), 1)
    pairs[:, 0] = pairs[0] = 0.0
    values = masks[:, 0] + np.einsum("si,ij,sj->s", masks, pairs, masks)
    return worths(masks, values), values


@pytest.mark.parametrize("tail", [1e-3, 1e-2])
def test_the_order_of_words_that_do_next_to_nothing_does_not_count(tail: float) -> None:
    """One random order in six begins with the word that counts, so the best twentieth of them is told by the rest."""
    known, worth = one_that_counts(6, tail)
    credits = np.array([1.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    orders = [credits + 1e-4 * np.random.default_rng(seed).normal(size=6) for seed in range(20)]
    found = [judged(one, known, worth)["comprehensiveness"] for one in orders]
    assert any(one.value < one.bar for one in found)
    assert all(one.met for one in found)
    second = judged(np.array([0.9, 1.0, 0.0, 0.0, 0.0, 0.0]), known, worth)["comprehensiveness"]
    assert not second.met


def test_an_order_is_measured_as_its_definition_says() -> None:
    known, values, worth = game_of(4, 1)
    order = list(np.argsort(-values)) if worth[-1] >= worth[0] else list(np.argsort(values))
    way = 1 if worth[-1] >= worth[0] else -1
    code = lambda members: sum(1 << int(m) for m in members)  # noqa: E731
    lost = [worth[15] - worth[15 - code(order[:k])] for k in (1, 2, 3)]
    kept = [worth[15] - worth[code(order[:k])] for k in (1, 2, 3)]
    found = judged(values, known, worth)
    assert found["comprehensiveness"].value == pytest.approx(way * np.mean(lost))
    assert found["sufficiency"].value == pytest.approx(way * np.mean(kept))


def test_what_no_order_can_stand_out_in_is_neither_met_nor_missed() -> None:
    known, values, worth = game_of(3, 2)
    few = judged(values, known, worth)
    assert not few["comprehensiveness"].applies
    assert few["comprehensiveness"].note == "fewer than four players: no order could stand out"
    masks = all_coalitions(6)
    flat = judged(np.zeros(6), worths(masks, np.full(64, 2.0)), np.full(64, 2.0))
    assert not flat["comprehensiveness"].applies
    assert flat["comprehensiveness"].note == "every order does the same"
    holes = worths(masks, np.where(masks.sum(axis=1) == 3, np.nan, 1.0))
    assert (
        judged(np.arange(6.0), holes, np.ones(64))["comprehensiveness"].note
        == "some of its prompts have no score"
    )


def test_two_seeds_that_order_words_differently_are_told() -> None:
    row = np.array([1.0, 2.0, 3.0, 4.0])
    known, _, worth = game_of(4, 0)
    assert judged(row, known, worth)["stability"].value == 1.0
    alike = judged(row, known, worth, halves=(row, row + 0.1))["stability"]
    assert (alike.value, alike.met) == (1.0, True)
    turned = judged(row, known, worth, halves=(row, np.array([1.0, 3.0, 2.0, 4.0])))["stability"]
    assert turned.value == pytest.approx(0.8)
    assert turned.note == "two seeds order the words differently (Spearman 0.80)"


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


@given(st.lists(st.tuples(st.integers(-4, 4), st.integers(-4, 4)), min_size=2, max_size=12))
def test_the_concordance_is_that_of_scipy(pairs: list[tuple[int, int]]) -> None:
    one, other = (np.array(row, dtype=float) for row in zip(*pairs, strict=True))
    found, known = kendall(one, other), kendalltau(one, other).statistic
    assert math.isnan(found) == math.isnan(known)
    assert math.isnan(found) or found == pytest.approx(known, abs=1e-9)


def test_two_players_have_no_rank_correlation() -> None:
    assert math.isnan(spearman(np.array([1.0, 2.0]), np.array([2.0, 1.0])))
