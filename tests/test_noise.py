"""Noise of sampled answers: errors of credits against simulation, and where more answers go."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from audit.attribution.lime_weights import Lime
from audit.attribution.shap_values import Shap
from audit.noise import Drawn, LogOdds, Means, allocated, standard_errors
from audit.protocols import Linear

Answers = Callable[[np.random.Generator, NDArray[np.float64], int], NDArray[np.float64]]


def yes_or_no(rng: np.random.Generator, mean: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    return (rng.random((count, len(mean))) < mean).astype(float)


def points(rng: np.random.Generator, mean: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Whole numbers from 1 to 10."""
    return np.clip(np.rint(rng.normal(10 * mean, 1.5, (count, len(mean)))), 1, 10)


def noise_of(answers: NDArray[np.float64], *, binary: bool) -> Means:
    columns = answers.T
    return Means(
        drawn={
            str(n): Drawn(count=len(row), mean=row.mean(), squares=((row - row.mean()) ** 2).sum())
            for n, row in enumerate(columns)
        },
        binary=binary,
    )


def coverage(method: Linear, players: int, count: int, answers: Answers, *, games: int = 60) -> float:
    """Share of credits that lie within 1.96 standard errors of the credits of the true scores."""
    rng = np.random.default_rng(players * 100 + count)
    found = method.weights(players, seed=1)
    names = [str(n) for n in range(len(found.masks))]
    inside: list[bool] = []
    for _ in range(games):
        mean = 1 / (1 + np.exp(-rng.normal(0, 1) - found.masks @ rng.normal(0, 1, players)))
        truth = (
            found.values @ answers(rng, mean, 20_000).mean(axis=0)
            if answers is points
            else found.values @ mean
        )
        for _ in range(15):
            drawn = answers(rng, mean, count)
            noise = noise_of(drawn, binary=answers is yes_or_no)
            error = standard_errors(found.values, noise.of_means(names))
            inside += (np.abs(found.values @ drawn.mean(axis=0) - truth) <= 1.96 * error).tolist()
    return float(np.mean(inside))


@pytest.mark.parametrize(("players", "count"), [*product((1, 2, 3), (2, 4, 8)), (6, 4)])
def test_the_error_of_a_credit_of_proportions_covers_the_truth(players: int, count: int) -> None:
    assert coverage(Shap(), players, count, yes_or_no, games=120 // players) > 0.93


@pytest.mark.parametrize("method", [Lime(), Shap(exact_up_to=2), Lime(exact_up_to=2, lime_samples=60)])
def test_it_does_for_every_method(method: Linear) -> None:
    assert coverage(method, 4, 4, yes_or_no) > 0.93


def test_it_is_not_much_too_wide_where_answers_are_many() -> None:
    assert coverage(Shap(), 3, 40, yes_or_no) < 0.975


@pytest.mark.parametrize("players", [2, 4])
def test_ratings_are_covered_too(players: int) -> None:
    assert coverage(Shap(), players, 6, points, games=15) > 0.92


@pytest.mark.parametrize(("players", "count"), [(1, 8), (2, 4), (3, 8), (5, 4)])
def test_the_error_of_smoothed_log_odds_covers_the_true_ones(players: int, count: int) -> None:
    rng = np.random.default_rng(players)
    found = Shap().weights(players, seed=1)
    names = [str(n) for n in range(len(found.masks))]
    inside: list[bool] = []
    for _ in range(30):
        logit = rng.normal(0, 0.7) + found.masks @ rng.normal(0, 0.7, players)
        for _ in range(15):
            yes = yes_or_no(rng, 1 / (1 + np.exp(-logit)), count).sum(axis=0)
            noise = LogOdds(counts={name: (k, count) for name, k in zip(names, yes, strict=True)})
            error = standard_errors(found.values, noise.of_means(names))
            smoothed = np.log(yes + 0.5) - np.log(count - yes + 0.5)
            inside += (np.abs(found.values @ (smoothed - logit)) <= 1.96 * error).tolist()
    assert np.mean(inside) > 0.93


def test_answers_that_never_differ_have_no_noise_as_ratings_and_some_as_choices() -> None:
    same = np.ones((3, 4))
    names = [str(n) for n in range(4)]
    assert (noise_of(same, binary=False).of_means(names) == 0).all()
    assert (noise_of(same, binary=True).of_means(names) > 0.01).all()


def test_one_answer_a_prompt_tells_nothing_of_its_noise() -> None:
    single = noise_of(np.array([[3.0, 5.0]]), binary=False)
    assert np.isnan(single.of_means(["0", "1"])).all()


def test_a_prompt_with_one_answer_borrows_the_variance_of_the_others() -> None:
    drawn = {"one": Drawn(count=1, mean=5.0, squares=0.0), "many": Drawn(count=5, mean=3.0, squares=8.0)}
    found = Means(drawn=drawn, binary=False).of_answers(["one", "many"])
    assert found.tolist() == pytest.approx([2.0, 2.0])


def test_more_answers_go_in_proportion_to_weight_times_deviation() -> None:
    scales = {"a": 3.0, "b": 1.0, "c": 0.0}
    count = allocated(scales, dict.fromkeys(scales, 2), budget=396)
    assert count["c"] == 2
    assert count["a"] / count["b"] == pytest.approx(3.0, rel=0.02)
    assert sum(count.values()) == 402


def test_the_allocation_is_the_best_there_is() -> None:
    scales, start = {"a": 2.0, "b": 1.2, "c": 0.5}, {"a": 1, "b": 2, "c": 1}

    def loss(count: dict[str, int]) -> float:
        return sum(scale**2 / count[name] for name, scale in scales.items())

    best = min(
        loss({"a": 1 + a, "b": 2 + b, "c": 1 + c})
        for a, b, c in product(range(8), repeat=3)
        if a + b + c == 7
    )
    assert loss(allocated(scales, start, budget=7)) == pytest.approx(best)


def test_answers_that_come_in_twos_stay_even_and_within_the_budget() -> None:
    count = allocated({"a": 1.0, "b": 4.0}, {"a": 2, "b": 2}, budget=7, step=2)
    assert all(n % 2 == 0 for n in count.values())
    assert sum(count.values()) == 10
