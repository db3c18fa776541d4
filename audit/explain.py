"""Which words carry the difference: pairs → prompts to ask (`plan`), their scores → credits of words (`attribute`).

`plan` runs every explainer once to see which coalitions it wants, and hands out each distinct text once, for as many
cells as make a portion. After `collect` and `score`, `more` runs them again on the table of scores (same seed, same
coalitions, no model) and says what is wanted next, until that is nothing; `attribute` gives the tables.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
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
from audit.games import Coalitions, Game, Key, gap_game, removal_game, swap_game
from audit.inside import Differentiates
from audit.players import Player, differing, slot_players, text_of
from audit.playing import Interacts
from audit.protocols import Attributor
from audit.records import ATTRIBUTIONS, PROMPTS, QUALITY, SCORES, Prompt, content_id
from audit.replay import Known, Played, adds_up, replay, wanted_in
from audit.samples import CELL, chosen_pairs

if TYPE_CHECKING:
    import pandas as pd

UNTRAINED = 16
"""Removal games that an untrained copy of the model is asked, at most."""
MOST_EXACT = 12
"""Players of a game with 4,096 coalitions, the most that are all asked."""
MOST_PLAYERS = 40
PORTION = 50_000
"""Prompts that are asked before the explanations that they belong to are worked out, and forgotten."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExplainSettings:
    """How much is explained, and how closely. All of it is fixed before the first question."""

    axes: tuple[str, ...] = ()
    """Axes to explain; empty: every axis that is no intersection."""
    largest: int = 6
    """Pairs an axis with the largest differences, each of another template."""
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
    fixed_suffix: str = ""
    """The question at the end of the prompts, as the suite writes it: its words are no players."""
    log_odds: bool = False
    """Whether scores are log-odds, so that probabilities can be made of them."""

    def __post_init__(self) -> None:
        """InputError for a number that makes no explanation."""
        lowest = {
            "largest": 0, "random": 0, "exact_up_to": 2, "passes": 3, "lime_samples": 50, "kernel_samples": 50,
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Explained:
    """Credits of players, what can be said for them, and share and shift of each prompt of the random sample."""

    attributions: pd.DataFrame
    quality: pd.DataFrame
    scores: pd.DataFrame


@dataclass(slots=True)
class ExplainPlan:
    """What is explained, how far that has come, and the `prompts` (arm `explain`) whose scores are wanted now."""

    prompts: pd.DataFrame
    metric: str
    settings: ExplainSettings
    mask_text: str | None
    attributors: Mapping[str, Attributor | Interacts]
    waiting: Iterator[tuple[Cell, list[dict[str, Any]], int]]
    """Cells that are not planned yet, with their pairs and their seed."""
    explanations: list[Explanation] = field(default_factory=list)
    tables: dict[tuple[str, ...], Played] = field(default_factory=dict)
    """The games of the portion that is asked now."""
    planned: set[str] = field(default_factory=set)
    """Ids of all prompts that were ever handed out."""
    known: Known = field(default_factory=Known)
    attributions: list[pd.DataFrame] = field(default_factory=list)
    quality: list[pd.DataFrame] = field(default_factory=list)
    shares: dict[str, list[Row]] = field(default_factory=dict)
    players: list[tuple[Explanation, tuple[Player, ...]]] = field(default_factory=list)
    """Explanations that gradients give their own of, with the players of their games; empty where none are wanted."""
    drawn: dict[str, tuple[Explanation, Played]] = field(default_factory=dict)
    """Removal games of the random sample that an untrained copy is asked, by the digest they were drawn with."""
    probed: bool = False
    """Whether the portion was asked for what its own credits say is worth knowing."""


def plan(
    prompts: pd.DataFrame, pairs: pd.DataFrame, deltas: pd.DataFrame, *,
    metric: str, settings: ExplainSettings, mask_text: str | None, seed: int,
) -> ExplainPlan:  # fmt: skip
    """Every prompt that the explanations of `metric` stand on; `mask_text` is the model's word for "nothing here"."""
    chosen = chosen_pairs(
        pairs, deltas[deltas["metric"] == metric], axes=settings.axes,
        quotas=(settings.largest, settings.random), requested=settings.pairs, seed=seed,
    )  # fmt: skip
    made = ExplainPlan(
        prompts=PROMPTS.frame(), metric=metric, settings=settings, mask_text=mask_text,
        attributors=settings.attributors(),
        waiting=_cells(chosen, _texts_of_cells(prompts, pairs, chosen), settings, seed),
    )  # fmt: skip
    _next_portion(made)
    return made


def more(plan: ExplainPlan, scores: pd.DataFrame) -> ExplainPlan:
    """The plan with the prompts that are wanted now that those before have these `scores`; none: all is known."""
    plan.known.learn(scores, plan.metric)
    rows: list[Row] = []
    if not plan.probed:
        plan.probed = True
        replay(plan.tables.values(), plan.attributors, plan.known)
        for table in plan.tables.values():
            rows += _handed_out(plan, table, table.own_orders())
    plan.prompts = PROMPTS.frame(rows)
    if not rows:
        _finish(plan)
        _next_portion(plan)
    return plan


def attribute(plan: ExplainPlan, scores: pd.DataFrame | None = None) -> Explained:
    """Credits from the scores of the plan's prompts; what could not be scored is an explanation with a reason."""
    if scores is not None:
        plan.known.learn(scores, plan.metric)
    _finish(plan)
    return Explained(
        attributions=ATTRIBUTIONS.stack(plan.attributions),
        quality=QUALITY.stack(plan.quality),
        scores=SCORES.frame(row for rows in plan.shares.values() for row in rows),
    )


def _cells(
    chosen: pd.DataFrame, texts: Mapping[object, pd.DataFrame], settings: ExplainSettings, seed: int
) -> Iterator[tuple[Cell, list[dict[str, Any]], int]]:
    """Every cell with the pairs of it that are explained, and the seed of what is sampled in it."""
    for place, rows in chosen.groupby(CELL, sort=True):
        cell = cell_of(texts[place], limit=settings.limit, fixed=settings.fixed_suffix)
        pairs = [{str(name): value for name, value in pair.items()} for pair in rows.to_dict("records")]
        yield cell, pairs, int(content_id("explain", seed, *place), 16) % 2**32


def _next_portion(plan: ExplainPlan) -> None:
    """Plans cells until their prompts make a portion, or none are left."""
    rows: list[Row] = []
    plan.probed = False
    for cell, pairs, seed in plan.waiting:
        made: dict[Key, str] = {}
        for pair in pairs:
            for explanation in explanations_of(cell, pair):
                plan.explanations.append(explanation)
                if not explanation.problem and explanation.key not in plan.tables:
                    table = _table(plan, explanation, cell, made=made, seed=seed)
                    plan.tables[explanation.key] = table
                    rows += _handed_out(plan, table, table.wanted.every)
        if len(rows) >= PORTION:
            break
    plan.prompts = PROMPTS.frame(rows)
    if not rows and plan.explanations:
        _finish(plan)


def _table(
    plan: ExplainPlan, explanation: Explanation, cell: Cell, *, made: dict[Key, str], seed: int
) -> Played:
    game = _game(plan, explanation, cell)
    methods = {name: method for name, method in plan.attributors.items() if _plays(game, method)}
    players = len(game.players)
    wanted = wanted_in(methods, players, seed=seed, enumerated=plan.settings.enumerated)
    side = explanation.texts[explanation.side != "a"]
    return Played(
        coalitions=Coalitions(game=game, made=made), seed=seed, wanted=wanted, cell=cell, base=explanation.prompt_id,
        labels=tuple(text_of(*side, player) for player in game.players), log_odds=plan.settings.log_odds,
    )  # fmt: skip


def _game(plan: ExplainPlan, explanation: Explanation, cell: Cell) -> Game:
    (a, pieces_a), (b, pieces_b) = explanation.texts
    if explanation.kind == "swap":
        return swap_game(a, b, slot_players(b, differing(a, b), limit=plan.settings.enumerated))
    if explanation.kind == "gap":
        return gap_game(a, b, pieces=(pieces_a, pieces_b), players=cell.context, mask_text=plan.mask_text)
    prompt, pieces = explanation.texts[explanation.side != "a"]
    return removal_game(prompt, pieces, cell.removal, mask_text=plan.mask_text)


def _plays(game: Game, method: Attributor | Interacts) -> bool:
    """Swap and gap games are for credits that add up to the delta, interactions for slots that are swapped together."""
    if isinstance(method, Interacts):
        return game.kind == "swap" and len(game.players) > 1
    return game.kind == "removal" or adds_up(method)


def _handed_out(plan: ExplainPlan, table: Played, masks: Any) -> Iterator[Row]:
    """Rows of the prompts of coalitions that were not handed out before."""
    for prompt in table.coalitions.add(masks):
        if prompt.id not in plan.planned:
            plan.planned.add(prompt.id)
            yield _prompt_row(prompt, table.cell, base=table.base)


def _finish(plan: ExplainPlan) -> None:
    """Works out the explanations of the portion, and lets go of it."""
    rows: list[Row] = []
    judged: list[Row] = []
    replay(plan.tables.values(), plan.attributors, plan.known)
    outcomes = {key: table.outcomes(plan.attributors, plan.known) for key, table in plan.tables.items()}
    for one in plan.explanations:
        for outcome in outcomes.get(one.key) or _unplayed(plan, one):
            rows += attribution_rows(one, outcome, plan.metric)
            judged += quality_rows(one, outcome)
            if one.in_random and one.kind == "removal":
                plan.shares.setdefault(f"{one.prompt_id} {outcome.method}", list(score_rows(one, outcome)))
    _remember(plan)
    plan.attributions.append(ATTRIBUTIONS.frame(rows))
    plan.quality.append(QUALITY.frame(judged))
    plan.explanations, plan.tables = [], {}


def _remember(plan: ExplainPlan) -> None:
    """Keeps what later steps need of the portion: all players for gradients, a few games for an untrained copy."""
    if plan.settings.gradients():
        plan.players += [
            (one, plan.tables[one.key].coalitions.game.players if one.key in plan.tables else ())
            for one in plan.explanations
            if one.kind in ("removal", "swap")
        ]
    for one in plan.explanations:
        if one.kind == "removal" and one.in_random and one.key in plan.tables:
            table = plan.tables[one.key]
            plan.drawn.setdefault(content_id("untrained", table.seed, list(one.key)), (one, table))
    for digest in sorted(plan.drawn)[UNTRAINED:]:
        del plan.drawn[digest]


def again(plan: ExplainPlan, method: str) -> pd.DataFrame:
    """The prompts of all games that were drawn for an untrained copy, as one method wants them."""
    rows = {
        prompt.id: _prompt_row(prompt, table.cell, base=table.base)
        for _, table in plan.drawn.values()
        for mask in table.wanted.by_method.get(method, ())
        for prompt in (view(mask.tolist()) for _, view in table.coalitions.game.terms)
    }
    return PROMPTS.frame(rows.values())


def _unplayed(plan: ExplainPlan, explanation: Explanation) -> list[Outcome]:
    """An explanation that has no game: a row a method with the reason."""
    return [
        Outcome(method=name, players=(), operator="", rows=0)
        for name, method in plan.attributors.items()
        if not isinstance(method, Interacts) and (explanation.kind == "removal" or adds_up(method))
    ]


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
