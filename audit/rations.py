"""Rations: which explanations fit into a budget of requests.

The order is stated: first the swap games of pairs with the largest differences (and of pairs that were asked for by
their ids), then those of the random sample, then all other games in the same order. The first game that does not fit
ends it, so that what is left out was not picked by its price.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from audit.records import Exclusion, Game, content_id
from audit.samples import CELL

if TYPE_CHECKING:
    import pandas as pd

AT_A_TIME = 50_000
"""Ids that are Python's objects at once."""
Place = tuple[Any, ...]
Turn = tuple[Place, Mapping[str, Any], tuple[Game, ...]]
"""A cell's place, one of its pairs, and the games of it whose turn it is."""


class Answered(Mapping[str, int]):
    """How many answers the prompts of a table get anyway, by their ids.

    Sorted bytes and numbers: a dict of a million ids would take 0.2 GB for as long as pairs are explained.
    """

    def __init__(self, prompts: pd.DataFrame) -> None:
        import numpy as np

        ids = [
            prompts["prompt_id"].iloc[first : first + AT_A_TIME].to_numpy(object).astype("S")
            for first in range(0, len(prompts), AT_A_TIME)
        ]
        self._ids, first = np.unique(np.concatenate(ids or [np.array([], "S")]), return_index=True)
        self._counts = prompts["repeats"].to_numpy("int32")[first]

    def __getitem__(self, prompt_id: str) -> int:
        wanted = prompt_id.encode()
        place = int(self._ids.searchsorted(wanted))
        if place < len(self._ids) and self._ids[place] == wanted:
            return int(self._counts[place])
        raise KeyError(prompt_id)

    def __iter__(self) -> Iterator[str]:
        return (found.decode() for found in self._ids.tolist())

    def __len__(self) -> int:
        return len(self._ids)


@dataclass(kw_only=True, slots=True)
class Ration:
    """Requests that explanations may take, as they are used up."""

    limit: int
    """0: no limit."""
    repeats: int
    """Answers to each prompt."""
    answered: Mapping[str, int]
    """How many answers there are already, by prompt."""
    used: int = 0
    too_much: int = 0
    """Requests of the first game that did not fit."""
    left_out: Counter[Game] = field(default_factory=Counter)

    def admits(self, kind: Game, prompts: Sequence[str]) -> bool:
        """Whether a game with these new prompts fits; it is counted either way."""
        if not self.too_much and self.takes(prompts):
            return True
        self.too_much = self.too_much or self._price(prompts)
        self.left_out[kind] += 1
        return False

    def takes(self, prompts: Sequence[str]) -> bool:
        """Whether these new prompts fit; they are counted if they do."""
        price = self._price(prompts)
        if self.limit and self.used + price > self.limit:
            return False
        self.used += price
        return True

    def _price(self, prompts: Sequence[str]) -> int:
        return sum(max(0, self.repeats - self.answered.get(name, 0)) for name in prompts)

    def exclusions(self) -> list[Exclusion]:
        """What was left out, by game."""
        left = max(0, self.limit - self.used)
        reason = f"{left:,} of {self.limit:,} requests are left, and the next game takes {self.too_much:,}"
        if not self.used:
            reason = f"{self.limit:,} requests are too few for a single game, which takes {self.too_much:,}"
        return [
            Exclusion(what=f"explanations: {kind} games", reason=reason, count=count)
            for kind, count in sorted(self.left_out.items())
        ]


def turns(
    chosen: pd.DataFrame, deltas: pd.DataFrame, *, games: Sequence[Game], limited: bool, seed: int
) -> Iterator[Turn]:
    """Which games of which pairs come one after the other; without a limit, pair by pair.

    `chosen` are pairs with their samples, `deltas` their differences.
    """
    if not limited:
        for row in chosen.to_dict("records"):
            yield _place(row), _named(row), tuple(games)
        return
    size = deltas.assign(size=deltas["delta"].abs()).drop_duplicates("pair_id").set_index("pair_id")["size"]
    rows = chosen.assign(
        size=chosen["pair_id"].map(size).fillna(0.0),
        draw=[content_id("ration", seed, *map(str, _place(row))) for row in chosen.to_dict("records")],
        late=chosen["sample"] == "random",
    )
    largest = rows[~rows["late"]].sort_values(["size", "pair_id"], ascending=[False, True])
    random = rows[rows["late"]].sort_values(["draw", "pair_id"])
    first, rest = [kind for kind in games if kind == "swap"], [kind for kind in games if kind != "swap"]
    for kinds in (first, rest):
        for sample in (largest, random) if kinds else ():
            for row in sample.to_dict("records"):
                yield _place(row), _named(row), tuple(kinds)


def _place(row: Mapping[Any, Any]) -> Place:
    return tuple(row[name] for name in CELL)


def _named(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): value for name, value in row.items()}
