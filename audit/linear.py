"""Weights of coalitions in credits: every credit is a weighted sum of what coalitions are worth, phi = W v.

Knowing W is knowing how noise of the answers enters the credits (`audit.noise`). W depends on the coalitions alone, not
on what they are worth.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import factorial
from typing import TYPE_CHECKING

from audit.protocols import Weights

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]


def shapley_weights(masks: Mask) -> Weights:
    """Exact Shapley values of all 2^n coalitions: |S|!(n-|S|-1)!/n! for each player that joins S (Shapley 1953)."""
    import numpy as np

    players = masks.shape[1]
    share = np.array([factorial(n) * factorial(players - n - 1) / factorial(players) for n in range(players)])
    size = masks.sum(axis=1)[:, None]
    joined = share[np.clip(size - 1, 0, players - 1)]
    left = -share[np.clip(size, 0, players - 1)]
    return gathered(masks, np.where(masks, joined, left).T)


def walk_weights(walks: Sequence[Mask]) -> Weights:
    """The mean over walks from none to all and back, each of which lets every player come and go once."""
    import numpy as np

    every = np.concatenate(walks)
    values = np.zeros((every.shape[1], len(every)))
    start = 0
    for walk in walks:
        steps = np.diff(walk.astype(float), axis=0).T / (2 * len(walks))
        values[:, start + 1 : start + len(walk)] += steps
        values[:, start : start + len(walk) - 1] -= steps
        start += len(walk)
    return gathered(every, values)


def ridge_weights(masks: Mask, kernel: NDArray[np.float64], *, penalty: float = 1.0) -> Weights:
    """The weighted ridge regression on presence with a free intercept: (X'KX + P)^-1 X'K without its first row."""
    import numpy as np

    design = np.column_stack([np.ones(len(masks)), masks])
    weighted = kernel[:, None] * design
    held = np.diag([0.0, *np.full(masks.shape[1], penalty)])
    return gathered(masks, np.asarray(np.linalg.solve(design.T @ weighted + held, weighted.T)[1:], float))


def gathered(masks: Mask, values: NDArray[np.float64]) -> Weights:
    """Each coalition once, with the sum of its weights."""
    import numpy as np

    distinct, place = np.unique(masks, axis=0, return_inverse=True)
    sums = np.zeros((values.shape[0], len(distinct)))
    np.add.at(sums.T, place.reshape(-1), values.T)
    return Weights(masks=distinct, values=sums)
