"""Shapley values with the explainers of the `shap` package, for many games with the same players at once.

Sources: Lundberg and Lee (2017), "A Unified Approach to Interpreting Model Predictions"; Strumbelj and Kononenko (2014)
for the estimate by permutations; Owen (1977) for credits within a hierarchy; Sundararajan, Dhamdhere and Agarwal
(2020), "The Shapley Taylor Interaction Index".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from audit.games import all_coalitions, own_random_numbers
from audit.linear import shapley_weights, walk_weights
from audit.playing import credits_of_each, gains, one_game, played_weights
from audit.protocols import Credits, Weights
from audit.shaplibrary import package, playing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Value = Callable[[NDArray[np.bool_]], NDArray[np.float64]]

LEAST_A_PLAYER = 10
"""Samples that KernelSHAP needs for each player; with fewer its error is too large to be of use."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shap:
    """Shapley values: exact up to `exact_up_to` players, else `passes` antithetic permutations with two seeds."""

    exact_up_to: int = 8
    passes: int = 5
    adds_up: ClassVar[bool] = True

    def attribute(self, players: int, value: Value, *, seed: int) -> Credits:
        """Credits that add up to v(all) - v(none); errors are standard errors over passes, 0 where exact."""
        return one_game(self.many, players, value, seed=seed)

    def many(self, players: int, value: Value, *, seed: int) -> list[Credits]:
        """The same for every column that `value` has."""
        return self._method(players).many(players, value, seed=seed)

    def weights(self, players: int, *, seed: int) -> Weights:
        """The weight of every coalition in every credit."""
        return self._method(players).weights(players, seed=seed)

    def seedless(self, players: int) -> bool:
        """Whether no seed matters, because nothing is sampled."""
        return players <= self.exact_up_to

    def orders(self, players: int, *, seed: int) -> NDArray[np.int64]:
        """Random orders of the players whose first and last ones are coalitions that are asked for anyway."""
        return ShapPermutation(passes=self.passes).orders(players, seed=seed)

    def _method(self, players: int) -> ShapExact | ShapPermutation:
        if self.seedless(players):
            return ShapExact(exact_up_to=self.exact_up_to)
        return ShapPermutation(passes=self.passes)


@dataclass(frozen=True, kw_only=True, slots=True)
class ShapExact:
    """Shapley values from every coalition."""

    exact_up_to: int = 8
    adds_up: ClassVar[bool] = True

    def attribute(self, players: int, value: Value, *, seed: int) -> Credits:
        """Credits that add up to v(all) - v(none), without error."""
        return one_game(self.many, players, value, seed=seed)

    def many(self, players: int, value: Value, *, seed: int) -> list[Credits]:
        """The same for every column that `value` has."""
        none, full, gain = gains(players, value)
        with own_random_numbers(), playing(2**players) as shap:
            explain = shap.explainers.ExactExplainer(gain, _coalition_masker()(players))
            found = explain([0], silent=True, batch_size=2**players)
        return credits_of_each(found.values[0], none=none, full=full)

    def weights(self, players: int, *, seed: int) -> Weights:
        """The weight of every coalition in every credit."""
        return shapley_weights(all_coalitions(players))

    def seedless(self, players: int) -> bool:
        """Nothing is sampled."""
        return True

    def refuses(self, players: int) -> str:
        """Why it cannot be played with so many; empty if it can."""
        if players <= self.exact_up_to:
            return ""
        most = 2**self.exact_up_to
        return f"{players} players have {2**players:,} coalitions, more than the {most:,} that are asked"


@dataclass(frozen=True, kw_only=True, slots=True)
class ShapPermutation:
    """Shapley values by antithetic permutations: the mean of two estimates, each of `passes` and with its own seed."""

    passes: int = 5
    adds_up: ClassVar[bool] = True

    def attribute(self, players: int, value: Value, *, seed: int) -> Credits:
        """Credits that add up to v(all) - v(none); errors are standard errors over passes."""
        return one_game(self.many, players, value, seed=seed)

    def many(self, players: int, value: Value, *, seed: int) -> list[Credits]:
        """The same for every column that `value` has."""
        import numpy as np

        none, full, gain = gains(players, value)
        watched = _Watched(gain=gain)
        halves = np.stack([self._walked(players, watched, seed=each) for each in two_seeds(seed)])
        return credits_of_each(
            halves.mean(axis=0), none=none, full=full, errors=watched.errors(), halves=halves
        )

    def weights(self, players: int, *, seed: int) -> Weights:
        """The weight of every coalition in every credit."""
        return walk_weights(self._walks(players, seed))

    def orders(self, players: int, *, seed: int) -> NDArray[np.int64]:
        """The orders of all passes, and the same backwards: their first and last players are asked for anyway."""
        import numpy as np

        walks = self._walks(players, seed)
        rows = [np.argmax(np.diff(walk[: players + 1].astype(int), axis=0), axis=1) for walk in walks]
        return np.array([*rows, *(row[::-1] for row in rows)], dtype=np.int64)

    def _walks(self, players: int, seed: int) -> list[NDArray[np.bool_]]:
        """Every pass, from none to all and back."""
        import numpy as np

        walks: list[NDArray[np.bool_]] = []

        def walked(masks: NDArray[np.bool_]) -> NDArray[np.float64]:
            walks.append(np.array(masks, dtype=np.bool_))
            return np.zeros((len(masks), 1))

        for each in two_seeds(seed):
            self._walked(players, walked, seed=each)
        return walks

    def _walked(self, players: int, gain: Value, *, seed: int) -> NDArray[np.float64]:
        import numpy as np

        rows = 2 * players + 1
        with own_random_numbers(), playing(self.passes * rows) as shap:
            explain = shap.explainers.PermutationExplainer(gain, _coalition_masker()(players), seed=seed)
            found = explain([0], silent=True, max_evals=self.passes * rows, batch_size=rows)
        return np.asarray(found.values[0], dtype=np.float64).reshape(players, -1)


@dataclass(frozen=True, kw_only=True, slots=True)
class ShapPartition:
    """Owen values by the whole of a hierarchy: the text in two halves, each half in two, down to single players."""

    adds_up: ClassVar[bool] = True

    def attribute(self, players: int, value: Value, *, seed: int) -> Credits:
        """Credits that add up to v(all) - v(none), exact for the hierarchy."""
        return one_game(self.many, players, value, seed=seed)

    def many(self, players: int, value: Value, *, seed: int) -> list[Credits]:
        """The same for every column that `value` has."""
        if players < 2:
            return ShapExact().many(players, value, seed=seed)
        none, full, gain = gains(players, value)
        masker = _coalition_masker()(players)
        masker.clustering = halves_of(players)
        with own_random_numbers(), playing(players**2) as shap:
            explain = shap.explainers.PartitionExplainer(gain, masker)
            found = explain([0], silent=True, max_evals=4**players, batch_size=4**players)
        return credits_of_each(found.values[0], none=none, full=full)

    def weights(self, players: int, *, seed: int) -> Weights:
        """The weight of every coalition in every credit."""
        return played_weights(self, players, seed=seed)

    def seedless(self, players: int) -> bool:
        """Nothing is sampled."""
        return True


@dataclass(frozen=True, kw_only=True, slots=True)
class ShapKernel:
    """KernelSHAP without regularisation: on every coalition up to `exact_up_to` players, else on samples."""

    exact_up_to: int = 8
    kernel_samples: int = 512
    adds_up: ClassVar[bool] = True

    def attribute(self, players: int, value: Value, *, seed: int) -> Credits:
        """Credits that add up to v(all) - v(none); errors are half the difference of the two estimates."""
        return one_game(self.many, players, value, seed=seed)

    def many(self, players: int, value: Value, *, seed: int) -> list[Credits]:
        """The same for every column that `value` has."""
        import numpy as np

        none, full, gain = gains(players, value)
        if self.seedless(players):
            found = self._fitted(players, gain, samples=2**players, seed=seed)
            return credits_of_each(found, none=none, full=full)
        halves = np.stack(
            [self._fitted(players, gain, samples=self.kernel_samples, seed=each) for each in two_seeds(seed)]
        )
        errors = np.abs(halves[0] - halves[1]) / 2
        return credits_of_each(halves.mean(axis=0), none=none, full=full, errors=errors, halves=halves)

    def weights(self, players: int, *, seed: int) -> Weights:
        """The weight of every coalition in every credit."""
        return played_weights(self, players, seed=seed)

    def seedless(self, players: int) -> bool:
        """Whether no seed matters, because nothing is sampled."""
        return players <= self.exact_up_to

    def refuses(self, players: int) -> str:
        """Why it cannot be played with so many; empty if it can."""
        least = LEAST_A_PLAYER * players
        if self.seedless(players) or self.kernel_samples >= least:
            return ""
        return f"{self.kernel_samples} samples are too few for {players} players; at least {least} are needed"

    def _fitted(self, players: int, gain: Value, *, samples: int, seed: int) -> NDArray[np.float64]:
        import numpy as np

        with own_random_numbers(), playing(samples) as shap:
            np.random.seed(seed)
            explain = shap.KernelExplainer(lambda rows: gain(rows > 0.5), np.zeros((1, players)))
            found = explain.shap_values(np.ones((1, players)), nsamples=samples, l1_reg=False, silent=True)
        return np.asarray(found[0], dtype=np.float64).reshape(players, -1)


@dataclass(frozen=True, kw_only=True, slots=True)
class ShapInteractions:
    """Shapley-Taylor interactions of two players, and what each does alone; all of them add up to v(all) - v(none)."""

    def interactions(self, players: int, value: Value) -> NDArray[np.float64]:
        """Shape (players, players, games): on the diagonal what a player does alone, elsewhere half an interaction."""
        import numpy as np

        _, _, gain = gains(players, value)
        with own_random_numbers(), playing(players * 2**players) as shap:
            explain = shap.explainers.ExactExplainer(gain, _coalition_masker()(players))
            found = explain([0], silent=True, batch_size=2**players, interactions=2)
        return np.asarray(found.values[0], dtype=np.float64).reshape(players, players, -1)


def two_seeds(seed: int) -> tuple[int, int]:
    """The seeds of the two estimates that a sampled credit is the mean of."""
    return seed, (seed + 1) % 2**32


def halves_of(players: int) -> NDArray[np.float64]:
    """The hierarchy of a row of players as linked pairs: (left, right, size, size), as `scipy` numbers them."""
    import numpy as np

    links: list[list[float]] = []

    def linked(first: int, end: int) -> int:
        if end - first == 1:
            return first
        middle = (first + end + 1) // 2
        left, right = linked(first, middle), linked(middle, end)
        links.append([left, right, end - first, end - first])
        return players + len(links) - 1

    linked(0, players)
    return np.array(links, dtype=np.float64)


@dataclass(slots=True)
class _Watched:
    """A value function that remembers what each antithetic pass made of every player."""

    gain: Value
    passes: list[NDArray[np.float64]] = field(default_factory=list)

    def __call__(self, masks: NDArray[np.bool_]) -> NDArray[np.float64]:
        """One call is one pass: from none to all in some order, and back in the same order."""
        import numpy as np

        worths = self.gain(masks)
        flips = masks[1:].astype(int) - masks[:-1].astype(int)
        self.passes.append(np.asarray(flips.T @ np.diff(worths, axis=0) / 2))
        return worths

    def errors(self) -> NDArray[np.float64]:
        """Standard error of the mean over passes for each player."""
        import numpy as np

        passes = np.stack(self.passes)
        return np.asarray(passes.std(axis=0, ddof=1) / np.sqrt(len(passes)))


@cache
def _coalition_masker() -> type[Any]:
    """The masker class, whose base class `shap` has."""
    import numpy as np

    class CoalitionMasker(package().maskers.Masker):  # type: ignore[misc]
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
