"""Answers as a metric sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from audit.protocols import Answers


def texts(*given: str, items: Sequence[str] = (), prompt_ids: Sequence[str] = ()) -> Answers:
    return Answers(
        prompt_ids=list(prompt_ids) or [f"p{n}" for n in range(len(given))], items=list(items) or [""] * len(given),
        texts=list(given), errors=[""] * len(given), labels=(), log_probs=np.zeros((len(given), 0)),
    )  # fmt: skip


def scores(*given: Mapping[str, float]) -> Answers:
    labels = tuple(sorted({label for row in given for label in row}))
    table = np.array([[row.get(label, np.nan) for label in labels] for row in given], dtype=float)
    count = len(given)
    return Answers(prompt_ids=[f"p{n}" for n in range(count)], items=[""] * count, texts=[""] * count,
                   errors=[""] * count, labels=labels, log_probs=table)  # fmt: skip
