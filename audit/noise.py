"""Noise of sampled answers: how exact a score is that is the mean of a few answers, and credits made of such scores.

Credits are linear in the scores, phi = W v, so SE(phi_i)^2 = sum over prompts of W_ip^2 s_p^2 / r_p.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BORROWED = 4.0
"""Degrees of freedom that the common variance counts for beside a prompt's own."""
ADDED = 2.0
"""Answers of either kind that are added to all proportions of a game together."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawn:
    """The answers to one prompt, as numbers: how many, their mean, and their squared deviations from it, summed."""

    count: int
    mean: float
    squares: float


class Noise(Protocol):
    """How exactly the scores of prompts are known."""

    def of_answers(self, prompts: Sequence[str]) -> NDArray[np.float64]:
        """What the variance of the score of each prompt of one game would be with a single answer."""
        ...

    def of_means(self, prompts: Sequence[str]) -> NDArray[np.float64]:
        """Variance of the score of each prompt of one game."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Means:
    """Scores that are means of answers."""

    drawn: Mapping[str, Drawn]
    binary: bool
    """Whether every answer counts 0 or 1."""

    @property
    def common(self) -> float:
        """Variance of one answer, pooled over all prompts that were answered more than once; NaN without any."""
        freedom = sum(one.count - 1 for one in self.drawn.values())
        squares = sum(one.squares for one in self.drawn.values())
        return squares / freedom if freedom else float("nan")

    def of_answers(self, prompts: Sequence[str]) -> NDArray[np.float64]:
        """Variance of one answer to each prompt of one game, smoothed because few answers know little of it.

        Proportions: 2/m answers of either kind are added to each of the game's m (Price and Bonett 2004, for linear
        functions of proportions), then the game's mean variance counts for four answers. Other scores: the variance
        common to all prompts counts for four answers (as in Smyth 2004).
        """
        import numpy as np

        known = [self.drawn[name] for name in prompts]
        count = np.array([one.count for one in known], dtype=float)
        if self.binary:
            mean = np.array([one.mean for one in known])
            added = min(1.0, ADDED / max(len(known), 1))
            share = (mean * count + added) / (count + 2 * added)
            own = share * (1 - share) * count / np.maximum(count - 1, 1)
            common = float(own.mean()) if len(own) else float("nan")
        else:
            squares = np.array([one.squares for one in known])
            own, common = squares / np.maximum(count - 1, 1), self.common
        freedom = np.maximum(count - 1, 0)
        return np.asarray((BORROWED * common + freedom * own) / (BORROWED + freedom))

    def of_means(self, prompts: Sequence[str]) -> NDArray[np.float64]:
        """Variance of the score of each prompt of one game, which is the mean of its answers."""
        import numpy as np

        count = np.array([self.drawn[name].count for name in prompts], dtype=float)
        return np.asarray(self.of_answers(prompts) / count)


@dataclass(frozen=True, kw_only=True, slots=True)
class LogOdds:
    """Scores that are smoothed log-odds: of each prompt how many answers count 1, and how many there are."""

    counts: Mapping[str, tuple[float, float]]

    def of_answers(self, prompts: Sequence[str]) -> NDArray[np.float64]:
        """The variance of the log-odds times the number of answers."""
        import numpy as np

        count = np.array([self.counts[name][1] for name in prompts], dtype=float)
        return np.asarray(self.of_means(prompts) * count)

    def of_means(self, prompts: Sequence[str]) -> NDArray[np.float64]:
        """1/(k + ½) + 1/(r - k + ½) (Gart and Zweifel 1967)."""
        import numpy as np

        found, count = np.array([self.counts[name] for name in prompts]).reshape(-1, 2).T
        return np.asarray(1 / (found + 0.5) + 1 / (count - found + 0.5))


def joined(one: Noise | None, other: Noise | None) -> Noise | None:
    """Both together; of a prompt that is in both, the second."""
    if isinstance(one, Means) and isinstance(other, Means):
        return Means(drawn={**one.drawn, **other.drawn}, binary=one.binary and other.binary)
    if isinstance(one, LogOdds) and isinstance(other, LogOdds):
        return LogOdds(counts={**one.counts, **other.counts})
    return other or one


def standard_errors(weights: NDArray[np.float64], variances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of credits that are `weights` (players, prompts) times scores with these variances."""
    import numpy as np

    return np.asarray(np.sqrt(weights**2 @ variances))


def allocated(
    scales: Mapping[str, float], asked: Mapping[str, int], *, budget: int, step: int = 1
) -> dict[str, int]:
    """How often each prompt is answered in all when `budget` more answers go where they shrink errors most.

    `scales` are |weight| times standard deviation of one answer, summed in squares over all credits; with them the
    sum of squared errors is sum of scale^2 / answers, least at answers in proportion to the scales (Neyman 1934).
    """
    count = dict(asked)
    gains = [(-_gain(scales[name], count[name], step), name) for name in sorted(scales) if scales[name] > 0]
    heapq.heapify(gains)
    while gains and budget >= step:
        _, name = heapq.heappop(gains)
        count[name] += step
        budget -= step
        heapq.heappush(gains, (-_gain(scales[name], count[name], step), name))
    return count


def _gain(scale: float, count: int, step: int) -> float:
    """How much `step` more answers take off the sum of squared errors."""
    return scale**2 * (1 / count - 1 / (count + step))
