"""LIME weights."""

from __future__ import annotations

import numpy as np
import pytest
from coalition_games import pairwise_game, random_game

from audit.attribution.lime_weights import Lime
from audit.games import all_coalitions, requested
from audit.protocols import Attributor


def direct(players: int, value: object, *, samples: int, seed: int) -> np.ndarray:
    """LimeTextExplainer as a person calls it: words in, a score out."""
    from lime.lime_text import LimeTextExplainer

    words = [f"word{number}" for number in range(players)]

    def predict(texts: list[str]) -> np.ndarray:
        masks = np.array([[word in text.split("|") for word in words] for text in texts])
        return value(masks)[:, None]  # type: ignore[operator]

    explainer = LimeTextExplainer(
        bow=False,
        random_state=seed,
        mask_string="?",
        split_expression=lambda text: text.split("|"),
        feature_selection="none",
    )
    found = explainer.explain_instance(
        "|".join(words), predict, labels=(0,), num_features=players, num_samples=samples
    )
    return np.array([weight for _, weight in sorted(found.local_exp[0])])


def test_above_the_limit_they_are_those_of_a_direct_call_of_lime() -> None:
    for players, seed in ((9, 3), (12, 4)):
        value = pairwise_game(players, seed)
        found = Lime(lime_samples=300).attribute(players, value, seed=seed)
        both = [direct(players, value, samples=300, seed=each) for each in (seed, seed + 1)]
        assert found.values == pytest.approx(np.mean(both, axis=0), abs=1e-12)
        assert np.stack(found.halves) == pytest.approx(np.stack(both), abs=1e-12)


def test_up_to_the_limit_they_are_what_sampling_tends_to() -> None:
    value = random_game(6, 1)
    exact = Lime().attribute(6, value, seed=0)
    assert not exact.errors.any()
    runs = np.stack([direct(6, value, samples=5000, seed=seed) for seed in range(12)])
    error = runs.std(axis=0, ddof=1) / np.sqrt(len(runs))
    assert (np.abs(exact.values - runs.mean(axis=0)) < 4 * error + 2e-3).all()


def test_the_errors_are_those_that_repeated_sampling_shows() -> None:
    value = pairwise_game(10, 2)
    runs = [Lime(lime_samples=300).attribute(10, value, seed=seed) for seed in range(60)]
    shown = np.stack([run.values for run in runs]).std(axis=0, ddof=1)
    told = np.stack([run.errors for run in runs]).mean(axis=0)
    assert (told / shown) == pytest.approx(np.ones(10), abs=0.35)


def test_an_additive_game_gets_its_weights_back() -> None:
    weights = np.array([1.5, -2.0, 0.0, 0.5, 0.25])
    found = Lime().attribute(5, lambda masks: 1.0 + masks @ weights, seed=0)
    assert found.values == pytest.approx(weights, abs=5e-3)
    assert (found.base_value, found.total) == pytest.approx((1.0, 0.25))


def test_a_constant_game_gives_zeros() -> None:
    for settings, players in ((Lime(), 5), (Lime(exact_up_to=2), 5), (Lime(), 1)):
        found = settings.attribute(players, lambda masks: np.full(len(masks), -7.0), seed=1)
        assert found.values == pytest.approx(np.zeros(players), abs=1e-12)
        assert found.errors == pytest.approx(np.zeros(players), abs=1e-9)


def test_what_it_asks_for_depends_on_the_seed_alone() -> None:
    assert isinstance(Lime(), Attributor)
    state = np.random.get_state()[1].copy()
    first, again, other = (requested(Lime(lime_samples=200), 10, seed=seed) for seed in (5, 5, 6))
    assert (np.random.get_state()[1] == state).all()
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert len(requested(Lime(), 7, seed=5)) == len(all_coalitions(7))
