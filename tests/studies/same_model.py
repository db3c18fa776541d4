"""A model against itself: the recorded repeats of each résumé split in two at random, compared as two versions."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
from recorded_scores import REFERENCES, file_of

from audit import stats
from audit.growth import Ends, Told, told
from audit.stats import Floats, Sample

ALPHA = 0.05
LIMIT = 0.45
"""5 % of the scale from 1 to 10: the limit on ratings of the default policy."""


def ratings(data: Path, model: str) -> tuple[list[str], Floats]:
    """Cues, and ratings of shape (cues, jobs, repeats); NaN where an answer has none."""
    with gzip.open(file_of(data, model), "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    cues, jobs = (sorted({row[key] for row in rows}) for key in ("variant", "jd"))
    found = np.full((len(cues), len(jobs), max(row["run"] for row in rows)), np.nan)
    for row in rows:
        score = row["response"].get("score") if isinstance(row["response"], dict) else None
        if isinstance(score, int | float):
            found[cues.index(row["variant"]), jobs.index(row["jd"]), row["run"] - 1] = score
    return cues, found


def against_itself(data: Path, model: str, *, splits: int, seed: int) -> Told:
    """What is said of every cue in every split, shape (splits, cues): each half's difference from the reference."""
    cues, scores = ratings(data, model)
    rng = np.random.default_rng(seed)
    order = rng.random((splits, *scores.shape)).argsort(axis=-1)
    shuffled = np.take_along_axis(np.broadcast_to(scores, order.shape), order, axis=-1)
    middle = scores.shape[-1] // 2
    halves = [_mean(part) for part in (shuffled[..., :middle], shuffled[..., middle:])]
    before, after = (_deltas(half, cues) for half in halves)
    ends = [_interval(values, len(cues)) for values in (after - before, after + before)]
    return told(
        Ends(low=ends[0][0], high=ends[0][1], total_low=ends[1][0], total_high=ends[1][1]), -LIMIT, LIMIT
    )


def _mean(repeats: Floats) -> Floats:
    """Mean over the repeats that have a value, NaN where none has."""
    known = np.isfinite(repeats)
    return stats.ratio(np.where(known, repeats, 0.0).sum(axis=-1), known.sum(axis=-1))


def _deltas(half: Floats, cues: list[str]) -> Floats:
    """Score of each cue minus the mean of the reference inputs of the same job, the cue itself left out."""
    inside = np.array([cue in REFERENCES for cue in cues])
    total = half[:, inside].sum(axis=1, keepdims=True)
    number = inside.sum() - inside[None, :, None]
    return np.asarray(half - (total - half * inside[None, :, None]) / number, float)


def _interval(values: Floats, effects: int) -> tuple[Floats, Floats]:
    shape = values.shape
    effect = np.repeat(np.arange(shape[0] * shape[1]), shape[2]).astype(np.intp)
    cluster = np.tile(np.arange(shape[2]), shape[0] * shape[1]).astype(np.intp)
    known = np.isfinite(values.reshape(-1))
    found = stats.difference(Sample(
        effect=effect[known], value=values.reshape(-1)[known], side=None, cluster=cluster[known],
        name=np.zeros(int(known.sum()), dtype=np.intp), count=shape[0] * shape[1],
    ))  # fmt: skip
    low, high = stats.interval(found, 1 - ALPHA / effects)
    return low.reshape(shape[:2]), high.reshape(shape[:2])
