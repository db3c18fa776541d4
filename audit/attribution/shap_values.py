"""Shapley values with the explainers of the `shap` package: exact for few players, antithetic permutations above.

Source: Lundberg and Lee (2017), "A Unified Approach to Interpreting Model Predictions"; Strumbelj and Kononenko (2014)
for the estimate by permutations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from audit.games import all_coalitions, own_random_numbers
from audit.linear import shapley_weights, walk_weights
from audit.protocols import Credits, Weights

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Value = Callable[[NDArray[np.bool_]], NDArray[np.float64]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Shap:
    """Shapley values: exact up to `exact_up_to` players, else the mean of `passes` antithetic permutations."""

    exact_up_to: int = 8
    passes: int = 5
    adds_up: ClassVar[bool] = True

    def attribute(self, players: int, value: Value, *, seed: int) -> Credits:
        """Credits that add up to v(all) - v(none); errors are standard errors over passes, 0 where exact."""
        import numpy as np

        none, full = value(np.array([[False] * players, [True] * players]))

        def gain(masks: NDArray[np.bool_]) -> NDArray[np.float64]:
            return np.asarray(value(masks) - none)

        if players <= self.exact_up_to:
            values, errors = _exact(players, gain), np.zeros(players)
        else:
            watched = _Watched(gain=gain)
            values = _sampled(players, watched, passes=self.passes, seed=seed)
            errors = watched.errors()
        return Credits(values=values, errors=errors, base_value=float(none), total=float(full - none))

    def weights(self, players: int, *, seed: int) -> Weights:
        """The weight of every coalition in every credit."""
        import numpy as np

        if players <= self.exact_up_to:
            return shapley_weights(all_coalitions(players))
        walks: list[NDArray[np.bool_]] = []

        def walked(masks: NDArray[np.bool_]) -> NDArray[np.float64]:
            walks.append(np.array(masks, dtype=np.bool_))
            return np.zeros(len(masks))

        _sampled(players, walked, passes=self.passes, seed=seed)
        return walk_weights(walks)


def _exact(players: int, gain: Value) -> NDArray[np.float64]:
    import numpy as np

    with own_random_numbers():
        explain = _shap().explainers.ExactExplainer(gain, _coalition_masker()(players))
        found = explain([0], silent=True, batch_size=2**players)
    return np.asarray(found.values[0], dtype=np.float64)


def _sampled(players: int, gain: Value, *, passes: int, seed: int) -> NDArray[np.float64]:
    import numpy as np

    rows = 2 * players + 1
    with own_random_numbers():
        explain = _shap().explainers.PermutationExplainer(gain, _coalition_masker()(players), seed=seed)
        found = explain([0], silent=True, max_evals=passes * rows, batch_size=rows)
    return np.asarray(found.values[0], dtype=np.float64)


@dataclass(slots=True)
class _Watched:
    """A value function that remembers what each antithetic pass made of every player."""

    gain: Value
    passes: list[NDArray[np.float64]] = field(default_factory=list)

    def __call__(self, masks: NDArray[np.bool_]) -> NDArray[np.float64]:
        """One call is one pass: from none to all in some order, and back in the same order."""
        import numpy as np

        gains = self.gain(masks)
        flips = masks[1:].astype(int) - masks[:-1].astype(int)
        self.passes.append((flips * np.diff(gains)[:, None]).sum(axis=0) / 2)
        return gains

    def errors(self) -> NDArray[np.float64]:
        """Standard error of the mean over passes for each player."""
        import numpy as np

        passes = np.stack(self.passes)
        return np.asarray(passes.std(axis=0, ddof=1) / np.sqrt(len(passes)))


@cache
def _shap() -> Any:
    """The package, loaded when it is first wanted; what its plots say about other packages' plans is not for us."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", category=PendingDeprecationWarning)
        import shap
    return shap


@cache
def _coalition_masker() -> type[Any]:
    """The masker class, whose base class `shap` has."""
    import numpy as np

    class CoalitionMasker(_shap().maskers.Masker):  # type: ignore[misc]
        """A masker that hands the coalition itself to the value function."""

        immutable_outputs = True
        fixed_background = False
        clustering = None

        def __init__(self, players: int) -> None:
            self.players = players
            self.shape = (1, players)

        def __call__(self, mask: NDArray[np.bool_], *_: object) -> tuple[NDArray[np.bool_]]:
            return (mask[None, :],)

        def mask_shapes(self, *_: object) -> list[tuple[int]]:
            return [(self.players,)]

        def feature_names(self, *_: object) -> list[list[str]]:
            return [[str(number) for number in range(self.players)]]

        def data_transform(self, *_: object) -> tuple[NDArray[np.int64]]:
            return (np.arange(self.players),)

    return CoalitionMasker
