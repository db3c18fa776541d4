"""Which words carry the difference: pairs → prompts to ask (`plan`), their scores → credits of words (`attribute`).

`plan` runs every explainer once to see which coalitions it wants, and hands out each distinct text once, for as many
cells as make a portion. After `collect` and `score`, `more` runs them again on the table of scores (same seed, same
coalitions, no model) and says what is wanted next, until that is nothing; `attribute` gives the tables.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from audit.carried import refined
from audit.cells import Cell, cell_of
from audit.explanation import (
    Explanation,
    Outcome,
    Row,
    attribution_rows,
    explanations_of,
    quality_rows,
    score_rows,
)
from audit.extent import ExplainSettings
from audit.games import Coalitions, Game, Key, gap_game, removal_game, swap_game
from audit.noise import Noise
from audit.players import Player, differing, slot_players, text_of
from audit.playing import Interacts
from audit.protocols import Attributor
from audit.rations import Answered, Place, Ration, turns
from audit.records import ATTRIBUTIONS, PROMPTS, QUALITY, SCORES, Prompt, content_id
from audit.records import Game as GameKind
from audit.replay import Known, Played, adds_up, replay, wanted_in
from audit.samples import CELL, changed_in, chosen_pairs, in_cells

__all__ = ["ExplainPlan", "ExplainSettings", "Explained", "again", "attribute", "more", "plan", "priced"]
if TYPE_CHECKING:
    import pandas as pd

Turn = tuple[Cell, list[dict[str, Any]], tuple[GameKind, ...], int]
UNTRAINED = 16
"""Removal games that an untrained copy of the model is asked, at most."""
PORTION = 50_000
"""Prompts that are asked before the explanations that they belong to are worked out, and forgotten."""


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
    waiting: Iterator[Turn]
    """Cells that are not planned yet, with the pairs and games whose turn it is, and their seed."""
    ration: Ration
    explanations: list[Explanation] = field(default_factory=list)
    tables: dict[tuple[str, ...], Played] = field(default_factory=dict)
    """The games of the portion that is asked now."""
    planned: set[str] = field(default_factory=set)
    """Ids of all prompts that were ever handed out."""
    known: Known = field(default_factory=Known)
    attributions: list[pd.DataFrame] = field(default_factory=list)
    quality: list[pd.DataFrame] = field(default_factory=list)
    shares: dict[str, list[Row]] = field(default_factory=dict)
    probed: bool = False
    """Whether the portion was asked for what its own credits say is worth knowing."""
    refined: bool = False
    """Whether what is left of the budget was spent."""
    asked: dict[str, Row] = field(default_factory=dict)
    """Rows of the prompts that were handed out, where there is a budget."""
    players: list[tuple[Explanation, tuple[Player, ...]]] = field(default_factory=list)
    """Explanations that gradients give their own of, with the players of their games; empty where none are wanted."""
    drawn: dict[str, tuple[Explanation, Played]] = field(default_factory=dict)
    """Removal games of the random sample that an untrained copy is asked, by the digest they were drawn with."""

    def games(self) -> list[tuple[Attributor, Coalitions, int]]:
        """Every method with the coalitions and the seed of every game of the portion."""
        return [
            (method, table.coalitions, table.seed)
            for table in self.tables.values()
            for name in table.wanted.by_method
            if isinstance(method := self.attributors[name], Attributor)
        ]


def plan(
    prompts: pd.DataFrame, pairs: pd.DataFrame, deltas: pd.DataFrame, *,
    metric: str, settings: ExplainSettings, mask_text: str | None, seed: int,
) -> ExplainPlan:  # fmt: skip
    """Every prompt that the explanations of `metric` stand on; `mask_text` is the model's word for "nothing here".

    `deltas` by that metric tell the largest pairs, those of the decision which of them changed.
    """
    known = deltas[deltas["metric"] == metric]
    chosen = chosen_pairs(
        pairs, known, axes=settings.axes, quotas=settings.quotas, changed=changed_in(deltas),
        requested=settings.pairs, seed=seed,
    )  # fmt: skip
    known = known[known["pair_id"].isin(chosen["pair_id"])]
    texts = _texts_of_cells(prompts, pairs, chosen)
    own = prompts.loc[prompts["arm"] == "swap", ["prompt_id", "repeats"]]
    made = ExplainPlan(
        prompts=PROMPTS.frame(), metric=metric, settings=settings, mask_text=mask_text,
        attributors=settings.attributors(), waiting=_turns(chosen, known, texts, settings, seed),
        ration=Ration(
            limit=settings.requests, repeats=_repeats(prompts, settings), answered=Answered(own)
        ),
    )  # fmt: skip
    _next_portion(made)
    return made


def more(plan: ExplainPlan, scores: pd.DataFrame, *, noise: Noise | None = None) -> ExplainPlan:
    """The plan with the prompts that are wanted now that those before have these `scores`; none: all is known.

    Where scores are made of answers that are drawn, their `noise` enters the errors of the credits.
    """
    plan.known.learn(scores, plan.metric, noise)
    rows: list[Row] = []
    if not plan.probed:
        plan.probed = True
        replay(plan.tables.values(), plan.attributors, plan.known)
        for table in plan.tables.values():
            rows += _handed_out(plan, table, table.own_orders())
        rows = rows if plan.ration.takes([str(row["prompt_id"]) for row in rows]) else []
    if not rows and not plan.refined:
        plan.refined = True
        rows = _again(plan)
    plan.prompts = PROMPTS.frame(rows)
    if not rows:
        _finish(plan)
        _next_portion(plan)
    return plan


def priced(plan: ExplainPlan) -> tuple[int, int]:
    """How many answers all portions ask for, and how many an untrained copy gives, before any is known.

    The plan is used up.
    """
    while len(plan.prompts):
        _remember(plan)
        plan.explanations, plan.tables = [], {}
        _next_portion(plan)
    first = next((name for name, one in plan.attributors.items() if not isinstance(one, Interacts)), "")
    return plan.ration.used, len(again(plan, first))


def attribute(
    plan: ExplainPlan, scores: pd.DataFrame | None = None, *, noise: Noise | None = None
) -> Explained:
    """Credits from the scores of the plan's prompts; what could not be scored is an explanation with a reason."""
    if scores is not None:
        plan.known.learn(scores, plan.metric, noise)
    _finish(plan)
    return Explained(
        attributions=ATTRIBUTIONS.stack(plan.attributions),
        quality=QUALITY.stack(plan.quality),
        scores=SCORES.frame(row for rows in plan.shares.values() for row in rows),
    )


def _turns(
    chosen: pd.DataFrame,
    deltas: pd.DataFrame,
    texts: Mapping[Place, pd.DataFrame],
    settings: ExplainSettings,
    seed: int,
) -> Iterator[Turn]:
    """Every cell with the pairs and games of it whose turn it is, and the seed of what is sampled in it."""
    if not settings.requests:
        for place, rows in chosen.groupby(CELL, sort=True):
            pairs = [{str(name): value for name, value in pair.items()} for pair in rows.to_dict("records")]
            yield _cell(texts[tuple(place)], settings), pairs, settings.games, _seed(seed, place)
        return
    cells = {place: _cell(rows, settings) for place, rows in texts.items()}
    for place, pair, games in turns(chosen, deltas, games=settings.games, limited=True, seed=seed):
        yield cells[place], [dict(pair)], games, _seed(seed, place)


def _cell(rows: pd.DataFrame, settings: ExplainSettings) -> Cell:
    return cell_of(rows, limit=settings.limit, fixed=settings.fixed_suffix)


def _seed(seed: int, place: Iterable[object]) -> int:
    return int(content_id("explain", seed, *place), 16) % 2**32


def _next_portion(plan: ExplainPlan) -> None:
    """Plans cells until their prompts make a portion, or none are left; all that a budget allows are one portion."""
    rows: list[Row] = []
    plan.probed = False
    for cell, pairs, games, seed in plan.waiting:
        made: dict[Key, str] = {}
        for pair in pairs:
            for explanation in explanations_of(cell, pair):
                if explanation.kind in games:
                    rows += _admitted(plan, explanation, cell, made=made, seed=seed)
        if len(rows) >= PORTION and not plan.ration.limit:
            break
    plan.prompts = PROMPTS.frame(rows)
    if not rows and plan.explanations:
        _finish(plan)


def _admitted(
    plan: ExplainPlan, explanation: Explanation, cell: Cell, *, made: dict[Key, str], seed: int
) -> list[Row]:
    """The prompts of an explanation that fits into the ration, those that no other has."""
    rows: list[Row] = []
    if not explanation.problem and explanation.key not in plan.tables:
        table = _table(plan, explanation, cell, made=made, seed=seed)
        rows = list(_handed_out(plan, table, table.wanted.every))
        if not plan.ration.admits(explanation.kind, [str(row["prompt_id"]) for row in rows]):
            return []
        plan.tables[explanation.key] = table
    plan.explanations.append(explanation)
    return rows


def _again(plan: ExplainPlan) -> list[Row]:
    """Prompts that are answered more often, with what is left of the budget."""
    if not plan.ration.limit or plan.known.noise is None:
        return []
    asked = {name: int(str(row["repeats"])) for name, row in plan.asked.items()}
    left = plan.ration.limit - plan.ration.used
    counts = refined(plan.games(), asked, noise=plan.known.noise, budget=left, step=plan.settings.together)
    return [plan.asked[name] | {"repeats": count} for name, count in counts.items()]


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
            row = _prompt_row(prompt, table.cell, base=table.base) | {"repeats": plan.ration.repeats}
            if plan.ration.limit:
                plan.asked[prompt.id] = row
            yield row


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
    plan.attributions.append(ATTRIBUTIONS.frame(rows))
    plan.quality.append(QUALITY.frame(judged))
    _remember(plan)
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
) -> dict[Place, pd.DataFrame]:
    """The swap-arm prompts of every chosen cell, all groups, whether or not their pair was chosen."""
    own = pairs.loc[in_cells(pairs, chosen), ["arm", "a", "b"]]
    own = own[own["arm"] == "swap"]
    rows = prompts[(prompts["arm"] == "swap") & prompts["prompt_id"].isin({*own["a"], *own["b"]})]
    rows = rows.drop_duplicates([*CELL, "prompt_id"]).sort_values([*CELL, "group", "prompt_id"])
    return {tuple(place): found for place, found in rows.groupby(CELL, sort=False)}


def _repeats(prompts: pd.DataFrame, settings: ExplainSettings) -> int:
    return max(settings.repeats, int(prompts["repeats"].max()) if len(prompts) else 1)


def _prompt_row(prompt: Prompt, cell: Cell, *, base: str) -> Row:
    messages = [[message.role, message.text] for message in prompt.messages]
    return {
        **cell.place, "prompt_id": prompt.id, "item": "", "arm": "explain", "group": "", "position": 0, "base_id": base,
        "messages": json.dumps(messages, ensure_ascii=False), "spans": "[]",
    }  # fmt: skip
