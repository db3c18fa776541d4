"""Noise of answers carried on into credits, and more answers asked for where they make credits most exact."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from audit.games import Coalitions
from audit.noise import Noise, allocated, standard_errors
from audit.protocols import Attributor, Credits, Linear, Weights

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def with_noise(
    credits: Credits, attributor: Attributor, coalitions: Coalitions, *, seed: int, noise: Noise | None
) -> Credits:
    """The same credits with errors that hold the noise of the answers too, beside that of sampled coalitions.

    Errors are NaN for a method that does not say how its credits depend on the scores.
    """
    import numpy as np

    if noise is None:
        return credits
    if not isinstance(attributor, Linear):
        return replace(credits, errors=np.full(len(credits.values), np.nan))
    ids, weights = prompt_weights(coalitions, _weights(attributor, len(coalitions.game.players), seed))
    own = standard_errors(weights, noise.of_means(ids))
    return replace(credits, errors=np.hypot(credits.errors, own))


def prompt_weights(coalitions: Coalitions, found: Weights) -> tuple[list[str], NDArray[np.float64]]:
    """The prompts that coalitions stand on, and the weight of each prompt's score in every credit."""
    import numpy as np

    signs = [sign for sign, _ in coalitions.game.terms]
    rows = [coalitions.ids[mask.tobytes()] for mask in np.ascontiguousarray(found.masks)]
    ids = sorted({prompt_id for row in rows for prompt_id in row})
    place = {prompt_id: number for number, prompt_id in enumerate(ids)}
    weights = np.zeros((found.values.shape[0], len(ids)))
    for row, column in zip(rows, found.values.T, strict=True):
        for sign, prompt_id in zip(signs, row, strict=True):
            weights[:, place[prompt_id]] += sign * column
    return ids, weights


def refined(
    games: Iterable[tuple[Attributor, Coalitions, int]],
    asked: Mapping[str, int],
    *,
    noise: Noise,
    budget: int,
    step: int,
) -> dict[str, int]:
    """How often to ask prompts in all, `budget` more answers spent; those that stay as they are are left out.

    `games` are methods with their coalitions and seeds. A game without all of its scores gets no more answers.
    """
    import numpy as np

    squares: dict[str, float] = {}
    for attributor, coalitions, seed in games:
        if not isinstance(attributor, Linear) or not coalitions.game.players:
            continue
        found = _weights(attributor, len(coalitions.game.players), seed)
        ids, weights = prompt_weights(coalitions, found)
        try:
            variances = noise.of_answers(ids)
        except KeyError:
            continue
        for prompt_id, share in zip(ids, (weights**2).sum(axis=0) * variances, strict=True):
            squares[prompt_id] = squares.get(prompt_id, 0.0) + float(share)
    scales = {name: float(np.sqrt(square)) for name, square in squares.items()}
    count = allocated(scales, {name: asked[name] for name in scales}, budget=budget, step=step)
    return {name: number for name, number in count.items() if number > asked[name]}


@lru_cache(maxsize=256)
def _weights(attributor: Linear, players: int, seed: int) -> Weights:
    return attributor.weights(players, seed=seed)
