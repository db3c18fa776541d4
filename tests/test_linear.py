"""Weights of coalitions in credits: closed forms against what the explainers of shap and lime do."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations

import numpy as np
import pytest
from numpy.typing import NDArray

from audit.attribution.lime_weights import Lime
from audit.attribution.shap_values import Shap, ShapKernel, ShapPartition
from audit.games import all_coalitions, requested
from audit.linear import shapley_weights
from audit.protocols import Attributor, Linear

METHODS: dict[str, tuple[Attributor, int]] = {
    "shap, every coalition": (Shap(exact_up_to=8), 3),
    "shap, permutations": (Shap(exact_up_to=2, passes=2), 5),
    "shap, a hierarchy": (ShapPartition(), 5),
    "kernel shap, every coalition": (ShapKernel(exact_up_to=8), 4),
    "kernel shap, samples": (ShapKernel(exact_up_to=2, kernel_samples=60), 5),
    "lime, every coalition": (Lime(exact_up_to=8), 3),
    "lime, samples": (Lime(exact_up_to=2, lime_samples=50), 4),
}


def only(wanted: NDArray[np.bool_]) -> Callable[[NDArray[np.bool_]], NDArray[np.float64]]:
    """A game in which one coalition is worth one, and all others nothing."""
    return lambda masks: (masks == wanted).all(axis=1).astype(float)


@pytest.mark.parametrize("name", METHODS)
def test_a_weight_is_the_credit_that_one_coalition_brings(name: str) -> None:
    method, players = METHODS[name]
    assert isinstance(method, Linear)
    found = method.weights(players, seed=3)
    derived = np.column_stack([method.attribute(players, only(mask), seed=3).values for mask in found.masks])
    assert found.values == pytest.approx(derived, abs=1e-9)


@pytest.mark.parametrize("name", METHODS)
def test_weights_times_worth_are_the_credits(name: str) -> None:
    method, players = METHODS[name]
    assert isinstance(method, Linear)
    found = method.weights(players, seed=11)
    worth = {mask.tobytes(): value for mask, value in zip(found.masks, _numbers(found.masks), strict=True)}
    credits = method.attribute(players, lambda masks: np.array([worth[m.tobytes()] for m in masks]), seed=11)
    assert found.values @ _numbers(found.masks) == pytest.approx(credits.values, abs=1e-9)


@pytest.mark.parametrize("name", METHODS)
def test_the_coalitions_are_those_that_the_method_asks_for(name: str) -> None:
    method, players = METHODS[name]
    assert isinstance(method, Linear)
    assert (method.weights(players, seed=5).masks == requested(method, players, seed=5)).all()


def test_exact_weights_are_the_mean_over_all_orders_in_which_players_can_join() -> None:
    masks = all_coalitions(4)
    worth = {mask.tobytes(): value for mask, value in zip(masks, _numbers(masks), strict=True)}
    expected = np.zeros(4)
    for order in permutations(range(4)):
        here = np.zeros(4, dtype=bool)
        for player in order:
            before = worth[here.tobytes()]
            here[player] = True
            expected[player] += (worth[here.tobytes()] - before) / 24
    found = shapley_weights(masks)
    values = np.array([worth[mask.tobytes()] for mask in found.masks])
    assert found.values @ values == pytest.approx(expected, abs=1e-12)


def _numbers(masks: NDArray[np.bool_]) -> NDArray[np.float64]:
    """A worth for every coalition that depends on all of its players."""
    return np.sin(masks @ (2.0 ** np.arange(masks.shape[1])) * 1.7)
