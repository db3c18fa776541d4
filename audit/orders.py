"""Whether credits name what counts: what the score loses when players with much credit go first, against other orders.

    comprehensiveness  mean over k of  v(all) - v(all but the first k)     large: what was named first was needed
    sufficiency        mean over k of  v(all) - v(the first k alone)       small: what was named first is enough

k runs from 1 to n - 1 (DeYoung et al. 2020 take the first 1, 5, 10, 20 and 50 % of the words; players are few). Both
point the way in which all players together move the score. For log-odds of one prompt they are on the scale of
probabilities; for a difference of two they stay on that of the credits.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]
    Order = NDArray[np.int64]

ALL_ORDERS = 5
"""Players up to which every order is tried (120)."""
MANY_ORDERS = 200
FEW_ORDERS = 20
"""Orders where each is asked for: the best of them is their 95th percentile."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Worths:
    """What the coalitions of one game are worth on the scale of these measures; NaN where nobody asked."""

    codes: NDArray[np.int64]
    values: NDArray[np.float64]

    def of(self, masks: Mask) -> NDArray[np.float64]:
        """The worth of coalitions of shape (…, players), shape (…)."""
        import numpy as np

        asked = codes_of(masks)
        place = np.minimum(np.searchsorted(self.codes, asked), len(self.codes) - 1)
        return np.where(self.codes[place] == asked, self.values[place], np.nan)

    @property
    def range(self) -> float:
        """How far the worths of coalitions lie apart."""
        import numpy as np

        return float(np.nanmax(self.values) - np.nanmin(self.values))


def worths(masks: Mask, values: NDArray[np.float64]) -> Worths:
    """A table of these coalitions."""
    import numpy as np

    codes = codes_of(masks)
    order = np.argsort(codes)
    return Worths(codes=codes[order], values=values[order])


def codes_of(masks: Mask) -> NDArray[np.int64]:
    """A whole number for each coalition, shape (…)."""
    import numpy as np

    return np.asarray(masks.astype(np.int64) @ (1 << np.arange(masks.shape[-1], dtype=np.int64)))


def random_orders(players: int, *, count: int, seed: int) -> Order:
    """Every order of few players, else `count` random ones; shape (orders, players)."""
    import numpy as np

    if players <= ALL_ORDERS:
        return np.array(list(permutations(range(players))), dtype=np.int64)
    rng = np.random.default_rng([players, seed])
    return np.stack([rng.permutation(players) for _ in range(count)]).astype(np.int64)


def order_of(credits: NDArray[np.float64], total: float) -> Order:
    """The players by credit, first the one that moves the score most the way all of them do; shape (1, players)."""
    import numpy as np

    return np.argsort(-credits if total >= 0 else credits, kind="stable")[None, :]


def firsts(orders: Order) -> Mask:
    """The coalitions of the first 1 … n - 1 players of each order, shape (orders, n - 1, n)."""
    import numpy as np

    players = orders.shape[1]
    place = np.argsort(orders, axis=1)
    return np.asarray(place[:, None, :] < np.arange(1, players)[None, :, None])


def wanted_by(orders: Order) -> Mask:
    """Every coalition that the measures of these orders need, shape (rows, players)."""
    import numpy as np

    first = firsts(orders).reshape(-1, orders.shape[1])
    return np.concatenate([first, ~first])


def measured(orders: Order, known: Worths, total: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Comprehensiveness and sufficiency of each order; NaN where a coalition was not asked for."""
    import numpy as np

    first = firsts(orders)
    full = known.of(np.ones((1, orders.shape[1]), dtype=np.bool_))
    way = 1.0 if total >= 0 else -1.0
    without, alone = known.of(~first).mean(axis=1), known.of(first).mean(axis=1)
    return way * (full - without), way * (full - alone)
