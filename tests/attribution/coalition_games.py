"""Small numeric games and their Shapley values by brute force."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from math import factorial

import numpy as np
from numpy.typing import NDArray

Value = Callable[[NDArray[np.bool_]], NDArray[np.float64]]


def random_game(players: int, seed: int) -> Value:
    """A game whose 2 ** players worths are drawn independently."""
    worths = np.random.default_rng(seed).normal(size=2**players)
    return lambda masks: worths[np.asarray(masks, dtype=int) @ (1 << np.arange(players))]


def pairwise_game(players: int, seed: int) -> Value:
    """Main effects, a few interactions of two, one of three."""
    rng = np.random.default_rng(seed)
    main, pair = rng.normal(size=players), 0.3 * np.triu(rng.normal(size=(players, players)), 1)

    def value(masks: NDArray[np.bool_]) -> NDArray[np.float64]:
        x = np.asarray(masks, dtype=float)
        return 0.5 + x @ main + ((x @ pair) * x).sum(axis=1) + 0.8 * x[:, 0] * x[:, 1] * x[:, -1]

    return value


def shapley(value: Value, players: int) -> NDArray[np.float64]:
    """The definition: each player's marginal worth averaged over all orders."""
    found = np.zeros(players)
    for player in range(players):
        others = [number for number in range(players) if number != player]
        for size in range(players):
            weight = factorial(size) * factorial(players - size - 1) / factorial(players)
            for chosen in combinations(others, size):
                mask = np.zeros((2, players), dtype=bool)
                mask[:, list(chosen)] = True
                mask[1, player] = True
                low, high = value(mask)
                found[player] += weight * (high - low)
    return found
