"""Extent of explanations: how much is explained, and how closely."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from audit.attribution import ATTRIBUTORS
from audit.catalogue import load
from audit.errors import InputError
from audit.inside import Differentiates
from audit.playing import Interacts
from audit.protocols import Attributor
from audit.records import Game as GameKind

MOST_EXACT = 12
"""Players of a game with 4,096 coalitions, the most that are all asked."""
MOST_PLAYERS = 40


@dataclass(frozen=True, kw_only=True, slots=True)
class ExplainSettings:
    """How much is explained, and how closely. All of it is fixed before the first question."""

    axes: tuple[str, ...] = ()
    """Axes to explain; empty: every axis that is no intersection."""
    largest: int = 6
    """Pairs an axis with the largest differences, each of another template."""
    flips: int = 3
    """Pairs an axis in which the decision changed, drawn at random from all that are not among the largest."""
    random: int = 16
    """Cells (template, person) an axis drawn at random, in which all groups are explained."""
    pairs: tuple[str, ...] = ()
    """Ids of pairs that are explained whatever their difference; they are in no random sample."""
    methods: tuple[str, ...] = ("shap", "lime")
    """Explanation methods; LIME's play the removal game, those whose credits add up play all games."""
    players: int = 0
    """Most players of a game; above, neighbouring words are joined. 0: as many as are computed exactly."""
    exact: bool = False
    """Whether games of up to twelve players are computed from every coalition (4,096 prompts), not up to eight."""
    exact_up_to: int = 8
    """Most players of a game that is computed from every coalition where `exact` is not wanted."""
    passes: int = 5
    """Antithetic permutations with each of two seeds where a game has more players than that."""
    lime_samples: int = 300
    """Coalitions that LIME samples with each of two seeds where the removal game has more players than that."""
    kernel_samples: int = 512
    """Coalitions that KernelSHAP samples with each of two seeds where a game has more players than that."""
    games: tuple[GameKind, ...] = ("swap", "removal", "gap")
    """Games that are played."""
    repeats: int = 1
    """Answers to each prompt of a coalition, at least."""
    requests: int = 0
    """Most answers that explanations ask for; 0: no limit."""
    together: int = 1
    """How many answers to a prompt belong together, such as those to both orders of its options."""
    fixed_suffix: str = ""
    """The question at the end of the prompts, as the suite writes it: its words are no players."""
    log_odds: bool = False
    """Whether scores are log-odds, so that probabilities can be made of them."""

    def __post_init__(self) -> None:
        """InputError for a number that makes no explanation."""
        lowest = {
            "largest": 0, "flips": 0, "random": 0, "exact_up_to": 2, "passes": 3, "lime_samples": 50,
            "kernel_samples": 50, "repeats": 1, "requests": 0,
        }  # fmt: skip
        for name, least in lowest.items():
            if getattr(self, name) < least:
                raise InputError(f"explain: '{name}' is {getattr(self, name)}; allowed: at least {least}")
        if self.exact_up_to > MOST_EXACT:
            raise InputError(
                f"explain: 'exact_up_to' is {self.exact_up_to}; allowed: at most 12 (4,096 prompts a game)"
            )
        most = MOST_EXACT if self.exact else MOST_PLAYERS
        if self.players and not 2 <= self.players <= most:
            why = " in exact games" if self.exact else ""
            raise InputError(f"explain: 'players' is {self.players}; allowed: 2 to {most}{why}")

    @property
    def quotas(self) -> tuple[int, int, int]:
        """Pairs with the largest differences, with changed decisions, and cells drawn at random, of each axis."""
        return self.largest, self.flips, self.random

    @property
    def enumerated(self) -> int:
        """Most players of a game that is computed from every coalition."""
        return MOST_EXACT if self.exact else self.exact_up_to

    @property
    def limit(self) -> int:
        """Most players of a game."""
        return self.players or self.enumerated

    def attributors(self) -> dict[str, Attributor | Interacts]:
        """The methods of coalition games by name."""
        return {name: one for name, one in self._made().items() if isinstance(one, Attributor | Interacts)}

    def gradients(self) -> dict[str, Differentiates]:
        """The methods that need the opened model by name."""
        return {name: one for name, one in self._made().items() if isinstance(one, Differentiates)}

    def _made(self) -> dict[str, object]:
        """The methods by name, each made with those of these settings that it has fields for."""
        made: dict[str, object] = {}
        known = {item.name: getattr(self, item.name) for item in fields(self)}
        known["exact_up_to"] = self.enumerated
        beside = ["shap_interactions"] if "shap" in self.methods else []
        for name in dict.fromkeys([*self.methods, *beside]):
            method: Any = load(ATTRIBUTORS, "attribution", name)
            made[name] = method(**{f.name: known[f.name] for f in fields(method) if f.name in known})
        return made
