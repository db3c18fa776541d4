"""Choices: the log-probabilities of a prompt's options, from as few passes as their rows allow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import exp

from audit.continuations import OptionRows, ended
from audit.continued import At, log_probs
from audit.passes import Loaded, Row, scored
from audit.records import Answer

NO_TOKEN = "an option adds no token of its own to this prompt"


def chosen(
    loaded: Loaded,
    plans: Sequence[OptionRows | Answer],
    options: Sequence[str],
    *,
    budget: int,
    sources: Sequence[list[int]] = (),
) -> list[Answer]:
    """One answer a plan: each option's score is the sum of the log-probabilities that its plan needs, if it ends there.

    With `sources` (one a plan) the rows of a plan are what a decoder is given beside the source.
    """
    rows = [
        Row(ids=sources[at], target=list(row)) if sources else Row(ids=list(row))
        for at, plan in enumerate(plans)
        if isinstance(plan, OptionRows)
        for row in plan.rows
    ]
    sums = _sums(
        loaded, [plan for plan in plans if isinstance(plan, OptionRows)], rows, len(options), budget=budget
    )
    return [
        plan if isinstance(plan, Answer) else scored(dict(zip(options, next(sums), strict=True)))
        for plan in plans
    ]


def _sums(
    loaded: Loaded, plans: Sequence[OptionRows], rows: Sequence[Row], options: int, *, budget: int
) -> Iterator[list[float]]:
    """For each plan the sums of its options; `rows` are those of all plans, one after the other."""
    sums = [[0.0] * options for _ in plans]
    onward = [[0.0] * options for _ in plans]
    needs = [
        [(at, need) for need in (*plan.needs, *plan.onward) if need.row == number]
        for at, plan in enumerate(plans)
        for number in range(len(plan.rows))
    ]
    goes_on = [set(plan.onward) for plan in plans]
    wanted = [[(need.position, need.token) for _, need in some] for some in needs]
    for index, values in _values(loaded, rows, wanted, budget=budget):
        for (at, need), value in zip(needs[index], values, strict=True):
            if need in goes_on[at]:
                onward[at][need.option] += exp(value)
            else:
                sums[at][need.option] += value
    return ([*map(ended, *both)] for both in zip(sums, onward, strict=True))


def _values(
    loaded: Loaded, rows: Sequence[Row], wanted: Sequence[Sequence[At]], *, budget: int
) -> Iterator[tuple[int, list[float]]]:
    """Number of a row, and the log-probabilities that are wanted of it."""
    if not any(row.target for row in rows):
        return log_probs(loaded, [tuple(row.ids) for row in rows], wanted, budget=budget)

    def ask(batch: list[int]) -> list[list[float]]:
        needs = [(line, at, token) for line, index in enumerate(batch) for at, token in wanted[index]]
        found = iter(loaded.token_log_probs([rows[index] for index in batch], needs))
        return [[next(found) for _ in wanted[index]] for index in batch]

    return loaded.in_passes([len(row.ids) + len(row.target or ()) for row in rows], ask, budget=budget)
