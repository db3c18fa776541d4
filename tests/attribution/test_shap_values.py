"""Shapley values."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from itertools import combinations, permutations

import numpy as np
import pytest
from coalition_games import pairwise_game, random_game, shapley

from audit import shaplibrary
from audit.attribution.lime_weights import Lime
from audit.attribution.shap_values import (
    Shap,
    ShapExact,
    ShapInteractions,
    ShapKernel,
    ShapPartition,
    ShapPermutation,
)
from audit.games import all_coalitions, requested
from audit.orders import wanted_by
from audit.playing import PlaysMany
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
    direct = []
    for seed in (5, 6):
        explainer = shap.explainers.PermutationExplainer(
            lambda texts: value(np.array([[c == "x" for c in text] for text in texts])), Direct(), seed=seed
        )
        direct.append(explainer(["x" * 10], max_evals=6 * 21, silent=True).values[0])
    np.random.set_state(state)
    found = Shap(exact_up_to=8, passes=6).attribute(10, value, seed=5)
    assert found.values == pytest.approx(np.mean(direct, axis=0), abs=1e-12)
    assert np.stack(found.halves) == pytest.approx(np.stack(direct), abs=1e-12)


def owen(value: Callable[[np.ndarray], np.ndarray], players: int) -> np.ndarray:
    """The definition: marginal worths averaged over all orders in which no half of any part is split."""

    def orders(first: int, end: int) -> list[list[int]]:
        if end - first == 1:
            return [[first]]
        middle = (first + end + 1) // 2
        left, right = orders(first, middle), orders(middle, end)
        return [one + two for a, b in ((left, right), (right, left)) for one in a for two in b]

    found, every = np.zeros(players), orders(0, players)
    for order in every:
        masks = np.zeros((players + 1, players), dtype=bool)
        for place, player in enumerate(order):
            masks[place + 1 :, player] = True
        found[order] += np.diff(value(masks))
    return found / len(every)


@pytest.mark.parametrize("players", [1, 2, 3, 5, 7])
def test_credits_within_a_hierarchy_are_those_of_the_definition(players: int) -> None:
    value = random_game(players, 4)
    found = ShapPartition().attribute(players, value, seed=0)
    assert found.values == pytest.approx(owen(value, players), abs=1e-9)
    assert found.values.sum() == pytest.approx(found.total, abs=1e-9)


@pytest.mark.parametrize("players", [2, 5, 8])
def test_kernel_shap_on_every_coalition_gives_the_values_of_the_definition(players: int) -> None:
    value = random_game(players, 5)
    found = ShapKernel().attribute(players, value, seed=3)
    assert found.values == pytest.approx(shapley(value, players), abs=1e-6)


def test_sampled_kernel_shap_adds_up_and_comes_near_and_refuses_what_is_too_few() -> None:
    players, value = 10, pairwise_game(10, 6)
    method = ShapKernel(kernel_samples=400)
    found = method.attribute(players, value, seed=3)
    assert found.values.sum() == pytest.approx(found.total, abs=1e-9)
    truth = shapley(value, players)
    assert np.linalg.norm(found.values - truth) < 0.1 * np.linalg.norm(truth)
    assert len(found.halves) == 2
    assert not method.refuses(players)
    assert ShapKernel(kernel_samples=90).refuses(10).startswith("90 samples are too few for 10 players")
    assert (
        ShapExact(exact_up_to=8).refuses(9)
        == "9 players have 512 coalitions, more than the 256 that are asked"
    )


@pytest.mark.parametrize("players", [2, 3, 5])
def test_interactions_are_those_of_the_definition_and_add_up(players: int) -> None:
    """Shapley-Taylor: for two players the mean, over all orders, of their joint step after those before both."""
    value = random_game(players, 7)
    found = ShapInteractions().interactions(players, lambda masks: value(masks)[:, None])[:, :, 0]

    def worth(*members: int) -> float:
        mask = np.zeros((1, players), dtype=bool)
        mask[0, list(members)] = True
        return float(value(mask)[0])

    for i, j in combinations(range(players), 2):
        steps = []
        for order in permutations(range(players)):
            before = order[: min(order.index(i), order.index(j))]
            steps.append(worth(*before, i, j) - worth(*before, i) - worth(*before, j) + worth(*before))
        assert found[i, j] + found[j, i] == pytest.approx(np.mean(steps), abs=1e-9)
    for i in range(players):
        assert found[i, i] == pytest.approx(worth(i) - worth(), abs=1e-9)
    assert found.sum() == pytest.approx(worth(*range(players)) - worth(), abs=1e-9)


@pytest.mark.parametrize(
    "method",
    [Shap(), Shap(exact_up_to=2), ShapPermutation(passes=3), ShapPartition(),
     ShapKernel(exact_up_to=2, kernel_samples=60), Lime(), Lime(exact_up_to=2, lime_samples=60)],
    ids=repr,
)  # fmt: skip
def test_many_games_at_once_are_played_as_each_by_itself(method: PlaysMany) -> None:
    games = [pairwise_game(5, seed) for seed in range(4)]
    together = method.many(5, lambda masks: np.column_stack([game(masks) for game in games]), seed=8)
    for game, found in zip(games, together, strict=True):
        alone = method.attribute(5, game, seed=8)  # type: ignore[attr-defined]
        assert found.values == pytest.approx(alone.values, abs=1e-12)
        assert found.errors == pytest.approx(alone.errors, abs=1e-12)
        assert (found.base_value, found.total) == pytest.approx((alone.base_value, alone.total))


@pytest.mark.parametrize(
    "method", [ShapExact(), ShapPermutation(passes=3), ShapPartition(), ShapKernel()], ids=repr
)
def test_compiled_or_not_the_credits_are_the_same_to_the_bit(
    method: PlaysMany, monkeypatch: pytest.MonkeyPatch
) -> None:
    games = [random_game(6, seed) for seed in range(3)]

    def credits() -> list[bytes]:
        many = method.many(6, lambda masks: np.column_stack([game(masks) for game in games]), seed=8)
        one = method.attribute(6, games[0], seed=8)  # type: ignore[attr-defined]
        both = ShapInteractions().interactions(6, lambda masks: games[0](masks)[:, None])
        return [both.tobytes(), *(found.values.tobytes() for found in (*many, one))]

    monkeypatch.setattr(shaplibrary, "COMPILED_AFTER", 10**9)
    plain = credits()
    assert len(set(plain)) >= 4
    monkeypatch.setattr(shaplibrary, "COMPILED_AFTER", 0)
    assert credits() == plain


def test_few_games_compile_nothing_and_many_do() -> None:
    script = """
import numpy as np
from audit import shaplibrary
from audit.attribution.shap_values import Shap
def loops(): return [f for _, _, f in shaplibrary._compiled() if f.signatures]
def play(): Shap(exact_up_to=10).attribute(10, lambda masks: np.random.rand(len(masks)), seed=0)
play()
assert not loops()
shaplibrary.COMPILED_AFTER = 3000
play()
assert not loops()
play()
assert loops()
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=300)


def test_the_orders_of_the_passes_are_those_it_walks() -> None:
    method = ShapPermutation(passes=3)
    orders = method.orders(6, seed=2)
    assert orders.shape == (2 * 2 * 3, 6)
    assert all(sorted(order) == list(range(6)) for order in orders.tolist())
    asked = {mask.tobytes() for mask in requested(method, 6, seed=2)}
    assert {mask.tobytes() for mask in wanted_by(orders)} <= asked


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
