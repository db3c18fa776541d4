"""Shapley values."""

from __future__ import annotations

import numpy as np
import pytest
from coalition_games import pairwise_game, random_game, shapley

from audit.attribution.shap_values import Shap
from audit.games import all_coalitions, requested
from audit.protocols import Attributor


@pytest.mark.parametrize("players", range(1, 8))
def test_up_to_the_limit_they_are_those_of_the_definition(players: int) -> None:
    for seed in range(3):
        value = random_game(players, seed)
        found = Shap().attribute(players, value, seed=0)
        assert found.values == pytest.approx(shapley(value, players), abs=1e-12)
        assert found.errors.tolist() == [0.0] * players
        none, full = value(all_coalitions(players))[[0, -1]]
        assert (found.base_value, found.total) == pytest.approx((none, full - none))


def test_above_the_limit_they_add_up_and_lie_within_a_few_standard_errors() -> None:
    players, apart = 7, []
    for seed in range(12):
        value = pairwise_game(players, seed)
        found = Shap(exact_up_to=3, passes=8).attribute(players, value, seed=seed)
        assert found.values.sum() == pytest.approx(found.total, abs=1e-9)
        gap = np.abs(found.values - shapley(value, players))
        apart += [*(gap[found.errors > 1e-12] / found.errors[found.errors > 1e-12])]
        assert np.linalg.norm(gap) < 0.1 * np.linalg.norm(found.values)
    assert np.median(apart) < 1.5
    assert np.quantile(apart, 0.95) < 5


def test_the_errors_shrink_with_the_passes() -> None:
    value = pairwise_game(9, 1)
    few, many = (Shap(exact_up_to=3, passes=n).attribute(9, value, seed=4).errors.mean() for n in (4, 64))
    assert 2 < few / many < 8


def test_the_permutation_estimate_is_that_of_a_direct_call_of_shap() -> None:
    import shap

    class Direct(shap.maskers.Masker):
        def __init__(self) -> None:
            self.shape = (1, 10)

        def __call__(self, mask: np.ndarray, x: str) -> tuple[np.ndarray]:
            return (np.array(["".join("x" if on else "-" for on in mask)]),)

        def mask_shapes(self, x: str) -> list[tuple[int]]:
            return [(10,)]

        def feature_names(self, x: str) -> list[list[str]]:
            return [list("abcdefghij")]

        def data_transform(self, x: str) -> tuple[list[str]]:
            return (list(x),)

    value = pairwise_game(10, 3)
    state = np.random.get_state()
    explainer = shap.explainers.PermutationExplainer(
        lambda texts: value(np.array([[c == "x" for c in text] for text in texts])), Direct(), seed=5
    )
    direct = explainer(["x" * 10], max_evals=6 * 21, silent=True).values[0]
    np.random.set_state(state)
    found = Shap(exact_up_to=8, passes=6).attribute(10, value, seed=5)
    assert found.values == pytest.approx(direct, abs=1e-12)


def test_a_constant_game_gives_zeros() -> None:
    for settings in (Shap(), Shap(exact_up_to=2)):
        found = settings.attribute(5, lambda masks: np.full(len(masks), 3.25), seed=1)
        assert not found.values.any()
        assert not found.errors.any()
        assert (found.base_value, found.total) == (3.25, 0.0)


def test_what_it_asks_for_depends_on_the_seed_alone() -> None:
    assert isinstance(Shap(), Attributor)
    settings = Shap(exact_up_to=3, passes=4)
    asked: list[bytes] = []

    def value(masks: np.ndarray) -> np.ndarray:
        asked.extend(np.asarray(mask, dtype=bool).tobytes() for mask in masks)
        return pairwise_game(6, 2)(masks)

    settings.attribute(6, value, seed=9)
    assert {mask.tobytes() for mask in requested(settings, 6, seed=9)} == set(asked)
    assert len(requested(Shap(), 8, seed=9)) == 256
