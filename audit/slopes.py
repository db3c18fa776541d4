"""Explanations by gradients: the prompts and pairs of an explanation plan, where the model opens.

Each prompt whose removal game is played is explained by every method that was asked for, with the same players. Each
pair whose two prompts have the same number of tokens is explained by the methods that add up, along the straight line
from a to b: these credits add up to the difference itself. What does not open is a row with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import TYPE_CHECKING

from audit.explanation import Explanation, Outcome, Row, attribution_rows, quality_rows
from audit.inside import Differentiates, Inputs, Opened, Opens, Slopes
from audit.players import Player
from audit.protocols import Backend
from audit.quality import ADDITIVITY, Check, not_ranked, spearman
from audit.records import Answer, Prompt, Question
from audit.tokenowners import Owned, owned, token_by_token

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CLOSED = "only local models of the kinds hf and reference open; gradients of this one cannot be had"
UNEQUAL = (
    "the two prompts differ in their number of tokens, so there is no straight line from one to the other"
)
OTHER_WORDS = (
    "what is scored differs between the two prompts, so there is no straight line from one score to the other"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sought:
    """An explanation of the removal or swap game that gradients give their own of: its players, and their credits."""

    explanation: Explanation
    players: tuple[Player, ...]
    peer: str = ""
    """The method whose credits those of the gradients are set beside; empty: there are none."""
    credits: NDArray[np.float64] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """The question whose score is explained, the score's name, and its value for each prompt, as collected."""

    question: Question
    metric: str
    scores: Mapping[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rows:
    """Rows of the tables `attributions` and `quality`."""

    attributions: list[Row]
    quality: list[Row]


def slopes(
    backend: Backend, asked: Asked, methods: Mapping[str, Differentiates], sought: Sequence[Sought]
) -> Rows:
    """The rows of every explanation by every method; a prompt that several pairs share is worked out once."""
    rows = Rows(attributions=[], quality=[])
    if not methods or not sought:
        return rows
    distinct = list({one.explanation.key: one for one in sought if not _problem(one)}.values())
    for name, method in methods.items():
        mine = [one for one in distinct if method.of_pairs or one.explanation.kind == "removal"]
        outcomes = _outcomes(backend, asked, name, mine, method)
        known = dict(zip((one.explanation.key for one in mine), outcomes, strict=True))
        for one in sought:
            if one.explanation.kind == "removal" or method.of_pairs:
                outcome = known.get(one.explanation.key) or Outcome(
                    method=name, players=(), operator="", rows=0
                )
                _add(rows, one.explanation, outcome, asked.metric)
    return rows


def _problem(one: Sought) -> bool:
    return bool(one.explanation.problem) or not one.players


def _add(rows: Rows, explanation: Explanation, outcome: Outcome, metric: str) -> None:
    own = replace(explanation, kind="gradient")
    rows.attributions.extend(attribution_rows(own, outcome, metric))
    rows.quality.extend(quality_rows(own, outcome))


def _outcomes(
    backend: Backend, asked: Asked, name: str, sought: Sequence[Sought], method: Differentiates
) -> Iterable[Outcome]:
    """What one method makes of each explanation."""
    opened = backend.opened(asked.question, asked.metric) if isinstance(backend, Opens) else CLOSED
    if isinstance(opened, str):
        return [_lacking(name, one, opened) for one in sought]
    routes = _routes(opened, sought)
    fitting = [one.route for one in routes if isinstance(one, Owned)]
    try:
        found = iter(method.differentiate(opened, fitting))
        return [
            _outcome(name, one, route, next(found), asked)
            if isinstance(route, Owned)
            else _lacking(name, one, route)
            for one, route in zip(sought, routes, strict=True)
        ]
    except (RuntimeError, ValueError, MemoryError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        return [
            _lacking(name, one, f"the gradient could not be worked out: {reason[:200]}") for one in sought
        ]


def _routes(opened: Opened, sought: Sequence[Sought]) -> list[Owned | str]:
    """The route of each explanation; why there is none."""
    sides: dict[str, Prompt] = {}
    for one in sought:
        sides |= {
            i: prompt for i, (prompt, _) in zip(one.explanation.ids, one.explanation.texts, strict=True)
        }
    read = dict(zip(sides, opened.read(list(sides.values())), strict=True))
    return [_route(one, read) for one in sought]


def _route(one: Sought, read: Mapping[str, Inputs | Answer]) -> Owned | str:
    explanation = one.explanation
    side = int(explanation.side != "a")
    prompt, pieces = explanation.texts[side]
    inputs = read[explanation.ids[side]]
    if isinstance(inputs, Answer):
        return inputs.error or "the prompt cannot be read"
    if explanation.kind == "removal":
        return owned(prompt, pieces, one.players, inputs)
    start = read[explanation.ids[0]]
    if isinstance(start, Answer):
        return start.error or "the prompt cannot be read"
    if [len(line.ids) for line in start.lines] != [len(line.ids) for line in inputs.lines]:
        return UNEQUAL
    if not token_by_token(start, inputs):
        return OTHER_WORDS
    return owned(prompt, pieces, one.players, inputs, start=start)


def _lacking(name: str, one: Sought, reason: str) -> Outcome:
    return Outcome(method=name, players=one.players, operator="", rows=0, lacking=reason)


def _outcome(name: str, one: Sought, route: Owned, found: Slopes, asked: Asked) -> Outcome:
    """The credits with everything that can be said for them."""
    credits = found.credits
    if not all(map(isfinite, (*credits.values, credits.total, found.rest))):
        return _lacking(name, one, "the gradient is not a finite number")
    every = [*_collected(one, found, asked), *_whole(found), *_tokens(route), *_beside(name, one, found)]
    return Outcome(
        method=name, players=one.players, operator=found.operator, rows=found.steps, credits=credits,
        checks=tuple(every),
    )  # fmt: skip


def _collected(one: Sought, found: Slopes, asked: Asked) -> Iterable[Check]:
    """Whether the opened model gives the scores that were collected."""
    explanation = one.explanation
    base, full = found.credits.base_value, found.credits.base_value + found.credits.total
    ends = {explanation.prompt_id: full}
    if explanation.kind == "swap":
        ends[explanation.ids[0]] = base
    gaps = [abs(value - asked.scores[i]) for i, value in ends.items() if i in asked.scores]
    if gaps:
        note = f"the opened model's score is {max(gaps):.2g} away from the one that was collected"
        yield _at_most("score", max(gaps), ADDITIVITY * max(1.0, abs(full)), note)


def _whole(found: Slopes) -> Iterable[Check]:
    """Whether the credits add up to the difference of the scores, and how much of them no player has."""
    if found.completeness is None:
        return
    bar = ADDITIVITY * max(1.0, abs(found.credits.total))
    note = (
        f"the credits miss the difference of the scores by {found.completeness:.2g} with {found.steps} steps"
    )
    yield _at_most("completeness", found.completeness, bar, note)
    note = f"credit of {found.rest:.2g} belongs to tokens of no player"
    yield _at_most("rest", abs(found.rest), bar, note)


def _tokens(route: Owned) -> Iterable[Check]:
    if route.straddling:
        note = "so many tokens stand in words of several players and belong to the one with most of their letters"
        yield Check(criterion="straddling", value=route.straddling, applies=False, note=note)
    yield _at_most("tokens", route.lacking, 0, f"{route.lacking} players have no token of their own")


def _beside(name: str, one: Sought, found: Slopes) -> Iterable[Check]:
    """The rank correlation with the credits of the game itself; for information."""
    if one.credits is None:
        return
    import numpy as np

    mine, other = found.credits.values, one.credits
    unsigned = bool((mine >= 0).all()) and found.completeness is None
    value = spearman(np.abs(mine), np.abs(other)) if unsigned else spearman(mine, other)
    sizes = " sizes" if unsigned else ""
    note = not_ranked(len(mine)) if value != value else f"Spearman with the{sizes} of {one.peer}; no bar"
    yield Check(criterion="agreement", value=value, applies=False, note=note)


def _at_most(criterion: str, value: float, bar: float, note: str) -> Check:
    met = value <= bar
    return Check(criterion=criterion, value=value, bar=bar, met=met, note="" if met else note)
