"""Expands a large suite and measures made-up answers to it; prints what that takes.

Prompts, processor seconds, largest memory (MB) before and after, and bytes of the tables that are left.

    python tests/many_prompts.py SUITE
"""

from __future__ import annotations

import resource
import sys
import time

import numpy as np
import pandas as pd

from audit.expand import expand
from audit.records import RESPONSES, Question
from audit.score import deltas, score
from audit.suite import load_axes, load_suite

METRICS = ["selection_rate", "choice_logit", "flip_rate"]
QUESTION = Question(kind="classify", favourable="invite")


def main() -> None:
    suite = load_suite(sys.argv[1])
    axes = load_axes(suite)
    warm = RESPONSES.frame()
    before, began = _peak_mb(), time.process_time()
    expansion = expand(suite, axes)
    answers = _answers(expansion.prompts)
    scores = score(expansion.prompts, answers, question=QUESTION, metrics=METRICS)
    changes = deltas(expansion.pairs, scores, answers, question=QUESTION, metrics=METRICS)
    seconds = time.process_time() - began
    assert len(changes) == len(METRICS) * len(expansion.pairs) and len(warm) == 0
    tables = (expansion.prompts, expansion.pairs, scores, changes)
    held = sum(int(table.memory_usage(deep=True).sum()) for table in tables)
    print(len(expansion.prompts), seconds, before, _peak_mb(), held)


def _answers(prompts: pd.DataFrame) -> pd.DataFrame:
    """An answer to every prompt, and a second one where it is asked again."""
    rows = pd.DataFrame(
        {"prompt_id": prompts["prompt_id"], "repeat": (prompts["arm"] == "again").astype(int)}
    )
    rows = rows.drop_duplicates(ignore_index=True)
    shares = np.random.default_rng(3).uniform(0.2, 0.8, len(rows))
    logs = zip(np.log(shares).tolist(), np.log1p(-shares).tolist(), strict=True)
    scores = [f'{{"invite": {yes}, "reject": {no}}}' for yes, no in logs]
    return RESPONSES.frame(rows.assign(text="", scores=scores, error="", answered_at="2026-01-01T00:00:00Z"))


def _peak_mb() -> float:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


if __name__ == "__main__":
    main()
