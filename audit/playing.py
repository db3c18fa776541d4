"""Playing coalition games with a method: many games with the same players at once, from one run of its explainer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from audit.games import requested
from audit.protocols import Attributor, Credits, Weights

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]
    Value = Callable[[Mask], NDArray[np.float64]]


@runtime_checkable
class PlaysMany(Protocol):
    """Credits of many games with the same players at once."""

    def many(self, players: int, value: Value, *, seed: int) -> list[Credits]:
        """`value` maps masks of shape (rows, players) to worths (rows, games); one `Credits` a game."""
        ...


@runtime_checkable
class Interacts(Protocol):
    """What two players do together beyond what each does alone."""

    def interactions(self, players: int, value: Value) -> NDArray[np.float64]:
        """`value` as above → (players, players, games): alone on the diagonal, halves of interactions elsewhere."""
        ...


def gains(players: int, value: Value) -> tuple[NDArray[np.float64], NDArray[np.float64], Value]:
    """What none and all are worth, shape (games,), and the value function less the former."""
    import numpy as np

    none, full = value(np.array([[False] * players, [True] * players]))
    return none, full, lambda masks: np.asarray(value(masks) - none)


def credits_of_each(
    values: NDArray[np.float64],
    *,
    none: NDArray[np.float64],
    full: NDArray[np.float64],
    errors: NDArray[np.float64] | None = None,
    halves: NDArray[np.float64] | None = None,
) -> list[Credits]:
    """The credits of each game from arrays of shape (players, games); `halves` has one such array a seed."""
    import numpy as np

    rows = np.asarray(values, dtype=np.float64).reshape(-1, len(none))
    spread = np.zeros_like(rows) if errors is None else errors
    return [
        Credits(
            values=rows[:, game], errors=spread[:, game], base_value=float(none[game]),
            total=float(full[game] - none[game]), halves=() if halves is None else tuple(halves[:, :, game]),
        )
        for game in range(len(none))
    ]  # fmt: skip


def one_game(many: Callable[..., list[Credits]], players: int, value: Value, *, seed: int) -> Credits:
    """The only game of a method that plays many; `value` gives one number a row."""
    (found,) = many(players, lambda masks: value(masks)[:, None], seed=seed)
    return found


def played(method: Attributor, masks: Mask, worths: NDArray[np.float64], *, seed: int) -> list[Credits]:
    """Credits of games that are worth `worths` (rows, games) at the distinct coalitions `masks`."""
    players = masks.shape[1]
    if isinstance(method, PlaysMany):
        return method.many(players, looked_up(masks, worths), seed=seed)
    columns = (looked_up(masks, worths[:, game]) for game in range(worths.shape[1]))
    return [method.attribute(players, value, seed=seed) for value in columns]


def looked_up(masks: Mask, worths: NDArray[np.float64]) -> Value:
    """A value function that knows the coalitions `masks` alone; KeyError for any other."""
    import numpy as np

    place = {key: number for number, key in enumerate(keys_of(masks))}
    return lambda asked: worths[np.array([place[key] for key in keys_of(asked)], dtype=np.intp)]


def keys_of(masks: Mask) -> Sequence[bytes]:
    """What tells coalitions apart."""
    import numpy as np

    return [mask.tobytes() for mask in np.ascontiguousarray(masks, dtype=np.bool_)]


def played_weights(method: Attributor, players: int, *, seed: int) -> Weights:
    """The weights of a method whose credits are linear: its credits of games in which a single coalition counts."""
    import numpy as np

    masks = requested(method, players, seed=seed)
    found = played(method, masks, np.eye(len(masks)), seed=seed)
    return Weights(masks=masks, values=np.array([each.values for each in found]).T)
