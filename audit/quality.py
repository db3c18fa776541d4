"""Whether an explanation can be relied on: every bar it misses, in words.

Bars: credits that should add up do (to 1e-4 of the total, or of 1); methods order the players alike (Spearman 0.8);
the largest standard error is at most a quarter of the largest credit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from audit.protocols import Credits

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ADDITIVITY = 1e-4
AGREEMENT = 0.8
SAMPLING = 0.25
NOTHING = 1e-5
"""Credits below this are rounding: scores agree to 1e-5 where batches differ."""


def misses(name: str, found: Mapping[str, Credits], *, adds_up: bool) -> list[str]:
    """The bars that the credits of method `name` miss; `found` holds the credits of every method for the same game."""
    credits = found[name]
    checks = [
        _additivity(credits) if adds_up else "",
        _sampling(credits),
        *(_agreement(name, other, credits, peer) for other, peer in found.items() if other != name),
    ]
    return [miss for miss in checks if miss]


def explained_nothing(credits: Credits) -> bool:
    """Whether every credit is zero but for rounding: the score does not depend on any player."""
    import numpy as np

    return bool(np.abs(credits.values).sum() <= NOTHING)


def spearman(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Rank correlation of two rows of credits; NaN for fewer than three players or a constant row."""
    import numpy as np
    from scipy.stats import rankdata

    ranks_one, ranks_other = (rankdata(np.round(row / NOTHING)) for row in (one, other))
    if len(one) < 3 or np.ptp(ranks_one) == 0 or np.ptp(ranks_other) == 0:
        return float("nan")
    return float(np.corrcoef(ranks_one, ranks_other)[0, 1])


def _additivity(credits: Credits) -> str:
    gap = abs(float(credits.values.sum()) - credits.total)
    return (
        f"the credits miss their total by {gap:.2g}"
        if gap > ADDITIVITY * max(1.0, abs(credits.total))
        else ""
    )


def _sampling(credits: Credits) -> str:
    import numpy as np

    error, largest = (
        float(np.max(credits.errors, initial=0.0)),
        float(np.max(np.abs(credits.values), initial=0.0)),
    )
    if error <= max(NOTHING, SAMPLING * largest):
        return ""
    return f"the sampling error ({error:.2g}) is large beside the largest credit ({largest:.2g})"


def _agreement(name: str, other: str, credits: Credits, peer: Credits) -> str:
    agreement = spearman(credits.values, peer.values)
    return (
        f"{name} and {other} order the words differently (Spearman {agreement:.2f})"
        if agreement < AGREEMENT
        else ""
    )
