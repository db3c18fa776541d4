"""Which words carry the difference: pairs → prompts to ask (`plan`), their scores → credits of words (`attribute`).

`plan` runs every explainer once to see which coalitions it wants, and hands out each distinct text once. After
`collect` and `score`, `more` says what else is wanted now, until that is nothing; then `attribute` runs the explainers
again on the table of scores: same seed, same coalitions, no model.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from audit.attribution import ATTRIBUTORS
from audit.catalogue import load
from audit.cells import Cell, cell_of
from audit.errors import InputError
from audit.explanation import (
    Explanation,
    Outcome,
    Row,
    attribution_rows,
    explanations_of,
    quality_rows,
    score_rows,
)
from audit.games import Coalitions, Game, gap_game, removal_game, requested, swap_game
from audit.players import differing, slot_players
from audit.protocols import Attributor, Credits
from audit.quality import Check, checks
from audit.records import ATTRIBUTIONS, PROMPTS, QUALITY, SCORES, Prompt, content_id
from audit.samples import CELL, chosen_pairs

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

MOST_EXACT = 12
"""Players of a game with 4,096 coalitions, the most that are all asked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExplainSettings:
    """How much is explained, and how closely. All of it is fixed before the first question."""

    axes: tuple[str, ...] = ()
    """Axes to explain; empty: every axis that is no intersection."""
    largest: int = 6
    """Pairs an axis with the largest differences, each of another template; these get the gap game too."""
    random: int = 16
    """Cells (template, person) an axis drawn at random, in which all groups are explained."""
    pairs: tuple[str, ...] = ()
    """Ids of pairs that are explained whatever their difference; they are in no random sample."""
    methods: tuple[str, ...] = ("shap", "lime")
    """Explanation methods of the removal game; swap and gap games use those whose credits add up."""
    players: int = 12
    """Most players of a removal game; above, neighbouring words are joined."""
    exact: bool = False
    """Whether games of up to twelve players are computed from every coalition (4,096 prompts), not up to eight."""
    exact_up_to: int = 8
    """Most players of a game that is computed from every coalition; swap and gap games never have more."""
    passes: int = 5
    """Antithetic permutations where the removal game has more players than that."""
    lime_samples: int = 300
    """Sampled coalitions of LIME where the removal game has more players than that."""
    fixed_suffix: str = ""
    """The question at the end of the prompts, as the suite writes it: its words are no players."""

    def __post_init__(self) -> None:
        """InputError for a number that makes no explanation."""
        lowest = {"largest": 0, "random": 0, "players": 2, "exact_up_to": 2, "passes": 2, "lime_samples": 50}
        for name, least in lowest.items():
            if getattr(self, name) < least:
                raise InputError(f"explain: '{name}' is {getattr(self, name)}; allowed: at least {least}")
        if self.exact_up_to > MOST_EXACT:
            raise InputError(
                f"explain: 'exact_up_to' is {self.exact_up_to}; allowed: at most 12 (4,096 prompts a game)"
            )

    @property
    def enumerated(self) -> int:
        """Most players of a game that is computed from every coalition."""
        return MOST_EXACT if self.exact else self.exact_up_to

    def attributors(self) -> dict[str, Attributor]:
        """The methods by name, each made with those of these settings that it has fields for."""
        made: dict[str, Attributor] = {}
        for name in self.methods:
            method: Any = load(ATTRIBUTORS, "attribution", name)
            known = {item.name: getattr(self, item.name) for item in fields(self)}
            known["exact_up_to"] = self.enumerated
            made[name] = method(**{f.name: known[f.name] for f in fields(method) if f.name in known})
        return made


@dataclass(frozen=True, kw_only=True, slots=True)
class Explained:
    """Credits of players, what can be said for them, and share and shift of each prompt of the random sample."""

    attributions: pd.DataFrame
    quality: pd.DataFrame
    scores: pd.DataFrame


@dataclass(frozen=True, kw_only=True, slots=True)
class _Table:
    """One game with its coalitions' prompts, and the coalitions that each method wants."""

    coalitions: Coalitions
    seed: int
    wanted: Mapping[str, NDArray[np.bool_]]


@dataclass(frozen=True, kw_only=True, slots=True)
class ExplainPlan:
    """What will be explained, and the prompts (arm `explain`) whose scores that needs."""

    prompts: pd.DataFrame
    metric: str
    attributors: Mapping[str, Attributor]
    explanations: tuple[Explanation, ...]
    tables: Mapping[tuple[str, ...], _Table]


@dataclass(slots=True)
class _Planner:
    """Tables and prompts as they grow."""

    settings: ExplainSettings
    mask_text: str | None
    attributors: Mapping[str, Attributor]
    explanations: list[Explanation] = field(default_factory=list)
    tables: dict[tuple[str, ...], _Table] = field(default_factory=dict)
    rows: dict[str, Row] = field(default_factory=dict)
    asked_for: dict[tuple[str, int, int], NDArray[np.bool_]] = field(default_factory=dict)

    def add(self, cell: Cell, pair: Mapping[str, Any], *, seed: int) -> None:
        """All explanations of one pair."""
        for explanation in explanations_of(cell, pair):
            self.explanations.append(explanation)
            if not explanation.problem and explanation.key not in self.tables:
                self.tables[explanation.key] = self._table(explanation, cell, seed=seed)

    def _table(self, explanation: Explanation, cell: Cell, *, seed: int) -> _Table:
        game = self._game(explanation, cell)
        coalitions = Coalitions(game=game)
        wanted = {
            name: self._masks(name, len(game.players), seed) for name in self._methods(game) if game.players
        }
        for masks in wanted.values():
            for prompt in coalitions.add(masks):
                if prompt.id not in self.rows:
                    self.rows[prompt.id] = _prompt_row(prompt, cell, base=explanation.prompt_id)
        return _Table(coalitions=coalitions, seed=seed, wanted=wanted)

    def _game(self, explanation: Explanation, cell: Cell) -> Game:
        (a, pieces_a), (b, pieces_b) = explanation.texts
        if explanation.kind == "swap":
            return swap_game(a, b, slot_players(b, differing(a, b), limit=self.settings.enumerated))
        if explanation.kind == "gap":
            return gap_game(a, b, pieces=(pieces_a, pieces_b), players=cell.context, mask_text=self.mask_text)
        prompt, pieces = explanation.texts[explanation.side != "a"]
        return removal_game(prompt, pieces, cell.removal, mask_text=self.mask_text)

    def _methods(self, game: Game) -> list[str]:
        """Swap and gap games are for credits that add up to the delta."""
        return [name for name, one in self.attributors.items() if game.kind == "removal" or _adds_up(one)]

    def _masks(self, name: str, players: int, seed: int) -> NDArray[np.bool_]:
        key = (name, players, seed)
        if key not in self.asked_for:
            self.asked_for[key] = requested(self.attributors[name], players, seed=seed)
        return self.asked_for[key]


def plan(
    prompts: pd.DataFrame, pairs: pd.DataFrame, deltas: pd.DataFrame, *,
    metric: str, settings: ExplainSettings, mask_text: str | None, seed: int,
) -> ExplainPlan:  # fmt: skip
    """Every prompt that the explanations of `metric` stand on; `mask_text` is the model's word for "nothing here"."""
    quotas = (settings.largest, settings.random)
    known = deltas[deltas["metric"] == metric]
    chosen = chosen_pairs(
        pairs, known, axes=settings.axes, quotas=quotas, requested=settings.pairs, seed=seed
    )
    planner = _Planner(settings=settings, mask_text=mask_text, attributors=settings.attributors())
    texts = _texts_of_cells(prompts, pairs, chosen)
    for place, rows in chosen.groupby(CELL, sort=True):
        cell = cell_of(
            texts[place],
            limit=settings.players,
            context_limit=settings.enumerated,
            fixed=settings.fixed_suffix,
        )
        for pair in rows.to_dict("records"):
            planner.add(
                cell,
                {str(name): value for name, value in pair.items()},
                seed=int(content_id("explain", seed, *place), 16) % 2**32,
            )
    return ExplainPlan(
        prompts=PROMPTS.frame(planner.rows.values()), metric=metric, attributors=planner.attributors,
        explanations=tuple(planner.explanations), tables=planner.tables,
    )  # fmt: skip


def more(plan: ExplainPlan, scores: pd.DataFrame) -> ExplainPlan:
    """The plan with the prompts that are wanted now that its prompts have these `scores`; empty: all is known."""
    return replace(plan, prompts=PROMPTS.frame())


def attribute(plan: ExplainPlan, scores: pd.DataFrame) -> Explained:
    """Credits from the scores of the plan's prompts; what could not be scored is an explanation with a reason."""
    answers = scores[(scores["metric"] == plan.metric) & (scores["arm"] == "swap") & (scores["item"] == "")]
    answered = answers[answers["value"].notna()]
    known = dict(zip(answered["prompt_id"], answered["value"].astype(float), strict=True))
    unknown = dict(zip(answers["prompt_id"], answers["reason"], strict=True))
    outcomes = {key: _played(plan, table, known, unknown) for key, table in plan.tables.items()}
    rows: list[Row] = []
    judged: list[Row] = []
    values: dict[str, list[Row]] = {}
    for one in plan.explanations:
        for outcome in outcomes.get(one.key) or _unplayed(plan, one):
            rows += attribution_rows(one, outcome, plan.metric)
            judged += quality_rows(one, outcome)
            if one.in_random and one.kind == "removal":
                values.setdefault(f"{one.prompt_id} {outcome.method}", list(score_rows(one, outcome)))
    return Explained(
        attributions=ATTRIBUTIONS.frame(rows),
        quality=QUALITY.frame(judged),
        scores=SCORES.frame(row for pair in values.values() for row in pair),
    )


def _texts_of_cells(
    prompts: pd.DataFrame, pairs: pd.DataFrame, chosen: pd.DataFrame
) -> dict[object, pd.DataFrame]:
    """The swap-arm prompts of every chosen cell, all groups, whether or not their pair was chosen."""
    swap = pairs[pairs["arm"] == "swap"].merge(chosen[CELL].drop_duplicates(), on=CELL)
    rows = prompts[(prompts["arm"] == "swap") & prompts["prompt_id"].isin({*swap["a"], *swap["b"]})]
    rows = rows.drop_duplicates([*CELL, "prompt_id"]).sort_values([*CELL, "group", "prompt_id"])
    return dict(iter(rows.groupby(CELL, sort=False)))


def _prompt_row(prompt: Prompt, cell: Cell, *, base: str) -> Row:
    messages = [[message.role, message.text] for message in prompt.messages]
    return {
        **cell.place, "prompt_id": prompt.id, "item": "", "arm": "explain", "group": "", "position": 0, "base_id": base,
        "messages": json.dumps(messages, ensure_ascii=False), "spans": "[]",
    }  # fmt: skip


def _played(
    plan: ExplainPlan, table: _Table, known: Mapping[str, float], unknown: Mapping[str, str]
) -> list[Outcome]:
    """What every method made of one game, each judged beside the others."""
    game, coalitions = table.coalitions.game, table.coalitions
    needed = {name: coalitions.needed(masks) for name, masks in table.wanted.items()}
    lacking = {name: _lacking(ids, known, unknown) for name, ids in needed.items()}
    found: dict[str, Credits] = {
        name: plan.attributors[name].attribute(
            len(game.players), lambda masks: coalitions.values(masks, known), seed=table.seed
        )
        for name in table.wanted
        if not lacking[name]
    }
    return [
        Outcome(
            method=name, players=game.players, operator=game.operator, rows=len(needed[name]), credits=found.get(name),
            checks=() if lacking[name] else _checked(plan, name, found), lacking=lacking[name],
        )
        for name in table.wanted
    ]  # fmt: skip


def _checked(plan: ExplainPlan, name: str, found: Mapping[str, Credits]) -> tuple[Check, ...]:
    return tuple(checks(name, found, adds_up=_adds_up(plan.attributors[name])))


def _lacking(needed: Iterable[str], known: Mapping[str, float], unknown: Mapping[str, str]) -> str:
    """Which scores are missing and why most of them are; empty if none is."""
    reasons = Counter(
        unknown.get(prompt_id, "") or "not asked" for prompt_id in needed if prompt_id not in known
    )
    if not reasons:
        return ""
    ((reason, _),) = reasons.most_common(1)
    return f"{reasons.total()} of its prompts have no score ({reason})"


def _unplayed(plan: ExplainPlan, explanation: Explanation) -> list[Outcome]:
    """An explanation that has no game: a row a method with the reason."""
    return [
        Outcome(method=name, players=(), operator="", rows=0)
        for name, attributor in plan.attributors.items()
        if explanation.kind == "removal" or _adds_up(attributor)
    ]


def _adds_up(attributor: Attributor) -> bool:
    """Whether the credits of a method add up to the whole by design."""
    return bool(getattr(attributor, "adds_up", False))
