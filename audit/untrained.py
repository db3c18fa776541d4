"""An untrained copy of the model: whether explanations depend on what was learned.

A few removal games of the random sample are asked again of a copy with random weights. If its words rank like those of
the model under audit, the explanations show the prompts rather than the model (Adebayo et al. 2018, arXiv:1810.03292).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit.asking import cache_file
from audit.collect import collect
from audit.explain import ExplainPlan, again
from audit.inside import Randomises
from audit.job import Job
from audit.playing import Interacts
from audit.quality import spearman
from audit.records import ALL, QUALITY, Progress
from audit.replay import Known, replay
from audit.score import score

if TYPE_CHECKING:
    import pandas as pd

BAR = 0.5
CLOSED = "only local models of the kinds hf and reference have an untrained copy"
NO_GAMES = "no removal game of the random sample can be asked again"


def untrained(job: Job, planned: ExplainPlan, *, progress: Progress | None) -> pd.DataFrame:
    """One row of the table `quality` for the whole run; where nothing could be asked, it says why."""
    method = next((name for name, one in planned.attributors.items() if not isinstance(one, Interacts)), "")
    twin = job.backend.randomised(job.suite.sampling.seed) if isinstance(job.backend, Randomises) else CLOSED
    if isinstance(twin, str):
        return _row(method, float("nan"), twin)
    asked = again(planned, method)
    if not len(asked):
        return _row(method, float("nan"), NO_GAMES)
    got = collect(asked, backend=twin, question=job.question, cache=cache_file(), progress=progress)
    values = score(asked, got.responses, question=job.question, metrics=[planned.metric])
    found = _ranks(planned, values, method)
    if not found:
        return _row(method, float("nan"), "no game has three words whose credits differ")
    mean = sum(found) / len(found)
    return _row(method, mean, _reading(mean, len(found), len(planned.drawn), len(asked)))


def _ranks(planned: ExplainPlan, values: pd.DataFrame, method: str) -> list[float]:
    """Spearman of the sizes of the two copies' credits in each game that has an order in both."""
    tables = [table for _, table in planned.drawn.values()]
    trained = [table.found.get(method) for table in tables]
    known = Known()
    known.learn(values, planned.metric)
    replay(tables, {method: planned.attributors[method]}, known, only=method)
    random = [table.found.get(method) for table in tables]
    ranks = [
        spearman(abs(one.values), abs(other.values))
        for one, other in zip(trained, random, strict=True)
        if one is not None and other is not None
    ]
    return [rank for rank in ranks if rank == rank]


def _reading(mean: float, games: int, drawn: int, prompts: int) -> str:
    counted = f"{games} of {drawn} games, {prompts:,} prompts asked of a copy with random weights"
    if abs(mean) <= BAR:
        return counted
    return (
        f"a copy of the model with random weights ranks the words much alike (mean Spearman {mean:.2f}), so that the "
        f"ranking shows the prompts as much as what the model has learned; {counted}"
    )


def _row(method: str, value: float, note: str) -> pd.DataFrame:
    known = value == value
    return QUALITY.frame(
        [
            {
                "attribution_id": ALL, "pair_id": "", "side": "", "game": "removal", "method": method,
                "criterion": "randomisation", "value": value, "bar": BAR if known else float("nan"),
                "applies": known, "met": known and abs(value) <= BAR, "note": note,
            }
        ]
    )  # fmt: skip
