"""A cell: one template with one person and one choice of words, as every group's prompt, all cut alike."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from audit.players import Player, differing, players
from audit.records import Message, Prompt, Span
from audit.samples import CELL
from audit.spans import Piece, aligned, cut

if TYPE_CHECKING:
    import pandas as pd

Marked = tuple[Prompt, Sequence[Piece]]
"""A prompt with the pieces that players are made of."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """The prompts of a cell by id, with the players of its removal and gap games, which fit all of them."""

    place: Mapping[str, object]
    """Columns of the prompts table that all prompts of the cell share."""
    prompts: Mapping[str, Prompt]
    pieces: Mapping[str, tuple[Piece, ...]]
    removal: tuple[Player, ...]
    context: tuple[Player, ...]
    problem: str = ""
    """Why nothing in this cell can be explained; empty if it can."""

    def marked(self, prompt_id: str) -> Marked:
        """One prompt with its pieces."""
        return self.prompts[prompt_id], self.pieces[prompt_id]


def cell_of(rows: pd.DataFrame, *, limit: int, fixed: str) -> Cell:
    """The cell whose prompts are `rows` (table `prompts`), with at most so many players."""
    prompts = {row["prompt_id"]: prompt_of(row["messages"], row["spans"]) for row in rows.to_dict("records")}
    place = {name: rows.iloc[0][name] for name in (*CELL, "cluster", "repeats")}
    first, *others = prompts.values()
    if not all(aligned(first, other) for other in others):
        problem = "the prompts differ outside their slots, so their words cannot be set against each other"
        return Cell(
            place=place,
            prompts=prompts,
            pieces=dict.fromkeys(prompts, ()),
            removal=(),
            context=(),
            problem=problem,
        )
    pieces = {prompt_id: cut(prompt, fixed=fixed) for prompt_id, prompt in prompts.items()}
    group = frozenset[str]().union(*(differing(a, b) for a, b in combinations(prompts.values(), 2)))
    cuts = next(iter(pieces.values()))
    removal = players(first, cuts, group=group, limit=limit)
    context = tuple(player for player in removal if player.kind != "group")
    return Cell(place=place, prompts=prompts, pieces=pieces, removal=removal, context=context)


def prompt_of(messages: str, spans: str) -> Prompt:
    """A prompt from the JSON columns `messages` and `spans`."""
    turns = tuple(Message(role=role, text=text) for role, text in json.loads(messages))
    slots = (Span(part=part, start=start, end=end, slot=slot) for part, start, end, slot in json.loads(spans))
    return Prompt(
        messages=turns, spans=tuple(sorted(slots, key=lambda span: (span.part, span.start, span.end)))
    )
