"""Two versions of one effect: whether it grew in size, from intervals of their difference and of their total.

|c| - |b| > L exactly where c - b and c + b are both above L, or both below -L. So the size of two effects with signs is
compared without a word on which of them is which.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from audit.stats import Floats, t_quantiles

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Flags = NDArray[np.bool_]

NODES = 48
"""Points of the quadrature over one of two normal numbers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ends:
    """Intervals of candidate - baseline and of candidate + baseline, one entry an effect; NaN without one."""

    low: Floats
    high: Floats
    total_low: Floats
    total_high: Floats


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What the intervals say of each effect; nowhere two of them."""

    worse: Flags
    better: Flags
    unchanged: Flags


def told(ends: Ends, limit_low: ArrayLike, limit_high: ArrayLike) -> Told:
    """worse: larger in size by more than the limit. better: smaller by more. unchanged: the difference within it.

    Limits that are not alike: the side counts on which the larger effect lies; unchanged is within the narrower one.
    """
    below, above = np.asarray(limit_low, float), np.asarray(limit_high, float)
    narrow = np.minimum(np.abs(below), np.abs(above))
    up, down = ends.total_low > above, ends.total_high < below
    return Told(
        worse=(up & (ends.low > above)) | (down & (ends.high < below)),
        better=(up & (ends.high < -above)) | (down & (ends.low > -below)),
        unchanged=(ends.low >= -narrow) & (ends.high <= narrow),
    )


def apart(
    baseline: tuple[Floats, Floats, Floats], candidate: tuple[Floats, Floats, Floats]
) -> tuple[Floats, Floats, Ends]:
    """Difference, total and their intervals from (estimate, low, high) of two runs taken as independent.

    For the difference the reaches of both intervals are added in squares, each on its own side (Zou and Donner 2008,
    "MOVER"): too wide where the two estimates go up and down together, as with the same prompts. Then their total
    scatters more than if they were independent, so its reaches are added as they are.
    """
    (b, b_low, b_high), (c, c_low, c_high) = baseline, candidate
    difference, total = c - b, c + b
    ends = Ends(
        low=difference - np.hypot(c - c_low, b_high - b),
        high=difference + np.hypot(c_high - c, b - b_low),
        total_low=total - (c - c_low) - (b - b_low),
        total_high=total + (c_high - c) + (b_high - b),
    )
    return difference, total, ends


def size_change(difference: Floats, total: Floats) -> Floats:
    """|c| - |b| from c - b and c + b."""
    return np.asarray(np.sign(difference * total) * np.minimum(np.abs(difference), np.abs(total)), float)


@dataclass(frozen=True, kw_only=True, slots=True)
class Errors:
    """Standard errors of difference and total, their degrees of freedom, and the correlation of both estimates."""

    difference: Floats
    total: Floats
    df: Floats
    total_df: Floats
    correlation: Floats


def detectable_growth(
    errors: Errors, size: Floats, limit: ArrayLike, level: ArrayLike, *, power: float
) -> Floats:
    """Growth in size from `size` on that is called worse with this power: limit + detectable difference.

    Both intervals have to lie beyond the limit; where the baseline shows no difference the total is no easier to tell
    than the difference, so the two are taken together as normal numbers, t quantiles for their reach.
    """
    tail = 1 - (1 - np.asarray(level, float)) / 2
    needed = t_quantiles(tail, errors.df), t_quantiles(tail, errors.total_df)
    low = np.asarray(limit, float) * np.ones_like(size)
    high = low + 40 * np.fmax(errors.difference, errors.total) + 1e-12
    usable = np.isfinite(errors.difference) & np.isfinite(errors.total) & np.isfinite(low)
    for _ in range(60):
        middle = (low + high) / 2
        reached = (
            _standing(middle - limit, errors.difference) - needed[0],
            _standing(middle + 2 * size - limit, errors.total) - needed[1],
        )
        enough = _both(*reached, errors.correlation) >= power
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return np.where(usable, high, np.nan)


def _standing(distance: Floats, error: Floats) -> Floats:
    """Distance in standard errors; far away where there is no error."""
    return np.where(error > 0, distance / np.where(error > 0, error, 1.0), np.sign(distance) * 1e3)


def _both(first: Floats, second: Floats, correlation: Floats) -> Floats:
    """Chance that two standard normal numbers of this correlation stay below `first` and below `second`."""
    from scipy.special import ndtr

    place, weight = np.polynomial.legendre.leggauss(NODES)
    top = np.clip(first, -8, 8)
    x = -8 + (top[..., None] + 8) * (place + 1) / 2
    rho = np.clip(np.nan_to_num(correlation), -0.999, 0.999)[..., None]
    density = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
    inner = ndtr((np.clip(second, -1e3, 1e3)[..., None] - rho * x) / np.sqrt(1 - rho**2))
    return np.asarray((weight * density * inner).sum(axis=-1) * (top + 8) / 2, float)
