"""Whether an explanation can be relied on: every criterion with its bar, and what misses it in words.

Bars: credits that should add up do (to 1e-4 of the total, or of 1); SHAP and LIME order the players alike (Spearman
0.8); at most one random order in twenty is more comprehensive, by more than a fiftieth of how far coalitions differ;
estimates of two seeds order the players alike (Spearman 0.9); the largest standard error is at most a quarter of the
largest credit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from audit.orders import Worths, measured, order_of
from audit.protocols import Credits

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ADDITIVITY = 1e-4
AGREEMENT = 0.8
COMPREHENSIVENESS = 0.95
MATERIAL = 0.02
"""Part of how far coalitions differ in worth below which one order is no more comprehensive than another."""
STABILITY = 0.9
SAMPLING = 0.25
NOTHING = 1e-5
"""Credits below this are rounding: scores agree to 1e-5 where batches differ."""
LEAST_ORDERED = 4
"""Players from which one order can be better than nineteen in twenty."""
NAN = float("nan")
INFORMATION = "information, without a bar"


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One criterion of one explanation; where no bar `applies`, `met` says nothing and `note` says why."""

    criterion: str
    value: float
    bar: float = NAN
    applies: bool = True
    met: bool = False
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """One game with the credits of every method, and what they are judged by."""

    found: Mapping[str, Credits]
    adds_up: Mapping[str, bool]
    """Method → whether its credits add up by design: SHAP's do, LIME's do not."""
    labels: Sequence[str] = ()
    """The players in words."""
    known: Worths | None = None
    orders: NDArray[np.int64] | None = None
    """Random orders whose coalitions are `known`."""


def checks(name: str, game: Judged) -> list[Check]:
    """Every criterion for the credits of method `name`."""
    credits = game.found[name]
    return [
        *([_additivity(credits)] if game.adds_up[name] else []),
        *_agreement(name, game),
        *_faithful(credits, game),
        _stability(credits),
        *_left_out(credits, game),
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

    ranks_one, ranks_other = _ranks(one), _ranks(other)
    if len(one) < 3 or np.ptp(ranks_one) == 0 or np.ptp(ranks_other) == 0:
        return NAN
    return float(np.corrcoef(ranks_one, ranks_other)[0, 1])


def kendall(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Kendall's tau-b of two rows; NaN where one of them is constant."""
    import numpy as np

    signs = [np.sign(np.subtract.outer(row, row)) for row in (_rounded(one), _rounded(other))]
    untied = float(np.sqrt((signs[0] ** 2).sum() * (signs[1] ** 2).sum()))
    return float((signs[0] * signs[1]).sum() / untied) if untied else NAN


def additivity(missing: float, total: float) -> Check:
    """Whether credits that miss their total by so much add up."""
    bar = ADDITIVITY * max(1.0, abs(total))
    return _at_most("additivity", missing, bar, f"the credits miss their total by {missing:.2g}")


def _additivity(credits: Credits) -> Check:
    return additivity(abs(float(credits.values.sum()) - credits.total), credits.total)


def _agreement(name: str, game: Judged) -> list[Check]:
    """The method's order beside that of the method of the other kind that differs most from it."""
    credits = game.found[name]
    others = {
        other: spearman(credits.values, peer.values)
        for other, peer in game.found.items()
        if game.adds_up[other] != game.adds_up[name]
    }
    if not others:
        return []
    other, agreement = min(others.items(), key=lambda item: (item[1] == item[1], item[1]))
    if agreement != agreement:
        return [_open("agreement", not_ranked(len(credits.values)))]
    met = agreement >= AGREEMENT
    note = "" if met else _disagreement(name, other, game, agreement)
    return [Check(criterion="agreement", value=agreement, bar=AGREEMENT, met=met, note=note)]


def _disagreement(name: str, other: str, game: Judged, agreement: float) -> str:
    """How two methods differ, with the words on which they differ most."""
    import numpy as np

    said = f"{name} and {other} order the words differently (Spearman {agreement:.2f})"
    if not game.labels:
        return said
    mine, theirs = (_ranks(-game.found[method].values) for method in (name, other))
    worst = int(np.argmax(np.abs(mine - theirs)))
    places = f"number {mine[worst]:g} of {len(mine)} for {name}, number {theirs[worst]:g} for {other}"
    return f'{said}, most of all "{game.labels[worst]}": {places}'


def _faithful(credits: Credits, game: Judged) -> list[Check]:
    """Comprehensiveness against random orders, and sufficiency beside it."""
    import numpy as np

    if game.known is None or game.orders is None:
        return []
    names = ("comprehensiveness", "sufficiency")
    if len(credits.values) < LEAST_ORDERED:
        return [_open(name, "fewer than four players: no order could stand out") for name in names]
    ours = [
        float(row[0]) for row in measured(order_of(credits.values, credits.total), game.known, credits.total)
    ]
    random, beside = measured(game.orders, game.known, credits.total)
    if not np.isfinite([*ours, *random, *beside]).all():
        return [_open(name, "some of its prompts have no score") for name in names]
    middle = f"{INFORMATION}; the middle of random orders is {np.median(beside):.3g}"
    sufficient = Check(criterion=names[1], value=ours[1], applies=False, note=middle)
    if np.ptp(random) <= NOTHING:
        return [_open(names[0], "every order does the same", value=ours[0]), sufficient]
    bar = float(np.quantile(random, COMPREHENSIVENESS, method="higher"))
    met = ours[0] >= bar - max(NOTHING, MATERIAL * game.known.range)
    note = (
        f"random orders of leaving words out change the score more ({bar:.3g}) than its own ({ours[0]:.3g})"
    )
    return [Check(criterion=names[0], value=ours[0], bar=bar, met=met, note="" if met else note), sufficient]


def _stability(credits: Credits) -> Check:
    """Whether two seeds order the players alike; 1 where nothing is sampled."""
    if not credits.halves:
        return Check(criterion="stability", value=1.0, bar=STABILITY, met=True)
    alike = spearman(*credits.halves[:2])
    if alike != alike:
        return _open("stability", not_ranked(len(credits.values)))
    met = alike >= STABILITY
    note = f"two seeds order the words differently (Spearman {alike:.2f})"
    return Check(criterion="stability", value=alike, bar=STABILITY, met=met, note="" if met else note)


def _left_out(credits: Credits, game: Judged) -> list[Check]:
    """How the order goes with what leaving out one player alone does."""
    import numpy as np

    if game.known is None:
        return []
    players = len(credits.values)
    full, *without = game.known.of(
        np.concatenate([np.ones((1, players)), 1 - np.eye(players)]).astype(np.bool_)
    )
    if not np.isfinite([full, *without]).all():
        return []
    tau = kendall(credits.values, full - np.array(without))
    return [Check(criterion="leave_one_out", value=tau, applies=False, note=INFORMATION)]


def _sampling(credits: Credits) -> Check:
    import numpy as np

    error, largest = (
        float(np.max(credits.errors, initial=0.0)),
        float(np.max(np.abs(credits.values), initial=0.0)),
    )
    note = f"the sampling error ({error:.2g}) is large beside the largest credit ({largest:.2g})"
    return _at_most("sampling", error, max(NOTHING, SAMPLING * largest), note)


def _rounded(row: NDArray[np.float64]) -> NDArray[np.float64]:
    import numpy as np

    return np.asarray(np.round(row / NOTHING))


def _ranks(row: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 1, the smallest first; what is equal but for rounding shares its mean rank."""
    import numpy as np

    _, place, count = np.unique(_rounded(row), return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(count) - (count - 1) / 2)[place.reshape(-1)])


def not_ranked(players: int) -> str:
    """Why credits have no rank correlation."""
    return "fewer than three players" if players < 3 else "credits that are all the same have no order"


def _open(criterion: str, note: str, *, value: float = NAN) -> Check:
    """A criterion whose bar cannot be applied."""
    return Check(criterion=criterion, value=value, applies=False, note=note)


def _at_most(criterion: str, value: float, bar: float, note: str) -> Check:
    met = value <= bar
    return Check(criterion=criterion, value=value, bar=bar, met=met, note="" if met else note)
