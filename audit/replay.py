"""Replaying explainers on the scores of prompts: what a game wants asked, and what methods make of the scores.

Methods, pairs and quality checks share one table of a game. Games of as many players that are asked for the same
coalitions are played in one run of the explainer, as its outputs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from audit.carried import with_noise
from audit.cells import Cell
from audit.explanation import Outcome
from audit.games import Coalitions, all_coalitions, requested
from audit.noise import Noise, joined
from audit.orders import FEW_ORDERS, MANY_ORDERS, order_of, random_orders, wanted_by, worths
from audit.playing import Interacts, looked_up, played
from audit.protocols import Attributor, Credits
from audit.quality import Judged, additivity, checks

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]

Methods = Mapping[str, Attributor | Interacts]
AT_ONCE = 2**22
"""Worths that one run of an explainer is given at most."""


@dataclass(slots=True)
class Known:
    """Scores of coalition prompts by id, and why others have none."""

    values: dict[str, float] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    noise: Noise | None = None
    """How exactly the scores are known; None where nothing is drawn."""

    def learn(self, scores: pd.DataFrame, metric: str, noise: Noise | None = None) -> None:
        """Takes the rows of the table `scores` that are scores of prompts by this metric."""
        import numpy as np

        mine = (scores["metric"] == metric) & (scores["arm"] == "swap") & (scores["item"] == "")
        answers = scores[mine]
        self.noise = joined(self.noise, noise)
        values = answers["value"].to_numpy(dtype=float)
        usable = np.isfinite(values)
        self.values.update(zip(answers["prompt_id"][usable], values[usable].tolist(), strict=True))
        self.reasons.update(zip(answers["prompt_id"], answers["reason"], strict=True))

    def lacking(self, needed: Iterable[str]) -> str:
        """Which of these have no score and why most of them have none; empty if all have one."""
        reasons = Counter(self._reason(name) for name in needed if name not in self.values)
        if not reasons:
            return ""
        ((reason, _),) = reasons.most_common(1)
        return f"{reasons.total()} of its prompts have no score ({reason})"

    def _reason(self, prompt_id: str) -> str:
        if prompt_id not in self.reasons:
            return "not asked"
        return self.reasons[prompt_id] or "no finite number"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """The coalitions of a game that are asked for: by each method, and in all."""

    every: Mask
    by_method: Mapping[str, Mask]
    refused: Mapping[str, str]
    """Method → why it cannot be played."""
    orders: NDArray[np.int64]
    """Random orders that the order of the credits is set against; their coalitions are asked for."""
    full: bool
    """Whether these are all coalitions that there are."""


def wanted_in(methods: Methods, players: int, *, seed: int, enumerated: int) -> Wanted:
    """What a game of so many players asks for; every coalition up to `enumerated`, without methods only the full."""
    sampled = any(not seedless(method, players) for method in methods.values())
    return _wanted(
        tuple(methods.items()), players, seed if sampled or players > enumerated else 0, enumerated
    )


@lru_cache(maxsize=256)
def _wanted(
    methods: tuple[tuple[str, Attributor | Interacts], ...], players: int, seed: int, enumerated: int
) -> Wanted:
    import numpy as np

    if not players:
        empty = np.zeros((0, 0), dtype=np.bool_)
        return Wanted(
            every=empty, by_method={}, refused={}, orders=np.zeros((0, 0), dtype=np.int64), full=True
        )
    refused = {name: why for name, method in methods if (why := _refusal(method, players))}
    by_method = {
        name: all_coalitions(players)
        if isinstance(method, Interacts)
        else requested(method, players, seed=seed)
        for name, method in methods
        if name not in refused
    }
    if players <= enumerated:
        orders = random_orders(players, count=MANY_ORDERS, seed=0)
        every = all_coalitions(players) if methods else np.ones((1, players), dtype=np.bool_)
    else:
        orders = _walked(methods, players, seed)
        ends = np.concatenate([np.eye(players), np.zeros((1, players))]).astype(np.bool_)
        parts = [*by_method.values(), wanted_by(orders), ~ends, ends[-1:]]
        every = np.unique(np.concatenate(parts), axis=0) if methods else ~ends[-1:]
    return Wanted(
        every=every, by_method=by_method, refused=refused, orders=orders, full=players <= enumerated
    )


def _walked(
    methods: Sequence[tuple[str, Attributor | Interacts]], players: int, seed: int
) -> NDArray[np.int64]:
    """The orders in which a method walks anyway, else as many random ones."""
    for _, method in methods:
        walks = getattr(method, "orders", None)
        if walks is not None:
            found: NDArray[np.int64] = walks(players, seed=seed)
            if len(found) >= FEW_ORDERS:
                return found
    return random_orders(players, count=FEW_ORDERS, seed=seed)


def adds_up(method: Attributor | Interacts) -> bool:
    """Whether the credits of a method add up to the whole by design."""
    return bool(getattr(method, "adds_up", False))


def seedless(method: Attributor | Interacts, players: int) -> bool:
    """Whether a method samples nothing in games of so many players."""
    tells = getattr(method, "seedless", None)
    return isinstance(method, Interacts) or bool(tells and tells(players))


def _refusal(method: Attributor | Interacts, players: int) -> str:
    tells = getattr(method, "refuses", None)
    return str(tells(players)) if tells else ""


@dataclass(slots=True)
class Played:
    """One game with its prompts, and what the methods made of their scores."""

    coalitions: Coalitions
    seed: int
    wanted: Wanted
    cell: Cell
    base: str
    """Prompt whose coalitions these are."""
    labels: tuple[str, ...]
    log_odds: bool
    found: dict[str, Credits] = field(default_factory=dict)
    together: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    """What players do alone and together, by method."""
    lacking: dict[str, str] = field(default_factory=dict)

    def own_orders(self) -> Mask:
        """Coalitions that the orders of the credits need, of a game that was not asked for all."""
        import numpy as np

        players = len(self.coalitions.game.players)
        if self.wanted.full or not self.found:
            return np.zeros((0, players), dtype=np.bool_)
        own = [order_of(credits.values, credits.total) for credits in self.found.values()]
        return np.unique(np.concatenate([wanted_by(order) for order in own]), axis=0)

    def outcomes(self, methods: Methods, known: Known) -> list[Outcome]:
        """What every method made of the game, each judged beside the others."""
        if not self.coalitions.game.players:
            return []
        game = self._judged(methods, known)
        made = [self._outcome(name, game) for name in self.wanted.by_method if name not in self.together]
        refused = [self._bare(name, why) for name, why in self.wanted.refused.items()]
        return [*made, *refused, *(self._interactions(name, known) for name in self.together)]

    def _judged(self, methods: Methods, known: Known) -> Judged:
        import numpy as np

        every = self.wanted.every
        if not self.wanted.full:
            every = np.array([np.frombuffer(key, dtype=np.bool_) for key in self.coalitions.ids])
        odds = self.log_odds and len(self.coalitions.game.terms) == 1
        values = self.coalitions.values(every, known.values, odds=odds)
        return Judged(
            found=self.found, adds_up={name: adds_up(methods[name]) for name in self.found}, labels=self.labels,
            known=worths(every, values), orders=self.wanted.orders,
        )  # fmt: skip

    def _outcome(self, name: str, game: Judged) -> Outcome:
        rows, incongruent = self._counts(self.wanted.by_method[name])
        return Outcome(
            method=name, players=self.coalitions.game.players, operator=self.coalitions.game.operator, rows=rows,
            incongruent=incongruent, credits=self.found.get(name),
            checks=tuple(checks(name, game)) if name in self.found else (), lacking=self.lacking.get(name, ""),
        )  # fmt: skip

    def _bare(self, name: str, why: str) -> Outcome:
        """A method that could not be played."""
        game = self.coalitions.game
        return Outcome(method=name, players=game.players, operator=game.operator, rows=0, lacking=why)

    def _interactions(self, name: str, known: Known) -> Outcome:
        import numpy as np

        matrix, game = self.together[name], self.coalitions.game
        players = len(game.players)
        partners = [(i, i) for i in range(players)]
        partners += [(i, j) for i in range(players) for j in range(i + 1, players)]
        values = np.array([matrix[i, j] * (1 if i == j else 2) for i, j in partners])
        none, full = self.coalitions.values(all_coalitions(players)[[0, -1]], known.values)
        errors = np.full(len(values), 0.0 if known.noise is None else np.nan)
        credits = Credits(values=values, errors=errors, base_value=float(none), total=float(full - none))
        rows, incongruent = self._counts(self.wanted.by_method[name])
        return Outcome(
            method=name, players=game.players, operator=game.operator, rows=rows, incongruent=incongruent,
            credits=credits, partners=tuple(partners),
            checks=(additivity(abs(float(values.sum()) - credits.total), credits.total),),
        )  # fmt: skip

    def _counts(self, masks: Mask) -> tuple[int, int]:
        """How many prompts a method needed, and how many of them mix the cues of groups into nobody's prompt."""
        needed = self.coalitions.needed(masks)
        mixed = needed - set(self.cell.prompts) if self.coalitions.game.kind == "swap" else ()
        return len(needed), len(mixed)


def replay(tables: Iterable[Played], methods: Methods, known: Known, *, only: str = "") -> None:
    """Credits of all games (by one method, where that is named) whose scores are known, or why there are none."""
    groups: dict[tuple[str, int, int], list[Played]] = {}
    for table in tables:
        table.found, table.together, table.lacking = {}, {}, {}
        players = len(table.coalitions.game.players)
        for name, masks in table.wanted.by_method.items():
            if only and name != only:
                continue
            why = known.lacking(table.coalitions.needed(masks))
            if why:
                table.lacking[name] = why
                continue
            seed = 0 if seedless(methods[name], players) else table.seed
            groups.setdefault((name, players, seed), []).append(table)
    for (name, _, seed), group in groups.items():
        masks = group[0].wanted.by_method[name]
        for some in _portions(group, AT_ONCE // len(masks)):
            _play(some, name, methods[name], masks, seed=seed, known=known)


def _play(
    tables: Sequence[Played], name: str, method: Attributor | Interacts, masks: Mask, *, seed: int, known: Known
) -> None:  # fmt: skip
    """One run of the explainer for all these games."""
    import numpy as np

    columns = np.column_stack([table.coalitions.values(masks, known.values) for table in tables])
    if isinstance(method, Interacts):
        found = method.interactions(masks.shape[1], looked_up(masks, columns))
        for number, table in enumerate(tables):
            table.together[name] = found[:, :, number]
        return
    for table, credits in zip(tables, played(method, masks, columns, seed=seed), strict=True):
        table.found[name] = with_noise(credits, method, table.coalitions, seed=seed, noise=known.noise)


def _portions(tables: Sequence[Played], size: int) -> Iterator[Sequence[Played]]:
    for first in range(0, len(tables), max(size, 1)):
        yield tables[first : first + max(size, 1)]
