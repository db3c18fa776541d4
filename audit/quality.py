"""Whether an explanation can be relied on: every criterion with its bar, and what misses it in words.

Bars: credits that should add up do (to 1e-4 of the total, or of 1); methods order the players alike (Spearman 0.8);
the largest standard error is at most a quarter of the largest credit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
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
NAN = float("nan")


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One criterion of one explanation; where no bar `applies`, `met` says nothing and `note` says why."""

    criterion: str
    value: float
    bar: float = NAN
    applies: bool = True
    met: bool = False
    note: str = ""


def checks(name: str, found: Mapping[str, Credits], *, adds_up: bool) -> list[Check]:
    """Every criterion for the credits of method `name`; `found` holds those of every method for the same game."""
    credits = found[name]
    return [
        *([_additivity(credits)] if adds_up else []),
        *(_agreement(name, other, credits, peer) for other, peer in found.items() if other != name),
        _sampling(credits),
    ]


def misses(checked: Iterable[Check]) -> tuple[str, ...]:
    """The bars that are missed, in words."""
    return tuple(check.note for check in checked if check.applies and not check.met)


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
        return NAN
    return float(np.corrcoef(ranks_one, ranks_other)[0, 1])


def not_ranked(*rows: NDArray[np.float64]) -> str:
    """Why credits have no rank correlation."""
    few = len(rows[0]) < 3
    return "fewer than three players" if few else "credits that are all the same have no order"


def _additivity(credits: Credits) -> Check:
    gap = abs(float(credits.values.sum()) - credits.total)
    bar = ADDITIVITY * max(1.0, abs(credits.total))
    note = f"the credits miss their total by {gap:.2g}"
    return _at_most("additivity", gap, bar, note)


def _sampling(credits: Credits) -> Check:
    import numpy as np

    error, largest = (
        float(np.max(credits.errors, initial=0.0)),
        float(np.max(np.abs(credits.values), initial=0.0)),
    )
    note = f"the sampling error ({error:.2g}) is large beside the largest credit ({largest:.2g})"
    return _at_most("sampling", error, max(NOTHING, SAMPLING * largest), note)


def _agreement(name: str, other: str, credits: Credits, peer: Credits) -> Check:
    agreement = spearman(credits.values, peer.values)
    if agreement != agreement:
        note = not_ranked(credits.values)
        return Check(criterion="agreement", value=agreement, applies=False, note=note)
    met = agreement >= AGREEMENT
    note = "" if met else f"{name} and {other} order the words differently (Spearman {agreement:.2f})"
    return Check(criterion="agreement", value=agreement, bar=AGREEMENT, met=met, note=note)


def _at_most(criterion: str, value: float, bar: float, note: str) -> Check:
    met = value <= bar
    return Check(criterion=criterion, value=value, bar=bar, met=met, note="" if met else note)
