"""Choices: the log-probabilities of a prompt's options, from as few passes as their rows allow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from audit.continuations import OptionRows
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
    """One answer a plan: each option's score is the sum of the log-probabilities that its plan needs.

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
    needs = [
        [(at, need) for need in plan.needs if need.row == number]
        for at, plan in enumerate(plans)
        for number in range(len(plan.rows))
    ]

    def ask(batch: list[int]) -> list[list[float]]:
        wanted = [
            (line, need.position, need.token) for line, index in enumerate(batch) for _, need in needs[index]
        ]
        found = iter(loaded.token_log_probs([rows[index] for index in batch], wanted))
        return [[next(found) for _ in needs[index]] for index in batch]

    lengths = [len(row.ids) + len(row.target or ()) for row in rows]
    for index, values in loaded.in_passes(lengths, ask, budget=budget):
        for (at, need), value in zip(needs[index], values, strict=True):
            sums[at][need.option] += value
    return iter(sums)
