"""Continuations: which rows of token ids score a prompt's options, and which of their logits count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """The log-probability of `token` after position `position` of row number `row`, for option number `option`."""

    row: int
    position: int
    token: int
    option: int


@dataclass(frozen=True, kw_only=True, slots=True)
class OptionRows:
    """The distinct rows that score all options of one prompt; an option's score is the sum of its needs."""

    rows: tuple[tuple[int, ...], ...]
    needs: tuple[Need, ...]


def option_rows(prompt: Sequence[int], joint: Sequence[Sequence[int]]) -> OptionRows | None:
    """Rows for options, each tokenised together with the prompt; None where an option adds nothing that can be scored.

    What follows the common prefix of `prompt` and an option's ids is that option. Rows that another row begins with
    are not asked again: options of one token share the prompt's own row.
    """
    starts = [_common(prompt, ids) for ids in joint]
    if any(start == 0 or start >= len(ids) for start, ids in zip(starts, joint, strict=True)):
        return None
    rows: list[tuple[int, ...]] = []
    for candidate in sorted((tuple(ids[:-1]) for ids in joint), key=len, reverse=True):
        if not any(row[: len(candidate)] == candidate for row in rows):
            rows.append(candidate)
    needs: list[Need] = []
    for option, (start, ids) in enumerate(zip(starts, joint, strict=True)):
        row = next(n for n, row in enumerate(rows) if row[: len(ids) - 1] == tuple(ids[:-1]))
        needs += [
            Need(row=row, position=at - 1, token=ids[at], option=option) for at in range(start, len(ids))
        ]
    return OptionRows(rows=tuple(rows), needs=tuple(needs))


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """How many ids two rows have in common at their beginning."""
    pairs = zip(one, other, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
