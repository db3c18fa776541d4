"""Continuations: which rows of token ids score a prompt's options, and which of their logits count."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import log


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """The log-probability of `token` after position `position` of row number `row`, for option number `option`."""

    row: int
    position: int
    token: int
    option: int


@dataclass(frozen=True, kw_only=True, slots=True)
class OptionRows:
    """The distinct rows that score all options of one prompt.

    An option's score is the sum of its `needs`, less the share with which the model goes on to another option: log p(1)
    + log(1 - p(0 | 1)) where 10 is an option too, and written with two tokens.
    """

    rows: tuple[tuple[int, ...], ...]
    needs: tuple[Need, ...]
    onward: tuple[Need, ...] = ()
    """The tokens with which a longer option goes on after an option that it begins with."""


ROUNDING = 1e-6
"""What is left of a probability of one in single precision is no more exact than this."""


def ended(log_probability: float, onward: float) -> float:
    """The log-probability of an option that does not go on; `onward` is the probability that it does."""
    return log_probability + log(max(1.0 - onward, ROUNDING)) if onward else log_probability


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
    return OptionRows(rows=tuple(rows), needs=tuple(needs), onward=tuple(_onward(joint, rows)))


def _onward(joint: Sequence[Sequence[int]], rows: Sequence[tuple[int, ...]]) -> Iterator[Need]:
    """For each option that others begin with, their next tokens, all of them read from one row."""
    lengths = sorted({len(ids) for ids in joint})
    longer: dict[tuple[int, ...], set[int]] = {tuple(ids): set() for ids in joint}
    for ids in joint:
        for length in lengths:
            if length < len(ids) and (begun := longer.get(tuple(ids[:length]))) is not None:
                begun.add(ids[length])
    for option, ids in enumerate(map(tuple, joint)):
        if tokens := sorted(longer[ids]):
            row = next(number for number, row in enumerate(rows) if row[: len(ids)] == ids)
            yield from (Need(row=row, position=len(ids) - 1, token=token, option=option) for token in tokens)


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """How many ids two rows have in common at their beginning."""
    pairs = zip(one, other, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
