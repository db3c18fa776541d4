"""What units that were not seen may still show, of which the scatter of those seen tells nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from audit.stats import Estimates, Floats, Ints

FEW = 3
"""Scatter that rests on so few units says nothing of those that were not seen."""
MOST_CLUSTERS = 100_000
"""No advice is looked for that far beyond the least number of clusters."""


def unseen_share(level: ArrayLike, units: ArrayLike) -> Floats:
    """1 - ((1 - level)/2)^(1/G): the share of units that G of them, none of that kind among them, may have missed."""
    return np.asarray(1 - ((1 - np.asarray(level, float)) / 2) ** (1 / np.maximum(units, 1)), float)


def unseen_difference(level: ArrayLike, estimates: Estimates) -> tuple[Floats, Floats]:
    """How far down and up a difference of rates may move by units that deviate wholly and were not seen.

    All of it where nothing varies, few units do, or those that do deviate wholly; else less: `seen_part`.
    """
    share = unseen_share(level, estimates.least) * seen_part(estimates.effective, deviation(estimates))
    return share, share


def deviation(estimates: Estimates) -> Floats:
    """How far units deviate that do, √(Σ d⁴ / Σ d²): one where they flip wholly, less where all differ a little."""
    count = np.maximum(estimates.effective, 1)
    return np.asarray(np.nan_to_num(estimates.se) * estimates.least / np.sqrt(count), float)


def seen_part(effective: ArrayLike, size: ArrayLike) -> Floats:
    """max(min(1, √(3/k)), d): the part of what was not seen that k units deviating by about d leave open.

    k is `Estimates.effective`, d `deviation`; simulated in decision 010.
    """
    few = np.sqrt(FEW / np.maximum(np.asarray(effective, float), FEW))
    return np.asarray(np.minimum(np.maximum(few, size), 1), float)


def unseen_between(
    level: ArrayLike, estimates: Estimates, rate_a: Floats, rate_b: Floats
) -> tuple[Floats, Floats]:
    """The same for rates of two sides with units of their own: what each may have missed, added in squares."""
    shares = (unseen_share(level, estimates.sides[..., side]) for side in (0, -1))
    a, b = ((share * rate, share * (1 - rate)) for share, rate in zip(shares, (rate_a, rate_b), strict=True))
    return np.hypot(b[0], a[1]), np.hypot(b[1], a[0])


def unseen_rate(level: ArrayLike, estimates: Estimates) -> tuple[Floats, Floats]:
    """The same for one rate: units that say no, and units that say yes, where all seen ones have this rate."""
    share = unseen_share(level, estimates.least)
    rate = np.clip(estimates.value, 0, 1)
    return share * rate, share * (1 - rate)


def unseen_ratio(level: ArrayLike, sides: Ints, rate_a: Floats, rate_b: Floats) -> tuple[Floats, Floats]:
    """The same for log(rate_b / rate_a): unseen units that decide for one side alone; infinite at zero."""
    shares = (unseen_share(level, sides[..., side]) for side in (0, -1))
    down, up = (
        np.log1p(share / np.maximum(1 - share, 1e-12) / np.where(rate > 0, rate, np.nan))
        for share, rate in zip(shares, (rate_a, rate_b), strict=True)
    )
    return np.where(np.isnan(down), np.inf, down), np.where(np.isnan(up), np.inf, up)


def clusters_to_decide(
    *, half: float, distance: float, units: int, kept: float = 0.0, unseen_level: float | None = None,
    effective: float = 0.0, size: float = 0.0,
) -> int | None:  # fmt: skip
    """How many clusters bring a half-width of `half` (with `units`) to `distance`; None where they cannot.

    `kept` is the share of the variance that does not shrink with more clusters. `unseen_level`: the half-width is that
    of a difference of rates, with what clusters at this level may have missed; the scatter rests on `effective`
    of them that deviate by `size`.
    """
    if distance <= 0 or (half <= 0 and unseen_level is None):
        return None
    room = (distance / half) ** 2 - kept if half > 1e-12 * distance else np.inf
    if room <= 0:
        return None
    least = max(int(np.ceil(round(units * (1 - kept) / room, 6))), 1)
    if unseen_level is None:
        return least
    if distance >= 1:
        return None
    seen = int(np.ceil(round(np.log((1 - unseen_level) / 2) / np.log1p(-distance), 6)))
    first = max(least, seen) if effective <= 0 else least
    counts = np.arange(first, first + min(10 * first, MOST_CLUSTERS))
    unseen = unseen_share(unseen_level, counts) * seen_part(effective * counts / units, size)
    square = half**2 * (kept + (1 - kept) * units / counts) + unseen**2
    enough = counts[square <= distance**2 * (1 + 1e-9)]
    return int(enough[0]) if len(enough) else None
