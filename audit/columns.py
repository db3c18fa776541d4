"""Scores of answers in columns: one for each label, option or token."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_NUMBERS = 50_000_000
"""Numbers of one table at most (400 MB); next tokens of very many prompts would be more."""
FEW = 64
REST = ""
"""The label of everything that has no column of its own."""


def columns_of(documents: Sequence[str]) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Labels in alphabetical order, and log-probabilities of shape (answers, labels); NaN where there are none.

    `documents` are JSON objects, or empty. Of answers with a rest, where there are too many labels, those that the
    fewest answers have are put together with it.
    """
    parsed: list[dict[str, float] | None] = json.loads(f"[{','.join(one or 'null' for one in documents)}]")
    counts = Counter(label for row in parsed if row for label in row)
    most = max(FEW, MOST_NUMBERS // max(1, len(parsed)))
    if REST in counts and len(counts) > most:
        kept = {
            label for label, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[: most - 1]
        }
        parsed = [None if row is None else _folded(row, kept | {REST}) for row in parsed]
        counts = Counter(dict.fromkeys(kept | {REST}, 0))
    labels = tuple(sorted(counts))
    return labels, (_by_label if len(labels) <= FEW else _by_answer)(parsed, labels)


def _folded(row: Mapping[str, float], kept: set[str]) -> dict[str, float]:
    """The row with every other label put together with the rest."""
    others = [value for label, value in row.items() if label not in kept or label == REST]
    found = {label: value for label, value in row.items() if label in kept and label != REST}
    return {**found, REST: float(np.logaddexp.reduce(others))} if others else found


def _by_label(parsed: Sequence[Mapping[str, float] | None], labels: Sequence[str]) -> NDArray[np.float64]:
    table = np.full((len(parsed), len(labels)), np.nan)
    for column, label in enumerate(labels):
        table[:, column] = [np.nan if row is None else row.get(label, np.nan) for row in parsed]
    return table


def _by_answer(parsed: Sequence[Mapping[str, float] | None], labels: Sequence[str]) -> NDArray[np.float64]:
    table = np.full((len(parsed), len(labels)), np.nan)
    place = {label: column for column, label in enumerate(labels)}
    for number, row in enumerate(parsed):
        if row:
            table[number, [place[label] for label in row]] = list(row.values())
    return table
