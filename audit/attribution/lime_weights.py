"""LIME with the `lime` package: weights of a local linear model over presence and absence, for many games at once.

Source: Ribeiro, Singh and Guestrin (2016), "Why Should I Trust You?"; Mardaoui and Garreau (2021) for the limit of many
samples on texts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import comb
from typing import TYPE_CHECKING, ClassVar

from audit.games import all_coalitions
from audit.linear import gathered, ridge_weights
from audit.playing import credits_of_each, gains, one_game
from audit.protocols import Credits, Weights

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Value = Callable[[NDArray[np.bool_]], NDArray[np.float64]]

KERNEL_WIDTH = 25.0
ABSENT = "-"
DEFAULT_SAMPLES = 5000
"""What `explain_instance` samples by default; the enumerated fit weighs coalitions as so many samples do on average."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lime:
    """LIME weights: fitted on all coalitions up to `exact_up_to` players, else on samples of two seeds."""

    exact_up_to: int = 8
    lime_samples: int = 300
    adds_up: ClassVar[bool] = False

    def attribute(self, players: int, value: Value, *, seed: int) -> Credits:
        """Weights of the players; errors are standard errors of the sampled fit, 0 where all coalitions are used."""
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

    def _method(self, players: int) -> LimeEnumerated | LimeText:
        if self.seedless(players):
            return LimeEnumerated(exact_up_to=self.exact_up_to)
        return LimeText(lime_samples=self.lime_samples)


@dataclass(frozen=True, kw_only=True, slots=True)
class LimeEnumerated:
    """LIME in the limit of very many samples: every coalition, weighted as often as it would be drawn."""

    exact_up_to: int = 8
    adds_up: ClassVar[bool] = False

    def attribute(self, players: int, value: Value, *, seed: int) -> Credits:
        """Weights of the players, without error."""
        return one_game(self.many, players, value, seed=seed)

    def many(self, players: int, value: Value, *, seed: int) -> list[Credits]:
        """The same for every column that `value` has."""
        none, full, gain = gains(players, value)
        return credits_of_each(_enumerated(players, gain), none=none, full=full)

    def weights(self, players: int, *, seed: int) -> Weights:
        """The weight of every coalition in every credit."""
        masks = all_coalitions(players)
        return ridge_weights(masks, _drawn(masks) * _kernel(masks))

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
class LimeText:
    """LIME as its text explainer samples it: the mean of two fits, each on `lime_samples` and with its own seed."""

    lime_samples: int = 300
    adds_up: ClassVar[bool] = False

    def attribute(self, players: int, value: Value, *, seed: int) -> Credits:
        """Weights of the players with the standard errors of the fit."""
        return one_game(self.many, players, value, seed=seed)

    def many(self, players: int, value: Value, *, seed: int) -> list[Credits]:
        """The same for every column that `value` has."""
        import numpy as np

        none, full, gain = gains(players, value)
        fits = [
            _sampled(players, gain, games=len(none), samples=self.lime_samples, seed=each)
            for each in _seeds(seed)
        ]
        halves = np.stack([weights for weights, _ in fits])
        errors = np.sqrt(sum(error**2 for _, error in fits)) / len(fits)
        return credits_of_each(halves.mean(axis=0), none=none, full=full, errors=errors, halves=halves)

    def weights(self, players: int, *, seed: int) -> Weights:
        """The weight of every coalition in every credit."""
        import numpy as np

        fits = [ridge_weights(masks, _kernel(masks)) for masks in self._neighbourhoods(players, seed)]
        every = np.concatenate([fit.masks for fit in fits])
        return gathered(every, np.concatenate([fit.values for fit in fits], axis=1) / len(fits))

    def _neighbourhoods(self, players: int, seed: int) -> list[NDArray[np.bool_]]:
        """The coalitions that are sampled with each seed."""
        import numpy as np

        asked: list[NDArray[np.bool_]] = []

        def sampled(masks: NDArray[np.bool_]) -> NDArray[np.float64]:
            asked.append(masks)
            return np.zeros((len(masks), 1))

        for each in _seeds(seed):
            _sampled(players, sampled, games=1, samples=self.lime_samples, seed=each)
        return asked


def _seeds(seed: int) -> tuple[int, int]:
    """The seeds of the two fits that sampled weights are the mean of."""
    return seed, (seed + 1) % 2**32


def _enumerated(players: int, value: Value) -> NDArray[np.float64]:
    """The fits on every coalition, each weighted as often as the sampler draws it times its kernel."""
    import numpy as np
    from lime.lime_base import LimeBase

    masks = all_coalitions(players)[::-1]
    worths = value(masks)
    base = LimeBase(lambda given: given, random_state=0)
    kernel = _drawn(masks) * _kernel(masks)
    columns = []
    for game in range(worths.shape[1]):
        _, weights, _, _ = base.explain_instance_with_data(
            masks.astype(float), worths, kernel, game, players, feature_selection="none"
        )
        columns.append(_in_order(weights, players))
    return np.stack(columns, axis=1)


def _drawn(masks: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How often the sampler draws each coalition, on average."""
    import numpy as np

    players = masks.shape[1]
    present = masks.sum(axis=1)
    return np.array(
        [DEFAULT_SAMPLES / (players * comb(players, int(n))) if n < players else 1.0 for n in present]
    )


def _sampled(
    players: int, value: Value, *, games: int, samples: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights and their standard errors from a sampled neighbourhood, shape (players, games)."""
    import numpy as np
    from lime.lime_text import LimeTextExplainer

    asked: list[tuple[NDArray[np.bool_], NDArray[np.float64]]] = []

    def answer(texts: Sequence[str]) -> NDArray[np.float64]:
        masks = np.array([[word != ABSENT for word in text.split()] for text in texts])
        asked.append((masks, value(masks)))
        return asked[-1][1]

    explainer = LimeTextExplainer(
        bow=False, random_state=seed, mask_string=ABSENT, split_expression=str.split, kernel_width=KERNEL_WIDTH,
        feature_selection="none",
    )  # fmt: skip
    names = " ".join(f"p{number}" for number in range(players))
    found = explainer.explain_instance(
        names, answer, labels=range(games), num_features=players, num_samples=samples
    )
    ((masks, worths),) = asked
    weights = np.stack([_in_order(found.local_exp[game], players) for game in range(games)], axis=1)
    errors = [
        _errors(masks, worths[:, game], weights[:, game], intercept=float(found.intercept[game]))
        for game in range(games)
    ]
    return weights, np.stack(errors, axis=1)


def _in_order(weights: Sequence[tuple[int, float]], players: int) -> NDArray[np.float64]:
    import numpy as np

    row = np.zeros(players)
    for player, weight in weights:
        row[player] = weight
    return row


def _kernel(masks: NDArray[np.bool_]) -> NDArray[np.float64]:
    """LIME's weight of each coalition: exponential in the cosine distance (times 100) to the whole text."""
    import numpy as np

    distance = 100 * (1 - np.sqrt(masks.mean(axis=1)))
    return np.asarray(np.sqrt(np.exp(-(distance**2) / KERNEL_WIDTH**2)))


def _errors(
    masks: NDArray[np.bool_], scores: NDArray[np.float64], weights: NDArray[np.float64], *, intercept: float
) -> NDArray[np.float64]:
    """Standard errors of the weighted ridge fit, robust to unequal variances (White 1980)."""
    import numpy as np

    design = np.column_stack([np.ones(len(masks)), masks])
    kernel = _kernel(masks)
    penalty = np.diag([0.0, *np.ones(masks.shape[1])])
    bread = np.linalg.inv(design.T @ (kernel[:, None] * design) + penalty)
    residual = kernel * (scores - intercept - masks @ weights)
    meat = (design * residual[:, None] ** 2).T @ design
    return np.asarray(np.sqrt(np.diag(bread @ meat @ bread))[1:])
