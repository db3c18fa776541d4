"""LIME with the `lime` package: the weights of a local linear model over presence and absence of the players.

Source: Ribeiro, Singh and Guestrin (2016), "Why Should I Trust You?"; Mardaoui and Garreau (2021) for the limit of many
samples on texts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import comb
from typing import TYPE_CHECKING, ClassVar

from audit.games import all_coalitions
from audit.linear import ridge_weights
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
    """LIME weights: fitted on all coalitions up to `exact_up_to` players, else on `lime_samples` sampled ones."""

    exact_up_to: int = 8
    lime_samples: int = 300
    adds_up: ClassVar[bool] = False

    def attribute(self, players: int, value: Value, *, seed: int) -> Credits:
        """Weights of the players; errors are standard errors of the sampled fit, 0 where all coalitions are used."""
        import numpy as np

        none, full = value(np.array([[False] * players, [True] * players]))

        def gain(masks: NDArray[np.bool_]) -> NDArray[np.float64]:
            return np.asarray(value(masks) - none)

        if players <= self.exact_up_to:
            weights, errors = _enumerated(players, gain), np.zeros(players)
        else:
            weights, errors = _sampled(players, gain, samples=self.lime_samples, seed=seed)
        return Credits(values=weights, errors=errors, base_value=float(none), total=float(full - none))

    def weights(self, players: int, *, seed: int) -> Weights:
        """The weight of every coalition in every credit."""
        import numpy as np

        if players <= self.exact_up_to:
            masks = all_coalitions(players)
            return ridge_weights(masks, _drawn(masks) * _kernel(masks))
        asked: list[NDArray[np.bool_]] = []

        def sampled(masks: NDArray[np.bool_]) -> NDArray[np.float64]:
            asked.append(masks)
            return np.zeros(len(masks))

        _sampled(players, sampled, samples=self.lime_samples, seed=seed)
        return ridge_weights(asked[0], _kernel(asked[0]))


def _enumerated(players: int, value: Value) -> NDArray[np.float64]:
    """The fit on every coalition, each weighted as often as the sampler draws it times its kernel."""
    from lime.lime_base import LimeBase

    masks = all_coalitions(players)[::-1]
    base = LimeBase(lambda given: given, random_state=0)
    _, weights, _, _ = base.explain_instance_with_data(
        masks.astype(float),
        value(masks)[:, None],
        _drawn(masks) * _kernel(masks),
        0,
        players,
        feature_selection="none",
    )
    return _in_order(weights, players)


def _drawn(masks: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How often the sampler draws each coalition, on average."""
    import numpy as np

    players = masks.shape[1]
    present = masks.sum(axis=1)
    return np.array(
        [DEFAULT_SAMPLES / (players * comb(players, int(n))) if n < players else 1.0 for n in present]
    )


def _sampled(
    players: int, value: Value, *, samples: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights and their standard errors from a sampled neighbourhood."""
    import numpy as np
    from lime.lime_text import LimeTextExplainer

    asked: list[tuple[NDArray[np.bool_], NDArray[np.float64]]] = []

    def answer(texts: Sequence[str]) -> NDArray[np.float64]:
        masks = np.array([[word != ABSENT for word in text.split()] for text in texts])
        scores = value(masks)
        asked.append((masks, scores))
        return scores[:, None]

    explainer = LimeTextExplainer(
        bow=False, random_state=seed, mask_string=ABSENT, split_expression=str.split, kernel_width=KERNEL_WIDTH,
        feature_selection="none",
    )  # fmt: skip
    names = " ".join(f"p{number}" for number in range(players))
    found = explainer.explain_instance(names, answer, labels=(0,), num_features=players, num_samples=samples)
    weights = _in_order(found.local_exp[0], players)
    return weights, _errors(*asked[0], weights, intercept=float(found.intercept[0]))


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
