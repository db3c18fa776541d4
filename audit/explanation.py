"""One explanation: a game as one pair shows it, and the rows of the tables that its credits become."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from audit.cells import Cell, Marked
from audit.players import Player, marks, text_of
from audit.quality import Check, explained_nothing, misses
from audit.records import Game, content_id
from audit.samples import CELL
from audit.spans import slot_pieces

if TYPE_CHECKING:
    from audit.protocols import Credits

Row = dict[str, object]
Side = Literal["a", "b", "pair"]
NO_PLAYERS: Mapping[Game, str] = {
    "swap": "the two prompts read the same",
    "removal": "the prompt has no words that could be left out",
    "gradient": "the prompt has no words that could have a credit",
    "gap": "there are no words around those of the group",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """A game of one pair (swap, gap) or of one side of it (removal), with the texts its players stand in."""

    pair_id: str
    kind: Game
    side: Side
    ids: tuple[str, str]
    texts: tuple[Marked, Marked]
    place: tuple[str, ...]
    sample: str
    in_random: bool
    problem: str = ""

    @property
    def prompt_id(self) -> str:
        """The prompt that the players' places are given in."""
        return self.ids[0] if self.side == "a" else self.ids[1]

    @property
    def key(self) -> tuple[str, ...]:
        """What tells games apart: pairs of one cell share the removal game of a prompt."""
        return (
            ("removal", *self.place, self.prompt_id) if self.kind == "removal" else (self.kind, self.pair_id)
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What one method made of one game; no credits where a score is missing."""

    method: str
    players: tuple[Player, ...]
    operator: str
    rows: int
    credits: Credits | None = None
    partners: tuple[tuple[int, int], ...] = ()
    """Interactions: the two players of each credit, one and the same where it is what a player does alone."""
    incongruent: int = 0
    checks: tuple[Check, ...] = ()
    lacking: str = ""
    """Why there are no credits."""

    @property
    def missed(self) -> tuple[str, ...]:
        """Why the explanation is not reliable, in words."""
        return (self.lacking,) if self.lacking else misses(self.checks)


def explanations_of(cell: Cell, pair: Mapping[str, Any]) -> Iterator[Explanation]:
    """The games of one pair: swap, removal on both sides, and gap."""
    ids = (pair["a"], pair["b"])
    words = (cell.marked(ids[0]), cell.marked(ids[1]))
    slots = ((words[0][0], slot_pieces(words[0][0])), (words[1][0], slot_pieces(words[1][0])))
    games: list[tuple[Game, Side]] = [("swap", "pair"), ("removal", "a"), ("removal", "b"), ("gap", "pair")]
    for kind, side in games:
        yield Explanation(
            pair_id=pair["pair_id"], kind=kind, side=side, ids=ids, texts=slots if kind == "swap" else words,
            place=tuple(str(cell.place[name]) for name in CELL), sample=pair["sample"], in_random=pair["in_random"],
            problem=cell.problem,
        )  # fmt: skip


def attribution_rows(explanation: Explanation, outcome: Outcome, metric: str) -> Iterator[Row]:
    """Rows of the table `attributions`: one a player (or two of them), or a single one where there are no players."""
    if not outcome.players:
        reason = explanation.problem or NO_PLAYERS[explanation.kind]
        yield _row(explanation, outcome, metric) | _nobody() | {"reason": reason}
        return
    shared = _row(explanation, outcome, metric)
    places = [_player(explanation, player) for player in outcome.players]
    alone = tuple((number, -1) for number in range(len(places)))
    for number, (player, partner) in enumerate(outcome.partners or alone):
        words = places[player] if partner in (-1, player) else _both(places[player], places[partner])
        yield shared | words | {"player": player, "partner": partner} | _credit(outcome.credits, number)


def quality_rows(explanation: Explanation, outcome: Outcome) -> Iterator[Row]:
    """Rows of the table `quality`: one a criterion."""
    for check in outcome.checks:
        yield {**_identity(explanation, outcome.method), **asdict(check)}


def score_rows(explanation: Explanation, outcome: Outcome) -> Iterator[Row]:
    """Rows of the table `scores` for one removal game: the group's share of all credit, and the context's credit."""
    share = shift = float("nan")
    reason = "not_explained"
    if outcome.credits is not None:
        values = outcome.credits.values
        group = [number for number, player in enumerate(outcome.players) if player.kind == "group"]
        nothing = explained_nothing(outcome.credits)
        share = float("nan") if nothing else float(abs(values[group]).sum() / abs(values).sum())
        shift = float(values.sum() - values[group].sum())
        reason = "no_credit" if nothing else ""
    place: Row = {"prompt_id": explanation.prompt_id, "item": "", "arm": "swap"}
    yield place | {"metric": f"attribution_share_{outcome.method}", "value": share, "reason": reason}
    shift_reason = "" if outcome.credits is not None else reason
    yield place | {"metric": f"attribution_shift_{outcome.method}", "value": shift, "reason": shift_reason}


def _row(explanation: Explanation, outcome: Outcome, metric: str) -> Row:
    """What all rows of an explanation share."""
    credits = outcome.credits
    return {
        **_identity(explanation, outcome.method),
        "prompt_id": explanation.prompt_id,
        "sample": explanation.sample,
        "in_random": explanation.in_random,
        "metric": metric,
        "base_value": credits.base_value if credits else float("nan"),
        "total": credits.total if credits else float("nan"),
        "operator": outcome.operator,
        "rows": outcome.rows,
        "incongruent": outcome.incongruent,
        "reliable": credits is not None and not outcome.missed,
        "reason": "; ".join(outcome.missed),
    }


def _player(explanation: Explanation, player: Player) -> Row:
    """A player in words, and where it stands."""
    texts = [text_of(prompt, pieces, player) for prompt, pieces in explanation.texts]
    places = marks(*explanation.texts[explanation.side != "a"], player)
    return {"slot": player.slot, "text_a": texts[0], "text_b": texts[1], "spans": json.dumps(places)}


def _both(one: Row, other: Row) -> Row:
    """Two players that interact."""
    words: Row = {name: f"{one[name]} × {other[name]}" for name in ("slot", "text_a", "text_b")}
    return words | {"spans": json.dumps(json.loads(str(one["spans"])) + json.loads(str(other["spans"])))}


def _credit(credits: Credits | None, number: int) -> Row:
    if credits is None:
        return {"value": float("nan"), "error": float("nan")}
    return {"value": float(credits.values[number]), "error": float(credits.errors[number])}


def _nobody() -> Row:
    """The row of an explanation without players."""
    words: Row = {"slot": "", "text_a": "", "text_b": "", "spans": "[]"}
    return words | {"player": 0, "partner": -1} | _credit(None, 0)


def _identity(explanation: Explanation, method: str) -> Row:
    """What tells explanations apart, and the id that is made of it."""
    identity = {
        "pair_id": explanation.pair_id,
        "side": explanation.side,
        "game": explanation.kind,
        "method": method,
    }
    return {"attribution_id": content_id(*identity.values()), **identity}
